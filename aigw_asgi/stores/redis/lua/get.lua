-- An answer, whose time begins anew; nothing for one that is void or not there.
-- KEYS: the answer, the last uses of its owner's answers, and their sizes.
-- ARGV: time, its name, the seconds of idleness.
local now, name, idle = clock(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local answer, used = redis.call('GET', KEYS[1]), redis.call('ZSCORE', KEYS[2], name)
if not answer or answer == '' or not used or now >= tonumber(used) + idle then return false end
redis.call('ZADD', KEYS[2], text(now), name)
local lifetime = string.format('%.0f', idle * 1000)
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, lifetime) end
return answer

-- An answer, whose time begins anew; nothing for one that is void or not there.
-- KEYS: the answer, the last uses of its owner's answers, and their sizes.
-- ARGV: time, its name, the seconds of idleness.
local answer = redis.call('GET', KEYS[1])
if not answer or answer == '' then return false end
local now = clock(ARGV[1])
local used = redis.call('ZSCORE', KEYS[2], ARGV[2])
local idle = tonumber(ARGV[3])
if not used or now >= tonumber(used) + idle then return false end
redis.call('ZADD', KEYS[2], text(now), ARGV[2])
local lifetime = string.format('%.0f', idle * 1000)
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, lifetime) end
return answer

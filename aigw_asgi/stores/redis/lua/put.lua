-- Keep an answer, as aigw_core.response_store.ResponseStore.put.
-- KEYS: the answer, the last uses of its owner's answers, and their sizes.
-- ARGV: time, the answer ('' = too large to be kept), its size, its name, the beginning
-- of the keys of its owner's answers; the seconds of idleness, bytes and number that its
-- owner may have; the size of an answer that is void.
local now, answer, size, name, prefix = clock(ARGV[1]), ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local idle, most_bytes, most = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])

local function forget(which)
  redis.call('DEL', prefix .. which)
  redis.call('ZREM', KEYS[2], which)
  redis.call('HINCRBY', KEYS[3], '', 0 - tonumber(redis.call('HGET', KEYS[3], which) or '0'))
  redis.call('HDEL', KEYS[3], which)
end

for _, which in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', text(now - idle))) do
  forget(which)
end
-- An identifier that comes with another conversation is of use to nobody: the answer
-- becomes void, which is the empty string.
local known = redis.call('GET', KEYS[1])
if known and known ~= answer then answer, size = '', tonumber(ARGV[9]) end
if answer == '' and not known then return '0' end
-- A server that is short of memory may have dropped the answer and not its size. Nothing is
-- written before it is needed: a first write is what a full server refuses.
if known or redis.call('ZSCORE', KEYS[2], name) then forget(name) end
while redis.call('ZCARD', KEYS[2]) > 0 and (redis.call('ZCARD', KEYS[2]) >= most
    or tonumber(redis.call('HGET', KEYS[3], '') or '0') + size > most_bytes) do
  forget(redis.call('ZRANGE', KEYS[2], 0, 0)[1])
end
local lifetime = string.format('%.0f', idle * 1000)
redis.call('SET', KEYS[1], answer, 'PX', lifetime)
redis.call('ZADD', KEYS[2], text(now), name)
redis.call('HSET', KEYS[3], name, size)
redis.call('HINCRBY', KEYS[3], '', size)
redis.call('PEXPIRE', KEYS[2], lifetime)
redis.call('PEXPIRE', KEYS[3], lifetime)
return answer == '' and '0' or '1'

-- Forget an answer; '1' when there was one, that is not void.
-- KEYS: the answer, the last uses of its owner's answers, and their sizes.
-- ARGV: time, its name, the seconds of idleness.
local now, name, idle = clock(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local used = redis.call('ZSCORE', KEYS[2], name)
if redis.call('STRLEN', KEYS[1]) == 0 or not used or now >= tonumber(used) + idle then return '0' end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], name)
redis.call('HINCRBY', KEYS[3], '', 0 - tonumber(redis.call('HGET', KEYS[3], name) or '0'))
redis.call('HDEL', KEYS[3], name)
return '1'

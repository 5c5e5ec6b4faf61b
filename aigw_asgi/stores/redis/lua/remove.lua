-- Forget an answer; '1' when there was one that is not void.
-- KEYS: the answer, the last uses of its owner's answers, and their sizes.
-- ARGV: its name.
local size = redis.call('STRLEN', KEYS[1])
if size == 0 then return '0' end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
local freed = redis.call('HGET', KEYS[3], ARGV[1])
if freed then
  redis.call('HDEL', KEYS[3], ARGV[1])
  redis.call('HINCRBY', KEYS[3], '', -tonumber(freed))
end
return '1'

-- What is known of all rests that are not over.
-- KEYS: the rests, and when they end. ARGV: time.
local now = clock(ARGV[1])
for _, target in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', text(now))) do
  redis.call('ZREM', KEYS[2], target)
  redis.call('HDEL', KEYS[1], target)
end
return redis.call('HVALS', KEYS[1])

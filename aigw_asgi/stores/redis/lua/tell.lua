-- News for the other nodes; rests are remembered.
-- KEYS: the rests, and when they end.
-- ARGV: time, the channel, the news; then for each rest its target, when it ends
-- (0: it is over), what is known of it.
local now = clock(ARGV[1])
for i = 4, #ARGV, 3 do
  redis.call('ZADD', KEYS[2], ARGV[i + 1], ARGV[i])
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2])
end
for _, target in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', text(now))) do
  redis.call('ZREM', KEYS[2], target)
  redis.call('HDEL', KEYS[1], target)
end
local excess = redis.call('ZCARD', KEYS[2]) - MAX_RESTS
if excess > 0 then
  for i, target in ipairs(redis.call('ZPOPMIN', KEYS[2], excess)) do
    if i % 2 == 1 then redis.call('HDEL', KEYS[1], target) end
  end
end
redis.call('PUBLISH', ARGV[2], ARGV[3])
return '1'

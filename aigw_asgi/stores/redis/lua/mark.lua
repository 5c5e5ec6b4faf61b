-- A mark is set, if it is not.
-- KEYS: when the marks of its kind end, and their names.
-- ARGV: time, its name, when it ends, the channel, the news (empty: nobody is told).
-- Gives 1 to the one who set it.
local now, name, till = clock(ARGV[1]), ARGV[2], tonumber(ARGV[3])
for _, over in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', text(now))) do
  redis.call('ZREM', KEYS[1], over)
  redis.call('ZREM', KEYS[2], over)
end
if redis.call('ZSCORE', KEYS[1], name) then return '0' end
if till <= now then return '1' end
redis.call('ZADD', KEYS[1], ARGV[3], name)
redis.call('ZADD', KEYS[2], 0, name)
local excess = redis.call('ZCARD', KEYS[1]) - MAX_MARKS
if excess > 0 then
  for i, other in ipairs(redis.call('ZPOPMIN', KEYS[1], excess)) do
    if i % 2 == 1 then redis.call('ZREM', KEYS[2], other) end
  end
end
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
for _, key in ipairs(KEYS) do
  redis.call('PEXPIRE', key, string.format('%.0f', (tonumber(last[2]) - now) * 1000 + 1000))
end
if ARGV[5] ~= '' then redis.call('PUBLISH', ARGV[4], ARGV[5]) end
return '1'

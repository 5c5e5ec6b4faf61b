-- Marks of one kind are not set any more.
-- KEYS: when the marks of that kind end, and their names.
-- ARGV: time, the channel, the news (empty: nobody is told), names.
for i = 4, #ARGV do
  redis.call('ZREM', KEYS[1], ARGV[i])
  redis.call('ZREM', KEYS[2], ARGV[i])
end
if ARGV[3] ~= '' then redis.call('PUBLISH', ARGV[2], ARGV[3]) end
return '1'

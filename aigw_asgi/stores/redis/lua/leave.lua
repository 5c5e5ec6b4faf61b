-- A node leaves; what it held is given back with that.
-- KEYS: the nodes that are there, what all nodes say, what those of its group say.
-- ARGV: node, its identifier.
if redis.call('HDEL', KEYS[1], ARGV[1]) == 1 then
  redis.call('HDEL', KEYS[2], ARGV[2])
  -- Gone from now on, but its counters stay.
  local report = redis.call('HGET', KEYS[3], ARGV[2])
  if report then
    redis.call('HSET', KEYS[3], ARGV[2], '0' .. string.sub(report, string.find(report, ' '), -1))
  end
end
return '1'

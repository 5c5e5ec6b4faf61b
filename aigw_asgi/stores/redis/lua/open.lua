-- A node is there, and holds so much: nothing of what it held before counts any more.
-- KEYS: the nodes that are there, accounts.
-- ARGV: time, node (its identifier, ':', and 8 characters that are new each time), its
-- identifier; then for each account how many run and the tokens held for them.
-- Gives the time.
local now, me, id = clock(ARGV[1]), ARGV[2], ARGV[3]
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(name, 1, -10) == id then redis.call('HDEL', KEYS[1], name) end
end
redis.call('HSET', KEYS[1], me, text(now))
for i = 2, #KEYS do
  local at = 2 * i
  redis.call('HSET', KEYS[i], '+' .. me, ARGV[at] .. ' ' .. ARGV[at + 1])
  expire_account(KEYS[i], 0)
end
return text(now)

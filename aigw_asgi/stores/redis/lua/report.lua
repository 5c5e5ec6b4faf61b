-- A node says that it is there.
-- KEYS: the nodes that are there, what all nodes say, what those of its group say.
-- ARGV: time, node, its identifier, its report for all, its report for its group.
-- Gives the time, how many reports for all there are, those, and those of the group; each
-- with the time that it came, a blank before it.
local now, me, id = clock(ARGV[1]), ARGV[2], ARGV[3]
if redis.call('HEXISTS', KEYS[1], me) == 0 then return unknown() end
local at = text(now)
redis.call('HSET', KEYS[1], me, at)
redis.call('HSET', KEYS[2], id, at .. ' ' .. ARGV[4])
redis.call('HSET', KEYS[3], id, at .. ' ' .. ARGV[5])
redis.call('PEXPIRE', KEYS[3], GROUP_IDLE * 1000)

for _, key in ipairs({ KEYS[1], KEYS[2] }) do
  local row = redis.call('HGETALL', key)
  for i = 1, #row, 2 do
    if now - stamp(row[i + 1]) >= GONE_AFTER then redis.call('HDEL', key, row[i]) end
  end
end

-- Those of the group that are gone are kept for their counters, but not without end.
local row, gone = redis.call('HGETALL', KEYS[3]), {}
for i = 1, #row, 2 do
  local last = stamp(row[i + 1])
  if now - last >= GONE_AFTER then gone[#gone + 1] = { last, row[i] } end
end
if #gone > KEPT_GONE then
  table.sort(gone, function(a, b) return a[1] < b[1] end)
  for i = 1, #gone - KEPT_GONE do redis.call('HDEL', KEYS[3], gone[i][2]) end
end

local all = redis.call('HVALS', KEYS[2])
local found = { at, tostring(#all) }
for _, value in ipairs(all) do found[#found + 1] = value end
for _, value in ipairs(redis.call('HVALS', KEYS[3])) do found[#found + 1] = value end
return found

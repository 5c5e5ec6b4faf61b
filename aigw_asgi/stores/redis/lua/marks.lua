-- The marks that are set and begin so: names and ends in turn.
-- KEYS: when the marks of that kind end, and their names. ARGV: time, the beginning.
local now, found = clock(ARGV[1]), {}
-- No byte of UTF-8 comes after 255.
for _, name in ipairs(redis.call('ZRANGEBYLEX', KEYS[2], '[' .. ARGV[2], '[' .. ARGV[2] .. '\255')) do
  local till = redis.call('ZSCORE', KEYS[1], name)
  if till and tonumber(till) > now then
    found[#found + 1] = name
    found[#found + 1] = till
  end
end
return found

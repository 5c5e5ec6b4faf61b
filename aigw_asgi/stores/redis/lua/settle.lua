-- Requests are over: what they held is given back, what they used is booked, as
-- aigw_core.limits.Account.use. All of them, or none.
-- KEYS: the nodes that are there, accounts.
-- ARGV: time, node; then for each request which account (from 1), its weight, the
-- tokens held, the estimate, tokens a minute ('' = no limit), the tokens used.
local now, me = clock(ARGV[1]), ARGV[2]
if redis.call('HEXISTS', KEYS[1], me) == 0 then return unknown() end

local mine = '+' .. me
for i = 3, #ARGV, 6 do
  local key = KEYS[1 + tonumber(ARGV[i])]
  local weight, freed, estimate = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  local allowed, actual = tonumber(ARGV[i + 4]), tonumber(ARGV[i + 5])
  local found = redis.call('HMGET', key, mine, 'tokens', 'tokens-at', 'learned')
  if found[1] then
    local running, held = string.match(found[1], '^(%S+) (%S+)$')
    running = tonumber(running) - weight
    if running > 0 then
      held = math.max(0, tonumber(held) - freed)
      redis.call('HSET', key, mine, text(running) .. ' ' .. text(held))
    else
      redis.call('HDEL', key, mine)
    end
  end
  local drained_in = 0
  if allowed and actual > 0 then
    local filled, at = tonumber(found[2] or '0'), tonumber(found[3] or '0')
    local learned = tonumber(found[4] or '0')
    filled = level(filled, at, allowed, now) + actual
    learned = learned + (math.max(0, actual - estimate) - learned) * LEARN
    redis.call('HSET', key, 'tokens', text(filled), 'tokens-at', text(math.max(now, at)),
      'learned', text(learned))
    drained_in = filled * WINDOW / allowed
  end
  expire_account(key, drained_in)
end
return '1'

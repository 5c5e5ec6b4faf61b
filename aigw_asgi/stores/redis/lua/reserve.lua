-- As aigw_core.limits.Account.admit, for all nodes together.
-- KEYS: the account, the nodes that are there.
-- ARGV: time, node, tokens, weight, requests a minute, tokens a minute, at once
-- ('' where there is no limit).
-- Gives '1' and what is held, or '0', the limit and the seconds to wait.
local now, me = clock(ARGV[1]), ARGV[2]
local tokens, weight = tonumber(ARGV[3]), tonumber(ARGV[4])
local requests, allowed, most = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])

local row = redis.call('HGETALL', KEYS[1])
local account = by_field(row)
local function number(field) return tonumber(account[field] or '0') end

-- What is under way, at the nodes that are there. Fields of nodes begin with '+'.
local names = { me }
for i = 1, #row, 2 do
  if string.sub(row[i], 1, 1) == '+' then names[#names + 1] = string.sub(row[i], 2) end
end
local seen = redis.call('HMGET', KEYS[2], unpack(names))
if not seen[1] then return unknown() end
local running, held, mine_running, mine_held = 0, 0, 0, 0
for i = 2, #names do
  local some, part = string.match(account['+' .. names[i]], '^(%S+) (%S+)$')
  if names[i] == me then
    mine_running, mine_held = tonumber(some), tonumber(part)
  end
  if names[i] == me or (seen[i] and now - tonumber(seen[i]) < GONE_AFTER) then
    running, held = running + tonumber(some), held + tonumber(part)
  elseif not seen[i] then
    redis.call('HDEL', KEYS[1], '+' .. names[i])
  end
end

local limit, longest = nil, 0
local function refuse(name, wait)
  if wait > longest then limit, longest = name, wait end
end

if requests then
  refuse(REQUESTS, wait_for(number('requests'), number('requests-at'), weight, requests, now))
end
local needed = 0
if allowed and tokens > 0 then
  needed = math.min(tokens + number('learned'), allowed)
  refuse(TOKENS, wait_for(number('tokens'), number('tokens-at'), held + needed, allowed, now))
end
if most and running + weight > most then refuse(CONCURRENT, BUSY_WAIT) end
if limit then return { '0', limit, text(longest) } end

local drained_in = 0
local write = { '+' .. me, text(mine_running + weight) .. ' ' .. text(mine_held + needed) }
if requests then
  local at = number('requests-at')
  local filled = level(number('requests'), at, requests, now) + weight
  drained_in = filled * WINDOW / requests
  write[3], write[4] = 'requests', text(filled)
  write[5], write[6] = 'requests-at', text(math.max(now, at))
end
if allowed then
  drained_in = math.max(drained_in, number('tokens') * WINDOW / allowed)
end
redis.call('HSET', KEYS[1], unpack(write))
expire_account(KEYS[1], drained_in)
return { '1', text(needed) }

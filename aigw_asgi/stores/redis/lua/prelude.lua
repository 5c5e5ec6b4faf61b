-- Stands before each script, after the constants.

-- Unix seconds by this server. Only tests give another time.
local function clock(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1000000
end

-- All of a double; Redis itself would cut numbers to integers.
local function text(number)
  return string.format('%.17g', number)
end

-- A node that was held to be gone, or that has connected anew since, must not change
-- what is counted: its client connects again and says what it holds.
local function unknown()
  return redis.error_reply('AIGWGONE this node is not known here')
end

-- Fields and values in a row, as HGETALL gives them, by field.
local function by_field(row)
  local fields = {}
  for i = 1, #row, 2 do fields[row[i]] = row[i + 1] end
  return fields
end

-- The time in front of a value.
local function stamp(value)
  return tonumber(string.match(value, '^%S+')) or 0
end

-- A meter, as aigw_core.limits.Meter: what is in it, and how long until more fits.
local function level(filled, at, allowed, now)
  local drained = (now - at) * allowed / WINDOW
  if drained > 0 then return math.max(0, filled - drained) end
  return filled
end

local function wait_for(filled, at, amount, allowed, now)
  local excess = level(filled, at, allowed, now) + amount - allowed
  if excess > 1e-9 + allowed * 1e-14 then return excess * WINDOW / allowed end
  return 0
end

-- Forget an account that nobody uses once it has been empty for long.
local function expire_account(key, drained_in)
  redis.call('PEXPIRE', key, string.format('%.0f', math.min(ACCOUNT_IDLE + drained_in, 1e9) * 1000))
end

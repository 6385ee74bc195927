-- What all scripts begin with. ARGV[1] is the time in microseconds; empty: the server's own.
--
-- Numbers that are fences, times or versions stand as 6 bytes, most significant first. Where a number
-- becomes text, it is passed to a command as it is: Lua's own way with large ones (..) rounds them.
local call, sub = redis.call, string.sub
local now_us = tonumber(ARGV[1])
if not now_us then
  local time = call('TIME')
  now_us = time[1] * 1000000 + time[2]
end
local now = math.floor(now_us / 1000)

local function six(number)
  return struct.pack('>I6', number)
end

local function number(bytes, at)
  return (struct.unpack('>I6', bytes, at))
end

-- The same as the constants of the store.
local DEAD_AFTER, PAUSE, TERM, QUARANTINE, RECLAIM_AFTER = 6000, 3500, 6000, 6000, 600000
local BANS_MAX, BAN_NEWS_MAX, ORDERS_MAX, ANSWERS_MAX = 65536, 1000, 256, 1024
local MAIL, FOREVER = 60000, 281474976710655
-- What is judged by the times in it is kept longer by so much: expiry only takes the garbage away.
local GARBAGE_AFTER = 60000

-- How long nothing is granted yet.
local function quarantine_left(till)
  local left = math.max(0, (tonumber(till) or 0) - now)
  return left <= 2 * QUARANTINE and left or 0
end

-- Whether nobody is taken for dead: the store lost data, or all nodes were silent at once.
local function is_quarantined(till, last_beat)
  return quarantine_left(till) > 0 or now - (tonumber(last_beat) or 0) >= PAUSE
end

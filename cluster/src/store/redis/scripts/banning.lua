-- How bans are made and lifted. A ban: its end, and a byte: 1 by hand, 2 more if it was lifted.
local bans, ban_changes, ban_ends, ban_numbers = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local function tell_ban(origin, till, flag)
  call('HSET', bans, origin, six(till) .. string.char(flag))
  call('ZADD', ban_ends, till, origin)
  call('ZADD', ban_changes, call('INCR', ban_numbers), origin)
  return true
end

local function tidy_bans()
  local over = call('ZRANGEBYSCORE', ban_ends, '-inf', now, 'LIMIT', 0, 1000)
  if #over > 0 then
    call('HDEL', bans, unpack(over))
    call('ZREM', ban_changes, unpack(over))
    call('ZREM', ban_ends, unpack(over))
  end
end

-- Whether something changed; without a time, the ban is lifted.
local function change_ban(origin, for_ms, manual)
  local known, till, flag = call('HGET', bans, origin), 0, 0
  if known then
    till, flag = number(known), string.byte(known, 7)
  end
  local stands = flag < 2 and till > now
  if not for_ms then
    return stands and tell_ban(origin, till, flag + 2)
  end
  if not known and call('HLEN', bans) >= BANS_MAX then
    tidy_bans()
    if call('HLEN', bans) >= BANS_MAX then
      return false
    end
  end
  local wanted = math.min(now + for_ms, FOREVER)
  if stands then
    if till >= wanted and (flag == 1 or not manual) then
      return false
    end
    wanted, manual = math.max(till, wanted), manual or flag == 1
  end
  return tell_ban(origin, wanted, manual and 1 or 0)
end

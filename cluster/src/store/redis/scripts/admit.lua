-- Slots for logins. Answers one number for each: the pool's sessions, or below zero why not.
local tags, beats, session_counts, admissions, ledgers, rates, quarantines, last_beats =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local sequence, sessions = tonumber(ARGV[3]), tonumber(ARGV[4])
local limit_sessions, per_user, per_address, per_second =
  tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local counts = tonumber(ARGV[9])
local logins = 10 + 3 * counts
local STALE, FULL_SESSIONS, FULL_USER, FULL_ACCOUNT, FULL_ADDRESS, FULL_RATE = -1, -2, -3, -4, -5, -6
local BURST_MAX_US = 2000000

local verdicts = {}
local tag = call('HGET', tags, ARGV[2])
if not tag or sequence <= tonumber(call('HGET', admissions, tag) or 0) then
  for at = logins, #ARGV, 7 do
    verdicts[#verdicts + 1] = STALE
  end
  return verdicts
end
call('HSET', admissions, tag, ARGV[3])

-- A bucket holds the counts of keys of one length: key, tag, count (3 bytes), one after the other.
local buckets, changed = {}, {}
local function bucket(field)
  local value = buckets[field]
  if not value then
    value = call('HGET', ledgers, field) or ''
    buckets[field] = value
  end
  return value
end

-- Where an entry begins so, from this place on.
local function find(value, start, size, from)
  local at = string.find(value, start, from, true)
  while at and (at - 1) % size ~= 0 do
    at = string.find(value, start, at + 1, true)
  end
  return at
end

local function set_count(field, key, count)
  if key == '' then
    return
  end
  local value, size, entry = bucket(field), #key + 6, ''
  local at = find(value, key .. tag, size, 1)
  if count > 0 then
    entry = key .. tag .. struct.pack('>I3', math.min(count, 16777215))
  end
  if at then
    value = sub(value, 1, at - 1) .. entry .. sub(value, at + size)
  else
    value = value .. entry
  end
  buckets[field], changed[field] = value, true
end

-- All other living nodes; looked up once, if a limit asks for it.
local living
local function others_alive()
  if not living then
    living = {}
    local known = call('MGET', quarantines, last_beats)
    local since = is_quarantined(known[1], known[2]) and '-inf' or '(' .. now - DEAD_AFTER
    local alive = call('ZRANGEBYSCORE', beats, since, '+inf')
    for i = 1, #alive do
      living[alive[i]] = true
    end
    living[tag] = nil
  end
  return living
end

local others_sum
local function others()
  if not others_sum then
    others_sum = 0
    local alive, all = others_alive(), call('HGETALL', session_counts)
    for i = 1, #all, 2 do
      if alive[all[i]] then
        others_sum = others_sum + all[i + 1]
      end
    end
  end
  return others_sum
end

local function others_of(field, key)
  if key == '' then
    return 0
  end
  local alive, value, size, sum = others_alive(), bucket(field), #key + 6, 0
  local at = find(value, key, size, 1)
  while at do
    if alive[sub(value, at + #key, at + #key + 2)] then
      sum = sum + struct.unpack('>I3', value, at + #key + 3)
    end
    at = find(value, key, size, at + size)
  end
  return sum
end

local full_at, full_at_before
local function take_token()
  if per_second == 0 then
    return true
  end
  if not full_at then
    full_at = tonumber(call('GET', rates) or 0)
    full_at_before = full_at
  end
  local interval = math.ceil(1000000 / per_second)
  local burst, lacking = interval * per_second, math.max(0, full_at - now_us)
  if lacking > math.max(burst, BURST_MAX_US) then
    lacking = 0
  end
  if lacking + interval > burst then
    return false
  end
  full_at = now_us + lacking + interval
  return true
end

for at = 10, logins - 1, 3 do
  set_count(ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2]))
end

local admitted, of_users, from_origins = 0, {}, {}
for at = logins, #ARGV, 7 do
  local user_bucket, user, origin_bucket, origin = ARGV[at], ARGV[at + 1], ARGV[at + 3], ARGV[at + 4]
  local account = tonumber(ARGV[at + 6])
  local own = sessions + admitted
  local of_user = ARGV[at + 2] + (of_users[user] or 0)
  local from_origin = ARGV[at + 5] + (from_origins[origin] or 0)
  local full
  if limit_sessions > 0 and own + others() >= limit_sessions then
    full = FULL_SESSIONS
  end
  if not full and (per_user > 0 or account > 0) then
    local count = of_user + others_of(user_bucket, user)
    if per_user > 0 and count >= per_user then
      full = FULL_USER
    elseif account > 0 and count >= account then
      full = FULL_ACCOUNT
    end
  end
  if not full and per_address > 0 and from_origin + others_of(origin_bucket, origin) >= per_address then
    full = FULL_ADDRESS
  end
  if not full and not take_token() then
    full = FULL_RATE
  end
  if not full then
    admitted = admitted + 1
    of_users[user] = (of_users[user] or 0) + 1
    from_origins[origin] = (from_origins[origin] or 0) + 1
    set_count(user_bucket, user, of_user + 1)
    set_count(origin_bucket, origin, from_origin + 1)
  end
  verdicts[#verdicts + 1] = full or (limit_sessions > 0 and others() + own + 1 or 0)
end

call('HSET', session_counts, tag, sessions + admitted)
if full_at ~= full_at_before then
  call('SET', rates, full_at, 'PX', GARBAGE_AFTER)
end
for field in pairs(changed) do
  if buckets[field] == '' then
    call('HDEL', ledgers, field)
  else
    call('HSET', ledgers, field, buckets[field])
  end
end
return verdicts

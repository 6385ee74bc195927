-- Forgets what nodes left behind that are dead for long, a part at a time. Behind the names in KEYS:
-- the sessions of fences in ARGV that were forgotten.
local nodes, tags, beats, sessions, admissions, configurations =
  KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local ledgers, gone, cursors, quarantines, last_beats = KEYS[11], KEYS[12], KEYS[13], KEYS[14], KEYS[15]

local function tidy_nodes()
  local over = call('ZRANGEBYSCORE', beats, '-inf', now - RECLAIM_AFTER, 'LIMIT', 0, 256)
  if #over == 0 then
    return
  end
  local dead, forgotten = {}, {}
  for i = 1, #over do
    dead[over[i]] = true
  end
  local all = call('HGETALL', tags)
  for i = 1, #all, 2 do
    if dead[all[i + 1]] then
      forgotten[all[i]] = true
      call('HDEL', tags, all[i])
      call('SADD', gone, all[i])
    end
  end
  call('ZREM', beats, unpack(over))
  call('HDEL', sessions, unpack(over))
  call('HDEL', admissions, unpack(over))
  for i = 1, #over do
    call('HDEL', admissions, 'p' .. over[i])
  end
  all = call('HGETALL', nodes)
  for i = 1, #all, 2 do
    if forgotten[sub(all[i + 1], 7, 12)] then
      call('HDEL', nodes, all[i])
    end
  end
end

local function tidy_configurations()
  local configured = call('HKEYS', configurations)
  for i = 1, #configured do
    if call('HEXISTS', nodes, configured[i]) == 0 then
      call('HDEL', configurations, configured[i])
    end
  end
end

local known = call('MGET', quarantines, last_beats)
if not is_quarantined(known[1], known[2]) then
  tidy_nodes()
  tidy_configurations()
end

tidy_bans()

for i = 2, #ARGV do
  if call('HEXISTS', tags, ARGV[i]) == 0 then
    call('UNLINK', KEYS[14 + i])
  end
  call('SREM', gone, ARGV[i])
end

-- Counts of tags that are no more, in as many buckets as have about 1000; admit.lua describes them.
local registered, all = {}, call('ZRANGE', beats, 0, -1)
for i = 1, #all do
  registered[all[i]] = true
end
local function tidy_bucket(field, value)
  local key, kept = string.byte(field), {}
  for at = 1, #value, key + 6 do
    if registered[sub(value, at + key, at + key + 2)] then
      kept[#kept + 1] = sub(value, at, at + key + 5)
    end
  end
  local rest = table.concat(kept)
  if rest == '' then
    call('HDEL', ledgers, field)
  elseif rest ~= value then
    call('HSET', ledgers, field, rest)
  end
  return #value / (key + 6)
end
local cursor, entries, pages = call('GET', cursors) or '0', 0, 0
repeat
  local page = call('HSCAN', ledgers, cursor, 'COUNT', 4)
  for i = 1, #page[2], 2 do
    entries = entries + tidy_bucket(page[2][i], page[2][i + 1])
  end
  cursor, pages = page[1], pages + 1
until entries >= 1000 or pages >= 64 or cursor == '0'
call('SET', cursors, cursor)
return 1

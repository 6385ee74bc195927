-- Free port blocks. beat.lua describes the table.
local tags, beats, quarantines, last_beats, fences, blocks =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local count, wanted = tonumber(ARGV[3]), tonumber(ARGV[4])
local tag = call('HGET', tags, ARGV[2])
local beat = tag and call('ZSCORE', beats, tag)
local known = call('MGET', quarantines, last_beats)
local quarantined = is_quarantined(known[1], known[2])
if not beat or now - beat >= DEAD_AFTER and not quarantined then
  return { 0 }
end
if quarantined then
  return { 1, quarantine_left(known[1]) }
end
-- Owners that are alive, or not silent for long enough.
local kept = {}
local owners = call('ZRANGEBYSCORE', beats, '(' .. now - RECLAIM_AFTER, '+inf')
for i = 1, #owners do
  kept[owners[i]] = true
end
local owned, granted = call('GET', blocks) or '', {}
local last = tonumber(call('GET', fences) or 0)
for block = 0, count - 1 do
  if #granted >= wanted then
    break
  end
  if not kept[sub(owned, block * 9 + 7, block * 9 + 9)] then
    last = math.max(now, last + 1)
    call('SETRANGE', blocks, block * 9, six(last) .. tag)
    granted[#granted + 1] = struct.pack('>I2', block) .. six(last)
  end
end
if #granted > 0 then
  call('SET', fences, last)
end
return { 2, table.concat(granted) }

-- What changed in the sessions of a node.
local tags, published = KEYS[1], KEYS[2]
local changed = tonumber(ARGV[4])
if call('HEXISTS', tags, ARGV[2]) == 0 then
  return 0
end
if ARGV[3] == '1' then
  call('UNLINK', published)
end
-- Lua's stack takes no more than 8000 arguments at once.
local ended = 5 + 2 * changed
for from = 5, ended - 1, 2000 do
  call('HSET', published, unpack(ARGV, from, math.min(from + 1999, ended - 1)))
end
for from = ended, #ARGV, 2000 do
  call('HDEL', published, unpack(ARGV, from, math.min(from + 1999, #ARGV)))
end
return 1

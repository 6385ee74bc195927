-- What changed in the sessions of a node.
local tags, published, admissions = KEYS[1], KEYS[2], KEYS[3]
local sequence, changed = tonumber(ARGV[3]), tonumber(ARGV[5])
local tag = call('HGET', tags, ARGV[2])
if not tag then
  return 0
end
if sequence <= tonumber(call('HGET', admissions, 'p' .. tag) or 0) then
  return 0
end
call('HSET', admissions, 'p' .. tag, ARGV[3])
if ARGV[4] == '1' then
  call('UNLINK', published)
end
-- Lua's stack takes no more than 8000 arguments at once.
local ended = 6 + 2 * changed
for from = 6, ended - 1, 2000 do
  call('HSET', published, unpack(ARGV, from, math.min(from + 1999, ended - 1)))
end
for from = ended, #ARGV, 2000 do
  call('HDEL', published, unpack(ARGV, from, math.min(from + 1999, #ARGV)))
end
return 1

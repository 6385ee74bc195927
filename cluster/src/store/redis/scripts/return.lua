-- Port blocks that are given back. beat.lua describes the table.
local tags, blocks, held = KEYS[1], KEYS[2], ARGV[3]
local tag = call('HGET', tags, ARGV[2])
if not tag then
  return 0
end
for at = 1, #held, 8 do
  local from = struct.unpack('>I2', held, at) * 9
  if call('GETRANGE', blocks, from, from + 8) == sub(held, at + 2, at + 7) .. tag then
    call('SETRANGE', blocks, from, string.rep('\0', 9))
  end
end
return 1

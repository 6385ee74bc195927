-- The end of a node.
local nodes, tags, beats, sessions, admissions, configurations, leads, inbox, published =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local node, fence, channel = ARGV[2], ARGV[3], ARGV[4]
local standing = call('HGET', nodes, node)
if not standing or sub(standing, 7, 12) ~= fence then
  return 0
end
local tag = call('HGET', tags, fence)
if tag then
  call('HDEL', tags, fence)
  call('ZREM', beats, tag)
  call('HDEL', sessions, tag)
  call('HDEL', admissions, tag, 'p' .. tag)
end
call('UNLINK', published, inbox)
call('HDEL', nodes, node)
call('HDEL', configurations, node)
local lead = call('GET', leads)
if lead and sub(lead, 1, 6) == fence then
  call('DEL', leads)
end
call('PUBLISH', channel, 'm')
return 1

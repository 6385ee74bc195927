-- A page of the sessions of one node.
local tags, published = KEYS[1], KEYS[2]
if call('HEXISTS', tags, ARGV[2]) == 0 then
  return { '0', {} }
end
return call('HSCAN', published, ARGV[3], 'COUNT', 1000)

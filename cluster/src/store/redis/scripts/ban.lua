-- A ban that is made or lifted.
local channel, origin, for_ms, manual = ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5] == '1'
if not for_ms then
  call('DEL', KEYS[5])
end
if not change_ban(origin, for_ms, manual) then
  return 0
end
call('PUBLISH', channel, 'b')
return 1

-- Failed logins, which may ban. Behind the keys of bans: the times of each origin in ARGV.
local channel, keep, window, ban_for = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local told = false
for i = 6, #ARGV do
  local times = KEYS[i - 1]
  local count = call('RPUSH', times, now)
  if count > keep then
    call('LTRIM', times, -keep, -1)
    count = keep
  end
  if count >= keep and math.max(0, now - call('LINDEX', times, 0)) < window then
    call('DEL', times)
    told = change_ban(ARGV[i], ban_for, false) or told
  else
    call('PEXPIRE', times, math.min(window, FOREVER) + GARBAGE_AFTER)
  end
end
if told then
  call('PUBLISH', channel, 'b')
end
return 1

-- An answer to a question. The list begins with the end of its time.
local answers, channel, body, token = KEYS[1], ARGV[2], ARGV[3], ARGV[4]
local over = call('LINDEX', answers, 0)
if over and tonumber(over) <= now then
  call('DEL', answers)
  over = false
end
if not over then
  call('RPUSH', answers, now + MAIL, body)
else
  call('LSET', answers, 0, now + MAIL)
  if call('LLEN', answers) <= ANSWERS_MAX then
    call('RPUSH', answers, body)
  end
end
call('PEXPIRE', answers, MAIL + GARBAGE_AFTER)
call('PUBLISH', channel, 'a' .. token)
return 1

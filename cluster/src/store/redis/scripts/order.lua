-- An order into inboxes, which beat.lua describes. Behind the order in ARGV: the nodes of the inboxes.
local channel, order = ARGV[2], ARGV[3]
for i, inbox in ipairs(KEYS) do
  local over = call('ZSCORE', inbox, 'u')
  if over and -over <= now then
    call('ZREMRANGEBYSCORE', inbox, 0, '+inf')
  end
  local mine = math.max(now, 1 - (call('ZSCORE', inbox, 'l') or 0))
  call('ZADD', inbox, mine, six(mine) .. order, -mine, 'l', -(now + MAIL), 'u')
  local excess = call('ZCARD', inbox) - 2 - ORDERS_MAX
  if excess > 0 then
    call('ZREMRANGEBYRANK', inbox, 2, 1 + excess)
  end
  call('PEXPIRE', inbox, MAIL + GARBAGE_AFTER)
  call('PUBLISH', channel, 'o' .. ARGV[3 + i])
end
return 1

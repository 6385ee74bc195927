-- Publishes a policy of the leader of this term: revision, policy.
local leads, policies, channel, term = KEYS[1], KEYS[2], ARGV[2], ARGV[3]
local lead, left = call('GET', leads), 0
if lead then
  left = number(lead, 13) - now
end
if left <= 0 or left > 2 * TERM or sub(lead, 7, 12) ~= term then
  return 0
end
local standing = call('GET', policies)
call('SET', policies, six(standing and number(standing) + 1 or 1) .. ARGV[4])
call('PUBLISH', channel, 'p')
return 1

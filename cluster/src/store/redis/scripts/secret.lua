-- Reads a secret, and writes it first if its version is the expected one: version, sealed.
local secrets, channel, name, expected, sealed = KEYS[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local standing = call('HGET', secrets, name)
local version = standing and sub(standing, 1, 6) or six(0)
if version == expected then
  standing = six(number(version) + 1) .. sealed
  call('HSET', secrets, name, standing)
  call('PUBLISH', channel, 'p')
end
return standing

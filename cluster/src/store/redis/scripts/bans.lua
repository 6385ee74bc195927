-- All bans.
return { now, call('HGETALL', KEYS[1]) }

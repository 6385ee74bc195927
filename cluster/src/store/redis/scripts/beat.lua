-- The heartbeat of a node.
local generations, quarantines, last_beats, fences, leads, policies, ban_numbers =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local nodes, tags, beats, sessions, admissions, inbox =
  KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12], KEYS[13]
local bans, ban_changes, blocks, tag_numbers, gone, published =
  KEYS[14], KEYS[15], KEYS[16], KEYS[17], KEYS[18], KEYS[19]
local node, generation, previous, known, sequence, answered =
  ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local admitted, written = tonumber(ARGV[8]), tonumber(ARGV[9])
local candidate, pool, record, count, stands, members =
  ARGV[10], ARGV[11], ARGV[12], ARGV[13], ARGV[14] == '1', ARGV[15] == '1'
local bans_known, policy_known, orders_done, holds, channel =
  tonumber(ARGV[16]), ARGV[17], ARGV[18], ARGV[19], ARGV[20]

-- A number that no script of ours wrote is none: not digits, below zero, beyond all times.
local function sound(text)
  local value = tonumber(text)
  return value and value >= 0 and value <= FOREVER and value or nil
end

-- Whether another process of this name stands in the way. A node: generation, fence, sequence, record.
-- Here and below: what is too short was not written by us, and counts as absent.
local standing = call('HGET', nodes, node)
if standing and #standing < 18 then
  standing = false
end
local of, old, heard
if standing then
  of, old, heard = number(standing, 1), sub(standing, 7, 12), number(standing, 13)
  if of > generation then
    return { 2 }
  end
  if of < generation and of ~= previous then
    local tag = call('HGET', tags, old)
    local beat = tag and call('ZSCORE', beats, tag)
    if beat and math.abs(now - beat) < DEAD_AFTER then
      return { 1, math.abs(now - beat) }
    end
  end
end

local heads = call('MGET', generations, quarantines, last_beats, fences, leads, policies, ban_numbers)
local id, quarantine, last_beat = heads[1], sound(heads[2]) or 0, sound(heads[3]) or 0
local last, lead, policy = sound(heads[4]) or 0, heads[5], heads[6]
local quarantine_before, last_before, lead_before = quarantine, last, lead
if id and #id ~= 8 then
  id = false
end
if lead and #lead < 19 then
  lead = false
end
if policy and #policy < 6 then
  call('DEL', policies)
  policy = false
end
local function next_fence()
  last = math.max(now, last + 1)
  return six(last)
end

-- After all nodes were silent at once nobody is taken for dead for a while. Where the clock stepped
-- back, times that lie ahead are now. A lease: holder, term, end, node.
if now - last_beat >= PAUSE then
  quarantine = now + QUARANTINE
end
if now < last_beat then
  local ahead = call('ZRANGEBYSCORE', beats, '(' .. now, '+inf')
  for i = 1, #ahead do
    call('ZADD', beats, now, ahead[i])
  end
  quarantine = math.min(quarantine, now + QUARANTINE)
  if lead then
    lead = sub(lead, 1, 12) .. six(math.min(number(lead, 13), now + TERM)) .. sub(lead, 19)
  end
end
call('SET', last_beats, now)

local created = 0
if not id then
  created, id, quarantine = 1, candidate, now + QUARANTINE
  call('SET', generations, id)
end

-- Writes the node down.
local fence, lost
if standing and of == generation then
  lost = heard < answered or (known ~= '' and known ~= old)
  local its = call('HGET', tags, old)
  local heard_of = its and call('HMGET', admissions, its, 'p' .. its) or {}
  for i, field in ipairs({ its, its and 'p' .. its }) do
    if heard_of[i] and not sound(heard_of[i]) then
      call('HDEL', admissions, field)
    end
  end
  lost = lost or (sound(heard_of[1]) or 0) < admitted or (sound(heard_of[2]) or 0) < written
  fence = old
  if known ~= '' and number(known) > number(old) then
    fence = known
  end
  sequence = math.max(sequence, heard)
elseif known ~= '' then
  fence, lost = known, true
else
  fence, lost = next_fence(), false
end
if standing and old ~= fence then
  local tag = call('HGET', tags, old)
  if tag then
    call('HDEL', tags, old)
    call('ZREM', beats, tag)
    call('HDEL', sessions, tag)
    call('HDEL', admissions, tag, 'p' .. tag)
    call('SADD', gone, old)
  end
end
last = math.max(last, number(fence))
-- The tag stands for this stay of the fence: a fence that was forgotten and comes back finds nothing
-- of what was counted under it.
local tag = call('HGET', tags, fence)
if not tag or #tag ~= 3 then
  repeat
    tag = struct.pack('>I3', call('INCR', tag_numbers) % 16777216)
  until tag ~= '\0\0\0' and not call('ZSCORE', beats, tag)
  call('HSET', tags, fence, tag)
  call('SREM', gone, fence)
  if fence == known then
    call('UNLINK', published)
  end
  call('PUBLISH', channel, 'm')
end
call('HSET', nodes, node, six(generation) .. fence .. six(sequence) .. record)
call('ZADD', beats, now, tag)
-- Afterwards admissions say it: a beat may be older than one that was under way.
call('HSETNX', sessions, tag, count)

if pool ~= '' and pool ~= id then
  lost = true
end
if lost then
  quarantine = now + QUARANTINE
end

local function lead_stands()
  local left = lead and number(lead, 13) - now or 0
  return left > 0 and left <= 2 * TERM
end
local holder = lead and (quarantine_left(quarantine) > 0 or lead_stands()) and sub(lead, 1, 6)
if stands and holder == fence then
  lead = sub(lead, 1, 12) .. six(now + TERM) .. sub(lead, 19)
elseif holder == fence then
  lead = false
elseif stands and not holder then
  lead = fence .. next_fence() .. six(now + TERM) .. node
end

-- The table of blocks has 9 bytes for each: the fence of the grant and the tag of the owner.
local yields, displaced = {}, {}
for at = 1, #holds, 8 do
  local block, granted = struct.unpack('>I2', holds, at), sub(holds, at + 2, at + 7)
  local cell = call('GETRANGE', blocks, block * 9, block * 9 + 8)
  local owner = sub(cell, 7, 9)
  if owner ~= '' and owner ~= tag and number(cell) > number(granted) and call('ZSCORE', beats, owner) then
    yields[#yields + 1] = block
  else
    last = math.max(last, number(granted))
    if owner ~= '' and owner ~= tag then
      displaced[#displaced + 1] = sub(holds, at, at + 1) .. cell
    end
    call('SETRANGE', blocks, block * 9, granted .. tag)
  end
end

if quarantine ~= quarantine_before then
  call('SET', quarantines, quarantine)
end
if last ~= last_before then
  call('SET', fences, last)
end
if lead and lead ~= lead_before then
  call('SET', leads, lead)
elseif not lead and lead_before then
  call('DEL', leads)
end

-- The news.
local ban_number, more, news = sound(heads[7]) or 0, 0, {}
if bans_known > ban_number then
  bans_known = 0
end
if bans_known < ban_number then
  local told = call('ZRANGEBYSCORE', ban_changes, '(' .. bans_known, '+inf', 'LIMIT', 0, BAN_NEWS_MAX + 1)
  if #told > BAN_NEWS_MAX then
    more, told[#told] = 1, nil
    ban_number = tonumber(call('ZSCORE', ban_changes, told[#told]))
  end
  if #told > 0 then
    news = { told, call('HMGET', bans, unpack(told)) }
  end
end
if policy and sub(policy, 1, 6) == policy_known then
  policy = false
end
-- An inbox: orders by their numbers, the last number and the end of its time below zero.
local orders, over = {}, call('ZSCORE', inbox, 'u')
if over then
  call('ZREMRANGEBYSCORE', inbox, 0, -over <= now and '+inf' or orders_done)
  orders = call('ZRANGEBYSCORE', inbox, 0, '+inf')
end
local left = quarantine_left(quarantine)
local term = lead_stands() and lead
local reply = { 0, now, id, created, fence, lost and 1 or 0, left, term, ban_number, more, news, policy, orders, yields }
if members then
  reply[15] = call('HGETALL', nodes)
  reply[16] = call('HGETALL', tags)
  reply[17] = call('ZRANGE', beats, 0, -1, 'WITHSCORES')
  reply[18] = call('GET', blocks)
  reply[19] = table.concat(displaced)
end
return reply

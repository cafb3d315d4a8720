-- The steps that must be atomic on the server: append, adopt; `locate.lua` has what only looks.
--
-- The same text runs as a library of functions and, where functions are missing or forbidden, as a
-- script. Nothing is undone when a step fails, so every check comes before the first write.
--
-- KEYS: the streams created, updated, deleted, internal; then "ids", the last known id of each.
-- All other keys begin with the prefix that is the first argument; they lie in the same slot.
--
-- An entity's index is a list, one item for each version: the event's id (16 bytes), the begin of
-- the command's id (8 bytes), the number of the stream (1 byte), the entry's id, a blank, the version.

local STREAMS = 4
local ADOPTED_AT_ONCE = 256
local LOOKED_UP_AT_ONCE = 256
local ARGUMENTS_OF_EVENT = 7
-- One write of one event, without keys.
local SIMPLE = '1 0 0 1'
local AHEAD_SECONDS = 60
local LAST_SECOND = '18446744073709551615'
-- Within the last second there is; as many ids are left behind it as no step can take.
local LAST_MICROS = 900000
local UUID = '^' .. ('%x'):rep(8) .. '%-' .. ('%x'):rep(4) .. '%-' .. ('%x'):rep(4) .. '%-'
  .. ('%x'):rep(4) .. '%-' .. ('%x'):rep(12) .. '$'

-- In a library's text no name of Lua's own is known yet, but a string knows its methods.
local byte = ('').byte

-- All numbers below a thousand as text, and with leading zeros: much faster than to format them.
local PLAIN, PADDED = {}, {}
for number = 0, 999 do
  PLAIN[number] = number .. ''
  PADDED[number] = ('0'):rep(3 - #PLAIN[number]) .. PLAIN[number]
end

-- The text of a number below a million.
local function digits(number)
  local low = number % 1000
  local high = (number - low) / 1000
  if high == 0 then
    return PLAIN[low]
  end
  return PLAIN[high] .. PADDED[low]
end

-- Numbers are compared as text, since ids of other programs may exceed what Lua's numbers hold.
local function number_less(a, b)
  if #a ~= #b then
    return #a < #b
  end
  return a < b
end

local function split(id)
  return id:match('^(%d+)%-(%d+)$')
end

local function id_less(a, b)
  local a_seconds, a_micros = split(a)
  local b_seconds, b_micros = split(b)
  if a_seconds ~= b_seconds then
    return number_less(a_seconds, b_seconds)
  end
  return number_less(a_micros, b_micros)
end

local function increment(digits)
  if #digits < 15 then
    return string.format('%d', tonumber(digits) + 1)
  end
  local head, nines = digits:match('^(.-)(9*)$')
  local zeros = ('0'):rep(#nines)
  if head == '' then
    return '1' .. zeros
  end
  return head:sub(1, -2) .. tostring(tonumber(head:sub(-1)) + 1) .. zeros
end

local function uuid(text)
  if type(text) == 'string' and #text == 36 and text:match(UUID) then
    return text:lower()
  end
  return nil
end

local function raw(text)
  return (text:gsub('-', ''):gsub('%x%x', function(byte)
    return string.char(tonumber(byte, 16))
  end))
end

local function item_place(item)
  local id, version = item:match('^([%d-]+) (%d+)$', 26)
  return id, version
end

-- What the log is known to hold: the last id of each stream, and the time.
local function begin(keys)
  local log = { keys = keys, last = { '0-0', '0-0', '0-0', '0-0' }, ahead = {} }
  local known = redis.call('GET', keys[5])
  if known then
    log.last = { known:match('^(%S+) (%S+) (%S+) (%S+)$') }
  end
  log.time = redis.call('TIME')
  return log
end

local function save(log)
  redis.call('SET', log.keys[5], table.concat(log.last, ' '))
end

local function field_values(fields)
  local values = {}
  for i = 1, #fields, 2 do
    if values[fields[i]] == nil then
      values[fields[i]] = fields[i + 1]
    end
  end
  return values
end

-- The entity of an entry: ours name it, the entries of others hold it.
local function entity_of(values)
  if values.entity_id and values.command_id then
    return uuid(values.entity_id)
  end
  local decoded, entity = pcall(cjson.decode, values.entity or '')
  if decoded and type(entity) == 'table' then
    return uuid(entity.id)
  end
  return nil
end

-- Adds an entry that another wrote to its entity's history. One that cannot be read is left to the
-- readers; one below the entity's last changes no state.
local function take(log, prefix, entry)
  local values = field_values(entry.fields)
  local event_id, entity_id = uuid(values.event_id), entity_of(values)
  if not event_id or not entity_id then
    return
  end
  local key = prefix .. entity_id
  local version = '0'
  local last = redis.call('LINDEX', key, -1)
  if last then
    local last_id
    last_id, version = item_place(last)
    if not id_less(last_id, entry.id) then
      return
    end
  end
  local command = raw(uuid(values.command_id) or ('0'):rep(16)):sub(1, 8)
  local head = raw(event_id) .. command .. entry.stream
  redis.call('RPUSH', key, head .. entry.id .. ' ' .. increment(version))
end

-- Takes up what others have written behind the known ids, in the order of ids; returns whether
-- there is more than is taken up at once.
local function adopt(log, prefix)
  local keys, last = log.keys, log.last
  local got = redis.call('XREAD', 'COUNT', ADOPTED_AT_ONCE + 1, 'STREAMS',
    keys[1], keys[2], keys[3], keys[4], last[1], last[2], last[3], last[4])
  if not got then
    return false
  end
  local found, bound = {}, nil
  for _, stream in ipairs(got) do
    local number = 1
    while keys[number] ~= stream[1] do
      number = number + 1
    end
    local entries = stream[2]
    if #entries > ADOPTED_AT_ONCE then
      local id = entries[#entries][1]
      if not bound or id_less(id, bound) then
        bound = id
      end
    end
    for _, entry in ipairs(entries) do
      found[#found + 1] = { id = entry[1], stream = number, fields = entry[2] }
    end
  end
  table.sort(found, function(a, b)
    if a.id == b.id then
      return a.stream < b.stream
    end
    return id_less(a.id, b.id)
  end)
  local limit = string.format('%d', tonumber(log.time[1]) + AHEAD_SECONDS)
  for _, entry in ipairs(found) do
    if bound and not id_less(entry.id, bound) then
      break
    end
    take(log, prefix, entry)
    last[entry.stream] = entry.id
    if number_less(limit, (split(entry.id))) then
      log.ahead[#log.ahead + 1] = entry.stream .. entry.id
    end
  end
  save(log)
  return bound ~= nil
end

-- The seconds and microseconds behind which the next id stands: the clock, or the last known id.
local function place_ids(log)
  local seconds, micros = log.time[1], tonumber(log.time[2]) - 1
  if micros < 0 then
    seconds, micros = string.format('%d', tonumber(seconds) - 1), 999999
  end
  for number = 1, STREAMS do
    local last_seconds, last_micros = split(log.last[number])
    if number_less('999999', last_micros) then
      last_micros = '999999'
    end
    if number_less(seconds, last_seconds)
      or (seconds == last_seconds and micros < tonumber(last_micros)) then
      seconds, micros = last_seconds, tonumber(last_micros)
    end
  end
  log.seconds, log.micros = seconds, micros
end

-- Raises the place of ids above all that streams have ever held: their top entries may be gone.
local function place_ids_above_streams(log)
  for number = 1, STREAMS do
    local info = redis.pcall('XINFO', 'STREAM', log.keys[number])
    for i = 1, info.err and 0 or #info, 2 do
      if info[i] == 'last-generated-id' then
        log.last[number] = info[i + 1]
      end
    end
  end
  place_ids(log)
end

local function load(prefix, entities, entity_id)
  local entity = entities[entity_id]
  if not entity then
    entity = { version = '0', event = '' }
    local last = redis.call('LINDEX', prefix .. entity_id, -1)
    if last then
      local _, version = item_place(last)
      entity.version, entity.event = version, last:sub(1, 16)
    end
    entities[entity_id] = entity
  end
  return entity
end

-- The first id and the number of entries that a command has written, if it has written to that
-- entity behind that version.
local function find_command(log, prefix, entity_id, expected, version, command_id, command)
  local from, to = tonumber(expected), tonumber(version)
  while from < to do
    local items = redis.call('LRANGE', prefix .. entity_id, from, from + LOOKED_UP_AT_ONCE - 1)
    if #items == 0 then
      return nil
    end
    for _, item in ipairs(items) do
      if item:sub(17, 24) == command then
        local id = item_place(item)
        local entry = redis.call('XRANGE', log.keys[tonumber(item:sub(25, 25))], id, id)[1]
        local values = entry and field_values(entry[2]) or {}
        if values.command_id == command_id then
          local place, count = (values.transaction or '1/1'):match('^(%d+)/(%d+)$')
          return id .. ' ' .. (count - place + 1)
        end
      end
    end
    from = from + #items
  end
  return nil
end

-- Why a transaction is refused, or what it was answered before; nil where it is to be written.
local function decide(log, prefix, entities, args, at, writes)
  for write = 1, writes do
    local entity_id, expected, event = args[at], args[at + 1], args[at + 2]
    local entity = load(prefix, entities, entity_id)
    if entity.version ~= expected then
      -- The head of the first item of the first write holds the begin of the command's id.
      local before = write == 1 and find_command(log, prefix, entity_id, expected, entity.version,
        log.command_id, args[at + 5]:sub(17, 24))
      if before then
        return 'C' .. before
      end
      return 'V' .. (write - 1) .. ' ' .. entity.version
    end
    if event ~= '' and event ~= entity.event then
      return 'O' .. (write - 1) .. ' ' .. entity.version
    end
    at = at + 4 + args[at + 3] * ARGUMENTS_OF_EVENT
  end
  return nil, at
end

-- The keys that change hands: what is released is free before anything is claimed.
local function key_changes(name, args, at, releases, claims)
  local changes = {}
  local function holder(key)
    if changes[key] == nil then
      return redis.call('HGET', name, key)
    end
    return changes[key]
  end
  for _ = 1, releases do
    if holder(args[at]) == args[at + 1] then
      changes[args[at]] = false
    end
    at = at + 2
  end
  for claim = 1, claims do
    local held_by = holder(args[at])
    if held_by and held_by ~= args[at + 1] then
      return nil, 'T' .. (claim - 1) .. ' ' .. held_by
    end
    changes[args[at]] = args[at + 1]
    at = at + 2
  end
  return changes
end

-- Adds the entries of a transaction; returns whether no stream refused an id.
local function add_entries(log, args, at, writes, events, items)
  local keys, time, command_id, cause = log.keys, log.time_us, log.command_id, log.cause
  local seconds, micros, first = log.seconds, log.micros, nil
  local place, ends = 0, {}
  for _ = 1, writes do
    local entity_id = args[at]
    local count = tonumber(args[at + 3])
    at = at + 4
    for _ = 1, count do
      place, micros = place + 1, micros + 1
      if micros > 999999 then
        seconds, micros = increment(seconds), 0
      end
      local id = seconds .. '-' .. digits(micros)
      local head, version = args[at + 1], args[at + 6]
      local stream = byte(head, 25) - 48
      local added = redis.pcall('XADD', keys[stream], id, 'event_id', args[at],
        'entity', args[at + 4], 'type', args[at + 2], 'schema', args[at + 3], 'version', version,
        'time', time, 'command_id', command_id, 'cause', cause, 'data', args[at + 5], 'entity_id',
        entity_id, 'transaction', events == '1' and '1/1' or place .. '/' .. events)
      if type(added) == 'table' then
        for number = 1, place - 1 do
          redis.call('XDEL', keys[byte(items[number], 25) - 48], (item_place(items[number])))
        end
        return false, added
      end
      first, ends[stream], items[place] = first or id, id, head .. id .. ' ' .. version
      at = at + ARGUMENTS_OF_EVENT
    end
  end
  log.seconds, log.micros = seconds, micros
  for stream, id in pairs(ends) do
    log.last[stream] = id
  end
  return first
end

-- Adds the items of a transaction to its entities' indexes.
local function add_items(prefix, entities, args, at, writes, items)
  local place = 0
  for _ = 1, writes do
    local key, entity = prefix .. args[at], entities[args[at]]
    local count = tonumber(args[at + 3])
    for _ = 1, count do
      place = place + 1
      redis.call('RPUSH', key, items[place])
    end
    at = at + 4 + count * ARGUMENTS_OF_EVENT
    entity.version = args[at - 1]
    entity.event = items[place]:sub(1, 16)
  end
end

-- One transaction: its length, its numbers of writes, releases, claims and events, its command's id,
-- its cause; then the writes (entity, expected version, expected event, number of events; for each
-- event its id, its item's head, type, schema, entity, data, the version that it makes); then the
-- releases and the claims.
local function transact(log, prefix, entities, args, at)
  local writes, releases, claims, events = 1, 0, 0, '1'
  if args[at + 1] ~= SIMPLE then
    writes, releases, claims, events = args[at + 1]:match('^(%d+) (%d+) (%d+) (%d+)$')
    writes, releases, claims = tonumber(writes), tonumber(releases), tonumber(claims)
  end
  log.command_id, log.cause = args[at + 2], args[at + 3]
  at = at + 4
  local refused, keys_at = decide(log, prefix, entities, args, at, writes)
  if refused then
    return refused
  end
  local holders = prefix .. 'keys'
  local changes = nil
  if releases + claims > 0 then
    changes, refused = key_changes(holders, args, keys_at, releases, claims)
    if refused then
      return refused
    end
  end
  local items = {}
  local first, failure = add_entries(log, args, at, writes, events, items)
  if not first then
    place_ids_above_streams(log)
    first, failure = add_entries(log, args, at, writes, events, items)
    if not first then
      save(log)
      return 'X' .. failure.err
    end
  end
  add_items(prefix, entities, args, at, writes, items)
  for key, entity_id in pairs(changes or {}) do
    if entity_id then
      redis.call('HSET', holders, key, entity_id)
    else
      redis.call('HDEL', holders, key)
    end
  end
  return 'C' .. first .. ' ' .. events
end

-- The event at each id of a position, as its writer has seen it or as it stands there, so that it is
-- noticed when the log no longer holds it.
local function digest(log, args, at)
  local events = {}
  for number = 1, STREAMS do
    local id, event_id = args[at], args[at + 1]
    if event_id == '' then
      local entry = id ~= '0-0' and redis.call('XRANGE', log.keys[number], id, id)[1]
      event_id = entry and uuid(field_values(entry[2]).event_id) or '-'
    end
    events[number] = event_id
    at = at + 2
  end
  return table.concat(events, ' ')
end

-- Arguments: the prefix; the numbers of transactions, cursors and snapshots; the transactions; the
-- cursors (name, position as bytes and as four ids, each with its event where that is known); the
-- snapshots (entity, bytes).
local function append(keys, args, at)
  local prefix = args[at]
  local transactions, cursors, snapshots =
    tonumber(args[at + 1]), tonumber(args[at + 2]), tonumber(args[at + 3])
  at = at + 4
  local log = begin(keys)
  if adopt(log, prefix) then
    return { 'more', log.ahead, {} }
  end
  local outcomes, entities = {}, {}
  if transactions > 0 then
    place_ids(log)
    if log.seconds == LAST_SECOND and log.micros > LAST_MICROS then
      return redis.error_reply('EXHAUSTED a stream of the topic holds the highest id there is')
    end
    log.time_us = log.time[1] .. ('0'):rep(6 - #log.time[2]) .. log.time[2]
    for number = 1, transactions do
      outcomes[number] = transact(log, prefix, entities, args, at)
      at = at + args[at]
    end
    save(log)
  end
  for _ = 1, cursors do
    redis.call('HSET', prefix .. 'cursors', args[at], args[at + 1])
    redis.call('HSET', prefix .. 'digests', args[at], digest(log, args, at + 2))
    at = at + 10
  end
  for _ = 1, snapshots do
    redis.call('HSET', prefix .. 'snapshots', args[at], args[at + 1])
    at = at + 2
  end
  return { 'done', log.ahead, outcomes }
end

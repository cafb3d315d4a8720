-- Looks into the indexes of entities; the text of `log.lua` stands before this one.

-- Of so many items the entries are given along with them.
local GIVEN_AT_ONCE = 64

-- The items, each followed by what its stream holds there, so that nobody needs to ask again; behind
-- the first few, and behind what is no item, by nothing.
local function with_entries(log, items)
  local given = {}
  for number, item in ipairs(items) do
    local entry = false
    if item and number <= GIVEN_AT_ONCE then
      local id = item_place(item)
      entry = redis.call('XRANGE', log.keys[byte(item, 25) - 48], id, id)
    end
    given[2 * number - 1], given[2 * number] = item, entry
  end
  return given
end

-- Arguments: the prefix; then nothing, to adopt alone; or an entity, the version behind which, and
-- how many, to have that part of its index; or `last` and entities, to have the last item of each.
local function locate(keys, args, at)
  local prefix = args[at]
  local log = begin(keys)
  if adopt(log, prefix) then
    return { 'more', log.ahead, {} }
  end
  local items = {}
  if args[at + 1] == 'last' then
    for number = at + 2, #args do
      items[#items + 1] = redis.call('LINDEX', prefix .. args[number], -1)
    end
  elseif args[at + 1] then
    local from = tonumber(args[at + 2])
    if from < 9007199254740992 then
      from = string.format('%d', from)
      local to = string.format('%d', from + args[at + 3] - 1)
      items = redis.call('LRANGE', prefix .. args[at + 1], from, to)
    end
  end
  return { 'done', log.ahead, with_entries(log, items) }
end

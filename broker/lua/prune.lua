--@with roster.lua
-- After a node has claimed its names again: what else it is said to hold comes from older data and is taken off the list. Nobody is told, since
-- nobody has seen these names since.
-- Own arguments: round, how many to look at, the last key looked at before ('' at first).
-- Answer: ok, and the last key looked at, '' when through.
local round, count, after = ARGV[first_own_arg], tonumber(ARGV[first_own_arg + 1]), ARGV[first_own_arg + 2]
if not may_claim(round) then
    return EXPIRED
end
local keys = held_keys(owner, after ~= '' and after or nil, count)
for _, key in ipairs(keys) do
    local r = read(key)
    if not r or r.owner ~= owner then
        let_go(owner, key)
    elseif r.round ~= round then
        let_go(owner, key)
        remove(key, r, true)
    end
end
return finish({'ok', #keys == count and keys[#keys] or ''})

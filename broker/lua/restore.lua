--@with roster.lua
-- The data were lost: a node puts back the names that its copy knows, in their order and without a holder, before the nodes claim
-- theirs again. What nobody claims within `keep_ms` is freed, and announced, like any name whose holder died.
-- Own arguments: keep_ms, then key, shown of each name.
if not lease_is_valid(owner) then
    return EXPIRED
end
local keep_ms = tonumber(ARGV[first_own_arg])
for i = first_own_arg + 1, #ARGV, 2 do
    local key, shown = ARGV[i], ARGV[i + 1]
    if not read(key) then
        redis.call('ZADD', grace, whole(now + keep_ms), key)
        add(key, {owner = '', claim = '', shown = shown, resume = '', round = ''}, true)
    end
end
return finish({'ok', whole(seq)})

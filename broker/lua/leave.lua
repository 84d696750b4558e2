--@with roster.lua
-- A node stops for good: what it still holds is kept for its grace by the others.
-- Own arguments: grace_ms, how many names at most.
-- Answer: ok, 1 when there may be more.
local grace_ms, count = tonumber(ARGV[first_own_arg]), tonumber(ARGV[first_own_arg + 1])
local keys = held_keys(owner, nil, count)
for _, key in ipairs(keys) do
    local r = read(key)
    let_go(owner, key)
    if r and r.owner == owner then
        if grace_ms > 0 then
            redis.call('ZADD', grace, whole(now + grace_ms), key)
        else
            remove(key, r)
        end
    end
end
if #keys < count then
    redis.call('HDEL', owners, owner)
end
return finish({'ok', #keys == count and 1 or 0})

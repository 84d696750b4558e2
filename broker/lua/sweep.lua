--@with roster.lua
-- Frees names whose time is over: grace that has ended, then what dead nodes held; and tells a storm's sums when they are due.
-- Own arguments: how many names at most; 0 for a node that may not sweep yet.
-- Answer: ok, the number of names freed, 1 when there may be more.
if not lease_is_valid(owner) then
    return EXPIRED
end
local left = tonumber(ARGV[first_own_arg])
local allowed, freed = left, 0

local function free(key, r)
    let_go(r.owner, key)
    remove(key, r)
    freed = freed + 1
end

if allowed > 0 then
    for _, key in ipairs(redis.call('ZRANGEBYSCORE', grace, '-inf', whole(now), 'LIMIT', 0, left)) do
        local r = read(key)
        if r then
            free(key, r)
        else
            redis.call('ZREM', grace, key)
        end
        left = left - 1
    end
    for _, who in ipairs(redis.call('HKEYS', owners)) do
        if left > 0 and not lease_is_valid(who) then
            local keys = held_keys(who, nil, left)
            for _, key in ipairs(keys) do
                local r = read(key)
                if r and r.owner == who then
                    free(key, r)
                else
                    let_go(who, key)
                end
            end
            left = left - #keys
            if left > 0 then
                redis.call('HDEL', owners, who)
            end
        end
    end
end
local due = storm_sums().due
if due and due <= now then
    tell_storm()
end
return finish({'ok', freed, allowed > 0 and left <= 0 and 1 or 0})

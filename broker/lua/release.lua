--@with roster.lua
-- A claim ends. With a grace the name stays on the list, and only its resume secret gets it, until that is over.
-- Own arguments: key, claim, grace_ms (0: at once).
-- Answer: freed | kept | gone (the claim did not hold it any more).
if not lease_is_valid(owner) then
    return EXPIRED
end
local key, claim, grace_ms = ARGV[first_own_arg], ARGV[first_own_arg + 1], tonumber(ARGV[first_own_arg + 2])
local r = read(key)
if not r or r.owner ~= owner then
    let_go(owner, key)
    return {'gone'}
end
if r.claim ~= claim then
    return {'gone'}
end
let_go(owner, key)
if grace_ms > 0 then
    redis.call('ZADD', grace, whole(now + grace_ms), key)
    return {'kept'}
end
remove(key, r)
return finish({'freed'})

--@with roster.lua
-- A node that was away claims again what its sockets hold.
-- Own arguments: round, then key, shown, claim, resume hash of each name.
-- Answer: ok, and the claims that are lost, because somebody else holds the name now.
-- A name that is gone was announced as left by whoever swept it, so its return is announced.
local round = ARGV[first_own_arg]
if not may_claim(round) then
    return EXPIRED
end
local reply = {'ok'}
for i = first_own_arg + 1, #ARGV, 4 do
    local key, shown, claim, resume = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
    local r = read(key)
    if r and r.owner ~= owner and r.owner ~= '' then
        reply[#reply + 1] = claim
    else
        hold(owner, key)
        if r then
            redis.call('ZREM', grace, key)
            r.owner, r.claim, r.resume, r.round = owner, claim, resume, round
            write(key, r)
        else
            add(key, {owner = owner, claim = claim, shown = shown, resume = resume, round = round})
        end
    end
end
return finish(reply)

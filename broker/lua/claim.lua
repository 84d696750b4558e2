--@with roster.lua
-- A socket wants a name.
-- Own arguments: round, key, shown, claim, the resume hash that its client presents ('' for none), the hash that may resume this claim.
-- Answer: won | resumed | taken, and the seq that this step ends with.
local round, key, shown, claim, presented, resume = unpack(ARGV, first_own_arg)
if not may_claim(round) then
    return EXPIRED
end
local r = read(key)
if not r then
    hold(owner, key)
    add(key, {owner = owner, claim = claim, shown = shown, resume = resume, round = round})
    return finish({'won', whole(seq)})
end
if presented == '' or r.resume ~= presented then
    return {'taken', whole(seq)}
end
local former_owner, former_claim = r.owner, r.claim
let_go(former_owner, key)
redis.call('ZREM', grace, key)
hold(owner, key)
r.owner, r.claim, r.resume, r.round = owner, claim, resume, round
write(key, r)
change(MOVED, key, '', owner, claim, former_owner, former_claim)
return finish({'resumed', whole(seq)})

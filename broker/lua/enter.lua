--@with roster.lua
-- A node takes part in a roster, for the first time or again after its link was down.
-- Own arguments: the `born` that the node remembers ('' at first) and the last seq it has seen.
-- Answer: born, seq, round. `born` is another one than before when the data were lost, or set back to an older state, meanwhile; then what the
-- nodes remember counts for more than what is here. `round` marks what the node claims from here on: whatever else it is
-- said to hold is not true any more (see prune.lua), and what it claimed before is void (may_claim).
if not lease_is_valid(owner) then
    return EXPIRED
end
local remembered, last_seq = ARGV[first_own_arg], tonumber(ARGV[first_own_arg + 1])
local born = redis.call('HGET', meta, 'born')
if not born or (remembered == born and last_seq > seq) then
    -- Time, so that numbers go on rising whatever was lost.
    born = whole(now_us)
    seq = now_us
    redis.call('HSET', meta, 'born', born, 'seq', born)
end
local round = whole(now_us)
redis.call('HSET', owners, owner, round)
return {born, whole(seq), round}

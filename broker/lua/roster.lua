-- What every step on a roster begins with; put in front of the scripts that ask for it.
--
-- A roster is the set of names online in one namespace:
--   names   hash    key -> record(): who holds the name
--   meta    hash    born, seq; storm_*: announcements counted instead of sent
--   grace   zset    key -> the instant (ms) at which a name without a holder is freed
--   held    zset    all scores 0, "<owner>\0<key>": what each owner holds
--   owners  hash    owner -> its round: who takes part, since when
--   leases  zset    owner -> the instant (ms) at which its node counts as dead; of all rosters
-- An owner is "<node tag>:<incarnation>"; the empty owner stands for a name put back from a node's copy after the data were lost.
--
-- Every change of the list has a number, seq, and is published on the names channel as
-- [first seq, [change, ...], announcements], a change being [op, key, shown, owner, claim, former owner, former claim]. The
-- announcements that clients see, so many of them, are published by the same step, right behind it.
local names, meta, grace, held, owners, leases = unpack(KEYS)
local owner, names_channel, room_channel = ARGV[1], ARGV[2], ARGV[3]
local joined_head, joined_tail = ARGV[4], ARGV[5]
local left_head, left_tail = ARGV[6], ARGV[7]
local storm_head, storm_tail = ARGV[8], ARGV[9]
local storm_limit = tonumber(ARGV[10])
local first_own_arg = 11

local time = redis.call('TIME')
local now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now = math.floor(now_us / 1000)

local JOINED, LEFT, MOVED = 0, 1, 2
local STORM_INTERVAL_MS = 1000

-- Numbers go into Redis as text; this spells those that tostring() would round.
local function whole(number)
    return string.format('%.0f', number)
end

-- ---- the record of a name ----

local function read(key)
    local packed = redis.call('HGET', names, key)
    if not packed then
        return nil
    end
    local r = cmsgpack.unpack(packed)
    return {owner = r[1], claim = r[2], shown = r[3], resume = r[4], joined = r[5], round = r[6]}
end

local function write(key, r)
    redis.call('HSET', names, key,
        cmsgpack.pack({r.owner, r.claim, r.shown, r.resume, r.joined, r.round}))
end

local function held_member(who, key)
    return who .. '\0' .. key
end

-- At most `count` of the keys that `who` holds, from the first one behind `after` on.
local function held_keys(who, after, count)
    local from = after and '(' .. held_member(who, after) or '[' .. who .. '\0'
    local found = redis.call('ZRANGEBYLEX', held, from, '(' .. who .. '\1', 'LIMIT', 0, count)
    for i, member in ipairs(found) do
        found[i] = string.sub(member, #who + 2)
    end
    return found
end

local function hold(who, key)
    redis.call('ZADD', held, 0, held_member(who, key))
end

local function let_go(who, key)
    redis.call('ZREM', held, held_member(who, key))
end

local function lease_is_valid(who)
    local expires = redis.call('ZSCORE', leases, who)
    return expires and tonumber(expires) > now
end

-- A step that was sent on an earlier connection may arrive late, behind what its node has said since. It counts no more: since then the
-- node has entered anew and begun another round.
local function may_claim(round)
    return lease_is_valid(owner) and redis.call('HGET', owners, owner) == round
end

-- ---- what this step changes, and tells ----

local seq = tonumber(redis.call('HGET', meta, 'seq') or '0')
local online = redis.call('HLEN', names)
local first_seq = seq + 1
local changes = {}
local announcements = {}
local storm, storm_changed = nil, false

local function change(op, key, shown, new_owner, claim, former_owner, former_claim)
    seq = seq + 1
    changes[#changes + 1] = {op, key, shown, new_owner, claim, former_owner, former_claim}
end

local function storm_sums()
    if not storm then
        local v = redis.call('HMGET', meta, 'storm_online', 'storm_joined', 'storm_left', 'storm_due')
        storm = {
            online = tonumber(v[1] or '0'), joined = tonumber(v[2] or '0'), left = tonumber(v[3] or '0'),
            due = v[4] and tonumber(v[4]) or nil,
        }
    end
    return storm
end

local function tell_storm()
    local s = storm_sums()
    announcements[#announcements + 1] = storm_head .. '\131' .. cmsgpack.pack('online') ..
        cmsgpack.pack(s.online) .. cmsgpack.pack('joined') .. cmsgpack.pack(s.joined) ..
        cmsgpack.pack('left') .. cmsgpack.pack(s.left) .. storm_tail
    storm, storm_changed = {online = 0, joined = 0, left = 0}, true
end

-- A name came or went, `online` is right already: one announcement, or counted while too many are online.
local function announce(joined, shown)
    local s = storm_sums()
    if online > storm_limit then
        s.online = online
        s.joined = s.joined + (joined and 1 or 0)
        s.left = s.left + (joined and 0 or 1)
        s.due = s.due or now + STORM_INTERVAL_MS
        storm_changed = true
        return
    end
    if s.due then
        tell_storm()
    end
    local head, tail = left_head, left_tail
    if joined then
        head, tail = joined_head, joined_tail
    end
    announcements[#announcements + 1] = head .. cmsgpack.pack(shown) .. tail
end

local function add(key, r, silent)
    online = online + 1
    change(JOINED, key, r.shown, r.owner, r.claim)
    r.joined = seq
    write(key, r)
    if not silent then
        announce(true, r.shown)
    end
end

local function remove(key, r, silent)
    online = online - 1
    redis.call('HDEL', names, key)
    redis.call('ZREM', grace, key)
    change(LEFT, key)
    if not silent then
        announce(false, r.shown)
    end
end

-- The end of a step: what was changed is numbered and told, in that order.
local function finish(reply)
    if #changes > 0 then
        redis.call('HSET', meta, 'seq', whole(seq))
        local list = {}
        for i, c in ipairs(changes) do
            list[i] = {c[1], c[2], c[3] or '', c[4] or '', c[5] or '', c[6] or '', c[7] or ''}
        end
        redis.call('PUBLISH', names_channel, cmsgpack.pack({first_seq, list, #announcements}))
    end
    if storm_changed then
        if storm.due then
            redis.call('HSET', meta, 'storm_online', storm.online, 'storm_joined', storm.joined,
                'storm_left', storm.left, 'storm_due', whole(storm.due))
        else
            redis.call('HDEL', meta, 'storm_online', 'storm_joined', 'storm_left', 'storm_due')
        end
    end
    for _, payload in ipairs(announcements) do
        redis.call('PUBLISH', room_channel, payload)
    end
    return reply
end

-- A node without a valid lease must enter anew before it changes anything.
local EXPIRED = {'expired'}

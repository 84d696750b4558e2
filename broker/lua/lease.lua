-- A node's lease: who it is, and until when it counts as alive.
--   leases  zset  "<tag>:<incarnation>" -> the instant (ms) at which the lease ends
--   nodes   hash  tag -> "<incarnation> <client id of its subscribing connection> <address>"
-- Arguments: what (draw | take | enter | renew | leave), tag, incarnation, client id, address, lease_ms, and for `take` the record of a process that
-- is known to be gone ('' for none).
-- Answers:
--   ok <nodes alive>           the lease is good for lease_ms
--   held <record> <ms left>    the tag is somebody else's
--   expired                    renew: the lease had ended; the others may have swept this node's names
local leases, nodes = KEYS[1], KEYS[2]
local what, tag, incarnation, client_id, address = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local lease_ms, gone = tonumber(ARGV[6]), ARGV[7]
local FORGET_MS = 60000
local FORGET_STEP = 10

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local owner = tag .. ':' .. incarnation

local function incarnation_of(record)
    return string.match(record, '^%S+')
end

local function ms_left(who)
    return tonumber(redis.call('ZSCORE', leases, who) or '0') - now
end

-- Records of nodes that died and left nothing behind.
local function forget_old()
    local before = string.format('%.0f', now - FORGET_MS)
    for _, who in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', before, 'LIMIT', 0, FORGET_STEP)) do
        local its_tag, its_incarnation = string.match(who, '^([^:]*):(.*)$')
        local record = its_tag and redis.call('HGET', nodes, its_tag)
        if record and incarnation_of(record) == its_incarnation then
            redis.call('HDEL', nodes, its_tag)
        end
        redis.call('ZREM', leases, who)
    end
end

local record = redis.call('HGET', nodes, tag)
local mine = record and incarnation_of(record) == incarnation

if what == 'leave' then
    redis.call('ZREM', leases, owner)
    if mine then
        redis.call('HDEL', nodes, tag)
    end
    return {'ok', 0}
end
if what == 'renew' and not (mine and ms_left(owner) > 0) then
    return {'expired'}
end
if record and not mine then
    local left = ms_left(tag .. ':' .. incarnation_of(record))
    -- A drawn tag is a new one: socket ids made of an old one may still be about.
    if what == 'draw' or (left > 0 and record ~= gone) then
        return {'held', record, left}
    end
end
redis.call('HSET', nodes, tag, incarnation .. ' ' .. client_id .. ' ' .. address)
redis.call('ZADD', leases, string.format('%.0f', now + lease_ms), owner)
forget_old()
return {'ok', redis.call('ZCOUNT', leases, '(' .. string.format('%.0f', now), '+inf')}

--@with roster.lua
-- One page of the list, for a node's copy. Changes nothing. Behind the last one a record without changes is published: who has read it has read
-- all records that the pages are made of.
-- Own arguments: cursor ('0' at first), about how many.
-- Answer: seq, the next cursor ('0' at the end), then key, shown, owner, joined of each name. What changes between two pages is told on the names
-- channel; `joined` is the seq at which the name came, to tell a page's news from older ones.
local page = redis.call('HSCAN', names, ARGV[first_own_arg], 'COUNT', ARGV[first_own_arg + 1])
local reply = {whole(seq), page[1]}
for i = 1, #page[2], 2 do
    local r = cmsgpack.unpack(page[2][i + 1])
    reply[#reply + 1] = page[2][i]
    reply[#reply + 1] = r[3]
    reply[#reply + 1] = r[1]
    reply[#reply + 1] = whole(r[5])
end
if page[1] == '0' then
    redis.call('PUBLISH', names_channel, cmsgpack.pack({first_seq, {}, 0}))
end
return reply

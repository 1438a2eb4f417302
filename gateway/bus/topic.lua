-- SPDX-License-Identifier: MIT
-- topic.lua: a topic's position and a page of its log in one atomic answer.
--
-- KEYS: 1 the topic's name in Redis (T; beside it stand T:pos, T:log, T:state:<kind>)
-- ARGV: 1 epoch to use if one must be minted
--       2 offset after which to read      3 last offset wanted, 0 = the newest
--       4 most entries of the page, 0 = position only     5 most bytes of the page
--       6 "1": the newest scoreboards too
-- Returns {epoch, last offset, {entries…}, public scoreboard or "", private scoreboard or ""}.
-- Entries are published messages in offset order; the first may lie beyond ARGV[2] + 1 when the
-- log no longer reaches back: offsets inside tell.
--
-- It mints like publish.lua, so that a position handed to a client always names a history that
-- later events will continue.
local name = KEYS[1]
local pos, log = name .. ':pos', name .. ':log'
local info = redis.pcall('INFO', 'server', 'replication')
if type(info) ~= 'string' then
    info = redis.call('INFO', 'server') .. redis.call('INFO', 'replication') -- before Redis 7
end
local function id(name)
    local _, before = string.find(info, name, 1, true)
    return string.sub(info, before + 1, before + 40)
end
local history = id('run_id:') .. ':' .. id('master_replid:')
local f = redis.call('HMGET', pos, 'e', 'o', 'r')
local epoch, last = f[1], tonumber(f[2]) or 0
if not epoch or f[3] ~= history then
    local time = redis.pcall('TIME') -- refused to users of an earlier ACL: then renew.lua does more
    local now = time.err and 0 or time[1] * 1000 + math.floor(time[2] / 1000)
    epoch, last = ARGV[1], 0
    redis.call('DEL', log, pos, name .. ':state:public', name .. ':state:private')
    redis.call('HSET', pos, 'e', epoch, 'o', '0', 'r', history, 'm', string.format('%d', now))
end
-- Seven days, and one more than publish.lua may go without prolonging it.
redis.call('PEXPIRE', pos, 691200000)

local entries, bytes = {}, 0
local from, to, count, max_bytes = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
while #entries < count and bytes < max_bytes do
    -- In small steps, so that a log of large entries is not copied for nothing.
    local page = redis.call('XRANGE', log, '(0-' .. from, to == '0' and '+' or '0-' .. to, 'COUNT', 8)
    for _, entry in ipairs(page) do
        if #entries < count and bytes < max_bytes then
            entries[#entries + 1] = entry[2][2]
            bytes = bytes + #entry[2][2]
            from = string.sub(entry[1], 3)
        end
    end
    if #page < 8 then
        break
    end
end
local public, private = '', ''
if ARGV[6] == '1' then
    public = redis.call('GET', name .. ':state:public') or ''
    private = redis.call('GET', name .. ':state:private') or ''
end
return {epoch, string.format('%d', last), entries, public, private}

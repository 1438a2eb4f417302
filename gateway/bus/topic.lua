-- SPDX-License-Identifier: MIT
-- topic.lua: a topic's position and a page of its log in one atomic answer. It only reads.
--
-- KEYS: 1 T:pos    2 T:log    3 T:state:public    4 T:state:private
--       5 P:era, random text that publishers write when it is missing: it tells a server that was
--         emptied from what it was before
-- ARGV: 1 offset after which to read      2 last offset wanted, 0 = the newest
--       3 most entries of the page, 0 = position only     4 most bytes of the page
--       5 "1": the newest scoreboards too     6 0, or a time in ms: where the topic stood then
-- Returns {epoch, last offset, {entries…}, public scoreboard or "", private scoreboard or "",
--          epoch of "nothing yet", base, this server's time in us or "",
--          offset after which the log's entries are of ARGV[6] or later, "" = not asked}.
-- Entries are published messages in offset order; the first may lie beyond ARGV[1] + 1 when the
-- log no longer reaches back: offsets inside tell.
--
-- A topic without a position in the present history answers `0`, `0`: nothing yet. Nothing is
-- written for it, so asking costs Redis no memory. What a client is told then has "nothing yet" of
-- this history as its epoch (element 6). An epoch whose `base` is 0 began after that with offset 1;
-- one that replaced another (renew.lua) has a larger base, and never follows "nothing yet".
local pos, log = KEYS[1], KEYS[2]
local info = redis.pcall('INFO', 'server', 'replication')
if type(info) ~= 'string' then
    info = redis.call('INFO', 'server') .. redis.call('INFO', 'replication') -- before Redis 7
end
local function id(name)
    local _, before = string.find(info, name, 1, true)
    return string.sub(info, before + 1, before + 40)
end
local history = id('run_id:') .. ':' .. id('master_replid:')
local era = redis.call('GET', KEYS[5]) or ''
local nothing = string.sub(redis.sha1hex(history .. ' ' .. era), 1, 8) .. '00000000'

local time = redis.pcall('TIME') -- refused to users of an earlier ACL
local now = time.err and '' or string.format('%d', time[1] * 1000000 + time[2])
local moment = now ~= '' and tonumber(ARGV[6] or '0') or 0

local f = redis.call('HMGET', pos, 'e', 'o', 'r', 'b0')
local epoch, last, base = f[1], tonumber(f[2]) or 0, f[4] or '0'
if not epoch or f[3] ~= history then
    return {'0', '0', {}, '', '', nothing, '0', now, moment ~= 0 and '0' or ''}
end

local entries, bytes = {}, 0
local from, to, count, max_bytes = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
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
if ARGV[5] == '1' then
    public = redis.call('GET', KEYS[3]) or ''
    private = redis.call('GET', KEYS[4]) or ''
end

-- Entries stand in the order of their times, so the log is searched by halves. What it does not hold
-- any more is older than what it holds.
local function entry_from(offset)
    return redis.call('XRANGE', log, string.format('0-%d', offset), '+', 'COUNT', 1)[1]
end
local function offset_of(entry)
    return tonumber(string.sub(entry[1], 3))
end
local function stood_at(limit)
    local oldest = entry_from(0)
    local low, high = oldest and offset_of(oldest) - 1 or last, last
    while low < high do
        local middle = math.floor((low + high) / 2)
        local entry = entry_from(middle + 1)
        if entry and (tonumber(entry[2][4]) or 0) < limit then
            low = offset_of(entry)
        else
            high = middle
        end
    end
    return string.format('%d', low)
end
local since = moment ~= 0 and stood_at(moment) or ''
return {epoch, string.format('%d', last), entries, public, private, nothing, base, now, since}

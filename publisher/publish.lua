-- SPDX-License-Identifier: MIT
-- publish.lua: one event onto all its topics of this server, all or nothing.
--
-- KEYS: the topics' names in Redis (`P:all`, `P:contest/a` …). Beside a topic's name T
--       stand T:pos, T:log and T:state:<kind> (docs/architecture.md). `all` has no log.
-- ARGV:  1 epoch to use if one must be minted        2 envelope
--        3 marker that stands for it in logs, or ""  4 kind of state ("public", "private"), or ""
--        5 most events of a log    6 most ms of a log    7 most bytes of a log
--        8 idempotency key's name in Redis, or ""    9 digest of the request
--       10 result to keep                           11 ms to keep it
--       12 contest whose scoreboard is to be refreshed, or ""
--       13 prefix P
-- Returns {"ok"}, {"again", kept result} or {"conflict"}.
--
-- Redis does not roll a failed script back. So: first everything that can fail (a wrong type, a
-- refused read), then the writes (the very first of them meets READONLY or OOM, before anything
-- was changed), and every PUBLISH at the end.
local idem, digest = ARGV[8], ARGV[9]
if idem ~= '' then
    local kept = redis.call('GET', idem)
    if kept then
        if string.sub(kept, 1, #digest) == digest then
            return {'again', string.sub(kept, #digest + 2)}
        end
        return {'conflict'}
    end
end

-- One history of this server's data: a restart changes run_id, a promotion the replication id.
local history = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') .. ':' ..
    string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local envelope, marker, state = ARGV[2], ARGV[3], ARGV[4]
local max_events, max_ms, max_bytes = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])

local topics = {}
for i, name in ipairs(KEYS) do
    local f = redis.call('HMGET', name .. ':pos', 'e', 'o', 'r', 'b', 't')
    local t = {name = name, logged = name ~= ARGV[13] .. ':all', epoch = f[1], offset = tonumber(f[2]) or 0}
    t.mint = not f[1] or f[3] ~= history
    t.entries = t.logged and redis.call('XLEN', name .. ':log') or 0
    if t.mint then
        t.epoch, t.offset, t.entries = ARGV[1], 0, 0
    end
    t.bytes = t.entries > 0 and tonumber(f[4]) or 0
    t.oldest = t.entries > 0 and tonumber(f[5]) or now
    topics[i] = t
end
local refresh_due
if ARGV[12] ~= '' then
    local wait = redis.call('PTTL', ARGV[13] .. ':refresh:' .. ARGV[12])
    refresh_due = now + math.max(wait, 0)
    redis.call('ZSCORE', ARGV[13] .. ':refresh:due', ARGV[12])
end

-- Over one of the three bounds? `slack` is the part of a bound that is forgiven.
local function over(t, slack)
    return t.entries > max_events + math.floor(max_events * slack) or t.bytes > max_bytes or
        t.oldest < now - max_ms * (1 + slack)
end

-- Drops the oldest entries until the bounds hold again (the newest always stays). It begins a little
-- late, so that a log in use is trimmed by several entries at a time, which costs a fraction.
local function trim(t)
    if not over(t, 1 / 64) then
        return
    end
    local log = t.name .. ':log'
    while t.entries > 1 and over(t, 0) do
        local page = redis.call('XRANGE', log, '-', '+', 'COUNT', 18)
        local first = 1 -- of the page that stays
        while first < #page and over(t, 0) do
            t.bytes = t.bytes - #page[first][2][2]
            t.entries = t.entries - 1
            first = first + 1
            t.oldest = tonumber(page[first][2][4])
        end
        if redis.call('XTRIM', log, 'MINID', page[first][1]) == 0 then
            break -- the log is not what its position says: never spin
        end
    end
end

local function save_position(t)
    local pos, offset = t.name .. ':pos', string.format('%d', t.offset)
    if t.mint then
        redis.call('DEL', pos)
        redis.call('HSET', pos, 'e', t.epoch, 'r', history)
    end
    if t.logged then
        redis.call('HSET', pos, 'o', offset, 'b', t.bytes, 't', string.format('%d', t.oldest))
    else
        redis.call('HSET', pos, 'o', offset)
    end
    redis.call('PEXPIRE', pos, 604800000)
end

local function append(t)
    local log = t.name .. ':log'
    if t.mint then
        redis.call('DEL', log, t.name .. ':state:public', t.name .. ':state:private')
    end
    t.offset = t.offset + 1
    local header = '\147\176' .. t.epoch .. '\207' .. struct.pack('>I8', t.offset)
    t.message = header .. envelope
    if t.logged then
        local entry = marker ~= '' and header .. marker or t.message
        redis.call('XADD', log, '0-' .. string.format('%d', t.offset), 'm', entry, 't', now)
        t.entries, t.bytes = t.entries + 1, t.bytes + #entry
        trim(t)
        redis.call('PEXPIRE', log, max_ms)
        if state ~= '' then
            -- Longer than its marker can stand in the log.
            redis.call('SET', t.name .. ':state:' .. state, t.message, 'PX', 2 * max_ms + 60000)
        end
    end
    save_position(t)
end

for _, t in ipairs(topics) do
    append(t)
end
if refresh_due then
    redis.call('ZADD', ARGV[13] .. ':refresh:due', 'NX', string.format('%d', refresh_due), ARGV[12])
end
if idem ~= '' then
    redis.call('SET', idem, digest .. ' ' .. ARGV[10], 'PX', ARGV[11])
end
for _, t in ipairs(topics) do
    redis.call('PUBLISH', t.name, t.message)
end
return {'ok'}

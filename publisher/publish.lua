-- SPDX-License-Identifier: MIT
-- publish.lua: one event onto all its topics of this server, all or nothing.
--
-- KEYS: four of each topic: T:pos, T:log, T:state:public, T:state:private (docs/architecture.md); T,
--       the channel, is what stands before `:pos`. Then, with an idempotency key, its name in Redis.
--       Then, when a scoreboard is to be refreshed, P:refresh:due and P:refresh:<contest>.
--       Nothing else is touched, and no key's name is made here: some services refuse that.
-- ARGV:  1 epoch to use if one must be minted        2 envelope
--        3 marker that stands for it in logs, or ""  4 kind of state ("public", "private"), or ""
--        5 most events of a log    6 most ms of a log    7 most bytes of a log
--        8 "1": there is an idempotency key          9 digest of the request
--       10 result to keep                           11 ms to keep it
--       12 contest whose scoreboard is to be refreshed, or ""
--       13 how many topics    14 "1": the first topic is `all`, which has no log
-- Returns {"ok"}, {"again", kept result}, {"conflict"}, or {"unheard", error}: written, but a PUBLISH
-- was refused.
--
-- Redis does not roll a failed script back. So: first everything that can fail (a wrong type, a
-- refused read), then the writes (the very first of them meets READONLY or OOM, before anything
-- was changed), and every PUBLISH at the end.
--
-- Redis executes this for every event, and it is what gets busy first. What it costs is mostly
-- the number of calls and of values that come back, hence T:pos holds packed in one field `l` (LOG)
-- what is known of the log, and times to live are prolonged when a sixteenth of one has passed.
local call = redis.call
-- One history of this server's data: a restart changes run_id, a promotion the replication id.
local info = redis.pcall('INFO', 'server', 'replication')
if type(info) ~= 'string' then
    info = call('INFO', 'server') .. call('INFO', 'replication') -- before Redis 7
end
local function id(name)
    local _, before = string.find(info, name, 1, true)
    return string.sub(info, before + 1, before + 40)
end
local history = id('run_id:') .. ':' .. id('master_replid:')

-- A result is kept with the history in which it was written: a failover may bring it along, but the
-- log that holds the event ends with the epoch. So there the event is written once more.
local n_topics = tonumber(ARGV[13])
local idem = ARGV[8] == '1' and KEYS[4 * n_topics + 1]
local refresh_key = 4 * n_topics + (idem and 2 or 1)
local digest = ARGV[9]
local kept = idem and call('GET', idem)
if kept then
    local at = #digest + 1
    local is_dated = string.sub(kept, at, at) == '@'
    if not is_dated or string.sub(kept, at + 1, at + #history) == history then
        if string.sub(kept, 1, #digest) == digest then
            return {'again', string.sub(kept, is_dated and at + #history + 2 or at + 1)}
        end
        return {'conflict'}
    end
end

local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local now_text = string.format('%d', now)
local envelope, marker, state = ARGV[2], ARGV[3], ARGV[4]
local max_events, max_ms, max_bytes = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local life = max_ms + math.ceil(max_ms / 16) -- of a log; prolonged when less than max_ms is left

-- T:pos `l`: the last offset when it was written; the bytes of all entries so far; of the oldest
-- entry its offset, the bytes of all before it, its time; when the log expires. Somebody may have
-- trimmed the log meanwhile, so that the oldest entry is a younger one: trim() looks.
local LOG, LOG_BYTES = '>I8I8I8I8I8I8', 48
local MAX_OFFSET = 9007199254740991 -- numbers are exact below 2^53

local function read_topic(i)
    local k = 4 * i - 3
    local pos = KEYS[k]
    local f = call('HMGET', pos, 'e', 'r', 'o', 'l')
    local epoch, offset, l = f[1], tonumber(f[3]) or 0, f[4]
    local mint = not epoch or f[2] ~= history
    local logged = i > 1 or ARGV[14] ~= '1'
    local written, bytes, first, before, oldest, expires = 0, 0, 1, 0, now, 0
    if mint then
        epoch, offset = ARGV[1], 0
    elseif #epoch ~= 16 or not string.find(f[3] or '', '^%d+$') or offset >= MAX_OFFSET then
        return nil
    elseif l and #l == LOG_BYTES then
        written, bytes, first, before, oldest, expires = struct.unpack(LOG, l)
    end
    local inherited = not mint and written ~= offset
    if inherited then
        -- From renew.lua, which knows no log, or from a version that kept the log's bytes in `b`.
        local more = logged and tonumber(call('HMGET', pos, 'b')[1]) or 0
        bytes, oldest, expires = math.max(bytes + more, before), 0, 0
    end
    return {name = string.sub(pos, 1, -5), pos = pos, log = KEYS[k + 1], public = KEYS[k + 2],
        private = KEYS[k + 3], logged = logged, mint = mint, epoch = epoch, offset = offset,
        bytes = bytes, first = first, before = before, oldest = oldest, expires = expires,
        inherited = inherited, message = false}
end

local topics = {}
for i = 1, n_topics do
    topics[i] = read_topic(i)
    if not topics[i] then
        return redis.error_reply('ERR no position can follow the one in ' .. KEYS[4 * i - 3])
    end
end
local refresh_due
if ARGV[12] ~= '' and not call('ZSCORE', KEYS[refresh_key], ARGV[12]) then
    local wait = call('PTTL', KEYS[refresh_key + 1])
    refresh_due = now + math.max(wait, 0)
end

-- Over one of the three bounds? `slack` is the part of a bound that is forgiven.
local function over(t, slack)
    return t.offset - t.first >= max_events * (1 + slack) or t.bytes - t.before > max_bytes or
        t.oldest < now - max_ms * (1 + slack)
end

-- Drops the oldest entries until the bounds hold again (the newest always stays). Offsets have no
-- holes, so by count it is known which entry becomes the oldest; by age and bytes it is searched.
local function trim(t, log)
    local from, count = math.max(t.offset - max_events + 1, 1), 1
    repeat
        local page = call('XRANGE', log, '0-' .. string.format('%d', from), '+', 'COUNT', count)
        for _, entry in ipairs(page) do
            t.first, t.oldest = tonumber(string.sub(entry[1], 3)), tonumber(entry[2][4]) or 0
            t.before = tonumber(entry[2][6]) or t.before -- entries of old have no `s`
            if not over(t, 0) then
                break
            end
        end
        from, count = t.first + 1, math.min(count * 2, 16)
    until not over(t, 0) or from > t.offset
    call('XTRIM', log, 'MINID', '0-' .. string.format('%d', t.first))
end

local function add_entry(t, log, offset, entry)
    local bytes = string.format('%d', t.bytes)
    local added = redis.pcall('XADD', log, '0-' .. offset, 'm', entry, 't', now_text, 's', bytes)
    if type(added) == 'table' then
        -- What stands there is no stream, or is ahead of its position: it is replaced, and asking
        -- for that before each event is saved. Or it is READONLY, OOM and the like: then so again.
        if string.find(added.err, 'WRONGTYPE', 1, true) or
            string.find(added.err, 'ID specified in XADD', 1, true) then
            call('DEL', log)
            t.first, t.before, t.oldest, t.expires = t.offset, t.bytes, now, 0
        end
        call('XADD', log, '0-' .. offset, 'm', entry, 't', now_text, 's', bytes)
    end
    t.bytes = t.bytes + #entry
end

local function save_position(t, log, offset)
    local expiring = t.expires < now + max_ms
    if expiring then
        t.expires = now + life
    end
    call('HSET', t.pos, 'o', offset, 'l', struct.pack(LOG, t.offset, t.bytes, t.first, t.before,
        t.oldest, t.expires))
    if t.inherited then
        call('HSET', t.pos, 'b', '0') -- counted
    end
    if expiring then -- so a log that was deleted by hand has no time to live before that
        call('PEXPIRE', log, t.expires - now)
        call('PEXPIRE', t.pos, 604800000 + t.expires - now)
    end
end

local function append(t)
    local log = t.log
    if t.mint then
        -- HSET first: a full Redis refuses it, but not DEL.
        call('HSET', t.pos, 'e', t.epoch, 'r', history, 'm', now_text, 'b', '0', 'b0', '0')
        call('DEL', log, t.public, t.private)
    end
    t.offset = t.offset + 1
    local offset = string.format('%d', t.offset)
    local header = '\147\176' .. t.epoch .. '\207' .. struct.pack('>I8', t.offset)
    t.message = header .. envelope
    if t.logged then
        add_entry(t, log, offset, marker ~= '' and header .. marker or t.message)
        -- A little late, so that a log in use is trimmed by several entries at a time.
        if over(t, 1 / 64) then
            trim(t, log)
        end
        if state ~= '' then
            -- Longer than its marker can stand in the log.
            call('SET', state == 'public' and t.public or t.private, t.message, 'PX', 2 * life + 60000)
        end
    end
    save_position(t, log, offset)
end

for _, t in ipairs(topics) do
    append(t)
end
if refresh_due then
    call('ZADD', KEYS[refresh_key], string.format('%d', refresh_due), ARGV[12])
end
if idem then
    call('SET', idem, digest .. '@' .. history .. ' ' .. ARGV[10], 'PX', ARGV[11])
end
local refused
for _, t in ipairs(topics) do
    local heard = redis.pcall('PUBLISH', t.name, t.message)
    refused = refused or type(heard) == 'table' and heard.err
end
return refused and {'unheard', refused} or {'ok'}

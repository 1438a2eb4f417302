-- SPDX-License-Identifier: MIT
-- control.lua: one command to all gateways, numbered, logged and published in one step; with the
-- scoreboard token that it is about. See proto/control.md.
--
-- KEYS: 1 P:control:seq    2 P:control:log    3 P:scoreboard:<token>, or absent
-- ARGV: 1 the message, a JSON object without "seq"     2 most entries of the log
--       3 contest, or "" = delete the token    4 "1": it shows what admins see    5 when it ends
--       6 P:control, the channel
-- Returns the number.
--
-- As in publish.lua: first what can fail, then the writes, PUBLISH at the end. A command that takes
-- access away must not fail because Redis is full. Redis refuses what may take memory only as long as
-- a script has written nothing (all versions from 6.2 on; those before 7 know no `allow-oom`), and
-- never refuses XTRIM, which makes room first.
local sequence, log, board = KEYS[1], KEYS[2], KEYS[3]
local last = redis.call('GET', sequence)
local newest = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)
local seq = (tonumber(last) or 0) + 1
if newest[1] then
    -- The log may be ahead of a counter that was lost: an entry's id is 0-<its number>.
    seq = math.max(seq, tonumber(string.sub(newest[1][1], 3)) + 1)
end

local number = string.format('%d', seq)
local message = '{"seq":' .. number .. ',' .. string.sub(ARGV[1], 2)
if not board or ARGV[3] == '' then
    redis.call('XTRIM', log, 'MAXLEN', '~', ARGV[2])
end
redis.call('SET', sequence, number)
if board then
    redis.call('DEL', board)
    if ARGV[3] ~= '' then
        redis.call('HSET', board, 'contest', ARGV[3], 'admin', ARGV[4], 'expires', ARGV[5])
        redis.call('EXPIREAT', board, ARGV[5])
    end
end
redis.call('XADD', log, 'MAXLEN', '~', ARGV[2], '0-' .. number, 'm', message)
redis.call('PUBLISH', ARGV[6], message)
return seq

-- SPDX-License-Identifier: MIT
-- renew.lua: a publisher has come from another history, where it was acknowledged events on these
-- topics. Whoever was told the present epoch, or that there is nothing yet, before that does not
-- know that they are lost: the topics get a new epoch, hence everybody a reset.
--
-- KEYS: four of each topic: T:pos, T:log, T:state:public, T:state:private
-- ARGV: 1 epoch to use     2… how many ms ago each topic's last event was acknowledged elsewhere
-- Returns how many topics were renewed.
--
-- Nothing is to be done for a topic that was renewed after that acknowledgement (`m` in T:pos): that
-- reset came after the event. Any other topic can have been read, as nothing yet, at any time since
-- this server started, and the event that began its epoch here has reset nobody. An acknowledgement is
-- heard later than it is true, and its age was told before this is executed: both can only renew too
-- much. What is left is how differently two clocks run and are rounded.
--
-- The new epoch begins with offset 1 taken by no event (`b0`), since an event with offset 1 would
-- follow "nothing yet" without a reset.
local CLOCKS_DIFFER = 0.001
local ROUNDED_MS = 2
local server = redis.call('INFO', 'server')
local history = string.match(server, 'run_id:(%x+)') .. ':' ..
    string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- Known to the second: its end, since nothing was acknowledged elsewhere while this server started.
local started = (time[1] - tonumber(string.match(server, 'uptime_in_seconds:(%d+)')) + 1) * 1000
local renewed = 0
for i = 1, #KEYS / 4 do
    local pos, log, public, private = KEYS[4 * i - 3], KEYS[4 * i - 2], KEYS[4 * i - 1], KEYS[4 * i]
    local f = redis.call('HMGET', pos, 'r', 'm', 'b0')
    local begun = started
    if f[1] == history then
        local m = tonumber(f[2]) or 0 -- by an earlier version: who knows when
        if m > now then
            m = 0 -- the clock was set back: who knows how far
        end
        begun = f[3] == '1' and m or math.min(started, m)
    end
    local age = tonumber(ARGV[i + 1]) * (1 - CLOCKS_DIFFER) - ROUNDED_MS
    if age <= now - begun then
        -- HSET first: a full Redis refuses it, but not DEL.
        redis.call('HSET', pos, 'e', ARGV[1], 'o', '1', 'b0', '1', 'r', history, 'm',
            string.format('%d', now), 'b', '0', 'l', '')
        redis.call('DEL', log, public, private)
        redis.call('PEXPIRE', pos, 604800000)
        renewed = renewed + 1
    end
end
return renewed

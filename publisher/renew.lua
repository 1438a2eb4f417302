-- SPDX-License-Identifier: MIT
-- renew.lua: a publisher has come from another history, where it was acknowledged events on these
-- topics. Whoever was told the present epoch before that does not know that they are lost: the
-- topics get a new epoch, hence everybody a reset.
--
-- KEYS: the topics' names in Redis (as in publish.lua)
-- ARGV: 1 epoch to use     2… how many ms ago each topic's last event was acknowledged elsewhere
-- Returns how many topics were renewed.
--
-- Nothing is to be done for a topic whose present epoch is of yet another history (the next write
-- or read mints), nor for one whose epoch is younger than that acknowledgement (`m` in T:pos), as
-- after a plain restart or failover, or when another publisher has just renewed it: that reset came
-- after the event. An acknowledgement is heard later than it is true, and its age was told before this
-- is executed: both can only renew too much. What is left is how differently two clocks run.
local CLOCKS_DIFFER = 0.001
local history = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') .. ':' ..
    string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local renewed = 0
for i, name in ipairs(KEYS) do
    local pos = name .. ':pos'
    local f = redis.call('HMGET', pos, 'r', 'm')
    local begun = tonumber(f[2]) or 0 -- by an earlier version: who knows when
    if begun > now then
        begun = 0 -- the clock was set back: who knows how far
    end
    local age = tonumber(ARGV[i + 1]) * (1 - CLOCKS_DIFFER)
    if f[1] == history and age <= now - begun then
        redis.call('DEL', pos, name .. ':log', name .. ':state:public', name .. ':state:private')
        redis.call('HSET', pos, 'e', ARGV[1], 'o', '0', 'r', history, 'm', string.format('%d', now))
        redis.call('PEXPIRE', pos, 604800000)
        renewed = renewed + 1
    end
end
return renewed

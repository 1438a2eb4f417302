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
-- or read mints), nor when this server was started after that acknowledgement, as after a plain
-- restart: then its epochs are younger too. The server tells its age in whole seconds.
local server = redis.call('INFO', 'server')
local history = string.match(server, 'run_id:(%x+)') .. ':' ..
    string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local age = (tonumber(string.match(server, 'uptime_in_seconds:(%d+)')) + 1) * 1000
local renewed = 0
for i, name in ipairs(KEYS) do
    local pos = name .. ':pos'
    if redis.call('HMGET', pos, 'r')[1] == history and tonumber(ARGV[i + 1]) <= age then
        redis.call('DEL', pos, name .. ':log', name .. ':state:public', name .. ':state:private')
        redis.call('HSET', pos, 'e', ARGV[1], 'o', '0', 'r', history)
        redis.call('PEXPIRE', pos, 604800000)
        renewed = renewed + 1
    end
end
return renewed

-- SPDX-License-Identifier: MIT
-- refresh.lua: which scoreboards this publisher is to have refreshed, and what became of those that
-- it took before. The one place where publishers agree on that.
--
-- KEYS: 1 P:refresh:due         contest -> when it is due (written by publish.lua, too)
--       2 P:refreshing          contest -> when it is given up, unless its publisher says more
-- ARGV: 1 prefix of the contests' own keys (`P:refresh:`)     2 this publisher's name
--       3 ms without a word after which a publisher counts as dead
--       4 least ms between two refreshes of a contest         5 most contests to take now
--       then pairs: a contest that this publisher took, and "held", "done" or "again"
-- Returns {ms until the next is due or -1, contests taken…}.
--
-- `P:refresh:<contest>` keeps everybody off while it exists: it holds `<publisher> <since when>`
-- during the call, and nothing for the rest of the period. publish.lua adds its time to live.
local due, taken = KEYS[1], KEYS[2]
local owner, lease, period = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- Changes nothing: a full Redis refuses it, and so the script before it has changed anything.
redis.call('ZADD', due, 'XX', 0, '')

local function key(contest)
    -- A contest may be called `due`, whose name the sorted set has.
    return ARGV[1] .. (contest == 'due' and 'due:' or contest)
end

local function put(set, at, contest)
    redis.call('ZADD', set, string.format('%d', at), contest)
end

local function hold(contest)
    redis.call('PEXPIRE', key(contest), lease)
    put(taken, now + lease, contest)
end

-- The period counts from the call's beginning. What came in during the call, and a call that
-- failed, are due when it is over.
local function finish(contest, since, again)
    local from = math.max(since + period, now)
    if from > now then
        redis.call('SET', key(contest), '', 'PX', string.format('%d', from - now))
    else
        redis.call('DEL', key(contest))
    end
    redis.call('ZREM', taken, contest)
    if again or redis.call('ZSCORE', due, contest) then
        put(due, from, contest)
    end
end

for i = 6, #ARGV, 2 do
    local contest, word = ARGV[i], ARGV[i + 1]
    local who, since = string.match(redis.call('GET', key(contest)) or '', '^(%S+) (%d+)$')
    if who ~= owner then
        -- We were silent for too long: it is somebody else's by now, or due again.
    elseif word == 'held' then
        hold(contest)
    else
        finish(contest, tonumber(since), word == 'again')
    end
end

-- A publisher has died with these.
for _, contest in ipairs(redis.call('ZRANGEBYSCORE', taken, '-inf', now, 'LIMIT', 0, 16)) do
    redis.call('ZREM', taken, contest)
    put(due, now, contest)
end

local answer = {-1}
local room = tonumber(ARGV[5])
local waiting = room > 0 and redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, 32) or {}
for _, contest in ipairs(waiting) do
    local left = redis.call('PTTL', key(contest))
    if left > 0 then
        put(due, now + left, contest)
    elseif #answer <= room then
        redis.call('ZREM', due, contest)
        redis.call('SET', key(contest), owner .. ' ' .. string.format('%d', now), 'PX', lease)
        put(taken, now + lease, contest)
        answer[#answer + 1] = contest
    end
end
local first = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')
if first[2] then
    answer[1] = math.max(tonumber(first[2]) - now, 0)
end
return answer

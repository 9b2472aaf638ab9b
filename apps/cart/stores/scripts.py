"""The steps of the Redis store that must be one: Lua, run by the server without interruption.

KEYS[1] is the hash of lines, KEYS[2] the hash beside it (`id`, `seq`, and each variant's turn). Lifetimes are in
milliseconds. Every script that changes a cart begins its lifetime anew.
"""

_RENEW = """
local function renew(milliseconds)
    redis.call('PEXPIRE', KEYS[1], milliseconds)
    redis.call('PEXPIRE', KEYS[2], milliseconds)
end
"""

# ARGV: variant, units, limit of the line, most lines, id for a new cart, lifetime. Answers with a value of Added.
ADD = (
    _RENEW
    + """
local units = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')
if units + tonumber(ARGV[2]) > tonumber(ARGV[3]) then return 'over_limit' end
if units == 0 then
    if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then return 'full' end
    redis.call('HSET', KEYS[2], ARGV[1], redis.call('HINCRBY', KEYS[2], 'seq', 1))
end
redis.call('HSETNX', KEYS[2], 'id', ARGV[5])
redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
renew(ARGV[6])
return 'done'
"""
)

# ARGV: variant, units (0 removes), lifetime. Answers 1, or 0 when there is no such line.
SET_QUANTITY = (
    _RENEW
    + """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
if ARGV[2] == '0' then
    redis.call('HDEL', KEYS[1], ARGV[1])
    redis.call('HDEL', KEYS[2], ARGV[1])
else
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
renew(ARGV[3])
return 1
"""
)

# ARGV: lifetime. The cart keeps its id: a guest's token stays known.
CLEAR = (
    _RENEW
    + """
local id = redis.call('HGET', KEYS[2], 'id')
if not id then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[2], 'id', id)
renew(ARGV[1])
return 1
"""
)

# ARGV: id of the ordered cart, id for its successor, lifetime, then variant and ordered units by turns.
# Nothing happens when the cart has another id: it was emptied before.
DISCARD = (
    _RENEW
    + """
if redis.call('HGET', KEYS[2], 'id') ~= ARGV[1] then return 0 end
for i = 4, #ARGV, 2 do
    local left = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or '0') - tonumber(ARGV[i + 1])
    if left > 0 then
        redis.call('HSET', KEYS[1], ARGV[i], left)
    else
        redis.call('HDEL', KEYS[1], ARGV[i])
        redis.call('HDEL', KEYS[2], ARGV[i])
    end
end
redis.call('HSET', KEYS[2], 'id', ARGV[2])
renew(ARGV[3])
return 1
"""
)

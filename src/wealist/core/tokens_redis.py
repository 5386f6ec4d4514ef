"""The token store of replicas that share a Redis.

    auth:{family}            hash: live, user, refresh, pair, old:<id> → until when it is excused
    auth:families:<user>     sorted set of the user's families by their end
    auth:used:<key>          what has been used once

Redis must not evict keys (`maxmemory-policy noeviction`). Where it does, people are signed out.
"""

import secrets
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from redis.asyncio import Redis

from wealist.core.redis import guard
from wealist.core.token_pairs import Outcome, Pair, Replayed, Reused, Rotated, Unknown

_Argument = bytes | str | int | float

_START = """
redis.call('HSET', KEYS[1], 'live', 1, 'user', ARGV[1], 'refresh', ARGV[2], 'pair', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[5], KEYS[1])
redis.call('PEXPIRE', KEYS[2], ARGV[6])
"""

_ROTATE = """
local presented, now = ARGV[1], tonumber(ARGV[4])
local family = redis.call('HMGET', KEYS[1], 'live', 'refresh', 'pair', 'old:' .. presented)
if not family[1] then return {'unknown'} end
if family[1] == '0' then return {'reused'} end
if family[2] ~= presented then
  if family[4] and now < tonumber(family[4]) then return {'replayed', family[3]} end
  redis.call('HSET', KEYS[1], 'live', 0)
  return {'reused'}
end
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  if fields[i]:sub(1, 4) == 'old:' and tonumber(fields[i + 1]) <= now then
    redis.call('HDEL', KEYS[1], fields[i])
  end
end
redis.call('HSET', KEYS[1], 'refresh', ARGV[2], 'pair', ARGV[3], 'old:' .. presented, ARGV[7])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('ZADD', KEYS[2], ARGV[5], KEYS[1])
redis.call('PEXPIRE', KEYS[2], ARGV[6])
return {'rotated'}
"""

_REVOKE = "if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'live', 0) end"

_REVOKE_USER = """
for _, family in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if redis.call('EXISTS', family) == 1 then redis.call('HSET', family, 'live', 0) end
end
redis.call('DEL', KEYS[1])
"""


class RedisTokenStore:
    """Families in Redis, changed by scripts; see `TokenStore`."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._start = client.register_script(_START)
        self._rotate = client.register_script(_ROTATE)
        self._revoke = client.register_script(_REVOKE)
        self._revoke_user = client.register_script(_REVOKE_USER)

    async def start(self, pair: Pair, *, now: float, ttl: float) -> None:
        args: list[_Argument] = [
            str(pair.user_id),
            pair.refresh_id,
            msgspec.json.encode(pair),
            now,
            now + ttl,
            _milliseconds(ttl),
        ]
        async with guard():
            await self._start(keys=_keys(pair), args=args)

    async def rotate(
        self, presented: str, successor: Pair, *, now: float, grace: float, ttl: float
    ) -> Outcome:
        args: list[_Argument] = [
            presented,
            successor.refresh_id,
            msgspec.json.encode(successor),
            now,
            now + ttl,
            _milliseconds(ttl),
            now + grace,
        ]
        async with guard():
            answer: list[bytes] = await self._rotate(keys=_keys(successor), args=args)
        match answer[0]:
            case b"rotated":
                return Rotated()
            case b"replayed":
                return Replayed(msgspec.json.decode(answer[1], type=Pair))
            case b"reused":
                return Reused()
        return Unknown()

    async def revoked(self, family: str) -> bool:
        async with guard():
            live: Any = await self._client.hget(_family(family), "live")
        return bool(live != b"1")

    async def revoked_among(self, families: Sequence[str]) -> set[str]:
        async with guard(), self._client.pipeline(transaction=False) as pipeline:
            for family in families:
                pipeline.hget(_family(family), "live")
            found: list[Any] = await pipeline.execute()
        return {family for family, live in zip(families, found, strict=True) if live != b"1"}

    async def revoke_family(self, family: str) -> None:
        async with guard():
            await self._revoke(keys=[_family(family)])

    async def revoke_user(self, user_id: UUID) -> None:
        async with guard():
            await self._revoke_user(keys=[_families(user_id)])

    async def use_once(self, key: str, *, ttl: float) -> bool:
        # The command may be sent twice over a broken connection: our own mark is no other's.
        mark = secrets.token_hex(8)
        async with guard():
            before: Any = await self._client.set(
                f"auth:used:{key}", mark, nx=True, get=True, px=_milliseconds(ttl)
            )
        return before is None or before == mark.encode()

    async def close(self) -> None:
        """The client is `core.redis`'s; nothing to do."""


def _family(family: str) -> str:
    return f"auth:{{{family}}}"


def _families(user_id: UUID) -> str:
    return f"auth:families:{user_id}"


def _keys(pair: Pair) -> list[str]:
    return [_family(pair.family), _families(pair.user_id)]


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))

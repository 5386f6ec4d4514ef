"""Whose status has been told: the ledger that decides which change is told, once, by one replica.

A change of a person is what differs between his connections on all living processes and the
ledger, so that of any number of processes that notice it at once exactly one tells it. With Redis
scripts do both in one step; without it a dictionary does. Two processes may tell of one person at
almost the same time, and be heard in either order, so each change carries its moment.

In Redis each process keeps a set of its people and one of those who are away; the ledger is a hash
by user, and `era` is a random value that is new when Redis has forgotten everything.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import count
from typing import Any, Literal, NamedTuple, Protocol, TypeVar
from uuid import UUID

from wealist.core import redis
from wealist.core.replicas import KEY, LIVING, Replicas

Status = Literal["OFFLINE", "ONLINE", "AWAY"]


class Change(NamedTuple):
    """A person's new status."""

    user_id: UUID
    status: Status
    moment: int
    """When it came about, in microseconds of the ledger's clock: of one person the later counts."""


Report = Callable[[Change], None]

CHUNK = 500
KEPT_SECONDS = 24 * 3600
"""When Redis forgets a process of whose people nobody has told anything for so long."""
ANSWER_KEPT_SECONDS = 300
"""How long an answer can be asked for again, after Redis was lost while it came."""

_STATUSES: tuple[Status, ...] = ("OFFLINE", "ONLINE", "AWAY")
"""A status' place is its digit in Redis."""
_LEDGER = "online:told"
_ERA = 8
_ID = 36
MOMENT_DIGITS = 16
_HEAD = _ERA + MOMENT_DIGITS

T = TypeVar("T")


class Ledger(Protocol):
    """Where statuses are compared; changes go to the `report` that it was made with."""

    async def settle(self, people: Mapping[UUID, Status]) -> None:
        """These people (at most `CHUNK`) have these statuses in this process. Raises
        `Unavailable`; whatever has changed by then is reported by a later call."""

    async def inherit(self, process: str) -> bool:
        """Settle some of a dead process' people; says whether there may be more. Raises
        `Unavailable`, as above."""

    async def among(self, users: Collection[UUID]) -> dict[UUID, Status]:
        """Which of the users are online or away on other processes. Raises `Unavailable`."""


class LocalLedger:
    """For a process that is alone."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._told: dict[UUID, Status] = {}
        self._moment = 0

    async def settle(self, people: Mapping[UUID, Status]) -> None:
        for user_id, status in people.items():
            if self._told.get(user_id, "OFFLINE") == status:
                continue
            if status == "OFFLINE":
                del self._told[user_id]
            else:
                self._told[user_id] = status
            self._moment = max(self._moment + 1, time.time_ns() // 1000)
            self._report(Change(user_id, status, self._moment))

    async def inherit(self, process: str) -> bool:
        return False

    async def among(self, users: Collection[UUID]) -> dict[UUID, Status]:
        return {}


_STATUS_OF = f"""{LIVING}
local function on_any(processes, users)
  local status = {{}}
  for place = 1, #users do status[place] = '0' end
  for _, process in ipairs(processes) do
    local here = redis.call('SMISMEMBER', 'online:' .. process, unpack(users))
    local away = redis.call('SMISMEMBER', 'online:' .. process .. ':away', unpack(users))
    for place = 1, #users do
      if here[place] == 1 then
        if away[place] == 0 then status[place] = '1'
        elseif status[place] == '0' then status[place] = '2' end
      end
    end
  end
  return status
end
"""

_COMPARE = f"""{_STATUS_OF}
local moment = string.format('%d%06d', time[1], time[2])
local function each(command, key, members)
  if #members > 0 then redis.call(command, key, unpack(members)) end
end
local function compare(ledger, users, after, beliefs, era)
  local told, before, set, gone = redis.call('HMGET', ledger, unpack(users)), {{}}, {{}}, {{}}
  for place, user in ipairs(users) do
    before[place] = told[place] or '0'
    local belief = beliefs[place]
    if not told[place] and belief and belief ~= '' and belief:sub(1, {_ERA}) ~= era then
      before[place] = belief:sub({_ERA + 1})
    end
    if after[place] == '0' then
      if told[place] then gone[#gone + 1] = user end
    elseif told[place] ~= after[place] then
      set[#set + 1] = user
      set[#set + 1] = after[place]
    end
  end
  each('HDEL', ledger, gone)
  each('HSET', ledger, set)
  return before
end
local answer = redis.call('GET', KEYS[5])
if answer then return answer end
"""

# KEYS: processes, ledger, people, people away, answer
# ARGV: process, seconds to keep, a new era, seconds to keep the answer, digits, users…, beliefs…
_SETTLE = f"""{_COMPARE}
local users, beliefs, add, remove, away, back = {{}}, {{}}, {{}}, {{}}, {{}}, {{}}
local total = #ARGV[5]
for place = 1, total do
  local user, digit = ARGV[5 + place], ARGV[5]:sub(place, place)
  users[place], beliefs[place] = user, ARGV[5 + total + place]
  if digit == '0' then remove[#remove + 1] = user else add[#add + 1] = user end
  if digit == '2' then away[#away + 1] = user else back[#back + 1] = user end
end
each('SADD', KEYS[3], add)
each('SREM', KEYS[3], remove)
each('SADD', KEYS[4], away)
each('SREM', KEYS[4], back)
local era = redis.call('HGET', KEYS[2], 'era')
if not era then
  era = ARGV[3]
  redis.call('HSET', KEYS[2], 'era', era)
end
for place = 2, 4 do redis.call('EXPIRE', KEYS[place], ARGV[2]) end
local processes = living(KEYS[1])
if dead(KEYS[1], ARGV[1]) then processes[#processes + 1] = ARGV[1] end
local after = on_any(processes, users)
local before = table.concat(compare(KEYS[2], users, after, beliefs, era))
after = table.concat(after)
answer = era .. moment .. before .. after
if before ~= after then redis.call('SET', KEYS[5], answer, 'EX', ARGV[4]) end
return answer
"""

# KEYS as above, of the dead process; ARGV: process, how many, seconds to keep the answer
_INHERIT = f"""{_COMPARE}
if not dead(KEYS[1], ARGV[1]) then return '' end
local users = redis.call('SPOP', KEYS[3], ARGV[2])
if #users == 0 then
  redis.call('DEL', KEYS[4])
  return ''
end
redis.call('SREM', KEYS[4], unpack(users))
local after = on_any(living(KEYS[1]), users)
local before = compare(KEYS[2], users, after, {{}}, '')
local changed = {{}}
for place, user in ipairs(users) do
  if before[place] ~= after[place] then changed[#changed + 1] = user .. after[place] end
end
answer = '+' .. moment .. table.concat(changed)
if #changed > 0 then redis.call('SET', KEYS[5], answer, 'EX', ARGV[3]) end
return answer
"""

# KEYS: processes; ARGV: a process to leave out, users…
_AMONG = f"""{_STATUS_OF}
local processes, users = {{}}, {{}}
for _, process in ipairs(living(KEYS[1])) do
  if process ~= ARGV[1] then processes[#processes + 1] = process end
end
for place = 2, #ARGV do users[place - 1] = ARGV[place] end
return table.concat(on_any(processes, users))
"""


class _Call(NamedTuple):
    script: Any
    keys: list[str]
    args: list[str | int]
    take: Callable[[str], None]


class RedisLedger:
    """For replicas that share a Redis."""

    def __init__(self, peers: Replicas, report: Report) -> None:
        assert peers.client is not None
        self._process, self._report = peers.process, report
        self._settle = peers.client.register_script(_SETTLE)
        self._inherit = peers.client.register_script(_INHERIT)
        self._among = peers.client.register_script(_AMONG)
        self._marks = count()
        self._unanswered: _Call | None = None
        self._one_at_a_time = asyncio.Lock()
        # Of our people: the era, and the status that was told in it. Redis may forget; we don't.
        self._beliefs: dict[UUID, str] = {}

    async def settle(self, people: Mapping[UUID, Status]) -> None:
        def take(answer: str) -> None:
            total, era = len(people), answer[:_ERA]
            moment, answer = int(answer[_ERA:_HEAD]), answer[_HEAD:]
            before, after = answer[:total], answer[total:]
            belief = {digit: era + digit for digit in "012"}
            for (user_id, here), old, new in zip(people.items(), before, after, strict=True):
                if here == "OFFLINE":
                    self._beliefs.pop(user_id, None)
                else:
                    self._beliefs[user_id] = belief[new]
                if old != new:
                    self._report(Change(user_id, _STATUSES[int(new)], moment))

        async with self._one_at_a_time:
            await self._repeat()
            if not people:
                return
            digits = "".join(str(_STATUSES.index(status)) for status in people.values())
            args: list[str | int] = [self._process, KEPT_SECONDS, secrets.token_hex(_ERA // 2)]
            args += [ANSWER_KEPT_SECONDS, digits, *map(str, people)]
            args += [self._beliefs.get(user_id, "") for user_id in people]
            await self._call(_Call(self._settle, self._keys(self._process), args, take))

    async def inherit(self, process: str) -> bool:
        more = False

        def take(answer: str) -> None:
            nonlocal more
            more = bool(answer)
            first = 1 + MOMENT_DIGITS
            for place in range(first, len(answer), _ID + 1):
                user_id = UUID(answer[place : place + _ID])
                status = _STATUSES[int(answer[place + _ID])]
                self._report(Change(user_id, status, int(answer[1:first])))

        async with self._one_at_a_time:
            await self._repeat()
            args: list[str | int] = [process, CHUNK, ANSWER_KEPT_SECONDS]
            await self._call(_Call(self._inherit, self._keys(process), args, take))
        return more

    async def among(self, users: Collection[UUID]) -> dict[UUID, Status]:
        found: dict[UUID, Status] = {}
        for some in chunks(list(users), 2 * CHUNK):
            async with redis.guard():
                answer = await self._among(keys=[KEY], args=[self._process, *map(str, some)])
            for user_id, digit in zip(some, answer.decode(), strict=True):
                if digit != "0":
                    found[user_id] = _STATUSES[int(digit)]
        return found

    def _keys(self, process: str) -> list[str]:
        answer = f"online:answer:{self._process}:{next(self._marks)}"
        return [KEY, _LEDGER, f"online:{process}", f"online:{process}:away", answer]

    async def _repeat(self) -> None:
        # A call that broke may have been carried out: only its answer says what has changed. It
        # comes before anything newer, else the older change would be reported last.
        if self._unanswered is not None:
            await self._call(self._unanswered)

    async def _call(self, call: _Call) -> None:
        self._unanswered = call
        async with redis.guard():
            answer = await call.script(keys=call.keys, args=call.args)
        self._unanswered = None
        call.take(answer.decode())


def chunks(items: list[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most so many."""
    for start in range(0, len(items), size):
        yield items[start : start + size]

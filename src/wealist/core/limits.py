"""How often one caller may call: rules as data, counted in a sliding window of a minute.

The counter keeps two numbers per caller, calls in this minute and in the last one, and weighs
the last one by the share of it that still lies inside the window. With Redis one atomic script
counts for all replicas; without it the process counts for itself.
"""

import asyncio
import math
import re
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, NamedTuple, Protocol

import structlog
from msgspec import Struct
from redis.exceptions import NoScriptError

from wealist.core import metrics, redis
from wealist.core.settings import Settings

WINDOW_MS = 60_000
REDIS_SECONDS = 0.05
"""How long a request waits for the counter before it passes uncounted."""
PAUSE_SECONDS = 5.0
"""How long the counter is left alone after it failed."""
COMPLAINT_SECONDS = 60.0
MOST_CALLERS = 100_000
"""Callers the process remembers per minute, about 20 MB; the oldest are forgotten first."""

log = structlog.get_logger("wealist.limits")


class Rule(Struct, frozen=True):
    """`per_minute` calls plus `burst` above them, of one user (`by_user`) or one address.

    A user's rule counts by address when nobody is signed in.
    """

    name: str
    per_minute: int
    burst: int = 0
    pattern: str = ""
    by_user: bool = False


STRICT = (
    Rule("refresh", 300, 100, r"POST /svc/auth/api/auth/refresh"),
    Rule("validate", 600, 100, r"POST /svc/auth/api/auth/validate"),
    Rule("logout", 300, 100, r"POST /svc/auth/api/auth/logout"),
    Rule("sign-in", 300, 100, r"(?:GET|POST) /svc/auth/(?:login/)?oauth2/.+"),
    Rule("test-token", 120, 30, r"POST /svc/auth/api/test/token"),
    Rule(
        "invitation",
        60,
        20,
        r"POST /svc/(?:user/api/workspaces/[^/]+/members/invite|ops/api/admin/users/invite)",
        by_user=True,
    ),
    Rule(
        "join-request",
        30,
        10,
        r"POST /svc/(?:user/api/workspaces/join-requests|board/api/join-requests)",
        by_user=True,
    ),
    Rule(
        "stream",
        1200,
        600,
        r"(?:WS .+|GET /svc/noti/api/notifications/stream)",
    ),
    Rule("object", 6000, 2000, r"[A-Z]+ (?:/objects|/svc/[a-z]+/images)/.+"),
)
"""Calls with a rule of their own. By address they leave room for an office behind one NAT:
300 people who sign in, or whose tabs refresh, within the same minute."""

ANONYMOUS = Rule("anonymous", 600, 200)


class Count(NamedTuple):
    """What a window holds after a call: whether it was let in, and the two minutes' numbers."""

    allowed: bool
    previous: int
    current: int
    elapsed_ms: int


class Window(Protocol):
    """A counter. A call that is refused is not counted."""

    async def hit(self, key: str, limit: int) -> Count: ...


class Verdict(NamedTuple):
    """The answer for one call; `reset` is in whole seconds: until a call is free again when
    there is none, else until this minute's calls begin to count less."""

    allowed: bool
    limit: int
    remaining: int
    reset: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        return [
            (b"x-ratelimit-limit", b"%d" % self.limit),
            (b"x-ratelimit-remaining", b"%d" % self.remaining),
            (b"x-ratelimit-reset", b"%d" % self.reset),
        ]


class LocalWindow:
    """Counts in this process. Two dictionaries, this minute's and the last one's."""

    def __init__(self, now: Callable[[], float] = time.time, *, most: int = MOST_CALLERS) -> None:
        self._now = now
        self._most = most
        self._minute = 0
        self._current: dict[str, int] = {}
        self._previous: dict[str, int] = {}

    async def hit(self, key: str, limit: int) -> Count:
        minute, elapsed = divmod(int(self._now() * 1000), WINDOW_MS)
        if minute != self._minute:
            self._previous = self._current if minute == self._minute + 1 else {}
            self._current = {}
            self._minute = minute
        previous, current = self._previous.get(key, 0), self._current.get(key, 0)
        if previous * (WINDOW_MS - elapsed) / WINDOW_MS + current + 1 > limit:
            return Count(False, previous, current, elapsed)
        if current == 0 and len(self._current) >= self._most:
            del self._current[next(iter(self._current))]
        self._current[key] = current + 1
        return Count(True, previous, current + 1, elapsed)


_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
local minute = math.floor(now / window)
local elapsed = now - minute * window
local kept = redis.call('HMGET', KEYS[1], 'm', 'c', 'p')
local current, previous = 0, 0
if tonumber(kept[1]) == minute then
  current, previous = tonumber(kept[2]), tonumber(kept[3])
elseif tonumber(kept[1]) == minute - 1 then
  previous = tonumber(kept[2])
end
if previous * (window - elapsed) / window + current + 1 > limit then
  return {0, previous, current, elapsed}
end
redis.call('HSET', KEYS[1], 'm', minute, 'c', current + 1, 'p', previous)
redis.call('PEXPIRE', KEYS[1], 2 * window - elapsed)
return {1, previous, current + 1, elapsed}
"""


class RedisWindow:
    """Counts for all replicas, by Redis' own clock, in one round trip."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self._sha = ""

    async def hit(self, key: str, limit: int) -> Count:
        try:
            if not self._sha:
                self._sha = await self.client.script_load(_SCRIPT)
            found = await self.client.evalsha(self._sha, 1, key, WINDOW_MS, limit)
        except NoScriptError:
            found = await self.client.eval(_SCRIPT, 1, key, WINDOW_MS, limit)
        allowed, previous, current, elapsed = found
        return Count(bool(allowed), previous, current, elapsed)


class Limits:
    """Chooses the rule of a call and counts it. Lets calls pass uncounted while Redis is away."""

    def __init__(self, settings: Settings) -> None:
        self._strict = STRICT
        self._find = re.compile("|".join(f"({rule.pattern})" for rule in STRICT))
        self._user = Rule(
            "user", settings.rate_limit_per_minute, settings.rate_limit_burst, by_user=True
        )
        self._local = LocalWindow()
        self._shared: RedisWindow | None = None
        self._paused_until = 0.0
        self._complained = -COMPLAINT_SECONDS

    def rule(self, method: str, path: str, user: str | None) -> Rule:
        """The one rule that a call counts against."""
        if found := self._find.fullmatch(f"{method} {path}"):
            assert found.lastindex is not None
            return self._strict[found.lastindex - 1]
        return self._user if user else ANONYMOUS

    async def check(self, method: str, path: str, user: str | None, address: str) -> Verdict | None:
        """Count a call to a canonical path; None when it is not limited."""
        rule = self.rule(method, path, user)
        who = f"user:{user}" if rule.by_user and user else f"ip:{_household(address)}"
        count = await self._count(f"rl:{rule.name}:{who}", rule.per_minute + rule.burst)
        if count is None:
            return None
        if not count.allowed:
            metrics.rate_limited.labels(rule.name).inc()
        return verdict(rule, count)

    async def _count(self, key: str, limit: int) -> Count | None:
        client = redis.client()
        if client is None:
            return await self._local.hit(key, limit)
        now = time.monotonic()
        if now < self._paused_until:
            return None
        if self._shared is None or self._shared.client is not client:
            self._shared = RedisWindow(client)
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                return await self._shared.hit(key, limit)
        except Exception as error:  # whatever fails, a request must not
            self._paused_until = now + PAUSE_SECONDS
            if now - self._complained >= COMPLAINT_SECONDS:
                self._complained = now
                log.warning(
                    "rate limits are off: their counter fails", error=str(error) or "timeout"
                )
            return None


def _household(address: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 one: that is what one customer has for himself."""
    if ":" not in address:
        return address
    try:
        return f"{ip_address(address).packed[:8].hex()}/64"
    except ValueError:
        return address


def verdict(rule: Rule, count: Count) -> Verdict:
    """The real numbers for the response: calls left, and seconds until there is one again."""
    limit = rule.per_minute + rule.burst
    share = (WINDOW_MS - count.elapsed_ms) / WINDOW_MS
    left = math.floor(limit - count.previous * share - count.current)
    free = count.allowed and left > 0
    wait_ms = WINDOW_MS - count.elapsed_ms if free else _wait(count, limit)
    return Verdict(count.allowed, rule.per_minute, max(0, left), max(1, math.ceil(wait_ms / 1000)))


def _wait(count: Count, limit: int) -> float:
    """Milliseconds until one more call fits."""
    to_end = WINDOW_MS - count.elapsed_ms
    if count.current + 1 <= limit:
        if count.previous == 0:
            return 0
        # previous * (to_end - t) / window + current + 1 = limit
        return max(0.0, to_end - (limit - count.current - 1) * WINDOW_MS / count.previous)
    # This minute is full by itself: wait for its end, then until it weighs little enough.
    return to_end + max(0.0, WINDOW_MS - (limit - 1) * WINDOW_MS / count.current)

"""Rate limits: one suite over the counter in Redis and the one in the process, then the rules."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec import structs
from redis.asyncio import Redis

from tests.core.edge_peers import logged
from wealist.core import limits, redis
from wealist.core.limits import (
    ANONYMOUS,
    STRICT,
    WINDOW_MS,
    Count,
    Limits,
    LocalWindow,
    RedisWindow,
    Rule,
    Window,
    verdict,
)
from wealist.core.settings import Secret, Settings
from wealist.embedded.valkey import Valkey

ON = Settings(rate_limit_enabled=True)
ADDRESS = "192.0.2.7"


class Counter(NamedTuple):
    """A window under test, and how to give it a past: `seed(key, previous, current)`."""

    window: Window
    seed: Callable[[str, int, int], Awaitable[None]]


async def _in_redis(client: Any) -> Counter:
    await client.flushall()

    async def seed(key: str, previous: int, current: int) -> None:
        seconds, micros = await client.time()
        minute = (seconds * 1000 + micros // 1000) // WINDOW_MS
        await client.hset(key, mapping={"m": minute, "c": current, "p": previous})

    return Counter(RedisWindow(client), seed)


def _in_process() -> Counter:
    window = LocalWindow()

    async def seed(key: str, previous: int, current: int) -> None:
        await window.hit("something else", 1)
        window._previous[key], window._current[key] = previous, current

    return Counter(window, seed)


@pytest.fixture(params=["redis", "process"])
async def counter(request: pytest.FixtureRequest, valkey: Valkey) -> AsyncIterator[Counter]:
    if request.param == "process":
        yield _in_process()
        return
    client = Redis.from_url(valkey.url)
    yield await _in_redis(client)
    await client.aclose()


async def test_exactly_the_limit_passes_when_forty_call_at_once(counter: Counter) -> None:
    counts = await asyncio.gather(*(counter.window.hit("k", 25) for _ in range(40)))
    assert sum(count.allowed for count in counts) == 25
    assert sorted(count.current for count in counts if count.allowed) == list(range(1, 26))


async def test_keys_do_not_share_a_count(counter: Counter) -> None:
    assert (await counter.window.hit("a", 1)).allowed
    assert (await counter.window.hit("b", 1)).allowed
    assert not (await counter.window.hit("a", 1)).allowed


async def test_refused_calls_are_not_counted(counter: Counter) -> None:
    for _ in range(10):
        await counter.window.hit("k", 3)
    count = await counter.window.hit("k", 4)
    assert count.allowed
    assert count.current == 4


async def test_the_last_minute_weighs_by_its_share_of_the_window(counter: Counter) -> None:
    await counter.seed("k", 1000, 0)
    count = await counter.window.hit("k", 1)
    assert count.previous == 1000
    share = (WINDOW_MS - count.elapsed_ms) / WINDOW_MS
    # Whatever the second of the minute is: one call below the weighed past fails, one above passes.
    assert not (await counter.window.hit("k", max(1, int(1000 * share) - 20))).allowed
    assert (await counter.window.hit("k", int(1000 * share) + 20)).allowed


async def test_this_minute_counts_in_full(counter: Counter) -> None:
    await counter.seed("k", 0, 9)
    assert (await counter.window.hit("k", 10)).allowed
    assert not (await counter.window.hit("k", 10)).allowed


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 60_000.0

    def __call__(self) -> float:
        return self.now


async def _allowed(window: LocalWindow, calls: int, limit: int) -> int:
    return sum([(await window.hit("k", limit)).allowed for _ in range(calls)])


async def test_a_window_slides() -> None:
    clock = Clock()
    window = LocalWindow(clock)
    assert await _allowed(window, 100, 60) == 60
    clock.now += 60  # the whole minute before still counts
    assert await _allowed(window, 100, 60) == 0
    clock.now += 30  # half of it
    assert await _allowed(window, 100, 60) == 30
    clock.now += 30 + 60  # two minutes after the first calls
    assert await _allowed(window, 100, 60) > 30
    clock.now += 600
    assert await _allowed(window, 100, 60) == 60


async def test_the_process_remembers_a_bounded_number_of_callers() -> None:
    window = LocalWindow(most=100)
    for number in range(1000):
        await window.hit(str(number), 5)
    assert len(window._current) == 100
    assert (await window.hit("999", 5)).current == 2


async def test_redis_forgets_idle_callers(valkey: Valkey) -> None:
    async with Redis.from_url(valkey.url) as client:
        await RedisWindow(client).hit("idle", 5)
        assert 60_000 < await client.pttl("idle") <= 120_000


async def test_two_replicas_share_one_count(valkey: Valkey) -> None:
    async with Redis.from_url(valkey.url) as one, Redis.from_url(valkey.url) as two:
        windows = [RedisWindow(one), RedisWindow(two)]
        counts = await asyncio.gather(*(windows[n % 2].hit("shared", 30) for n in range(60)))
        assert sum(count.allowed for count in counts) == 30


async def test_a_restarted_redis_gets_the_script_again(valkey: Valkey) -> None:
    async with Redis.from_url(valkey.url) as client:
        window = RedisWindow(client)
        assert (await window.hit("again", 5)).current == 1
        await client.script_flush()
        assert (await window.hit("again", 5)).current == 2


RULE = Rule("test", 10)


@pytest.mark.parametrize(
    ("count", "remaining", "reset"),
    [
        (Count(True, 0, 1, 15_000), 9, 45),
        (Count(True, 0, 10, 15_000), 0, 45 + 6),
        (Count(False, 0, 10, 59_999), 0, 7),
        (Count(False, 10, 0, 0), 0, 6),
        (Count(False, 20, 0, 30_000), 0, 3),
        (Count(True, 10, 2, 30_000), 3, 30),
    ],
)
def test_the_numbers_for_the_client_are_real(count: Count, remaining: int, reset: int) -> None:
    shown = verdict(RULE, count)
    assert (shown.limit, shown.remaining, shown.reset) == (10, remaining, reset)


@pytest.mark.parametrize("limit", [1, 2, 7, 10, 60])
@pytest.mark.parametrize("moment", [0.0, 0.5, 17.25, 59.9])
async def test_waiting_as_long_as_told_lets_the_next_call_in(limit: int, moment: float) -> None:
    clock = Clock()
    window = LocalWindow(clock)
    await _allowed(window, limit * 2, limit)
    clock.now += moment
    await _allowed(window, limit * 2, limit)
    refused = await window.hit("k", limit)
    assert not refused.allowed
    clock.now += verdict(Rule("test", limit), refused).reset
    assert (await window.hit("k", limit)).allowed


async def test_a_refusal_does_not_ask_to_wait_a_needless_second() -> None:
    clock = Clock()
    window = LocalWindow(clock)
    await _allowed(window, 60, 60)
    refused = await window.hit("k", 60)
    clock.now += verdict(Rule("test", 60), refused).reset - 2
    assert not (await window.hit("k", 60)).allowed


WORKSPACE = "0190a0b0-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    ("method", "path", "user", "rule"),
    [
        ("POST", "/svc/auth/api/auth/refresh", None, "refresh"),
        ("POST", "/svc/auth/api/auth/validate", "u", "validate"),
        ("POST", "/svc/auth/api/auth/logout", "u", "logout"),
        ("GET", "/svc/auth/oauth2/authorization/google", None, "sign-in"),
        ("GET", "/svc/auth/oauth2/callback/google", None, "sign-in"),
        ("GET", "/svc/auth/login/oauth2/code/google", None, "sign-in"),
        ("POST", "/svc/auth/api/test/token", None, "test-token"),
        ("POST", f"/svc/user/api/workspaces/{WORKSPACE}/members/invite", "u", "invitation"),
        ("POST", "/svc/ops/api/admin/users/invite", "u", "invitation"),
        ("POST", "/svc/user/api/workspaces/join-requests", "u", "join-request"),
        ("POST", "/svc/board/api/join-requests", "u", "join-request"),
        ("WS", f"/svc/board/ws/project/{WORKSPACE}", None, "stream"),
        ("GET", "/svc/noti/api/notifications/stream", None, "stream"),
        ("PUT", "/objects/user/0190/a.png", None, "object"),
        ("GET", "/svc/user/images/abc~def", None, "object"),
        ("GET", "/svc/auth/api/auth/me", "u", "user"),
        ("GET", f"/svc/user/api/workspaces/{WORKSPACE}/members", "u", "user"),
        ("GET", "/svc/user/api/workspaces/join-requests", "u", "user"),
        ("GET", "/svc/ops/api/config/active", None, "anonymous"),
        ("GET", "/", None, "anonymous"),
    ],
)
def test_each_call_counts_against_one_rule(
    method: str, path: str, user: str | None, rule: str
) -> None:
    assert Limits(ON).rule(method, path, user).name == rule


async def test_a_users_calls_count_for_the_user_wherever_he_is() -> None:
    guard = Limits(structs.replace(ON, rate_limit_per_minute=2, rate_limit_burst=1))
    seen = [
        await guard.check("GET", "/svc/user/api/users/me", "ann", f"192.0.2.{n}") for n in range(4)
    ]
    assert [verdict.allowed for verdict in seen if verdict] == [True, True, True, False]
    assert seen[0] is not None
    assert (seen[0].limit, seen[0].remaining) == (2, 2)
    other = await guard.check("GET", "/svc/user/api/users/me", "bob", "192.0.2.0")
    assert other is not None
    assert other.allowed


async def test_the_client_may_make_a_thousand_calls_a_minute_by_default() -> None:
    guard = Limits(ON)
    verdicts = [await guard.check("GET", "/svc/user/api/x", "ann", ADDRESS) for _ in range(1000)]
    assert all(verdict is not None and verdict.allowed for verdict in verdicts)


async def test_an_office_behind_one_address_can_refresh_three_hundred_times() -> None:
    guard = Limits(ON)
    path = "/svc/auth/api/auth/refresh"
    verdicts = [await guard.check("POST", path, None, ADDRESS) for _ in range(300)]
    assert all(verdict is not None and verdict.allowed for verdict in verdicts)


async def test_strangers_are_limited_by_address() -> None:
    guard = Limits(ON)
    most = ANONYMOUS.per_minute + ANONYMOUS.burst
    for _ in range(most):
        await guard.check("GET", "/svc/ops/api/config/active", None, ADDRESS)
    refused = await guard.check("GET", "/svc/ops/api/config/active", None, ADDRESS)
    assert refused is not None
    assert not refused.allowed
    assert refused.reset >= 1
    other = await guard.check("GET", "/svc/ops/api/config/active", None, "192.0.2.8")
    assert other is not None
    assert other.allowed


async def test_all_addresses_of_an_ipv6_household_are_one_caller() -> None:
    guard = Limits(ON)
    for number in range(ANONYMOUS.per_minute + ANONYMOUS.burst):
        await guard.check("GET", "/x", None, f"2001:db8:0:1::{number:x}")
    same = await guard.check("GET", "/x", None, "2001:db8:0:1:ffff::1")
    other = await guard.check("GET", "/x", None, "2001:db8:0:2::1")
    assert same is not None
    assert other is not None
    assert (same.allowed, other.allowed) == (False, True)


def test_rules_have_names_of_their_own() -> None:
    names = [rule.name for rule in (*STRICT, ANONYMOUS)]
    assert len(names) == len(set(names))
    assert "user" not in names


@pytest.fixture
async def own_valkey(tmp_path: Path) -> AsyncIterator[Valkey]:
    server = await Valkey.start(tmp_path)
    await redis.open(Settings(redis_url=Secret(server.url)))
    yield server
    await redis.close()
    await server.stop()


async def _check(guard: Limits) -> limits.Verdict | None:
    return await guard.check("GET", "/svc/user/api/x", "ann", ADDRESS)


async def test_with_redis_configured_it_counts_there(own_valkey: Valkey) -> None:
    assert await _check(Limits(ON)) is not None
    async with Redis.from_url(own_valkey.url) as client:
        assert await client.keys("rl:*") == [b"rl:user:user:ann"]


async def test_calls_pass_uncounted_while_redis_is_down_and_one_line_says_so(
    own_valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PAUSE_SECONDS", 0.3)
    guard = Limits(structs.replace(ON, rate_limit_per_minute=1))
    assert await _check(guard) is not None
    await own_valkey.kill()
    with logged() as lines:
        started = time.perf_counter()
        for _ in range(200):
            assert await _check(guard) is None
        assert time.perf_counter() - started < 0.25
        await asyncio.sleep(0.35)
        assert await _check(guard) is None
    said = [line["message"] for line in lines.all() if line["message"] != "probe failed"]
    assert said == ["rate limits are off: their counter fails"]
    await own_valkey.restart()
    for _ in range(20):
        await asyncio.sleep(0.1)
        if await _check(guard) is not None:
            return
    pytest.fail("it never counted again")


async def test_a_redis_that_does_not_answer_costs_a_call_fifty_milliseconds_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        await redis.open(Settings(redis_url=Secret(f"redis://127.0.0.1:{silent.getsockname()[1]}")))
        try:
            guard = Limits(ON)
            started = time.perf_counter()
            for _ in range(100):
                assert await _check(guard) is None
            assert time.perf_counter() - started < 0.2
        finally:
            await redis.close()

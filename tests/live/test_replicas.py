"""Two replicas, one PostgreSQL, one Valkey: a session is the same on both, and ends on both."""

import asyncio

import httpx

from tests.live.conftest import Pair
from tests.live.servers import Replica, Session, until

AT_ONCE = 1.0
"""Seconds until a logout counts everywhere."""
RECOVERY = 15.0
"""Seconds until replicas have found a Valkey that is back."""


async def ends(session: Session, replica: Replica, *, within: float) -> None:
    """Wait until a replica doesn't let the session in any more."""

    async def refused() -> bool:
        return (await replica.list_workspaces(session)).status_code == 401

    await until(refused, within=within, what="the session has ended there")


async def test_a_session_of_one_replica_counts_on_the_other(pair: Pair) -> None:
    ann = await pair.one.sign_in("ann")
    assert await pair.two.knows(ann)


async def test_a_logout_on_one_replica_counts_on_the_other_within_a_second(pair: Pair) -> None:
    ann = await pair.one.sign_in("ann")
    assert await pair.two.knows(ann)
    await pair.one.log_out(ann)
    await ends(ann, pair.two, within=AT_ONCE)
    assert not await pair.one.knows(ann)
    assert (await pair.two.refresh(ann)).status_code == 401


async def test_a_session_is_refreshed_on_either_replica(pair: Pair) -> None:
    ann = await pair.one.sign_in("ann")
    for replica in (pair.two, pair.one, pair.two):
        ann = await replica.refreshed(ann)
    assert await pair.one.knows(ann)
    assert await pair.two.knows(ann)


async def test_twenty_refreshes_of_one_token_over_both_replicas_give_the_same_pair(
    pair: Pair,
) -> None:
    ann = await pair.one.sign_in("ann")
    successors = await asyncio.gather(
        *((pair.one, pair.two)[number % 2].refreshed(ann) for number in range(20))
    )
    assert len(set(successors)) == 1
    assert successors[0].refresh != ann.refresh
    assert await pair.one.knows(successors[0])
    assert await pair.two.knows(successors[0])


async def test_without_valkey_nobody_is_let_in_and_with_it_everything_works_again(
    pair: Pair,
) -> None:
    replicas = (pair.one, pair.two)
    fresh, left = await pair.one.sign_in("fresh"), await pair.one.sign_in("left")
    assert all([await replica.knows(left) for replica in replicas])
    await pair.one.log_out(left)
    await ends(left, pair.two, within=AT_ONCE)

    await pair.valkey.kill()
    try:
        for replica in replicas:
            is_unavailable_to_auth(await replica.refresh(fresh))
            for session in (fresh, left):
                answer = await replica.list_workspaces(session)
                assert answer.status_code == 503, answer.text
                assert answer.json()["error"]["code"] == "SERVICE_UNAVAILABLE"
            assert await replica.is_ready(), "what needs no Valkey goes on"
    finally:
        await pair.valkey.restart()

    back = await signs_in_again(pair.one)
    assert await pair.two.knows(back)
    back = await pair.two.refreshed(back)
    await pair.one.log_out(back)
    await ends(back, pair.two, within=RECOVERY)
    # Both have found it by now, so a logout is as quick as before.
    later = await pair.two.sign_in("later")
    assert await pair.one.knows(later)
    await pair.two.log_out(later)
    await ends(later, pair.one, within=AT_ONCE)
    for replica in replicas:
        assert not await replica.knows(left)
        assert (await replica.refresh(left)).status_code == 401


def is_unavailable_to_auth(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert set(answer.json()) == {"code", "message"}
    assert answer.json()["code"] == "AUTH008"
    assert int(answer.headers["Retry-After"]) > 0


async def signs_in_again(replica: Replica) -> Session:
    """Sign in as soon as that is possible."""
    found: list[Session] = []

    async def possible() -> bool:
        answer = await replica.http.post("/svc/auth/api/test/token", json={"name": "back"})
        if answer.status_code == 200:
            found.append(await replica.sign_in("back"))
        return bool(found)

    await until(possible, within=RECOVERY, what="somebody can sign in")
    return found[0]

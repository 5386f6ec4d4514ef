"""What happened becomes notifications: exactly once, and only for those who may know of it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextvars import Context
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec import Struct

from tests.live.servers import until
from tests.noti.bells import Office, miscounted
from tests.people import Server
from wealist.core import db, events, hub
from wealist.noti import api, reader, waker
from wealist.noti.rules import RULES
from wealist.noti.wire import bell, facts


@pytest.fixture
async def office(server: Server) -> Office:
    return await Office.of(server)


@pytest.fixture
def audience() -> Iterator[dict[UUID, set[UUID]]]:
    """Who may know of a room; rooms that it doesn't have nobody may know of."""
    rooms: dict[UUID, set[UUID]] = {}

    async def among(wanted: api.People) -> api.People:
        return {room: people & rooms.get(room, set()) for room, people in wanted.items()}

    usual = api.audiences.get("chat")
    api.audiences["chat"] = among
    yield rooms
    if usual is None:
        del api.audiences["chat"]
    else:
        api.audiences["chat"] = usual


async def many(*works: Callable[[], Awaitable[Any]]) -> list[Any]:
    """Run works at the same time, each in a context of its own."""

    async def one(work: Callable[[], Awaitable[Any]]) -> Any:
        return await work()

    return await asyncio.gather(
        *(asyncio.create_task(one(work), context=Context()) for work in works)
    )


async def test_nobody_is_told_before_the_log_is_read_and_all_of_it_is(office: Office) -> None:
    await office.asks(250)
    assert await office.list() == []
    assert await reader.catch_up() == "250 facts read late"
    assert await office.unread() == 250
    assert await reader.catch_up() is None


async def test_twenty_readers_at_once_tell_everything_once(office: Office) -> None:
    await office.asks(150)
    await many(*[reader.catch_up] * 20)
    await reader.catch_up()
    assert await office.unread() == 150
    assert await miscounted() == 0
    names = [f"Card {number}" for number in range(150)]
    found = [one["resourceName"] for page in (1, 2) for one in await office.list(page=page)]
    assert sorted(found) == sorted(names)


async def test_writers_and_readers_at_once_leave_nothing_out(office: Office) -> None:
    await many(*[lambda: office.asks(3), reader.catch_up] * 20)
    await reader.catch_up()
    assert await office.unread() == 60
    assert await miscounted() == 0


async def test_the_newest_fact_is_the_first_of_the_list(office: Office) -> None:
    await office.happens(30)
    names = [one["resourceName"] for one in await office.list()]
    assert names == [f"Card {number}" for number in reversed(range(30))]


async def test_large_facts_are_read_in_smaller_batches_but_all_of_them(office: Office) -> None:
    await office.asks(90, metadata={"text": "x" * 20_000})
    outcome = await reader.read_some(facts(UUID(office.workspace_id)))
    assert (outcome.facts < 60, outcome.more) == (True, True)
    await reader.read_all(facts(UUID(office.workspace_id)))
    assert await office.unread() == 90


async def test_facts_for_many_people_are_read_in_smaller_batches(office: Office) -> None:
    many_people = [office.ann.user_id, *(uuid4() for _ in range(998))]
    await office.asks(5, targets=many_people)
    outcome = await reader.read_some(facts(UUID(office.workspace_id)))
    assert (outcome.facts, outcome.more) == (2, True)
    await reader.read_all(facts(UUID(office.workspace_id)))
    assert await office.unread() == 5


async def test_nobody_is_told_of_what_he_did_himself(office: Office) -> None:
    before = await events.position(facts(UUID(office.workspace_id)))
    await office.happens(targets=[office.boss.user_id])
    assert await events.position(facts(UUID(office.workspace_id))) == before
    await office.happens(targets=[office.boss.user_id, office.ann.user_id])
    assert len(await office.list()) == 1


async def test_who_has_left_meanwhile_is_told_only_that(office: Office) -> None:
    await office.asks(3)
    gone = await office.boss.delete(
        f"/svc/user/api/workspaces/{office.workspace_id}/members/{office.member_id}"
    )
    assert gone.status_code == 200
    await reader.catch_up()
    [one] = await office.list()
    assert (one["type"], one["title"]) == ("WORKSPACE_REMOVED", "Boss removed you from Acme")
    assert await miscounted() == 0


async def test_strangers_are_not_told(office: Office) -> None:
    eve = await office.boss.server.person("Eve")
    await office.happens(targets=[eve.user_id, office.ann.user_id])
    assert await db.fetch_value("SELECT count(*) FROM noti.notifications") == 1


async def test_of_a_room_only_its_participants_are_told(
    office: Office, audience: dict[UUID, set[UUID]]
) -> None:
    open_room, closed_room = uuid4(), uuid4()
    audience[open_room] = {office.ann.user_id}
    for room in (open_room, closed_room):
        await office.asks(kind="CHAT_MESSAGE", resource_type="chat", resource_id=room)
    await reader.catch_up()
    assert [one["resourceId"] for one in await office.list()] == [str(open_room)]


async def test_leaving_and_being_told_at_once_leaves_nothing_behind(server: Server) -> None:
    offices = [await Office.of(server) for _ in range(10)]
    for office in offices:
        await office.asks(5)

    def leaves(office: Office) -> Callable[[], Awaitable[Any]]:
        path = f"/svc/user/api/workspaces/{office.workspace_id}/members/{office.member_id}"
        return lambda: office.ann.delete(path)

    def read(office: Office) -> Callable[[], Awaitable[Any]]:
        return lambda: reader.read_all(facts(UUID(office.workspace_id)))

    works = [work for office in offices for work in (read(office), leaves(office), read(office))]
    await many(*works)
    await reader.catch_up()
    assert await db.fetch_value("SELECT count(*) FROM noti.notifications") == 0
    assert await db.fetch_value("SELECT count(*) FROM noti.unread WHERE count > 0") == 0


class _Nonsense(Struct):
    what: str


async def test_what_is_no_fact_is_left_out(office: Office) -> None:
    channel = facts(UUID(office.workspace_id))
    await office.asks()
    async with db.transaction():
        events.append(channel, "notification.requested", _Nonsense("?"), actor=None)
    await office.asks()
    await reader.catch_up()
    assert len(await office.list()) == 2
    assert await reader.catch_up() is None


async def test_a_fact_that_cannot_be_told_does_not_stop_those_after_it(office: Office) -> None:
    async def fails(wanted: api.People) -> api.People:
        raise ValueError("this room is broken")

    await office.asks(2)
    api.audiences["broken"] = fails
    try:
        await office.asks(resource_type="broken")
        await office.asks(3)
        await reader.catch_up()
    finally:
        del api.audiences["broken"]
    assert len(await office.list()) == 5
    assert await reader.catch_up() is None
    assert await miscounted() == 0


async def test_an_outage_leaves_nothing_out(office: Office) -> None:
    async def away(wanted: api.People) -> api.People:
        raise ConnectionRefusedError("the database is away")

    await office.asks(2)
    api.audiences["board"] = away
    try:
        with pytest.raises(ConnectionRefusedError):
            await reader.catch_up()
    finally:
        del api.audiences["board"]
    assert await office.list() == []
    await reader.catch_up()
    assert len(await office.list()) == 2


async def test_the_reader_goes_on_where_retention_has_passed_it(office: Office) -> None:
    channel = facts(UUID(office.workspace_id))
    await office.asks(3)
    top = (await events.position(channel)).top
    await db.execute("DELETE FROM core.event WHERE seq < $1", top)
    await db.execute("UPDATE core.channel SET floor = $2 WHERE name = $1", channel, top - 1)
    await reader.catch_up()
    assert len(await office.list()) == 1
    await office.asks(2)
    await db.execute("DELETE FROM core.event")
    await db.execute("UPDATE core.channel SET floor = top WHERE name = $1", channel)
    await reader.catch_up()
    assert await reader.catch_up() is None
    await office.happens()
    assert len(await office.list()) == 2


async def test_a_change_that_is_taken_back_tells_nobody(office: Office) -> None:
    with pytest.raises(ZeroDivisionError):
        async with db.transaction():
            await office.asks()
            raise ZeroDivisionError
    await reader.catch_up()
    assert await office.list() == []


@pytest.mark.parametrize("kind", ["NO_SUCH_TYPE", "TASK_ASSIGNED"])
async def test_only_types_with_a_producer_can_be_told(office: Office, kind: str) -> None:
    with pytest.raises((KeyError, AssertionError)):
        await office.asks(kind=kind)


async def test_a_batch_takes_as_many_statements_for_one_fact_as_for_two_hundred_people(
    office: Office, statements: Callable[[Awaitable[object]], Awaitable[int]]
) -> None:
    channel = facts(UUID(office.workspace_id))
    await office.asks()
    one = await statements(reader.read_some(channel))
    people = [await office.boss.server.person(f"P{number}") for number in range(20)]
    for person in people:
        await office.boss.invites(office.workspace_id, person)
    await reader.catch_up()
    for kind in ("BOARD_UPDATED", "BOARD_ASSIGNED"):
        await office.asks(5, kind, targets=[person.user_id for person in people])
    assert await statements(reader.read_some(channel)) == one
    assert await db.fetch_value("SELECT count(*) FROM noti.notifications WHERE shown") >= 200


async def test_facts_committed_here_are_told_at_once(office: Office) -> None:
    waker.open()
    try:
        await office.asks(120)

        async def told() -> bool:
            return await office.unread() == 120

        await until(told, within=5, what="all are told")
        assert await miscounted() == 0
    finally:
        await waker.close()


async def test_a_reader_waits_for_another_one_and_then_reads_what_that_left(
    office: Office,
) -> None:
    channel = facts(UUID(office.workspace_id))
    waker.open()
    try:
        async with db.transaction():  # as if another process were reading
            await db.execute("SELECT FROM noti.readers WHERE channel = $1 FOR UPDATE", channel)

            async def asks() -> None:
                await office.asks(3)

            await many(asks)
            await asyncio.sleep(0.2)

        async def told() -> bool:
            return await office.unread() == 3

        await until(told, within=5, what="all are told")
    finally:
        await waker.close()


async def test_the_bell_is_announced_and_the_facts_are_not(office: Office) -> None:
    heard: list[str] = []

    def listen(written: Any, epoch: str) -> None:
        heard.extend(event.channel for event in written)

    events.on_commit.append(listen)
    try:
        await office.happens()
    finally:
        events.on_commit.remove(listen)
    assert heard == [
        facts(UUID(office.workspace_id)),
        *[bell(office.ann.user_id)] * 2,
    ]
    assert hub.current().channels == 0


async def test_every_rule_makes_a_sentence(office: Office) -> None:
    for kind, rule in RULES.items():
        if rule.producer:
            await office.asks(
                kind=kind,
                resource_type="board",
                metadata={"newStatus": "Done", "newRole": "ADMIN"},
            )
    await reader.catch_up()
    for one in await office.list():
        assert "{" not in one["title"], one
        assert "something" not in one["title"], one


async def test_what_somebody_wants_by_mail_only_is_in_no_list(office: Office) -> None:
    await db.execute(
        """
        INSERT INTO noti.preferences (user_id, subject, in_app, email, push, updated_at)
        VALUES ($1, 'BOARD_UPDATED', false, true, false, now()),
               ($1, 'BOARD_COMMENT_ADDED', false, false, false, now())
        """,
        office.ann.user_id,
    )
    await office.happens()
    await office.happens(kind="BOARD_COMMENT_ADDED")
    assert await office.list() == []
    assert await office.unread() == 0
    kinds = await db.fetch_value("SELECT array_agg(type) FROM noti.notifications")
    assert kinds == ["BOARD_UPDATED"]
    assert await miscounted() == 0


async def test_looking_for_late_facts_needs_no_look_at_all_channels(office: Office) -> None:
    async with db.transaction():
        await db.execute("SET LOCAL enable_seqscan = off")
        plan = await db.fetch_records(
            """
            EXPLAIN SELECT c.name FROM core.channel c
            WHERE c.name LIKE 'facts:%' AND c.name COLLATE "C" > ''
            ORDER BY c.name COLLATE "C"
            """
        )
    # With some statistics, and names ordered by their bytes, a range of the index over all names
    # looks as cheap.
    steps = "".join(row[0] for row in plan)
    assert "channel_facts" in steps or "< 'facts;'" in steps


async def test_a_fact_that_is_committed_while_nothing_is_found_is_told_later(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.asks()
    await reader.catch_up()
    since = events.since
    committed = asyncio.Event()

    async def and_then(*args: Any, **limits: Any) -> list[events.Event]:
        found = await since(*args, **limits)
        if not found and not committed.is_set():
            committed.set()
            await asyncio.create_task(office.asks(), context=Context())
        return found

    monkeypatch.setattr(events, "since", and_then)
    await reader.read_all(f"facts:{office.workspace_id}")
    assert committed.is_set()
    await reader.catch_up()
    assert len(await office.list()) == 2

"""What other programs have people told."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.noti.bells import INTERNAL, Office, miscounted
from tests.people import NIL, Server
from wealist.core import db


@pytest.fixture
async def office(server: Server) -> Office:
    return await Office.of(server)


async def test_one_is_told_and_shown_in_the_answer(
    office: Office, inside: httpx.AsyncClient
) -> None:
    event = office.event(resourceName="Plan")
    answer = await inside.post(INTERNAL, json=event)
    assert answer.status_code == 201
    [told] = await office.list()
    assert answer.json() == told
    assert {key: told[key] for key in event} == event


async def test_it_is_reached_under_its_old_address_but_never_from_outside(
    office: Office, inside: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    old = "/api/internal/notifications"
    assert (await inside.post(old, json=office.event())).status_code == 201
    key = {"X-Internal-Api-Key": inside.headers["x-internal-api-key"]}
    for path in (old, f"{old}/bulk", INTERNAL, f"/api{INTERNAL}", f"{INTERNAL}/bulk"):
        answer = await client.post(path, json=office.event(), headers=key)
        assert answer.status_code == 404, path


@pytest.mark.parametrize("key", [None, "", "wrong"])
async def test_the_key_is_asked_for(office: Office, server: Server, key: str | None) -> None:
    headers = {} if key is None else {"x-internal-api-key": key}
    async with server.client(internal=True, headers=headers) as other:
        answer = await other.post(INTERNAL, json=office.event())
    assert answer.status_code == 401
    assert answer.json() == {
        "success": False,
        "error": {"code": "UNAUTHORIZED", "message": "Invalid internal API key"},
    }


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"type": ""}, "type: "),
        ({"type": "lower_case"}, "type: "),
        ({"type": "A" * 51}, "type: "),
        ({"type": "NEW\n"}, "type: "),
        ({"targetUserId": NIL}, "targetUserId: "),
        ({"targetUserId": "x"}, "targetUserId: "),
        ({"workspaceId": NIL}, "workspaceId: "),
        ({"resourceId": NIL}, "resourceId: "),
        ({"resourceType": ""}, "resourceType: "),
        ({"resourceType": "x" * 31}, "resourceType: "),
        ({"actorId": NIL}, "actorId: "),
        ({"actorId": None}, "actorId: "),
        ({"metadata": []}, "metadata: "),
        ({"metadata": {"text": "x" * (16 << 10)}}, "metadata: "),
        ({"metadata": {"text": "\0"}}, "metadata: "),
        ({"metadata": {"deep": json.loads("[" * 40 + "]" * 40)}}, "metadata: "),
        ({"occurredAt": "yesterday"}, "occurredAt: "),
        ({"occurredAt": "2026-01-01T00:00:00"}, "occurredAt: "),
        ({"eventId": "x"}, "eventId: "),
        ({"workspaceId": str(uuid4())}, "targetUserId: must be a member of the workspace"),
        ({"targetUserId": str(uuid4())}, "targetUserId: must be a member of the workspace"),
    ],
)
async def test_what_is_wrong_is_named(
    office: Office, inside: httpx.AsyncClient, members: dict[str, Any], says: str
) -> None:
    answer = await inside.post(INTERNAL, json=office.event(**members))
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["code"] == "BAD_REQUEST"
    assert error["message"].startswith(says), error
    if not any("\0" in str(value) for value in members.get("metadata") or ()):
        bulk = await inside.post(f"{INTERNAL}/bulk", json={"notifications": [office.event()]})
        assert bulk.json()["created"] == 1


@pytest.mark.parametrize("actor", [{}, {"actorId": NIL}])
async def test_nobody_is_the_actor_only_if_that_is_said(
    office: Office, inside: httpx.AsyncClient, actor: dict[str, Any]
) -> None:
    event = office.event(systemActor=True, type="BOARD_OVERDUE")
    del event["actorId"]
    answer = await inside.post(INTERNAL, json=event | actor)
    assert answer.status_code == 201
    assert "actorName" not in answer.json()
    assert answer.json()["title"] == "“Card” is overdue"


async def test_types_nobody_knows_are_told_in_general_words(
    office: Office, inside: httpx.AsyncClient
) -> None:
    answer = await inside.post(INTERNAL, json=office.event(type="BUILD_FAILED_2"))
    assert answer.status_code == 201
    assert answer.json()["title"] == "Boss has news about “Card”"


async def test_long_names_are_cut(office: Office, inside: httpx.AsyncClient) -> None:
    answer = await inside.post(INTERNAL, json=office.event(resourceName="칸" * 300))
    assert answer.json()["resourceName"] == "칸" * 255


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        (timedelta(days=5), timedelta(days=5)),
        (timedelta(days=500), timedelta(days=30)),
        (timedelta(days=-5), timedelta()),
    ],
)
async def test_times_count_within_the_last_thirty_days(
    office: Office, inside: httpx.AsyncClient, given: timedelta, counts: timedelta
) -> None:
    moment = datetime.now(UTC)
    event = office.event(occurredAt=(moment - given).isoformat())
    answer = await inside.post(INTERNAL, json=event)
    created = datetime.fromisoformat(answer.json()["createdAt"])
    assert abs(created - (moment - counts)) < timedelta(seconds=10)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_the_ends_of_the_calendar_are_times_like_others(
    office: Office, inside: httpx.AsyncClient, text: str
) -> None:
    answer = await inside.post(INTERNAL, json=office.event(occurredAt=text))
    assert answer.status_code == 201, answer.text


async def test_the_same_event_is_told_once_however_often_it_is_sent(
    office: Office, inside: httpx.AsyncClient
) -> None:
    event = office.event(eventId=str(uuid4()))
    answers = await asyncio.gather(*(inside.post(INTERNAL, json=event) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(await office.list()) == 1
    assert await miscounted() == 0


async def test_bulks_of_the_same_events_in_any_order_tell_them_once(
    office: Office, inside: httpx.AsyncClient
) -> None:
    events = [office.event(eventId=str(uuid4())) for _ in range(20)]

    def bulk(number: int) -> Awaitable[httpx.Response]:
        turned = events[number:] + events[:number]
        return inside.post(f"{INTERNAL}/bulk", json={"notifications": turned})

    answers = await asyncio.gather(*(bulk(number) for number in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert sum(answer.json()["created"] for answer in answers) == 20
    assert all(len(answer.json()["notifications"]) == 20 for answer in answers)
    assert len(await office.list()) == 20
    assert await miscounted() == 0


async def test_a_bulk_says_of_each_item_what_became_of_it(
    office: Office, inside: httpx.AsyncClient
) -> None:
    await db.execute(
        """
        INSERT INTO noti.preferences (user_id, subject, in_app, email, push, updated_at)
        VALUES ($1, 'BOARD_COMMENT_ADDED', false, false, false, now())
        """,
        office.ann.user_id,
    )
    twice = office.event(eventId=str(uuid4()))
    items = [
        twice,
        office.event(type="x"),
        twice,
        office.event(type="BOARD_COMMENT_ADDED"),
        office.event(targetUserId=str(uuid4())),
        "nonsense",
        office.event(targetUserId=office.boss.id),
    ]
    answer = await inside.post(f"{INTERNAL}/bulk", json={"notifications": items})
    assert answer.status_code == 201
    body = answer.json()
    assert body["created"] == 1
    assert [one["id"] for one in body["notifications"]] == [body["results"][0]["id"]]
    assert [(one["index"], one["status"]) for one in body["results"]] == [
        (0, "created"),
        (1, "refused"),
        (2, "known"),
        (3, "muted"),
        (4, "refused"),
        (5, "refused"),
        (6, "muted"),
    ]
    assert body["results"][1]["error"].startswith("type: ")
    assert len(await office.list()) == 1


async def test_a_refused_item_spoils_no_other_of_the_same_event(
    office: Office, inside: httpx.AsyncClient
) -> None:
    event_id = str(uuid4())
    items = [
        office.event(eventId=event_id, workspaceId=str(uuid4())),
        office.event(eventId=event_id),
    ]
    answer = await inside.post(f"{INTERNAL}/bulk", json={"notifications": items})
    assert [one["status"] for one in answer.json()["results"]] == ["refused", "created"]


async def test_who_wants_no_such_notifications_gets_none(
    office: Office, inside: httpx.AsyncClient
) -> None:
    answer = await inside.post(INTERNAL, json=office.event(targetUserId=office.boss.id))
    assert answer.status_code == 200
    assert answer.json() == {"index": 0, "status": "muted"}


@pytest.mark.parametrize("items", [[], "x", None, [1] * 101])
async def test_a_bulk_has_one_to_a_hundred_items(
    office: Office, inside: httpx.AsyncClient, items: Any
) -> None:
    answer = await inside.post(f"{INTERNAL}/bulk", json={"notifications": items})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("notifications: ")


async def test_a_bulk_takes_as_many_statements_for_one_as_for_a_hundred(
    office: Office,
    inside: httpx.AsyncClient,
    statements: Callable[[Awaitable[object]], Awaitable[int]],
) -> None:
    def bulk(count: int) -> Awaitable[object]:
        events = [office.event() for _ in range(count)]
        return inside.post(f"{INTERNAL}/bulk", json={"notifications": events})

    await bulk(1)
    assert await statements(bulk(1)) == await statements(bulk(100))

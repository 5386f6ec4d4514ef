"""Who of one's colleagues is there, asked over HTTP (contract: chat.md §4.3, A7, need 24)."""

from typing import Any
from uuid import UUID

import msgspec

from tests.chat.making import Office, ask, call, refused
from tests.people import Person
from wealist.chat import presence
from wealist.chat.circles import SET_BACK, Circle
from wealist.core import online
from wealist.core.frames import Frame
from wealist.core.online_ledger import Change

ONLINE = "/presence/online"
MOMENT = 1_795_000_000_000_000


def here(person: Person) -> online.Connection:
    return online.here(UUID(person.id))


async def test_those_who_are_there_are_listed_to_their_colleagues_only(office: Office) -> None:
    path = f"{ONLINE}?workspaceId={office.workspace_id}"
    with here(office.bob), here(office.eve) as eve, here(office.outsider):
        eve.away(True)
        for query in (path, ONLINE):
            [row] = await call(office.ann, "GET", query)
            assert row.keys() == {"userId", "workspaceId", "status", "isOnline", "lastSeen"}
            assert (row["userId"], row["workspaceId"]) == (office.bob.id, office.workspace_id)
            assert (row["status"], row["isOnline"]) == ("ONLINE", True)
        own = await call(office.outsider, "GET", ONLINE)
        assert office.bob.id not in [row["userId"] for row in own]
        eve.away(False)
        assert len(await call(office.ann, "GET", path)) == 2
    await refused(office.outsider, "GET", path, None, 403)
    await refused(office.ann, "GET", f"{ONLINE}?workspaceId=x", None, 400, "workspace")


async def test_a_colleagues_status_says_whether_he_is_there(office: Office) -> None:
    path = f"/presence/status/{office.bob.id}"
    answer = await ask(office.ann, "GET", path)
    assert answer.json() == {
        "success": True,
        "message": {
            "userId": office.bob.id,
            "workspaceId": office.workspace_id,
            "status": "OFFLINE",
            "isOnline": False,
        },
    }
    with here(office.bob) as bob:
        found = await call(office.ann, "GET", path)
        assert (found["status"], found["isOnline"]) == ("ONLINE", True)
        bob.away(True)
        found = await call(office.ann, "GET", path)
        assert (found["status"], found["isOnline"]) == ("AWAY", True)
        assert (await call(office.bob, "GET", path))["userId"] == office.bob.id
    for stranger in (f"/presence/status/{office.outsider.id}", f"/presence/status/{UUID(int=1)}"):
        await refused(office.ann, "GET", stranger, None, 404, "User presence not found")
    await refused(office.ann, "GET", "/presence/status/x", None, 400, "Invalid user ID")


async def test_who_is_gone_was_last_seen_when_he_went(office: Office) -> None:
    await presence.changed(Change(UUID(office.bob.id), "ONLINE", MOMENT))
    await presence.changed(Change(UUID(office.bob.id), "OFFLINE", MOMENT + 1))
    first = await call(office.ann, "GET", f"/presence/status/{office.bob.id}")
    assert (first["status"], first["isOnline"]) == ("OFFLINE", False)
    again = await call(office.ann, "GET", f"/presence/status/{office.bob.id}")
    assert again["lastSeen"] == first["lastSeen"]


class Kept:
    """An outbox that keeps what it is to send."""

    def __init__(self, person: Person) -> None:
        self.user_id = UUID(person.id)
        self.frames: list[Any] = []

    def whisper(self, frame: Frame) -> None:
        self.frames.append(msgspec.json.decode(frame.text))


async def test_of_two_replicas_news_the_later_counts_in_whatever_order_they_come(
    office: Office,
) -> None:
    second = await office.ann.workspace()
    await office.ann.invites(second["workspaceId"], office.bob)
    kept, bob = Kept(office.ann), UUID(office.bob.id)
    circle = Circle(kept)  # type: ignore[arg-type]
    await circle.draw()
    try:
        for status, later in (
            ("ONLINE", 9),
            ("OFFLINE", 8),
            ("AWAY", 10),
            ("ONLINE", -2 * SET_BACK),  # the clock was set back
            ("OFFLINE", 1 - 2 * SET_BACK),
        ):
            await presence.changed(Change(bob, status, MOMENT + later))  # type: ignore[arg-type]
    finally:
        circle.close()
    assert [one["status"] for one in kept.frames] == ["ONLINE", "AWAY", "ONLINE", "OFFLINE"]
    assert [one["order"] - MOMENT for one in kept.frames[:2]] == [9, 10]


async def test_who_has_left_the_workspace_neither_sees_nor_is_seen(office: Office) -> None:
    await office.removes(office.bob)
    with here(office.bob), here(office.ann):
        assert [row["userId"] for row in await call(office.eve, "GET", ONLINE)] == [office.ann.id]
        path = f"/presence/status/{office.bob.id}"
        await refused(office.ann, "GET", path, None, 404)
        await refused(office.bob, "GET", f"/presence/status/{office.ann.id}", None, 404)
        query = f"{ONLINE}?workspaceId={office.workspace_id}"
        await refused(office.bob, "GET", query, None, 403)

"""What people want to be told of, by which channels: the table, its scopes, and mutes."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest

from tests.noti.telling import ROOT, set_times, tell
from tests.people import Person, Server
from wealist.core import db, events
from wealist.core.wire import now
from wealist.noti import preferences
from wealist.noti.choices import Asked, choose_each
from wealist.noti.preferences import NOTHING, Choice

PREFERENCES = f"{ROOT}/preferences"


class Desk(NamedTuple):
    """A person with a colleague in a workspace with a project."""

    kim: Person
    boss: Person
    workspace_id: str
    project_id: str

    @property
    def everywhere(self) -> dict[str, str]:
        return {}

    @property
    def workspace(self) -> dict[str, str]:
        return {"workspaceId": self.workspace_id}

    @property
    def project(self) -> dict[str, str]:
        return {"workspaceId": self.workspace_id, "projectId": self.project_id}

    async def choose(self, scope: dict[str, str], subject: str, **channels: bool | None) -> Any:
        answer = await self.kim.http.patch(
            PREFERENCES, params=scope, json={"subject": subject, **channels}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def choice(self, kind: str = "BOARD_UPDATED", **place: Any) -> Choice:
        asked = Asked(
            self.kim.user_id,
            kind,
            UUID(place.get("workspace_id", self.workspace_id)),
            UUID(place.get("project_id", self.project_id)),
            place.get("resource_id", uuid4()),
        )
        [found] = await choose_each([asked])
        return found


@pytest.fixture
async def desk(server: Server) -> Desk:
    kim, boss = await server.person("Kim"), await server.person("Boss")
    workspace_id = (await boss.workspace())["workspaceId"]
    await boss.invites(workspace_id, kim)
    return Desk(kim, boss, workspace_id, str(uuid4()))


async def test_without_a_choice_the_rules_of_the_types_count(desk: Desk) -> None:
    assert await desk.choice("BOARD_UPDATED") == Choice(True, False, False)
    assert await desk.choice("BOARD_ASSIGNED") == Choice(True, True, True)
    assert await desk.choice("SOMETHING_NEW") == Choice(True, False, False)


async def test_the_nearest_entry_counts_for_each_channel_by_itself(desk: Desk) -> None:
    await desk.choose(desk.everywhere, "*", inApp=False, email=True, push=True)
    assert await desk.choice() == Choice(False, True, True)
    await desk.choose(desk.workspace, "updates", email=False)
    assert await desk.choice() == Choice(False, False, True)
    await desk.choose(desk.project, "*", inApp=True)
    assert await desk.choice() == Choice(True, False, True)
    await desk.choose(desk.project, "BOARD_UPDATED", inApp=False, email=True)
    assert await desk.choice() == Choice(False, True, True)
    assert await desk.choice("BOARD_ASSIGNED") == Choice(True, True, True)
    assert await desk.choice(project_id=str(uuid4())) == Choice(False, False, True)
    assert await desk.choice(workspace_id=str(uuid4())) == Choice(False, True, True)


async def test_inside_a_scope_a_type_beats_its_category_and_that_beats_all(desk: Desk) -> None:
    await desk.choose(desk.workspace, "BOARD_UPDATED", push=True)
    await desk.choose(desk.workspace, "updates", push=False, email=True)
    await desk.choose(desk.workspace, "*", push=False, email=False, inApp=False)
    assert await desk.choice() == Choice(False, True, True)
    await desk.choose(desk.workspace, "BOARD_UPDATED", push=None)
    assert await desk.choice() == Choice(False, True, False)


async def test_the_table_shows_what_counts_and_what_was_chosen_here(desk: Desk) -> None:
    await desk.choose(desk.everywhere, "comments", push=False)
    shown = await desk.choose(desk.workspace, "BOARD_COMMENT_ADDED", email=True)
    row = next(row for row in shown["types"] if row["type"] == "BOARD_COMMENT_ADDED")
    assert row == {
        "type": "BOARD_COMMENT_ADDED",
        "category": "comments",
        "inApp": True,
        "email": True,
        "push": False,
    }
    assert shown["entries"] == [
        {"subject": "BOARD_COMMENT_ADDED", "inApp": None, "email": True, "push": None}
    ]
    for row in shown["types"]:
        chosen = await desk.choice(row["type"])
        assert chosen == Choice(row["inApp"], row["email"], row["push"]), row["type"]


async def test_a_scope_is_replaced_and_forgotten_as_a_whole(desk: Desk) -> None:
    await desk.choose(desk.workspace, "*", email=False)
    entries = [{"subject": "updates", "push": True}, {"subject": "chat", "inApp": False}]
    for _ in range(2):
        answer = await desk.kim.put(PREFERENCES, params=desk.workspace, json={"entries": entries})
        assert [entry["subject"] for entry in answer.json()["entries"]] == ["chat", "updates"]
    assert await desk.choice() == Choice(True, False, True)
    for _ in range(2):
        assert (await desk.kim.delete(PREFERENCES, params=desk.workspace)).status_code == 204
    assert (await desk.kim.get(PREFERENCES, params=desk.workspace)).json()["entries"] == []
    assert await desk.choice() == Choice(True, False, False)


async def test_only_ones_own_workspaces_are_scopes(desk: Desk, server: Server) -> None:
    stranger = await server.person("Stranger")
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        body = {"PUT": {"entries": []}, "PATCH": {"subject": "*", "email": True}}.get(method)
        answer = await stranger.http.request(method, PREFERENCES, params=desk.workspace, json=body)
        assert answer.status_code == 404, method
    answer = await desk.kim.get(PREFERENCES, params={"projectId": desk.project_id})
    assert answer.status_code == 400
    assert "workspaceId" in answer.text


async def test_a_subject_has_to_be_one(desk: Desk) -> None:
    answer = await desk.kim.http.patch(PREFERENCES, json={"subject": "NOPE", "email": True})
    assert answer.status_code == 400
    assert "subject" in answer.text


async def test_other_devices_hear_of_every_change(desk: Desk) -> None:
    channel = f"bell:{desk.kim.id}"
    before = (await events.position(channel)).top
    shown = await desk.choose(desk.workspace, "*", email=False)
    await set_times(desk.kim, digest="DAILY")
    until = (now() + timedelta(hours=1)).isoformat()
    await desk.kim.put(
        f"{ROOT}/mutes/{desk.workspace_id}",
        json={**desk.workspace, "kind": "WORKSPACE", "until": until},
    )
    told = await events.since(channel, before)
    assert [event.type for event in told] == [
        "preferences-changed",
        "settings-changed",
        "mutes-changed",
    ]
    assert bytes(told[0].payload).decode().count('"BOARD_UPDATED"') == 1
    assert shown["entries"][0]["subject"] == "*"


async def test_what_one_leaves_is_forgotten(desk: Desk) -> None:
    await desk.choose(desk.workspace, "*", email=False)
    await desk.choose(desk.project, "*", email=False)
    await desk.choose(desk.everywhere, "*", push=False)
    await desk.kim.put(
        f"{ROOT}/mutes/{desk.workspace_id}", json={**desk.workspace, "kind": "WORKSPACE"}
    )
    members = await desk.boss.get(f"/svc/user/api/workspaces/{desk.workspace_id}/members")
    mine = next(m for m in members.json() if m["userId"] == desk.kim.id)
    gone = await desk.boss.delete(
        f"/svc/user/api/workspaces/{desk.workspace_id}/members/{mine['workspaceMemberId']}"
    )
    assert gone.status_code == 200
    left = await db.fetch_value("SELECT count(*) FROM noti.preferences")
    assert (left, await db.fetch_value("SELECT count(*) FROM noti.mutes")) == (1, 0)


async def test_twenty_changes_at_once_leave_one_entry_for_each_subject(desk: Desk) -> None:
    async def change(turn: int) -> None:
        await desk.choose(desk.workspace, "*", **{("email", "push")[turn % 2]: turn % 4 < 2})

    await asyncio.gather(
        *(asyncio.create_task(change(turn), context=Context()) for turn in range(20))
    )
    shown = (await desk.kim.get(PREFERENCES, params=desk.workspace)).json()
    [entry] = shown["entries"]
    assert None not in (entry["email"], entry["push"])


async def test_scopes_are_limited_also_when_many_are_made_at_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preferences, "MOST_SCOPES", 5)

    async def another() -> int:
        scope = {**desk.workspace, "projectId": str(uuid4())}
        answer = await desk.kim.http.patch(
            PREFERENCES, params=scope, json={"subject": "*", "email": False}
        )
        return answer.status_code

    answers = await asyncio.gather(
        *(asyncio.create_task(another(), context=Context()) for _ in range(20))
    )
    assert sorted(answers) == [200] * 5 + [409] * 15


async def test_choosing_for_many_is_one_statement(
    desk: Desk, statements: Callable[[Awaitable[object]], Awaitable[int]]
) -> None:
    workspace_id, project_id = UUID(desk.workspace_id), UUID(desk.project_id)
    for count in (1, 200):
        asked = [
            Asked(uuid4(), "BOARD_UPDATED", workspace_id, project_id, uuid4()) for _ in range(count)
        ]
        assert await statements(choose_each(asked)) == 1


# --- mutes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["WORKSPACE", "PROJECT", "RESOURCE"])
async def test_what_is_muted_is_not_told(desk: Desk, kind: str) -> None:
    card = uuid4()
    thing = {"WORKSPACE": desk.workspace_id, "PROJECT": desk.project_id, "RESOURCE": str(card)}[
        kind
    ]
    body = {"workspaceId": desk.workspace_id, "kind": kind}
    answer = await desk.kim.put(f"{ROOT}/mutes/{thing}", json=body)
    assert [(mute["id"], mute["kind"]) for mute in answer.json()["mutes"]] == [(thing, kind)]
    assert await desk.choice("BOARD_ASSIGNED", resource_id=card) == NOTHING
    args = {"project_id": UUID(desk.project_id), "resource_id": card}
    assert await tell(desk.kim, desk.workspace_id, actor=desk.boss, **args) is None
    for _ in range(2):
        assert (await desk.kim.delete(f"{ROOT}/mutes/{thing}")).status_code == 204
    assert await tell(desk.kim, desk.workspace_id, actor=desk.boss, **args) is not None


async def test_a_mute_ends_by_itself(desk: Desk) -> None:
    until = (now() + timedelta(hours=1)).isoformat()
    body = {"workspaceId": desk.workspace_id, "kind": "PROJECT", "until": until}
    await desk.kim.put(f"{ROOT}/mutes/{desk.project_id}", json=body)
    assert await desk.choice() == NOTHING
    await db.execute("UPDATE noti.mutes SET until = now() - interval '1 second'")
    assert await desk.choice() == Choice(True, False, False)
    assert (await desk.kim.get(f"{ROOT}/mutes")).json() == {"mutes": []}
    past = (now() - timedelta(hours=1)).isoformat()
    answer = await desk.kim.put(f"{ROOT}/mutes/{desk.project_id}", json={**body, "until": past})
    assert answer.status_code == 400
    assert "until" in answer.text


async def test_a_mute_ends_within_ten_years_or_never(desk: Desk) -> None:
    body = {"workspaceId": desk.workspace_id, "kind": "PROJECT"}
    for until in ("9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "2026-11-27T10:00"):
        wanted = {**body, "until": until}
        answer = await desk.kim.put(f"{ROOT}/mutes/{desk.project_id}", json=wanted)
        assert answer.status_code == 400, until
        assert "until" in answer.text


async def test_a_pause_that_is_over_is_none(desk: Desk) -> None:
    shown = await set_times(desk.kim, pausedUntil="0001-01-01T00:00:00+14:00")
    assert shown["pausedUntil"] is None


async def test_strangers_mute_nothing(desk: Desk, server: Server) -> None:
    stranger = await server.person("Stranger")
    body = {"workspaceId": desk.workspace_id, "kind": "WORKSPACE"}
    answer = await stranger.put(f"{ROOT}/mutes/{desk.workspace_id}", json=body)
    assert answer.status_code == 404
    answer = await desk.kim.put(f"{ROOT}/mutes/{uuid4()}", json=body)
    assert answer.status_code == 400


# --- settings --------------------------------------------------------------------------------


async def test_settings_have_defaults_and_a_version(desk: Desk) -> None:
    answer = await desk.kim.get(f"{ROOT}/settings")
    assert answer.json() == {
        "timeZone": "UTC",
        "quietStart": None,
        "quietEnd": None,
        "quietDays": [1, 2, 3, 4, 5, 6, 7],
        "pausedUntil": None,
        "digest": "HOURLY",
        "digestHour": 8,
        "emailOffered": False,
        "pushOffered": False,
        "version": 0,
    }
    changed = await set_times(desk.kim, timeZone="Asia/Seoul", quietStart="22:00", quietEnd="07:30")
    assert (changed["quietStart"], changed["quietEnd"], changed["version"]) == ("22:00", "07:30", 1)
    changed = await set_times(desk.kim, quietDays=[5, 1, 5], digest="DAILY")
    assert (changed["quietDays"], changed["timeZone"]) == ([1, 5], "Asia/Seoul")
    stale = await desk.kim.put(
        f"{ROOT}/settings", json={"digest": "OFF"}, headers={"If-Match": '"1"'}
    )
    assert stale.status_code == 412
    assert stale.json()["current"]["digest"] == "DAILY"
    assert (await set_times(desk.kim, quietStart=None, quietEnd=None))["quietStart"] is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"timeZone": "Atlantis/Capital"}, "timeZone"),
        ({"timeZone": "../../etc/passwd"}, "timeZone"),
        ({"quietStart": "22:00"}, "quietStart"),
        ({"quietStart": "22:00", "quietEnd": "22:00"}, "quietEnd"),
        ({"quietStart": "25:00", "quietEnd": "07:00"}, "quietStart"),
        ({"quietDays": [8]}, "quietDays"),
        ({"digest": "WEEKLY"}, "digest"),
        ({"digestHour": 24}, "digestHour"),
        ({"pausedUntil": "2026-11-27T10:00:00"}, "pausedUntil"),
        ({"pausedUntil": "9999-12-31T23:59:59-12:00"}, "pausedUntil"),
    ],
)
async def test_settings_that_can_not_be_name_the_field(
    desk: Desk, change: dict[str, Any], field: str
) -> None:
    answer = await desk.kim.put(f"{ROOT}/settings", json=change)
    assert answer.status_code == 400
    assert field in answer.json()["error"]["message"]

"""Workspaces over HTTP: create, see, change, delete, prefer, search."""

import asyncio

import pytest

from tests.fold import PersonView, WorkspaceView, folds
from tests.people import NIL, Server

ALL = "/svc/user/api/workspaces/all"
WORKSPACES = "/svc/user/api/workspaces"


async def test_its_creator_owns_a_new_workspace(server: Server) -> None:
    ann = await server.person("Ann")
    async with folds(PersonView(ann)):
        answer = await ann.post(
            f"{WORKSPACES}/create",
            json={"workspaceName": "  Acme ", "workspaceDescription": "-"},
        )
    assert answer.status_code == 201
    created = answer.json()
    assert created.keys() == {
        "workspaceId",
        "ownerId",
        "workspaceName",
        "workspaceDescription",
        "isPublic",
        "needApproved",
        "isActive",
        "createdAt",
        "version",
        "ownerNickName",
        "ownerEmail",
    }
    assert created["ownerId"] == ann.id
    assert created["workspaceName"] == "Acme"
    assert created["isPublic"] is True
    assert created["needApproved"] is True
    assert created["ownerNickName"] == "Ann"
    assert created["ownerEmail"] == ann.email
    assert answer.headers["etag"] == '"1"'
    mine = (await ann.get(ALL)).json()
    assert mine == [
        {
            "workspaceId": created["workspaceId"],
            "workspaceName": "Acme",
            "workspaceDescription": "-",
            "owner": True,
            "role": "OWNER",
            "createdAt": created["createdAt"],
            "isDefault": True,
        }
    ]


async def test_false_flags_are_honoured_on_creation(server: Server) -> None:
    ann = await server.person("Ann")
    created = await ann.workspace(isPublic=False, needApproved=False)
    assert created["isPublic"] is False
    assert created["needApproved"] is False


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "workspaceName"),
        ({"workspaceName": None}, "workspaceName"),
        ({"workspaceName": 5}, "workspaceName"),
        ({"workspaceName": "   "}, "workspaceName"),
        ({"workspaceName": "x" * 101}, "workspaceName"),
        ({"workspaceName": "a\u0000b"}, "workspaceName"),
        ({"workspaceName": "a\u0007b"}, "workspaceName"),
        ({"workspaceName": "x", "workspaceDescription": "y" * 1001}, "workspaceDescription"),
        ({"workspaceName": "x", "isPublic": "yes"}, "isPublic"),
    ],
)
async def test_a_bad_workspace_is_refused_by_field(
    server: Server, body: object, field: str
) -> None:
    ann = await server.person("Ann")
    answer = await ann.post(f"{WORKSPACES}/create", json=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert field in error["message"]
    assert (await ann.get(ALL)).json() == []


async def test_only_the_first_workspace_becomes_the_default(server: Server) -> None:
    ann = await server.person("Ann")
    await ann.workspace("One")
    await ann.workspace("Two")
    mine = (await ann.get(ALL)).json()
    assert [(row["workspaceName"], row["isDefault"]) for row in mine] == [
        ("One", True),
        ("Two", False),
    ]


async def test_the_default_can_be_switched(server: Server) -> None:
    ann = await server.person("Ann")
    await ann.workspace("One")
    two = await ann.workspace("Two")
    async with folds(PersonView(ann), WorkspaceView(ann, two["workspaceId"])):
        answer = await ann.post(f"{WORKSPACES}/default", json={"workspaceId": two["workspaceId"]})
    assert answer.status_code == 200
    assert answer.json().keys() == {"message"}
    assert [row["isDefault"] for row in (await ann.get(ALL)).json()] == [False, True]


async def test_twenty_switches_at_once_leave_exactly_one_default(server: Server) -> None:
    ann = await server.person("Ann")
    ids = [(await ann.workspace(f"W{n}"))["workspaceId"] for n in range(5)]
    answers = await asyncio.gather(
        *(ann.post(f"{WORKSPACES}/default", json={"workspaceId": ids[n % 5]}) for n in range(20))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert sum(row["isDefault"] for row in (await ann.get(ALL)).json()) == 1


async def test_a_workspace_changes_only_where_the_change_says(server: Server) -> None:
    ann = await server.person("Ann")
    made = await ann.workspace(workspaceDescription="about")
    root = f"{WORKSPACES}/ids/{made['workspaceId']}"
    async with folds(PersonView(ann), WorkspaceView(ann, made["workspaceId"])):
        answer = await ann.put(root, json={"workspaceName": "New", "isPublic": None})
    assert answer.status_code == 200
    changed = answer.json()
    assert changed["workspaceName"] == "New"
    assert changed["workspaceDescription"] == "about"
    assert changed["isPublic"] is True
    alias = await ann.put(f"{WORKSPACES}/{made['workspaceId']}", json={"isPublic": False})
    assert alias.json()["isPublic"] is False


async def test_settings_are_read_and_written_whole(server: Server) -> None:
    ann = await server.person("Ann")
    made = await ann.workspace()
    root = f"{WORKSPACES}/{made['workspaceId']}/settings"
    before = (await ann.get(root)).json()
    assert before == {
        "workspaceId": made["workspaceId"],
        "workspaceName": "Acme",
        "workspaceDescription": "",
        "isPublic": True,
        "requiresApproval": True,
        "onlyOwnerCanInvite": True,
        "version": 1,
    }
    wanted = {
        "workspaceName": "B",
        "workspaceDescription": "d",
        "isPublic": False,
        "requiresApproval": False,
        "onlyOwnerCanInvite": False,
    }
    async with folds(PersonView(ann), WorkspaceView(ann, made["workspaceId"])):
        answer = await ann.put(root, json=wanted)
    assert answer.status_code == 200
    assert answer.json() == {**wanted, "workspaceId": made["workspaceId"], "version": 2}
    assert (await ann.get(root)).json() == answer.json()


async def test_a_change_based_on_an_old_version_is_refused_with_the_current_state(
    server: Server,
) -> None:
    ann = await server.person("Ann")
    made = await ann.workspace()
    root = f"{WORKSPACES}/{made['workspaceId']}/settings"
    tag = (await ann.get(root)).headers["etag"]
    first = await ann.put(root, json={"workspaceName": "First"}, headers={"If-Match": tag})
    second = await ann.put(root, json={"workspaceName": "Second"}, headers={"If-Match": tag})
    assert first.status_code == 200
    assert second.status_code == 412
    assert second.json()["current"]["workspaceName"] == "First"
    assert second.headers["etag"] == first.headers["etag"]
    assert (await ann.get(root)).json()["workspaceName"] == "First"


async def test_the_state_that_won_has_the_shape_of_what_was_changed(server: Server) -> None:
    ann = await server.person("Ann")
    made = await ann.workspace()
    path = f"{WORKSPACES}/ids/{made['workspaceId']}"
    old = {"If-Match": '"7"'}
    answer = await ann.put(path, json={"workspaceName": "B"}, headers=old)
    assert answer.status_code == 412
    assert answer.json()["current"] == made


async def test_of_twenty_changes_of_one_version_one_wins(server: Server) -> None:
    ann = await server.person("Ann")
    made = await ann.workspace()
    root = f"{WORKSPACES}/{made['workspaceId']}/settings"
    answers = await asyncio.gather(
        *(
            ann.put(root, json={"workspaceName": f"N{n}"}, headers={"If-Match": '"1"'})
            for n in range(20)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 19


async def test_a_deleted_workspace_is_gone_for_everybody(server: Server) -> None:
    ann, ben, cat = [await server.person(name) for name in ("Ann", "Ben", "Cat")]
    made = await ann.workspace()
    workspace_id = made["workspaceId"]
    await ann.invites(workspace_id, ben)
    await cat.post(f"{WORKSPACES}/join-requests", json={"workspaceId": workspace_id})
    async with folds(
        PersonView(ann), PersonView(ben), PersonView(cat), WorkspaceView(ann, workspace_id)
    ):
        answer = await ann.delete(f"{WORKSPACES}/{workspace_id}")
    assert answer.status_code == 200
    for person in (ann, ben, cat):
        assert (await person.get(ALL)).json() == []
        assert (await person.get(f"{WORKSPACES}/{workspace_id}")).status_code == 404
        check = await person.get(f"{WORKSPACES}/{workspace_id}/validate-member/{person.id}")
        assert check.json() == {"isMember": False}
    assert [
        row["workspaceId"] for row in (await ben.get("/svc/user/api/profiles/all/me")).json()
    ] == [NIL]
    assert (await ann.delete(f"{WORKSPACES}/{workspace_id}")).status_code == 404


async def test_search_finds_public_workspaces_by_any_part_of_the_name(server: Server) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    await ann.workspace("Zebra a/b team")
    await ann.workspace("Hidden a/b", isPublic=False)
    gone = await ann.workspace("Gone a/b")
    await ann.delete(f"{WORKSPACES}/{gone['workspaceId']}")
    await ann.workspace("Apple A/B")
    found = (await ben.get(f"{WORKSPACES}/public/a/b")).json()
    assert [row["workspaceName"] for row in found] == ["Apple A/B", "Zebra a/b team"]
    assert found[0]["ownerNickName"] == "Ann"
    assert found[0]["ownerEmail"] == ann.email


@pytest.mark.parametrize("wild", ["%", "_", "%25", "A_me", "\\"])
async def test_wildcards_in_a_search_are_plain_characters(server: Server, wild: str) -> None:
    ann = await server.person("Ann")
    await ann.workspace("Acme")
    answer = await ann.get(f"{WORKSPACES}/public/{wild.replace('%', '%25')}")
    assert answer.status_code == 200
    assert answer.json() == []


async def test_search_returns_at_most_twenty(server: Server) -> None:
    ann = await server.person("Ann")
    for n in range(22):
        await ann.workspace(f"Team {n:02}")
    found = (await ann.get(f"{WORKSPACES}/public/team")).json()
    assert [row["workspaceName"] for row in found] == [f"Team {n:02}" for n in range(20)]


async def test_the_list_has_an_alias(server: Server) -> None:
    ann = await server.person("Ann")
    await ann.workspace()
    assert (await ann.get(WORKSPACES)).json() == (await ann.get(ALL)).json()

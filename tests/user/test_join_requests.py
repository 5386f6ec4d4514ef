"""Join requests over HTTP: ask, list, decide."""

import asyncio
from uuid import uuid4

import pytest

from tests.fold import PersonView, WorkspaceView, folds
from tests.people import NIL, Person, Server

ROOT = "/svc/user/api/workspaces"


async def ask(person: Person, workspace_id: str) -> dict[str, str]:
    answer = await person.post(f"{ROOT}/join-requests", json={"workspaceId": workspace_id})
    assert answer.status_code == 201, answer.text
    request: dict[str, str] = answer.json()
    return request


async def test_a_request_waits_for_a_decision(server: Server) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    workspace_id = (await ann.workspace())["workspaceId"]
    async with folds(PersonView(ben), WorkspaceView(ann, workspace_id)):
        request = await ask(ben, workspace_id)
    assert request["status"] == "PENDING"
    assert request["workspaceName"] == "Acme"
    mine = (await ben.get(f"{ROOT}/all")).json()
    assert [(row["role"], row["owner"]) for row in mine] == [("PENDING", False)]
    for name in ("pendingMembers", "joinRequests"):
        rows = (await ann.get(f"{ROOT}/{workspace_id}/{name}")).json()
        assert [
            (row["joinRequestId"], row["userId"], row["nickName"], row["userEmail"]) for row in rows
        ] == [(request["joinRequestId"], ben.id, "Ben", ben.email)]


@pytest.mark.parametrize("way", ["request", "person"])
async def test_an_approved_person_becomes_a_member(server: Server, way: str) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    workspace_id = (await ann.workspace())["workspaceId"]
    request = await ask(ben, workspace_id)
    async with folds(PersonView(ben), WorkspaceView(ann, workspace_id)):
        if way == "request":
            path = f"{ROOT}/{workspace_id}/joinRequests/{request['joinRequestId']}"
            answer = await ann.put(path, json={"status": "APPROVED"})
        else:
            answer = await ann.post(f"{ROOT}/{workspace_id}/members/{ben.id}/approve", json={})
    assert answer.status_code == 200
    assert answer.json()["status"] == "APPROVED"
    assert answer.json()["userEmail"] == ben.email
    assert answer.json()["workspaceName"] == "Acme"
    assert [row["role"] for row in (await ben.get(f"{ROOT}/all")).json()] == ["MEMBER"]


async def test_a_rejected_person_may_ask_again(server: Server) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    workspace_id = (await ann.workspace())["workspaceId"]
    await ask(ben, workspace_id)
    async with folds(PersonView(ben), WorkspaceView(ann, workspace_id)):
        answer = await ann.post(f"{ROOT}/{workspace_id}/members/{ben.id}/reject", json={})
    assert answer.json()["status"] == "REJECTED"
    assert (await ben.get(f"{ROOT}/all")).json() == []
    rejected = await ann.get(f"{ROOT}/{workspace_id}/joinRequests", params={"status": "REJECTED"})
    assert len(rejected.json()) == 1
    assert (await ask(ben, workspace_id))["status"] == "PENDING"


async def test_an_open_workspace_lets_people_in_at_once(server: Server) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    workspace_id = (await ann.workspace(needApproved=False))["workspaceId"]
    async with folds(PersonView(ben), WorkspaceView(ann, workspace_id)):
        request = await ask(ben, workspace_id)
    assert request["status"] == "APPROVED"
    assert [row["role"] for row in (await ben.get(f"{ROOT}/all")).json()] == ["MEMBER"]
    approved = await ann.get(f"{ROOT}/{workspace_id}/joinRequests", params={"status": "APPROVED"})
    assert [row["joinRequestId"] for row in approved.json()] == [request["joinRequestId"]]


async def test_a_request_is_made_once(server: Server) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    workspace_id = (await ann.workspace())["workspaceId"]
    body = {"workspaceId": workspace_id}
    answers = await asyncio.gather(
        *(ben.post(f"{ROOT}/join-requests", json=body) for _ in range(20))
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    member = await ann.post(f"{ROOT}/join-requests", json=body)
    assert (member.status_code, member.json()["error"]["code"]) == (409, "ALREADY_EXISTS")


async def test_of_twenty_decisions_at_once_one_counts(server: Server) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    workspace_id = (await ann.workspace())["workspaceId"]
    request = await ask(ben, workspace_id)
    path = f"{ROOT}/{workspace_id}/joinRequests/{request['joinRequestId']}"
    answers = await asyncio.gather(
        *(ann.put(path, json={"status": "APPROVED" if n % 2 else "REJECTED"}) for n in range(20))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 19


async def test_decisions_have_two_words(server: Server) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    workspace_id = (await ann.workspace())["workspaceId"]
    request = await ask(ben, workspace_id)
    path = f"{ROOT}/{workspace_id}/joinRequests/{request['joinRequestId']}"
    for status in ("PENDING", "approved", "", None, 1):
        answer = await ann.put(path, json={"status": status})
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "VALIDATION_ERROR"


async def test_a_request_of_another_workspace_is_not_found(server: Server) -> None:
    ann, ben, cat = [await server.person(name) for name in ("Ann", "Ben", "Cat")]
    mine = (await ann.workspace())["workspaceId"]
    theirs = (await ben.workspace())["workspaceId"]
    foreign = await ask(cat, theirs)
    path = f"{ROOT}/{mine}/joinRequests/{foreign['joinRequestId']}"
    assert (await ann.put(path, json={"status": "APPROVED"})).status_code == 404
    answer = await ann.post(f"{ROOT}/{mine}/members/{cat.id}/approve", json={})
    assert answer.status_code == 404


async def test_a_private_workspace_hides_from_those_who_ask(server: Server) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    workspace_id = (await ann.workspace(isPublic=False))["workspaceId"]
    for target in (workspace_id, ben.id):
        answer = await ben.post(f"{ROOT}/join-requests", json={"workspaceId": target})
        assert answer.status_code == 404
    nil = await ben.post(f"{ROOT}/join-requests", json={"workspaceId": NIL})
    assert (nil.status_code, nil.json()["error"]["code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("form", ["{{{}}}", "urn:uuid:{}"])
async def test_an_id_in_a_body_may_be_spelled_in_any_usual_way(server: Server, form: str) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    workspace_id = (await ann.workspace())["workspaceId"]
    assert (await ask(ben, form.format(workspace_id)))["workspaceId"] == workspace_id


async def test_a_waiting_person_is_let_in_once_the_door_is_open(server: Server) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    workspace_id = (await ann.workspace())["workspaceId"]
    waiting = await ask(ben, workspace_id)
    await ann.put(f"{ROOT}/{workspace_id}/settings", json={"requiresApproval": False})
    async with folds(PersonView(ben), WorkspaceView(ann, workspace_id)):
        request = await ask(ben, workspace_id)
    assert (request["joinRequestId"], request["status"]) == (
        waiting["joinRequestId"],
        "APPROVED",
    )
    assert [row["role"] for row in (await ben.get(f"{ROOT}/all")).json()] == ["MEMBER"]
    assert (await ann.get(f"{ROOT}/{workspace_id}/pendingMembers")).json() == []


async def test_an_applicant_is_listed_by_his_current_name(server: Server) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    workspace_id = (await ann.workspace())["workspaceId"]
    await ask(ben, workspace_id)
    async with folds(PersonView(ben), WorkspaceView(ann, workspace_id)):
        await ben.put(
            "/svc/user/api/profiles/me",
            json={"nickName": "Benny"},
            headers={"X-Workspace-Id": "00000000-0000-0000-0000-000000000000"},
        )
    rows = (await ann.get(f"{ROOT}/{workspace_id}/pendingMembers")).json()
    assert [row["nickName"] for row in rows] == ["Benny"]


async def test_approving_a_member_by_his_id_is_a_conflict(server: Server) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    workspace_id = (await ann.workspace())["workspaceId"]
    await ann.invites(workspace_id, ben)
    answer = await ann.post(f"{ROOT}/{workspace_id}/members/{ben.id}/approve", json={})
    assert answer.status_code == 409
    missing = await ann.post(f"{ROOT}/{workspace_id}/members/{uuid4()}/approve", json={})
    assert missing.status_code == 404

"""Accounts over HTTP: see, change, delete, come back; and the internal doors."""

import asyncio

import httpx
import pytest

from tests.fold import PersonView, WorkspaceView, folds
from tests.people import NIL, Server
from wealist.core import db
from wealist.core.errors import Conflict, Forbidden
from wealist.user import users

USERS = "/svc/user/api/users"


async def test_a_person_sees_his_own_account(server: Server) -> None:
    ann = await server.person("Ann")
    answer = await ann.get(f"{USERS}/me")
    assert answer.status_code == 200
    assert answer.json().keys() == {
        "userId",
        "email",
        "name",
        "provider",
        "isActive",
        "createdAt",
        "updatedAt",
        "version",
    }
    assert (await ann.get(f"{USERS}/{ann.id}")).json() == answer.json()


async def test_strangers_are_hidden_and_colleagues_are_not(server: Server) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    assert (await ben.get(f"{USERS}/{ann.id}")).status_code == 404
    await users.find_or_create(email=ann.email, name="", provider="google", subject="g-1")
    workspace_id = (await ann.workspace())["workspaceId"]
    await ann.invites(workspace_id, ben)
    seen = await ben.get(f"{USERS}/{ann.id}")
    assert seen.status_code == 200
    assert seen.json()["email"] == ann.email
    assert "googleId" not in seen.json()
    assert (await ann.get(f"{USERS}/me")).json()["googleId"] == "g-1"


async def test_only_the_name_of_ones_own_account_changes(server: Server) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    async with folds(PersonView(ann)):
        answer = await ann.put(f"{USERS}/{ann.id}", json={"name": "Anne", "isActive": False})
    assert (answer.json()["name"], answer.json()["isActive"]) == ("Anne", True)
    assert (await ann.put(f"{USERS}/{ann.id}", json={"email": "x@y.zz"})).status_code == 409
    assert (await ann.put(f"{USERS}/{ann.id}", json={"email": "bad"})).status_code == 400
    same = await ann.put(f"{USERS}/{ann.id}", json={"email": ann.email.upper()})
    assert same.status_code == 200
    assert (await ben.put(f"{USERS}/{ann.id}", json={"name": "Eve"})).status_code == 403
    assert (await ann.put(f"{USERS}/me", json={"name": "Eve"})).status_code == 405


async def test_a_deleted_account_leaves_everywhere_and_its_tokens_stop(server: Server) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    shared = (await ann.workspace("Shared"))["workspaceId"]
    asked = (await ann.workspace("Asked"))["workspaceId"]
    alone = (await ben.workspace("Alone"))["workspaceId"]
    await ann.invites(shared, ben)
    await ben.post("/svc/user/api/workspaces/join-requests", json={"workspaceId": asked})
    async with folds(WorkspaceView(ann, shared), WorkspaceView(ann, asked)):
        answer = await ben.delete(f"{USERS}/me")
    assert answer.status_code == 200
    assert (await ben.get(f"{USERS}/me")).status_code == 401
    rows = (await ann.get(f"/svc/user/api/workspaces/{shared}/members")).json()
    assert [row["userId"] for row in rows] == [ann.id]
    assert (await ann.get(f"/svc/user/api/workspaces/{asked}/pendingMembers")).json() == []
    assert (await ann.get(f"/svc/user/api/workspaces/{alone}")).status_code == 404
    gone = await ann.post(
        f"/svc/user/api/workspaces/{shared}/members/invite", json={"email": ben.email}
    )
    assert gone.status_code == 404


async def test_an_owner_with_company_can_not_delete_himself(server: Server) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    workspace_id = (await ann.workspace())["workspaceId"]
    await ann.invites(workspace_id, ben)
    answer = await ann.delete(f"{USERS}/me")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "CONFLICT")
    assert (await ann.get(f"{USERS}/me")).json()["isActive"] is True
    assert len((await ann.get(f"/svc/user/api/workspaces/{workspace_id}/members")).json()) == 2


async def test_signing_in_again_brings_a_deleted_account_back(server: Server) -> None:
    ann = await server.person("Ann")
    await ann.workspace()
    await ann.delete(f"{USERS}/me")
    again = await server.person("Ann", email=ann.email.upper())
    assert again.id == ann.id
    me = (await again.get(f"{USERS}/me")).json()
    assert me["isActive"] is True
    assert "deletedAt" not in me
    assert (await again.get("/svc/user/api/workspaces/all")).json() == []
    profiles = (await again.get("/svc/user/api/profiles/all/me")).json()
    assert [row["workspaceId"] for row in profiles] == [NIL]
    assert (await again.put(f"{USERS}/{again.id}/restore")).json() == me


async def test_nobody_restores_another_person(server: Server) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    await ben.delete(f"{USERS}/me")
    assert (await ann.put(f"{USERS}/{ben.id}/restore")).status_code == 403


async def test_a_long_deleted_account_is_forgotten_and_its_address_is_free(
    server: Server,
) -> None:
    ann = await server.person("Ann")
    await ann.delete(f"{USERS}/me")
    assert await users.forget_deleted() == "0 deleted accounts forgotten"
    await db.execute(
        "UPDATE \"user\".users SET deleted_at = now() - interval '31 days'"
        " WHERE deleted_at IS NOT NULL"
    )
    assert await users.forget_deleted() == "1 deleted accounts forgotten"
    assert await users.forget_deleted() == "0 deleted accounts forgotten"
    again = await server.person("Ann", email=ann.email)
    assert again.id != ann.id


async def test_twenty_first_sign_ins_at_once_make_one_account(server: Server) -> None:
    found = await asyncio.gather(
        *(
            users.find_or_create(
                email=("Ann@Example.com" if n % 2 else "ann@example.com"),
                name="Ann",
                provider="google",
                subject="g-1",
            )
            for n in range(20)
        )
    )
    assert len({user.user_id for user in found}) == 1


async def test_a_person_is_recognised_by_subject_when_the_address_has_moved(
    server: Server,
) -> None:
    first = await users.find_or_create(
        email="old@example.com", name="Ann", provider="google", subject="g-1"
    )
    second = await users.find_or_create(
        email="new@example.com", name="Ann", provider="google", subject="g-1"
    )
    assert second.user_id == first.user_id
    with pytest.raises(Conflict):
        await users.find_or_create(
            email="old@example.com", name="Eve", provider="google", subject="g-2"
        )


async def test_nobody_signs_in_as_the_system(server: Server) -> None:
    with pytest.raises(Forbidden):
        await users.find_or_create(email="SYSTEM@wealist.internal", name="x", provider="google")


async def test_other_services_find_and_register_people(inside: httpx.AsyncClient) -> None:
    login = {"email": "ann@example.com", "name": "Ann", "provider": "google"}
    first = await inside.post("/svc/user/api/internal/oauth/login", json=login)
    again = await inside.post("/svc/user/api/internal/oauth/login", json=login)
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    user_id = first.json()["userId"]
    known = await inside.get(f"/svc/user/api/internal/users/{user_id}/exists")
    unknown = await inside.get(f"/svc/user/api/internal/users/{NIL}/exists")
    assert (known.json(), unknown.json()) == ({"exists": True}, {"exists": False})
    taken = await inside.post(USERS, json={"email": "ANN@example.com"})
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "ALREADY_EXISTS")
    made = await inside.post(USERS, json={"email": "ben@example.com", "googleId": "g-9"})
    assert made.status_code == 201
    assert made.json()["googleId"] == "g-9"
    twice = await inside.post(USERS, json={"email": "cat@example.com", "googleId": "g-9"})
    assert (twice.status_code, twice.json()["error"]["code"]) == (409, "ALREADY_EXISTS")
    assert "googleId" in twice.json()["error"]["message"]


async def test_the_internal_doors_are_closed_to_the_public(
    server: Server, client: httpx.AsyncClient, inside: httpx.AsyncClient
) -> None:
    ann = await server.person("Ann")
    body = {"email": "eve@example.com", "name": "Eve", "provider": "google"}
    for person in (client, ann.http):
        answer = await person.post(
            "/svc/user/api/internal/oauth/login", json=body, headers=dict(inside.headers)
        )
        assert answer.status_code == 404
    assert (await client.post(USERS, json={"email": "eve@example.com"})).status_code == 401
    del inside.headers["x-internal-api-key"]
    for key in ({}, {"x-internal-api-key": "wrong"}, {"x-internal-api-key": ""}):
        answer = await inside.post("/svc/user/api/internal/oauth/login", json=body, headers=key)
        assert answer.status_code == 401

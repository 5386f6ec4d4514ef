"""Profiles over HTTP: the default one, those of workspaces, and who sees them."""

import asyncio

import pytest

from tests.fold import PersonView, WorkspaceView, folds
from tests.people import NIL, Server

PROFILES = "/svc/user/api/profiles"


def here(workspace_id: str) -> dict[str, str]:
    return {"X-Workspace-Id": workspace_id}


async def test_a_new_person_has_a_default_profile(server: Server) -> None:
    ann = await server.person("Ann")
    rows = (await ann.get(f"{PROFILES}/all/me")).json()
    assert [(row["workspaceId"], row["nickName"], row["email"]) for row in rows] == [
        (NIL, "Ann", ann.email)
    ]
    mine = await ann.get(f"{PROFILES}/me", headers=here(NIL))
    assert mine.json() == rows[0]
    assert mine.headers["etag"] == '"1"'


async def test_the_default_profile_comes_first(server: Server) -> None:
    ann = await server.person("Ann")
    ids = [(await ann.workspace(f"W{n}"))["workspaceId"] for n in range(3)]
    rows = (await ann.get(f"{PROFILES}/all/me")).json()
    assert [row["workspaceId"] for row in rows] == [NIL, *ids]


async def test_the_default_profile_stands_in_where_there_is_none(server: Server) -> None:
    ann = await server.person("Ann")
    workspace_id = (await ann.workspace())["workspaceId"]
    async with folds(PersonView(ann), WorkspaceView(ann, workspace_id)):
        gone = await ann.delete(f"{PROFILES}/workspace/{workspace_id}")
    assert gone.status_code == 200
    assert (await ann.delete(f"{PROFILES}/workspace/{workspace_id}")).status_code == 200
    shown = (await ann.get(f"{PROFILES}/me", headers=here(workspace_id))).json()
    assert shown["workspaceId"] == NIL
    own = f"{PROFILES}/workspace/{workspace_id}/user/{ann.id}"
    assert (await ann.get(own)).status_code == 404


async def test_a_change_of_the_default_profile_shows_wherever_it_stands_in(
    server: Server,
) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    one = (await ann.workspace("One"))["workspaceId"]
    two = (await ann.workspace("Two"))["workspaceId"]
    await ann.invites(one, ben)
    await ann.invites(two, ben)
    await ben.delete(f"{PROFILES}/workspace/{one}")
    async with folds(PersonView(ben), WorkspaceView(ann, one), WorkspaceView(ann, two)):
        answer = await ben.put(
            f"{PROFILES}/me",
            headers=here(NIL),
            json={"nickName": " Benny ", "workspaceId": NIL, "userId": ben.id},
        )
    assert answer.status_code == 200
    assert answer.json()["nickName"] == "Benny"
    names = {}
    for workspace_id in (one, two):
        rows = (await ann.get(f"/svc/user/api/workspaces/{workspace_id}/members")).json()
        names[workspace_id] = [row["nickName"] for row in rows]
    assert names == {one: ["Ann", "Benny"], two: ["Ann", "Ben"]}


async def test_a_missing_profile_is_made_by_a_change(server: Server) -> None:
    ann = await server.person("Ann")
    workspace_id = (await ann.workspace())["workspaceId"]
    await ann.delete(f"{PROFILES}/workspace/{workspace_id}")
    async with folds(PersonView(ann), WorkspaceView(ann, workspace_id)):
        answer = await ann.put(
            f"{PROFILES}/me", headers=here(workspace_id), json={"nickName": "Boss"}
        )
    assert (answer.status_code, answer.json()["nickName"]) == (200, "Boss")
    assert answer.json()["email"] == ann.email


async def test_twenty_first_changes_at_once_make_one_profile(server: Server) -> None:
    ann = await server.person("Ann")
    workspace_id = (await ann.workspace())["workspaceId"]
    await ann.delete(f"{PROFILES}/workspace/{workspace_id}")
    answers = await asyncio.gather(
        *(
            ann.put(f"{PROFILES}/me", headers=here(workspace_id), json={"nickName": f"N{n}"})
            for n in range(20)
        )
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["profileId"] for answer in answers}) == 1


async def test_a_profile_is_created_once(server: Server) -> None:
    ann = await server.person("Ann")
    workspace_id = (await ann.workspace())["workspaceId"]
    await ann.delete(f"{PROFILES}/workspace/{workspace_id}")
    body = {
        "workspaceId": workspace_id,
        "nickName": "Boss",
        "email": "boss@example.com",
        "profileImageUrl": "https://example.com/a.png",
    }
    async with folds(PersonView(ann), WorkspaceView(ann, workspace_id)):
        first = await ann.post(PROFILES, json=body)
    assert first.status_code == 201
    assert first.json().keys() == {
        "profileId",
        "userId",
        "workspaceId",
        "nickName",
        "email",
        "profileImageUrl",
        "createdAt",
        "updatedAt",
        "version",
    }
    second = await ann.post(PROFILES, json=body)
    assert (second.status_code, second.json()["error"]["code"]) == (409, "ALREADY_EXISTS")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"nickName": ""}, "nickName"),
        ({"nickName": "x" * 51}, "nickName"),
        ({"nickName": ["a"]}, "nickName"),
        ({"profileImageUrl": "javascript:alert(1)"}, "profileImageUrl"),
        ({"profileImageUrl": "profiles/someone/else.png"}, "profileImageUrl"),
        ({"profileImageUrl": "https://"}, "profileImageUrl"),
        ({"profileImageUrl": "http://[bad"}, "profileImageUrl"),
        ({"profileImageUrl": "https://x:99999/"}, "profileImageUrl"),
        ({"nickName": "\u200b"}, "nickName"),
    ],
)
async def test_a_bad_change_is_refused_by_field(
    server: Server, body: dict[str, object], field: str
) -> None:
    ann = await server.person("Ann")
    before = (await ann.get(f"{PROFILES}/all/me")).json()
    answer = await ann.put(f"{PROFILES}/me", headers=here(NIL), json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "VALIDATION_ERROR"
    assert field in answer.json()["error"]["message"]
    assert (await ann.get(f"{PROFILES}/all/me")).json() == before


@pytest.mark.parametrize("header", [None, "", "x", "123"])
async def test_the_workspace_header_is_required(server: Server, header: str | None) -> None:
    ann = await server.person("Ann")
    headers = {} if header is None else here(header)
    for answer in (
        await ann.get(f"{PROFILES}/me", headers=headers),
        await ann.put(f"{PROFILES}/me", headers=headers, json={"nickName": "A"}),
        await ann.put(f"{PROFILES}/me/image", headers=headers, json={"attachmentId": ann.id}),
    ):
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "BAD_REQUEST"


async def test_outsiders_get_no_profile_in_a_workspace(server: Server) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    public = (await ann.workspace())["workspaceId"]
    private = (await ann.workspace(isPublic=False))["workspaceId"]
    for workspace_id, status in ((public, 403), (private, 404), (ben.id, 404)):
        answer = await ben.put(
            f"{PROFILES}/me", headers=here(workspace_id), json={"nickName": "Spy"}
        )
        assert answer.status_code == status
        view = await ben.get(f"{PROFILES}/workspace/{workspace_id}/user/{ann.id}")
        assert view.status_code == status
    assert len((await ben.get(f"{PROFILES}/all/me")).json()) == 1


async def test_colleagues_see_each_others_profiles(server: Server) -> None:
    ann, ben = await server.person("Ann"), await server.person("Ben")
    workspace_id = (await ann.workspace())["workspaceId"]
    await ann.invites(workspace_id, ben)
    seen = await ben.get(f"{PROFILES}/workspace/{workspace_id}/user/{ann.id}")
    assert (seen.status_code, seen.json()["nickName"]) == (200, "Ann")


async def test_the_default_profile_can_not_be_deleted(server: Server) -> None:
    ann = await server.person("Ann")
    assert (await ann.delete(f"{PROFILES}/workspace/{NIL}")).status_code == 400
    assert len((await ann.get(f"{PROFILES}/all/me")).json()) == 1


async def test_a_profile_change_based_on_an_old_version_is_refused(server: Server) -> None:
    ann = await server.person("Ann")
    for status in (200, 412):
        answer = await ann.put(
            f"{PROFILES}/me", headers={**here(NIL), "If-Match": '"1"'}, json={"nickName": "A"}
        )
        assert answer.status_code == status
    assert answer.json()["current"]["version"] == 2


async def test_an_empty_address_takes_the_picture_away(server: Server) -> None:
    ann = await server.person("Ann")
    for url, shown in (("https://example.com/a.png", "https://example.com/a.png"), ("", None)):
        answer = await ann.put(f"{PROFILES}/me", headers=here(NIL), json={"profileImageUrl": url})
        assert answer.status_code == 200
        assert answer.json().get("profileImageUrl") == shown


async def test_the_header_is_checked_before_the_body(server: Server) -> None:
    ann = await server.person("Ann")
    answer = await ann.put(f"{PROFILES}/me", headers=here("q"), content=b"{")
    assert answer.json()["error"]["code"] == "BAD_REQUEST"

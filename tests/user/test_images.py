"""Profile pictures over HTTP, through the object store, as a browser does it."""

import asyncio
from typing import Any

import pytest

from tests.fold import PersonView, WorkspaceView, folds
from tests.people import NIL, Person, Server
from wealist.core import db, doomed, objects
from wealist.user import images, jobs

IMAGE = "/svc/user/api/profiles/me/image"
PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 100


async def upload(person: Person, data: bytes = PNG, kind: str = "image/png") -> dict[str, Any]:
    """Sign and PUT; returns what the confirmation needs."""
    wanted = {"fileName": "me.png", "fileSize": len(data), "contentType": kind}
    signed = await person.post(f"{IMAGE}/presigned-url", json={"workspaceId": NIL, **wanted})
    assert signed.status_code == 200, signed.text
    assert signed.json().keys() == {"uploadUrl", "fileKey", "expiresAt", "expiresIn"}
    assert signed.json()["expiresIn"] == 300
    async with person.server.client() as browser:
        put = await browser.put(
            signed.json()["uploadUrl"], content=data, headers={"Content-Type": kind}
        )
    assert put.status_code == 200
    return {"fileKey": signed.json()["fileKey"], **wanted}


async def confirmed(person: Person, data: bytes = PNG) -> dict[str, Any]:
    answer = await person.post(f"{IMAGE}/attachment", json=await upload(person, data))
    assert answer.status_code == 201, answer.text
    attachment: dict[str, Any] = answer.json()
    return attachment


async def choose(person: Person, attachment_id: str, workspace_id: str = NIL) -> Any:
    return await person.put(
        IMAGE,
        headers={"X-Workspace-Id": workspace_id},
        json={"workspaceId": workspace_id, "attachmentId": attachment_id},
    )


async def test_a_picture_goes_from_the_browser_onto_the_profile(server: Server) -> None:
    ann = await server.person("Ann")
    workspace_id = (await ann.workspace())["workspaceId"]
    attachment = await confirmed(ann)
    assert attachment["status"] == "TEMP"
    assert attachment["entityType"] == "USER_PROFILE"
    assert attachment["uploadedBy"] == ann.id
    assert attachment["fileSize"] == len(PNG)
    assert attachment["expiresAt"] > attachment["createdAt"]
    async with folds(PersonView(ann), WorkspaceView(ann, workspace_id)):
        answer = await choose(ann, attachment["attachmentId"], workspace_id)
    assert answer.status_code == 200
    url = answer.json()["profileImageUrl"]
    assert url == attachment["fileUrl"]
    async with server.client(follow_redirects=True) as browser:
        picture = await browser.get(url)
    assert (picture.status_code, picture.content) == (200, PNG)
    assert picture.headers["content-type"] == "image/png"


async def test_the_default_profiles_picture_shows_in_every_member_list(server: Server) -> None:
    ann = await server.person("Ann")
    workspace_id = (await ann.workspace())["workspaceId"]
    attachment = await confirmed(ann)
    async with folds(PersonView(ann), WorkspaceView(ann, workspace_id)):
        await choose(ann, attachment["attachmentId"])
    rows = (await ann.get(f"/svc/user/api/workspaces/{workspace_id}/members")).json()
    assert rows[0]["profileImageUrl"] == attachment["fileUrl"]


async def test_a_pictures_address_ends_with_the_picture(server: Server) -> None:
    ann = await server.person("Ann")
    first, second, unused = [await confirmed(ann, PNG + end) for end in (b"1", b"2", b"3")]

    async def statuses() -> list[int]:
        async with server.client() as browser:
            answers = [await browser.get(one["fileUrl"]) for one in (first, second, unused)]
        for answer in answers:
            assert answer.status_code == 302 or answer.json()["error"]["message"] == "no such file"
        return [answer.status_code for answer in answers]

    await choose(ann, first["attachmentId"])
    assert await statuses() == [302, 302, 302], "before it is chosen, too: pages show it"
    await choose(ann, second["attachmentId"])
    assert await statuses() == [404, 302, 302], "though the object is still there"
    await db.execute("UPDATE \"user\".attachments SET expires_at = now() WHERE status = 'TEMP'")
    await jobs.drop_unused_pictures()
    assert await statuses() == [404, 302, 404]
    change = {"nickName": "Ann", "profileImageUrl": ""}
    await ann.put("/svc/user/api/profiles/me", headers={"X-Workspace-Id": NIL}, json=change)
    assert await statuses() == [404, 404, 404]


async def test_a_picture_of_another_size_than_announced_is_not_stored(server: Server) -> None:
    ann = await server.person("Ann")
    wanted = {"fileName": "me.png", "fileSize": len(PNG), "contentType": "image/png"}
    signed = (await ann.post(f"{IMAGE}/presigned-url", json=wanted)).json()
    async with server.client(headers={"Content-Type": "image/png"}) as browser:
        for data in (PNG + b"x", PNG[:-1], PNG * 1000):
            assert (await browser.put(signed["uploadUrl"], content=data)).status_code == 403
        assert await objects.store().head(signed["fileKey"]) is None
        assert (await browser.put(signed["uploadUrl"], content=PNG)).status_code == 200


async def test_nobody_holds_more_than_200_pictures_that_he_does_not_use(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert images.MOST_TEMP == 200
    monkeypatch.setattr(images, "MOST_TEMP", 3)
    ann, bob = await server.person("Ann"), await server.person("Bob")
    used = await confirmed(ann)
    assert (await choose(ann, used["attachmentId"])).status_code == 200
    waiting = [await upload(ann) for _ in range(4)]
    for body in waiting[:3]:
        assert (await ann.post(f"{IMAGE}/attachment", json=body)).status_code == 201
    wanted = {"fileName": "me.png", "fileSize": len(PNG), "contentType": "image/png"}
    for path, body in (("attachment", waiting[3]), ("presigned-url", wanted)):
        answer = await ann.post(f"{IMAGE}/{path}", json=body)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "600")
    again = await ann.post(f"{IMAGE}/attachment", json=waiting[0])
    assert again.status_code == 201, "a repetition adds nothing"
    await confirmed(bob)
    assert (await choose(ann, again.json()["attachmentId"])).status_code == 200
    last = await ann.post(f"{IMAGE}/attachment", json=waiting[3])
    assert last.status_code == 201
    assert (await ann.post(f"{IMAGE}/presigned-url", json=wanted)).status_code == 429
    await db.execute("UPDATE \"user\".attachments SET expires_at = now() WHERE status = 'TEMP'")
    await confirmed(ann)


async def test_confirming_twice_gives_the_same_attachment(server: Server) -> None:
    ann = await server.person("Ann")
    body = await upload(ann)
    first, second = await asyncio.gather(
        *(ann.post(f"{IMAGE}/attachment", json=body) for _ in range(2))
    )
    assert first.json()["attachmentId"] == second.json()["attachmentId"]


async def test_a_confirmation_must_fit_what_was_uploaded(server: Server) -> None:
    ann, eve = await server.person("Ann"), await server.person("Eve")
    body = await upload(ann)
    never = (
        await ann.post(
            f"{IMAGE}/presigned-url",
            json={"fileName": "a.png", "fileSize": 5, "contentType": "image/png"},
        )
    ).json()["fileKey"]
    for person, change, field in (
        (ann, {"fileSize": 5}, "fileSize"),
        (ann, {"contentType": "image/gif"}, "contentType"),
        (ann, {"fileKey": never}, "fileKey"),
        (ann, {"fileKey": f"profiles/{ann.id}/../x.png"}, "fileKey"),
        (ann, {"fileKey": "server-secret"}, "fileKey"),
        (eve, {}, "fileKey"),
    ):
        answer = await person.post(f"{IMAGE}/attachment", json={**body, **change})
        assert answer.status_code == 400, change
        assert field in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"fileSize": 0}, "fileSize"),
        ({"fileSize": -1}, "fileSize"),
        ({"fileSize": 20 * 1024 * 1024 + 1}, "fileSize"),
        ({"fileSize": "5"}, "fileSize"),
        ({"fileSize": 1.5}, "fileSize"),
        ({"contentType": "image/svg+xml"}, "contentType"),
        ({"contentType": "text/html"}, "contentType"),
        ({"fileName": "x" * 256}, "fileName"),
        ({"fileName": ""}, "fileName"),
    ],
)
async def test_only_pictures_of_a_sensible_size_are_signed(
    server: Server, change: dict[str, Any], field: str
) -> None:
    ann = await server.person("Ann")
    wanted = {"fileName": "me.png", "fileSize": 5, "contentType": "image/png"}
    answer = await ann.post(f"{IMAGE}/presigned-url", json={**wanted, **change})
    assert answer.status_code == 400
    assert field in answer.json()["error"]["message"]


async def test_keys_hold_nothing_that_a_client_wrote(server: Server) -> None:
    ann = await server.person("Ann")
    wanted = {"fileName": "../../etc/passwd", "fileSize": 5, "contentType": "IMAGE/JPEG"}
    signed = (await ann.post(f"{IMAGE}/presigned-url", json=wanted)).json()
    assert signed["fileKey"].startswith(f"profiles/{ann.id}/")
    assert signed["fileKey"].endswith(".jpg")
    assert ".." not in signed["fileKey"]


async def test_an_attachment_is_used_once_and_by_its_owner(server: Server) -> None:
    ann, eve = await server.person("Ann"), await server.person("Eve")
    attachment_id = (await confirmed(ann))["attachmentId"]
    assert (await choose(eve, attachment_id)).status_code == 403
    assert (await choose(ann, ann.id)).status_code == 404
    answers = await asyncio.gather(*(choose(ann, attachment_id) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 19
    assert (await eve.get("/svc/user/api/profiles/all/me")).json()[0].get("profileImageUrl") is None


async def test_a_replaced_picture_is_deleted_from_the_store(server: Server) -> None:
    ann = await server.person("Ann")
    first, second = await upload(ann), await upload(ann, PNG + b"2")
    for body in (first, second):
        made = await ann.post(f"{IMAGE}/attachment", json=body)
        assert (await choose(ann, made.json()["attachmentId"])).status_code == 200
    assert await doomed.sweep() == "1 objects deleted"
    assert await objects.store().head(first["fileKey"]) is None
    assert await objects.store().head(second["fileKey"]) is not None


async def test_saving_a_profile_with_its_own_picture_keeps_the_picture(server: Server) -> None:
    ann = await server.person("Ann")
    attachment = await confirmed(ann)
    shown = (await choose(ann, attachment["attachmentId"])).json()["profileImageUrl"]
    answer = await ann.put(
        "/svc/user/api/profiles/me",
        headers={"X-Workspace-Id": NIL},
        json={"nickName": "A", "profileImageUrl": shown},
    )
    assert answer.json()["profileImageUrl"] == shown
    assert await doomed.sweep() == "0 objects deleted"


async def test_an_upload_that_nobody_uses_is_dropped_after_its_hour(server: Server) -> None:
    ann = await server.person("Ann")
    body = await upload(ann)
    attachment = (await ann.post(f"{IMAGE}/attachment", json=body)).json()
    assert await jobs.drop_unused_pictures() == "0 unused pictures dropped"
    await db.execute("UPDATE \"user\".attachments SET expires_at = now() - interval '1 second'")
    assert await jobs.drop_unused_pictures() == "1 unused pictures dropped"
    await doomed.sweep()
    assert await objects.store().head(body["fileKey"]) is None
    assert (await choose(ann, attachment["attachmentId"])).status_code == 404


async def test_orphans_in_the_store_are_found_and_pictures_in_use_are_not(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await server.person("Ann")
    used, orphan = await upload(ann), await upload(ann, PNG + b"o")
    made = await ann.post(f"{IMAGE}/attachment", json=used)
    await choose(ann, made.json()["attachmentId"])
    assert await jobs.reconcile_pictures() == "0 orphaned pictures deleted"
    monkeypatch.setattr(objects, "ORPHAN_SECONDS", -1)
    await jobs.reconcile_pictures()
    assert await objects.store().head(orphan["fileKey"]) is None
    assert await objects.store().head(used["fileKey"]) is not None


async def test_a_file_that_was_changed_after_its_confirmation_is_not_shown(
    server: Server,
) -> None:
    ann = await server.person("Ann")
    body = await upload(ann)
    attachment = (await ann.post(f"{IMAGE}/attachment", json=body)).json()
    await objects.store().put(body["fileKey"], PNG + b"something else", "image/png")
    answer = await choose(ann, attachment["attachmentId"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "CONFLICT")
    assert "profileImageUrl" not in (await ann.get("/svc/user/api/profiles/all/me")).json()[0]

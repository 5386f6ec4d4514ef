"""Files of messages: tickets, uploads, sending, addresses, ends (contract: chat.md §4.3, §5)."""

import asyncio
import uuid
from typing import Any

import httpx
import pytest

from tests.chat.making import API, Office, ask, call, mine, refused, say, upload
from tests.people import NIL, Person
from wealist.chat import files, sending, uploads
from wealist.chat.message_wire import NewMessage
from wealist.core import db, doomed, identity, objects

PATH = "/files/presigned-url"
PNG = b"\x89PNG..."


def wanted(office: Office, **members: Any) -> dict[str, Any]:
    file = {"workspaceId": office.workspace_id, "fileName": "a.png", "contentType": "image/png"}
    return file | {"fileSize": len(PNG)} | members


def image(ticket: dict[str, Any], **members: Any) -> dict[str, Any]:
    """The members of a message with a file."""
    return {"messageType": "IMAGE", "fileUrl": ticket["downloadUrl"], **members}


async def put(person: Person, ticket: dict[str, Any], content: bytes, kind: str) -> httpx.Response:
    async with person.server.client() as browser:
        headers = {"Content-Type": kind}
        return await browser.put(ticket["uploadUrl"], content=content, headers=headers)


async def shown(person: Person, address: str) -> httpx.Response:
    """What `<img>` gets: no header, no token."""
    async with person.server.client(follow_redirects=True) as browser:
        return await browser.get(address)


async def test_a_ticket_is_where_every_kind_of_client_looks(office: Office) -> None:
    answer = await ask(office.ann, "POST", PATH, wanted(office))
    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == {"success", "message", "data", "requestId"}
    assert (body["success"], body["message"]) == (True, body["data"])
    assert body["requestId"] == answer.headers["x-request-id"]
    ticket = body["data"]
    assert ticket.keys() == {"uploadUrl", "downloadUrl", "fileKey", "expiresIn"}
    assert ticket["expiresIn"] == 300
    assert ticket["fileKey"].startswith(f"chat/{office.workspace_id}/")
    assert ticket["fileKey"].endswith(".png")


async def test_a_picture_is_uploaded_sent_and_shown_without_a_token(office: Office) -> None:
    room = await office.room()
    ticket = await upload(office.ann, office.workspace_id, content=PNG, fileName="../Me & you.png")
    lies = {"fileName": "evil.exe", "fileSize": 1}
    message = await say(office.ann, room, "Look", **image(ticket, **lies))
    assert message["fileUrl"] == ticket["downloadUrl"]
    assert (message["fileName"], message["fileSize"]) == ("Me & you.png", len(PNG))
    assert message["contentType"] == "image/png"
    assert await call(office.bob, "GET", f"/messages/{room}") == [message]
    picture = await shown(office.outsider, message["fileUrl"])
    assert (picture.status_code, picture.content) == (200, PNG)
    assert picture.headers["content-type"] == "image/png"
    assert picture.headers["x-content-type-options"] == "nosniff"
    async with office.ann.server.client() as browser:
        redirect = await browser.get(message["fileUrl"])
        assert (redirect.status_code, redirect.headers["cache-control"]) == (
            302,
            "private, max-age=240",
        )
        assert (await browser.get(message["fileUrl"][:-6] + "x.png")).status_code == 404


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"fileName": "", "fileSize": 52_428_801}, "VALIDATION_ERROR", "Invalid request body"),
        ({"fileSize": 0, "contentType": "x"}, "VALIDATION_ERROR", "Invalid request body"),
        ({"fileSize": -1}, "VALIDATION_ERROR", "Invalid request body"),
        ({"fileSize": "5"}, "VALIDATION_ERROR", "Invalid request body"),
        ({"contentType": ""}, "VALIDATION_ERROR", "Invalid request body"),
        ({"workspaceId": ""}, "VALIDATION_ERROR", "Invalid request body"),
        ({"fileSize": 52_428_801, "contentType": "x"}, "FILE_TOO_LARGE", "exceeds 50MB limit"),
        ({"contentType": "image/svg+xml", "workspaceId": "x"}, "INVALID_FILE_TYPE", "Only image"),
        ({"contentType": "application/pdf"}, "INVALID_FILE_TYPE", "Only image files are allowed"),
        ({"contentType": "text/html", "messageType": "FILE"}, "INVALID_FILE_TYPE", "type of file"),
        ({"workspaceId": "x"}, "VALIDATION_ERROR", "Invalid workspace ID"),
        ({"workspaceId": NIL}, "FORBIDDEN", "member"),
    ],
)
async def test_what_may_not_be_uploaded_is_refused_in_the_contracts_order(
    office: Office, change: dict[str, Any], code: str, says: str
) -> None:
    answer = await ask(office.ann, "POST", PATH, wanted(office, **change))
    assert answer.status_code == (403 if code == "FORBIDDEN" else 400)
    body = answer.json()
    assert body["error"]["code"] == code
    assert says in body["error"]["message"]
    assert body["requestId"] == answer.headers["x-request-id"]
    assert await db.fetch_value("SELECT count(*) FROM chat.files") == 0


async def test_nothing_is_no_request_for_a_ticket(office: Office) -> None:
    for content in (b"", b"{", b"[]"):
        answer = await office.ann.post(f"{API}{PATH}", content=content)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "VALIDATION_ERROR")
        assert answer.json()["requestId"]


async def test_only_members_of_the_workspace_get_tickets_and_keys_hold_no_text_of_theirs(
    office: Office,
) -> None:
    await refused(office.outsider, "POST", PATH, wanted(office), 403, code="FORBIDDEN")
    ticket = await call(office.ann, "POST", PATH, wanted(office, fileName="a.x/../../k"))
    assert ".." not in ticket["fileKey"]
    assert ticket["fileKey"].endswith(".png")


async def test_documents_are_sent_as_files(office: Office) -> None:
    room = await office.room()
    kind = {"contentType": "application/pdf", "messageType": "FILE", "fileName": "a.pdf"}
    ticket = await upload(office.ann, office.workspace_id, content=b"%PDF-", **kind)
    path = f"/messages/{room}"
    body = {"content": "x", **image(ticket)}
    await refused(office.ann, "POST", path, body, 400, "fileUrl")
    message = await say(office.ann, room, "x", **image(ticket, messageType="FILE"))
    assert (message["messageType"], message["contentType"]) == ("FILE", "application/pdf")


async def test_only_what_was_announced_can_be_uploaded_and_sent(office: Office) -> None:
    path = f"/messages/{await office.room()}"
    nothing = await call(office.ann, "POST", PATH, wanted(office))
    larger = await call(office.ann, "POST", PATH, wanted(office))
    assert (await put(office.ann, larger, PNG + b"x", "image/png")).status_code == 403
    assert (await put(office.ann, larger, PNG, "text/html")).status_code == 403
    # As if it came over a link: there are servers of S3's protocol that check no signed size.
    await objects.store().put(larger["fileKey"], PNG + b"x", "image/png")
    for ticket, says in ((nothing, "not been uploaded"), (larger, "8 bytes where 7")):
        said = says.replace("8", str(len(PNG) + 1)).replace("7", str(len(PNG)))
        body = {"content": "x", **image(ticket)}
        await refused(office.ann, "POST", path, body, 400, said, code="BAD_REQUEST")
    await doomed.sweep()
    assert await objects.store().head(larger["fileKey"]) is None
    assert await call(office.ann, "GET", path) == []


async def test_only_ones_own_unused_uploads_for_this_workspace_can_be_sent(
    office: Office,
) -> None:
    room = await office.room()
    path = f"/messages/{room}"
    theirs = (await upload(office.bob, office.workspace_id))["downloadUrl"]
    elsewhere = (await office.ann.workspace("Other"))["workspaceId"]
    foreign = (await upload(office.ann, elsewhere))["downloadUrl"]
    used = await upload(office.ann, office.workspace_id)
    await say(office.ann, room, "x", **image(used))
    expired = await upload(office.ann, office.workspace_id)
    await db.execute("UPDATE chat.files SET expires_at = now() WHERE key = $1", expired["fileKey"])
    for address in (
        theirs,
        foreign,
        used["downloadUrl"],
        expired["downloadUrl"],
        "javascript:alert(1)",
        "https://evil.example/a.png",
        "undefined",
        "",
        "/svc/chat/files/made-up.png",
        "chat/../secret",
        used["downloadUrl"].replace("/svc/chat/files/", "/svc/board/files/"),
    ):
        body = {"content": "x", "messageType": "IMAGE", "fileUrl": address}
        await refused(office.ann, "POST", path, body, 400, "fileUrl", code="BAD_REQUEST")
    assert len(await call(office.ann, "GET", path)) == 1


async def test_an_address_of_ours_is_shown_as_ours_whatever_host_it_was_sent_with(
    office: Office,
) -> None:
    room = await office.room()
    ticket = await upload(office.ann, office.workspace_id)
    evil = ticket["downloadUrl"].replace("http://test", "https://evil.example")
    message = await say(office.ann, room, "x", **image(ticket, fileUrl=evil))
    assert message["fileUrl"] == ticket["downloadUrl"]


async def test_one_upload_goes_to_one_message_however_many_want_it(office: Office) -> None:
    room = await office.room()
    ticket = await upload(office.ann, office.workspace_id)
    body = {"content": "x", **image(ticket)}
    answers = await asyncio.gather(
        *(ask(office.ann, "POST", f"/messages/{room}", body) for _ in range(20))
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [400] * 19
    page = await call(office.bob, "GET", f"/messages/{room}")
    assert [one["seq"] for one in page] == [1]
    again = await upload(office.ann, office.workspace_id)
    sent = await asyncio.gather(
        *(say(office.ann, room, "y", **image(again, clientMessageId="a")) for _ in range(20))
    )
    assert {one["messageId"] for one in sent} == {sent[0]["messageId"]}
    assert {one["fileUrl"] for one in sent} == {again["downloadUrl"]}


async def test_on_a_socket_a_picture_needs_no_words(office: Office) -> None:
    room = await office.room()
    ticket = await upload(office.ann, office.workspace_id)
    caller = await identity.authenticate(office.ann.token)
    new = NewMessage("", "IMAGE", ticket["downloadUrl"])
    await sending.send(caller, uuid.UUID(room), new)
    last = (await mine(office.bob, room))["lastMessage"]
    assert (last["content"], last["messageType"]) == ("", "IMAGE")


async def test_a_files_address_ends_with_its_message(office: Office) -> None:
    room = await office.room()
    ticket = await upload(office.ann, office.workspace_id)
    assert (await shown(office.ann, ticket["downloadUrl"])).status_code == 200
    message = await say(office.ann, room, "x", **image(ticket))
    await call(office.ann, "DELETE", f"/messages/{message['messageId']}")
    gone = await shown(office.ann, ticket["downloadUrl"])
    assert (gone.status_code, gone.headers["cache-control"]) == (404, "no-store")
    assert (await shown(office.ann, files.address("chat/unknown.png"))).status_code == 404
    await doomed.sweep()
    assert await objects.store().head(ticket["fileKey"]) is None


async def test_uploads_that_nobody_sent_are_dropped_and_live_files_never(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await office.room()
    kept, unused, left = [
        await upload(one, office.workspace_id) for one in (office.ann, office.ann, office.eve)
    ]
    await say(office.ann, room, "x", **image(kept))
    await office.removes(office.eve)
    await db.execute("UPDATE chat.files SET expires_at = now() WHERE expires_at IS NOT NULL")
    assert await uploads.drop_expired() == "1 unused uploads dropped"
    await doomed.sweep()
    for ticket in (unused, left):
        assert await objects.store().head(ticket["fileKey"]) is None
    await objects.store().put("chat/orphan.png", PNG, "image/png")
    assert await uploads.reconcile() == "0 orphaned files deleted"
    monkeypatch.setattr(objects, "ORPHAN_SECONDS", -1)
    await uploads.reconcile()
    assert await objects.store().head("chat/orphan.png") is None
    assert await objects.store().head(kept["fileKey"]) is not None


async def test_nobody_holds_more_than_200_uploads_that_are_not_sent(office: Office) -> None:
    await db.execute(
        """
        INSERT INTO chat.files
            (id, workspace_id, key, name, size, type, uploaded_by, expires_at, created_at)
        SELECT gen_random_uuid(), $1::uuid, 'chat/' || gen_random_uuid(), 'a', 5, 'image/png', $2,
               now() + interval '1 hour', now()
        FROM generate_series(1, 199)
        """,
        office.workspace_id,
        office.ann.user_id,
    )
    await call(office.ann, "POST", PATH, wanted(office))
    answer = await ask(office.ann, "POST", PATH, wanted(office))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "600")
    await call(office.bob, "POST", PATH, wanted(office))

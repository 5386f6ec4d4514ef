"""Files of projects, cards and comments (contract: board.md §6.7)."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.board.making import API, Team, ask, call, refused, upload
from tests.board.views import ProjectView
from tests.fold import folds
from tests.people import NIL, Person, Server
from wealist.board import attachments, files, uploads
from wealist.core import db, doomed, objects


def wanted(team: Team, **members: Any) -> dict[str, Any]:
    file = {"entityType": "board", "workspaceId": team.workspace_id, "fileName": "a.txt"}
    return file | {"fileSize": 5, "contentType": "text/plain"} | members


async def put(person: Person, url: str, content: bytes, **headers: str) -> httpx.Response:
    async with person.server.client() as browser:
        return await browser.put(url, content=content, headers=headers)


async def signed(team: Team, by: Person, **members: Any) -> dict[str, Any]:
    body = wanted(team, **members)
    made: dict[str, Any] = await call(by, "POST", "/attachments/presigned-url", body, ok=200)
    return made


async def test_a_file_is_signed_uploaded_known_attached_and_shown(team: Team) -> None:
    link = await signed(team, team.ann)
    assert link["expiresIn"] == 300
    assert link["fileKey"].startswith(f"board/boards/{team.workspace_id}/")
    sent = await put(team.ann, link["uploadUrl"], b"hello", **{"Content-Type": "text/plain"})
    assert sent.status_code == 200
    body = {"entityType": "BOARD", "fileKey": link["fileKey"], "fileName": "a.txt", "fileSize": 5}
    for _ in range(2):
        known = await call(team.ann, "POST", "/attachments", body, ok=201)
        assert (known["id"], known["status"]) == (link["attachmentId"], "TEMP")
        assert (known["fileUrl"], known["entityId"]) == (link["fileKey"], None)
    card = await team.card(by=team.ann, attachmentIds=[known["attachmentId"]])
    [file] = card["attachments"]
    assert file["id"] == file["attachmentId"] == link["attachmentId"]
    assert file["fileUrl"].endswith(".txt")
    [listed] = await call(team.bob, "GET", f"/boards/{card['boardId']}/attachments")
    assert (listed["status"], listed["expiresAt"]) == ("CONFIRMED", None)
    async with team.ann.server.client(follow_redirects=True) as browser:
        shown = await browser.get(file["fileUrl"])
    assert (shown.status_code, shown.content) == (200, b"hello")
    path = f"/attachments/{file['id']}"
    loaded = await ask(team.bob, "GET", f"{path}/download")
    assert loaded.content == b"hello"
    assert loaded.headers["content-disposition"].startswith('attachment; filename="a.txt"')
    await refused(team.bob, "DELETE", path, None, 403)
    await call(team.ann, "DELETE", path)
    await refused(team.ann, "DELETE", path, None, 404)
    await doomed.sweep()
    assert await objects.store().head(link["fileKey"]) is None
    found = await call(team.bob, "GET", f"/boards/{card['boardId']}")
    assert found["attachments"] == []


async def test_a_browser_that_knows_no_type_may_upload(team: Team) -> None:
    for sends in ({}, {"Content-Type": "application/octet-stream"}):
        link = await signed(team, team.ann, fileName="notes.md", contentType="")
        assert (await put(team.ann, link["uploadUrl"], b"hello", **sends)).status_code == 200
        card = await team.card(by=team.ann, attachmentIds=[link["attachmentId"]])
        assert card["attachments"][0]["contentType"] == "text/markdown"


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"fileSize": 0}, "VALIDATION_ERROR", "fileSize"),
        ({"fileSize": 52_428_801}, "FILE_TOO_LARGE", "fileSize"),
        ({"entityType": "CARD"}, "VALIDATION_ERROR", "entityType"),
        ({"fileName": "a.exe"}, "INVALID_FILE_TYPE", "fileName"),
        ({"fileName": "none"}, "INVALID_FILE_TYPE", "fileName"),
        ({"contentType": "text/html"}, "INVALID_FILE_TYPE", "contentType"),
        ({"fileName": "a.png"}, "INVALID_FILE_TYPE", "contentType"),
        ({"fileName": "x" * 256}, "VALIDATION_ERROR", "fileName"),
        ({"workspaceId": NIL}, "VALIDATION_ERROR", "workspaceId"),
    ],
)
async def test_what_may_not_be_uploaded_is_refused_and_named(
    team: Team, body: dict[str, Any], code: str, field: str
) -> None:
    path = "/attachments/presigned-url"
    await refused(team.ann, "POST", path, wanted(team, **body), 400, code, field)


async def test_only_what_was_announced_can_be_attached(team: Team) -> None:
    path = "/boards"
    nothing = await signed(team, team.ann)
    larger = await signed(team, team.ann)
    for content in (b"hello world", b"hell"):
        kind = {"Content-Type": "text/plain"}
        assert (await put(team.ann, larger["uploadUrl"], content, **kind)).status_code == 403
    assert await objects.store().head(larger["fileKey"]) is None
    # As if it came over a link: there are servers of S3's protocol that check no signed size.
    await objects.store().put(larger["fileKey"], b"hello world", "text/plain")
    for link, says in ((nothing, "not been uploaded"), (larger, "11 bytes")):
        body = {"projectId": team.project_id, "title": "x", "attachmentIds": [link["attachmentId"]]}
        await refused(team.ann, "POST", path, body, 400, says=says)
    await doomed.sweep()
    assert await objects.store().head(larger["fileKey"]) is None
    assert await team.cards() == []


async def test_other_peoples_files_can_be_neither_attached_nor_claimed(
    team: Team, server: Server
) -> None:
    file = await upload(team.bob, team.workspace_id, "BOARD")
    key = await db.fetch_value("SELECT file_key FROM board.attachments WHERE id = $1::uuid", file)
    body = {"projectId": team.project_id, "title": "x", "attachmentIds": [file]}
    await refused(team.ann, "POST", "/boards", body, 400, says="attachmentIds")
    claim = {"entityType": "BOARD", "fileKey": key, "fileName": "a.txt", "fileSize": 5}
    await refused(team.ann, "POST", "/attachments", claim, 400, says="fileKey")
    for wrong in ("board/../secret", "profiles/x.png", key + "x"):
        await refused(team.bob, "POST", "/attachments", claim | {"fileKey": wrong}, 400)
    await refused(team.ann, "GET", f"/attachments/{file}/download", None, 404)
    await refused(team.ann, "DELETE", f"/attachments/{file}", None, 404)
    stranger = await server.person("Stranger")
    await refused(stranger, "POST", "/attachments/presigned-url", wanted(team), 404)
    mine = (await team.ann.workspace("Mine", isPublic=False))["workspaceId"]
    file = await upload(team.ann, mine, "BOARD")
    body = {"projectId": team.project_id, "title": "x", "attachmentIds": [file]}
    await refused(team.ann, "POST", "/boards", body, 400, says="attachmentIds")
    file = await upload(team.ann, team.workspace_id, "COMMENT")
    body["attachmentIds"] = [file]
    await refused(team.ann, "POST", "/boards", body, 400, says="attachmentIds")


async def test_one_file_goes_to_one_card_however_many_want_it(team: Team) -> None:
    cards = [await team.card() for _ in range(5)]
    file = await upload(team.ann, team.workspace_id, "BOARD")
    answers = await asyncio.gather(
        *(
            ask(team.ann, "PUT", f"/boards/{card['boardId']}", {"attachmentIds": [file]})
            for card in cards
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 4
    assert sum(len(card["attachments"]) for card in await team.cards()) == 1


async def test_a_file_that_is_attached_while_it_is_deleted_is_never_lost_in_silence(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = await team.card()
    read, go_on = asyncio.Event(), asyncio.Event()
    reachable = attachments.reachable

    async def slowly(*args: Any) -> Any:
        found = await reachable(*args)
        read.set()
        await go_on.wait()
        return found

    file = await upload(team.ann, team.workspace_id, "BOARD")
    monkeypatch.setattr(attachments, "reachable", slowly)
    deletion = asyncio.create_task(ask(team.ann, "DELETE", f"/attachments/{file}"))
    await read.wait()
    body = {"attachmentIds": [file]}
    await call(team.ann, "PUT", f"/boards/{card['boardId']}", body)
    async with folds(ProjectView(team.owner, team.project_id)):
        go_on.set()
        assert (await deletion).status_code == 409
    monkeypatch.undo()
    await call(team.ann, "DELETE", f"/attachments/{file}")


async def test_names_can_write_no_headers_and_scripts_are_never_shown(team: Team) -> None:
    name = 'a"\r\nX-Evil: 1;.svg'
    link = await signed(team, team.ann, fileName=name, contentType="image/svg+xml")
    await put(team.ann, link["uploadUrl"], b"<svg>", **{"Content-Type": "image/svg+xml"})
    card = await team.card(by=team.ann, attachmentIds=[link["attachmentId"]])
    loaded = await ask(team.ann, "GET", f"/attachments/{link['attachmentId']}/download")
    assert loaded.status_code == 200
    assert "x-evil" not in loaded.headers
    async with team.ann.server.client(follow_redirects=True) as browser:
        shown = await browser.get(card["attachments"][0]["fileUrl"])
    assert shown.headers["content-disposition"].startswith("attachment")
    assert shown.headers["x-content-type-options"] == "nosniff"


async def test_uploads_that_nobody_attached_are_dropped_and_live_files_never(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await upload(team.ann, team.workspace_id, "BOARD")
    await team.card(by=team.ann, attachmentIds=[kept])
    unused = await upload(team.ann, team.workspace_id, "BOARD")
    await db.execute("UPDATE board.attachments SET expires_at = now() WHERE status = 'TEMP'")
    keys = {
        str(row["id"]): row["file_key"]
        for row in await db.fetch_records("SELECT id, file_key FROM board.attachments")
    }
    assert await uploads.drop_expired() == "1 unused uploads dropped"
    await doomed.sweep()
    assert await objects.store().head(keys[unused]) is None
    assert await objects.store().head(keys[kept]) is not None
    await objects.store().put("board/boards/orphan.txt", b"hello", "text/plain")
    assert await uploads.reconcile() == "0 orphaned files deleted"
    monkeypatch.setattr(objects, "ORPHAN_SECONDS", -1)
    await uploads.reconcile()
    assert await objects.store().head("board/boards/orphan.txt") is None
    assert await objects.store().head(keys[kept]) is not None


async def hold(person: Person, workspace_id: str, number: int) -> None:
    """As if he had asked for so many links just now."""
    await db.execute(
        """
        INSERT INTO board.attachments
            (id, workspace_id, entity_type, status, file_key, file_name, file_size, content_type,
             uploaded_by, expires_at, created_at)
        SELECT gen_random_uuid(), $1::uuid, 'BOARD', 'TEMP', 'board/boards/' || gen_random_uuid(),
               'a.txt', 5, 'text/plain', $2, now() + interval '1 hour', now()
        FROM generate_series(1, $3)
        """,
        workspace_id,
        person.user_id,
        number,
    )


async def test_nobody_holds_more_than_200_uploads_that_are_not_attached(team: Team) -> None:
    path = "/attachments/presigned-url"
    attached = await signed(team, team.ann)
    await put(team.ann, attached["uploadUrl"], b"hello", **{"Content-Type": "text/plain"})
    await team.card(by=team.ann, attachmentIds=[attached["attachmentId"]])
    await hold(team.ann, team.workspace_id, uploads.MOST_TEMP - 1)
    last = await signed(team, team.ann)

    async def too_many() -> None:
        answer = await ask(team.ann, "POST", path, wanted(team))
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "600")
        assert "200 uploads" in answer.json()["message"]

    await too_many()
    count = "SELECT count(*) FROM board.attachments WHERE uploaded_by = $1"
    assert await db.fetch_value(count, team.ann.user_id) == 201
    await signed(team, team.bob)
    await call(team.ann, "DELETE", f"/attachments/{last['attachmentId']}")
    await signed(team, team.ann)
    await too_many()
    await db.execute(
        """
        UPDATE board.attachments SET expires_at = now() WHERE id = (
            SELECT id FROM board.attachments WHERE status = 'TEMP' AND uploaded_by = $1 LIMIT 1
        )
        """,
        team.ann.user_id,
    )
    await signed(team, team.ann)
    await too_many()


async def test_what_came_too_often_may_be_repeated_with_the_same_key(team: Team) -> None:
    await hold(team.ann, team.workspace_id, uploads.MOST_TEMP)
    path, key = f"{API}/attachments/presigned-url", {"Idempotency-Key": team.workspace_id}
    answers = [await team.ann.http.post(path, json=wanted(team), headers=key)]
    await db.execute("DELETE FROM board.attachments")
    answers += [await team.ann.http.post(path, json=wanted(team), headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [429, 200, 200]
    assert answers[1].json() == answers[2].json()


async def statuses(person: Person, *addresses: str) -> list[int]:
    """What the addresses of files answer to somebody who carries no token."""
    async with person.server.client() as browser:
        answers = [await browser.get(address) for address in addresses]
    for answer in answers:
        if answer.status_code == 404:
            assert answer.json()["error"]["message"] == "no such file"
            assert answer.headers["cache-control"] == "no-store"
        else:
            assert answer.headers["cache-control"] == "private, max-age=240"
    return [answer.status_code for answer in answers]


async def placed(team: Team) -> tuple[dict[str, Any], list[str]]:
    """A card with a file, a comment on it with one, the project's own; the card, the addresses."""
    one = await upload(team.owner, team.workspace_id, "BOARD")
    two = await upload(team.owner, team.workspace_id, "COMMENT")
    three = await upload(team.owner, team.workspace_id, "PROJECT")
    card = await team.card(attachmentIds=[one])
    new = {"boardId": card["boardId"], "content": "x", "attachmentIds": [two]}
    comment = await call(team.owner, "POST", "/comments", new)
    change = {"attachmentIds": [three]}
    project = await call(team.owner, "PUT", f"/projects/{team.project_id}", change)
    holders = (card, comment, project)
    return card, [holder["attachments"][0]["fileUrl"] for holder in holders]


async def test_a_files_address_ends_with_the_file(team: Team) -> None:
    card, addresses = await placed(team)
    assert await statuses(team.bob, *addresses) == [302, 302, 302]
    await call(team.owner, "DELETE", f"/attachments/{card['attachments'][0]['id']}")
    assert await statuses(team.bob, *addresses) == [404, 302, 302]
    [comment] = await call(team.bob, "GET", f"/comments/board/{card['boardId']}")
    await call(team.owner, "DELETE", f"/comments/{comment['commentId']}")
    assert await statuses(team.bob, *addresses) == [404, 404, 302]
    await call(team.owner, "PUT", f"/projects/{team.project_id}", {"attachmentIds": []})
    assert await statuses(team.bob, *addresses) == [404, 404, 404]


async def test_a_files_address_rests_while_its_card_lies_in_the_trash(team: Team) -> None:
    card, addresses = await placed(team)
    path = f"/boards/{card['boardId']}"
    await call(team.owner, "DELETE", path)
    assert await statuses(team.bob, *addresses) == [404, 404, 302]
    await call(team.owner, "POST", f"{path}/restore")
    assert await statuses(team.bob, *addresses) == [302, 302, 302]
    async with team.bob.server.client(follow_redirects=True) as browser:
        assert (await browser.get(addresses[0])).content == b"hello"


async def test_a_files_address_ends_with_its_project(team: Team) -> None:
    _, addresses = await placed(team)
    await call(team.owner, "DELETE", f"/projects/{team.project_id}")
    assert await statuses(team.bob, *addresses) == [404, 404, 404]


async def test_a_files_address_works_only_when_attached_and_only_with_its_service(
    team: Team,
) -> None:
    link = await signed(team, team.ann)
    await put(team.ann, link["uploadUrl"], b"hello", **{"Content-Type": "text/plain"})
    address = files.address(link["fileKey"])
    elsewhere = address.replace("/svc/board/files/", "/svc/user/images/")
    unknown = files.address("board/boards/unknown.txt")
    assert await statuses(team.ann, address, unknown) == [404, 404]
    card = await team.card(by=team.ann, attachmentIds=[link["attachmentId"]])
    assert card["attachments"][0]["fileUrl"] == address
    assert await statuses(team.ann, address, unknown) == [302, 404]
    assert await statuses(team.ann, elsewhere) == [404]


async def test_the_files_of_everything_in_a_project_go_with_it(team: Team) -> None:
    await placed(team)
    await call(team.owner, "DELETE", f"/projects/{team.project_id}")
    assert await db.fetch_value("SELECT count(*) FROM board.attachments") == 0
    assert await db.fetch_value("SELECT count(*) FROM core.doomed_object") == 3

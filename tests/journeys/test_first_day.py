"""A person's first day, through HTTP only: sign in, make a workspace, invite, show a face."""

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from tests.people import NIL, Server

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 50


async def sign_in(browser: httpx.AsyncClient, name: str, email: str) -> dict[str, str]:
    """Fill in the built-in page as a person would; returns what the frontend gets."""
    page = await browser.get("/api/oauth2/authorization/google")
    assert page.status_code == 200
    form = re.search(r'<form[^>]*action="([^"]+)"', page.text)
    assert form
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
    fields = {key: unescape(value) for key, value in hidden}
    answer = await browser.post(
        unescape(form[1]), data={**fields, "name": name, "email": email}, follow_redirects=False
    )
    while "accessToken" not in answer.headers["location"]:
        answer = await browser.get(answer.headers["location"], follow_redirects=False)
        assert answer.status_code in (302, 303), answer.text
    target = urlsplit(answer.headers["location"])
    assert target.path == "/oauth/callback"
    query = {key: values[0] for key, values in parse_qs(target.query).items()}
    assert list(query)[:3] == ["accessToken", "refreshToken", "userId"]
    return query


def as_bearer(session: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {session['accessToken']}"}


async def test_two_people_meet_in_a_workspace(server: Server) -> None:
    async with server.client() as ann, server.client() as ben:
        ann_session = await sign_in(ann, "Ann", "ann@example.com")
        ben_session = await sign_in(ben, "Ben", "ben@example.com")
        ann.headers.update(as_bearer(ann_session))
        ben.headers.update(as_bearer(ben_session))

        made = await ann.post(
            "/api/svc/user/api/workspaces/create",
            json={"workspaceName": "Garden", "workspaceDescription": "-"},
        )
        workspace_id = made.json()["workspaceId"]
        root = f"/api/svc/user/api/workspaces/{workspace_id}"
        invited = await ann.post(f"{root}/members/invite", json={"email": "ben@example.com"})
        assert invited.status_code == 201

        await show_a_face(ben)
        members = (await ann.get(f"{root}/members")).json()
        assert [row["nickName"] for row in members] == ["Ann", "Ben"]
        async with server.client(follow_redirects=True) as browser:
            face = await browser.get(members[1]["profileImageUrl"])
        assert face.content == PNG

        renewed = await ann.post(
            "/api/svc/auth/api/auth/refresh", json={"refreshToken": ann_session["refreshToken"]}
        )
        assert renewed.status_code == 200
        ann.headers.update(as_bearer(renewed.json()))
        assert (await ann.post("/api/svc/auth/api/auth/logout")).status_code == 200
        assert (await ann.get(f"{root}/members")).status_code == 401
        assert (await ben.get(f"{root}/members")).status_code == 200


async def show_a_face(person: httpx.AsyncClient) -> None:
    root = "/api/svc/user/api/profiles/me/image"
    picture: dict[str, Any] = {
        "fileName": "me.png",
        "fileSize": len(PNG),
        "contentType": "image/png",
    }
    signed = (await person.post(f"{root}/presigned-url", json=picture)).json()
    put = await person.put(signed["uploadUrl"], content=PNG, headers={"Content-Type": "image/png"})
    assert put.status_code == 200
    attachment = await person.post(
        f"{root}/attachment", json={"fileKey": signed["fileKey"], **picture}
    )
    chosen = await person.put(
        root,
        headers={"X-Workspace-Id": NIL},
        json={"attachmentId": attachment.json()["attachmentId"]},
    )
    assert chosen.status_code == 200

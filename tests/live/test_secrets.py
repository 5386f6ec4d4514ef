"""No token, key or password is ever written to the log, whichever way it came in."""

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import httpx
import pytest

from tests.live.servers import Replica, Session

PASSWORD = "the password of the database"
INTERNAL_KEY = "the key of the internal API"
SHORTEST = 12
"""Parts of a secret that are shorter may occur by chance."""

AUTH = "/svc/auth/api"
USER = "/svc/user/api"


@pytest.fixture
async def replica(database_url: str, private_key: str, data_dir: Path) -> AsyncIterator[Replica]:
    """One that logs as much as it can. Our PostgreSQL trusts everybody, whatever his password."""
    url = database_url.replace("wealist@", f"wealist:{PASSWORD.replace(' ', '%20')}@", 1)
    assert url != database_url
    async with Replica.start(
        data_dir,
        database_url=url,
        LOG_LEVEL="debug",
        INTERNAL_API_KEY=INTERNAL_KEY,
        JWT_RSA_PRIVATE_KEY=private_key,
    ) as running:
        yield running


async def test_no_secret_is_ever_logged(replica: Replica, private_key: str) -> None:
    ann = await replica.sign_in("ann")
    successor = await replica.refreshed(ann)
    made_up = f"{ann.access.rpartition('.')[0]}.{secrets.token_urlsafe(256)}"
    for token in (successor.access, successor.refresh, made_up):
        await show_everywhere(replica, token)
    await present_keys(replica)
    links = await use_a_picture(replica, successor)
    await replica.log_out(successor)
    replica.terminate()
    assert await replica.ended() == 0

    output = replica.output
    assert output.count('"http.target"') > 40, "the requests are in the log"
    assert "***" in output
    hidden = [INTERNAL_KEY, PASSWORD, PASSWORD.replace(" ", "%20"), *links]
    for token in (ann.access, ann.refresh, successor.access, successor.refresh, made_up):
        hidden += token.split(".")
    hidden += [line for line in private_key.splitlines() if not line.startswith("-----")]
    for secret in hidden:
        assert len(secret) >= SHORTEST
        assert secret not in output, line_with(secret, output)


def line_with(secret: str, output: str) -> str:
    return next(line for line in output.splitlines() if secret in line)


async def show_everywhere(replica: Replica, token: str) -> None:
    """Send a token in every way in which clients send tokens, rightly and wrongly."""
    bearer = {"Authorization": f"Bearer {token}"}
    bodies: list[dict[str, Any]] = [{"token": token}, {"refreshToken": token}, {"email": token}]
    async with replica.client() as client:
        for path in (f"{USER}/workspaces/all", f"{USER}/users/{token}", f"/nowhere/{token}"):
            await client.get(path, headers=bearer)
            await client.get(path, params={"token": token, "access_token": token})
            await client.get(path, headers={"Cookie": f"token={token}", "Authorization": token})
        for body in bodies:
            for name in ("auth/validate", "test/token"):
                await client.post(f"{AUTH}/{name}", json=body, headers=bearer)
            await client.post(f"{USER}/workspaces/create", json=body, headers=bearer)
        await client.post(f"{AUTH}/auth/refresh", content=f'{{"refreshToken": "{token}"')
        await client.get(f"{USER}/users/me", headers={"User-Agent": token, "Referer": token})
        await client.get(f"{USER}/users/me", headers={"X-Request-Id": token})
        sign_in = "/svc/auth/oauth2/callback/google"
        await client.get(sign_in, params={"code": token, "state": token})
        await client.get(sign_in, params={"redirect_uri": f"http://localhost/?accessToken={token}"})


async def present_keys(replica: Replica) -> None:
    """Use the internal API's key where it counts and where it doesn't."""
    key = {"X-Internal-Api-Key": INTERNAL_KEY}
    for internal in (True, False):
        async with replica.client(internal=internal) as client:
            path = f"{USER}/internal/users/{uuid4()}/exists"
            answer = await client.get(path, headers=key)
            assert answer.status_code == (200 if internal else 404)
            await client.get(path, params={"api_key": INTERNAL_KEY}, headers=key)


async def use_a_picture(replica: Replica, ann: Session) -> list[str]:
    """Upload a profile picture and look at it; what is secret in the two links."""
    picture = {"fileName": "a.png", "contentType": "image/png", "fileSize": 4}
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(replica.client(headers=ann.headers))
        stranger = await stack.enter_async_context(httpx.AsyncClient(follow_redirects=True))
        me = f"{USER}/profiles/me/image"
        link = (await client.post(f"{me}/presigned-url", json=picture)).json()
        sent = await stranger.put(
            link["uploadUrl"], content=b"\x89PNG", headers={"Content-Type": "image/png"}
        )
        assert sent.status_code == 200, sent.text
        confirmed = await client.post(
            f"{me}/attachment", json={**picture, "fileKey": link["fileKey"]}
        )
        address = confirmed.json()["fileUrl"]
        shown = await stranger.get(address)
        assert shown.content == b"\x89PNG"
    redirects = [str(answer.url) for answer in (*shown.history, shown)]
    capability = urlsplit(address).path.rpartition("/")[2]
    return [capability, *signatures(link["uploadUrl"], *redirects[1:])]


def signatures(*urls: str) -> Iterator[str]:
    for url in urls:
        found = [text for name, text in parse_qsl(urlsplit(url).query) if "sig" in name.lower()]
        assert found, url
        yield from found

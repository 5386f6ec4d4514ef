"""Sessions as a client has them in hand: getting one, using it, and forging one."""

import time
from typing import Any
from uuid import uuid4

import httpx
import jwt

from wealist.core import keys

REFRESH = "/svc/auth/api/auth/refresh"
LOGOUT = "/svc/auth/api/auth/logout"
VALIDATE = "/svc/auth/api/auth/validate"
ME = "/svc/auth/api/auth/me"
TOKEN = "/svc/auth/api/test/token"


async def signed_in(browser: httpx.AsyncClient, **who: str) -> dict[str, Any]:
    answer = await browser.post(TOKEN, json=who)
    assert answer.status_code == 200, answer.text
    session: dict[str, Any] = answer.json()
    return session


async def refresh(browser: httpx.AsyncClient, token: Any) -> httpx.Response:
    return await browser.post(REFRESH, json={"refreshToken": token})


def bearer(session: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {session['accessToken']}"}


async def counts(browser: httpx.AsyncClient, session: dict[str, Any]) -> bool:
    answer = await browser.get(ME, headers=bearer(session))
    return answer.status_code == 200


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def signed(**changes: Any) -> str:
    now = int(time.time())
    claims = {
        "sub": str(uuid4()),
        "iss": "wealist-auth-service",
        "iat": now,
        "exp": now + 60,
        "type": "refresh",
        "jti": "1",
        "fid": "f",
        **changes,
    }
    held = keys.current()
    return jwt.encode(claims, held.private, "RS256", headers={"kid": held.kid})

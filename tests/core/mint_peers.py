"""Keys, a mint and sessions for the tests of tokens."""

import base64
import json
import time
from typing import Any
from uuid import UUID, uuid4

import jwt
from msgspec import structs

from wealist.core.keys import KeySet
from wealist.core.mint import Mint
from wealist.core.settings import Settings
from wealist.core.tokens import Pair, TokenStore

SETTINGS = Settings()
USER = UUID("0190a0b0-0000-7000-8000-000000000001")


def a_pair(user_id: UUID = USER, **changes: Any) -> Pair:
    made = Pair(
        user_id, uuid4().hex, str(uuid4()), str(uuid4()), int(time.time()), "kim@example.com", "Kim"
    )
    return structs.replace(made, **changes)


async def signed_in(store: TokenStore, mint: Mint, pair: Pair | None = None) -> tuple[Pair, str]:
    pair = pair or a_pair()
    await store.start(pair, now=time.time(), ttl=3600)
    return pair, mint.mint(pair).access


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    made = {
        "sub": str(USER),
        "iss": SETTINGS.jwt_issuer,
        "iat": now,
        "exp": now + 60,
        "type": "access",
        "jti": "1",
        "fid": "f",
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


def signed(key_set: KeySet, **changes: Any) -> str:
    return jwt.encode(claims(**changes), key_set.private, "RS256", headers={"kid": key_set.kid})


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

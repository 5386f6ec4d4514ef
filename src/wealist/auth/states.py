"""A sign-in on its way through the provider, kept by the browser in an encrypted cookie.

Each authorization request has a cookie of its own, named after its state, so that sign-ins in
several tabs don't disturb each other and an abandoned one leads nowhere. The cookie is worth
nothing twice: the token store remembers the states that came back.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from msgspec import Struct

from wealist.core import server_secret, tokens

SECONDS = 600
"""How long somebody may take to sign in."""
KEPT = 4
"""Sign-ins that a browser may leave unfinished while it begins another."""
_PREFIX = "wealist_oauth_"


class Pending(Struct, frozen=True):
    """One authorization request. `callback` is where the provider sends the browser back to."""

    state: str
    nonce: str
    verifier: str
    target: str
    callback: str


def new(target: str, callback: str) -> Pending:
    """A request that nobody can guess anything of."""
    return Pending(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        target=target,
        callback=callback,
    )


def cookie_name(state: str) -> str:
    """The name of the cookie that belongs to a state."""
    return _PREFIX + hashlib.sha256(_bytes(state)).hexdigest()[:16]


def seal(pending: Pending) -> str:
    """The cookie's value; only we can read it."""
    # Without its padding, which would have to be quoted.
    return _box().encrypt(msgspec.json.encode(pending)).rstrip(b"=").decode()


def find(state: str, cookies: Mapping[str, str]) -> Pending | None:
    """The request that a state belongs to, if this browser has begun it in time."""
    value = cookies.get(cookie_name(state))
    if value is None:
        return None
    try:
        content = _box().decrypt(_padded(value), ttl=SECONDS)
        pending = msgspec.json.decode(content, type=Pending)
    except (InvalidToken, ValueError, msgspec.MsgspecError):
        return None
    return pending if secrets.compare_digest(pending.state.encode(), _bytes(state)) else None


def excess(cookies: Mapping[str, str]) -> list[str]:
    """The names of the oldest sign-ins' cookies, beyond the `KEPT` newest.

    Kept until they expire, a dozen would make every request's head too large for a server.
    """
    names = [name for name in cookies if name.startswith(_PREFIX)]
    # Browsers send the older of two cookies first, and sorting keeps that order within a second.
    return sorted(names, key=lambda name: _begun(cookies[name]))[: max(0, len(names) - KEPT)]


async def use(pending: Pending) -> bool:
    """Whether this is the first time that the request comes back."""
    return await tokens.store().use_once(cookie_name(pending.state), ttl=SECONDS)


def _begun(value: str) -> int:
    """When a cookie was made, in unix seconds; 0 for one that isn't ours."""
    try:
        return _box().extract_timestamp(_padded(value))
    except (InvalidToken, ValueError):
        return 0


def _padded(value: str) -> bytes:
    return value.encode() + b"=" * (-len(value) % 4)


def _box() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(server_secret.derive(b"sign-in state")))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")

"""The verbs on sessions: start one, exchange its refresh token, end it, ask whether it counts."""

import contextlib
import time
from uuid import UUID, uuid4

from wealist.auth import people
from wealist.auth.people import Person
from wealist.auth.wire import SignedIn, Validation
from wealist.core import identity, tokens
from wealist.core.errors import Unauthorized
from wealist.core.identity import Revocation
from wealist.core.mint import Claims, Kind, TokenError
from wealist.core.settings import Settings
from wealist.core.tokens import Pair, Replayed, Reused, Rotated, Unknown

_settings = Settings()


def open(settings: Settings) -> None:  # noqa: A001
    """Take lifetimes and the grace window from the settings."""
    global _settings
    _settings = settings


def issuer() -> str:
    """The `iss` of our tokens."""
    return _settings.jwt_issuer


async def start(person: Person) -> SignedIn:
    """Begin a session for somebody who has just proved who he is."""
    pair = _pair(person, uuid4().hex)
    await tokens.store().start(pair, now=time.time(), ttl=_life())
    # Deleting an account ends the sessions it has: look again, now that there is this one.
    if await people.current().find_person(person.user_id) is None:
        await identity.revoke_family(pair.family)
        raise Unauthorized("this account does not exist any more", code="AUTH001")
    return _signed(pair)


async def refresh(token: str) -> SignedIn:
    """Exchange a refresh token for its successor; twice at once gives the same one twice.

    Raises `Unauthorized` with the `AUTH00x` of what is wrong; a token that is used again after
    the grace window ends its session.
    """
    claims = _read(token, "refresh")
    person = await people.current().find_person(claims.sub)
    if person is None:
        await identity.revoke_family(claims.fid)
        raise Unauthorized("this account does not exist any more", code="AUTH001")
    successor = _pair(person, claims.fid)
    outcome = await tokens.store().rotate(
        claims.jti,
        successor,
        now=time.time(),
        grace=_settings.refresh_grace_seconds,
        ttl=_life(),
    )
    match outcome:
        case Rotated():
            return _signed(successor)
        case Replayed(pair=pair):
            return _signed(pair)
        case Reused():
            await identity.announce(Revocation(family=claims.fid))
        case Unknown():
            pass
    raise Unauthorized("this session has ended; sign in again", code="AUTH006")


async def log_out(access_token: str, refresh_token: str | None) -> None:
    """End the session of either token, on all replicas; harmless when it has ended.

    One genuine token is enough. Raises `Unauthorized` when the access token isn't and no refresh
    token makes up for it.
    """
    families = set()
    if refresh_token:
        with contextlib.suppress(Unauthorized):
            families.add(_read(refresh_token, "refresh").fid)
    try:
        families.add(_read(access_token, "access").fid)
    except Unauthorized:
        if not families:
            raise
    for family in families:
        await identity.revoke_family(family)


async def validate(token: str | None) -> Validation:
    """Whether an access token counts now, and whose it is. Raises `Unavailable` if nobody knows."""
    if not token:
        return Validation(valid=False, message="Token is required")
    try:
        caller = await identity.authenticate(token)
    except TokenError as error:
        return Validation(valid=False, message=error.reason)
    return Validation(user_id=caller.user_id, valid=True, message="Token is valid")


def _read(token: str, kind: Kind) -> Claims:
    """The claims of a genuine token; says what is wrong in auth's words otherwise."""
    try:
        return identity.mint().read(token, kind)
    except TokenError as error:
        raise Unauthorized(error.reason, code=error.code) from None


def _pair(person: Person, family: str) -> Pair:
    user_id: UUID = person.user_id
    return Pair(
        user_id,
        family,
        access_id=str(uuid4()),
        refresh_id=str(uuid4()),
        issued_at=int(time.time()),
        email=person.email or None,
        name=person.name or None,
    )


def _signed(pair: Pair) -> SignedIn:
    minted = identity.sign(pair)
    return SignedIn(minted.access, minted.refresh, pair.user_id, _settings.access_ms // 1000)


def _life() -> float:
    """Seconds a session is remembered: as long as any token of it could count."""
    return max(_settings.access_ms, _settings.refresh_ms) / 1000 + 60

"""The browsers that get push messages (contract: W3C Push API)."""

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit
from uuid import UUID

import httpx
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from msgspec import Struct

from wealist.core import db, vapid
from wealist.core.errors import Invalid, NotFound
from wealist.core.identity import Caller
from wealist.core.ids import uuid7
from wealist.noti import bell, channels, schedules, web_push
from wealist.noti.delivery_wire import NewPush, PushKey, PushSubscription, PushSubscriptions

MOST = 20
"""Browsers of one person; the oldest make room."""

MOST_FAILURES = 50
"""After so many failures without a success in between a browser is forgotten."""

_public_key: str | None = None
_private = False


def use(public_key: str | None, *, private: bool) -> None:
    """Take the public key, None where there is no web push; `private`: see the settings."""
    global _public_key, _private
    _public_key, _private = public_key, private
    channels.use(channels.PUSH, configured=public_key is not None)


def key() -> PushKey:
    """The key with which browsers subscribe. Raises `NotFound` where there is no web push."""
    if _public_key is None:
        raise NotFound("this installation has no web push")
    return PushKey(_public_key)


async def list_subscriptions(caller: Caller) -> PushSubscriptions:
    """The caller's browsers, the newest first."""
    return await _read(caller.user_id)


async def _read(user_id: UUID) -> PushSubscriptions:
    found = await db.fetch(
        PushSubscription,
        """
        SELECT id, endpoint, user_agent, created_at, used_at FROM noti.push_subscriptions
        WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2
        """,
        user_id,
        MOST,
    )
    return PushSubscriptions(found)


async def subscribe(caller: Caller, new: NewPush, user_agent: str | None) -> PushSubscription:
    """Send push messages to a browser, too. Repeating it is harmless: the endpoint is what counts.

    A browser in which somebody else was signed in belongs to the caller from now on. Raises
    `NotFound` where there is no web push, `Invalid` for an endpoint or key that can't be one.
    """
    key()
    endpoint = _endpoint(new.endpoint)
    p256dh, auth = _keys(new)
    async with db.transaction():
        await schedules.hold(caller.user_id)
        before: UUID | None = await db.fetch_value(
            "SELECT user_id FROM noti.push_subscriptions WHERE endpoint = $1 FOR UPDATE", endpoint
        )
        row_id: UUID = await db.fetch_value(
            """
            INSERT INTO noti.push_subscriptions AS s
                (id, user_id, endpoint, p256dh, auth, user_agent, created_at, failures)
            VALUES ($1, $2, $3, $4, $5, $6, now(), 0)
            ON CONFLICT (endpoint) DO UPDATE
                SET user_id = excluded.user_id, p256dh = excluded.p256dh, auth = excluded.auth,
                    user_agent = excluded.user_agent, failures = 0,
                    created_at = CASE WHEN s.user_id = excluded.user_id THEN s.created_at
                                      ELSE excluded.created_at END
            RETURNING id
            """,
            uuid7(),
            caller.user_id,
            endpoint,
            p256dh,
            auth,
            (user_agent or "")[:300] or None,
        )
        await db.execute(
            """
            DELETE FROM noti.push_subscriptions WHERE user_id = $1 AND id <> $2 AND id NOT IN (
                SELECT id FROM noti.push_subscriptions WHERE user_id = $1 AND id <> $2
                ORDER BY created_at DESC, id DESC LIMIT $3)
            """,
            caller.user_id,
            row_id,
            MOST - 1,
        )
        if before is not None and before != caller.user_id:
            await _tell(before, actor=caller.user_id)
        found = await _tell(caller.user_id, actor=caller.user_id)
    return next(one for one in found.subscriptions if one.id == row_id)


def _endpoint(text: str) -> str:
    """An address that may be asked to deliver; that it is public is seen again when sending."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
        _ = httpx.URL(text).host  # stricter, and what sends
    except (ValueError, httpx.InvalidURL):
        host, parts = "", urlsplit("")
    if not (text.isascii() and text.isprintable()) or " " in text or not host or parts.username:
        raise Invalid("must be the address that the browser has given", field="endpoint")
    if _private:
        return text
    if parts.scheme != "https":
        raise Invalid("must begin with https://", field="endpoint")
    if host == "localhost" or host.endswith(".localhost") or not _may_be_public(host):
        raise Invalid("must lead to a public address", field="endpoint")
    return text


def _may_be_public(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return "." in host  # a name; a number that a resolver reads as an address is seen later
    return web_push.is_public(host)


def _keys(new: NewPush) -> tuple[bytes, bytes]:
    try:
        p256dh = vapid.decode(new.keys.p256dh)
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), p256dh)
        if len(p256dh) != 65:
            raise ValueError
    except ValueError:
        raise Invalid("must be an uncompressed point of P-256", field="keys.p256dh") from None
    try:
        auth = vapid.decode(new.keys.auth)
    except ValueError:
        auth = b""
    if len(auth) != 16:
        raise Invalid("must be 16 bytes in URL-safe base64", field="keys.auth")
    return p256dh, auth


async def unsubscribe(caller: Caller, subscription_id: UUID) -> None:
    """Send no more to a browser. Raises `NotFound` for one that isn't the caller's."""
    async with db.transaction():
        await schedules.hold(caller.user_id)
        if not await db.execute(
            "DELETE FROM noti.push_subscriptions WHERE id = $1 AND user_id = $2",
            subscription_id,
            caller.user_id,
        ):
            raise NotFound("there is no such subscription")
        await _tell(caller.user_id, actor=caller.user_id)


async def _tell(user_id: UUID, *, actor: UUID) -> PushSubscriptions:
    found = await _read(user_id)
    bell.ring(user_id, "push-changed", found, actor=actor)
    return found


class Subscriber(Struct):
    """A browser as the job that sends needs it."""

    id: UUID
    user_id: UUID
    endpoint: str
    p256dh: bytes
    auth: bytes


async def of(user_ids: Iterable[UUID]) -> dict[UUID, list[Subscriber]]:
    """The browsers of people, in one query."""
    found: dict[UUID, list[Subscriber]] = {}
    for one in await db.fetch(
        Subscriber,
        """
        SELECT id, user_id, endpoint, p256dh, auth FROM noti.push_subscriptions
        WHERE user_id = ANY($1)
        """,
        list(set(user_ids)),
    ):
        found.setdefault(one.user_id, []).append(one)
    return found


async def note(*, reached: list[UUID], missed: list[UUID], gone: list[UUID]) -> None:
    """Keep in mind which browsers were reached, and forget those that are gone, and those that
    were missed `MOST_FAILURES` times in a row. One statement."""
    await db.execute(
        """
        WITH forgotten AS (
            DELETE FROM noti.push_subscriptions
            WHERE id = ANY($3) OR (id = ANY($2) AND failures + 1 >= $4) RETURNING id
        )
        UPDATE noti.push_subscriptions
        SET failures = CASE WHEN id = ANY($1) THEN 0 ELSE failures + 1 END,
            used_at = CASE WHEN id = ANY($1) THEN now() ELSE used_at END
        WHERE id = ANY($1 || $2) AND id NOT IN (SELECT id FROM forgotten)
        """,
        reached,
        missed,
        gone,
        MOST_FAILURES,
    )

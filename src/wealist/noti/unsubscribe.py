"""Links that end e-mail with one click (RFC 8058): whoever holds one may, signed in or not.

A link names a person, and a workspace or everything, with a proof that we made it. It never
expires, since a mail is found again after years, and all it can do is to stop mail.
"""

from hmac import compare_digest, digest
from typing import NamedTuple
from uuid import UUID

from wealist.core import db, server_secret, site
from wealist.core.errors import NotFound
from wealist.core.vapid import decode, encode
from wealist.core.wire import now
from wealist.noti import preferences, schedules
from wealist.user import api as user

PATH = "/svc/noti/api/notifications/unsubscribe"
_PROOF = 16


class Subscription(NamedTuple):
    """What a link ends: a person's e-mail from one workspace, or all of it."""

    user_id: UUID
    workspace_id: UUID | None = None


def _proof(body: bytes) -> bytes:
    key = server_secret.derive(b"noti unsubscribe")
    return digest(key, body, "sha256")[:_PROOF]


def token(subscription: Subscription) -> str:
    """The token of a link."""
    workspace_id = subscription.workspace_id
    body = subscription.user_id.bytes + (workspace_id.bytes if workspace_id else b"")
    return encode(body + _proof(body))


def address(user_id: UUID, workspace_id: UUID | None = None) -> str:
    """The link itself."""
    return site.address(f"{PATH}?token={token(Subscription(user_id, workspace_id))}")


def read(text: str) -> Subscription:
    """What a token stands for. Raises `NotFound` for one that we haven't made."""
    try:
        raw = decode(text)
    except ValueError:
        raw = b""
    body, proof = raw[:-_PROOF], raw[-_PROOF:]
    if len(body) not in (16, 32) or not compare_digest(proof, _proof(body)):
        raise NotFound("this link is not complete, or not one of ours")
    return Subscription(UUID(bytes=body[:16]), UUID(bytes=body[16:]) if body[16:] else None)


async def describe(subscription: Subscription) -> str:
    """What the link ends, in words that tell nothing a finder of the link could abuse."""
    if subscription.workspace_id is None:
        return "all e-mail notifications"
    seats = await user.seats([(subscription.workspace_id, subscription.user_id)])
    names = [seat.workspace_name for seat in seats.values() if seat.is_member]
    return f"e-mail notifications from {names[0]}" if names else "these e-mail notifications"


async def end(subscription: Subscription) -> None:
    """Send no more of it, from now on and of what waits; repeating it is harmless."""
    user_id, workspace_id = subscription
    if not await user.living([user_id]):
        return
    async with db.transaction():
        if workspace_id is None:
            await schedules.stop_mail(user_id)
        else:
            await preferences.stop_mail(user_id, workspace_id, now())

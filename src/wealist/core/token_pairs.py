"""What a pair of tokens is minted from, and what may come of presenting a refresh token."""

from uuid import UUID

from msgspec import Struct


class Pair(Struct, frozen=True):
    """An access and a refresh token. Minting it again gives the same bytes.

    `issued_at` is in unix seconds; `email` and `name` are what the access token says.
    """

    user_id: UUID
    family: str
    access_id: str
    refresh_id: str
    issued_at: int
    email: str | None = None
    name: str | None = None


class Rotated(Struct, frozen=True):
    """The presented token was the live one; the successor is now."""


class Replayed(Struct, frozen=True):
    """It was exchanged a moment ago; `pair` is the one that is live now."""

    pair: Pair


class Reused(Struct, frozen=True):
    """It was exchanged before, or its family has ended; no token of the family counts."""


class Unknown(Struct, frozen=True):
    """There is no such family (any more)."""


Outcome = Rotated | Replayed | Reused | Unknown

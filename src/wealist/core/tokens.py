"""Which tokens still count: the families of refresh tokens, and what may be used only once.

Each sign-in begins a family. Its one live refresh token is exchanged for a successor at every
refresh. For a moment (the grace window) an exchanged one may be presented again and yields the
pair that is live now: tabs and sockets of one browser refresh at the same time. After that it
can only have been stolen, and the family ends. A family that is not known is not valid, so
losing the store signs everybody out and lets nobody in.

Tokens themselves are never stored, only what they were minted from: the same claims signed by
the same key are the same bytes (RS256 is deterministic).
"""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from wealist.core import redis
from wealist.core.settings import Settings
from wealist.core.token_pairs import Outcome, Pair, Replayed, Reused, Rotated, Unknown
from wealist.core.tokens_local import LocalTokenStore
from wealist.core.tokens_redis import RedisTokenStore

__all__ = [
    "LocalTokenStore",
    "Outcome",
    "Pair",
    "RedisTokenStore",
    "Replayed",
    "Reused",
    "Rotated",
    "TokenStore",
    "Unknown",
    "close",
    "open",
    "store",
]


class TokenStore(Protocol):
    """Every operation is atomic. Each raises `Unavailable` while the store can't be reached.

    `now` is in unix seconds, `ttl` and `grace` in seconds.
    """

    async def start(self, pair: Pair, *, now: float, ttl: float) -> None:
        """Begin a family whose first pair this is; it is forgotten after `ttl`."""

    async def rotate(
        self, presented: str, successor: Pair, *, now: float, grace: float, ttl: float
    ) -> Outcome:
        """Exchange the refresh token with the id `presented` for `successor`.

        Ends the family when that token was exchanged longer than `grace` ago.
        """

    async def revoked(self, family: str) -> bool:
        """Whether tokens of this family don't count: it has ended, or is not known."""

    async def revoked_among(self, families: Sequence[str]) -> set[str]:
        """The same of many families, in one round trip."""

    async def revoke_family(self, family: str) -> None:
        """End a family; harmless when it has ended or is not known."""

    async def revoke_user(self, user_id: UUID) -> None:
        """End all families that a user has now."""

    async def use_once(self, key: str, *, ttl: float) -> bool:
        """True for the first caller only, until `ttl` is over."""

    async def close(self) -> None:
        """Let go of the store."""


_store: TokenStore | None = None


async def open(settings: Settings) -> None:  # noqa: A001
    """Open the store: Redis when `core.redis` has opened it, else a file in the data directory.

    Raises `SettingsError` when that file is unusable.
    """
    global _store
    client = redis.client()
    if client is not None:
        _store = RedisTokenStore(client)
    else:
        _store = LocalTokenStore(settings.data_dir / "tokens.sqlite")


async def close() -> None:
    """Close the store."""
    global _store
    opened, _store = _store, None
    if opened is not None:
        await opened.close()


def store() -> TokenStore:
    """The store of this process."""
    if _store is None:
        raise RuntimeError("tokens.open has not been called")
    return _store

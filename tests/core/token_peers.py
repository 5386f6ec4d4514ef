"""A session in a token store, and the moments of its life."""

import time
from uuid import UUID, uuid4

from wealist.core.tokens import (
    Outcome,
    Pair,
    TokenStore,
)

TTL = 3600.0
GRACE = 20.0


class Session:
    """A family of one user and the moments of its life."""

    def __init__(self, store: TokenStore, user_id: UUID | None = None) -> None:
        self.store = store
        self.user_id = user_id or uuid4()
        self.family = uuid4().hex
        self.born = time.time()

    def pair(self, name: str) -> Pair:
        return Pair(
            self.user_id, self.family, f"access-{name}", self.id(name), int(self.born), "a@b.c"
        )

    def id(self, name: str) -> str:
        return f"{self.family}-{name}"

    async def start(self) -> "Session":
        await self.store.start(self.pair("0"), now=self.born, ttl=TTL)
        return self

    async def exchange(self, presented: str, successor: str, *, at: float = 0) -> Outcome:
        return await self.store.rotate(
            self.id(presented), self.pair(successor), now=self.born + at, grace=GRACE, ttl=TTL
        )

    async def ended(self) -> bool:
        return await self.store.revoked(self.family)

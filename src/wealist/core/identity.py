"""Who is calling: the one way from a token to a `Caller`.

A token is checked by the local keys and then by the token store. What passed is remembered, so
that the next request with the same token costs microseconds: until the token expires, and never
longer than 30 seconds after the store was asked. Revocations arrive over the bus and are
forgotten at once on all replicas; after a gap in the bus everything is asked again.
"""

import hashlib
from collections.abc import Callable, Sequence
from time import monotonic, time
from typing import NamedTuple
from uuid import UUID

import msgspec
import structlog
from litestar.types import Scope
from msgspec import Struct

from wealist.core import bus, keys, tokens
from wealist.core.bus import Bus, Undo
from wealist.core.errors import AppError, Unauthorized, Unavailable
from wealist.core.mint import LEEWAY_SECONDS, Mint, Minted, TokenError
from wealist.core.settings import Settings
from wealist.core.tokens import Pair, TokenStore

CHANNEL = "auth:revoked"
RECHECK_SECONDS = 30.0
MOST_REMEMBERED = 50_000

log = structlog.get_logger("wealist.identity")


class Caller(Struct, frozen=True):
    """A signed-in person (or `SYSTEM`), as one token proves it. `expires_at` is in unix seconds."""

    user_id: UUID
    email: str | None
    token_id: str
    family: str | None
    scopes: tuple[str, ...]
    expires_at: int


SYSTEM = Caller(UUID(int=1), None, "system", None, ("system",), 2**53)
"""Who acts when no person does: jobs and other services."""


class Revocation(Struct, frozen=True, omit_defaults=True):
    """What the replicas tell each other: a family has ended, or all families of a user."""

    family: str | None = None
    user: UUID | None = None


on_revoked: list[Callable[[Revocation], None]] = []
"""Called with each revocation that this process hears of, its own included."""


class _Known(NamedTuple):
    caller: Caller
    until: float


class Verifier:
    """Turns tokens into callers and remembers them; one a process, attached to its bus."""

    def __init__(
        self,
        mint: Mint,
        store: TokenStore,
        *,
        most: int = MOST_REMEMBERED,
        recheck: float = RECHECK_SECONDS,
    ) -> None:
        self._mint = mint
        self._store = store
        self._most = most
        self._recheck = recheck
        self._known: dict[bytes, _Known] = {}
        self._families: dict[str, set[bytes]] = {}
        self._revocations = 0
        self._undo: list[Undo] = []

    async def attach(self, to: Bus) -> None:
        """Follow the revocations of all replicas."""
        self._undo.append(to.on_gap(self.clear))
        self._undo.append(await to.subscribe(CHANNEL, self._on_message))

    def detach(self) -> None:
        """Stop following them, and forget everybody."""
        for undo in self._undo:
            undo()
        self._undo.clear()
        self.clear()

    async def authenticate(self, token: str) -> Caller:
        """The caller whom an access token proves.

        Raises `TokenError` if the token doesn't count, `Unavailable` while nobody can tell.
        """
        # Lone surrogates can't be in a token; they only mustn't break the hash.
        key = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._known.get(key)
        if known is not None and monotonic() < known.until:
            return known.caller
        return await self._verify(token, key)

    async def _verify(self, token: str, key: bytes) -> Caller:
        claims = self._mint.read(token, "access")
        before = self._revocations
        if await self._store.revoked(claims.fid):
            raise TokenError("AUTH006", "this session has ended; sign in again")
        caller = Caller(claims.sub, claims.email, claims.jti, claims.fid, (), claims.exp)
        # A revocation that arrived while the store was asked may be younger than its answer.
        if before == self._revocations:
            self._remember(key, caller)
        return caller

    async def ended(self, families: Sequence[str]) -> set[str]:
        """Which of these sessions have ended, whose tokens were verified before."""
        return await self._store.revoked_among(families)

    def _remember(self, key: bytes, caller: Caller) -> None:
        now = monotonic()
        self._drop(key)
        while self._known:
            oldest = next(iter(self._known))
            if len(self._known) < self._most and self._known[oldest].until > now:
                break
            self._drop(oldest)
        left = caller.expires_at + LEEWAY_SECONDS - time()
        self._known[key] = _Known(caller, now + min(self._recheck, left))
        self._families.setdefault(caller.family or "", set()).add(key)

    def _drop(self, key: bytes) -> None:
        known = self._known.pop(key, None)
        if known is None:
            return
        family = known.caller.family or ""
        siblings = self._families[family]
        siblings.discard(key)
        if not siblings:
            del self._families[family]

    def forget(self, revoked: Revocation) -> None:
        """Ask the store again for the tokens that a revocation touches."""
        self._revocations += 1
        if revoked.family is not None:
            for key in tuple(self._families.get(revoked.family, ())):
                self._drop(key)
        if revoked.user is not None:
            users = [k for k, known in self._known.items() if known.caller.user_id == revoked.user]
            for key in users:
                self._drop(key)
        for listener in on_revoked:
            listener(revoked)

    def clear(self) -> None:
        """Ask the store again for every token."""
        self._revocations += 1
        self._known.clear()
        self._families.clear()

    def _on_message(self, data: bytes) -> None:
        self.forget(msgspec.json.decode(data, type=Revocation))


_mint: Mint | None = None
_verifier: Verifier | None = None


async def open(settings: Settings) -> None:  # noqa: A001
    """Begin to know callers. Open `keys`, `bus` and `tokens` before."""
    global _mint, _verifier
    _mint = Mint(keys.current(), settings)
    _verifier = Verifier(_mint, tokens.store())
    await _verifier.attach(bus.current())


async def close() -> None:
    """Forget everybody."""
    global _mint, _verifier
    if _verifier is not None:
        _verifier.detach()
    _mint = _verifier = None


def verifier() -> Verifier:
    """The verifier of this process."""
    if _verifier is None:
        raise RuntimeError("identity.open has not been called")
    return _verifier


def mint() -> Mint:
    """What mints and reads the tokens of this process."""
    if _mint is None:
        raise RuntimeError("identity.open has not been called")
    return _mint


async def authenticate(token: str) -> Caller:
    """The caller whom an access token proves; see `Verifier.authenticate`."""
    return await verifier().authenticate(token)


async def ended(families: Sequence[str]) -> set[str]:
    """Which sessions have ended; see `Verifier.ended`."""
    return await verifier().ended(families)


def sign(pair: Pair) -> Minted:
    """The tokens of a pair that the token store knows."""
    return mint().mint(pair)


async def revoke_family(family: str) -> None:
    """End a session on all replicas. Raises `Unavailable` when that isn't certain."""
    await tokens.store().revoke_family(family)
    await announce(Revocation(family=family))


async def revoke_user(user_id: UUID) -> None:
    """End all sessions of a user on all replicas. Raises `Unavailable` when that isn't certain."""
    await tokens.store().revoke_user(user_id)
    await announce(Revocation(user=user_id))


async def announce(revoked: Revocation) -> None:
    """Tell all replicas of a revocation that the store knows already.

    Those that can't be told find out by themselves, within 30 seconds.
    """
    verifier().forget(revoked)
    try:
        await bus.current().publish(CHANNEL, msgspec.json.encode(revoked))
    except Unavailable:
        log.warning("other replicas learn of a revocation late", exc_info=True)


def caller(scope: Scope) -> Caller:
    """Litestar dependency: who is calling, as the edge has found out. Raises `Unauthorized`."""
    state = scope["state"]
    found = state.get("caller")
    if isinstance(found, Caller):
        return found
    error = state.get("caller_error")
    if isinstance(error, AppError):
        raise error
    raise Unauthorized("Authorization header is required")

"""Where and among whom a storm happens, and what it comes to."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from inspect import isawaitable
from time import monotonic
from typing import Any
from uuid import uuid4

import httpx
from msgspec import Struct

from wealist.doctor.realtime.account import Account, RefusedError, Scratch

SETTLE_SECONDS = 60.0
"""How long all that is under way may take to arrive once the storm is over."""
PAUSE = 0.1
PASSING = (401, 408, 503)
"""Refusals that are over a moment later."""
MEMBERS = 4
CARDS = 20


class Size(Struct, frozen=True):
    """How large a storm is: events × readers are the least deliveries. Each participant of a room
    has `ears` sockets there; `assignments` are spread over the whole storm."""

    events: int
    readers: int
    writers: int = 8
    valkey_away: float = 2.0
    ears: int = 2
    assignments: int = 12


SMALL = Size(events=400, readers=16)
FULL = Size(events=6000, readers=180, valkey_away=10.0, ears=6, assignments=60)


class Outcome(Struct):
    """What a storm has left. `deliveries` are those of boards, rooms and bells together."""

    deliveries: int = 0
    events: int = 0
    acknowledged: int = 0
    messages: int = 0
    told: int = 0
    mentions: int = 0
    notifications: int = 0
    rung: int = 0
    refused: int = 0
    resets: int = 0
    connections: int = 0
    seconds: float = 0.0
    complaints: list[str] = []


class Scene:
    """An owner with a project, members, a guest who will be removed, and a stranger who is in no
    workspace of theirs. `share` says how much of the storm is over."""

    def __init__(self, size: Size, urls: list[str]) -> None:
        self.size, self.urls = size, urls
        self.outcome = Outcome()
        self.share = 0.0
        self.over = False
        self._deadline = 0.0
        self.membership = ""
        """Of the guest."""

    async def gather(self, stack: AsyncExitStack) -> None:
        """Sign everybody in, and let them into the workspace."""
        names = ("owner", "guest", "stranger", *(f"member-{n}" for n in range(MEMBERS)))
        people = [Account(self.urls, f"{name}-{uuid4().hex[:8]}") for name in names]
        for account in people:
            stack.push_async_callback(account.close)
            await account.sign_in()
        self.owner, self.guest, self.stranger, *self.members = people
        self.scratch = Scratch(self.owner)
        await self.scratch.make(CARDS)
        self.membership = await self.scratch.invite(self.guest)
        for member in self.members:
            await self.scratch.invite(member)

    async def settled(self, true: Callable[[], Awaitable[bool] | bool]) -> None:
        """Wait until something is true, but not longer than all may take that is still to come."""
        self._deadline = self._deadline or monotonic() + SETTLE_SECONDS
        while not (await found if isawaitable(found := true()) else found):
            if monotonic() > self._deadline:
                return
            await asyncio.sleep(0.1)

    def complain(self, what: str) -> None:
        """Say what must not have happened."""
        self.outcome.complaints.append(what)

    async def insist(self, account: Account, method: str, path: str, body: Any = None) -> Any:
        """The payload of an acknowledged request, which is repeated until it is one. Raises
        `RefusedError` when it is refused for good."""
        while True:
            token = account.token
            try:
                return await account.call(method, path, body)
            except RefusedError as error:
                self.outcome.refused += 1
                if error.status not in PASSING:
                    raise
                if error.status == 401:
                    await self.renew(account, token)
            except httpx.HTTPError:
                self.outcome.refused += 1
            await asyncio.sleep(PAUSE)

    async def renew(self, account: Account, token: str) -> None:
        """Sign somebody in again, whose `token` was refused; where that fails he tries later."""
        with contextlib.suppress(RefusedError, httpx.HTTPError):
            await account.renewed(token, random.choice(self.urls))

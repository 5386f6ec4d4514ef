"""Who is typing: told at once, then at most every few seconds, and never kept (chat.md, need 23).

Clients send a start with each key and a stop a second after each, so most of what they send says
nothing new.
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from uuid import UUID

import msgspec

from wealist.chat.wire import room_channel
from wealist.core import whispers
from wealist.core.wire import Wire

AGAIN = 2.5
"""Seconds after which those who came meanwhile are told that somebody still types."""
PAUSE = 1.0
"""A pause between two keys that is shorter doesn't stop the typing."""
FORGOTTEN = 5.0
"""Without another key it has stopped."""


class _Frame(Wire):
    type: str
    user_id: UUID
    chat_id: UUID
    user_name: str


class Typist:
    """One connection's person in one room."""

    __slots__ = ("_chat_id", "_key", "_name", "_timer", "_told", "_user_id")

    def __init__(self, chat_id: UUID, user_id: UUID, name: str) -> None:
        self._chat_id, self._user_id, self._name = chat_id, user_id, name
        self._told: float | None = None
        """When it was told; None while he doesn't type."""
        self._key = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """A key was hit."""
        now = self._key = monotonic()
        if self._told is None or now - self._told >= AGAIN:
            self._told = now
            self._tell("USER_TYPING")
        self._later(FORGOTTEN, self.stop)

    def pause(self) -> None:
        """The client says that it has stopped; which the next key may take back."""
        if self._told is not None:
            self._later(max(0.0, self._key + PAUSE - monotonic()), self.stop)

    def stop(self) -> None:
        """It has stopped, or its connection or the room is left."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._told is not None:
            self._told = None
            # Clients wait for either name.
            self._tell("USER_TYPING_STOP")
            self._tell("TYPING_STOP")

    def _later(self, seconds: float, what: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, what)

    def _tell(self, kind: str) -> None:
        frame = _Frame(kind, self._user_id, self._chat_id, self._name)
        whispers.tell(room_channel(self._chat_id), msgspec.json.encode(frame).decode())

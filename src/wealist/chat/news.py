"""Hints to those who look at their list of rooms: something is new in one (chat.md, need 3).

They are whispers, at most one a second for each person, however much happens in his rooms.
"""

import asyncio
from collections.abc import Iterable
from time import monotonic
from uuid import UUID

import msgspec

from wealist.chat import queries
from wealist.chat.message_wire import Message
from wealist.chat.wire import list_channel
from wealist.core import whispers
from wealist.core.wire import Wire

SECONDS = 1.0
MOST_ROOMS = 5000
MOST_PEOPLE = 100_000


class _Subject(Wire):
    chat_id: UUID
    workspace_id: UUID
    message_id: UUID
    user_id: UUID


class _Hint(Wire):
    """Its members stand at the top and in `payload`: clients read either."""

    type: str
    chat_id: UUID
    workspace_id: UUID
    message_id: UUID
    user_id: UUID
    payload: _Subject


class _Changed(Wire):
    type: str
    chat_id: UUID
    workspace_id: UUID


_rosters: dict[UUID, tuple[int, list[UUID]]] = {}
_told: dict[UUID, float] = {}
_later: dict[UUID, str] = {}
_timer: asyncio.TimerHandle | None = None


async def message(new: Message, workspace_id: UUID, roster: int) -> None:
    """Hint at a message to all others in its room; `roster` is the version of who that is."""
    subject = _Subject(new.chat_id, workspace_id, new.message_id, new.user_id)
    hint = _Hint(
        "NEW_MESSAGE_NOTIFICATION",
        new.chat_id,
        workspace_id,
        new.message_id,
        new.user_id,
        subject,
    )
    text = msgspec.json.encode(hint).decode()
    for person in await _people(new.chat_id, roster):
        if person != new.user_id:
            _hint(person, text)


def chat_updated(chat_id: UUID, workspace_id: UUID, people: Iterable[UUID]) -> None:
    """Hint that a room's name, topic or people have changed."""
    text = msgspec.json.encode(_Changed("CHAT_UPDATED", chat_id, workspace_id)).decode()
    for person in people:
        whispers.tell(list_channel(person), text)


async def _people(chat_id: UUID, roster: int) -> list[UUID]:
    known = _rosters.get(chat_id)
    if known is not None and known[0] == roster:
        return known[1]
    people = await queries.active(chat_id)
    if len(_rosters) >= MOST_ROOMS:
        _rosters.pop(next(iter(_rosters)), None)
    _rosters[chat_id] = roster, people
    return people


def _hint(person: UUID, text: str) -> None:
    """Whisper now, or once this person's second is over; then only the last hint counts."""
    now = monotonic()
    if now - _told.get(person, 0.0) >= SECONDS:
        if len(_told) >= MOST_PEOPLE:
            _told.clear()
        _told[person] = now
        whispers.tell(list_channel(person), text)
        return
    _later[person] = text
    _wait()


def _wait() -> None:
    global _timer
    if _timer is None and _later:
        _timer = asyncio.get_running_loop().call_later(SECONDS / 5, _flush)


def _flush() -> None:
    global _timer
    _timer = None
    now = monotonic()
    due = [person for person in _later if now - _told.get(person, 0.0) >= SECONDS]
    for person in due:
        _hint(person, _later.pop(person))
    _wait()

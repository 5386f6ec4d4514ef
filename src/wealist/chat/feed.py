"""How changes become known: events for those in a room, for one's own list, hints for the rest."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct

from wealist.chat import news, queries
from wealist.chat.wire import Added, Gone, list_channel, room_channel
from wealist.core import db, events
from wealist.core.text import preview
from wealist.noti import api as noti


def tell(
    chat_id: UUID, kind: str, payload: Struct, *, actor: UUID, revokes: UUID | None = None
) -> None:
    """Append an event to a room's channel; see `events.append` for `revokes`."""
    events.append(room_channel(chat_id), kind, payload, actor=actor, revokes=revokes)


def tell_person(person: UUID, kind: str, payload: Struct, *, actor: UUID) -> None:
    """Append an event to the channel of somebody's own list of rooms."""
    events.append(list_channel(person), kind, payload, actor=actor)


async def added(chat_id: UUID, workspace_id: UUID, people: Sequence[UUID], *, actor: UUID) -> None:
    """A room is new in these people's lists. All of them see the same: nothing is unread, and
    none has settings of his own there yet."""
    if people:
        [seen] = await queries.mine(people[0], chat_id=chat_id)
        for person in people:
            tell_person(person, "CHAT_CREATED", Added(chat_id, workspace_id, seen), actor=actor)


def removed(chat_id: UUID, workspace_id: UUID, people: Iterable[UUID], *, actor: UUID) -> None:
    """A room is gone from these people's lists."""
    for person in people:
        tell_person(person, "CHAT_DELETED", Gone(chat_id, workspace_id), actor=actor)


async def changed(ids: Sequence[UUID], workspace_id: UUID) -> None:
    """Hint, after the commit, to all in these rooms that they look different in their lists."""
    for chat_id, people in (await queries.people_of(ids)).items() if ids else ():
        db.after_commit(news.chat_updated, chat_id, workspace_id, people)


def notify(
    kind: str,
    targets: Iterable[UUID],
    *,
    actor: UUID,
    chat_id: UUID,
    workspace_id: UUID,
    project_id: UUID | None,
    name: str,
    content: str,
    **metadata: Any,
) -> None:
    """Hand a notification about a room over, with the beginning of what was said there."""
    project = {"projectId": project_id} if project_id is not None else {}
    noti.notify(
        kind,
        targets,
        actor=actor,
        workspace_id=workspace_id,
        resource_type="chat",
        resource_id=chat_id,
        resource_name=name,
        metadata={**project, "chatId": chat_id, **metadata, "preview": preview(content)},
    )

"""How a project's events look to its clients (contract: board.md §7), and its three live doors."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from litestar import WebSocket, get, websocket
from litestar.params import FromPath
from litestar.types import ASGIApp, Scope
from msgspec import Raw, Struct

from wealist.board import access
from wealist.board.live_wire import OnlineUsers
from wealist.board.wire import channel
from wealist.core import changes, live_socket, live_stream, presence
from wealist.core.changes import Changes
from wealist.core.events import Event
from wealist.core.frames import parse
from wealist.core.identity import Caller
from wealist.core.ids import NIL
from wealist.core.live_stream import LastEventId, Stream
from wealist.core.openapi import shows
from wealist.core.params import Me, Number, Text, number, uuid
from wealist.core.wire import Data, answer

PROJECT = "/api/projects/{project_id:str}"
PAGE = 500


class _Subject(Struct, rename="camel"):
    """What a payload tells about the card it is about."""

    board_id: UUID | None = None
    board: "_Subject | None" = None


class _Frame(Struct, rename="camel", omit_defaults=True):
    type: str
    payload: Raw
    seq: int
    epoch: str
    actor_id: UUID | None
    at: datetime
    board_id: UUID | None = None
    mutation_id: str | None = None


def frame(event: Event, epoch: str) -> bytes:
    """The JSON of an event as clients get it; `boardId` stands beside the payload, too."""
    subject = msgspec.json.decode(event.payload, type=_Subject)
    about = subject.board or subject
    return msgspec.json.encode(
        _Frame(
            event.type,
            event.payload,
            event.seq,
            epoch,
            event.actor_id,
            event.at,
            about.board_id,
            event.mutation_id,
        )
    )


def greeting(epoch: str, seq: int) -> str:
    """The first frame of a client without a cursor.

    Clients don't read the list again after a reconnect, but after each of these (board.md,
    frontend need 37a); it is about no card in particular.
    """
    gone = msgspec.json.encode({"boardId": NIL})
    return msgspec.json.encode(
        {
            "type": "BOARD_UPDATED",
            "payload": Raw(gone),
            "boardId": NIL,
            "seq": seq,
            "epoch": epoch,
        }
    ).decode()


def _authorized(caller: Caller, project_id: UUID) -> Callable[[], Awaitable[None]]:
    async def authorize() -> None:
        await access.project(caller, project_id, "board.read")

    return authorize


@websocket("/ws/project/{project_id:str}", opt={"access": "board.read"})
async def project_socket(socket: WebSocket[Any, Any, Any], project_id: FromPath[str]) -> None:
    """What happens in a project, as it happens (docs/live.md)."""
    caller = await live_socket.caller_of(socket)
    target = uuid(project_id, "projectId")
    authorize = _authorized(caller, target)
    attend = partial(
        live_socket.follow,
        channel=channel(target),
        cursor=live_socket.cursor_of(socket),
        authorize=authorize,
        greeting=greeting,
    )
    await live_socket.serve(socket, caller, authorize=authorize, attend=attend)


@get(
    f"{PROJECT}/events",
    opt={"access": "board.read", "token_in_query": True},
    responses={200: shows(str, "Events, until either side ends it", "text/event-stream")},
    summary="What happens in a project, as server-sent events",
)
async def project_events(
    caller: Me,
    scope: Scope,
    project_id: FromPath[str],
    last_event_id: LastEventId = None,
    since: Text = None,
) -> ASGIApp:
    target = uuid(project_id, "projectId")
    return Stream(
        scope,
        channel(target),
        live_stream.place(last_event_id, since),
        authorize=_authorized(caller, target),
        greeting=greeting,
    )


@get(f"{PROJECT}/changes", opt={"access": "board.read"}, summary="What happened after a cursor")
async def project_changes(
    caller: Me, project_id: FromPath[str], since: Text = None, limit: Number = None
) -> Data[Changes]:
    target = uuid(project_id, "projectId")
    await access.project(caller, target, "board.read")
    cursor = parse(since) if since is not None else None
    return answer(await changes.since(channel(target), cursor, number(limit, PAGE, PAGE)))


@get(f"{PROJECT}/online-users", opt={"access": "board.read"}, summary="Who looks at a project")
async def online_users(caller: Me, project_id: FromPath[str]) -> OnlineUsers:
    target = uuid(project_id, "projectId")
    await access.project(caller, target, "board.read")
    found = await presence.online(channel(target))
    return OnlineUsers(found, len(found))


handlers = [project_socket, project_events, project_changes, online_users]

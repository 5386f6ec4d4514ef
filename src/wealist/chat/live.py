"""The two sockets of chat: of a room, and of a person's presence (contract: chat.md §6, §7)."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from litestar import WebSocket, websocket
from litestar.params import FromPath

from wealist.chat import access, faces, measures, places
from wealist.chat.circles import Circle
from wealist.chat.hearing import Hearing
from wealist.chat.typing import Typist
from wealist.chat.wire import list_channel, room_channel
from wealist.core import hub, live_socket, online, presence, whispers
from wealist.core.errors import BadRequest
from wealist.core.live_socket import PINGS, PONG, Hear, Limits
from wealist.core.outbox import Outbox
from wealist.core.params import uuid

FRAME = Limits(size=65_536, per_minute=6000)
"""A keystroke may cost two frames. How much may be said is limited apart (`hearing.py`)."""
HEARTBEAT = Limits(size=512, per_minute=240)


class _Status(live_socket.Said):
    """What clients of presence say; `type` is STATUS."""

    status: str = ""


BAD_ID = "Invalid {} ID"
"""How clients know the refusal of an id in an address."""


def _silent(_epoch: str, _seq: int) -> None:
    """Nothing is sent on connect (chat.md §6)."""


def _target(text: str) -> UUID:
    try:
        return uuid(text, "chatId")
    except BadRequest:
        raise BadRequest(BAD_ID.format("chat")) from None


@websocket("/api/chats/ws/presence", opt={"access": "caller"})
async def presence_socket(socket: WebSocket[Any, Any, Any]) -> None:
    """Who of one's colleagues is there, and what changes in one's list of rooms."""
    caller = await live_socket.caller_of(socket)
    cursor = live_socket.cursor_of(socket)

    async def everybody() -> None:
        """A person's own list is his, as long as his session lasts."""

    @contextlib.asynccontextmanager
    async def attend(outbox: Outbox) -> AsyncIterator[Hear]:
        channel, circle = list_channel(caller.user_id), Circle(outbox)
        with (
            measures.counted(outbox),
            online.here(caller.user_id) as here,
            whispers.listen(channel, outbox),
        ):
            try:
                await hub.current().join(
                    channel, circle, cursor, authorize=everybody, greeting=_silent
                )
                await circle.draw()

                async def hear(text: str) -> None:
                    said = live_socket.decoded(text, _Status)
                    if said.type in PINGS:
                        outbox.push(PONG)
                    elif said.type == "STATUS" and said.status in ("ONLINE", "AWAY"):
                        here.away(said.status == "AWAY")

                yield hear
            finally:
                circle.close()
                hub.current().leave(channel, circle)

    await live_socket.serve(socket, caller, authorize=everybody, attend=attend, limits=HEARTBEAT)


@websocket("/api/chats/ws/{chat_id:str}", opt={"access": "chat.read"})
async def room_socket(socket: WebSocket[Any, Any, Any], chat_id: FromPath[str]) -> None:
    """What happens in a room, as it happens, and what one has to say there."""
    caller = await live_socket.caller_of(socket)
    target = _target(chat_id)
    cursor = live_socket.cursor_of(socket)
    workspace: list[UUID] = []

    async def authorize() -> None:
        place = await access.chat(caller, target, "chat.read")
        workspace[:] = [place.workspace_id]

    @contextlib.asynccontextmanager
    async def attend(outbox: Outbox) -> AsyncIterator[Hear]:
        channel = room_channel(target)
        face = await faces.of(workspace[0], caller.user_id)
        typist = Typist(target, caller.user_id, face.name)
        with (
            measures.counted(outbox),
            online.here(caller.user_id),
            presence.on(channel, caller.user_id),
            whispers.listen(channel, outbox),
        ):
            since = cursor or await places.recall(target, caller.user_id)
            try:
                joined = await hub.current().join(
                    channel,
                    outbox,
                    since,
                    authorize=authorize,
                    greeting=_silent,
                    quiet=cursor is None,
                )
                # Who knows of cursors says himself where he goes on.
                known = contextlib.nullcontext() if cursor else places.kept(target, outbox, joined)
                with known:
                    yield Hearing(caller, target, outbox, typist).hear
            finally:
                typist.stop()
                hub.current().leave(channel, outbox)

    await live_socket.serve(socket, caller, authorize=authorize, attend=attend, limits=FRAME)


handlers = [presence_socket, room_socket]

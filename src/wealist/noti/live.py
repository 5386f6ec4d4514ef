"""The stream of a person's bell (contract: noti.md §4): what happens to his notifications, on all
his tabs and devices alike."""

from functools import partial
from time import time
from typing import Any
from uuid import UUID

import msgspec
from litestar import get
from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Struct

from wealist.core import live_stream, metrics
from wealist.core.events import Event
from wealist.core.frames import Frame
from wealist.core.live import Kind
from wealist.core.live_stream import LastEventId, Manner, Stream
from wealist.core.openapi import shows
from wealist.core.params import Me, Text, uuid
from wealist.core.settings import Settings
from wealist.noti import measures
from wealist.noti.wire import bell

REPLAYED = 200
"""Events of a bell that somebody may have missed, which is a hundred notifications with their
counts; whoever missed more reads the list again."""
GRACE_SECONDS = 10.0
"""How long a stream outlives its token: clients notice a new one within five (frontend need 7)."""

_GREETING = '{"status":"connected"}'
_manner = Manner()


def open(settings: Settings) -> None:  # noqa: A001
    """Take from the settings how many streams one person may have on a replica."""
    global _manner
    kind = Kind("bell", settings.bells_per_user, GRACE_SECONDS)
    _manner = Manner(kind, named=True, replayed=REPLAYED, seen=False)


def frame(event: Event, _: str) -> bytes:
    """The JSON of an event as clients get it: the bare payload, beside its name."""
    return bytes(event.payload)


class _About(Struct, rename="camel"):
    workspace_id: UUID | None = None


def _is_about(workspace_id: UUID, frame: Frame) -> bool:
    """Whether a frame is about this workspace, or about none."""
    if not frame.text:
        return True
    return msgspec.json.decode(frame.text, type=_About).workspace_id in (workspace_id, None)


def _sent(frame: Frame) -> None:
    if frame.name == "notification":
        metrics.count("noti_service_notifications_delivered_total")
        if frame.committed is not None:
            measures.delivery_seconds.observe(max(0.0, time() - frame.committed))


class _Counted:
    """A stream whose life is counted, once it has begun."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def counting(message: Any) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                measures.stream_opened()
            await send(message)

        try:
            await self._stream(scope, receive, counting)
        finally:
            if begun:
                measures.stream_closed()


async def _his_own() -> None:
    """Nobody else's bell can be asked for, so there is nothing to refuse."""


@get(
    "/api/notifications/stream",
    opt={
        "access": "caller",
        "token_in_query": True,
        "strangers": ("No token provided", "Invalid token"),
    },
    responses={200: shows(str, "Events, until either side ends it", "text/event-stream")},
    summary="What happens to my notifications, as server-sent events",
)
async def stream(
    caller: Me,
    scope: Scope,
    last_event_id: LastEventId = None,
    lastEventId: Text = None,  # noqa: N803
    workspaceId: Text = None,  # noqa: N803
) -> ASGIApp:
    wanted = None
    if workspaceId is not None:
        wanted = partial(_is_about, uuid(workspaceId, "workspaceId"))
    return _Counted(
        Stream(
            scope,
            bell(caller.user_id),
            live_stream.place(last_event_id, lastEventId),
            authorize=_his_own,
            greeting=lambda epoch, seq: _GREETING,
            manner=_manner,
            wanted=wanted,
            sent=_sent,
        )
    )

"""What chat's matrix sends to each route, and where it expects something special."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from tests.matrix.chat_scene import API, WORD, Spot

Make = Callable[[Spot], Any]


class Cell(NamedTuple):
    """`ok` is the status for those who may; `only` maps personas to other expectations at home."""

    ok: int = 200
    body: Make | None = None
    query: Make | None = None
    only: Mapping[str, int] = MappingProxyType({})
    about: Literal["oneself", "room", "workspace", "colleague"] = "oneself"
    """Whose a caller's own route asks for something: those outside of it are refused."""
    why: str = ""


def const(value: Any) -> Make:
    return lambda spot: value


def _new(spot: Spot) -> Any:
    return {
        "workspaceId": spot.workspace_id,
        "chatType": "GROUP",
        "chatName": "New",
        "participants": [spot.applicant_id],
    }


def _upload(spot: Spot) -> Any:
    return {
        "workspaceId": spot.workspace_id,
        "fileName": "a.png",
        "contentType": "image/png",
        "fileSize": 5,
    }


def _within(spot: Spot) -> Any:
    return {"workspaceId": spot.workspace_id}


ROOM = f"{API}/{{chat_id}}"
MESSAGES = f"{API}/messages/{{chat_id}}"
MESSAGE = f"{API}/messages/{{message_id}}"
PERSON = f"{ROOM}/participants/{{user_id}}"
TEXT = const({"content": "Hi"})

CELLS: dict[str, Cell] = {
    # --- rooms
    f"POST {API}": Cell(ok=201, body=_new, about="workspace"),
    f"GET {API}": Cell(),
    f"GET {API}/my": Cell(),
    f"GET {API}/workspace/{{workspace_id}}": Cell(about="workspace"),
    f"GET {ROOM}": Cell(),
    f"PUT {ROOM}": Cell(body=const({"chatName": "Renamed"})),
    f"DELETE {ROOM}": Cell(ok=204),
    f"GET {ROOM}/participants": Cell(),
    f"POST {ROOM}/participants": Cell(body=lambda spot: {"userIds": [spot.applicant_id]}),
    f"DELETE {PERSON}": Cell(ok=204),
    f"PUT {PERSON}/role": Cell(body=const({"role": "ADMIN"})),
    f"GET {ROOM}/settings": Cell(),
    f"PATCH {ROOM}/settings": Cell(body=const({"pinned": True})),
    f"WS {API}/ws/{{chat_id}}": Cell(ok=101),
    # --- messages
    f"GET {MESSAGES}": Cell(),
    f"GET {ROOM}/messages": Cell(),
    f"POST {MESSAGES}": Cell(ok=201, body=TEXT),
    f"POST {ROOM}/messages": Cell(ok=201, body=TEXT),
    f"PUT {MESSAGE}": Cell(
        body=TEXT, only={"leaver": 403}, why="who edits says something, so he must be in the room"
    ),
    f"DELETE {MESSAGE}": Cell(ok=204),
    f"GET {MESSAGE}/edits": Cell(),
    f"GET {MESSAGE}/thread": Cell(),
    f"POST {MESSAGE}/reactions": Cell(body=const({"emoji": "👍"})),
    f"DELETE {MESSAGE}/reactions/{{emoji}}": Cell(ok=204),
    f"PUT {MESSAGE}/pin": Cell(),
    f"DELETE {MESSAGE}/pin": Cell(ok=204),
    f"GET {ROOM}/pins": Cell(),
    f"GET {API}/messages/search": Cell(
        query=lambda spot: {"q": WORD, "chatId": spot.chat_id}, about="room"
    ),
    # --- what is read
    f"POST {API}/messages/read": Cell(
        body=lambda spot: {"messageIds": [spot.message_id]}, why="foreign ids count for nothing"
    ),
    f"GET {MESSAGES}/unread": Cell(),
    f"PUT {MESSAGES}/last-read": Cell(),
    # --- presence and files
    f"GET {API}/presence/online": Cell(query=_within, about="workspace"),
    f"GET {API}/presence/status/{{user_id}}": Cell(about="colleague"),
    f"WS {API}/ws/presence": Cell(ok=101),
    f"POST {API}/files/presigned-url": Cell(body=_upload, about="workspace"),
    "GET /svc/chat/files/{capability}": Cell(ok=404),
}
"""Method and path template → cell."""

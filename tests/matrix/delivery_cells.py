"""What the matrix of how people are told sends to each route, and who may."""

from collections.abc import Callable
from typing import Any, NamedTuple

ROOT = "/svc/noti/api/notifications"

Body = Callable[[str], Any]
"""From the id of the target's workspace."""


class Cell(NamedTuple):
    """`ok` is the status for those who may. `about` says what the address names: a `workspace`,
    which only its members may name; a `browser`, which only its owner finds; a `link`, which counts
    for whoever holds it; or nothing but the caller himself."""

    ok: int = 200
    body: Body | None = None
    about: str = "caller"


DELIVERY_CELLS: dict[str, Cell] = {
    f"GET {ROOT}/preferences": Cell(about="workspace"),
    f"PUT {ROOT}/preferences": Cell(body=lambda _: {"entries": []}, about="workspace"),
    f"PATCH {ROOT}/preferences": Cell(
        body=lambda _: {"subject": "*", "email": False}, about="workspace"
    ),
    f"DELETE {ROOT}/preferences": Cell(ok=204, about="workspace"),
    f"GET {ROOT}/settings": Cell(),
    f"PUT {ROOT}/settings": Cell(body=lambda _: {"digest": "DAILY"}),
    f"GET {ROOT}/mutes": Cell(),
    f"PUT {ROOT}/mutes/{{thing_id}}": Cell(
        body=lambda workspace_id: {"workspaceId": workspace_id, "kind": "WORKSPACE"},
        about="workspace",
    ),
    f"DELETE {ROOT}/mutes/{{thing_id}}": Cell(ok=204),
    f"GET {ROOT}/push/key": Cell(),
    f"GET {ROOT}/push/subscriptions": Cell(),
    f"POST {ROOT}/push/subscriptions": Cell(ok=201),
    f"DELETE {ROOT}/push/subscriptions/{{subscription_id}}": Cell(ok=204, about="browser"),
    f"GET {ROOT}/unsubscribe": Cell(about="link"),
    f"POST {ROOT}/unsubscribe": Cell(about="link"),
}
"""Method and path template → cell."""

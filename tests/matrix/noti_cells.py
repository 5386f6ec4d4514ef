"""What the matrix of notifications sends to each route. How people are told has cells of its own
(`delivery_cells.py`)."""

from typing import NamedTuple

from tests.noti.bells import API, INTERNAL

ONE = f"{API}/{{notification_id}}"


class Cell(NamedTuple):
    """`ok` is the status for those who may; `header`: the workspace is named in a header."""

    ok: int = 200
    header: bool = False


CELLS: dict[str, Cell] = {
    # --- all of a workspace, or of all: everybody may ask, and finds what is his own
    f"GET {API}": Cell(header=True),
    f"GET {API}/inbox": Cell(),
    f"GET {API}/stream": Cell(),
    f"GET {API}/unread-count": Cell(header=True),
    f"GET {API}/unread-counts": Cell(),
    f"POST {API}/read-all": Cell(header=True),
    f"PUT {API}/read-all": Cell(header=True),
    f"DELETE {API}/read": Cell(header=True),
    # --- one: only its owner finds it
    f"GET {ONE}": Cell(),
    f"DELETE {ONE}": Cell(ok=204),
    f"PATCH {ONE}/read": Cell(),
    f"PUT {ONE}/read": Cell(),
    f"PATCH {ONE}/unread": Cell(),
    f"POST {ONE}/archive": Cell(),
    f"DELETE {ONE}/archive": Cell(),
    # --- with the key of the services, at the internal port
    f"POST {INTERNAL}": Cell(ok=201),
    f"POST {INTERNAL}/bulk": Cell(ok=201),
}
"""Method and path template → cell."""

"""Looking at cards: one with all that hangs on it, or all of a project."""

from typing import Any
from uuid import UUID

import msgspec

from wealist.board import access, board_queries, values
from wealist.board.access import NO_BOARD
from wealist.board.wire import Board, BoardDetail
from wealist.core.errors import Invalid, NotFound
from wealist.core.identity import Caller


async def view_board(caller: Caller, board_id: UUID) -> BoardDetail:
    """A card with all that hangs on it."""
    await access.board(caller, board_id, "board.read")
    found = await board_queries.detail(board_id)
    if found is None:
        raise NotFound(NO_BOARD)
    return found


async def list_boards(caller: Caller, project_id: UUID, wanted: str | None) -> list[Board]:
    """All cards of a project in their order. `wanted` is `customFields` as JSON: values (or ids
    of options) that cards must have."""
    await access.project(caller, project_id, "board.read")
    found = await board_queries.boards(project_id)
    if wanted is None:
        return found
    filters = await field_filter(project_id, wanted)
    return [board for board in found if _matches(msgspec.json.decode(board.custom_fields), filters)]


def _matches(fields: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(
        value in held if isinstance(held := fields.get(key), list) else held == value
        for key, value in wanted.items()
    )


async def field_filter(project_id: UUID, text: str) -> dict[str, Any]:
    """The values that the query parameter `customFields` asks for. Raises `Invalid`."""
    try:
        given = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise Invalid("must be a JSON object", field="customFields") from None
    schema = await values.schema(project_id)
    found = {}
    for key, value in given.items():
        option = schema.find(key, value) if isinstance(value, str) else None
        found[key] = option.value if option is not None else value
    return found

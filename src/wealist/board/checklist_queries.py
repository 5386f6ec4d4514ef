"""The reads of checklists."""

from uuid import UUID

from wealist.board.wire import Item
from wealist.core import db

_ITEM = """
    SELECT id AS item_id, board_id, text, is_done, rank, created_at, updated_at, version
    FROM board.checklist
"""


async def of(board_id: UUID) -> list[Item]:
    """A card's items in their order."""
    return await db.fetch(Item, f"{_ITEM} WHERE board_id = $1 ORDER BY rank, id", board_id)


async def item(item_id: UUID) -> Item | None:
    """One item."""
    return await db.fetch_one(Item, f"{_ITEM} WHERE id = $1", item_id)

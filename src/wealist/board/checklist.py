"""The verbs on a card's checklist."""

from uuid import UUID

from wealist.board import access, board_queries, checklist_queries, feed, ranks
from wealist.board.access import NO_ITEM, Place
from wealist.board.wire import Change, Item, ItemChange, ItemGone, NewItem
from wealist.core import db
from wealist.core.errors import Conflict, Invalid, NotFound
from wealist.core.identity import Caller
from wealist.core.ids import uuid7
from wealist.core.text import verbatim
from wealist.core.versions import expect
from wealist.core.wire import now

TEXT = 500
MOST = 200
"""Items of one card."""


async def list_items(caller: Caller, board_id: UUID) -> list[Item]:
    """A card's items in their order."""
    await access.board(caller, board_id, "board.read")
    return await checklist_queries.of(board_id)


async def add_item(caller: Caller, board_id: UUID, new: NewItem) -> Item:
    """Add an item at the end."""
    text = verbatim(new.text, field="text", least=1, most=TEXT)
    async with db.transaction():
        place = await access.board(caller, board_id, "board.write", hold=True)
        items = await checklist_queries.of(board_id)
        if len(items) >= MOST:
            raise Conflict(f"a checklist has at most {MOST} items")
        moment = now()
        rank = ranks.between(items[-1].rank if items else None, None)
        item = Item(uuid7(), board_id, text, False, rank, moment, moment, 1)
        await db.execute(
            """
            INSERT INTO board.checklist
                (id, board_id, text, is_done, rank, created_at, updated_at, version)
            VALUES ($1, $2, $3, false, $4, $5, $5, 1)
            """,
            item.item_id,
            board_id,
            text,
            rank,
            moment,
        )
        await _tell(place, "CHECKLIST_ITEM_CREATED", item, Change("item", None, text), caller)
    return item


async def _read(item_id: UUID) -> Item:
    found = await checklist_queries.item(item_id)
    if found is None or await board_queries.board(found.board_id) is None:
        raise NotFound(NO_ITEM)
    return found


async def _tell(
    place: Place, kind: str, payload: Item | ItemGone, change: Change, caller: Caller
) -> None:
    feed.tell(place.project_id, kind, payload, actor=caller.user_id)
    board = await feed.board_changed(place.project_id, payload.board_id, actor=caller.user_id)
    await feed.record_board(board, "checklist.changed", actor=caller.user_id, changes=[change])


async def change_item(
    caller: Caller, item_id: UUID, change: ItemChange, expected: int | None
) -> Item:
    """Change text, tick off, or put below `afterItemId` or above `beforeItemId`."""
    async with db.transaction():
        place = await access.within(
            caller, "checklist", item_id, "board.write", missing=NO_ITEM, hold=True
        )
        old = await _read(item_id)
        expect(expected, old.version, old)
        text = old.text
        if change.text is not None:
            text = verbatim(change.text, field="text", least=1, most=TEXT)
        done = old.is_done if change.is_done is None else change.is_done
        rank = await _rank(old, change)
        if (text, done, rank) == (old.text, old.is_done, old.rank):
            return old
        await db.execute(
            """
            UPDATE board.checklist SET text = $2, is_done = $3, rank = $4, updated_at = $5,
                   version = version + 1 WHERE id = $1
            """,
            item_id,
            text,
            done,
            rank,
            now(),
        )
        item = await _read(item_id)
        what = Change("item", _shown(old), _shown(item))
        await _tell(place, "CHECKLIST_ITEM_UPDATED", item, what, caller)
    return item


def _shown(item: Item) -> str:
    return f"[{'x' if item.is_done else ' '}] {item.text}"


async def _rank(old: Item, change: ItemChange) -> str:
    wanted, field = change.after_item_id, "afterItemId"
    if wanted is None:
        wanted, field = change.before_item_id, "beforeItemId"
    if wanted is None:
        return old.rank
    others = [one for one in await checklist_queries.of(old.board_id) if one.item_id != old.item_id]
    at = next((n for n, one in enumerate(others) if one.item_id == wanted), None)
    if at is None:
        raise Invalid("must be another item of this board", field=field)
    if change.after_item_id is not None:
        at += 1
    rank = ranks.between(
        others[at - 1].rank if at > 0 else None, others[at].rank if at < len(others) else None
    )
    if len(rank) > ranks.LONGEST:
        raise Conflict("there is no room left here; move another item first")
    return rank


async def delete_item(caller: Caller, item_id: UUID) -> None:
    """Delete an item."""
    async with db.transaction():
        place = await access.within(
            caller, "checklist", item_id, "board.write", missing=NO_ITEM, hold=True
        )
        old = await _read(item_id)
        await db.execute("DELETE FROM board.checklist WHERE id = $1", item_id)
        gone = ItemGone(item_id, old.board_id)
        what = Change("item", _shown(old), None)
        await _tell(place, "CHECKLIST_ITEM_DELETED", gone, what, caller)

"""Finding cards: all of a project, or a page by filter, text and order; and one's own cards."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from wealist.board import access, board_queries, dates, values
from wealist.board.wire import Board
from wealist.core import db
from wealist.core.errors import BadRequest, Invalid
from wealist.core.identity import Caller
from wealist.core.pages import Page, Window
from wealist.core.params import uuid
from wealist.core.text import like

OWN = 1000
"""Longest list of one's own cards."""

SORTS: dict[str, tuple[str, Any, str]] = {
    "rank": ("b.rank", str, 'text COLLATE "C"'),
    "created": ("b.created_at", datetime, "timestamptz"),
    "updated": ("b.updated_at", datetime, "timestamptz"),
    "due": ("coalesce(b.due_date, '9999-12-31Z')", datetime, "timestamptz"),
    "title": ('b.title COLLATE "C"', str, 'text COLLATE "C"'),
}
"""Orders: the expression, the type of its value, and its type in SQL. Ties go by the id."""


class Wanted(Struct, frozen=True):
    """What a request asks for, as the query has it."""

    limit: str | None = None
    cursor: str | None = None
    text: str | None = None
    assignee: str | None = None
    fields: str | None = None
    due_from: str | None = None
    due_to: str | None = None
    hide_completed: str | None = None
    sort: str | None = None

    @property
    def anything(self) -> bool:
        """Whether it is more than the list that clients of the contract ask for."""
        return any(
            getattr(self, name) is not None for name in self.__struct_fields__ if name != "fields"
        )


async def all_boards(caller: Caller, project_id: UUID, fields: str | None) -> list[Board]:
    """All cards of a project in their order. `fields` is `customFields` as JSON: values (or ids
    of options) that cards must have."""
    await access.project(caller, project_id, "board.read")
    wanted = await _fields(project_id, fields) if fields else {}
    # A list may have many megabytes: only a few are read at once.
    async with _full_lists:
        return await board_queries.boards(project_id, *_conditions(wanted, 2))


_full_lists = asyncio.Semaphore(3)


async def search(caller: Caller, project_id: UUID, wanted: Wanted) -> Page[Board]:
    """A page of the cards of a project that fit; three statements, two more for fields.

    Raises `BadRequest` or `Invalid` naming the parameter at fault.
    """
    await access.project(caller, project_id, "board.read")
    where: list[str] = ["b.project_id = $1", "b.deleted_at IS NULL"]
    args: list[Any] = [project_id]
    if wanted.fields:
        conditions, sought = _conditions(await _fields(project_id, wanted.fields), 2)
        where += conditions
        args += sought
    return await _page(caller, wanted, "rank", "", where, args)


async def search_own(caller: Caller, wanted: Wanted) -> Page[Board]:
    """The same among one's own cards, last changed first unless sorted otherwise; two
    statements."""
    if wanted.fields:
        raise Invalid("can be asked for in one project only", field="customFields")
    return await _page(caller, wanted, "-updated", _MINE, list(_IS_MINE), [caller.user_id])


async def _page(
    caller: Caller, wanted: Wanted, order: str, ctes: str, where: list[str], args: list[Any]
) -> Page[Board]:
    """A page of the cards that fulfil the conditions and fit what is wanted."""
    sort, descending = _sort(wanted.sort or order)
    expression, kind, cast = SORTS[sort]
    window = Window.of(wanted.limit, wanted.cursor, wanted.sort or order)
    _filter(caller, wanted, where, args)
    if (after := window.after(kind)) is not None:
        args += [after.key, after.id]
        sign = "<" if descending else ">"
        where.append(f"({expression}, b.id) {sign} (${len(args) - 1}::{cast}, ${len(args)})")
    args.append(window.limit + 1)
    way = "DESC" if descending else "ASC"
    records = await db.fetch_records(
        f"""
        {ctes} SELECT {board_queries.MANY}, {expression} AS sort_key {board_queries.FROM}
        WHERE {" AND ".join(where)} ORDER BY {expression} {way}, b.id {way} LIMIT ${len(args)}
        """,
        *args,
    )
    keys = {record["id"]: record["sort_key"] for record in records}
    found = [Board(*record[: board_queries.WIDTH]) for record in records]
    page = Page.of(found, window.limit, lambda board: (keys[board.id], board.id), window.kind)
    attached = await board_queries.files_of("BOARD", [board.id for board in page.rows])
    board_queries.with_files(page.rows, attached)
    return page


def _sort(text: str) -> tuple[str, bool]:
    name = text.removeprefix("-")
    if name not in SORTS:
        raise BadRequest(f"must be one of {', '.join(SORTS)}, with - for descending", field="sort")
    return name, text.startswith("-")


def _filter(caller: Caller, wanted: Wanted, where: list[str], args: list[Any]) -> None:
    """Add the conditions and arguments of what a request asks for."""

    def add(condition: str, value: Any) -> None:
        args.append(value)
        where.append(condition.format(f"${len(args)}"))

    if wanted.text:
        add("(b.title || ' ' || b.content) ILIKE {}", like(wanted.text[:200]))
    if wanted.assignee == "none":
        where.append("b.assignee_id IS NULL")
    elif wanted.assignee:
        me = wanted.assignee == "me"
        add("b.assignee_id = {}", caller.user_id if me else uuid(wanted.assignee, "assigneeId"))
    if due := dates.parse(wanted.due_from, "dueFrom"):
        add("b.due_date >= {}", due)
    if due := dates.parse(wanted.due_to, "dueTo"):
        # A whole day has all of its hours.
        end = dates.deadline(due)
        add("b.due_date < {}" if end > due else "b.due_date <= {}", end)
    if wanted.hide_completed == "true":
        where.append(board_queries.NOT_DONE)


async def _fields(project_id: UUID, text: str) -> dict[str, list[Any]]:
    """The values that the query parameter `customFields` asks for, by field. Raises `Invalid` for
    what no card of the project can have."""
    try:
        given = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise Invalid("must be a JSON object", field="customFields") from None
    schema = await values.schema(project_id)
    wanted = {key: schema.wanted(key, value) for key, value in given.items()}
    if sum(map(len, wanted.values())) > values.MOST_VALUES:
        raise Invalid(f"must be at most {values.MOST_VALUES} values", field="customFields")
    return wanted


def _conditions(wanted: dict[str, list[Any]], first: int) -> tuple[list[str], list[str]]:
    """SQL for cards that have all of these values, each alone or in a list, and its arguments,
    which are numbered from `first`."""
    where: list[str] = []
    args: list[str] = []
    for key, sought in wanted.items():
        for value in sought:
            number = first + len(args)
            where.append(
                f"(b.custom_fields @> ${number}::jsonb OR b.custom_fields @> ${number + 1}::jsonb)"
            )
            args += [msgspec.json.encode({key: one}).decode() for one in (value, [value])]
    return where, args


_MINE = """
    WITH mine AS MATERIALIZED (
        SELECT id FROM board.boards WHERE assignee_id = $1 AND deleted_at IS NULL
        UNION SELECT board_id FROM board.participants WHERE user_id = $1
    ), places AS MATERIALIZED (
        SELECT DISTINCT b.project_id AS id FROM mine JOIN board.boards b ON b.id = mine.id
    ), open AS MATERIALIZED (
        SELECT p.id FROM places JOIN board.projects p ON p.id = places.id
        WHERE "user".standing(p.workspace_id, $1) IN ('OWNER', 'ADMIN', 'MEMBER')
    )
"""
_IS_MINE = (
    "b.id IN (SELECT id FROM mine)",
    "p.id IN (SELECT id FROM open)",
    "b.deleted_at IS NULL",
)


async def own_boards(caller: Caller) -> list[Board]:
    """Cards that the caller is assigned to or takes part in, in all workspaces he is a member of;
    last changed first, at most `OWN`."""
    found = await db.fetch(
        Board,
        f"""
        {_MINE} SELECT {board_queries.MANY} {board_queries.FROM}
        WHERE {" AND ".join(_IS_MINE)} ORDER BY b.updated_at DESC, b.id DESC LIMIT {OWN}
        """,
        caller.user_id,
    )
    attached = await board_queries.files_of("BOARD", [board.id for board in found])
    return board_queries.with_files(found, attached)

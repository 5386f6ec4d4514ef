"""Finding messages by their words, in the rooms of who asks (chat.md, "What a user would expect").

A search first looks at the newest messages of those rooms, where frequent words are found at once.
Only if these don't fill the page it asks the index, which knows each word by room.
"""

import re
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from wealist.chat import access, faces, message_queries
from wealist.chat.message_wire import Message
from wealist.core import db
from wealist.core.errors import BadRequest
from wealist.core.identity import Caller
from wealist.core.pages import Page, Window
from wealist.core.wire import Wire
from wealist.user import api as user

WORDS = 8
LETTERS = 80
"""Characters of a word that count, as in the SQL function `chat.words`."""
LONGEST_PAGE = 50
NEWEST = 4000
"""Messages that are looked at before the index is asked, of each room by its share in all that was
said, and `NEWEST_EACH` more."""
NEWEST_EACH = 10
_BETWEEN = re.compile(r"[\s!-/:-@\[-`{-~]+")


class Found(Wire):
    """A message, and where it was said."""

    message: Message
    chat_id: UUID
    chat_name: str
    chat_type: str
    workspace_id: UUID


class Scope(NamedTuple):
    """Where to look: in one workspace, in one room, or in all."""

    workspace_id: UUID | None = None
    chat_id: UUID | None = None


class Hits(Wire):
    """A page of what was found, newest first; `nextCursor` gives the next one."""

    hits: list[Found]
    next_cursor: str | None


def words(text: str) -> list[str]:
    """The words that are looked for; each also finds what begins with it. Raises `BadRequest`."""
    split = (word.replace("\0", "")[:LETTERS] for word in _BETWEEN.split(text))
    found = list(dict.fromkeys(word for word in split if word))
    if not found:
        raise BadRequest("must have a word to look for", field="q")
    if len(found) > WORDS:
        raise BadRequest(f"must be at most {WORDS} words", field="q")
    return found


_ROOMS = """
    SELECT c.id, c.last_seq FROM chat.participants p JOIN chat.chats c ON c.id = p.chat_id
    WHERE p.user_id = $1 AND p.is_active AND c.deleted_at IS NULL
      AND ($2::uuid IS NULL OR c.workspace_id = $2) AND ($3::uuid IS NULL OR c.id = $3)
"""

_QUERY = """
    (SELECT string_agg(quote_literal(right(r.id::text, 12) || lower(word)) || ':*', '&')::tsquery
     FROM unnest($4::text[]) AS word)
"""
"""What the index is asked for in the room `r`."""

_NEWEST = f"""
    WITH rooms AS MATERIALIZED (
        SELECT id, {NEWEST_EACH} + {NEWEST} * last_seq / (1 + sum(last_seq) OVER ()) AS share
        FROM ({_ROOMS}) mine
    ), newest AS MATERIALIZED (
        SELECT n.*, n.place = r.share::bigint AS is_last FROM rooms r CROSS JOIN LATERAL (
            SELECT created_at, id, chat_id, content,
                   row_number() OVER (ORDER BY created_at DESC, id DESC) AS place
            FROM chat.messages WHERE chat_id = r.id AND deleted_at IS NULL
              AND ($5::timestamptz IS NULL OR (created_at, id) < ($5, $6))
            ORDER BY created_at DESC, id DESC LIMIT r.share::bigint
        ) n
    ), horizon AS MATERIALIZED (
        SELECT created_at, id FROM newest WHERE is_last ORDER BY created_at DESC, id DESC LIMIT 1
    ), likely AS MATERIALIZED (
        SELECT n.* FROM newest n LEFT JOIN horizon h ON true
        WHERE (h.id IS NULL OR (n.created_at, n.id) >= (h.created_at, h.id))
          AND lower(n.content) LIKE ALL (
              ARRAY(SELECT '%' || lower(word) || '%' FROM unnest($4::text[]) AS word))
    )
    SELECT r.created_at, r.message_id FROM (
        SELECT chat_id AS id, id AS message_id, created_at, content FROM likely
        ORDER BY created_at DESC, id DESC OFFSET 0
    ) r
    WHERE chat.words(r.id, r.content) @@ {_QUERY} LIMIT $7
"""
"""Before the horizon some room has messages that weren't looked at. To split a message into words
costs much more than to see that it can't have them, so they are split in their order (which
`OFFSET 0` makes sure of) until there are enough."""

_INDEXED = f"""
    WITH rooms AS MATERIALIZED ({_ROOMS})
    SELECT m.created_at, m.id FROM rooms r CROSS JOIN LATERAL (
        SELECT created_at, id FROM chat.messages
        WHERE chat.words(chat_id, content) @@ {_QUERY} AND deleted_at IS NULL
          AND (chat_id = r.id) IS TRUE
          AND ($5::timestamptz IS NULL OR (created_at, id) < ($5, $6)) OFFSET 0
    ) m
    ORDER BY m.created_at DESC, m.id DESC LIMIT $7
"""
"""Room by room (which `OFFSET 0` makes sure of): the index merges two lists quickly, and four
hundred slowly. `IS TRUE` keeps the index of rooms out of it, which would be read whole for each."""


class _Place(NamedTuple):
    """Where a message stands in the order of what was found."""

    at: datetime
    id: UUID


async def search(
    caller: Caller, text: str | None, scope: Scope, limit: str | None, cursor: str | None
) -> Hits:
    """Messages with all of these words in the caller's rooms, newest first; up to five statements.

    Raises `BadRequest` naming the parameter at fault, `Forbidden` for a foreign room.
    """
    window = Window.of(limit, cursor)
    wanted, count = words(text or ""), min(window.limit, LONGEST_PAGE)
    if scope.chat_id is not None:
        await access.chat(caller, scope.chat_id, "chat.read")
    after = window.after(datetime)
    args: list[Any] = [caller.user_id, scope.workspace_id, scope.chat_id, wanted]
    args += [after.key, after.id] if after is not None else [None, None]
    found = await _places(_NEWEST, *args, count + 1)
    if len(found) <= count:
        found = await _places(_INDEXED, *args, count + 1)
    page = Page.of(found, count, lambda place: (place.at, place.id))
    return Hits(await _hits([place.id for place in page.rows]), page.cursor)


async def _places(sql: str, *args: Any) -> list[_Place]:
    return [_Place(*record) for record in await db.fetch_records(sql, *args)]


async def _hits(ids: list[UUID]) -> list[Found]:
    records = await db.fetch_records(
        f"""
        SELECT c.name, c.type, c.workspace_id, {message_queries.COLUMNS}
        {message_queries.FROM} JOIN chat.chats c ON c.id = m.chat_id
        WHERE m.id = ANY($1) ORDER BY m.created_at DESC, m.id DESC
        """,
        ids,
    )
    found = []
    for name, kind, workspace_id, *columns in records:
        message = message_queries.made(columns)
        found.append(Found(message, message.chat_id, name, kind, workspace_id))
    known = await user.faces((one.workspace_id, one.message.user_id) for one in found)
    for one in found:
        faces.put(one.message, known, one.workspace_id)
    return found

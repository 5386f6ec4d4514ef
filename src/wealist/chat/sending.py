"""Sending messages: the path that is taken most (contract: chat.md §4.2, §6.1).

One statement holds the senders' seats and the rooms, numbers the messages, and makes each sender
have read all before his own; the event log writes one more, however many messages there are. What
carries nothing but text shares its transaction with whatever else is said at that moment
(`pump.py`).
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
from msgspec import Struct

from wealist.chat import access, faces, feed, files, mentions, message_queries, news, uploads
from wealist.chat.access import NO_MESSAGE
from wealist.chat.message_wire import Message, NewMessage, Received
from wealist.chat.pump import Pump
from wealist.chat.uploads import Upload
from wealist.core import db, events, metrics
from wealist.core.errors import BadRequest, Forbidden, Invalid, NotFound
from wealist.core.identity import Caller
from wealist.core.ids import uuid7
from wealist.core.text import verbatim

CONTENT = 16_000
"""Characters; whatever they are, a frame of 64 KB holds as many."""


class Letter(Struct, frozen=True):
    """A message to be sent, checked but for what the room's lock decides."""

    id: UUID
    chat_id: UUID
    user_id: UUID
    new: NewMessage
    upload: Upload | None = None
    thread_id: UUID | None = None

    @property
    def answers(self) -> UUID | None:
        """The message that this one answers."""
        return self.new.reply_to_id or self.new.thread_id


class Sent(Struct, frozen=True):
    """Where a message has got its place."""

    id: UUID
    seq: int
    at: datetime
    workspace_id: UUID
    project_id: UUID | None
    name: str
    roster: int


SEND = """
    WITH given AS MATERIALIZED (
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[],
            $7::uuid[], $8::uuid[]) WITH ORDINALITY AS given
            (id, chat_id, user_id, content, type, client_id, reply_to, thread_id, place)
    ), seat AS MATERIALIZED (
        SELECT p.id, p.chat_id, p.user_id FROM chat.participants p
        WHERE (p.chat_id, p.user_id) IN (SELECT chat_id, user_id FROM given) AND p.is_active
        ORDER BY p.chat_id, p.id FOR NO KEY UPDATE
    ), held AS MATERIALIZED (
        SELECT c.id FROM chat.chats c WHERE c.id = ANY (ARRAY(SELECT chat_id FROM seat))
        ORDER BY c.id FOR NO KEY UPDATE
    ), fit AS MATERIALIZED (
        SELECT given.*, seat.id AS seat_id,
               row_number() OVER (PARTITION BY given.chat_id ORDER BY place) AS number
        FROM given JOIN seat USING (chat_id, user_id) JOIN held ON held.id = given.chat_id
        LEFT JOIN LATERAL (
            SELECT true AS there FROM chat.messages m WHERE m.chat_id = given.chat_id
              AND m.user_id = given.user_id AND m.client_id = given.client_id LIMIT 1
        ) known ON given.client_id IS NOT NULL
        WHERE known.there IS NULL
    ), room AS (
        UPDATE chat.chats c SET last_seq = c.last_seq + t.count, updated_at = clock_timestamp()
        FROM (SELECT chat_id, count(*) FROM fit GROUP BY chat_id) t
        WHERE c.id = t.chat_id AND c.deleted_at IS NULL
        RETURNING c.id, c.last_seq - t.count AS before, c.updated_at, c.workspace_id, c.project_id,
                  c.name, c.roster
    ), read AS (
        UPDATE chat.participants p
        SET last_read_seq = t.seq, last_read_at = t.updated_at, hidden = 0
        FROM (SELECT seat_id, max(before + number) AS seq, max(updated_at) AS updated_at
              FROM fit JOIN room ON room.id = fit.chat_id GROUP BY seat_id) t
        WHERE p.id = t.seat_id
    ), made AS (
        INSERT INTO chat.messages (id, chat_id, seq, user_id, content, type, client_id, reply_to,
            thread_id, created_at, updated_at, version)
        SELECT fit.id, chat_id, before + number, user_id, content, type, client_id, reply_to,
               thread_id, updated_at, updated_at, 1
        FROM fit JOIN room ON room.id = fit.chat_id ORDER BY place
    )
    SELECT fit.id, before + number AS seq, updated_at AS at, workspace_id, project_id, name, roster
    FROM fit JOIN room ON room.id = fit.chat_id ORDER BY place
"""
"""Whoever reads all up to his own last message may have others' after it in the same statement;
those stay unread, since `seq` is that of his own. The array is what has all seats locked before any
room: a join would find the room by the first seat, and the others only then."""


async def send(caller: Caller, chat_id: UUID, new: NewMessage) -> Message:
    """Say something in a room; all who take part hear it, the caller too.

    With a `clientMessageId` a repetition gives the message that is there. Raises `Invalid`,
    `Forbidden` for those outside, `NotFound` for a deleted room or what is answered.
    """
    content = verbatim(new.content, field="content", most=CONTENT)
    if new.message_type == "TEXT" and not content.strip():
        raise BadRequest("Message content cannot be empty")
    if new.client_message_id is not None:
        verbatim(new.client_message_id, field="clientMessageId", least=1, most=100)
    upload = await uploads.check(caller, new) if new.file_url is not None else None
    letter = Letter(uuid7(), chat_id, caller.user_id, new, upload)
    # The answer to a request with an Idempotency-Key is kept in the transaction of that request.
    alone = upload or letter.answers or "@" in content or events.mutation.get() is not None
    try:
        message = await (_alone(letter) if alone else pump().post(letter))
    except asyncpg.UniqueViolationError:  # the same `clientMessageId` came twice at once
        message = None
    if message is None:
        return await _why_not(caller, chat_id, new)
    metrics.count("chat_service_messages_sent_total")
    return message


async def _alone(letter: Letter) -> Message | None:
    async with db.transaction():
        if letter.answers is not None:
            letter = await _in_thread(letter)
        return (await write([letter]))[0]


async def write(letters: Sequence[Letter]) -> list[Message | None]:
    """Send messages in the open transaction; None for each that can't be: its sender takes no part
    in the room, the room is deleted, or the message is there already."""
    found = await db.fetch(
        Sent,
        SEND,
        [letter.id for letter in letters],
        [letter.chat_id for letter in letters],
        [letter.user_id for letter in letters],
        [letter.new.content for letter in letters],
        [letter.new.message_type for letter in letters],
        [letter.new.client_message_id for letter in letters],
        [letter.answers for letter in letters],
        [letter.thread_id for letter in letters],
    )
    places = {sent.id: sent for sent in found}
    return [
        await _tell(letter, places[letter.id]) if letter.id in places else None
        for letter in letters
    ]


async def _tell(letter: Letter, sent: Sent) -> Message:
    """The message as clients see it, told to all whom it concerns."""
    new = letter.new
    face = await faces.of(sent.workspace_id, letter.user_id)
    message = Message(
        letter.id,
        letter.chat_id,
        letter.user_id,
        new.content,
        new.message_type,
        sent.at,
        sent.at,
        sent.seq,
        1,
        thread_id=letter.thread_id,
        client_message_id=new.client_message_id,
        user_name=face.name,
        user_profile_image=face.image,
    )
    if letter.upload is not None:
        await uploads.attach(letter.upload, letter.id, sent.workspace_id)
        message.file_url = files.address(letter.upload.key)
        message.file_name, message.file_size = letter.upload.name, letter.upload.size
        message.content_type = letter.upload.type
    if letter.answers is not None:
        message.reply_to = await message_queries.quote(letter.answers)
    feed.tell(letter.chat_id, "MESSAGE_RECEIVED", Received(message), actor=letter.user_id)
    await mentions.tell(message, sent.workspace_id, sent.project_id, sent.name, before=set())
    db.after_commit(news.message, message, sent.workspace_id, sent.roster)
    return message


async def _in_thread(letter: Letter) -> Letter:
    """The letter with the first message of the thread that it belongs to. Raises `Invalid` for
    what was not said in this room."""
    new = letter.new
    wanted = [one for one in (new.reply_to_id, new.thread_id) if one is not None]
    found = await db.fetch_records(
        """
        SELECT m.id, coalesce(m.thread_id, m.id) FROM chat.messages m
        JOIN chat.participants p ON p.chat_id = m.chat_id AND p.user_id = $3 AND p.is_active
        WHERE m.id = ANY($1) AND m.chat_id = $2 AND m.deleted_at IS NULL
        """,
        wanted,
        letter.chat_id,
        letter.user_id,
    )
    roots = dict(found)
    for name, one in (("replyToId", new.reply_to_id), ("threadId", new.thread_id)):
        if one is not None and one not in roots:
            raise Invalid("must be a message of this chat", field=name)
    thread_id = roots[new.thread_id] if new.thread_id is not None else None
    return Letter(letter.id, letter.chat_id, letter.user_id, new, letter.upload, thread_id)


async def _why_not(caller: Caller, chat_id: UUID, new: NewMessage) -> Message:
    """The message that a repetition means. Raises for those who may not send."""
    place = await access.chat(caller, chat_id, "chat.write")
    known: UUID | None = await db.fetch_value(
        "SELECT id FROM chat.messages WHERE chat_id = $1 AND user_id = $2 AND client_id = $3",
        chat_id,
        caller.user_id,
        new.client_message_id,
    )
    found = await message_queries.message(known, place.workspace_id) if known is not None else None
    if found is not None:
        return found
    if known is not None:
        raise NotFound(NO_MESSAGE)  # it has been deleted since
    raise Forbidden("You are not a participant of this chat")  # taken back in this very moment


_pump: Pump[Letter, Message | None] | None = None


def open() -> None:  # noqa: A001
    """Begin; after the database."""
    global _pump
    _pump = Pump(write)
    _pump.start()


async def close() -> None:
    """Send what waits, and end; before the database."""
    global _pump
    closing, _pump = _pump, None
    if closing is not None:
        await closing.stop()


def pump() -> Pump[Letter, Message | None]:
    """What shares transactions among the messages of this process."""
    if _pump is None:
        raise RuntimeError("sending.open has not been called")
    return _pump

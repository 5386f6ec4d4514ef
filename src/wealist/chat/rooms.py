"""The verbs on rooms: make, rename, delete (contract: chat.md §4.1)."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from wealist.chat import access, feed, projects, queries, seats, uploads
from wealist.chat.access import NO_CHAT
from wealist.chat.wire import Chat, ChatChange, Gone, MyChat, NewChat, Updated
from wealist.core import db, metrics
from wealist.core.errors import Forbidden, Invalid, NotFound, Unavailable
from wealist.core.identity import Caller
from wealist.core.ids import NIL, uuid7
from wealist.core.text import optional, required
from wealist.core.versions import expect
from wealist.core.wire import now
from wealist.user import api as user

NAME = 100
TOPIC = 500


async def my_chats(caller: Caller) -> list[MyChat]:
    """The caller's rooms in all workspaces, last active first; three statements."""
    return await queries.mine(caller.user_id)


async def chats_of_workspace(caller: Caller, workspace_id: UUID) -> list[MyChat]:
    """The caller's rooms in one workspace, for members of it."""
    await access.inside_workspace(caller, workspace_id)
    return await queries.mine(caller.user_id, workspace_id=workspace_id)


async def read_chat(caller: Caller, chat_id: UUID) -> Chat:
    """A room with its people."""
    await access.chat(caller, chat_id, "chat.read")
    return await _shown(chat_id)


async def _shown(chat_id: UUID) -> Chat:
    found = await queries.chat(chat_id)
    if found is None:
        raise NotFound(NO_CHAT)
    return found


async def create_chat(caller: Caller, new: NewChat) -> Chat:
    """Make a room of the caller and others, all members of the workspace.

    A pair has one DM in a workspace, and a project one PROJECT room: the one that is there is
    returned, and who had left is back in it. People of a PROJECT room are the project's members.
    """
    name = required(new.chat_name, field="chatName", limit=NAME)
    topic = optional(new.topic, field="topic", limit=TOPIC)
    for field, given in (("workspaceId", new.workspace_id), ("projectId", new.project_id)):
        if given == NIL:
            raise Invalid("must not be nil", field=field)
    people = list(dict.fromkeys([caller.user_id, *new.participants]))
    if not new.participants:
        raise Invalid("must name at least one person", field="participants")
    if len(people) > seats.MOST_PEOPLE:
        raise Invalid(f"must be at most {seats.MOST_PEOPLE - 1}", field="participants")
    if new.chat_type == "DM" and len(people) != 2:
        raise Invalid("a DM is between you and one other person", field="participants")
    if new.chat_type == "PROJECT" and new.project_id is None:
        raise Invalid("is required for a PROJECT chat", field="projectId")
    for _ in range(3):
        try:
            return await _create(caller, new, name, topic, people)
        except asyncpg.UniqueViolationError:
            continue  # somebody made the same DM or project room at the same moment
    raise Unavailable("too many made this chat at once; try again", retry_after=1)


async def _create(
    caller: Caller, new: NewChat, name: str, topic: str, people: Sequence[UUID]
) -> Chat:
    async with db.transaction():
        await user.hold_workspace(new.workspace_id)
        members = await user.members_among(new.workspace_id, people)
        if caller.user_id not in members:
            raise Forbidden("you are not a member of this workspace")
        key = None
        if new.project_id is not None:
            people = await _of_project(caller, new, people)
        elif set(people) - members:
            raise Invalid("must all be members of the workspace", field="participants")
        if new.chat_type == "DM":
            key = ":".join(sorted(str(person) for person in people))
            known = await queries.direct(new.workspace_id, key)
        elif new.chat_type == "PROJECT":
            assert new.project_id is not None
            known = await queries.of_project(new.project_id)
        else:
            known = None
        if known is not None:
            return await _known(caller, known, new.workspace_id, people)
        return await _make(caller, new, name, topic, key, people)


async def _make(
    caller: Caller, new: NewChat, name: str, topic: str, key: str | None, people: Sequence[UUID]
) -> Chat:
    chat_id, moment = uuid7(), now()
    await db.execute(
        """
        INSERT INTO chat.chats (id, workspace_id, project_id, type, name, topic, dm_key,
            created_by, last_seq, roster, created_at, updated_at, version)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 1, $9, $9, 1)
        """,
        chat_id,
        new.workspace_id,
        new.project_id,
        new.chat_type,
        name,
        topic,
        key,
        caller.user_id,
        moment,
    )
    await seats.seat(chat_id, people, owner=caller.user_id)
    await feed.added(chat_id, new.workspace_id, people, actor=caller.user_id)
    db.after_commit(metrics.count, "chat_service_chats_created_total")
    return await _shown(chat_id)


async def _of_project(caller: Caller, new: NewChat, people: Sequence[UUID]) -> list[UUID]:
    """Who shall be in a room of a project: all its members if it is the PROJECT room, else those
    asked for, all of whom must be members."""
    assert new.project_id is not None
    members = await projects.members(new.workspace_id, new.project_id)
    if members is None:
        raise Invalid("must be a project of the workspace", field="projectId")
    if caller.user_id not in members:
        raise Forbidden("you are not a member of this project")
    if set(people) - members:
        raise Invalid("must all be members of the project", field="participants")
    return sorted(members) if new.chat_type == "PROJECT" else list(people)


async def _known(caller: Caller, chat_id: UUID, workspace_id: UUID, people: Sequence[UUID]) -> Chat:
    """The room that is there already, with these people in it (again)."""
    await access.lock(chat_id, seats=True)
    absent = sorted(set(people) - set(await queries.active(chat_id)))
    if absent:
        await seats.add(chat_id, workspace_id, absent, actor=caller.user_id)
    return await _shown(chat_id)


async def change_chat(
    caller: Caller, chat_id: UUID, change: ChatChange, expected: int | None
) -> Chat:
    """Rename a room or change its topic. A DM is called after its people, and isn't renamed."""
    given = change.chat_name if isinstance(change.chat_name, str) else change.name
    name = required(given, field="chatName", limit=NAME) if isinstance(given, str) else None
    topic = (
        optional(change.topic, field="topic", limit=TOPIC)
        if isinstance(change.topic, str)
        else None
    )
    async with db.transaction():
        place = await access.chat(caller, chat_id, "chat.update", hold=True)
        if place.type == "DM":
            raise Forbidden("a direct chat has no name or topic of its own")
        found = await _shown(chat_id)
        expect(expected, place.version, found)
        if (name or found.chat_name, found.topic if topic is None else topic) == (
            found.chat_name,
            found.topic,
        ):
            return found
        await db.execute(
            """
            UPDATE chat.chats SET name = coalesce($2, name), topic = coalesce($3, topic),
                   version = version + 1 WHERE id = $1
            """,
            chat_id,
            name,
            topic,
        )
        bare = await queries.bare(chat_id)
        assert bare is not None
        feed.tell(chat_id, "CHAT_UPDATED", Updated(bare), actor=caller.user_id)
        await feed.changed([chat_id], place.workspace_id)
        return await _shown(chat_id)


async def delete_chat(caller: Caller, chat_id: UUID) -> None:
    """Delete a room for everybody; its connections end."""
    async with db.transaction():
        place = await access.chat(caller, chat_id, "chat.delete", hold=True)
        await dissolve([chat_id], place.workspace_id, actor=caller.user_id)


async def dissolve(ids: Sequence[UUID], workspace_id: UUID, *, actor: UUID) -> None:
    """Delete rooms that are locked, with the files in them; what was said stays, unreachable."""
    await db.execute(
        """
        UPDATE chat.chats SET deleted_at = $2, updated_at = $2, version = version + 1
        WHERE id = ANY($1)
        """,
        ids,
        now(),
    )
    await uploads.drop_chats(ids)
    records = await db.fetch_records(
        "SELECT chat_id, user_id FROM chat.participants WHERE chat_id = ANY($1) AND is_active", ids
    )
    for chat_id in ids:
        feed.tell(chat_id, "CHAT_DELETED", Gone(chat_id, workspace_id), actor=actor, revokes=NIL)
    for chat_id, user_id in records:
        feed.removed(chat_id, workspace_id, [user_id], actor=actor)

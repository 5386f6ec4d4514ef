"""The verbs on a room's people: add, remove, leave, change roles (contract: chat.md §4.1, §5)."""

from collections.abc import Sequence
from uuid import UUID

from wealist.chat import access, feed, queries
from wealist.chat.access import Place
from wealist.chat.wire import Chat, Comings, Joined, Left, Participant, RoleChanged
from wealist.core import db
from wealist.core.errors import Conflict, Forbidden, Invalid, NotFound
from wealist.core.identity import Caller
from wealist.core.ids import uuid7
from wealist.core.wire import now
from wealist.user import api as user

MOST_PEOPLE = 1000
FOLLOWS = "the people of a project's chat are the members of the project"


async def list_participants(caller: Caller, chat_id: UUID) -> list[Participant]:
    """Who takes part in a room."""
    await access.chat(caller, chat_id, "chat.read")
    found = await queries.chat(chat_id)
    return found.participants if found is not None else []


async def add_participants(caller: Caller, chat_id: UUID, people: Sequence[UUID]) -> Chat:
    """Let members of the workspace into a group; who is in it already stays."""
    if not people:
        raise Invalid("must name at least one person", field="userIds")
    if len(set(people)) > MOST_PEOPLE:
        raise Invalid(f"must be at most {MOST_PEOPLE}", field="userIds")
    place = await access.chat(caller, chat_id, "chat.invite")
    async with db.transaction():
        await user.hold_workspace(place.workspace_id)
        place = await access.chat(caller, chat_id, "chat.invite", seats=True)
        wanted = set(people)
        absent = wanted - set(await queries.active(chat_id))
        if absent:
            if place.type == "DM":
                raise Forbidden("a direct chat is between two people; make a group")
            if place.type == "PROJECT":
                raise Forbidden(FOLLOWS)
            if absent - await user.members_among(place.workspace_id, absent):
                raise Invalid("must all be members of the workspace", field="userIds")
            if place.people + len(absent) > MOST_PEOPLE:
                raise Conflict(f"a chat has at most {MOST_PEOPLE} people")
            await add(chat_id, place.workspace_id, sorted(absent), actor=caller.user_id)
        found = await queries.chat(chat_id)
        assert found is not None
        return found


async def seat(chat_id: UUID, people: Sequence[UUID], *, owner: UUID | None = None) -> list[UUID]:
    """Rows for people who take part from now on, and who of them did not before.

    They have read all that was said so far. Who had left gets his old row back, without his former
    role and settings.
    """
    moment = now()
    seated: list[UUID] | None = await db.fetch_value(
        """
        WITH room AS (
            UPDATE chat.chats SET roster = roster + 1 WHERE id = $1 RETURNING last_seq
        ), seated AS (
            INSERT INTO chat.participants AS p (id, chat_id, user_id, role, joined_at, is_active,
                last_read_seq, last_read_at, hidden, reminded_seq, level, draft, version)
            SELECT given.id, $1, given.user_id,
                CASE WHEN given.user_id = $5 THEN 'OWNER' ELSE 'MEMBER' END,
                $4, true, room.last_seq, $4, 0, room.last_seq, 'ALL', '', 1
            FROM unnest($2::uuid[], $3::uuid[]) AS given (id, user_id), room
            ORDER BY given.user_id
            ON CONFLICT (chat_id, user_id) DO UPDATE
            SET is_active = true, role = excluded.role, joined_at = excluded.joined_at,
                last_read_seq = excluded.last_read_seq, last_read_at = excluded.last_read_at,
                hidden = 0, reminded_seq = excluded.reminded_seq, level = 'ALL',
                muted_until = NULL, pinned_at = NULL, archived_at = NULL, draft = '',
                version = p.version + 1
            WHERE NOT p.is_active
            RETURNING user_id
        ) SELECT array_agg(user_id ORDER BY user_id) FROM seated
        """,
        chat_id,
        [uuid7() for _ in people],
        list(people),
        moment,
        owner,
    )
    return seated or []


async def add(chat_id: UUID, workspace_id: UUID, people: Sequence[UUID], *, actor: UUID) -> None:
    """Seat people in a room that is locked, and tell those in it and them. Of a room that all had
    left the first of them is the owner."""
    owner = None if await queries.active(chat_id) else people[0]
    seated = await seat(chat_id, people, owner=owner)
    found = await queries.chat(chat_id)
    assert found is not None
    for one in found.participants:
        if one.user_id in seated:
            comings = Comings(chat_id, one.user_id, actor)
            joined = Joined(chat_id, one.user_id, comings, one)
            feed.tell(chat_id, "USER_JOINED", joined, actor=actor)
    await feed.added(chat_id, workspace_id, seated, actor=actor)
    await feed.changed([chat_id], workspace_id)


async def remove_participant(caller: Caller, chat_id: UUID, person: UUID) -> None:
    """Take somebody out of a room, or leave it; his connections to it end at once.

    Raises `Forbidden` for the owner, who hands the room over first or deletes it. Somebody who
    isn't in the room is no failure.
    """
    action = "chat.leave" if person == caller.user_id else "chat.remove"
    async with db.transaction():
        place = await access.chat(caller, chat_id, action, seats=True)
        found = await queries.participant(chat_id, place.workspace_id, person)
        if found is None or not found.is_active:
            return
        if found.role == "OWNER":
            raise Forbidden("creator cannot leave chat")
        if place.type == "PROJECT":
            raise Forbidden(FOLLOWS)
        if place.type == "DM" and person != caller.user_id:
            raise Forbidden("a direct chat is between two people; you can only leave it")
        if person != caller.user_id and found.role == "ADMIN" and place.role != "OWNER":
            raise Forbidden("only the chat's owner can remove an admin")
        await leave([chat_id], place.workspace_id, person, actor=caller.user_id)


async def leave(ids: Sequence[UUID], workspace_id: UUID, person: UUID, *, actor: UUID) -> None:
    """End somebody's part in rooms of a workspace, however many, and tell those in them and him.

    What was his goes to a room's oldest admin, else to its oldest participant. Locks the seats
    concerned, then the rooms.
    """
    await db.execute(
        """
        SELECT FROM chat.participants p WHERE p.chat_id = ANY($1) AND (p.user_id = $2 OR EXISTS (
            SELECT FROM chat.participants o
            WHERE o.chat_id = p.chat_id AND o.user_id = $2 AND o.role = 'OWNER'
        )) ORDER BY p.chat_id, p.id FOR NO KEY UPDATE
        """,
        ids,
        person,
    )
    await db.execute("SELECT FROM chat.chats WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE", ids)
    left: list[UUID] | None = await db.fetch_value(
        """
        WITH gone AS (
            UPDATE chat.participants SET is_active = false, role = 'MEMBER', version = version + 1
            WHERE chat_id = ANY($1) AND user_id = $2 AND is_active RETURNING chat_id
        ), rooms AS (
            UPDATE chat.chats SET roster = roster + 1 WHERE id IN (SELECT chat_id FROM gone)
        ) SELECT array_agg(chat_id ORDER BY chat_id) FROM gone
        """,
        ids,
        person,
    )
    heirs = await db.fetch_records(
        """
        WITH heir AS (
            SELECT DISTINCT ON (p.chat_id) p.id FROM chat.participants p
            WHERE p.chat_id = ANY($1) AND p.is_active AND NOT EXISTS (
                SELECT FROM chat.participants o WHERE o.chat_id = p.chat_id AND o.role = 'OWNER'
            ) ORDER BY p.chat_id, p.role <> 'ADMIN', p.joined_at, p.id
        )
        UPDATE chat.participants p SET role = 'OWNER', version = p.version + 1
        FROM heir WHERE p.id = heir.id RETURNING p.chat_id, p.user_id
        """,
        left or [],
    )
    for chat_id in left or ():
        comings = Comings(chat_id, person, actor)
        told = Left(chat_id, person, comings)
        feed.tell(chat_id, "USER_LEFT", told, actor=actor, revokes=person)
        feed.removed(chat_id, workspace_id, [person], actor=actor)
    await feed.changed(left or (), workspace_id)
    for chat_id, heir in heirs:
        feed.tell(chat_id, "ROLE_CHANGED", RoleChanged(chat_id, heir, "OWNER"), actor=actor)


async def change_role(caller: Caller, chat_id: UUID, person: UUID, role: str) -> Participant:
    """Give somebody another role. OWNER hands the room over: the old owner becomes ADMIN."""
    async with db.transaction():
        place = await access.chat(caller, chat_id, "chat.change_role", seats=True)
        if place.type == "DM":
            raise Forbidden("a direct chat has no roles")
        found = await queries.participant(chat_id, place.workspace_id, person)
        if found is None or not found.is_active:
            raise NotFound("there is no such participant")
        if found.role == "OWNER" and role != "OWNER":
            raise Invalid("changes by making somebody else the owner", field="role")
        if found.role != role:
            if role == "OWNER":
                await set_role(place, caller.user_id, "ADMIN", actor=caller.user_id)
            await set_role(place, person, role, actor=caller.user_id)
            found.role = role
        return found


async def set_role(place: Place, person: UUID, role: str, *, actor: UUID) -> None:
    """Change a role in a room that is locked, and tell those in it."""
    await db.execute(
        """
        UPDATE chat.participants SET role = $3, version = version + 1
        WHERE chat_id = $1 AND user_id = $2
        """,
        place.chat_id,
        person,
        role,
    )
    changed = RoleChanged(place.chat_id, person, role)
    feed.tell(place.chat_id, "ROLE_CHANGED", changed, actor=actor)

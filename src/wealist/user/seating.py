"""What becoming, being and no longer being a member changes: rows, and the events about them.

Used inside the transaction of a verb that has checked its caller. Locks are always taken in the
order workspace, then user, so that two verbs can't wait for each other.
"""

from uuid import UUID

from wealist.core import db, doomed, events
from wealist.core.access import Role
from wealist.core.errors import AlreadyExists, NotFound
from wealist.core.ids import NIL, uuid7
from wealist.core.wire import now
from wealist.user import hooks, queries
from wealist.user.avatars import FOLDER
from wealist.user.tables import ProfileRow
from wealist.user.wire import (
    Member,
    MemberGone,
    Profile,
    ProfileGone,
    User,
    WorkspaceGone,
    user_channel,
    workspace_channel,
)

NICK_NAME = 50


def nick_name(user: User) -> str:
    """How a person is called who has not chosen a name yet."""
    return (user.name or user.email)[:NICK_NAME]


async def take_a_seat(user: User, workspace_id: UUID, role: Role, *, actor: UUID) -> Member:
    """Make `user` a member, with a profile. Raises `AlreadyExists` if he is one, `NotFound` if
    his account has been deleted meanwhile.

    A former member gets his old row back with the new role and a new `joinedAt`. The first
    membership of a person becomes his default. Concurrent calls: one wins, the others raise.
    """
    fresh = await queries.user(user.user_id, lock=True)
    if fresh is None or not fresh.is_active:
        raise NotFound("there is no such user")
    moment = now()
    member_id = await db.fetch_value(
        """
        INSERT INTO "user".members AS m
            (id, workspace_id, user_id, role, is_default, is_active, joined_at, updated_at, version)
        VALUES ($1, $2, $3, $4, NOT EXISTS (
            SELECT FROM "user".members WHERE user_id = $3 AND is_active AND is_default
        ), true, $5, $5, 1)
        ON CONFLICT (workspace_id, user_id) DO UPDATE
        SET role = excluded.role, is_default = excluded.is_default, is_active = true,
            joined_at = excluded.joined_at, updated_at = excluded.updated_at,
            version = m.version + 1
        WHERE NOT m.is_active
        RETURNING id
        """,
        uuid7(),
        workspace_id,
        user.user_id,
        role.value,
        moment,
    )
    if member_id is None:
        raise AlreadyExists("this person is already a member of the workspace")
    await ensure_profile(user, workspace_id)
    member = await queries.member(member_id)
    assert member is not None
    events.append(workspace_channel(workspace_id), "member.added", member, actor=actor)
    await announce_membership(user.user_id, workspace_id, actor=actor, kind="membership.added")
    await hooks.member_come(workspace_id, user.user_id, actor, role.value)
    return member


async def ensure_profile(user: User, workspace_id: UUID) -> None:
    """Give the person a profile there unless he has one, and say so on his channel."""
    made = await db.fetch_value(
        """
        INSERT INTO "user".profiles
            (id, user_id, workspace_id, nick_name, email, created_at, updated_at, version)
        VALUES ($1, $2, $3, $4, $5, $6, $6, 1)
        ON CONFLICT (user_id, workspace_id) DO NOTHING RETURNING true
        """,
        uuid7(),
        user.user_id,
        workspace_id,
        nick_name(user),
        user.email,
        now(),
    )
    if made:
        profile = await queries.profile(user.user_id, workspace_id)
        assert profile is not None
        events.append(user_channel(user.user_id), "profile.updated", profile, actor=user.user_id)


async def leave_the_seat(user_id: UUID, workspace_id: UUID, *, actor: UUID) -> None:
    """End a membership and the profile that went with it. Raises `NotFound` if there is none."""
    member_id = await db.fetch_value(
        """
        UPDATE "user".members SET is_active = false, is_default = false, version = version + 1,
               updated_at = now()
        WHERE user_id = $1 AND workspace_id = $2 AND is_active RETURNING id
        """,
        user_id,
        workspace_id,
    )
    if member_id is None:
        raise NotFound("there is no such member")
    events.append(
        workspace_channel(workspace_id),
        "member.removed",
        MemberGone(member_id, workspace_id, user_id),
        actor=actor,
    )
    events.append(
        user_channel(user_id), "membership.removed", WorkspaceGone(workspace_id), actor=actor
    )
    await drop_profile(user_id, workspace_id, actor=actor)
    await hooks.member_gone(workspace_id, user_id, actor)


async def drop_profile(user_id: UUID, workspace_id: UUID, *, actor: UUID) -> bool:
    """Delete a profile and its picture; False when there was none."""
    gone = (
        await ProfileRow.delete()
        .where((ProfileRow.user_id == user_id) & (ProfileRow.workspace_id == workspace_id))
        .returning(ProfileRow.image)
    )
    if not gone:
        return False
    await doom_picture(gone[0]["image"])
    events.append(
        user_channel(user_id), "profile.deleted", ProfileGone(workspace_id, user_id), actor=actor
    )
    return True


async def doom_picture(image: str | None) -> None:
    """Have a stored picture deleted once nothing shows it."""
    if image is not None and image.startswith(FOLDER):
        await db.execute('DELETE FROM "user".attachments WHERE file_key = $1', image)
        await doomed.doom([image])


async def doom_pictures(workspace_id: UUID) -> None:
    """Have the pictures of all profiles of a workspace deleted."""
    keys = await db.fetch_value(
        """
        WITH gone AS (
            DELETE FROM "user".attachments WHERE file_key IN (
                SELECT image FROM "user".profiles WHERE workspace_id = $1
            ) RETURNING file_key
        ) SELECT array_agg(file_key) FROM gone
        """,
        workspace_id,
    )
    await doomed.doom(keys or ())


async def announce_membership(
    user_id: UUID, workspace_id: UUID, *, actor: UUID, kind: str = "membership.updated"
) -> None:
    """Tell a person how he now stands to a workspace, and its members if he stays one."""
    mine = await queries.user_workspace(user_id, workspace_id)
    if mine is None:
        return
    events.append(user_channel(user_id), kind, mine, actor=actor)
    if kind == "membership.updated":
        await announce_looks(user_id, workspace_id, actor=actor)


async def announce_profile(profile: Profile, *, actor: UUID) -> None:
    """Tell the person, and everybody who sees him under this profile."""
    events.append(user_channel(profile.user_id), "profile.updated", profile, actor=actor)
    await announce_looks(profile.user_id, profile.workspace_id, actor=actor)


async def announce_looks(user_id: UUID, workspace_id: UUID, *, actor: UUID) -> None:
    """Tell workspaces that a person looks different: one, or all for the default profile, also
    those where he is an applicant."""
    if workspace_id == NIL:
        for request in await queries.pending_requests_of(user_id):
            events.append(
                workspace_channel(request.workspace_id),
                "join_request.updated",
                request,
                actor=actor,
            )
    for member in await queries.memberships(user_id, workspace_id):
        events.append(workspace_channel(member.workspace_id), "member.updated", member, actor=actor)

"""The reads of the user service: hand-written SQL into Structs as the client sees them."""

from typing import TypeVar
from uuid import UUID

from wealist.core import db
from wealist.core.ids import NIL
from wealist.core.text import like
from wealist.user import avatars
from wealist.user.wire import (
    JoinRequest,
    Member,
    Profile,
    Settings,
    User,
    UserWorkspace,
    Workspace,
)

T = TypeVar("T", Member, Profile)

MOST = 1000
"""Longest list without paging; more is reached by `page`."""

_USER = """
    SELECT u.id AS user_id, u.email, u.name, u.provider, u.is_active, u.created_at, u.updated_at,
           u.version,
           (SELECT i.subject FROM "user".identities i
            WHERE i.user_id = u.id AND i.provider = 'google') AS google_id,
           u.deleted_at
    FROM "user".users u
"""


async def user(user_id: UUID, *, lock: bool = False) -> User | None:
    """A user, deleted or not; `lock` holds the row until the transaction ends."""
    sql = _USER + "WHERE u.id = $1" + (" FOR NO KEY UPDATE OF u" if lock else "")
    return await db.fetch_one(User, sql, user_id)


async def user_by_email(email: str) -> User | None:
    """The user with this address, whatever its letters' case, deleted or not."""
    return await db.fetch_one(User, _USER + "WHERE lower(u.email) = lower($1)", email)


async def share_a_workspace(one: UUID, other: UUID) -> bool:
    """Whether both are active members of the same living workspace."""
    found: bool = await db.fetch_value(
        """
        SELECT EXISTS (
            SELECT FROM "user".members a
            JOIN "user".members b ON b.workspace_id = a.workspace_id AND b.is_active
            JOIN "user".workspaces w ON w.id = a.workspace_id AND w.deleted_at IS NULL
            WHERE a.user_id = $1 AND a.is_active AND b.user_id = $2
        )
        """,
        one,
        other,
    )
    return found


_WORKSPACE = """
    SELECT w.id AS workspace_id, w.owner_id, w.name AS workspace_name, w.is_public,
           w.need_approved, w.deleted_at IS NULL AS is_active, w.created_at, w.version,
           w.description AS workspace_description, w.deleted_at,
           coalesce(p.nick_name, d.nick_name, nullif(u.name, ''), u.email) AS owner_nick_name,
           u.email AS owner_email
    FROM "user".workspaces w
    JOIN "user".users u ON u.id = w.owner_id
    LEFT JOIN "user".profiles p ON p.user_id = w.owner_id AND p.workspace_id = w.id
    LEFT JOIN "user".profiles d ON d.user_id = w.owner_id
          AND d.workspace_id = '00000000-0000-0000-0000-000000000000'
"""


async def workspace(workspace_id: UUID) -> Workspace | None:
    """A living workspace."""
    sql = _WORKSPACE + "WHERE w.id = $1 AND w.deleted_at IS NULL"
    return await db.fetch_one(Workspace, sql, workspace_id)


async def public_workspaces(text: str, limit: int = 20) -> list[Workspace]:
    """Living public workspaces whose name contains `text`, wildcards taken literally."""
    return await db.fetch(
        Workspace,
        _WORKSPACE
        + """
        WHERE w.is_public AND w.deleted_at IS NULL AND w.name ILIKE $1
        ORDER BY w.name, w.created_at, w.id LIMIT $2
        """,
        like(text),
        limit,
    )


async def settings(workspace_id: UUID) -> Settings | None:
    """The settings of a living workspace."""
    return await db.fetch_one(
        Settings,
        """
        SELECT id AS workspace_id, name AS workspace_name,
               coalesce(description, '') AS workspace_description, is_public,
               need_approved AS requires_approval, only_owner_can_invite, version
        FROM "user".workspaces WHERE id = $1 AND deleted_at IS NULL
        """,
        workspace_id,
    )


MY_WORKSPACES = """
    SELECT workspace_id, workspace_name, workspace_description, owner, role, created_at, is_default
    FROM (
        SELECT w.id AS workspace_id, w.name AS workspace_name,
               coalesce(w.description, '') AS workspace_description, m.role = 'OWNER' AS owner,
               m.role, w.created_at, m.is_default, m.joined_at AS since
        FROM "user".members m JOIN "user".workspaces w ON w.id = m.workspace_id
        WHERE m.user_id = $1 AND m.is_active AND w.deleted_at IS NULL
        UNION ALL
        SELECT w.id, w.name, coalesce(w.description, ''), false, 'PENDING', w.created_at, false,
               r.requested_at
        FROM "user".join_requests r JOIN "user".workspaces w ON w.id = r.workspace_id
        WHERE r.user_id = $1 AND r.status = 'PENDING' AND w.deleted_at IS NULL
    ) mine
    ORDER BY role = 'PENDING', since, workspace_id LIMIT 1000
"""


async def my_workspaces(user_id: UUID) -> list[UserWorkspace]:
    """The person's workspaces by the time of joining, then those that he asked to join."""
    return await db.fetch(UserWorkspace, MY_WORKSPACES, user_id)


async def user_workspace(user_id: UUID, workspace_id: UUID) -> UserWorkspace | None:
    """One row of `my_workspaces`."""
    return await db.fetch_one(
        UserWorkspace,
        f"SELECT * FROM ({MY_WORKSPACES}) one WHERE workspace_id = $2",  # noqa: S608  # a constant
        user_id,
        workspace_id,
    )


_MEMBER = """
    SELECT m.id AS workspace_member_id, m.workspace_id, m.user_id, m.role AS role_name,
           m.is_default, m.is_active, m.joined_at, m.updated_at, m.version,
           u.email AS user_email,
           coalesce(p.nick_name, d.nick_name, nullif(u.name, ''), u.email) AS nick_name,
           coalesce(p.image, d.image) AS profile_image_url
    FROM "user".members m
    JOIN "user".users u ON u.id = m.user_id
    LEFT JOIN "user".profiles p ON p.user_id = m.user_id AND p.workspace_id = m.workspace_id
    LEFT JOIN "user".profiles d ON d.user_id = m.user_id
          AND d.workspace_id = '00000000-0000-0000-0000-000000000000'
"""


async def members(workspace_id: UUID, page: int = 1, limit: int = MOST) -> list[Member]:
    """Active members by the time of joining; one query whatever their number."""
    found = await db.fetch(
        Member,
        _MEMBER
        + """
        WHERE m.workspace_id = $1 AND m.is_active ORDER BY m.joined_at, m.id LIMIT $2 OFFSET $3
        """,
        workspace_id,
        limit,
        (page - 1) * limit,
    )
    return [_shown(member) for member in found]


async def member(member_id: UUID) -> Member | None:
    """A member by the id of the membership, active or not."""
    found = await db.fetch_one(Member, _MEMBER + "WHERE m.id = $1", member_id)
    return _shown(found) if found else None


async def memberships(user_id: UUID, workspace_id: UUID = NIL) -> list[Member]:
    """The person as a member of one workspace, or (nil) of each of his."""
    one = "" if workspace_id == NIL else " AND m.workspace_id = $2"
    sql = f"{_MEMBER} WHERE m.user_id = $1 AND m.is_active{one} ORDER BY m.workspace_id"
    found = await db.fetch(Member, sql, user_id, *([workspace_id] if one else []))
    return [_shown(member) for member in found]


async def member_count(workspace_id: UUID) -> int:
    """How many active members there are (`X-Total-Count`)."""
    count: int = await db.fetch_value(
        'SELECT count(*) FROM "user".members WHERE workspace_id = $1 AND is_active', workspace_id
    )
    return count


async def is_member(workspace_id: UUID, user_id: UUID) -> bool:
    """Whether the person is an active member of the living workspace."""
    found: bool = await db.fetch_value(
        """
        SELECT EXISTS (
            SELECT FROM "user".members m JOIN "user".workspaces w ON w.id = m.workspace_id
            WHERE m.workspace_id = $1 AND m.user_id = $2 AND m.is_active AND w.deleted_at IS NULL
        )
        """,
        workspace_id,
        user_id,
    )
    return found


_REQUEST = """
    SELECT r.id AS join_request_id, r.workspace_id, r.user_id, r.status, r.requested_at,
           r.updated_at, r.version, u.email AS user_email,
           coalesce(d.nick_name, nullif(u.name, ''), u.email) AS nick_name,
           w.name AS workspace_name
    FROM "user".join_requests r
    JOIN "user".users u ON u.id = r.user_id
    JOIN "user".workspaces w ON w.id = r.workspace_id
    LEFT JOIN "user".profiles d ON d.user_id = r.user_id
          AND d.workspace_id = '00000000-0000-0000-0000-000000000000'
"""


async def join_requests(workspace_id: UUID, status: str = "PENDING") -> list[JoinRequest]:
    """Requests of a workspace in the order in which they were made, at most 1000."""
    return await db.fetch(
        JoinRequest,
        _REQUEST
        + """
        WHERE r.workspace_id = $1 AND r.status = $2 ORDER BY r.requested_at, r.id LIMIT 1000
        """,
        workspace_id,
        status,
    )


async def join_request(request_id: UUID, workspace_id: UUID) -> JoinRequest | None:
    """A request of that workspace; a request of another workspace is None."""
    sql = _REQUEST + "WHERE r.id = $1 AND r.workspace_id = $2"
    return await db.fetch_one(JoinRequest, sql, request_id, workspace_id)


async def pending_request(workspace_id: UUID, user_id: UUID) -> JoinRequest | None:
    """The person's undecided request."""
    sql = _REQUEST + "WHERE r.workspace_id = $1 AND r.user_id = $2 AND r.status = 'PENDING'"
    return await db.fetch_one(JoinRequest, sql, workspace_id, user_id)


async def pending_requests_of(user_id: UUID) -> list[JoinRequest]:
    """All undecided requests of a person."""
    sql = _REQUEST + "WHERE r.user_id = $1 AND r.status = 'PENDING' ORDER BY r.requested_at, r.id"
    return await db.fetch(JoinRequest, sql, user_id)


_PROFILE = """
    SELECT p.id AS profile_id, p.user_id, p.workspace_id, p.nick_name, p.email, p.created_at,
           p.updated_at, p.version, p.image AS profile_image_url
    FROM "user".profiles p
"""


async def profile(user_id: UUID, workspace_id: UUID) -> Profile | None:
    """The person's profile of exactly that workspace (nil: the default profile)."""
    sql = _PROFILE + "WHERE p.user_id = $1 AND p.workspace_id = $2"
    found = await db.fetch_one(Profile, sql, user_id, workspace_id)
    return _shown(found) if found else None


async def profile_or_default(user_id: UUID, workspace_id: UUID) -> Profile | None:
    """The profile of that workspace, else the default one, in one query."""
    found = await db.fetch_one(
        Profile,
        _PROFILE
        + "WHERE p.user_id = $1 AND p.workspace_id = ANY($2) ORDER BY p.workspace_id = $3 LIMIT 1",
        user_id,
        [workspace_id, NIL],
        NIL,
    )
    return _shown(found) if found else None


async def my_profiles(user_id: UUID) -> list[Profile]:
    """All profiles of a person: the default one first, then by age."""
    found = await db.fetch(
        Profile,
        _PROFILE
        + "WHERE p.user_id = $1 ORDER BY p.workspace_id <> $2, p.created_at, p.id LIMIT 1000",
        user_id,
        NIL,
    )
    return [_shown(profile) for profile in found]


def _shown(row: T) -> T:
    """Make the picture's stored key an address that a browser can load."""
    row.profile_image_url = avatars.address(row.profile_image_url)
    return row

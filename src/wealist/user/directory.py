"""What other services ask about people and workspaces; they have checked their caller."""

from collections.abc import Iterable
from uuid import UUID

from msgspec import Struct

from wealist.core import db
from wealist.user import avatars


class Person(Struct, frozen=True):
    """Somebody as the members of a workspace know him."""

    user_id: UUID
    name: str
    email: str


class Face(Struct, frozen=True):
    """How somebody looks to the members of a workspace; `image` is an address for `<img>`."""

    name: str
    image: str | None


class Card(Struct, frozen=True):
    """A living workspace in two words."""

    name: str
    owner_email: str


class Seat(Struct, frozen=True):
    """How somebody stands to a living workspace, and what he is called there."""

    workspace_id: UUID
    user_id: UUID
    workspace_name: str
    is_member: bool
    name: str


async def people(workspace_id: UUID, user_ids: Iterable[UUID]) -> dict[UUID, Person]:
    """Names and addresses, in one query; also of those who are no members any more."""
    found = await db.fetch(
        Person,
        """
        SELECT u.id AS user_id,
               coalesce(p.nick_name, d.nick_name, nullif(u.name, ''), u.email) AS name, u.email
        FROM "user".users u
        LEFT JOIN "user".profiles p ON p.user_id = u.id AND p.workspace_id = $1
        LEFT JOIN "user".profiles d ON d.user_id = u.id
              AND d.workspace_id = '00000000-0000-0000-0000-000000000000'
        WHERE u.id = ANY($2)
        """,
        workspace_id,
        list(set(user_ids)),
    )
    return {person.user_id: person for person in found}


async def living(user_ids: Iterable[UUID]) -> dict[UUID, Person]:
    """Names and addresses of those whose account is not deleted, as they are called everywhere."""
    found = await db.fetch(
        Person,
        """
        SELECT u.id AS user_id,
               coalesce(d.nick_name, nullif(u.name, ''), u.email) AS name, u.email
        FROM "user".users u
        LEFT JOIN "user".profiles d ON d.user_id = u.id
              AND d.workspace_id = '00000000-0000-0000-0000-000000000000'
        WHERE u.id = ANY($1) AND u.is_active
        """,
        list(set(user_ids)),
    )
    return {person.user_id: person for person in found}


async def seats(pairs: Iterable[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Seat]:
    """How people stand to living workspaces, for pairs of workspace and person; one query.

    A pair is missing where the workspace is gone or there never was such a person.
    """
    wanted = sorted(set(pairs))
    found = await db.fetch(
        Seat,
        """
        SELECT w.id AS workspace_id, u.id AS user_id, w.name AS workspace_name,
               m.id IS NOT NULL AS is_member,
               coalesce(p.nick_name, d.nick_name, nullif(u.name, ''), u.email) AS name
        FROM unnest($1::uuid[], $2::uuid[]) AS given (workspace, person)
        JOIN "user".workspaces w ON w.id = given.workspace AND w.deleted_at IS NULL
        JOIN "user".users u ON u.id = given.person
        LEFT JOIN "user".members m ON m.workspace_id = w.id AND m.user_id = u.id AND m.is_active
        LEFT JOIN "user".profiles p ON p.user_id = u.id AND p.workspace_id = w.id
        LEFT JOIN "user".profiles d ON d.user_id = u.id
              AND d.workspace_id = '00000000-0000-0000-0000-000000000000'
        """,
        [workspace_id for workspace_id, _ in wanted],
        [user_id for _, user_id in wanted],
    )
    return {(seat.workspace_id, seat.user_id): seat for seat in found}


async def faces(pairs: Iterable[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Face]:
    """How people look in workspaces, by (workspace, person), in one query; also of those who are
    no members any more."""
    wanted = list(set(pairs))
    found = await db.fetch_records(
        """
        SELECT g.workspace_id, g.user_id,
               coalesce(p.nick_name, d.nick_name, nullif(u.name, ''), u.email) AS name,
               coalesce(p.image, d.image) AS image
        FROM unnest($1::uuid[], $2::uuid[]) AS g (workspace_id, user_id)
        JOIN "user".users u ON u.id = g.user_id
        LEFT JOIN "user".profiles p ON p.user_id = g.user_id AND p.workspace_id = g.workspace_id
        LEFT JOIN "user".profiles d ON d.user_id = g.user_id
              AND d.workspace_id = '00000000-0000-0000-0000-000000000000'
        """,
        [workspace_id for workspace_id, _ in wanted],
        [user_id for _, user_id in wanted],
    )
    return {(one[0], one[1]): Face(one[2], avatars.address(one[3])) for one in found}


async def members_among(workspace_id: UUID, user_ids: Iterable[UUID]) -> set[UUID]:
    """Which of them are active members of the living workspace."""
    found: list[UUID] | None = await db.fetch_value(
        """
        SELECT array_agg(m.user_id)
        FROM "user".members m JOIN "user".workspaces w ON w.id = m.workspace_id
        WHERE m.workspace_id = $1 AND m.user_id = ANY($2) AND m.is_active AND w.deleted_at IS NULL
        """,
        workspace_id,
        list(set(user_ids)),
    )
    return set(found or ())


async def workspaces_of(user_id: UUID) -> list[UUID]:
    """The living workspaces of which somebody is an active member."""
    found: list[UUID] | None = await db.fetch_value(
        """
        SELECT array_agg(w.id)
        FROM "user".members m JOIN "user".workspaces w ON w.id = m.workspace_id
        WHERE m.user_id = $1 AND m.is_active AND w.deleted_at IS NULL
        """,
        user_id,
    )
    return found or []


async def colleagues(
    user_id: UUID, workspace_id: UUID | None = None, *, only: UUID | None = None
) -> dict[UUID, UUID]:
    """The people who share a living workspace with somebody, he among them, each with one such
    workspace; of one workspace, or of all that are his; `only` one person. At most 10,000."""
    found = await db.fetch_records(
        """
        SELECT DISTINCT ON (o.user_id) o.user_id, o.workspace_id
        FROM "user".members m
        JOIN "user".workspaces w ON w.id = m.workspace_id AND w.deleted_at IS NULL
        JOIN "user".members o ON o.workspace_id = m.workspace_id AND o.is_active
        WHERE m.user_id = $1 AND m.is_active AND ($2::uuid IS NULL OR m.workspace_id = $2)
          AND ($3::uuid IS NULL OR o.user_id = $3)
        ORDER BY o.user_id, o.workspace_id LIMIT 10000
        """,
        user_id,
        workspace_id,
        only,
    )
    return {one[0]: one[1] for one in found}


async def hold_workspace(workspace_id: UUID) -> None:
    """Keep a workspace's members and its life as they are until the transaction ends.

    Before any lock of the caller's own; read what you need afterwards.
    """
    await db.execute('SELECT FROM "user".workspaces WHERE id = $1 FOR SHARE', workspace_id)


async def hold_workspaces(workspace_ids: Iterable[UUID]) -> None:
    """`hold_workspace` for several, in the order in which everybody locks them."""
    await db.execute(
        'SELECT FROM "user".workspaces WHERE id = ANY($1) ORDER BY id FOR SHARE',
        list(set(workspace_ids)),
    )


async def leaders(workspace_id: UUID) -> set[UUID]:
    """The owner and the admins of a living workspace."""
    found: list[UUID] | None = await db.fetch_value(
        """
        SELECT array_agg(m.user_id)
        FROM "user".members m JOIN "user".workspaces w ON w.id = m.workspace_id
        WHERE m.workspace_id = $1 AND m.role IN ('OWNER', 'ADMIN') AND m.is_active
          AND w.deleted_at IS NULL
        """,
        workspace_id,
    )
    return set(found or ())


async def card(workspace_id: UUID) -> Card | None:
    """A living workspace's name and its owner's address."""
    return await db.fetch_one(
        Card,
        """
        SELECT w.name, u.email AS owner_email
        FROM "user".workspaces w JOIN "user".users u ON u.id = w.owner_id
        WHERE w.id = $1 AND w.deleted_at IS NULL
        """,
        workspace_id,
    )


async def owner(workspace_id: UUID) -> UUID:
    """Whose workspace it is; also of a deleted one."""
    found: UUID = await db.fetch_value(
        'SELECT owner_id FROM "user".workspaces WHERE id = $1', workspace_id
    )
    return found

"""What other services ask about people and workspaces; they have checked their caller."""

from collections.abc import Iterable
from uuid import UUID

from msgspec import Struct

from wealist.core import db


class Person(Struct, frozen=True):
    """Somebody as the members of a workspace know him."""

    user_id: UUID
    name: str
    email: str


class Card(Struct, frozen=True):
    """A living workspace in two words."""

    name: str
    owner_email: str


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


async def hold_workspace(workspace_id: UUID) -> None:
    """Keep a workspace's members and its life as they are until the transaction ends.

    Before any lock of the caller's own; read what you need afterwards.
    """
    await db.execute('SELECT FROM "user".workspaces WHERE id = $1 FOR SHARE', workspace_id)


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

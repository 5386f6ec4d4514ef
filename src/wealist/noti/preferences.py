"""By which channels a person wants to be told of what; `choices.py` applies it.

The nearest entry counts, for each channel by itself: one of the project before one of the
workspace before one of everywhere; inside a scope one of the type before one of its category
before `*`. Where nobody has said anything, the type's rule does.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from wealist.core import db
from wealist.core.errors import BadRequest, Conflict, Invalid, NotFound
from wealist.core.identity import Caller
from wealist.core.wire import now
from wealist.noti import bell, rules, schedules
from wealist.noti.delivery_wire import Entry, EntryChange, Preferences, TypePreference
from wealist.user import api as user

ALL = "*"
MOST_SCOPES = 200
"""Workspaces and projects for which one person may want something else."""


class Choice(NamedTuple):
    """The channels by which somebody is told."""

    in_app: bool
    email: bool
    push: bool


NOTHING = Choice(False, False, False)

RANK = """
    CASE WHEN project_id IS NOT NULL THEN 0 WHEN workspace_id IS NOT NULL THEN 3 ELSE 6 END
    + CASE subject WHEN {type} THEN 0 WHEN {category} THEN 1 ELSE 2 END
"""
"""SQL: how near an entry is; the smallest number that isn't NULL counts."""

NEAREST = ", ".join(
    f"(array_agg({channel} ORDER BY rank) FILTER (WHERE {channel} IS NOT NULL))[1] AS {channel}"
    for channel in Choice._fields
)
"""SQL: for each channel what the nearest entry says that says anything; NULL if none does."""


def defaults(kind: str) -> Choice:
    """What the rule of a type says; of a type that has none, what `rules` says of such."""
    channels = rules.rule(kind).defaults
    return Choice("in_app" in channels, "email" in channels, "push" in channels)


CATEGORIES = {kind: rule.category for kind, rule in rules.RULES.items()}
SUBJECTS = {ALL, rules.OTHER.category, *CATEGORIES, *CATEGORIES.values()}


class Scope(NamedTuple):
    """Where a preference counts: a project, a workspace, or (both None) everywhere."""

    workspace_id: UUID | None = None
    project_id: UUID | None = None


async def _enter(caller: Caller, scope: Scope) -> None:
    """Raise `NotFound` where the caller has nothing to prefer. Whether a workspace has a project
    is not known here; an entry for one that it hasn't never counts."""
    if scope.project_id is not None and scope.workspace_id is None:
        raise BadRequest("required with projectId", field="workspaceId")
    if scope.workspace_id is not None and not await user.is_member(
        scope.workspace_id, caller.user_id
    ):
        raise NotFound("there is no such workspace")


async def view(caller: Caller, scope: Scope) -> Preferences:
    """The whole table of a scope: what counts there for each type, and what was chosen there.

    Raises `NotFound` outside of the caller's workspaces.
    """
    await _enter(caller, scope)
    return await _read(caller.user_id, scope)


async def _read(user_id: UUID, scope: Scope) -> Preferences:
    records = await db.fetch_records(
        """
        SELECT subject, in_app, email, push, workspace_id, project_id FROM noti.preferences
        WHERE user_id = $1 AND (workspace_id IS NULL OR workspace_id = $2)
          AND (project_id IS NULL OR project_id = $3)
        ORDER BY project_id IS NULL, workspace_id IS NULL, subject COLLATE "C"
        """,
        user_id,
        *scope,
    )
    said = {(Scope(*row[4:]), row["subject"]): row for row in records}
    order = [scope, Scope(scope.workspace_id), Scope()]
    types = []
    for kind, category in CATEGORIES.items():
        found = [said.get((place, name)) for place in order for name in (kind, category, ALL)]
        chosen = (
            next((row[channel] for row in found if row and row[channel] is not None), usual)
            for channel, usual in zip(Choice._fields, defaults(kind), strict=True)
        )
        types.append(TypePreference(kind, category, *chosen))
    entries = [Entry(*row[:4]) for (place, _), row in said.items() if place == scope]
    return Preferences(*scope, types, entries)


async def replace(caller: Caller, scope: Scope, entries: list[Entry]) -> Preferences:
    """Make these the only entries of a scope; of two for one subject the last counts.

    Raises `Invalid` for a subject that is none, `Conflict` beyond `MOST_SCOPES`.
    """
    for entry in entries:
        _known(entry.subject)
    async with db.transaction():
        await _begin(caller, scope)
        await _clear(caller.user_id, scope)
        await _write(caller.user_id, scope, {entry.subject: entry for entry in entries})
        return await _tell(caller, scope)


async def change(caller: Caller, scope: Scope, change: EntryChange) -> Preferences:
    """Change what an entry of a scope says of the channels that are named; null inherits.

    Raises like `replace`.
    """
    _known(change.subject)
    async with db.transaction():
        await _begin(caller, scope)
        current = await _read(caller.user_id, scope)
        old = {entry.subject: entry for entry in current.entries}
        entry = old.get(change.subject, Entry(change.subject))
        values = [
            getattr(change if isinstance(getattr(change, channel), bool | None) else entry, channel)
            for channel in Choice._fields
        ]
        await _clear(caller.user_id, scope, change.subject)
        await _write(caller.user_id, scope, {change.subject: Entry(change.subject, *values)})
        return await _tell(caller, scope)


async def reset(caller: Caller, scope: Scope) -> None:
    """Forget all entries of a scope, so that the wider ones and the defaults count there."""
    async with db.transaction():
        await _begin(caller, scope)
        if await _clear(caller.user_id, scope):
            await _tell(caller, scope)


def _known(subject: str) -> None:
    if subject not in SUBJECTS:
        raise Invalid("must be a type, a category or *", field="subject")


async def _begin(caller: Caller, scope: Scope) -> None:
    """Enter a scope for a change: a person's changes take turns. Whoever removes him from the
    workspace meanwhile waits, so that nothing is left behind."""
    if scope.workspace_id is not None:
        await user.hold_workspace(scope.workspace_id)
    await _enter(caller, scope)
    await schedules.hold(caller.user_id)


async def _tell(caller: Caller, scope: Scope) -> Preferences:
    found = await _read(caller.user_id, scope)
    bell.ring(caller.user_id, "preferences-changed", found, actor=caller.user_id)
    return found


async def _clear(user_id: UUID, scope: Scope, subject: str | None = None) -> int:
    return await db.execute(
        """
        DELETE FROM noti.preferences
        WHERE user_id = $1 AND workspace_id IS NOT DISTINCT FROM $2
          AND project_id IS NOT DISTINCT FROM $3 AND subject = coalesce($4, subject)
        """,
        user_id,
        *scope,
        subject,
    )


async def _write(user_id: UUID, scope: Scope, entries: dict[str, Entry]) -> None:
    """Insert entries that say anything. Raises `Conflict` when the person has too many scopes."""
    rows = [
        entry
        for entry in entries.values()
        if (entry.in_app, entry.email, entry.push) != (None, None, None)
    ]
    await db.execute(
        """
        INSERT INTO noti.preferences
            (user_id, workspace_id, project_id, subject, in_app, email, push, updated_at)
        SELECT $1, $2, $3, given.*, $8
        FROM unnest($4::text[], $5::bool[], $6::bool[], $7::bool[]) AS given
        """,
        user_id,
        *scope,
        [entry.subject for entry in rows],
        [entry.in_app for entry in rows],
        [entry.email for entry in rows],
        [entry.push for entry in rows],
        now(),
    )
    scopes: int = await db.fetch_value(
        """
        SELECT count(*) FROM (SELECT DISTINCT workspace_id, project_id FROM noti.preferences
                              WHERE user_id = $1) scope
        """,
        user_id,
    )
    if scopes > MOST_SCOPES:
        raise Conflict(f"you have preferences for {MOST_SCOPES} workspaces and projects already")


async def stop_mail(user_id: UUID, workspace_id: UUID, moment: datetime) -> None:
    """Send somebody no e-mail from a workspace, nor from any of its projects; for a link that he
    has followed. What waits is not sent either. Where he is no member any more nothing else would
    come, so nothing is kept in mind."""
    await user.hold_workspace(workspace_id)
    await schedules.hold(user_id)
    await schedules.drop_mail(user_id, workspace_id)
    if not await user.is_member(workspace_id, user_id):
        return
    await db.execute(
        """
        UPDATE noti.preferences SET email = false, updated_at = $3
        WHERE user_id = $1 AND workspace_id = $2 AND email
        """,
        user_id,
        workspace_id,
        moment,
    )
    await db.execute(
        """
        INSERT INTO noti.preferences (user_id, workspace_id, subject, email, updated_at)
        VALUES ($1, $2, '*', false, $3)
        ON CONFLICT ON CONSTRAINT preferences_key DO UPDATE SET email = false
        """,
        user_id,
        workspace_id,
        moment,
    )
    scope = Scope(workspace_id)
    bell.ring(user_id, "preferences-changed", await _read(user_id, scope), actor=user_id)


async def forget_member(workspace_id: UUID, user_id: UUID, _: UUID) -> None:
    """Forget what somebody preferred in a workspace of which he is no member any more."""
    for table in ("preferences", "mutes"):
        await db.execute(
            f"DELETE FROM noti.{table} WHERE workspace_id = $1 AND user_id = $2",
            workspace_id,
            user_id,
        )


async def forget_workspace(workspace_id: UUID, _: UUID) -> None:
    """Forget what anybody preferred in a workspace that is gone."""
    for table in ("preferences", "mutes"):
        await db.execute(f"DELETE FROM noti.{table} WHERE workspace_id = $1", workspace_id)

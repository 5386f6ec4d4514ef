"""Background work of the user service."""

from wealist.core import db, doomed, metrics, objects
from wealist.core.jobs import Job
from wealist.user import users
from wealist.user.avatars import FOLDER


async def drop_unused_pictures() -> str:
    """Delete uploads that nobody put on a profile within their hour."""
    async with db.transaction():
        keys = await db.fetch_value(
            """
            WITH gone AS (
                DELETE FROM "user".attachments WHERE id IN (
                    SELECT id FROM "user".attachments
                    WHERE status = 'TEMP' AND expires_at < now()
                    ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED
                ) RETURNING file_key
            ) SELECT array_agg(file_key) FROM gone
            """
        )
        await doomed.doom(keys or ())
    return f"{len(keys or ())} unused pictures dropped"


async def reconcile_pictures() -> str:
    """Delete stored pictures that no row knows, such as uploads that were never confirmed."""
    return f"{await objects.delete_orphans(FOLDER, _known)} orphaned pictures deleted"


async def _known(keys: object) -> set[str]:
    found = await db.fetch_value(
        """
        SELECT array_agg(key) FROM unnest($1::text[]) AS key
        WHERE EXISTS (SELECT FROM "user".attachments WHERE file_key = key)
           OR EXISTS (SELECT FROM "user".profiles WHERE image = key)
        """,
        keys,
    )
    return set(found or ())


async def measure() -> str:
    """Bring the gauges of the contract (common.md §13) up to date."""
    row = await db.fetch_value(
        """
        SELECT array[
            (SELECT count(*) FROM "user".users WHERE is_active AND id <> $1),
            (SELECT count(*) FROM "user".workspaces WHERE deleted_at IS NULL),
            (SELECT count(*) FROM "user".profiles),
            (SELECT count(*) FROM "user".join_requests WHERE status = 'PENDING')
        ]
        """,
        users.SYSTEM_ID,
    )
    names = ("users", "workspaces", "profiles", "join_requests_pending")
    for name, value in zip(names, row, strict=True):
        metrics.set_gauge(f"user_service_{name}_total", value)
    return "measured"


JOBS = [
    Job("user.pictures.unused", 600, drop_unused_pictures),
    Job("user.pictures.orphans", 24 * 3600, reconcile_pictures),
    Job("user.accounts.forget", 24 * 3600, users.forget_deleted),
    Job("user.gauges", 60, measure, leased=False),
]

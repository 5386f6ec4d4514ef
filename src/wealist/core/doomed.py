"""Objects that no row refers to any more: doomed in the transaction, deleted by a job."""

from collections.abc import Sequence

from wealist.core import db, objects

BATCH = 500


async def doom(keys: Sequence[str]) -> None:
    """Have these objects deleted once the open transaction commits."""
    if keys:
        await db.execute(
            "INSERT INTO core.doomed_object (key) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING",
            list(keys),
        )


async def sweep() -> str:
    """Delete doomed objects from the store; the job's sentence. Retried until the store agrees."""
    gone = 0
    while True:
        async with db.transaction():
            keys: list[str] | None = await db.fetch_value(
                """
                WITH taken AS (
                    DELETE FROM core.doomed_object WHERE key IN (
                        SELECT key FROM core.doomed_object ORDER BY since
                        LIMIT $1 FOR UPDATE SKIP LOCKED
                    ) RETURNING key
                ) SELECT array_agg(key) FROM taken
                """,
                BATCH,
            )
            if keys:
                await objects.store().delete(keys)
        if not keys:
            return f"{gone} objects deleted"
        gone += len(keys)

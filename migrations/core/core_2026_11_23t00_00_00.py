"""Events that take somebody's access to their channel away."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from wealist.core.db import execute

ID = "2026-11-23T00:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "revocations in the event log"

STATEMENTS = (
    # Who may not see the channel any more after this event; the nil id: nobody may.
    "ALTER TABLE core.event ADD COLUMN revokes uuid",
)


async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="core", description=DESCRIPTION)

    async def run():
        for statement in STATEMENTS:
            await execute(statement)

    manager.add_raw(run)
    return manager

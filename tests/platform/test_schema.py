"""The tables in code, the migrations and the database agree."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.people import Server
from wealist.board.tables import TABLES as BOARD_TABLES
from wealist.core import db, migrate
from wealist.noti.delivery_tables import DELIVERY_TABLES
from wealist.noti.tables import TABLES as NOTI_TABLES
from wealist.user.tables import TABLES as USER_TABLES

KINDS = {
    "UUID": "uuid",
    "Text": "text",
    "Boolean": "boolean",
    "Integer": "integer",
    "BigInt": "bigint",
    "Timestamptz": "timestamp with time zone",
    "JSONB": "jsonb",
    "Time": "time without time zone",
    "Array": "ARRAY",
    "Bytea": "bytea",
}


async def test_every_table_in_code_is_the_table_in_the_database(server: Server) -> None:
    for table in (*USER_TABLES, *NOTI_TABLES, *DELIVERY_TABLES, *BOARD_TABLES):
        meta = table._meta
        rows = await db.fetch_value(
            """
            SELECT json_object_agg(column_name, data_type || ' ' || is_nullable)::text
            FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2
            """,
            meta.schema,
            meta.tablename,
        )
        in_code = {
            column._meta.db_column_name: f"{KINDS[type(column).__name__]} "
            f"{'YES' if column._meta.null else 'NO'}"
            for column in meta.columns
        }
        assert in_code == json.loads(rows), meta.tablename


async def test_no_column_gets_a_value_that_nobody_gave(server: Server) -> None:
    defaults = await db.fetch_value(
        """
        SELECT array_agg(table_name || '.' || column_name) FROM information_schema.columns
        WHERE table_schema IN ('user', 'noti', 'board') AND column_default IS NOT NULL
        """
    )
    assert defaults is None


async def test_migrating_again_does_nothing_and_two_at_once_succeed(server: Server) -> None:
    assert await migrate.pending() == []
    done = await asyncio.gather(*(migrate.migrate(server.settings) for _ in range(4)))
    assert done == [0, 0, 0, 0]


def test_migration_files_have_unique_names_and_ids() -> None:
    files = [path for app in migrate.APPS for path in migrate.folder(app).glob("*.py")]
    names = [path.name for path in files]
    assert len(set(names)) == len(names)
    ids = [ident for app in migrate.APPS for ident in migrate._ids(app)]
    assert len(set(ids)) == len(ids) == len(files)


@pytest.mark.parametrize("app", migrate.APPS)
def test_every_app_has_migrations(app: str) -> None:
    assert isinstance(migrate.folder(app), Path)
    assert migrate._ids(app)

"""The token store in a file: it survives a restart and keeps no more than it must."""

import time
from pathlib import Path
from uuid import uuid4

import pytest

from tests.core.token_peers import Session
from wealist.core.settings import SettingsError
from wealist.core.tokens import (
    LocalTokenStore,
)


async def test_a_logout_survives_the_restart_of_a_process_that_is_alone(tmp_path: Path) -> None:
    store = LocalTokenStore(tmp_path / "tokens.sqlite")
    gone, there = await Session(store).start(), await Session(store).start()
    await store.revoke_family(gone.family)
    await store.close()
    again = LocalTokenStore(tmp_path / "tokens.sqlite")
    assert await again.revoked(gone.family)
    assert not await again.revoked(there.family)
    await again.close()


async def test_two_processes_on_one_file_see_each_others_changes(tmp_path: Path) -> None:
    one = LocalTokenStore(tmp_path / "tokens.sqlite")
    two = LocalTokenStore(tmp_path / "tokens.sqlite")
    session = await Session(one).start()
    await two.revoke_family(session.family)
    assert await one.revoked(session.family)
    await one.close()
    await two.close()


async def test_the_file_is_readable_by_its_owner_only_and_holds_no_token(tmp_path: Path) -> None:
    path = tmp_path / "data" / "tokens.sqlite"
    store = LocalTokenStore(path)
    await Session(store).start()
    assert {file.stat().st_mode & 0o077 for file in path.parent.iterdir()} == {0}
    assert not any(b"eyJ" in file.read_bytes() for file in path.parent.iterdir())
    await store.close()


async def test_what_is_over_is_removed_from_the_file(tmp_path: Path) -> None:
    store = LocalTokenStore(tmp_path / "tokens.sqlite")
    for _ in range(3):
        session = Session(store)
        await store.start(session.pair("0"), now=time.time() - 10, ttl=5)
        await store.use_once(uuid4().hex, ttl=-1)
    store._purged_at = 0.0
    await Session(store).start()
    counts = [
        store._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("family", "used")
    ]
    assert counts == [1, 0]
    await store.close()


def test_a_file_that_is_none_of_ours_ends_the_start_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "tokens.sqlite"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(SettingsError, match=r"tokens\.sqlite"):
        LocalTokenStore(path)

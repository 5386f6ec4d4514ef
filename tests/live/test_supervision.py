"""`kill -9` for the embedded PostgreSQL under a running server: it comes back by itself."""

import os
import signal
from pathlib import Path

from tests.live.servers import Replica, Session, until

BACK = 20.0
"""Seconds; most of it is for slow machines."""


def postmaster(data_dir: Path) -> int | None:
    """Its process, or None while there is none."""
    try:
        return int((data_dir / "cluster" / "postmaster.pid").read_text().split()[0])
    except (FileNotFoundError, IndexError):
        return None


def running(data_dir: Path) -> int:
    found = postmaster(data_dir)
    assert found is not None
    return found


async def test_a_killed_postgresql_is_back_within_seconds_with_all_that_was_acknowledged(
    data_dir: Path,
) -> None:
    async with Replica.start(data_dir) as replica:
        ann = await replica.sign_in("ann")
        made = {await replica.create_workspace(ann, f"Number {n}") for n in range(5)}
        dead = running(data_dir)
        os.kill(dead, signal.SIGKILL)
        await works(replica, ann, data_dir, without=dead)
        listed = (await replica.list_workspaces(ann)).json()
        assert made <= {workspace["workspaceId"] for workspace in listed}
        assert await replica.create_workspace(ann, "Afterwards")
        assert replica.output.count("PostgreSQL has ended; starting it again\n") == 1
        assert "request failed" not in replica.output, "an outage is no surprise"
        replica.terminate()
        assert await replica.ended() == 0
    assert not (data_dir / "cluster" / "postmaster.pid").exists(), "the second one is stopped too"


async def works(replica: Replica, ann: Session, data_dir: Path, *, without: int) -> None:
    """Wait until the database is asked with success; until then only 503. Its processes may answer
    for a moment after the first of them, `without`, has been killed."""

    async def does() -> bool:
        now = postmaster(data_dir)
        answer = await replica.list_workspaces(ann)
        assert answer.status_code in (200, 503), answer.text
        return now not in (None, without) and answer.status_code == 200

    await until(does, within=BACK, what="an answer from the database")


async def test_a_server_asked_to_stop_while_its_postgresql_is_dead_just_stops(
    data_dir: Path,
) -> None:
    async with Replica.start(data_dir) as replica:
        os.kill(running(data_dir), signal.SIGKILL)
        replica.terminate()
        assert await replica.ended() == 0
        assert "starting it again" not in replica.output

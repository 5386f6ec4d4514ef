"""Places in which the embedded parts are tried."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from wealist.embedded.postgres import Postgres


@pytest.fixture(scope="session")
def short() -> Iterator[Path]:
    """A folder with a short path, which pytest's own is not always."""
    folder = Path(tempfile.mkdtemp(prefix="wl"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
async def data(short: Path) -> Path:
    """A data directory of version 18; every test leaves it stopped and sound.

    As all in `short`, it lies beneath a folder that only we can enter.
    """
    server = await Postgres.start(short / "data")
    await server.stop()
    return short / "data"

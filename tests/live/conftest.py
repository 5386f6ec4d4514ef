"""What a single replica needs."""

from pathlib import Path

import pytest


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory for one replica; its output goes to a file beside it."""
    return tmp_path / "data"

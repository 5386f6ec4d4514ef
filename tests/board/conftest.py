"""What the tests of boards share."""

import pytest

from tests.board.making import Team
from tests.people import Server


@pytest.fixture
async def team(server: Server) -> Team:
    """A workspace with a project."""
    return await Team.of(server)

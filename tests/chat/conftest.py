"""An office for each test of chat."""

import pytest

from tests.chat.making import Office
from tests.people import Server


@pytest.fixture
async def office(server: Server) -> Office:
    """A workspace of three people, and somebody outside of it."""
    return await Office.of(server)

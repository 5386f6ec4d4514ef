"""What several tests of the core share."""

from collections.abc import AsyncIterator

import pytest
from msgspec import structs

from tests.core.hub_peers import family, hub_on
from tests.core.mint_peers import SETTINGS
from tests.core.online_peers import Process, processes
from tests.people import Server
from wealist.core import keys
from wealist.core.bus import LocalBus
from wealist.core.hub import Hub
from wealist.core.keys import KeySet
from wealist.core.mint import Mint
from wealist.embedded.valkey import Valkey


@pytest.fixture(scope="module")
def key_set(tmp_path_factory: pytest.TempPathFactory) -> KeySet:
    return keys.load(structs.replace(SETTINGS, data_dir=tmp_path_factory.mktemp("keys")))


@pytest.fixture(scope="module")
def mint(key_set: KeySet) -> Mint:
    return Mint(key_set, SETTINGS)


@pytest.fixture
async def hub(server: Server) -> AsyncIterator[Hub]:
    """The hub of a process that is alone."""
    with family():
        async with hub_on(LocalBus()) as made:
            yield made


@pytest.fixture
async def trio(valkey: Valkey, server: Server) -> AsyncIterator[list[Process]]:
    """Three replicas that share a Redis."""
    async with processes(valkey.url, 3) as made:
        yield made


@pytest.fixture(params=["alone", "with Redis"])
async def single(
    request: pytest.FixtureRequest, valkey: Valkey, server: Server
) -> AsyncIterator[Process]:
    """A process that is alone, and one that could have peers."""
    async with processes(None if request.param == "alone" else valkey.url, 1) as (made,):
        yield made

"""What several tests of the core share."""

import pytest
from msgspec import structs

from tests.core.mint_peers import SETTINGS
from wealist.core import keys
from wealist.core.keys import KeySet
from wealist.core.mint import Mint


@pytest.fixture(scope="module")
def key_set(tmp_path_factory: pytest.TempPathFactory) -> KeySet:
    return keys.load(structs.replace(SETTINGS, data_dir=tmp_path_factory.mktemp("keys")))


@pytest.fixture(scope="module")
def mint(key_set: KeySet) -> Mint:
    return Mint(key_set, SETTINGS)

"""Auth by itself, with users in memory and tokens on disk, as in development."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from msgspec import structs

from tests.auth.peers import (
    SITE,
    TARGET,
    Provider,
    Service,
    opened,
    provider_behind_proxy,
    provider_process,
)
from wealist.core.settings import Settings


@pytest.fixture(scope="session")
def auth_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keeps one key for all tests: making one takes a tenth of a second."""
    return tmp_path_factory.mktemp("auth")


@pytest.fixture
def auth_settings(auth_folder: Path) -> Settings:
    """Development without a provider, with test tokens."""
    return structs.replace(
        Settings(),
        data_dir=auth_folder,
        public_url=SITE,
        oauth_target_url=TARGET,
        enable_test_auth=True,
    )


@pytest.fixture
async def auth(auth_settings: Settings) -> AsyncIterator[Service]:
    async with opened(auth_settings) as service:
        yield service


@pytest.fixture
async def browser(auth: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with auth.browser() as client:
        yield client


@pytest.fixture(scope="session")
def provider_address() -> Iterator[str]:
    with provider_process() as address:
        yield address


@pytest.fixture
async def provider(provider_address: str) -> AsyncIterator[Provider]:
    async with provider_behind_proxy(provider_address) as behind_proxy:
        yield behind_proxy

"""Auth by itself, with users in memory and tokens on disk, as in development."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

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
from wealist.core.settings import Secret, Settings


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


@pytest.fixture
def oidc_settings(auth_settings: Settings, provider: Provider) -> Settings:
    """The same with the provider."""
    return structs.replace(
        auth_settings,
        oidc_issuer=provider.issuer,
        oidc_client_id="wealist",
        oidc_client_secret=Secret("a secret of ours & theirs"),
        oauth_allowed_origins=("https://wealist.co.kr", "https://ops.wealist.co.kr/"),
    )


@pytest.fixture
async def service(oidc_settings: Settings) -> AsyncIterator[Service]:
    async with opened(oidc_settings) as auth:
        yield auth


@pytest.fixture
async def visitor(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that signs in at the provider."""
    async with service.browser() as client:
        yield client


@pytest.fixture
async def kim(provider: Provider) -> str:
    """Somebody with an account at the provider; his subject there."""
    subject = uuid4().hex
    await provider.user(
        subject, email=f"{subject}@example.com", email_verified=True, name="Kim Min-ji"
    )
    return subject

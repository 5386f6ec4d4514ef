"""An OpenID Connect issuer as it describes itself: its endpoints and its keys, fetched and kept."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from functools import cache
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import msgspec
import structlog
from msgspec import Struct

from wealist.auth.failures import SignInError

SECONDS = 5.0
"""How long the issuer may take for one answer."""
FRESH_SECONDS = 3600.0
REFETCH_SECONDS = 60.0
"""How often a `kid` that we don't know makes us ask for the issuer's keys again."""
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")

log = structlog.get_logger("wealist.sign_in")


class Metadata(Struct, frozen=True):
    """The part of an issuer's discovery document that we use."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)

    @property
    def endpoints(self) -> list[str]:
        found = [self.authorization_endpoint, self.token_endpoint, self.jwks_uri]
        return [*found, self.userinfo_endpoint] if self.userinfo_endpoint else found


class Issuer:
    """Raises `SignInError` while the issuer can't be reached or answers nonsense."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        self._metadata: Metadata | None = None
        self._metadata_at = float("-inf")
        self._keys: list[jwt.PyJWK] = []
        self._keys_at = float("-inf")

    async def metadata(self) -> Metadata:
        """The discovery document; an old one is better than none."""
        if self._metadata is None or monotonic() - self._metadata_at > FRESH_SECONDS:
            try:
                found = await get(f"{self._address}/.well-known/openid-configuration")
                self._metadata, self._metadata_at = self._checked(found), monotonic()
            except SignInError:
                if self._metadata is None:
                    raise
        return self._metadata

    def _checked(self, document: dict[str, Any]) -> Metadata:
        try:
            found = msgspec.convert(document, Metadata)
        except msgspec.ValidationError as error:
            raise unavailable(f"its description is wrong: {error}") from None
        if found.issuer.rstrip("/") != self._address:
            raise unavailable(f"it calls itself {found.issuer}")
        # What the issuer's own scheme protects, its endpoints must not give away.
        schemes = ("https",) if self._address.startswith("https:") else ("http", "https")
        if any(urlsplit(endpoint).scheme not in schemes for endpoint in found.endpoints):
            raise unavailable("an endpoint of it is not https")
        return found

    async def key(self, kid: str | None) -> jwt.PyJWK:
        """The public key with this id, or the only one. Raises `jwt.InvalidKeyError`."""
        for oldest in (FRESH_SECONDS, REFETCH_SECONDS):
            if monotonic() - self._keys_at > oldest:
                published = await get((await self.metadata()).jwks_uri)
                self._keys, self._keys_at = _usable(published), monotonic()
            found = [key for key in self._keys if kid is None or key.key_id == kid]
            if len(found) == 1:
                return found[0]
        raise jwt.InvalidKeyError("signed by a key that the issuer doesn't publish")


def _usable(published: dict[str, Any]) -> list[jwt.PyJWK]:
    """The keys for signatures. Raises `SignInError` when there is none."""
    entries = published.get("keys")
    usable = []
    for entry in entries if isinstance(entries, list) else ():
        with contextlib.suppress(jwt.PyJWTError, ValueError, TypeError, AttributeError, KeyError):
            if entry.get("use", "sig") == "sig":
                key = jwt.PyJWK.from_dict(entry)
                if key.algorithm_name in ALGORITHMS:
                    usable.append(key)
    if not usable:
        raise unavailable("it publishes no key that we can use")
    return usable


def unavailable(reason: str) -> SignInError:
    """The failure of a provider that can't be used; the reason is for our log only."""
    log.warning("the sign-in provider can't be used", reason=reason)
    return SignInError("provider_unavailable", "the sign-in provider can't be reached; try again")


async def get(address: str, *, bearer: str | None = None) -> dict[str, Any]:
    """A JSON object from the issuer. Raises `SignInError`."""
    headers = {"Accept": "application/json"}
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer}"
    async with answering(), httpx.AsyncClient(verify=tls(), timeout=SECONDS) as client:
        answer = await client.get(address, headers=headers)
        answer.raise_for_status()
        found = answer.json()
    if not isinstance(found, dict):
        raise unavailable("an answer of it is no JSON object")
    return found


@contextlib.asynccontextmanager
async def answering() -> AsyncIterator[None]:
    """Turns an issuer that doesn't answer properly, or not in time, into `SignInError`."""
    try:
        async with asyncio.timeout(SECONDS):
            yield
    except TimeoutError:
        raise unavailable(f"no answer within {SECONDS:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise unavailable(f"{type(error).__name__}: {error}") from None


@cache
def tls() -> ssl.SSLContext:
    """The certificates we trust; reading them costs more than the rest of a sign-in."""
    return ssl.create_default_context()

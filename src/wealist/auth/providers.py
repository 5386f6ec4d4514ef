"""Signing in at an OpenID Connect issuer: Google, or any other by configuration.

The code flow with PKCE (S256) and a nonce. What the issuer says about a person is taken from the
ID token, whose signature, issuer, audience, expiry and nonce are checked, and completed from its
userinfo endpoint. An address counts only when the issuer says that it has verified it.
"""

import warnings
from typing import TYPE_CHECKING, Any

import jwt
import structlog

from wealist.auth.failures import SignInError
from wealist.auth.identities import Identity
from wealist.auth.issuer import ALGORITHMS, SECONDS, Issuer, Metadata, answering, get, tls
from wealist.auth.states import Pending
from wealist.core.settings import Secret, Settings

if TYPE_CHECKING:
    from authlib.integrations.httpx_client import AsyncOAuth2Client

GOOGLE = "https://accounts.google.com"
SCOPES = "openid email profile"
_CLOCK_SECONDS = 30

log = structlog.get_logger("wealist.sign_in")


class Provider:
    """One issuer and our account there. Raises `SignInError` for whatever goes wrong with it."""

    def __init__(
        self, name: str, issuer: str, client_id: str, client_secret: Secret | None
    ) -> None:
        self.name = name
        self._issuer = Issuer(issuer)
        self._client_id = client_id
        self._client_secret = client_secret.reveal() if client_secret else None

    async def authorization_url(self, pending: Pending) -> str:
        """Where the browser goes to sign in."""
        metadata = await self._issuer.metadata()
        async with self._client(metadata, pending) as client:
            url, _ = client.create_authorization_url(
                metadata.authorization_endpoint,
                state=pending.state,
                nonce=pending.nonce,
                code_verifier=pending.verifier,
            )
        return str(url)

    async def identify(self, code: str, pending: Pending) -> Identity:
        """Exchange the code that came back for who has signed in."""
        metadata = await self._issuer.metadata()
        answer = await self._exchange(code, pending, metadata)
        claims = await self._verified(answer.get("id_token"), metadata, pending)
        if not {"email", "email_verified", "name"} <= claims.keys() and metadata.userinfo_endpoint:
            said = await _userinfo(metadata.userinfo_endpoint, answer.get("access_token"))
            claims = _completed(claims, said)
        return self._identity(claims, metadata)

    async def _exchange(self, code: str, pending: Pending, metadata: Metadata) -> dict[str, Any]:
        from authlib.integrations.base_client.errors import OAuthError

        try:
            async with answering(), self._client(metadata, pending) as client:
                answer: dict[str, Any] = await client.fetch_token(
                    metadata.token_endpoint,
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=pending.verifier,
                )
                return answer
        except OAuthError as error:
            log.warning("the provider refused the code", error=error.error)
            raise SignInError(
                "token_exchange_failed", "the provider did not accept this sign-in; try again"
            ) from None

    async def _verified(self, token: Any, metadata: Metadata, pending: Pending) -> dict[str, Any]:
        """The claims of the ID token after every check of OpenID Connect Core §3.1.3.7."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            key = await self._issuer.key(kid)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[name for name in ALGORITHMS if name == key.algorithm_name],
                issuer=metadata.issuer,
                audience=self._client_id,
                leeway=_CLOCK_SECONDS,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
            if claims.get("nonce") != pending.nonce:
                raise jwt.InvalidTokenError("the nonce is not this sign-in's")
            others = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
            if claims.get("azp", None if others else self._client_id) != self._client_id:
                raise jwt.InvalidTokenError("it was issued to another party")
        except jwt.PyJWTError as error:
            log.warning("an ID token was refused", reason=str(error))
            raise SignInError("invalid_id_token", "the provider's answer is not valid") from None
        return claims

    def _identity(self, claims: dict[str, Any], metadata: Metadata) -> Identity:
        email = claims.get("email")
        if not isinstance(email, str) or not email:
            raise SignInError("email_missing", "the provider did not tell an e-mail address")
        verified = claims.get("email_verified")
        if verified is not True and verified != "true":
            raise SignInError(
                "email_unverified", "the provider has not verified this e-mail address"
            )
        name = claims.get("name")
        subject: str = claims["sub"]
        if self.name != "google":
            # Another issuer, configured later, may give the same subject to somebody else.
            subject = f"{metadata.issuer} {subject}"
        named = isinstance(name, str) and name.strip()
        return Identity(self.name, subject, email, str(name) if named else email.partition("@")[0])

    def _client(self, metadata: Metadata, pending: Pending) -> "AsyncOAuth2Client":
        methods = metadata.token_endpoint_auth_methods_supported
        method = None
        if self._client_secret and "client_secret_basic" not in methods:
            method = "client_secret_post"
        return _oauth_client()(
            client_id=self._client_id,
            client_secret=self._client_secret,
            token_endpoint_auth_method=method,
            scope=SCOPES,
            redirect_uri=pending.callback,
            code_challenge_method="S256",
            verify=tls(),
            timeout=SECONDS,
        )


def _oauth_client() -> "type[AsyncOAuth2Client]":
    """Imported late: it takes a fifth of a second, and most processes in development never do."""
    from authlib.deprecate import AuthlibDeprecationWarning

    with warnings.catch_warnings():
        # It says that it wants httpx2, whose API is the same; both work until authlib 2.
        warnings.simplefilter("ignore", AuthlibDeprecationWarning)
        from authlib.integrations.httpx_client import AsyncOAuth2Client
    client: type[AsyncOAuth2Client] = AsyncOAuth2Client
    return client


async def _userinfo(endpoint: str, access_token: Any) -> dict[str, Any]:
    try:
        return await get(endpoint, bearer=str(access_token))
    except SignInError:
        # What is missing in the ID token then stays missing.
        return {}


def _completed(claims: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """The ID token's claims and what userinfo adds, if it speaks of the same person.

    Address and verification are taken together or not at all: one says nothing without the other.
    """
    if said.get("sub") != claims["sub"]:
        return claims
    added = {"name": said.get("name"), **claims}
    if "email" not in claims or "email_verified" not in claims:
        added |= {"email": said.get("email"), "email_verified": said.get("email_verified")}
    return added


def configured(settings: Settings) -> Provider | None:
    """The provider that the settings name; nothing is fetched before somebody signs in."""
    if settings.oidc_issuer and settings.oidc_client_id:
        return Provider(
            "oidc", settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret
        )
    if settings.google_client_id:
        return Provider("google", GOOGLE, settings.google_client_id, settings.google_client_secret)
    return None

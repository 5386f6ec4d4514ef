"""The verbs of signing in: begin at the provider, and come back to the target with tokens.

Whatever happens after the beginning ends at the target, with tokens or with an error that its
page can show; nobody is left on an address of ours that means nothing to him.
"""

from collections.abc import Mapping
from typing import NamedTuple

import structlog

from wealist.auth import dev_provider, people, sessions, states
from wealist.auth.failures import SignInError
from wealist.auth.identities import Identity
from wealist.auth.states import Pending
from wealist.auth.targets import Targets, csp_source, with_query
from wealist.core import envelopes, site
from wealist.core.errors import Invalid, NotFound, Unavailable
from wealist.core.settings import Settings

CALLBACK = "/oauth2/callback/google"
_DEV_CALLBACK = "/svc/auth/oauth2/callback/google"

_NOT_THE_PROVIDERS_FAULT = {
    "access_denied": "the sign-in was cancelled",
    "login_required": "the provider asks you to sign in there first",
    "interaction_required": "the provider asks you to sign in there first",
    "consent_required": "the provider needs your consent",
    "temporarily_unavailable": "the sign-in provider can't be reached; try again",
}
"""The errors of OAuth and OpenID Connect that are passed on; any other is `provider_error`."""

log = structlog.get_logger("wealist.sign_in")


class Step(NamedTuple):
    """What the browser does next: go to `location`, or show `page` (with its `policy`).

    `pending` is a sign-in to remember in a cookie, `done` the state of one to forget.
    """

    location: str = ""
    page: str = ""
    policy: str = ""
    pending: Pending | None = None
    done: str = ""
    status: int = 302


class SignIn:
    """Signing in as the settings want it: at a provider, on our own page, or not at all."""

    def __init__(self, settings: Settings) -> None:
        self.targets = Targets(settings)
        self._callback = settings.oauth_callback_url
        self._provider = None
        if settings.oidc_issuer or settings.google_client_id:
            # Imported only where it is used: its HTTP client takes eight megabytes.
            from wealist.auth.providers import configured

            self._provider = configured(settings)
        self.on_own_page = self._provider is None and not settings.production

    async def begin(self, wanted: str | None) -> Step:
        """Send the browser to sign in. Raises `BadRequest` for a target that isn't allowed."""
        target = self.targets.choose(wanted)
        pending = states.new(target, self._callback or site.address(CALLBACK))
        if self.on_own_page:
            return _form(pending)
        try:
            if self._provider is None:
                raise SignInError("oauth_not_configured", "sign-in is not set up on this server")
            return Step(await self._provider.authorization_url(pending), pending=pending)
        except SignInError as error:
            return _failed(target, error)

    def expect_own_page(self) -> None:
        """Raise `NotFound` where nobody signs in on a page of ours."""
        if not self.on_own_page:
            raise NotFound("there is nothing under this address")

    def fill_in(self, given: Mapping[str, str], cookies: Mapping[str, str]) -> Step:
        """Take what was typed into our own page. Raises `NotFound` where there is no such page."""
        self.expect_own_page()
        pending = states.find(given.get("state", ""), cookies)
        if pending is None:
            return _failed(self.targets.default, _stale())._replace(status=303)
        name, email = given.get("name", ""), given.get("email", "")
        try:
            code = dev_provider.code(pending, name=name, email=email)
        except Invalid as error:
            step = _form(pending, name=name, email=email, problem=error.message)
            return step._replace(pending=None, status=400)
        location = with_query(_DEV_CALLBACK, {"code": code, "state": pending.state})
        return Step(location, status=303)

    async def finish(self, query: Mapping[str, str], cookies: Mapping[str, str]) -> Step:
        """Take the browser back from the provider and send it to its target."""
        state = query.get("state", "")
        pending = states.find(state, cookies)
        if pending is None:
            return _failed(self.targets.default, _stale(), done=state)
        try:
            location = await self._signed_in(query, pending)
        except Exception as error:
            return _failed(pending.target, _failure(error), done=state)
        return Step(location, done=state)

    async def _signed_in(self, query: Mapping[str, str], pending: Pending) -> str:
        if not await states.use(pending):
            raise _stale()
        if "error" in query:
            raise _refusal(query["error"])
        code = query.get("code")
        if not code:
            raise SignInError("provider_error", "the provider sent neither a code nor an error")
        identity = await self._identify(code, pending)
        person = await people.current().find_or_create(
            email=identity.email,
            name=identity.name,
            provider=identity.provider,
            subject=identity.subject,
        )
        tokens = await sessions.start(person)
        log.info("signed in", provider=identity.provider, user_id=str(person.user_id))
        return with_query(
            pending.target,
            {
                "accessToken": tokens.access_token,
                "refreshToken": tokens.refresh_token,
                "userId": str(person.user_id),
                "nickName": person.name,
                "email": person.email,
            },
        )

    async def _identify(self, code: str, pending: Pending) -> Identity:
        if self._provider is not None:
            return await self._provider.identify(code, pending)
        if self.on_own_page:
            return dev_provider.identify(code, pending)
        raise SignInError("oauth_not_configured", "sign-in is not set up on this server")


def _form(pending: Pending, *, name: str = "", email: str = "", problem: str | None = None) -> Step:
    return Step(
        page=dev_provider.page(pending, name=name, email=email, problem=problem),
        policy=dev_provider.policy(csp_source(pending.target)),
        pending=pending,
        status=200,
    )


def _failed(target: str, error: SignInError, *, done: str = "") -> Step:
    location = with_query(target, {"error": error.code, "error_description": error.text})
    return Step(location, done=done)


def _stale() -> SignInError:
    return SignInError(
        "invalid_state", "this sign-in was begun elsewhere, has ended, or took too long; try again"
    )


def _failure(error: Exception) -> SignInError:
    """What the target is told of anything that went wrong."""
    if isinstance(error, SignInError):
        return error
    match envelopes.translate(error):
        case Unavailable():
            return SignInError("temporarily_unavailable", "sign-in is not possible now; try again")
        case envelopes.Unexpected():
            log.error("a sign-in failed", exc_info=error)
            return SignInError("server_error", "something went wrong on our side; try again")
        case refused:
            return SignInError("sign_in_refused", refused.message)


def _refusal(code: str) -> SignInError:
    text = _NOT_THE_PROVIDERS_FAULT.get(code)
    if text is None:
        return SignInError("provider_error", "the sign-in provider reports an error; try again")
    return SignInError(code, text)


_sign_in: SignIn | None = None


def open(settings: Settings) -> None:  # noqa: A001
    """Take the way to sign in from the settings; `core.site` must be open.

    Raises `SettingsError` for allowed targets that are no origins.
    """
    global _sign_in
    _sign_in = SignIn(settings)


def current() -> SignIn:
    """How people sign in here."""
    if _sign_in is None:
        raise RuntimeError("sign_in.open has not been called")
    return _sign_in

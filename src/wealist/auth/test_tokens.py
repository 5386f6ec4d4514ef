"""Tokens without signing in: for load tests and clients' tests, never in production."""

from hmac import compare_digest
from uuid import UUID

from wealist.auth import people, sessions
from wealist.auth.wire import SignedIn, TestIdentity, TestStatus
from wealist.core.errors import Conflict, Forbidden, NotFound
from wealist.core.settings import Settings

HEADER = "x-test-auth-secret"

_settings = Settings()


def open(settings: Settings) -> None:  # noqa: A001
    """Take from the settings whether test tokens are handed out."""
    global _settings
    _settings = settings


def status() -> TestStatus:
    """Say that test tokens are on. Raises `NotFound` where they aren't."""
    _enabled()
    return TestStatus(True, "test tokens are handed out to anybody who asks; for tests only")


async def issue(wanted: TestIdentity, secret: str) -> SignedIn:
    """A session for whoever is wanted; a person who doesn't exist yet is created.

    Raises `NotFound` where test tokens are off, `Forbidden` without the configured secret,
    `Conflict` when the id and the address belong to two people.
    """
    _enabled()
    expected = _settings.test_auth_secret
    if expected is not None and not compare_digest(
        secret.encode("utf-8", "replace"), expected.reveal().encode()
    ):
        raise Forbidden(f"the header {HEADER} does not have the configured secret")
    user_id = _user_id(wanted)
    email = wanted.email or _email(user_id)
    person = await people.current().find_or_create(
        email=email,
        name=wanted.name or email.partition("@")[0],
        provider="test",
        user_id=user_id,
    )
    other = wanted.email is not None and person.email.lower() != wanted.email.lower()
    if other or (user_id is not None and person.user_id != user_id):
        raise Conflict("this id and this e-mail address belong to different users")
    return await sessions.start(person)


def _enabled() -> None:
    if not _settings.enable_test_auth or _settings.production:
        raise NotFound("there is nothing under this address")


def _user_id(wanted: TestIdentity) -> UUID | None:
    """Whose id is meant; None for whoever has the e-mail address."""
    if wanted.user_id is None:
        named = wanted.email is not None and wanted.email != _settings.test_auth_email
        return None if named else _settings.test_auth_user_id
    try:
        return UUID(wanted.user_id)
    except ValueError:
        return _settings.test_auth_user_id


def _email(user_id: UUID | None) -> str:
    """The default address; for another user than the default one, a variation of his own."""
    default = _settings.test_auth_email
    if user_id is None or user_id == _settings.test_auth_user_id:
        return default
    local, _, domain = default.partition("@")
    return f"{local}+{user_id.hex}@{domain}"

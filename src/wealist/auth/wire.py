"""What clients send to auth and get from it; bodies are bare objects."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta

from wealist.core.wire import Email, Wire


class Refresh(Wire):
    """A refresh token to exchange."""

    refresh_token: str | None = None


class SignedIn(Wire):
    """A session's tokens. `expires_in` is the life of the access token in seconds."""

    access_token: str
    refresh_token: str
    user_id: UUID
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105  # the name of a scheme


class LogOut(Wire):
    """The refresh token of the session that ends; the access token's session ends anyway."""

    refresh_token: str | None = None


class LoggedOut(Wire):
    """What a client gets that has signed out."""

    success: bool
    message: str


class Validate(Wire):
    """An access token of whose validity another program wants to know."""

    token: str | None = None


class Validation(Wire, kw_only=True, omit_defaults=True):
    """Whether a token counts; `message` says why not."""

    user_id: UUID | None = None
    valid: bool
    message: str


class Me(Wire):
    """Who is signed in."""

    user_id: UUID
    email: str
    name: str


class TestIdentity(Wire):
    """Whose token a test wants. A `user_id` that is no UUID stands for the default user."""

    user_id: str | None = None
    email: Email | None = None
    name: Annotated[str, Meta(max_length=200)] | None = None


class TestStatus(Wire):
    """That test tokens are handed out here."""

    test_auth_enabled: bool
    message: str

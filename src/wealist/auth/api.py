"""What the rest of weAlist may use of auth."""

from wealist.auth import sessions, sign_in, test_tokens
from wealist.core.settings import Settings

__all__ = ["open"]


def open(settings: Settings) -> None:  # noqa: A001
    """Take what auth needs from the settings; `core.site` must be open.

    Raises `SettingsError` for allowed sign-in targets that are no origins.
    """
    sessions.open(settings)
    sign_in.open(settings)
    test_tokens.open(settings)

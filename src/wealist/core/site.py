"""The address under which browsers reach this installation."""

from wealist.core.settings import Settings

_base = ""


def open(settings: Settings) -> None:  # noqa: A001
    """Take the public address from the settings; its port is known by then."""
    global _base
    _base = settings.base_url


def address(path: str) -> str:
    """The absolute address of a path that begins with `/`."""
    return _base + path

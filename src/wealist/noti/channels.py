"""The ways out of the building, and which of them this installation has."""

EMAIL, PUSH = "EMAIL", "PUSH"

_configured: set[str] = set()


def use(channel: str, *, configured: bool) -> None:
    """Say whether a channel works here; nothing is planned for one that doesn't."""
    if configured:
        _configured.add(channel)
    else:
        _configured.discard(channel)


def offered(channel: str) -> bool:
    """Whether a channel works here."""
    return channel in _configured

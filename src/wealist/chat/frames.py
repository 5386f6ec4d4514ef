"""How events of a room, and of one's own list, look to clients (contract: chat.md §6.2, §6.3)."""

from wealist.core.events import Event


def frame(event: Event, epoch: str) -> bytes:
    """The JSON of an event as clients get it: the payload's own members beside the `type`, then
    the place in the channel. No payload has members of these names."""
    return b'{"type":"%b",%b,"seq":%d,"epoch":"%b","at":"%b"}' % (
        event.type.encode(),
        bytes(event.payload)[1:-1],
        event.seq,
        epoch.encode(),
        event.at.isoformat().replace("+00:00", "Z").encode(),
    )

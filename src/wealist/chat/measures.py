"""What the contract wants to have measured of chat (chat.md §9)."""

import contextlib
from collections.abc import Iterator

from wealist.core import db, metrics
from wealist.core.outbox import Outbox

_open: dict[Outbox, tuple[int, int]] = {}
"""The open sockets, each with how many frames of it were counted: written, and heard."""


@contextlib.contextmanager
def counted(outbox: Outbox) -> Iterator[None]:
    """Count a socket as open as long as the block lasts, and its frames."""
    _open[outbox] = 0, 0
    try:
        yield
    finally:
        _settle(outbox)
        del _open[outbox]


def _settle(outbox: Outbox) -> None:
    """Count the frames since the last time: counting each when it passes would cost the most."""
    written, heard = _open[outbox]
    _open[outbox] = outbox.written, outbox.heard
    metrics.count("chat_service_websocket_messages_sent_total", outbox.written - written)
    metrics.count("chat_service_websocket_messages_received_total", outbox.heard - heard)


async def measure() -> str:
    """Bring the gauges and the counters of this process up to date; the job's sentence. Messages
    are estimated: to count them all would cost more than all that is said meanwhile."""
    for outbox in tuple(_open):
        _settle(outbox)
    people = {outbox.user_id for outbox in _open}
    metrics.set_gauge("chat_service_websocket_connections_active", len(_open))
    metrics.set_gauge("chat_service_online_users_total", len(people))
    chats, messages = await db.fetch_value(
        """
        SELECT array[(SELECT count(*) FROM chat.chats WHERE deleted_at IS NULL),
                     (SELECT greatest(reltuples, 0)::bigint FROM pg_class
                      WHERE oid = 'chat.messages'::regclass)]
        """
    )
    metrics.set_gauge("chat_service_chats_total", chats)
    metrics.set_gauge("chat_service_messages_total", messages)
    return "measured"

"""Short messages between replicas: fast, allowed to be lost or doubled, but never lost silently.

Nothing may rely on a message. Whoever keeps state by them registers with `on_gap`, which is
called whenever messages may have been missed, and then reads the truth from where it is kept.

    undo = await bus.current().subscribe("board:1", callback)       callback(data: bytes)
    await bus.current().publish("board:1", b"...")
"""

from wealist.core import redis
from wealist.core.bus_local import Bus, Callback, Gap, LocalBus, Undo
from wealist.core.bus_redis import RedisBus
from wealist.core.settings import Settings

__all__ = ["Bus", "Callback", "Gap", "LocalBus", "RedisBus", "Undo", "close", "current", "open"]

_bus: Bus | None = None


async def open(settings: Settings) -> None:  # noqa: A001
    """Begin: over Redis when `core.redis` has opened one, else inside this process.

    Redis being away is no failure; the bus connects as soon as it can.
    """
    global _bus
    client = redis.client()
    if client is None:
        _bus = LocalBus()
        return
    bus = RedisBus(client)
    await bus.start()
    _bus = bus


async def close() -> None:
    """End it."""
    global _bus
    bus, _bus = _bus, None
    if bus is not None:
        await bus.close()


def current() -> Bus:
    """The bus of this process."""
    if _bus is None:
        raise RuntimeError("bus.open has not been called")
    return _bus

"""The hub: what is announced, on this replica or another, reaches all who listen here.

The log in PostgreSQL is the truth; the bus is only fast. A channel that someone listens to is
followed over the bus from the moment it is opened. What the bus loses is read from the log: when a
later event shows the hole, when the bus comes back, and otherwise by a regular look at the
channels' positions, because a lost *last* message shows in nothing else.

    joined = await hub.current().join(channel, listener, cursor, authorize=…, greeting=…)
    hub.current().leave(channel, listener)
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter
from time import time
from typing import Any

import structlog
from msgspec import Struct

from wealist.core import bus, events, frames, live_metrics
from wealist.core.bus import Bus, Undo
from wealist.core.bus_outgoing import Outgoing
from wealist.core.events import Event
from wealist.core.frames import Cursor, Frame
from wealist.core.hub_channel import UNDECIDED, Channel, Listener
from wealist.core.hub_watch import Pace, Watch, catch_up, read
from wealist.core.tasks import end

MOST_MISSED = 5000
"""A client that missed more reads everything again, which is faster."""
BURST_BYTES = 128 << 10
"""Of one transaction and channel; what is beyond that is read from the log."""
_QUEUE = 4096

Authorize = Callable[[], Awaitable[None]]
Greeting = Callable[[str, int], str | None]
"""Gets epoch and seq; the first frame for a client without a cursor, or None."""

log = structlog.get_logger("wealist.hub")


class Joined(Struct, frozen=True):
    """`outcome`: fresh (no cursor was given), resumed, reset, or ended: sent away meanwhile."""

    outcome: str
    epoch: str
    seq: int


class Hub:
    """One a process. `attach` and `detach` begin and end it."""

    def __init__(self, to: Bus, pace: Pace | None = None) -> None:
        self._bus = to
        self._channels: dict[str, Channel] = {}
        self._opening: dict[str, asyncio.Task[Undo]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._outgoing = Outgoing(to, _QUEUE, live_metrics.bus_dropped.inc)
        self._watch = Watch(self._channels, to, self._start, pace or Pace())
        self._undo: Undo | None = None

    def attach(self) -> None:
        """Begin to send what is announced, and to look after the channels."""
        self._undo = self._bus.on_gap(self._watch.hurry)
        self._start(self._outgoing.run())
        self._start(self._watch.run())

    async def detach(self) -> None:
        """End; whoever listens still hears nothing more."""
        if self._undo is not None:
            self._undo()
        await end(*self._tasks, *self._opening.values())
        self._channels.clear()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- what has been committed -------------------------------------------------------------

    def announce(self, committed: Sequence[Event], epoch: str) -> None:
        """Deliver events of this process at once, and hand them to the bus for the others."""
        for name, there in groupby(committed, key=attrgetter("channel")):
            if frames.family(name) in frames.shapes:
                self._tell(name, list(there), epoch)

    def _tell(self, name: str, told: list[Event], epoch: str) -> None:
        """Of very many only the first and the last: that shows all replicas that those between
        are to be read from the log, no faster than listeners take them."""
        moment, left = time(), BURST_BYTES
        channel, topic = self._channels.get(name), _topic(name)
        for event in told:
            if left <= 0 and event is not told[-1]:
                continue
            frame = frames.encode(event, epoch, moment)
            left -= frame.size
            if channel is not None:
                channel.receive(frame)
            self._outgoing.put(topic, frames.pack(frame))  # what can't be sent is in the log

    # --- joining -----------------------------------------------------------------------------

    async def join(
        self,
        name: str,
        listener: Listener,
        cursor: Cursor | None,
        *,
        authorize: Authorize,
        greeting: Greeting,
        quiet: bool = False,
    ) -> Joined:
        """Let somebody listen: first what he missed since `cursor`, then what happens; `quiet`
        leaves out the frame between the two, for clients that don't know of cursors.

        `authorize` is called once the channel is followed, so that whatever takes the access away
        later is an event that this hub will see; what it raises is raised. Call `leave` at the
        end, also of a failed join.
        """
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = Channel(name, self._watch.hole)
            self._opening[name] = asyncio.ensure_future(self._begin(channel))
        channel.joining[listener] = UNDECIDED
        try:
            await asyncio.shield(self._opening[name])
            # Before he is authorized: what has been taken from him by now, `authorize` knows.
            known = (await events.position(name)).top
            if listener in channel.joining:
                channel.joining[listener] = known
            await authorize()
            joined = await self._resume(channel, listener, cursor, greeting, quiet=quiet)
        except BaseException:
            self.leave(name, listener)
            raise
        live_metrics.resumes.labels(joined.outcome).inc()
        return joined

    def leave(self, name: str, listener: Listener) -> None:
        """Let go of a listener; harmless when he is not there."""
        channel = self._channels.get(name)
        if channel is None:
            return
        channel.drop(listener)
        self._release(channel)

    def _release(self, channel: Channel) -> None:
        """Stop following a channel to which nobody listens."""
        if channel.live or channel.joining or self._channels.get(channel.name) is not channel:
            return
        del self._channels[channel.name]
        opening = self._opening.pop(channel.name)
        opening.cancel()
        opening.add_done_callback(_undo)

    async def _begin(self, channel: Channel) -> Undo:
        undo = await self._bus.subscribe(_topic(channel.name), partial(_received, channel))
        try:
            # After the subscription: what is committed from now on will arrive.
            found = await events.position(channel.name)
        except BaseException:
            undo()
            raise
        channel.start(found.epoch, found.top)
        return undo

    async def _resume(
        self,
        channel: Channel,
        listener: Listener,
        cursor: Cursor | None,
        greeting: Greeting,
        *,
        quiet: bool,
    ) -> Joined:
        if cursor is None:
            assert channel.last is not None
            text = greeting(channel.epoch, channel.last)
            frame = None if text is None else Frame(channel.epoch, channel.last, text)
            return _go_live(channel, listener, "fresh", frame)
        found = cursor.epoch == channel.epoch
        if found:
            found = await self._replay(channel, listener, cursor.seq)
        assert channel.last is not None
        kind, outcome = ("RESUMED", "resumed") if found else ("RESET", "reset")
        frame = None if quiet else frames.control(kind, channel.epoch, channel.last)
        return _go_live(channel, listener, outcome, frame)

    async def _replay(self, channel: Channel, listener: Listener, seq: int) -> bool:
        """Push what was missed until the listener is where the channel is; False: impossible."""
        assert channel.last is not None
        if seq > channel.last:  # he has heard more elsewhere than this channel has here
            await catch_up(channel)
        if not channel.last - MOST_MISSED <= seq <= channel.last:
            return False
        if channel.recent(seq) is None and seq < (await events.position(channel.name)).floor:
            return False
        while (missed := channel.recent(seq)) is None:
            page = await read(channel, seq)
            if not page or page[0].seq != seq + 1:  # retention may just have taken some
                return False
            seq = await _push_page(channel, listener, page)
            if listener not in channel.joining:
                return False
        # No await from here on: what is delivered after this is pushed to him, too.
        for frame in missed:
            listener.push(frame)
        return True

    @property
    def channels(self) -> int:
        """How many channels are followed."""
        return len(self._channels)


async def _push_page(channel: Channel, listener: Listener, page: list[Frame]) -> int:
    """Push frames as fast as the listener takes them, and no further than the channel is; the seq
    where he stands then. Ends when he is sent away: the log may be another one than before."""
    seq = page[0].seq - 1
    for frame in page:
        if listener not in channel.joining:
            break
        assert channel.last is not None
        if frame.seq > channel.last:
            channel.receive(frame)  # shows the channel that it has to catch up, for everybody
            break
        listener.push(frame)
        seq = frame.seq
        await listener.room()
    return seq


def _go_live(channel: Channel, listener: Listener, outcome: str, frame: Frame | None) -> Joined:
    """From here on he hears what happens, unless he was sent away while he joined."""
    assert channel.last is not None
    authorized_at = channel.joining.pop(listener, None)
    if authorized_at is None:
        return Joined("ended", channel.epoch, channel.last)
    if frame is not None:
        listener.push(frame)
    channel.live[listener] = authorized_at
    return Joined(outcome, channel.epoch, channel.last)


def _topic(channel: str) -> str:
    return f"live:{channel}"


def _undo(opening: "asyncio.Task[Undo]") -> None:
    """End the subscription of a channel that nobody follows any more."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result()()


def _received(channel: Channel, data: bytes) -> None:
    channel.receive(frames.unpack(data))


_hub: Hub | None = None


def open() -> None:  # noqa: A001
    """Begin: after the bus. Events are announced from now on."""
    global _hub
    _hub = Hub(bus.current())
    _hub.attach()
    events.on_commit.append(_hub.announce)


async def close() -> None:
    """End it; before the bus."""
    global _hub
    hub, _hub = _hub, None
    if hub is not None:
        events.on_commit.remove(hub.announce)
        await hub.detach()


def current() -> Hub:
    """The hub of this process."""
    if _hub is None:
        raise RuntimeError("hub.open has not been called")
    return _hub

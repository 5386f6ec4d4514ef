"""What a live client gets of an event: encoded once, and the same object for everybody.

A family of channels (the part of their names before the ":") has a shape, which makes the JSON of
an event. Families without one have no live clients, so their events aren't announced.
"""

from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

import msgspec

from wealist.core.events import Event

Shape = Callable[[Event, str], bytes]
"""Gets an event and the epoch; returns the JSON text that clients get."""

shapes: dict[str, Shape] = {}
"""Family → its shape; filled by `app.py`."""


class Cursor(NamedTuple):
    """A place in a channel: everything up to `seq` has been handled."""

    epoch: str
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.seq}"


NOWHERE = Cursor("", 0)
"""Where a client stands whose cursor makes no sense: it has to start over."""


def parse(text: str) -> Cursor:
    """The cursor that `epoch:seq` names, or `NOWHERE`."""
    epoch, colon, seq = text.rpartition(":")
    if not colon or not seq.isascii() or not seq.isdecimal() or len(seq) > 18:
        return NOWHERE
    return Cursor(epoch, int(seq))


class Frame:
    """One message to clients. `committed` is the wall clock at its commit, if it is new;
    `revokes` ends the connections of that user (nil: of everybody), see `events.append`; `size`
    is in bytes."""

    __slots__ = ("_stream", "committed", "epoch", "message", "revokes", "seq", "size", "text")

    def __init__(
        self,
        epoch: str,
        seq: int,
        text: str,
        committed: float | None = None,
        revokes: UUID | None = None,
    ) -> None:
        self.epoch = epoch
        self.seq = seq
        self.text = text
        self.committed = committed
        self.revokes = revokes
        self.size = len(text) if text.isascii() else len(text.encode())
        self.message = {"type": "websocket.send", "text": text}
        self._stream: bytes | None = None

    @property
    def stream(self) -> bytes:
        """The frame as a server-sent event. JSON has no line breaks."""
        if self._stream is None:
            self._stream = f"id: {self.epoch}:{self.seq}\ndata: {self.text}\n\n".encode()
        return self._stream

    @stream.setter
    def stream(self, data: bytes) -> None:
        self._stream = data


def family(channel: str) -> str:
    """`board:1` → `board`."""
    return channel.partition(":")[0]


def encode(event: Event, epoch: str, committed: float | None = None) -> Frame:
    """The frame of an event, in the shape of its channel's family."""
    text = shapes[family(event.channel)](event, epoch).decode()
    return Frame(epoch, event.seq, text, committed, event.revokes)


def control(kind: str, epoch: str, seq: int) -> Frame:
    """A frame of our own: `RESUMED`, after what was missed; `RESET`, read everything again."""
    text = msgspec.json.encode({"type": kind, "epoch": epoch, "seq": seq}).decode()
    return Frame(epoch, seq, text)


def pack(frame: Frame) -> bytes:
    """A frame as it goes over the bus."""
    head = f"{frame.epoch} {frame.seq} {frame.committed or 0:.6f} {frame.revokes or '-'}\n"
    return (head + frame.text).encode()


def unpack(data: bytes) -> Frame:
    """What `pack` was given."""
    head, _, text = data.partition(b"\n")
    epoch, seq, committed, revokes = head.decode().split(" ")
    return Frame(
        epoch,
        int(seq),
        text.decode(),
        float(committed) or None,
        None if revokes == "-" else UUID(revokes),
    )

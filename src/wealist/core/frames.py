"""What a live client gets of an event: encoded once, and the same object for everybody.

A family of channels (the part of their names before the ":") has a shape, which makes the JSON of
an event. Families without one have no live clients, so their events aren't announced.
"""

from collections.abc import Callable
from typing import NamedTuple, Self
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
    is in bytes; `name` is what kind of event it is, for streams that tell it beside the text."""

    __slots__ = (
        "_stream",
        "committed",
        "epoch",
        "message",
        "name",
        "revokes",
        "seq",
        "size",
        "text",
    )

    def __init__(
        self,
        epoch: str,
        seq: int,
        text: str,
        committed: float | None = None,
        revokes: UUID | None = None,
        name: str = "",
    ) -> None:
        self.epoch = epoch
        self.seq = seq
        self.text = text
        self.committed = committed
        self.revokes = revokes
        self.name = name
        self.size = len(text) if text.isascii() else len(text.encode())
        self.message = {"type": "websocket.send", "text": text}
        self._stream: bytes | None = None

    @classmethod
    def raw(cls, stream: bytes) -> Self:
        """A frame for streams only, which is these bytes."""
        frame = cls("", 0, "")
        frame._stream = stream
        return frame

    def stream(self, *, named: bool = False) -> bytes:
        """The frame as a server-sent event, with or without its name. JSON has no line breaks.

        All streams of a channel ask in the same way, so it is made once.
        """
        if self._stream is None:
            name = f"event: {self.name}\n" if named else ""
            text = f"id: {self.epoch}:{self.seq}\n{name}data: {self.text}\n\n"
            self._stream = text.encode()
        return self._stream


def family(channel: str) -> str:
    """`board:1` → `board`."""
    return channel.partition(":")[0]


def encode(event: Event, epoch: str, committed: float | None = None) -> Frame:
    """The frame of an event, in the shape of its channel's family."""
    text = shapes[family(event.channel)](event, epoch).decode()
    return Frame(epoch, event.seq, text, committed, event.revokes, event.type)


def control(kind: str, epoch: str, seq: int) -> Frame:
    """A frame of our own: `RESUMED`, after what was missed; `RESET`, read everything again."""
    text = msgspec.json.encode({"type": kind, "epoch": epoch, "seq": seq}).decode()
    return Frame(epoch, seq, text, name=kind.lower())


def pack(frame: Frame) -> bytes:
    """A frame as it goes over the bus."""
    moment, revokes = frame.committed or 0, frame.revokes or "-"
    head = f"{frame.epoch} {frame.seq} {moment:.6f} {revokes} {frame.name}\n"
    return (head + frame.text).encode()


def unpack(data: bytes) -> Frame:
    """What `pack` was given."""
    head, _, text = data.partition(b"\n")
    epoch, seq, committed, revokes, name = head.decode().split(" ", 4)
    return Frame(
        epoch,
        int(seq),
        text.decode(),
        float(committed) or None,
        None if revokes == "-" else UUID(revokes),
        name,
    )

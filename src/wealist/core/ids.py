"""Identifiers, made in the process."""

import os
import time
from uuid import UUID

NIL = UUID(int=0)


def uuid7() -> UUID:
    """A new UUID version 7 (RFC 9562): time-ordered, so that new rows land at an index's end.

    48 bits of milliseconds, 12 bits of the fraction of that millisecond, 62 random bits.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    value = milliseconds << 80
    value |= 0x7 << 76
    value |= (rest * 4096 // 1_000_000) << 64
    value |= 0b10 << 62
    value |= int.from_bytes(os.urandom(8)) >> 2
    return UUID(int=value)

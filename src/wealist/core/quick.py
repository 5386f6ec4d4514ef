"""Answers that wake no task, between the port and the handler of a socket."""

from collections.abc import Callable
from typing import TypeAlias

QUICK = "wealist.quick"
"""The ASGI extension by which the handler of a socket registers a `Quick`: our server offers it as
a dictionary whose `register` takes one."""

Quick: TypeAlias = Callable[[bytes], bytes | None]
"""Gets a text frame of the client; returns what is sent back at once, or None for all that the
handler itself shall hear. It must be quick, and must not raise."""

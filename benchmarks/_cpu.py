"""How much of the processors each part of an experiment takes, this program included."""

import contextlib
from collections import defaultdict
from time import perf_counter

import psutil

PARTS = {"valkey": "Redis", "postgres": "PostgreSQL", "wealist": "wealist serve"}
"""How a part's command line gives it away."""


class Parts:
    """The seconds of CPU of this process and of all that it has started, since it was made."""

    def __init__(self) -> None:
        self._began, self._before = perf_counter(), _seconds()

    def percent(self) -> dict[str, float]:
        """Each part's share of one core since then."""
        passed = perf_counter() - self._began
        return {
            part: (seconds - self._before.get(part, 0.0)) / passed * 100
            for part, seconds in sorted(_seconds().items())
        }


def _seconds() -> dict[str, float]:
    me = psutil.Process()
    found: dict[str, float] = defaultdict(float)
    for process in [me, *me.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            found[_part(process, me)] += times.user + times.system
    return found


def _part(process: psutil.Process, me: psutil.Process) -> str:
    if process == me:
        return "the load"
    command = " ".join(process.cmdline()).lower()
    return next((part for word, part in PARTS.items() if word in command), "others")

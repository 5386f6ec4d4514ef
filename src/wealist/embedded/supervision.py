"""Watching the embedded PostgreSQL, which somebody or the kernel may end while weAlist runs."""

import asyncio
from collections.abc import Callable
from time import monotonic

from wealist.embedded.postgres import Postgres

CHECK_SECONDS = 1.0
LONGEST_PAUSE = 60.0
STEADY_SECONDS = 60.0
"""A server that has run this long is started again at once; before, after growing pauses."""


async def keep_running(
    postgres: Postgres, say: Callable[[str], None], *, stopping: Callable[[], bool]
) -> None:
    """Start it again whenever it has ended, until this is cancelled; not while `stopping()`.

    Runs in the thread that started it. `say` gets a line for each attempt and each failure.
    """
    began, pause = float("-inf"), 0.0
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        if postgres.running or stopping():
            continue
        quickly = monotonic() - began < STEADY_SECONDS
        pause = min(2 * pause or CHECK_SECONDS, LONGEST_PAUSE) if quickly else 0.0
        when = f" in {pause:g} s" if pause else ""
        say(f"PostgreSQL has ended; starting it again{when}")
        await asyncio.sleep(pause)
        if stopping():
            continue
        try:
            await postgres.restart(on_progress=say)
        except Exception as error:  # whatever it is, the next attempt may find it gone
            say(f"PostgreSQL can't be started: {error}")
        began = monotonic()

"""Ending background tasks for certain."""

import asyncio
from typing import Any


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until they have ended, whatever they raise then."""
    left = {task for task in tasks if not task.done()}
    while left:
        # Before Python 3.12 a `wait_for`, as around each of redis-py's writes, can swallow one.
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=0.2)
    await asyncio.gather(*tasks, return_exceptions=True)

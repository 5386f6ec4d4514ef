"""How long the embedded PostgreSQL takes to start: the first time, and later on the same data.

Run it with `python benchmarks/embedded_start.py`; exit code 1 says that a bound was missed.
"""

import asyncio
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter
from typing import Literal

from wealist.embedded.postgres import Postgres

FIRST_SECONDS = 2.0
LATER_SECONDS = 0.3
LATER_STARTS = 5
VERSIONS: tuple[Literal[17, 18], ...] = (18, 17)


async def _timed(start: Callable[[], Awaitable[Postgres]]) -> float:
    began = perf_counter()
    server = await start()
    seconds = perf_counter() - began
    await server.stop()
    return seconds


async def measure(version: Literal[17, 18]) -> tuple[float, float]:
    """Seconds of the first start, and the median of the later ones, with fsync on."""
    with tempfile.TemporaryDirectory() as place:
        data = Path(place) / "postgres"
        first = await _timed(lambda: Postgres.start(data, version=version))
        later = [
            await _timed(lambda: Postgres.start(data, version=version)) for _ in range(LATER_STARTS)
        ]
    return first, statistics.median(later)


def main() -> int:
    """Print the table; 1 when a bound is missed."""
    print(f"{'embedded PostgreSQL':<34}{'seconds':>9}{'bound':>8}  verdict")
    missed = False
    for version in VERSIONS:
        first, later = asyncio.run(measure(version))
        rows = (
            (f"{version}: first start", first, FIRST_SECONDS),
            (f"{version}: later start, median of {LATER_STARTS}", later, LATER_SECONDS),
        )
        for name, seconds, bound in rows:
            missed |= seconds >= bound
            verdict = "pass" if seconds < bound else "FAIL"
            print(f"{name:<34}{seconds:>9.3f}{bound:>8.1f}  {verdict}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())

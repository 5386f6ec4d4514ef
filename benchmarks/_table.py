"""The table a benchmark prints: what was measured, and the bound it must keep."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import uvloop


class Row(NamedTuple):
    """One measurement; without a `bound` (the most it may be) it only informs."""

    what: str
    measured: float
    unit: str
    bound: float | None = None

    @property
    def kept(self) -> bool:
        return self.bound is None or self.measured <= self.bound


def show(rows: list[Row]) -> int:
    """Print the rows; the exit status of the benchmark."""
    width = max(len(row.what) for row in rows)
    print(f"   {'':<{width}}  {'measured':>12}  {'at most':>12}")
    for row in rows:
        bound = "" if row.bound is None else f"{row.bound:g} {row.unit}"
        verdict = "" if row.bound is None else ("ok" if row.kept else "TOO MUCH")
        measured = f"{row.measured:.4g} {row.unit}"
        print(f"   {row.what:<{width}}  {measured:>12}  {bound:>12}  {verdict}")
    return 0 if all(row.kept for row in rows) else 1


def run(title: str, measure: Callable[[Path], Awaitable[list[Row]]]) -> int:
    """Say what is measured, measure it in a folder of its own, and show it."""
    print(title)

    async def main() -> list[Row]:
        with tempfile.TemporaryDirectory(prefix="wealist-bench-") as place:
            return await measure(Path(place))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return show(runner.run(main()))

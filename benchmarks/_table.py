"""The table a benchmark prints: what was measured, and the bound it must keep."""

from typing import NamedTuple


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

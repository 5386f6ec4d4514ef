"""Runs every benchmark, one after the other, each in a process of its own: `make bench`.

`python -m benchmarks NAME …` runs only those. A benchmark is a module here with `main() -> int`,
which prints its table and returns 0 when all bounds are kept. Names beginning with `_` are helpers.
"""

import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent


def names() -> list[str]:
    """All benchmarks there are."""
    return sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))


def run(name: str) -> bool:
    """Run one; whether its bounds are kept."""
    code = f"import sys; from benchmarks import {name}; sys.exit({name}.main())"
    return (
        subprocess.run([sys.executable, "-c", code], cwd=HERE.parent, check=False).returncode == 0
    )


def main(wanted: list[str]) -> int:
    known = names()
    if unknown := [name for name in wanted if name not in known]:
        print(f"no such benchmark: {', '.join(unknown)}; there are: {', '.join(known)}")
        return 2
    failed = []
    chosen = wanted or known
    for number, name in enumerate(chosen, 1):
        print(f"== {number}/{len(chosen)} {name}", flush=True)
        started = time.monotonic()
        if not run(name):
            failed.append(name)
        print(f"   ({time.monotonic() - started:.0f} s)\n", flush=True)
    print(
        f"failed: {', '.join(failed)}" if failed else f"{len(chosen)} benchmarks, all within bounds"
    )
    return 1 if failed else 0


raise SystemExit(main(sys.argv[1:]))

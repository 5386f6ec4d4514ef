"""The large storm: `make chaos` (at least a million deliveries). Exit status 1 if anything is lost.

`python -m tests.chaos EVENTS READERS` chooses another size.
"""

import sys
import tempfile
from pathlib import Path

import uvloop
from msgspec import structs

from tests.chaos.storm import FULL, Outcome, Storm
from tests.live.keys import new_private_key


def say(line: str) -> None:
    print(line, flush=True)


def main(arguments: list[str]) -> int:
    size = FULL
    if arguments:
        size = structs.replace(FULL, events=int(arguments[0]), readers=int(arguments[1]))
    with tempfile.TemporaryDirectory(prefix="wealist-chaos-") as folder:
        storm = Storm(size, Path(folder), new_private_key(), say=say)
        outcome: Outcome = uvloop.run(storm.run())
    print()
    for name in ("events", "acknowledged", "refused", "connections", "resets", "deliveries"):
        print(f"   {name:<14}{getattr(outcome, name):>12,}")
    print(f"   {'seconds':<14}{outcome.seconds:>12.0f}")
    for complaint in outcome.complaints[:50]:
        print(f"   ✗ {complaint}")
    if not outcome.complaints:
        print("   ✓ nothing lost, nothing twice, nothing after the removal")
    return 1 if outcome.complaints else 0


raise SystemExit(main(sys.argv[1:]))

"""The large storm: `make chaos` (at least a million deliveries). Exit status 1 if anything is lost.

`python -m tests.chaos EVENTS READERS` chooses another size.
"""

import sys
import tempfile
from pathlib import Path

import uvloop
from msgspec import structs

from tests.chaos.scene import FULL, Outcome
from tests.chaos.storm import Storm
from tests.live.keys import new_private_key

LINES = (
    ("acknowledged", "comments acknowledged"),
    ("events", "events of the board"),
    ("messages", "messages in rooms"),
    ("told", "events told to rooms"),
    ("mentions", "mentions"),
    ("notifications", "notifications"),
    ("rung", "events told to bells"),
    ("refused", "requests repeated"),
    ("connections", "connections"),
    ("resets", "resets"),
    ("deliveries", "deliveries in all"),
)


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
    for name, words in LINES:
        print(f"   {words:<24}{getattr(outcome, name):>12,}")
    print(f"   {'seconds':<24}{outcome.seconds:>12.0f}")
    for complaint in outcome.complaints[:50]:
        print(f"   ✗ {complaint}")
    if not outcome.complaints:
        print(
            f"   ✓ {outcome.deliveries:,} deliveries to boards, rooms and bells: "
            "0 lost, 0 duplicated, 0 misdelivered"
        )
    return 1 if outcome.complaints else 0


raise SystemExit(main(sys.argv[1:]))

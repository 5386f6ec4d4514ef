"""What `check-realtime` complains about."""

import pytest

from wealist.core.wire import now
from wealist.doctor.realtime.account import Account
from wealist.doctor.realtime.reader import Heard, Reader


def heard(*frames: tuple[str, int]) -> list[str]:
    """The complaints of a reader who was told this, while the log had five events."""
    reader = Reader(Account([], "ann", ""), "project", [], "socket", "reader")
    for kind, seq in frames:
        reader.take(Heard(kind, seq, "e", now() if kind == "SAID" else None))
    return reader.complaints([1, 2, 3, 4, 5])


GREETING = ("BOARD_UPDATED", 0)


@pytest.mark.parametrize(
    ("frames", "complaint"),
    [
        ([("SAID", 3), ("SAID", 4), ("SAID", 5)], "1 holes"),
        ([("SAID", 1), ("SAID", 1)], "1 frames twice"),
        ([("SAID", 1), ("SAID", 2)], "3 of 5 events missing"),
        ([("SAID", 1), ("RESET", 5)], "1 resets"),
    ],
)
def test_a_reader_complains(frames: list[tuple[str, int]], complaint: str) -> None:
    assert complaint in heard(GREETING, *frames)


def test_a_reader_who_heard_everything_complains_about_nothing() -> None:
    assert (
        heard(
            GREETING,
            ("SAID", 1),
            ("SAID", 2),
            ("RESUMED", 2),
            ("SAID", 3),
            ("SAID", 4),
            ("SAID", 5),
        )
        == []
    )

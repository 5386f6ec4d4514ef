"""A small storm, at every run of the tests; `make chaos` lets a large one blow."""

from pathlib import Path

from tests.chaos.scene import SMALL
from tests.chaos.storm import Storm


async def test_in_a_storm_nothing_is_lost_and_nothing_comes_twice(
    tmp_path: Path, private_key: str
) -> None:
    storm = Storm(SMALL, tmp_path, private_key, say=print)
    outcome = await storm.run()
    assert outcome.complaints == []
    assert outcome.acknowledged >= SMALL.events
    assert outcome.resets == 0
    assert outcome.deliveries >= SMALL.events * SMALL.readers
    assert outcome.told >= outcome.messages * SMALL.ears * 3 > 0, "each room has three people"
    assert outcome.mentions > 0
    assert outcome.notifications > SMALL.assignments

"""Quiet hours, pauses and digests in a person's own time."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wealist.noti.quiet import EVERY_DAY, Times, leaves, quiet_until, time_zones

ZONES = st.sampled_from(
    [
        "UTC",
        "Asia/Seoul",
        "Europe/Berlin",
        "America/New_York",
        "America/Santiago",  # the clock changes at midnight
        "Australia/Lord_Howe",  # by half an hour
        "Pacific/Apia",
        "Asia/Kathmandu",
    ]
)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
MINUTES = st.builds(time, st.integers(0, 23), st.integers(0, 59))
DAYS = st.sets(st.sampled_from(EVERY_DAY), min_size=1).map(lambda days: tuple(sorted(days)))


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def looks_quiet(times: Times, moment: datetime) -> bool:
    """What a person says who only looks at the clock on the wall and at the calendar."""
    wall = moment.astimezone(ZoneInfo(times.time_zone))
    assert times.quiet_start is not None
    assert times.quiet_end is not None
    now, today = wall.time(), wall.isoweekday()
    yesterday = (today - 2) % 7 + 1
    if times.quiet_start < times.quiet_end:
        return times.quiet_start <= now < times.quiet_end and today in times.quiet_days
    return (now >= times.quiet_start and today in times.quiet_days) or (
        now < times.quiet_end and yesterday in times.quiet_days
    )


def changes_nearby(zone: str, moment: datetime) -> bool:
    offsets = {
        (moment + timedelta(hours=hours)).astimezone(ZoneInfo(zone)).utcoffset()
        for hours in range(-30, 31)
    }
    return len(offsets) > 1


@settings(deadline=None)
@given(ZONES, MINUTES, MINUTES, DAYS, MOMENTS)
def test_nothing_leaves_while_the_clock_on_the_wall_says_that_it_is_quiet(
    zone: str, start: time, end: time, days: tuple[int, ...], moment: datetime
) -> None:
    if start == end:
        return
    times = Times(time_zone=zone, quiet_start=start, quiet_end=end, quiet_days=days)
    when = quiet_until(times, moment)
    assert not looks_quiet(times, when)
    assert timedelta(0) <= when - moment <= timedelta(hours=26)
    assert quiet_until(times, when) == when
    if not looks_quiet(times, moment) and not changes_nearby(zone, moment):
        assert when == moment


@settings(deadline=None)
@given(ZONES, MOMENTS, MOMENTS, st.sampled_from(["INSTANT", "HOURLY", "DAILY"]), st.integers(0, 23))
def test_a_digest_leaves_soon_after_what_it_is_for(
    zone: str, since: datetime, now: datetime, digest: str, hour: int
) -> None:
    times = Times(time_zone=zone, digest=digest, digest_hour=hour)  # type: ignore[arg-type]
    when = leaves(times, since, now, digest=True)
    assert when >= now
    longest = {"INSTANT": timedelta(0), "HOURLY": timedelta(hours=1), "DAILY": timedelta(days=2)}
    assert when <= max(now, since + longest[digest])
    assert leaves(times, since, now, digest=False) == now


@pytest.mark.parametrize(
    ("moment", "until"),
    [
        ("2026-11-27 21:59", "2026-11-27 21:59"),
        ("2026-11-27 22:00", "2026-11-28 07:00"),
        ("2026-11-28 03:00", "2026-11-28 07:00"),
        ("2026-11-28 07:00", "2026-11-28 07:00"),
    ],
)
def test_quiet_hours_last_over_midnight(moment: str, until: str) -> None:
    times = Times(time_zone="Asia/Seoul", quiet_start=time(22), quiet_end=time(7))
    assert quiet_until(times, at(moment, "Asia/Seoul")) == at(until, "Asia/Seoul")


def test_the_night_in_which_clocks_go_forward_or_back_is_quiet_to_its_end() -> None:
    times = Times(time_zone="Europe/Berlin", quiet_start=time(22), quiet_end=time(7))
    for evening, morning, hours in (
        ("2026-03-28 23:00", "2026-03-29 07:00", 7),
        ("2026-10-24 23:00", "2026-10-25 07:00", 9),
    ):
        began, ends = at(evening, "Europe/Berlin"), at(morning, "Europe/Berlin")
        assert ends - began == timedelta(hours=hours)
        assert quiet_until(times, began) == ends


def test_quiet_days_are_those_on_which_the_quiet_hours_begin() -> None:
    friday = Times(quiet_start=time(22), quiet_end=time(7), quiet_days=(5,))
    assert quiet_until(friday, at("2026-11-28 02:00")) == at("2026-11-28 07:00")  # Saturday
    assert quiet_until(friday, at("2026-11-28 23:00")) == at("2026-11-28 23:00")


def test_what_ends_a_pause_may_begin_quiet_hours() -> None:
    times = Times(
        quiet_start=time(22), quiet_end=time(7), paused_until=at("2026-11-27 23:30"), digest="DAILY"
    )
    since = at("2026-11-27 08:30")
    assert leaves(times, since, at("2026-11-27 12:00"), digest=False) == at("2026-11-28 07:00")
    assert leaves(times, since, at("2026-11-27 12:00"), digest=True) == at("2026-11-28 08:00")


def test_an_hourly_digest_leaves_at_the_full_hour() -> None:
    since = at("2026-11-27 12:20")
    assert leaves(Times(), since, since, digest=True) == at("2026-11-27 13:00")
    assert leaves(Times(), since, at("2026-11-27 13:05"), digest=True) == at("2026-11-27 13:05")


def test_a_zone_that_the_system_has_forgotten_counts_as_utc() -> None:
    times = Times(time_zone="Atlantis/Capital", quiet_start=time(22), quiet_end=time(7))
    assert quiet_until(times, at("2026-11-27 23:00")) == at("2026-11-28 07:00")
    assert "Europe/Berlin" in time_zones()
    assert "Atlantis/Capital" not in time_zones()

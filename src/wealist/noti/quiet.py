"""When something may leave the building: quiet hours, pauses and digests in a person's own time.

Pure functions over aware UTC times; time zones and their changes are `zoneinfo`'s. Where the clock
is put forward or back, what is unclear counts as quiet.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from msgspec import Struct

Digest: TypeAlias = Literal["OFF", "INSTANT", "HOURLY", "DAILY"]

EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)


class Times(Struct, frozen=True):
    """When a person wants to hear from us.

    Quiet hours begin at `quiet_start` on the `quiet_days` (ISO: Monday is 1) and last until
    `quiet_end`, of the next day where that is the earlier time of day; both are None for no quiet
    hours. Nothing leaves before `paused_until`. A daily digest leaves at `digest_hour`.
    """

    time_zone: str = "UTC"
    quiet_start: time | None = None
    quiet_end: time | None = None
    quiet_days: tuple[int, ...] = EVERY_DAY
    paused_until: datetime | None = None
    digest: Digest = "HOURLY"
    digest_hour: int = 8


@lru_cache(maxsize=1)
def time_zones() -> frozenset[str]:
    """The names that this system knows, without those that aren't places or UTC."""
    return frozenset(
        name for name in available_timezones() if not name.startswith(("posix", "right"))
    )


def _zone(name: str) -> tzinfo:
    """UTC where the system doesn't know a zone any more: one person must not stop all mail."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def leaves(times: Times, since: datetime, now: datetime, *, digest: bool) -> datetime:
    """When what waits `since` may leave: `now`, or a later moment to look again.

    `digest`: whether it waits for the person's digest, as e-mail does.
    """
    moment = max(now, _digest(times, since)) if digest else now
    if times.paused_until is not None:
        moment = max(moment, times.paused_until)
    return quiet_until(times, moment)


def quiet_until(times: Times, moment: datetime) -> datetime:
    """The end of the quiet hours around a moment; the moment itself when it isn't quiet."""
    if times.quiet_start is None or times.quiet_end is None:
        return moment
    zone = _zone(times.time_zone)
    while True:
        today = moment.astimezone(zone).date()
        # Those of the day before may last until today. Tomorrow's may have begun where a
        # change of the clock crosses midnight.
        ends = [
            end
            for day in (today - timedelta(1), today, today + timedelta(1))
            if day.isoweekday() in times.quiet_days
            for begin, end in [_quiet(times.quiet_start, times.quiet_end, day, zone)]
            if begin <= moment < end
        ]
        if not ends:
            return moment
        moment = max(ends)


def _quiet(start: time, end: time, day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """The quiet hours that begin on a day."""
    last = day + timedelta(1) if end <= start else day
    return min(_instants(day, start, zone)), max(_instants(last, end, zone))


def _instants(day: date, at: time, zone: tzinfo) -> tuple[datetime, datetime]:
    """What a time of day means: two moments where the clock shows it twice or never."""
    wall = datetime.combine(day, at, zone)
    return wall.replace(fold=0).astimezone(UTC), wall.replace(fold=1).astimezone(UTC)


def _digest(times: Times, since: datetime) -> datetime:
    """When the first digest after `since` leaves."""
    match times.digest:
        case "HOURLY":
            return since.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        case "DAILY":
            zone = _zone(times.time_zone)
            today = since.astimezone(zone).date()
            hour = time(times.digest_hour)
            coming = (min(_instants(today + timedelta(n), hour, zone)) for n in range(3))
            return next(moment for moment in coming if moment > since)
    return since

"""Dates of projects and cards as clients write them (contract: board.md §1.4, frontend need 40)."""

import re
from datetime import UTC, datetime, timedelta

from wealist.core.errors import Invalid

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
"""What a date may be; asyncpg takes the ends of Python's calendar for infinity."""


def parse(text: str | None, field: str) -> datetime | None:
    """An RFC 3339 time with an offset, or a plain date (its first moment in UTC); "" is None.

    Raises `Invalid` naming `field`.
    """
    if not text:
        return None
    moment = None
    try:
        if _DATE.fullmatch(text):
            moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
        elif _TIME.fullmatch(text):
            # Nanoseconds are cut: PostgreSQL keeps microseconds.
            cut = re.sub(r"(\.\d{6})\d+", r"\1", text.upper())
            moment = datetime.fromisoformat(cut).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    if moment is None:
        raise Invalid("must be a time such as 2026-01-31T09:00:00Z, or a date", field=field)
    if not EARLIEST <= moment < LATEST:
        raise Invalid(f"must be between {EARLIEST.year} and {LATEST.year - 1}", field=field)
    return moment


def deadline(due: datetime) -> datetime:
    """When something is late: clients send whole days as their first moment in UTC (frontend need
    40), and such a day has to be over."""
    whole_day = (due.hour, due.minute, due.second, due.microsecond) == (0, 0, 0, 0)
    return due + timedelta(days=1) if whole_day else due


def check(start: datetime | None, due: datetime | None) -> None:
    """Raise `Invalid` if something would be due before it starts."""
    if start is not None and due is not None and start > due:
        raise Invalid("must not be after dueDate", field="startDate")


def shown(moment: datetime | None) -> str | None:
    """As activities keep it."""
    return moment.isoformat().replace("+00:00", "Z") if moment is not None else None

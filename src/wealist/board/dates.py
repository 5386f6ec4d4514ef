"""Dates of projects and cards as clients write them (contract: board.md §1.4, frontend need 40)."""

import re
from datetime import UTC, datetime

from wealist.core.errors import Invalid

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


def parse(text: str | None, field: str) -> datetime | None:
    """An RFC 3339 time with an offset, or a plain date (its first moment in UTC); "" is None.

    Raises `Invalid` naming `field`.
    """
    if not text:
        return None
    try:
        if _DATE.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        if _TIME.fullmatch(text):
            # Nanoseconds are cut: PostgreSQL keeps microseconds.
            cut = re.sub(r"(\.\d{6})\d+", r"\1", text.upper())
            return datetime.fromisoformat(cut).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Invalid("must be a time such as 2026-01-31T09:00:00Z, or a date", field=field)


def check(start: datetime | None, due: datetime | None) -> None:
    """Raise `Invalid` if something would be due before it starts."""
    if start is not None and due is not None and start > due:
        raise Invalid("must not be after dueDate", field="startDate")


def shown(moment: datetime | None) -> str | None:
    """As activities keep it."""
    return moment.isoformat().replace("+00:00", "Z") if moment is not None else None

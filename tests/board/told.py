"""What people were told: the notifications that changes have handed over."""

from typing import Any

import msgspec

from tests.people import Person
from wealist.core import db, events


async def told(person: Person, *, also: str = "") -> list[dict[str, Any]]:
    """Everything that one person was to be told, in order; that he became a member of a workspace
    only when `also` says so."""
    channels: list[str] | None = await db.fetch_value(
        "SELECT array_agg(name ORDER BY id) FROM core.channel WHERE name LIKE 'facts:%'"
    )
    found = [
        msgspec.json.decode(event.payload)
        for channel in channels or ()
        for event in await events.since(channel, 0)
    ]
    return [
        fact
        for fact in found
        if person.id in fact["targetUserIds"]
        if fact["type"] == also or fact["type"] != "WORKSPACE_INVITED"
    ]


async def kinds(person: Person, *, also: str = "") -> list[str]:
    """The types of the same."""
    return [fact["type"] for fact in await told(person, also=also)]

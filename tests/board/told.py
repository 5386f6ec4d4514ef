"""What people were told: the notifications that a change has handed over."""

from typing import Any

import msgspec

from tests.people import Person
from wealist.core import events


async def told(person: Person) -> list[dict[str, Any]]:
    """Everything that one person was to be told, in order."""
    found = await events.since(f"noti:{person.id}", 0)
    return [msgspec.json.decode(event.payload) for event in found]


async def kinds(person: Person) -> list[str]:
    return [fact["type"] for fact in await told(person)]

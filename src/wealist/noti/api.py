"""What other services may use of this one."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from uuid import UUID

from wealist.core import events
from wealist.core.ids import uuid7
from wealist.noti.rules import RULES
from wealist.noti.wire import Fact, facts

__all__ = ["Audience", "People", "allowed", "audiences", "notify"]

People = dict[UUID, set[UUID]]
"""By the id of a resource."""

Audience = Callable[[People], Awaitable[People]]
"""Gets resources of one type with people; returns which of them may know of each at present. Many
are asked about in one statement."""

audiences: dict[str, Audience] = {}
"""Resource type → who of the recipients may know of such a thing, beyond being members of the
workspace; filled by services above this one, wired in `app.py`."""

NAME = 255


async def allowed(wanted: dict[str, People]) -> dict[str, People]:
    """Who may know of resources, by their type, of those types that have an audience."""
    return {
        kind: await audiences[kind](resources)
        for kind, resources in wanted.items()
        if kind in audiences and any(resources.values())
    }


def notify(
    kind: str,
    targets: Iterable[UUID],
    *,
    actor: UUID,
    workspace_id: UUID,
    resource_type: str,
    resource_id: UUID,
    resource_name: str | None,
    metadata: dict[str, Any],
) -> None:
    """Have people told of something, in the transaction in which it happens.

    `kind` is a type of `rules.RULES`, such as `BOARD_ASSIGNED`. Each target is told once, the
    actor never, and nobody who may not know of it when the log is read, moments later. A name is
    cut at 255 characters. Raises KeyError for an unknown type, RuntimeError outside a transaction.
    """
    rule = RULES[kind]
    told = sorted(set(targets) - {actor})
    if not told:
        return
    assert not rule.reason, f"{kind} has no producer"
    events.append(
        facts(workspace_id),
        "notification.requested",
        Fact(
            uuid7(),
            kind,
            actor,
            told,
            workspace_id,
            resource_type,
            resource_id,
            resource_name[:NAME] if resource_name is not None else None,
            metadata,
        ),
        actor=actor,
    )

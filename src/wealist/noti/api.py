"""What other services may use of this one."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from wealist.core import events
from wealist.core.ids import uuid7
from wealist.noti.wire import Fact, channel

__all__ = ["notify"]


def notify(
    kind: str,
    targets: Iterable[UUID],
    *,
    actor: UUID,
    workspace_id: UUID,
    resource_type: str,
    resource_id: UUID,
    resource_name: str,
    metadata: dict[str, Any],
) -> None:
    """Have people told of something, in the transaction in which it happens.

    `kind` is a notification type of the contract, such as `BOARD_ASSIGNED`. Each target is told
    once, the actor never. Raises RuntimeError outside a transaction.
    """
    fact = uuid7()
    for target in sorted(set(targets) - {actor}):
        events.append(
            channel(target),
            "notification.requested",
            Fact(
                fact,
                kind,
                actor,
                target,
                workspace_id,
                resource_type,
                resource_id,
                resource_name,
                metadata,
            ),
            actor=actor,
        )

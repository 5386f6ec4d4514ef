"""From what happened to what people are told: the reader of the channels of facts.

A batch of facts, the notifications that follow from them and the reader's new place are one
transaction, so each fact is told exactly once, whoever reads and whenever a process dies. Facts
that were committed here are read at once (`waker.py`); a job finds those that nobody has read.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct

from wealist.core import db, envelopes, events, metrics
from wealist.core.errors import AppError
from wealist.core.events import Event
from wealist.noti import api, making
from wealist.noti.making import Draft
from wealist.noti.rules import rule
from wealist.noti.wire import FACTS, Fact
from wealist.user import api as user

BATCH = 100
"""Facts in a transaction."""
MOST_TARGETS = 2000
"""People who are told in a transaction, but one fact at least is."""
MOST_BYTES = 1 << 20
"""Of facts in a transaction, likewise."""
_CHANNELS = 500

log = structlog.get_logger("wealist.noti")


class Outcome(Struct, frozen=True):
    """What a reading came to: how many facts were read, whether there may be more, and whether
    somebody else is reading the channel at the moment."""

    facts: int = 0
    more: bool = False
    busy: bool = False


async def catch_up() -> str | None:
    """Read all channels that have facts nobody has read; the job's sentence.

    One that can't be read doesn't keep the others waiting. Raises what PostgreSQL being away does.
    """
    read, after = 0, ""
    while names := await _lagging(after):
        for name in names:
            try:
                read += await read_all(name)
            except Exception as error:
                if _passes(error):
                    raise
                log.exception("a channel of facts can't be read", channel=name)
        after = names[-1]
    return f"{read} facts read late" if read else None


async def _lagging(after: str) -> list[str]:
    """Channels whose reader is behind, in the order of their names."""
    found: list[str] | None = await db.fetch_value(
        f"""
        SELECT array_agg(name) FROM (
            SELECT c.name FROM core.channel c LEFT JOIN noti.readers r ON r.channel = c.name
            WHERE c.name LIKE '{FACTS}:%' AND c.name COLLATE "C" > $1
              AND c.top > coalesce(r.seq, 0)
            ORDER BY c.name COLLATE "C" LIMIT {_CHANNELS}
        ) found
        """,
        after,
    )
    return found or []


async def read_all(channel: str) -> int:
    """Read a channel to its end, unless somebody else does; how many facts were read."""
    read = 0
    while True:
        outcome = await read_some(channel)
        read += outcome.facts
        if not outcome.more:
            return read


async def read_some(channel: str) -> Outcome:
    """Read one batch. If one of its facts can't be told, it is left out, and told in the log."""
    try:
        return await _read(channel, BATCH)
    except Exception as error:
        if _passes(error):
            raise
        log.warning("facts can't be read together", channel=channel, error=_named(error))
    try:
        return await _read(channel, 1)
    except Exception as error:
        if _passes(error):
            raise
        log.exception("a fact can't be told and is left out", channel=channel)
        metrics.count("noti_service_facts_left_out_total")
        return await _read(channel, 1, leave_out=True)


def _passes(error: Exception) -> bool:
    """Whether the same may well succeed a moment later."""
    known = envelopes.translate(error)
    return isinstance(known, AppError) and known.status == 503


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


async def _read(channel: str, limit: int, *, leave_out: bool = False) -> Outcome:
    workspace_id = UUID(channel.partition(":")[2])
    async with db.transaction():
        # Whoever leaves the workspace now has his notifications deleted after they are written.
        await user.hold_workspace(workspace_id)
        place = await _place(channel)
        if place is None:
            return Outcome(busy=True)
        found = await events.since(channel, place, limit, most_bytes=MOST_BYTES)
        if not found:
            # All that was there may be too old to be there any more. Not the top counts but the
            # floor: a fact may have been committed since we looked.
            floor = (await events.position(channel)).floor
            if floor > place:
                log.warning("facts were gone before they were read", channel=channel)
                await _move(channel, floor)
            return Outcome()
        if found[0].seq != place + 1:
            log.warning("facts were gone before they were read", channel=channel)
        batch, facts = ([found[0]], []) if leave_out else _decoded(found)
        await making.make(await _drafts(workspace_id, facts))
        await _move(channel, batch[-1].seq)
        whole = len(found) < limit and sum(len(bytes(one.payload)) for one in found) < MOST_BYTES
        return Outcome(len(batch), more=len(batch) < len(found) or not whole)


async def _place(channel: str) -> int | None:
    """How far the channel has been read, held until the commit; None while somebody else reads."""
    await db.execute(
        "INSERT INTO noti.readers (channel, seq) VALUES ($1, 0) ON CONFLICT DO NOTHING", channel
    )
    seq: int | None = await db.fetch_value(
        "SELECT seq FROM noti.readers WHERE channel = $1 FOR UPDATE SKIP LOCKED", channel
    )
    return seq


async def _move(channel: str, seq: int) -> None:
    await db.execute("UPDATE noti.readers SET seq = $2 WHERE channel = $1", channel, seq)


def _decoded(found: Sequence[Event]) -> tuple[list[Event], list[tuple[Event, Fact]]]:
    """The events to read now, and the facts they are; what isn't one is left out."""
    batch: list[Event] = []
    facts: list[tuple[Event, Fact]] = []
    targets = 0
    for event in found:
        try:
            fact = msgspec.json.decode(event.payload, type=Fact)
        except msgspec.DecodeError as error:
            log.error("an event is no fact", channel=event.channel, seq=event.seq, error=str(error))
            metrics.count("noti_service_facts_left_out_total")
            batch.append(event)
            continue
        targets += len(fact.target_user_ids)
        if batch and targets > MOST_TARGETS:
            break
        batch.append(event)
        facts.append((event, fact))
    return batch, facts


async def _drafts(workspace_id: UUID, facts: Sequence[tuple[Event, Fact]]) -> list[Draft]:
    """What is to be told to whom: to nobody who has no access any more, and not to the actor."""
    people = {target for _, fact in facts for target in fact.target_user_ids}
    members = await user.members_among(workspace_id, people) if people else set()
    wanted: list[tuple[Event, Fact, set[UUID]]] = []
    for event, fact in facts:
        targets = set(fact.target_user_ids) - {fact.actor_id}
        if rule(fact.type).members_only:
            targets &= members
        wanted.append((event, fact, targets))
    asked: dict[str, api.People] = {}
    for _, fact, targets in wanted:
        resources = asked.setdefault(fact.resource_type, {})
        resources.setdefault(fact.resource_id, set()).update(targets)
    allowed = await api.allowed(asked)
    return [
        _draft(event, fact, target)
        for event, fact, targets in wanted
        for target in sorted(_knowing(allowed, fact.resource_type, fact.resource_id, targets))
    ]


def _knowing(
    allowed: dict[str, api.People], kind: str, resource_id: UUID, targets: set[UUID]
) -> set[UUID]:
    return targets & allowed[kind].get(resource_id, set()) if kind in allowed else targets


def _draft(event: Event, fact: Fact, target: UUID) -> Draft:
    return Draft(
        fact.id,
        target,
        fact.type,
        fact.actor_id,
        fact.workspace_id,
        project_of(fact.metadata.get("projectId")),
        fact.resource_type,
        fact.resource_id,
        fact.resource_name,
        msgspec.json.encode(fact.metadata).decode() if fact.metadata else None,
        event.at,
    )


def project_of(text: object) -> UUID | None:
    """The project that the metadata names, if it names one."""
    try:
        return UUID(text) if isinstance(text, str) else None
    except ValueError:
        return None

"""`wealist check-realtime`: order, completeness and uniqueness, proven with scratch traffic."""

import asyncio
import itertools
import random
import sys
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
from msgspec import Struct

from wealist.doctor.realtime.account import API, Account, RefusedError, Scratch
from wealist.doctor.realtime.reader import Reader
from wealist.doctor.report import Report

CARDS = 5
WRITERS = 4
SETTLE_SECONDS = 30.0
SLOW_MS = 1000.0

Say = Callable[[str], None]


class Plan(Struct, frozen=True):
    """What to check: two addresses (the same one twice is fine), how many changes and readers."""

    urls: list[str]
    events: int = 500
    readers: int = 8
    token: str = ""


async def check(plan: Plan, say: Say = print) -> int:
    """Make a scratch project, change it from many sides, and compare what readers heard.

    Prints a report; 0: the promise is kept, 1: it is not, 2: it could not be checked.
    """
    owner = Account(plan.urls, f"realtime-check-{uuid4().hex[:8]}", plan.token)
    scratch = Scratch(owner)
    readers: list[Reader] = []
    try:
        if not plan.token:
            await owner.sign_in()
        await scratch.make(CARDS)
        readers = [_reader(owner, scratch, plan.urls, n) for n in range(plan.readers)]
        await asyncio.gather(*(reader.begin() for reader in readers))
        made = await _traffic(plan, scratch, readers)
        log = await scratch.log()
        await _settled(readers, log[-1] if log else 0)
        return _report(plan, readers, log, made, say)
    except (RefusedError, httpx.HTTPError, TimeoutError, ValueError) as error:
        what = str(error) or type(error).__name__
        say(f"the check could not be made: {what}")
        if isinstance(error, RefusedError) and not plan.token:
            say("  pass --token with an access token of an account, or enable test sign-in")
        return 2
    finally:
        await asyncio.gather(*(reader.stop() for reader in readers))
        try:
            await scratch.drop()
        except Exception as error:
            say(f"the scratch workspace {scratch.workspace_id} could not be deleted: {error}")
        await owner.close()


def _reader(owner: Account, scratch: Scratch, urls: list[str], number: int) -> Reader:
    door = ("socket", "stream")[number // len(urls) % 2]
    turned = urls[number % len(urls) :] + urls[: number % len(urls)]
    return Reader(owner, scratch.project_id, turned, door, f"reader {number + 1} ({door})")


async def _traffic(plan: Plan, scratch: Scratch, readers: list[Reader]) -> int:
    """Writers on all addresses; every second reader is cut off twice meanwhile. How many changes
    were answered."""
    numbers = iter(range(plan.events))
    done = itertools.count()
    made = 0

    async def write() -> None:
        nonlocal made
        for number in numbers:
            await change(scratch, number)
            made = next(done) + 1
            _progress(made, plan.events)
            if made in (plan.events // 3, plan.events * 2 // 3):
                for reader in readers[::2]:
                    reader.cut()

    await asyncio.gather(*(write() for _ in range(WRITERS)))
    return made


async def change(scratch: Scratch, number: int) -> None:
    """One change of some kind."""
    card = scratch.cards[number % len(scratch.cards)]
    if number % 3 == 0:
        stage = random.choice(("pending", "in_progress", "review", "approved"))  # noqa: S311
        body: dict[str, Any] = {
            "projectId": scratch.project_id,
            "groupByFieldName": "stage",
            "newFieldValue": stage,
        }
        await scratch.owner.call("PUT", f"{API}/boards/{card}/move", body)
    elif number % 3 == 1:
        await scratch.owner.call("PUT", f"{API}/boards/{card}", {"title": f"Change {number}"})
    else:
        body = {"boardId": card, "content": f"Comment {number}"}
        await scratch.owner.call("POST", f"{API}/comments", body)


def _progress(made: int, wanted: int) -> None:
    if sys.stderr.isatty() and (made % 20 == 0 or made == wanted):
        end = "\n" if made == wanted else ""
        print(f"\r{made} of {wanted} changes", end=end, file=sys.stderr, flush=True)


async def _settled(readers: list[Reader], top: int) -> None:
    """Wait until everybody has heard the last event, or no longer than is bearable."""
    deadline = asyncio.get_running_loop().time() + SETTLE_SECONDS
    while any(reader.last < top for reader in readers):
        if asyncio.get_running_loop().time() > deadline:
            return
        await asyncio.sleep(0.05)


def _report(plan: Plan, readers: list[Reader], log: list[int], made: int, say: Say) -> int:
    report = Report(say)
    if log == list(range(1, len(log) + 1)):
        report.good(f"the log has {len(log)} events without a gap, for {made} changes")
    else:
        report.bad("the log has gaps", "this must not happen; keep the database and report it")
    for reader in readers:
        complaints = reader.complaints(log)
        delays = sorted(reader.delays)
        seen = f"{reader.name}: {len(reader.seqs)} events over {reader.connections} connections"
        if delays:
            seen += f", p50 {_at(delays, 0.5):.0f} ms, p99 {_at(delays, 0.99):.0f} ms"
        if complaints:
            report.bad(seen, "; ".join(complaints))
        elif delays and _at(delays, 0.5) > SLOW_MS:
            report.warn(
                seen, "slow: is Redis reachable from every replica, and do the clocks agree?"
            )
        else:
            report.good(seen)
    if len(set(plan.urls)) == 1:
        say("  (one address only; --replica-url checks that replicas tell each other)")
    return report.close()


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

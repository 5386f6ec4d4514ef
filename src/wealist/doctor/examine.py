"""The list of checks, and how one that fails by itself doesn't hide the others."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator

import structlog

from wealist import commands
from wealist.core.settings import Settings
from wealist.doctor import database, parts
from wealist.doctor.report import Report
from wealist.listener import StartError
from wealist.server import reason

PATIENCE = 30.0

Check = Callable[[Settings, Report], Awaitable[None]]


async def examine(settings: Settings, say: Callable[[str], None] = print) -> int:
    """Run every check and print each finding as it comes; 1 when something is broken."""
    report = Report(say)
    with _quiet():
        try:
            async with commands.database(settings) as found:
                await _guarded(database.database, found, report)
        except StartError as error:
            report.bad(f"PostgreSQL: {error}", "put that right, then run doctor again")
        for check in parts.CHECKS:
            await _guarded(check, settings, report)
    return report.close()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The findings are the log; what the parts log besides would only repeat them."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


async def _guarded(check: Check, settings: Settings, report: Report) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            await check(settings, report)
    except TimeoutError:
        report.bad(
            f"the check of the {check.__name__.replace('_', ' ')} took longer than {PATIENCE:g} s",
            "the network or the peer hangs: look at firewalls and at the peer's own log",
        )
    except BrokenPipeError:  # nobody reads on
        raise
    except Exception as error:
        report.bad(reason(error), "the check could not be finished")

"""Leases in PostgreSQL: of all processes, one at a time may call something its own.

A lease ends by itself when its holder stops renewing it, so a crashed process blocks nobody for
longer than the seconds it asked for. Time is PostgreSQL's, so clocks of replicas don't matter.
"""

import os
import secrets
import socket

from wealist.core import db

HOLDER = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
"""This process, readable for an operator and unique after a restart with the same pid."""

TAKE = """
    INSERT INTO core.lease AS held (name, holder, expires_at)
    VALUES ($1, $2, now() + $3 * interval '1 second')
    ON CONFLICT (name) DO UPDATE
        SET holder = excluded.holder, expires_at = excluded.expires_at
        WHERE held.expires_at < now() OR held.holder = excluded.holder
    RETURNING true
"""


async def take(name: str, seconds: float, *, holder: str = HOLDER) -> bool:
    """Take the lease, or renew it, for `seconds` from now; False when somebody else has it."""
    return bool(await db.fetch_value(TAKE, name, holder, float(seconds)))


async def release(*names: str, holder: str = HOLDER) -> None:
    """Give leases back; nothing happens to one that is somebody else's by now."""
    await db.execute(
        "DELETE FROM core.lease WHERE name = ANY($1) AND holder = $2", list(names), holder
    )


async def holder_of(name: str) -> str | None:
    """Who has it, if anybody has."""
    holder: str | None = await db.fetch_value(
        "SELECT holder FROM core.lease WHERE name = $1 AND expires_at >= now()", name
    )
    return holder

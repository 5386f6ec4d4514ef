"""When a person wants to hear from us: time zone, quiet hours, pause and digest."""

from datetime import datetime, time, timedelta
from uuid import UUID

from msgspec import UNSET, Struct, structs

from wealist.core import db
from wealist.core.errors import Invalid
from wealist.core.identity import Caller
from wealist.core.versions import expect
from wealist.core.wire import now
from wealist.noti import batches, bell, channels
from wealist.noti.delivery_wire import NotificationSettings, SettingsChange
from wealist.noti.quiet import EVERY_DAY, Digest, Times, time_zones


class _Row(Struct):
    time_zone: str
    quiet_start: time | None
    quiet_end: time | None
    quiet_days: list[int]
    paused_until: datetime | None
    digest: Digest
    digest_hour: int
    version: int


LONGEST_PAUSE = timedelta(days=366)

_COLUMNS = """
    time_zone, quiet_start, quiet_end, quiet_days, paused_until, digest, digest_hour, version
"""


async def hold(user_id: UUID) -> None:
    """Take the turn of changing what somebody wants until the commit. One row a person, made
    here with what counts anyway."""
    usual = Times()
    await db.execute(
        """
        INSERT INTO noti.settings AS s
            (user_id, time_zone, quiet_days, digest, digest_hour, updated_at, version)
        VALUES ($1, $2, $3, $4, $5, now(), 0)
        ON CONFLICT (user_id) DO UPDATE SET version = s.version
        """,
        user_id,
        usual.time_zone,
        list(usual.quiet_days),
        usual.digest,
        usual.digest_hour,
    )


async def view(caller: Caller) -> NotificationSettings:
    """The caller's settings, or those that count for whoever has none."""
    return _shown(await _row(caller.user_id))


async def _row(user_id: UUID) -> _Row:
    found = await db.fetch_one(
        _Row, f"SELECT {_COLUMNS} FROM noti.settings WHERE user_id = $1", user_id
    )
    if found is not None:
        return found
    return _Row(**{**structs.asdict(Times()), "quiet_days": list(EVERY_DAY)}, version=0)


def _shown(row: _Row) -> NotificationSettings:
    return NotificationSettings(
        row.time_zone,
        None if row.quiet_start is None else f"{row.quiet_start:%H:%M}",
        None if row.quiet_end is None else f"{row.quiet_end:%H:%M}",
        row.quiet_days,
        row.paused_until,
        row.digest,
        row.digest_hour,
        channels.offered(channels.EMAIL),
        channels.offered(channels.PUSH),
        row.version,
    )


async def change(
    caller: Caller, change: SettingsChange, expected: int | None
) -> NotificationSettings:
    """Change what `change` names; it counts for what waits already, too.

    Raises `Invalid` for a zone that there isn't, half of the quiet hours, or too long a pause,
    `PreconditionFailed` when `expected` is old.
    """
    if change.time_zone is not UNSET and change.time_zone not in time_zones():
        raise Invalid("must be the name of a time zone, such as Europe/Berlin", field="timeZone")
    async with db.transaction():
        await hold(caller.user_id)
        row = await _row(caller.user_id)
        expect(expected, row.version, _shown(row))
        named = {
            name: value
            for name in structs.asdict(change)
            if (value := getattr(change, name)) is not UNSET
        }
        for name in ("quiet_start", "quiet_end"):
            if named.get(name):
                named[name] = time.fromisoformat(named[name])
        if named.get("paused_until"):
            named["paused_until"] = _pause(named["paused_until"])
        if "quiet_days" in named:
            named["quiet_days"] = sorted(set(named["quiet_days"]))
        row = structs.replace(row, **named, version=row.version + 1)
        if (row.quiet_start is None) != (row.quiet_end is None):
            raise Invalid("needs quietEnd, and the other way round", field="quietStart")
        if row.quiet_start is not None and row.quiet_start == row.quiet_end:
            raise Invalid("must differ from quietStart", field="quietEnd")
        return await _save(caller.user_id, row)


def _pause(until: datetime) -> datetime | None:
    """A pause that is over is none. Raises `Invalid` for one that is too long."""
    if until > now() + LONGEST_PAUSE:
        raise Invalid("must be within a year", field="pausedUntil")
    return until if until > now() else None


async def _save(user_id: UUID, row: _Row) -> NotificationSettings:
    await db.execute(
        f"""
        UPDATE noti.settings SET ({_COLUMNS}, updated_at)
            = ($2, $3, $4, $5, $6, $7, $8, $9, $10) WHERE user_id = $1
        """,
        user_id,
        *structs.astuple(row),
        now(),
    )
    if row.digest == "OFF":
        await drop_mail(user_id)
    await batches.hurry(user_id)
    shown = _shown(row)
    bell.ring(user_id, "settings-changed", shown, actor=user_id)
    return shown


async def stop_mail(user_id: UUID) -> None:
    """Send somebody no e-mail at all, for a link that he has followed; what waits neither."""
    await hold(user_id)
    row = await _row(user_id)
    if row.digest != "OFF":
        await _save(user_id, structs.replace(row, digest="OFF", version=row.version + 1))


async def drop_mail(user_id: UUID, workspace_id: UUID | None = None) -> None:
    """Don't send what waits to be mailed to somebody: all of it, or that of one workspace."""
    await db.execute(
        """
        UPDATE noti.deliveries d SET state = 'DROPPED', taken_until = NULL
        FROM noti.notifications n
        WHERE d.target_id = $1 AND d.channel = 'EMAIL' AND d.state = 'WAITING'
          AND n.id = d.notification_id AND n.workspace_id = coalesce($2, n.workspace_id)
        """,
        user_id,
        workspace_id,
    )

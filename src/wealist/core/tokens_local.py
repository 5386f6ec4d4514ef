"""The token store of a process that is alone: an SQLite file, so that a logout survives a restart.

Statements take some ten microseconds and never wait for the disk (WAL, `synchronous=NORMAL`), so
they run on the event loop. A crash of the machine may lose the last moments, one of the process
doesn't.
"""

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal
from uuid import UUID

import msgspec

from wealist.core.errors import Unavailable
from wealist.core.settings import SettingsError
from wealist.core.token_pairs import Outcome, Pair, Replayed, Reused, Rotated, Unknown

PURGE_EVERY = 60.0
BUSY_SECONDS = 1.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS family (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, live INTEGER NOT NULL,
    refresh_id TEXT NOT NULL, pair BLOB NOT NULL, expires REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS family_user ON family (user_id);
CREATE INDEX IF NOT EXISTS family_expires ON family (expires);
CREATE TABLE IF NOT EXISTS exchanged (
    refresh_id TEXT PRIMARY KEY, family TEXT NOT NULL, excused_until REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS exchanged_until ON exchanged (excused_until);
CREATE TABLE IF NOT EXISTS used (key TEXT PRIMARY KEY, expires REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS used_expires ON used (expires);
"""


class LocalTokenStore:
    """Families in SQLite; see `TokenStore`. Use it in the thread that made it.

    Raises `SettingsError` when the file can't be used.
    """

    def __init__(self, path: Path | Literal[":memory:"]) -> None:
        self._purged_at = 0.0
        try:
            if isinstance(path, Path):
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.touch(mode=0o600)
            self._db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise SettingsError(
                [f"{path}: {error}; without this file everybody signs in again"]
            ) from error

    async def start(self, pair: Pair, *, now: float, ttl: float) -> None:
        with self._transaction() as db:
            self._purge(db)
            db.execute(
                "INSERT OR REPLACE INTO family VALUES (?, ?, 1, ?, ?, ?)",
                (
                    pair.family,
                    str(pair.user_id),
                    pair.refresh_id,
                    msgspec.json.encode(pair),
                    now + ttl,
                ),
            )

    async def rotate(
        self, presented: str, successor: Pair, *, now: float, grace: float, ttl: float
    ) -> Outcome:
        with self._transaction() as db:
            self._purge(db)
            row = db.execute(
                """
                SELECT f.live, f.refresh_id, f.pair, e.excused_until
                FROM family f LEFT JOIN exchanged e ON e.refresh_id = ? AND e.family = f.id
                WHERE f.id = ? AND f.expires > ?
                """,
                (presented, successor.family, now),
            ).fetchone()
            if row is None:
                return Unknown()
            live, refresh_id, pair, excused_until = row
            if not live:
                return Reused()
            if refresh_id != presented:
                if excused_until is not None and now < excused_until:
                    return Replayed(msgspec.json.decode(pair, type=Pair))
                db.execute("UPDATE family SET live = 0 WHERE id = ?", (successor.family,))
                return Reused()
            db.execute(
                "UPDATE family SET refresh_id = ?, pair = ?, expires = ? WHERE id = ?",
                (
                    successor.refresh_id,
                    msgspec.json.encode(successor),
                    now + ttl,
                    successor.family,
                ),
            )
            db.execute(
                "INSERT OR REPLACE INTO exchanged VALUES (?, ?, ?)",
                (presented, successor.family, now + grace),
            )
            return Rotated()

    async def revoked(self, family: str) -> bool:
        with _told():
            row = self._db.execute(
                "SELECT live FROM family WHERE id = ? AND expires > ?", (family, time.time())
            ).fetchone()
        return row is None or not row[0]

    async def revoked_among(self, families: Sequence[str]) -> set[str]:
        return {family for family in families if await self.revoked(family)}

    async def revoke_family(self, family: str) -> None:
        with self._transaction() as db:
            db.execute("UPDATE family SET live = 0 WHERE id = ?", (family,))

    async def revoke_user(self, user_id: UUID) -> None:
        with self._transaction() as db:
            db.execute("UPDATE family SET live = 0 WHERE user_id = ?", (str(user_id),))

    async def use_once(self, key: str, *, ttl: float) -> bool:
        now = time.time()
        with self._transaction() as db:
            self._purge(db)
            db.execute("DELETE FROM used WHERE key = ? AND expires <= ?", (key, now))
            new = db.execute("INSERT OR IGNORE INTO used VALUES (?, ?)", (key, now + ttl))
            return new.rowcount == 1

    async def close(self) -> None:
        self._db.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with _told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _purge(self, db: sqlite3.Connection) -> None:
        """Drop what is over, at most once a minute."""
        now = time.time()
        if now - self._purged_at < PURGE_EVERY:
            return
        self._purged_at = now
        db.execute("DELETE FROM family WHERE expires <= ?", (now,))
        db.execute("DELETE FROM exchanged WHERE excused_until <= ?", (now,))
        db.execute("DELETE FROM used WHERE expires <= ?", (now,))


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        # Locked by another process, disk full, or not writable any more.
        raise Unavailable("sign-in can't be checked at the moment; try again") from error

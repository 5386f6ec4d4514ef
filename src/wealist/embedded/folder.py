"""The data directory of an embedded PostgreSQL: who may use it, and what lies beside the data.

DIR/lock            held by the weAlist process that owns the directory; holds its pid
DIR/server.lock     inherited by PostgreSQL and all its backends: free when the last has gone
DIR/cluster/        PostgreSQL's own data directory, 0700, owned by the server's user
DIR/postgres.log    what initdb and the server said, the earlier part in postgres.log.1
DIR/scratch.NAME    a link to a short-lived folder outside, if one is needed
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from wealist.embedded import account
from wealist.embedded.process import EmbeddedError

_FAREWELL_SECONDS = 15.0
_LOG_BYTES = 2 << 20
# A socket's path has 103 usable bytes on macOS and 107 on Linux, the file's name included.
_SOCKET_DIRECTORY_BYTES = 103 - len("/.s.PGSQL.5432")


class AlreadyRunning(EmbeddedError):
    """Another process owns the data directory; the message is one line."""


class Occupied(AlreadyRunning):
    """That process is a weAlist, `owner` says which: its pid, if it has written that already."""

    def __init__(self, path: Path, owner: str) -> None:
        super().__init__(
            f"{path} is in use by another weAlist process ({owner or 'just starting'}): "
            "stop it, or choose another data directory (WEALIST_DATA_DIR)."
        )
        self.owner = owner


class Folder:
    """A data directory that this process has to itself until `release`."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.cluster = self.path / "cluster"
        self.log = self.path / "postgres.log"
        self.server_lock = -1
        self._release = contextlib.ExitStack()

    async def claim(self, tell: Callable[[str], None]) -> None:
        """Take it. A predecessor that was killed gets a moment to shut its server down.

        AlreadyRunning when another process has it, EmbeddedError when it cannot be written.
        """
        try:
            await self._claim(tell)
        except OSError as error:
            self.release()
            raise EmbeddedError(f"{self.path} cannot be used: {error}") from error
        except BaseException:
            self.release()
            raise

    async def _claim(self, tell: Callable[[str], None]) -> None:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._claim_own()
        await self._claim_server(tell)
        self._clear_scratch()
        self._start_log()
        if sys.platform == "linux":
            self._clear_pid_files()

    def release(self) -> None:
        """Give it back; the server must have ended."""
        self._release_server()
        self._release.close()

    async def renew(self) -> None:
        """Make it fit for a new server after the old one has died; it stays ours meanwhile.

        Waits for the backends of the old one. AlreadyRunning when they don't end.
        """
        self._release_server()  # the lock is theirs too, so it shows when the last has gone
        await self._claim_server(lambda _: None)
        self._start_log()
        if sys.platform == "linux":
            self._clear_pid_files()

    def _release_server(self) -> None:
        if self.server_lock >= 0:
            os.close(self.server_lock)
            self.server_lock = -1

    def socket_directory(self) -> Path:
        """Where clients find the socket: the cluster, or a short link to it."""
        if len(os.fsencode(self.cluster)) <= _SOCKET_DIRECTORY_BYTES:
            return self.cluster
        link = self._scratch(account.scratch()) / "s"
        link.symlink_to(self.cluster)
        return link

    def readable_copy(self, install: Path) -> Path:
        """A copy of the programs that everybody may run, until `release`."""
        folder = self._scratch(account.scratch(public_for=install / "bin" / "postgres"))
        return account.readable_copy(install, folder)

    def _claim_own(self) -> None:
        file = self._lock("lock")
        if file is None:
            raise Occupied(self.path, (self.path / "lock").read_text().strip())
        self._release.callback(os.close, file)
        os.truncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)

    async def _claim_server(self, tell: Callable[[str], None]) -> None:
        deadline = monotonic() + _FAREWELL_SECONDS
        told = False
        while (file := self._lock("server.lock")) is None:
            if monotonic() > deadline:
                raise AlreadyRunning(
                    f"{self.path} is still in use by a PostgreSQL whose main process or whose "
                    "weAlist was killed: wait until it has ended."
                )
            if not told:
                tell("Waiting for the PostgreSQL of the previous run to stop")
                told = True
            await asyncio.sleep(0.01)
        self.server_lock = file

    def _lock(self, name: str) -> int | None:
        file = self._open(name)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        return file

    def _open(self, name: str) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(self.path / name, flags, 0o600)
        if os.geteuid() == 0:  # in a folder of somebody else: he must be able to use it afterwards
            os.fchown(file, self.path.stat().st_uid, -1)
        return file

    def _scratch(self, folder: Path) -> Path:
        """Remove it at release, or at the next claim if we get killed; keep tmp cleaners away."""
        self._release.callback(shutil.rmtree, folder, ignore_errors=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._release.callback(os.close, handle)
        fcntl.flock(handle, fcntl.LOCK_SH)  # systemd-tmpfiles passes by folders that are locked
        note = self.path / f"scratch.{folder.name}"
        note.symlink_to(folder)
        self._release.callback(note.unlink, missing_ok=True)
        return folder

    def _clear_scratch(self) -> None:
        for note in self.path.glob(f"scratch.{account.SCRATCH_PREFIX}*"):
            folder = note.readlink()
            ours = folder.parent in account.scratch_places() and not folder.is_symlink()
            if ours and folder.name == note.name.removeprefix("scratch.") and folder.is_dir():
                shutil.rmtree(folder, ignore_errors=True)
            note.unlink()

    def _start_log(self) -> None:
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        os.close(self._open(self.log.name))

    def _clear_pid_files(self) -> None:
        """Remove what a killed server left: its pid may belong to any process of ours by now.

        PostgreSQL itself would refuse to start then. The lock says that no server of ours is
        left; the working directory of the process says whether it's one started by hand.
        """
        pid_file = self.cluster / "postmaster.pid"
        if not pid_file.exists():
            return
        pid = pid_file.read_text().partition("\n")[0].strip()
        try:
            started_by_hand = Path(f"/proc/{pid}/cwd").samefile(self.cluster)
        except OSError:  # gone, or another user's
            started_by_hand = False
        if started_by_hand:
            raise AlreadyRunning(f"{self.path} is in use by PostgreSQL, process {pid}: stop it.")
        pid_file.unlink()
        (self.cluster / ".s.PGSQL.5432.lock").unlink(missing_ok=True)

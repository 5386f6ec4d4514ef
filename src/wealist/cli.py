"""The command line: parse, call, print. Exit status 0 fine, 1 failed, 2 wrong settings or usage.

Settings come from the environment; the few that a flag can set, the flag wins. Everything heavy
is imported by the command that needs it.
"""

import argparse
import asyncio
import importlib.metadata
import os
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from wealist.core.environment import from_env
from wealist.core.settings import Settings, SettingsError

Command = Callable[[Settings, argparse.Namespace], int]

FLAGS = {
    "host": ("WEALIST_HOST", "address of the public port"),
    "port": ("WEALIST_PORT", "public port; 0 takes a free one"),
    "internal_port": ("WEALIST_INTERNAL_PORT", "port of metrics and the internal API"),
    "data_dir": ("WEALIST_DATA_DIR", "where the embedded parts keep their data"),
}


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run one command; returns the exit status."""
    arguments = parser().parse_args(argv)
    try:
        settings = from_env(_environment(arguments, os.environ if environ is None else environ))
    except SettingsError as error:
        for problem in error.problems:
            print(f"wealist: {problem}", file=sys.stderr)
        return 2
    try:
        status: int = arguments.command(settings, arguments)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `wealist routes | head`
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - lives until the process ends
        return 1
    return status


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(
        prog="wealist",
        description="A self-hosted collaboration backend in one process.",
        epilog="Settings are environment variables; the README lists them.",
    )
    top.add_argument("--version", action="version", version=_version())
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    serve = _command(commands, "serve", "run the server until SIGTERM", _serve)
    for name in ("host", "port", "internal_port"):
        _flag(serve, name)
    _command(commands, "migrate", "bring the database's schema to this version", _migrate)
    doctor = _command(commands, "doctor", "check every part and say what to do", _doctor)
    _flag(doctor, "port")
    routes = _command(commands, "routes", "list the routes of both ports", _routes)
    routes.add_argument("--json", action="store_true", help="as an array of {method, path}")

    live = _command(
        commands, "check-realtime", "prove live boards on a running installation", _check_realtime
    )
    live.add_argument("--url", default="http://localhost:8080", help="address of the installation")
    live.add_argument("--replica-url", metavar="URL", help="address of another replica of it")
    live.add_argument("--token", default="", help="access token; else test sign-in is used")
    live.add_argument("--events", type=int, default=500, help="changes to make (500)")
    live.add_argument("--readers", type=int, default=8, help="connections that listen (8)")

    jobs = commands.add_parser("jobs", help="background jobs").add_subparsers(
        required=True, metavar="COMMAND"
    )
    run = _command(jobs, "run", "run one job once, now", _run_job)
    run.add_argument("name", metavar="NAME")
    _command(jobs, "list", "list the jobs and how often they run", _list_jobs)
    return top


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    text: str,
    call: Command,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text)
    _flag(command, "data_dir")
    command.set_defaults(command=call)
    return command


def _flag(command: argparse.ArgumentParser, name: str) -> None:
    variable, text = FLAGS[name]
    option = "--" + name.replace("_", "-")
    metavar = name.rsplit("_", 1)[-1].upper()
    command.add_argument(option, dest=name, metavar=metavar, help=f"{text} ({variable})")


def _environment(arguments: argparse.Namespace, environ: Mapping[str, str]) -> dict[str, str]:
    given = {name: getattr(arguments, name, None) for name in FLAGS}
    return {
        **environ,
        **{FLAGS[name][0]: value for name, value in given.items() if value is not None},
    }


def _version() -> str:
    return f"weAlist {importlib.metadata.version('wealist')}"


def _serve(settings: Settings, _: argparse.Namespace) -> int:
    from wealist import server

    return server.serve(settings)


def _migrate(settings: Settings, _: argparse.Namespace) -> int:
    from wealist import commands

    return _finish(commands.migrate(settings))


def _doctor(settings: Settings, _: argparse.Namespace) -> int:
    from wealist import doctor

    return _finish(doctor.examine(settings))


def _routes(settings: Settings, arguments: argparse.Namespace) -> int:
    from wealist import commands

    return commands.print_routes(settings, as_json=arguments.json)


def _check_realtime(_: Settings, arguments: argparse.Namespace) -> int:
    from wealist.doctor.realtime.check import Plan, check

    given = (arguments.url, arguments.replica_url or arguments.url)
    urls = [url.rstrip("/") for url in given]
    plan = Plan(urls, max(1, arguments.events), max(1, arguments.readers), arguments.token)
    return _finish(check(plan))


def _run_job(settings: Settings, arguments: argparse.Namespace) -> int:
    from wealist import commands

    return _finish(commands.run_job(settings, arguments.name))


def _list_jobs(_: Settings, __: argparse.Namespace) -> int:
    from wealist import commands

    return commands.list_jobs()


def _finish(work: Coroutine[Any, Any, int]) -> int:
    """Run a command to its end; an expected failure is one line."""
    from wealist.server import reason

    try:
        return asyncio.run(work)
    except BrokenPipeError:
        raise
    except Exception as error:
        print(f"wealist: {reason(error)}", file=sys.stderr)
        return 1

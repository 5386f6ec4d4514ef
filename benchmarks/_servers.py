"""Servers that a benchmark starts, and what it asks of them before it measures."""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

WORKSPACES = 5
"""Of the `person`."""
PATIENCE = 60.0
USER = "/svc/user/api/workspaces"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def answers(port: int, path: str = "/svc/user/health/ready") -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


@contextlib.contextmanager
def started(command: list[str], env: Mapping[str, str], output: Path) -> Iterator[psutil.Popen]:
    """A server process that ends with the block; it can be written to."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with output.open("wb") as file:
        child = psutil.Popen(
            [sys.executable, "-m", *command],
            cwd=Path(__file__).parents[1],
            env={**inherited, **env},
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=file,
        )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(20)
        except psutil.TimeoutExpired:
            child.kill()


def until_ready(process: psutil.Process, port: int, path: str, output: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not answers(port, path):
        if process.status() == psutil.STATUS_ZOMBIE or time.monotonic() > deadline:
            raise SystemExit(output.read_text() or f"nobody answers on port {port}")
        time.sleep(0.02)


@contextlib.contextmanager
def serving(folder: Path, database_url: str, **env: str) -> Iterator[tuple[psutil.Popen, int]]:
    """A weAlist that is ready, and its port. Its data is in `folder`; anybody may sign in; unless
    `env` says otherwise it limits no rates and logs warnings only."""
    port, log = free_port(), folder / "wealist.log"
    command = ["wealist", "serve", "--port", str(port), "--internal-port", "0"]
    defaults = {
        "DATABASE_URL": database_url,
        "ENABLE_TEST_AUTH": "true",
        "RATE_LIMIT_ENABLED": "false",
        "WEALIST_DATA_DIR": str(folder / "data"),
        "LOG_LEVEL": "warn",
    }
    with started(command, defaults | env, log) as server:
        until_ready(server, port, "/svc/user/health/ready", log)
        yield server, port


def post(port: int, path: str, body: Mapping[str, Any], token: str = "") -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection.request("POST", path, json.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status >= 300:
        raise SystemExit(f"POST {path}: {answer.status} {text.decode()}")
    found: dict[str, Any] = json.loads(text)
    return found


def person(port: int) -> tuple[str, str]:
    """Somebody with a few workspaces: his access token and his id."""
    signed_in = post(port, "/svc/auth/api/test/token", {"email": "ann@example.com", "name": "Ann"})
    token = signed_in["accessToken"]
    for number in range(WORKSPACES):
        body = {"workspaceName": f"Workspace {number}", "workspaceDescription": "What we do here"}
        post(port, f"{USER}/create", body, token)
    return token, signed_in["userId"]


def project(port: int, token: str) -> str:
    """The id of a new project in a new workspace."""
    workspace = post(port, f"{USER}/create", {"workspaceName": "Bench"}, token)
    body = {"workspaceId": workspace["workspaceId"], "name": "Bench"}
    made: str = post(port, "/svc/board/api/projects", body, token)["data"]["projectId"]
    return made

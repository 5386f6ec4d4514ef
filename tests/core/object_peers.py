"""Peers of the object store's tests: moto's S3 server, a gateway that checks signatures as S3
does (moto doesn't), and a server for the local store's routes."""

import asyncio
import contextlib
import hashlib
import hmac
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote

import httpx
import uvicorn
from litestar import Litestar, Request, Response

from wealist.core import objects, objects_http, server_secret
from wealist.core.errors import AppError

ACCESS_KEY, SECRET_KEY = "AKIAEXAMPLEEXAMPLE00", "an example's secret"

_ANY_SIGNATURE = (
    f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20260101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=0"
)

# Ends with its standard input, so that it can't outlive a killed test run.
_MOTO = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
from moto.server import main
main(["-H", "127.0.0.1", "-p", sys.argv[1]])
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def wait_for_port(process: "subprocess.Popen[bytes]", port: int) -> None:
    """Return once a peer's process listens; fails when it ends or takes 30 seconds."""
    deadline = time.monotonic() + 30
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        assert process.poll() is None, "the peer ended"
        assert time.monotonic() < deadline, "the peer did not start"
        time.sleep(0.05)


@contextlib.contextmanager
def moto(port: int) -> Iterator[str]:
    """A real S3-like server process; yields its address."""
    process = subprocess.Popen(
        [sys.executable, "-c", _MOTO, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_port(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()


@contextlib.contextmanager
def own_stores() -> Iterator[None]:
    """Whatever is opened inside, tests that come later find the store that they left."""
    store, secret = objects._store, server_secret._secret
    try:
        yield
    finally:
        objects._store, server_secret._secret = store, secret
        server_secret._derived.clear()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(app: Any) -> AsyncIterator[int]:
    """A real HTTP server on this loop; yields its port."""
    # Named in full: asyncio sends small packets at once only on sockets that say they are TCP.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task
        listener.close()


def object_routes() -> Litestar:
    """The local store's routes alone, with errors as `{"message"}`."""

    def render(_: Request[Any, Any, Any], error: AppError) -> Response[dict[str, str]]:
        return Response({"message": error.message}, status_code=error.status)

    return Litestar(objects_http.handlers, exception_handlers={AppError: render})


class Gateway:
    """What stands before the bucket in a cluster: strips `prefix`, keeps the host.

    Answers 403 like S3 unless the signature in the query is right for the path *without* the
    prefix and for the headers as they arrive, by the published algorithm.
    """

    def __init__(self, upstream: str, prefix: str) -> None:
        self.prefix = prefix
        self.client = httpx.AsyncClient(base_url=upstream)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["raw_path"].decode()
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        if not path.startswith(f"{self.prefix}/"):
            await _reply(send, 404, [], b"")
            return
        path = path.removeprefix(self.prefix)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        query = scope["query_string"].decode()
        problem = signature_problem(scope["method"], path, query, headers)
        if problem:
            await _reply(send, 403, [], f"<Error><Code>{problem}</Code></Error>".encode())
            return
        answer = await self.client.request(
            # moto checks no signature, but takes a request without this header for a stranger's.
            scope["method"],
            f"{path}?{query}",
            headers=headers | {"authorization": _ANY_SIGNATURE},
            content=body,
        )
        kept = [(k, v) for k, v in answer.headers.raw if k.lower() not in (b"connection", b"date")]
        await _reply(send, answer.status_code, kept, answer.content)


async def _reply(send: Any, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def signature_problem(method: str, path: str, query: str, headers: dict[str, str]) -> str | None:
    """S3's error code for a presigned request, `None` if it is valid (Signature Version 4)."""
    given = dict(parse_qsl(query, keep_blank_values=True))
    if "X-Amz-Signature" not in given:
        return "AccessDenied"
    access, *scope = given["X-Amz-Credential"].split("/")
    if access != ACCESS_KEY:
        return "InvalidAccessKeyId"
    signature = given.pop("X-Amz-Signature")
    signed = given["X-Amz-SignedHeaders"].split(";")
    pairs = sorted((quote(k, safe="-_.~"), quote(v, safe="-_.~")) for k, v in given.items())
    canonical = "\n".join(
        [
            method,
            path,
            "&".join(f"{k}={v}" for k, v in pairs),
            *(f"{name}:{headers.get(name, '').strip()}" for name in signed),
            "",
            ";".join(signed),
            "UNSIGNED-PAYLOAD",
        ]
    )
    to_sign = "\n".join(
        [
            "AWS4-HMAC-SHA256",
            given["X-Amz-Date"],
            "/".join(scope),
            hashlib.sha256(canonical.encode()).hexdigest(),
        ]
    )
    key = f"AWS4{SECRET_KEY}".encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    if not hmac.compare_digest(hmac.digest(key, to_sign.encode(), "sha256").hex(), signature):
        return "SignatureDoesNotMatch"
    made = datetime.strptime(given["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    age = (datetime.now(UTC) - made).total_seconds()
    return "AccessDenied" if age > int(given["X-Amz-Expires"]) else None

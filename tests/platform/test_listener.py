"""One listening port: its limits, and how it ends."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import websockets

from wealist import listener
from wealist.core.settings import Settings
from wealist.listener import Server, StartError, bind


class App:
    """An ASGI app whose requests end when they are let go, and whose sockets wait for words."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()
        self.cancelled = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            while (await receive())["type"] != "websocket.disconnect":
                pass
            return
        while (await receive()).get("more_body"):
            pass
        self.arrived.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})


@asynccontextmanager
async def served(app: App, **settings: Any) -> AsyncIterator[tuple[Server, str]]:
    server = Server(app, bind("127.0.0.1", 0, "--port"), Settings(**settings))
    await server.begin()
    try:
        yield server, f"127.0.0.1:{server.port}"
    finally:
        app.go.set()
        if not server.should_exit:
            await server.end()


async def exchange(port: int, data: bytes) -> bytes:
    """Send raw bytes and return all that comes back until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answer


async def test_a_head_of_sixteen_kilobytes_passes() -> None:
    async with served(App()) as (_, address), httpx.AsyncClient() as client:
        answer = await client.get(f"http://{address}/", headers={"authorization": "x" * 16_384})
    assert answer.status_code == 200
    assert "server" not in answer.headers


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"a" * 40_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"a" * 40_000,
    ],
    ids=["one long header", "a long address", "a header without an end"],
)
async def test_a_head_beyond_the_limit_is_refused(head: bytes) -> None:
    async with served(App()) as (server, _):
        answer = await exchange(server.port, head)
    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_a_large_body_is_no_large_head() -> None:
    body = b"b" * 200_000
    head = b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
    async with served(App()) as (server, _):
        answer = await exchange(server.port, head % len(body) + body)
    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_bytes_that_are_no_http_are_answered_with_400() -> None:
    async with served(App()) as (server, _):
        assert (await exchange(server.port, b"\x16\x03\x01nonsense\r\n\r\n")).startswith(
            b"HTTP/1.1 400 "
        )


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nhost: a\r\n"])
async def test_a_head_that_never_ends_is_not_waited_for(
    begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "HEAD_SECONDS", 0.2)
    async with served(App()) as (server, _):
        assert await exchange(server.port, begun) == b""


async def test_a_second_request_on_the_same_connection_has_its_own_time_and_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener, "HEAD_SECONDS", 0.3)
    async with served(App()) as (_, address), httpx.AsyncClient() as client:
        for _ in range(4):
            answer = await client.get(f"http://{address}/", headers={"x": "a" * 16_384})
            assert answer.status_code == 200
            await asyncio.sleep(0.15)


async def test_at_the_end_a_running_request_is_finished_and_nobody_new_gets_in() -> None:
    app = App()
    app.go.clear()
    async with served(app) as (server, address), httpx.AsyncClient() as client:
        request = asyncio.create_task(client.get(f"http://{address}/"))
        await app.arrived.wait()
        server.refuse_new()
        ending = asyncio.create_task(server.end())
        await asyncio.sleep(0.2)
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://{address}/")
        assert not ending.done()
        app.go.set()
        await ending
        assert (await request).text == "done"


async def test_at_the_end_a_request_that_takes_too_long_is_cancelled() -> None:
    app = App()
    app.go.clear()
    async with served(app, stop_seconds=1) as (server, address), httpx.AsyncClient() as client:
        request = asyncio.create_task(client.get(f"http://{address}/"))
        await app.arrived.wait()
        await server.end()
        assert app.cancelled
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)


async def test_at_the_end_sockets_are_told_to_come_back() -> None:
    async with served(App()) as (server, at), websockets.connect(f"ws://{at}/") as client:
        await server.end()
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await client.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012


async def test_a_socket_whose_address_holds_a_long_token_opens() -> None:
    token = "t" * 12_000
    async with served(App()) as (_, at), websockets.connect(f"ws://{at}/?token={token}") as client:
        await client.send("hello")


async def test_a_message_beyond_64_kilobytes_closes_the_socket() -> None:
    async with served(App()) as (_, at), websockets.connect(f"ws://{at}/") as client:
        await client.send("x" * (65 << 10))
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await client.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


def test_a_taken_port_is_named_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartError) as refused:
            bind("127.0.0.1", port, "--port")
    assert f"port {port} is taken" in str(refused.value)
    assert "--port" in str(refused.value)


def test_two_processes_cannot_share_a_port_before_either_accepts() -> None:
    first = bind("127.0.0.1", 0, "--port")
    with first, pytest.raises(StartError):
        bind("127.0.0.1", first.getsockname()[1], "--port")


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.7"])
def test_a_host_that_is_not_this_machine_is_one_clear_line(host: str) -> None:
    with pytest.raises(StartError) as refused:
        bind(host, 0, "--port")
    assert host in str(refused.value)
    assert "\n" not in str(refused.value)

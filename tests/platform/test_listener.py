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
from wealist.core.quick import QUICK
from wealist.core.settings import Settings
from wealist.listener import Server, StartError, bind
from wealist.socket_protocol import QUICK_SECONDS


class App:
    """An ASGI app whose requests end when they are let go, and whose sockets wait for words."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()
        self.cancelled = False
        self.headers: list[dict[bytes, bytes]] = []
        self.bodies: list[int] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            while (await receive())["type"] != "websocket.disconnect":
                pass
            return
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        self.headers.append(dict(scope["headers"]))
        self.bodies.append(size)
        self.arrived.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})


@asynccontextmanager
async def served(app: Any, **settings: Any) -> AsyncIterator[tuple[Server, str]]:
    server = Server(app, bind("127.0.0.1", 0, "--port"), Settings(**settings))
    await server.begin()
    try:
        yield server, f"127.0.0.1:{server.port}"
    finally:
        if isinstance(app, App):
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


CHUNKED = b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"


async def test_a_chunked_body_of_five_megabytes_passes() -> None:
    app = App()
    chunks = b"10000\r\n%b\r\n" % (b"b" * 65_536) * 80
    single = b"1\r\nb\r\n" * 100_000
    async with served(app) as (server, _):
        for body in (chunks, single):
            answer = await exchange(server.port, CHUNKED + body + b"0\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200 ")
    assert app.bodies == [80 * 65_536, 100_000]


async def test_many_requests_in_one_piece_are_all_answered() -> None:
    head = b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"a" * 4096 + b"\r\n"
    async with served(App()) as (server, _):
        answers = await exchange(
            server.port, (head + b"\r\n") * 30 + head + b"connection: close\r\n\r\n"
        )
    assert answers.count(b"HTTP/1.1 200 ") == 31


@pytest.mark.parametrize("together", [True, False])
async def test_a_trailer_is_no_header(together: bool) -> None:
    app = App()
    trailers = b"Authorization: Bearer stolen\r\nX-Request-Id: forged\r\nHost: b\r\n\r\n"
    async with served(app) as (server, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(CHUNKED + b"2\r\n{}\r\n0\r\n")
        if not together:
            await asyncio.sleep(0.1)
        writer.write(trailers)
        assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 200 ")
        writer.close()
    (headers,) = app.headers
    assert headers.keys() == {b"host", b"connection", b"transfer-encoding"}
    assert headers[b"host"] == b"a"


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"0\r\n", b"x-trailer: " + b"t" * 1000 + b"\r\n"),
        (b"0\r\nx-trailer: ", b"t" * 1000),
        (b"1;x=", b"e" * 1000),
    ],
    ids=["many trailers", "a long trailer", "a long chunk extension"],
)
async def test_what_is_neither_head_nor_body_is_cut_off(begin: bytes, more: bytes) -> None:
    async with served(App()) as (server, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(CHUNKED + begin)
        sent = 0
        answer = asyncio.create_task(reader.read())
        try:
            while not answer.done() and sent < 1 << 20:
                for protocol in server.server_state.connections:
                    assert len(getattr(protocol, "headers", None) or ()) <= 3
                writer.write(more)
                await writer.drain()
                sent += len(more)
                await asyncio.sleep(0)
            assert (await asyncio.wait_for(answer, 5)).startswith(b"HTTP/1.1 431 ")
        except ConnectionError:
            pass
        finally:
            answer.cancel()
            writer.close()
        assert sent < 1 << 19


@pytest.mark.parametrize("late", [b"b", b"\r\n"], ids=["a body nobody reads", "blank lines"])
async def test_bytes_that_trickle_in_after_an_answer_do_not_hold_the_connection(
    late: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hasty(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    monkeypatch.setattr(listener, "KEEP_ALIVE_SECONDS", 0.5)
    length = 10_000 if late == b"b" else 0
    async with served(hasty) as (server, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % length)
        answer = asyncio.create_task(reader.read())
        for _ in range(100):
            if answer.done():
                break
            writer.write(late)
            await asyncio.sleep(0.05)
        assert answer.done()
        writer.close()


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


async def test_every_pipelined_request_learns_that_its_client_has_left() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        seen.append((await receive())["type"])

    async with served(app) as (server, _):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
        await asyncio.sleep(0.1)
        writer.transport.abort()
        async with asyncio.timeout(5):
            while not seen:
                await asyncio.sleep(0.01)
    assert seen[0] == "http.disconnect"


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


HANDSHAKE = (
    b"GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


async def test_a_socket_stays_open_however_its_handshake_arrived(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(listener, "KEEP_ALIVE_SECONDS", 0.2)
    async with served(App()) as (server, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HANDSHAKE)
        await asyncio.sleep(0.05)
        writer.write(b"\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.5)
        writer.close()


@pytest.mark.parametrize(
    "more",
    [
        b"content-length: 5\r\n\r\nb",
        b"content-length: 1\r\n\r\nb",
        b"transfer-encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\r\n",
        b"x: y\r\n" * 200 + b"\r\n",
    ],
    ids=["half a body", "a body", "a chunked body", "200 headers"],
)
async def test_a_handshake_that_cannot_be_read_is_refused_and_does_not_disturb_the_end(
    more: bytes,
) -> None:
    async with served(App()) as (server, at):
        assert (await exchange(server.port, HANDSHAKE + more)).startswith(b"HTTP/1.1 400 ")
        # Nor does one whose client stays to the end.
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HANDSHAKE + more)
        async with websockets.connect(f"ws://{at}/"):
            await server.end()
        writer.close()


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


# --- sockets ---------------------------------------------------------------------------------


class Quick:
    """A socket whose handler has `hello` answered without being woken, and counts what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        scope["extensions"][QUICK]["register"](lambda data: b"hi" if data == b"hello" else None)
        await send({"type": "websocket.send", "text": "ready"})
        while (message := await receive())["type"] != "websocket.disconnect":
            self.heard.append(message["text"])


async def test_quick_answers_wake_nobody_and_whoever_hurries_is_heard_by_the_handler() -> None:
    app = Quick()
    async with served(app) as (_, address), websockets.connect(f"ws://{address}/") as client:
        assert await client.recv() == "ready"
        for text in ("hello", "hello", "other"):
            await client.send(text)
        assert await client.recv() == "hi"
        async with asyncio.timeout(5):
            while len(app.heard) < 2:
                await asyncio.sleep(0.01)
        assert app.heard == ["hello", "other"]
        await asyncio.sleep(QUICK_SECONDS)
        await client.send("hello")
        assert await client.recv() == "hi"
        assert app.heard == ["hello", "other"]


async def test_only_who_is_silent_is_asked_whether_he_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener, "PING_SECONDS", 0.4)
    async with served(App()) as (server, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(8):  # a masked text frame of one letter
            writer.write(b"\x81\x81\0\0\0\0x")
            await asyncio.sleep(0.15)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readexactly(1), 0.05)
        asked = await asyncio.wait_for(reader.readexactly(6), 2)
        assert asked[:2] == b"\x89\x04"  # a ping
        writer.close()

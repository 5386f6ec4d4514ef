"""WebSockets through the edge, over real sockets."""

import asyncio
from typing import Any

import pytest
from litestar import Litestar, WebSocket, websocket
from litestar.params import FromPath
from msgspec import structs
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.core.edge_peers import DEV, logged, serving
from wealist.core import edge_socket, metrics
from wealist.core.edge import Edge
from wealist.core.errors import Unauthorized
from wealist.core.settings import Settings

LIMITED = Settings(rate_limit_enabled=True)


class Room:
    """A bare WebSocket app: echoes, and does what the first message tells it to."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        scope["path_template"] = "/svc/board/ws/project/{project_id:uuid}"
        assert (await receive())["type"] == "websocket.connect"
        query = scope["query_string"]
        if b"refuse" in query:
            code = int(query.partition(b"refuse=")[2])
            await send({"type": "websocket.close", "code": code, "reason": "Token required"})
            return
        if b"raise" in query:
            raise Unauthorized("Invalid token")
        if b"fail" in query:
            raise RuntimeError("driver text")
        await send({"type": "websocket.accept", "headers": [(b"x-own", b"1")]})
        while (message := await receive())["type"] == "websocket.receive":
            if message["text"] == "fail":
                raise RuntimeError("later")
            if message["text"] == "close":
                await send({"type": "websocket.close", "code": 4001, "reason": "bye"})
                return
            await send({"type": "websocket.send", "text": message["text"]})


async def test_a_socket_opens_under_an_alias_and_echoes() -> None:
    room = Room()
    async with (
        serving(room) as port,
        connect(f"ws://127.0.0.1:{port}/ws/project/7?token=x") as socket,
    ):
        await socket.send("hello")
        assert await socket.recv() == "hello"
        assert socket.response is not None
        assert socket.response.headers["x-request-id"] == room.scopes[0]["state"]["request_id"]
        assert socket.response.headers["x-own"] == "1"
    scope = room.scopes[0]
    assert scope["path"] == "/svc/board/ws/project/7"
    assert scope["query_string"] == b"token=x"
    assert scope["state"]["client_address"] == "127.0.0.1"
    assert scope["state"]["original_path"] == "/ws/project/7"


async def _refused(url: str, **options: Any) -> Any:
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, **options)
    return refused.value.response


async def test_a_closed_path_is_refused_as_unknown() -> None:
    room = Room()
    async with serving(room) as port:
        response = await _refused(f"ws://127.0.0.1:{port}/svc/user/api/internal/x")
        nul = await _refused(f"ws://127.0.0.1:{port}/ws/project/7?token=%00")
    assert response.status_code == 404
    assert nul.status_code == 400
    assert room.scopes == []


@pytest.mark.parametrize(
    ("code", "status", "word"),
    [
        (4401, 401, b"UNAUTHORIZED"),
        (4403, 403, b"FORBIDDEN"),
        (4404, 404, b"NOT_FOUND"),
        (4503, 503, b"SERVICE_UNAVAILABLE"),
        (4500, 500, b"INTERNAL_ERROR"),
        (1008, 403, b"FORBIDDEN"),
    ],
)
async def test_a_refusal_is_an_http_answer_in_the_services_envelope(
    code: int, status: int, word: bytes
) -> None:
    async with serving(Room()) as port:
        response = await _refused(f"ws://127.0.0.1:{port}/ws/project/7?refuse={code}")
    assert response.status_code == status
    assert word in response.body
    assert response.headers["x-request-id"]
    assert response.headers["content-type"] == "application/json"


async def test_an_error_before_the_handshake_ends_is_answered_in_words() -> None:
    async with serving(Room()) as port:
        response = await _refused(f"ws://127.0.0.1:{port}/ws/project/7?raise=1")
        with logged() as lines:
            failed = await _refused(f"ws://127.0.0.1:{port}/ws/project/7?fail=1")
    assert response.status_code == 401
    assert b"Invalid token" in response.body
    assert failed.status_code == 500
    assert b"driver" not in failed.body
    assert any(line["message"] == "the socket failed" for line in lines.all())


async def test_an_error_in_an_open_socket_closes_it_with_a_code_that_means_come_back() -> None:
    async with serving(Room()) as port, connect(f"ws://127.0.0.1:{port}/ws/project/7") as socket:
        await socket.send("fail")
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1011


async def test_a_page_of_a_foreign_origin_may_not_open_a_socket() -> None:
    room = Room()
    async with serving(room) as port:
        url = f"ws://127.0.0.1:{port}/ws/project/7"
        response = await _refused(url, origin="https://evil.example")
        assert response.status_code == 403
        assert room.scopes == []
        async with connect(url, origin=f"http://127.0.0.1:{port}") as socket:
            await socket.send("x")


async def test_sockets_are_limited_by_address() -> None:
    async with serving(Room(), structs.replace(LIMITED)) as port:
        url = f"ws://127.0.0.1:{port}/ws/project/7?refuse=4404"
        statuses = [(await _refused(url)).status_code for _ in range(30)]
    assert set(statuses) == {404}  # thirty reconnects of one office are nothing special


async def test_a_socket_writes_a_line_when_it_opens_and_one_when_it_ends() -> None:
    name = "board_service_http_requests_total"
    labels = {"method": "WS", "endpoint": "/ws/project/:projectId", "status": "2xx"}
    before = metrics.registry.get_sample_value(name, labels) or 0
    with logged() as lines:
        async with serving(Room()) as port:
            async with connect(f"ws://127.0.0.1:{port}/ws/project/7?token=s3cr3t") as socket:
                await asyncio.sleep(0.05)
                await socket.send("close")
                with pytest.raises(ConnectionClosed):
                    await socket.recv()
            await asyncio.sleep(0.01)
    opened, ended = lines.access()
    assert (opened["message"], opened["http.status_code"]) == ("Request completed", 101)
    assert opened["http.route"] == "/ws/project/:projectId"
    assert opened["http.query"] == "token=***"
    assert (ended["message"], ended["websocket.close_code"]) == ("WebSocket closed", 4001)
    assert ended["http.duration"] >= 0.05
    assert ended["request_id"] == opened["request_id"]
    assert metrics.registry.get_sample_value(name, labels) == before + 1


async def test_without_the_servers_help_a_refusal_is_a_plain_close() -> None:
    sent: list[dict[str, Any]] = []
    received = iter([{"type": "websocket.connect"}])

    async def receive() -> dict[str, Any]:
        return next(received)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "scheme": "ws",
        "path": "/svc/user/metrics",
        "query_string": b"",
        "headers": [],
        "client": ("127.0.0.1", 1),
    }
    await Edge(Room(), settings=DEV)(scope, receive, send)  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]


@websocket("/svc/chat/api/chats/ws/{chat_id:str}")
async def chat(socket: WebSocket[Any, Any, Any], chat_id: FromPath[str]) -> None:
    if chat_id == "refused":
        raise Unauthorized("Token required")
    if chat_id == "broken":
        raise RuntimeError("driver text")
    await socket.accept()
    await socket.send_text(chat_id)
    if chat_id == "later":
        raise RuntimeError("after the handshake")
    await socket.close()


def _litestar() -> Litestar:
    return Litestar(
        [chat], openapi_config=None, logging_config=None, after_exception=[edge_socket.remember]
    )


async def test_litestars_sockets_work_behind_it_and_unknown_ones_are_404() -> None:
    for app in (_litestar(), Litestar([chat], openapi_config=None, logging_config=None)):
        async with serving(app) as port:
            async with connect(f"ws://127.0.0.1:{port}/api/chats/ws/7") as socket:
                assert await socket.recv() == "7"
            response = await _refused(f"ws://127.0.0.1:{port}/api/chats/nothing/here/ws")
        assert response.status_code == 404


async def test_an_error_of_litestars_handler_reaches_the_client_with_its_status() -> None:
    with logged() as lines:
        async with serving(_litestar()) as port:
            refused = await _refused(f"ws://127.0.0.1:{port}/api/chats/ws/refused")
            broken = await _refused(f"ws://127.0.0.1:{port}/api/chats/ws/broken")
            async with connect(f"ws://127.0.0.1:{port}/api/chats/ws/later") as socket:
                assert await socket.recv() == "later"
                with pytest.raises(ConnectionClosed) as closed:
                    await socket.recv()
    assert refused.status_code == 401
    assert b"Token required" in refused.body
    assert broken.status_code == 500
    assert b"driver" not in broken.body
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4500
    failures = [line for line in lines.all() if line["message"] == "the socket failed"]
    assert ["driver text" in line["stacktrace"] for line in failures] == [True, False]


async def test_a_handler_that_forgets_to_answer_is_a_failure() -> None:
    async def silent(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    with logged() as lines:
        async with serving(silent) as port:
            response = await _refused(f"ws://127.0.0.1:{port}/ws/project/7")
    assert response.status_code == 500
    assert [line["message"] for line in lines.all()] == ["the socket failed", "Server error"]


@pytest.mark.parametrize("answer", ["accepted", "refused"])
async def test_a_client_that_leaves_during_the_handshake_is_no_error(answer: str) -> None:
    """And no open socket in the log or the metrics."""
    query = b"refuse=4404" if answer == "refused" else b""

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        raise OSError("the client has gone")

    scope = {
        "type": "websocket",
        "scheme": "ws",
        "path": "/svc/board/ws/project/7",
        "query_string": query,
        "headers": [],
        "client": ("127.0.0.1", 1),
        "extensions": {"websocket.http.response": {}},
    }
    with logged() as lines:
        await Edge(Room(), settings=DEV)(scope, receive, send)  # type: ignore[arg-type]
    assert [line["http.status_code"] for line in lines.all()] == [499]


async def test_text_that_is_no_utf8_closes_its_socket_and_nothing_else() -> None:
    with logged() as lines:
        async with serving(Room()) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                b"GET /ws/project/7 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"\x81\x82\x00\x00\x00\x00\xff\xfe")
            close = await asyncio.wait_for(reader.readexactly(4), 5)
            writer.close()
    assert close[:1] == b"\x88"
    assert int.from_bytes(close[2:4]) == 1007
    assert {line["logger"] for line in lines.all()} == {"wealist.access"}

"""Bodies that are too large or too slow: refused before they are read, over real connections."""

import asyncio
import time
from typing import Any

import httpx
import pytest
from litestar import Litestar, post
from litestar.params import JSONBody
from msgspec import structs

from tests.core.edge_peers import DEV, Echo, client, exchange, http_scope, serving
from wealist.core import envelopes, guards
from wealist.core.edge import Edge
from wealist.core.errors import BadRequest

SMALL = structs.replace(DEV, max_body_bytes=4096)
MEGABYTE = 1 << 20


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    status, *lines = head.strip().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    body = await reader.readexactly(int(headers["content-length"]))
    return int(status.split()[1]), headers, body


async def test_a_chunked_body_is_cut_off_at_the_limit() -> None:
    app = Echo()
    async with serving(app, SMALL) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /api/workspaces HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        sent = 0
        answer = asyncio.create_task(_answer(reader))
        while not answer.done() and sent < 64 * MEGABYTE:
            writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            sent += 4096
            await asyncio.sleep(0)
            try:
                await writer.drain()
            except ConnectionError:
                break
        status, headers, body = await answer
        writer.close()
    assert status == 413
    assert b"PAYLOAD_TOO_LARGE" in body
    assert "x-request-id" in headers
    assert sent < 8 * MEGABYTE
    assert app.bodies == []


async def test_a_declared_length_is_refused_before_any_of_it_is_sent() -> None:
    app = Echo()
    async with serving(app, SMALL) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /api/workspaces HTTP/1.1\r\nHost: x\r\nContent-Length: 10485760\r\n\r\n"
        )
        status, headers, body = await asyncio.wait_for(_answer(reader), 5)
        writer.close()
    assert status == 413
    assert b"PAYLOAD_TOO_LARGE" in body
    assert "x-request-id" in headers
    assert app.scopes == []


async def test_a_client_that_sends_it_all_gets_its_answer_and_keeps_its_connection() -> None:
    app = Echo()
    async with (
        serving(app, SMALL) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
    ):
        refused = await http.post("/api/workspaces", content=b"x" * 10 * MEGABYTE)
        fine = await http.post("/api/workspaces", content=b"{}")
    assert (refused.status_code, fine.status_code) == (413, 200)
    assert app.bodies == [b"{}"]


async def test_an_absurd_length_closes_the_connection() -> None:
    async with serving(Echo(), SMALL) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"PUT /api/profiles/me HTTP/1.1\r\nHost: x\r\n")
        writer.write(b"Content-Length: 99999999999999\r\n\r\n")
        status, headers, _ = await asyncio.wait_for(_answer(reader), 5)
        assert status == 413
        assert headers["connection"] == "close"
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def _trickle(port: int, head: bytes, pause: float) -> tuple[int, dict[str, str], bytes, bool]:
    """What comes back for a body of single bytes, and whether the connection ends then."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head)
    answer = asyncio.create_task(_answer(reader))
    for _ in range(100):
        if answer.done():
            break
        writer.write(b"1\r\n1\r\n" if b"chunked" in head else b"1")
        await asyncio.sleep(pause)
    status, headers, body = await asyncio.wait_for(answer, 5)
    try:
        ended = await asyncio.wait_for(reader.read(), 5) == b""
    except ConnectionResetError:  # a piece that was on its way met a closed connection
        ended = True
    writer.close()
    return status, headers, body, ended


@pytest.mark.parametrize("framing", [b"Content-Length: 1000", b"Transfer-Encoding: chunked"])
@pytest.mark.parametrize(
    ("path", "code"),
    [(b"/api/workspaces", b'"TIMEOUT"'), (b"/svc/auth/api/auth/refresh", b'"AUTH408"')],
)
async def test_a_body_that_trickles_in_is_not_waited_for(
    framing: bytes, path: bytes, code: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guards, "BODY_SECONDS", 0.3)
    app = Echo()
    async with serving(app) as port:
        head = b"POST %b HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n" % (path, framing)
        started = time.monotonic()
        status, headers, body, ended = await _trickle(port, head, 0.05)
    assert (status, ended) == (408, True)
    assert headers["connection"] == "close"
    assert "x-request-id" in headers
    assert code in body
    assert time.monotonic() - started < 3
    assert app.bodies == []


async def test_the_time_of_a_body_ends_with_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "BODY_SECONDS", 0.2)
    seen = []

    async def patient(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        await asyncio.sleep(0.3)
        waiting = asyncio.create_task(receive())
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        seen.append(bool(done))
        await Echo()(scope, _nothing, send)
        waiting.cancel()

    async def _nothing() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async with (
        serving(patient) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
    ):
        assert (await http.post("/svc/user/x", content=b"{}")).status_code == 200
    assert seen == [False]


@post("/svc/user/api/workspaces")
async def create(data: JSONBody[dict[str, Any]]) -> dict[str, int]:
    return {"members": len(data)}


async def test_a_litestar_handler_never_sees_a_body_that_is_too_large_or_too_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = Litestar(
        [create],
        exception_handlers={Exception: envelopes.handle},
        request_max_body_size=None,
        openapi_config=None,
        logging_config=None,
    )

    async def pieces() -> Any:
        for _ in range(64):
            yield b"x" * 1024

    async with (
        serving(app, SMALL) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
    ):
        response = await http.post("/api/workspaces", content=pieces())
        assert response.status_code == 413
        assert response.json()["error"]["code"] == "PAYLOAD_TOO_LARGE"
        assert (await http.post("/api/workspaces", json={"a": 1})).json() == {"members": 1}
        monkeypatch.setattr(guards, "BODY_SECONDS", 0.2)
        head = b"POST /api/workspaces HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
        status, headers, body, ended = await _trickle(port, head, 0.05)
        assert (status, headers["connection"], ended) == (408, "close", True)
        assert b'"TIMEOUT"' in body


@pytest.mark.parametrize(("size", "status"), [(4095, 200), (4096, 200), (4097, 413)])
@pytest.mark.parametrize("chunked", [False, True])
async def test_the_limit_itself_still_fits(size: int, status: int, chunked: bool) -> None:
    async def pieces() -> Any:
        for _ in range(size):
            yield b"x"

    app = Echo()
    async with client(app, SMALL) as http:
        content: Any = pieces() if chunked else b"x" * size
        response = await http.post("/svc/user/x", content=content)
    assert response.status_code == status
    assert [len(body) for body in app.bodies] == ([size] if status == 200 else [])


async def test_an_app_that_swallows_the_refusal_can_not_answer_as_if_all_was_well() -> None:
    async def stubborn(scope: Any, receive: Any, send: Any) -> None:
        try:
            while (await receive())["more_body"]:
                pass
        except Exception:
            await Echo()(scope, _nothing, send)

    async def _nothing() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def pieces() -> Any:
        for _ in range(8):
            yield b"x" * 1024

    async with client(stubborn, SMALL) as http:
        response = await http.post("/svc/user/x", content=pieces())
    assert response.status_code == 413


async def test_the_object_store_counts_for_itself() -> None:
    app = Echo()
    async with client(app, SMALL) as http:
        response = await http.put("/objects/user/a.png", content=b"x" * MEGABYTE)
        sneaky = await http.put("/objects/../svc/user/x", content=b"x" * MEGABYTE)
    assert response.status_code == 200
    assert len(app.bodies[0]) == MEGABYTE
    assert sneaky.status_code in (200, 413)
    assert app.scopes[0]["path"] == "/objects/user/a.png"


@pytest.mark.parametrize("length", [b"ten", b"-1", b"+5", b"1 000", b"", b"\xb2"])
async def test_a_length_that_is_no_number_is_a_bad_request(length: bytes) -> None:
    scope = http_scope("/svc/user/x", method="POST", headers=[(b"content-length", length)])
    sent = await exchange(Edge(Echo(), settings=DEV), scope)
    assert sent[0]["status"] == 400


async def test_a_get_without_a_body_costs_no_counting() -> None:
    async def receive() -> Any:
        raise AssertionError

    assert guards.body("/svc/user/x", "GET", {}, receive, 10) is None
    assert guards.body("/svc/user/x", "DELETE", {}, receive, 10) is not None
    assert guards.body("/svc/user/x", "GET", {b"transfer-encoding": b"chunked"}, receive, 10)


@pytest.mark.parametrize(
    ("path", "query"), [("/a\0", b""), ("/a%00", b""), ("/a", b"x=%00"), ("/a", b"\0")]
)
def test_a_nul_is_found_in_path_and_query(path: str, query: bytes) -> None:
    with pytest.raises(BadRequest):
        guards.check_text(path, query)


async def test_ten_megabytes_are_refused_quickly() -> None:
    body = b"x" * 10 * MEGABYTE
    async with client(Echo()) as http:
        started = time.perf_counter()
        assert (await http.post("/svc/user/x", content=body)).status_code == 413
        assert time.perf_counter() - started < 1

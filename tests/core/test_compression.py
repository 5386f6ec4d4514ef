"""Compressed answers, over the edge: which are, for whom, and that nothing else changes."""

import asyncio
import gzip
import random
import time
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar, Response, get, put
from litestar.di import NamedDependency, Provide
from msgspec import Struct

from tests.core.edge_peers import DEV, client, exchange, http_scope, logged, serving
from wealist.core import compression, envelopes, versions
from wealist.core.edge import Edge
from wealist.core.errors import AppError, PreconditionFailed

JSON = (b"content-type", b"application/json")
TAKES = {"Accept-Encoding": "gzip, deflate, br"}


def text(size: int) -> bytes:
    """A JSON text of exactly `size` bytes."""
    return b'"' + (b"card 7, " * (size // 8 + 1))[: size - 2] + b'"'


class Answer:
    """An app that answers with these bytes, in these pieces."""

    def __init__(
        self,
        *pieces: bytes,
        status: int = 200,
        headers: tuple[tuple[bytes, bytes], ...] = (JSON,),
        length: bool = True,
    ) -> None:
        self.pieces = pieces
        self.status = status
        self.headers = list(headers)
        if length:
            self.headers.append((b"content-length", b"%d" % len(b"".join(pieces))))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        for number, piece in enumerate(self.pieces, 1):
            more = number < len(self.pieces)
            await send({"type": "http.response.body", "body": piece, "more_body": more})


def varies(answer: httpx.Response) -> bool:
    return "Accept-Encoding" in answer.headers["vary"]


async def ask(app: Any, path: str = "/svc/board/x", takes: str = "gzip") -> httpx.Response:
    async with client(app) as http:
        return await http.get(path, headers={"Accept-Encoding": takes})


async def plain(app: Any, path: str = "/svc/board/x") -> bool:
    """Whether the answer stays as it is for a client that takes gzip, and says nothing of it."""
    answer = await ask(app, path)
    assert answer.content == b"".join(app.pieces)
    return "content-encoding" not in answer.headers and not varies(answer)


# --- which answers -------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1400, 1401, 20_000, 65_536, 65_537, 1 << 20])
async def test_json_of_some_size_arrives_whole_in_fewer_bytes(size: int) -> None:
    answer = await ask(Answer(text(size)))
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.content == text(size)
    assert varies(answer)
    assert "Origin" in answer.headers["vary"]
    sent = await exchange(
        Edge(Answer(text(size)), settings=DEV),
        http_scope("/svc/board/x", headers=[(b"accept-encoding", b"gzip")]),
    )
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    lengths = [value for name, value in sent[0]["headers"] if name == b"content-length"]
    assert lengths == [b"%d" % len(sent[1]["body"])]
    assert len(sent[1]["body"]) < size / 2
    assert gzip.decompress(sent[1]["body"]) == text(size)
    assert sent[1].get("more_body", False) is False


@pytest.mark.parametrize("size", [2, 999, 1000, 1399])
async def test_small_answers_stay_as_they_are(size: int) -> None:
    assert await plain(Answer(text(size)))


@pytest.mark.parametrize(
    "kind", [b"application/json; charset=utf-8", b"application/json ;charset=utf-8"]
)
async def test_a_charset_does_not_matter(kind: bytes) -> None:
    answer = await ask(Answer(text(5000), headers=((b"content-type", kind),)))
    assert answer.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    "kind", [b"image/png", b"text/plain; version=0.0.4", b"application/json-seq", b"text/html", b""]
)
async def test_other_kinds_stay_as_they_are(kind: bytes) -> None:
    assert await plain(Answer(text(5000), headers=((b"content-type", kind),)))


@pytest.mark.parametrize(
    "path", ["/api/auth/refresh", "/svc/auth/api/auth/refresh", "/objects/a/b.json", "/elsewhere"]
)
async def test_tokens_and_files_stay_as_they_are(path: str) -> None:
    assert await plain(Answer(text(5000)), path)


async def test_files_and_parts_of_them_under_a_service_stay_as_they_are() -> None:
    named = (b"content-disposition", b'attachment; filename="a.json"')
    assert await plain(Answer(text(5000), headers=(JSON, named)))
    assert await plain(Answer(text(5000), status=206))


async def test_what_is_encoded_already_stays_as_it_is() -> None:
    body = gzip.compress(random.Random(1).randbytes(5000))
    assert len(body) > 1400
    headers = (JSON, (b"content-encoding", b"gzip"))
    sent = await exchange(
        Edge(Answer(body, headers=headers), settings=DEV),
        http_scope("/svc/board/x", headers=[(b"accept-encoding", b"gzip")]),
    )
    assert sent[1]["body"] == body
    assert [name for name, _ in sent[0]["headers"]].count(b"content-encoding") == 1


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_stays_as_it_is(status: int) -> None:
    app = Answer(b"", status=status, headers=(JSON, (b"content-length", b"5000")), length=False)
    answer = await ask(app)
    assert "content-encoding" not in answer.headers
    assert not varies(answer)


@pytest.mark.parametrize("length", [True, False])
async def test_a_body_in_pieces_passes_piece_by_piece(length: bool) -> None:
    app = Answer(text(5000), b" ", b" ", length=length)
    sent = await exchange(
        Edge(app, settings=DEV),
        http_scope("/svc/board/x", headers=[(b"accept-encoding", b"gzip")]),
    )
    assert [message.get("body") for message in sent[1:]] == [text(5000), b" ", b" "]
    assert b"content-encoding" not in dict(sent[0]["headers"])
    assert (dict(sent[0]["headers"]).get(b"content-length") == b"5002") is length


async def test_an_event_stream_begins_before_its_first_event() -> None:
    sent: list[Any] = []
    done = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        kind = (b"content-type", b"text/event-stream")
        await send({"type": "http.response.start", "status": 200, "headers": [kind]})
        await done.wait()
        await send({"type": "http.response.body", "body": text(5000), "more_body": True})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = http_scope("/svc/noti/x", headers=[(b"accept-encoding", b"gzip")])
    edge: Any = Edge(app, settings=DEV)
    running = asyncio.create_task(edge(scope, None, send))
    await asyncio.sleep(0.01)
    assert [message["type"] for message in sent] == ["http.response.start"]
    done.set()
    await running
    assert sent[1]["body"] == text(5000)


async def test_the_internal_port_compresses_too_but_not_the_metrics() -> None:
    async with client(Answer(text(5000)), internal=True) as http:
        inside = await http.get("/api/internal/notifications", headers=TAKES)
    assert inside.headers["content-encoding"] == "gzip"
    app = Answer(text(5000), headers=((b"content-type", b"text/plain; version=0.0.4"),))
    async with client(app, internal=True) as http:
        assert "content-encoding" not in (await http.get("/metrics", headers=TAKES)).headers


async def test_a_large_error_is_compressed_too() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AppError("m", extra={"current": "card " * 5000})

    answer = await ask(app)
    assert answer.status_code == 500
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json()["current"] == "card " * 5000


# --- for whom ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("takes", "expected"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("gzip, deflate, br", True),
        ("br;q=1.0, gzip;q=0.001", True),
        ("deflate ,\tgzip ; q=0.8", True),
        ("gzip;Q=1.000", True),
        ("*", True),
        ("*;q=0.5", True),
        ("identity;q=0, *", True),
        ("gzip, identity", True),
        ("gzip;q=0.5, identity;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("gzip ; q=0, *", False),
        ("*;q=0", False),
        ("gzip;q=0.5, identity", False),
        ("identity", False),
        ("", False),
        ("br, deflate", False),
        ("gzipped, not-gzip", False),
        ("gzip;q=2", False),
        ("gzip;q=nonsense", False),
        ("gzip;level=1", False),
        ("gzip gzip", False),
        (";;,,=", False),
        ("a," * 1000 + "gzip", False),
    ],
)
async def test_the_client_says_what_it_takes(takes: str, expected: bool) -> None:
    answer = await ask(Answer(text(5000)), takes=takes)
    assert ("content-encoding" in answer.headers) is expected
    assert answer.content == text(5000)
    assert varies(answer)  # in either case: the other one would have been answered otherwise


def test_without_the_header_nothing_is_compressed() -> None:
    assert not compression.accepted([(b"accept", b"gzip")])


def test_two_lines_of_the_header_are_one_list() -> None:
    lines = [(b"accept-encoding", b"br"), (b"accept-encoding", b"gzip")]
    assert compression.accepted(lines)


def test_a_nasty_header_is_read_in_time() -> None:
    started = time.perf_counter()
    for value in (b" " * 1024, b"a;" * 512, b"," * 1024, b"gzip;q=0." + b"0" * 1000, b"!" * 1024):
        for _ in range(20):
            assert not compression.accepted([(b"accept-encoding", value)])
    assert time.perf_counter() - started < 0.5


# --- nothing else changes ------------------------------------------------------------------------


async def test_a_head_tells_what_a_get_would_without_its_length() -> None:
    async with serving(Answer(text(5000))) as port, httpx.AsyncClient() as http:
        url = f"http://127.0.0.1:{port}/svc/board/x"
        for _ in range(2):  # over one connection
            packed = await http.head(url, headers=TAKES)
            assert (packed.status_code, packed.content) == (200, b"")
            assert "content-encoding" not in packed.headers
            assert "content-length" not in packed.headers  # RFC 9110, 8.6: no other than GET's
            assert "transfer-encoding" not in packed.headers
            assert varies(packed)
            identity = await http.head(url, headers={"Accept-Encoding": "identity"})
            assert identity.headers["content-length"] == "5000"
            assert varies(identity)
        whole = await http.get(url, headers=TAKES)
    assert whole.content == text(5000)


@pytest.mark.parametrize("size", [5000, 100_000])
async def test_over_a_socket_the_answer_is_the_same(size: int) -> None:
    async with serving(Answer(text(size))) as port, httpx.AsyncClient() as http:
        url = f"http://127.0.0.1:{port}/svc/board/x"
        answers = [await http.get(url, headers=TAKES) for _ in range(3)]
        other = await http.get(url, headers={"Accept-Encoding": "identity"})
    for answer in answers:
        assert int(answer.headers["content-length"]) < size / 2
        assert answer.content == other.content == text(size)
    changing = {"date", "x-request-id", "content-length", "content-encoding"}
    assert {k: v for k, v in answers[0].headers.items() if k not in changing} == {
        k: v for k, v in other.headers.items() if k not in changing
    }


async def test_the_access_line_tells_the_length_of_the_answer_itself() -> None:
    for takes in ("gzip", "identity"):
        with logged() as lines:
            await ask(Answer(text(5000)), takes=takes)
        assert lines.access()[0]["http.response_content_length"] == 5000
        assert lines.access()[0]["http.status_code"] == 200


async def test_the_apps_own_headers_are_not_changed() -> None:
    app = Answer(text(5000))
    before = list(app.headers)
    for takes in ("gzip", "identity", "gzip"):
        assert (await ask(app, takes=takes)).content == text(5000)
    assert app.headers == before


async def test_a_failure_before_the_body_is_still_answered() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [JSON, (b"content-length", b"5000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        raise RuntimeError("driver text")

    with logged() as lines:
        answer = await ask(app)
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "INTERNAL_ERROR"
    assert (lines.access()[0]["level"], lines.access()[0]["http.status_code"]) == ("error", 500)


async def test_a_large_body_is_compressed_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []
    real = asyncio.to_thread

    async def noted(work: Any, *args: Any) -> Any:
        threads.append(len(args[0]))
        return await real(work, *args)

    monkeypatch.setattr(compression.asyncio, "to_thread", noted)
    for size in (1400, 65_536, 65_537):
        assert (await ask(Answer(text(size)))).content == text(size)
    assert threads == [65_537]


# --- ETag and If-Match ---------------------------------------------------------------------------


class Card(Struct):
    version: int
    content: str


def _cards() -> Litestar:
    card = Card(3, "text " * 1000)

    @get("/svc/board/api/boards/one")
    async def read() -> Card:
        return card

    @put("/svc/board/api/boards/one")
    async def change(if_match: NamedDependency[int | None]) -> Card:
        versions.expect(if_match, card.version, card)
        card.version += 1
        return card

    @get("/svc/board/api/stored")
    async def stored() -> Response[bytes]:
        headers = {"cache-control": "private, max-age=60", "etag": '"a"'}
        return Response(text(5000), media_type="application/json", headers=headers)

    return Litestar(
        [read, change, stored],
        dependencies={"if_match": Provide(versions.if_match, sync_to_thread=False)},
        after_request=versions.add_etag,
        exception_handlers={Exception: envelopes.handle},
        openapi_config=None,
        logging_config=None,
    )


async def test_a_version_counts_whether_it_came_compressed_or_not() -> None:
    path = "/svc/board/api/boards/one"
    async with client(_cards()) as http:
        packed = await http.get(path, headers=TAKES)
        whole = await http.get(path, headers={"Accept-Encoding": "identity"})
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["etag"] == whole.headers["etag"] == '"3"'
        assert packed.headers["cache-control"] == "no-store"
        assert packed.content == whole.content
        tag = {"If-Match": packed.headers["etag"]}
        changed = await http.put(path, headers=TAKES | tag)
        assert (changed.status_code, changed.headers["etag"]) == (200, '"4"')
        late = await http.put(path, headers=TAKES | tag)
    assert (late.status_code, late.headers["etag"]) == (412, '"4"')
    assert late.headers["content-encoding"] == "gzip"
    assert late.json()["current"]["version"] == 4
    assert msgspec.json.decode(changed.content)["version"] == 4
    assert PreconditionFailed.status == late.status_code


async def test_one_tag_never_names_two_codings_in_a_cache() -> None:
    async with client(_cards()) as http:
        answer = await http.get("/svc/board/api/stored", headers=TAKES)
    assert answer.headers["etag"] == '"a"'
    assert "content-encoding" not in answer.headers

"""The bytes of a bell's stream, from the app without sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.live.servers import until
from tests.noti.bells import API, Office
from tests.people import Server
from wealist.core import events, live_stream
from wealist.noti.wire import bell


@pytest.fixture
async def office(server: Server) -> Office:
    return await Office.of(server)


class Heard:
    """What a stream has sent so far."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.text = ""

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        self.text += message.get("body", b"").decode()

    async def says(self, text: str) -> None:
        await until(lambda: text in self.text, within=5, what=text)


@contextlib.asynccontextmanager
async def listening(office: Office, **headers: str) -> AsyncIterator[Heard]:
    heard, first = Heard(), [{"type": "http.request", "body": b"", "more_body": False}]
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if first:
            return first.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": f"{API}/stream",
        "raw_path": f"{API}/stream".encode(),
        "root_path": "",
        "query_string": urlencode({"token": office.ann.token}).encode(),
        "headers": [(b"host", b"test")]
        + [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()],
        "client": ("127.0.0.1", 4000),
        "server": ("127.0.0.1", 80),
    }
    public: Any = office.boss.server.public
    running = asyncio.create_task(public(scope, receive, heard.send))
    try:
        await heard.says("event: connected")
        yield heard
    finally:
        gone.set()
        await asyncio.wait_for(running, 5)


async def test_a_stream_is_written_as_the_contract_has_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_stream, "HEARTBEAT_SECONDS", 0.05)
    place = await events.position(bell(office.ann.user_id))
    async with listening(office) as heard:
        await heard.says(
            "retry: 3000\n\n"
            f"id: {place.epoch}:{place.top}\n"
            'event: connected\ndata: {"status":"connected"}\n\n'
        )
        await heard.says(":ping\n\n")
        await office.happens()
        await heard.says(f"id: {place.epoch}:{place.top + 1}\nevent: notification\ndata: {{")
        await heard.says(f"id: {place.epoch}:{place.top + 2}\nevent: unread-count\ndata: {{")
    assert heard.headers["content-type"].startswith("text/event-stream")


async def test_who_comes_back_hears_that_he_is_where_he_was(office: Office) -> None:
    place = await events.position(bell(office.ann.user_id))
    await office.happens()
    async with listening(office, last_event_id=f"{place.epoch}:{place.top}") as heard:
        await heard.says("event: resumed")
    kinds = [line for line in heard.text.splitlines() if line.startswith("event: ")]
    assert kinds == [
        "event: connected",
        "event: notification",
        "event: unread-count",
        "event: resumed",
    ]

"""The link at the end of each e-mail: one click, without signing in, and nothing more than that."""

import asyncio
from collections.abc import Iterator
from contextvars import Context
from html.parser import HTMLParser
from typing import NamedTuple
from uuid import UUID

import httpx
import pytest
from msgspec import structs

from tests.noti.telling import ROOT, set_times, states, tell
from tests.people import Person, Server
from wealist.core import db, events
from wealist.core.settings import Secret, Settings
from wealist.noti import channels, mail, unsubscribe
from wealist.noti.unsubscribe import Subscription

LINK = f"{ROOT}/unsubscribe"
ONE_CLICK = {"content": "List-Unsubscribe=One-Click"}
FORM = {"headers": {"content-type": "application/x-www-form-urlencoded"}}


class Reader(NamedTuple):
    """A person with mail, and a stranger's browser that follows her links."""

    kim: Person
    boss: Person
    workspace_id: str
    browser: httpx.AsyncClient

    def link(self, workspace_id: str | None = None) -> str:
        address = unsubscribe.address(
            self.kim.user_id, UUID(workspace_id) if workspace_id else None
        )
        return address.removeprefix("http://test")

    async def click(self, link: str) -> httpx.Response:
        return await self.browser.post(link, **ONE_CLICK, **FORM)  # type: ignore[arg-type]

    async def tell(self, workspace_id: str | None = None, **more: object) -> None:
        await tell(self.kim, workspace_id or self.workspace_id, actor=self.boss, **more)  # type: ignore[arg-type]


@pytest.fixture
def planned(settings: Settings) -> Iterator[None]:
    """E-mail is configured, so that it is planned; nobody sends it."""
    mail.open(
        structs.replace(settings, smtp_url=Secret("smtp://127.0.0.1:9"), mail_from="a@b.test")
    )
    yield
    mail.open(settings)


@pytest.fixture
async def reader(server: Server, client: httpx.AsyncClient, planned: None) -> Reader:
    kim, boss = await server.person("Kim"), await server.person("Boss")
    workspace_id = (await boss.workspace("Acme & Sons"))["workspaceId"]
    await boss.invites(workspace_id, kim)
    return Reader(kim, boss, workspace_id, client)


async def test_one_click_ends_all_mail_and_what_waits(reader: Reader) -> None:
    await reader.tell()
    for _ in range(2):
        answer = await reader.click(reader.link())
        assert answer.status_code == 200
        assert "won’t get all e-mail notifications any more" in answer.text
    shown = (await reader.kim.get(f"{ROOT}/settings")).json()
    assert (shown["digest"], shown["version"]) == ("OFF", 1)
    await reader.tell()
    assert await states(reader.kim) == ["DROPPED"]
    unread = await reader.kim.get(
        f"{ROOT}/unread-count", headers={"X-Workspace-Id": reader.workspace_id}
    )
    assert unread.json()["count"] == 2


async def test_one_click_ends_the_mail_of_one_workspace(reader: Reader) -> None:
    other = (await reader.boss.workspace("Zoo"))["workspaceId"]
    await reader.boss.invites(other, reader.kim)
    project = {"workspaceId": reader.workspace_id, "projectId": other}
    await reader.kim.http.patch(
        f"{ROOT}/preferences", params=project, json={"subject": "*", "email": True}
    )
    await reader.tell()
    await reader.tell(other)
    channel = f"bell:{reader.kim.id}"
    before = (await events.position(channel)).top
    assert "Acme &amp; Sons" in (await reader.click(reader.link(reader.workspace_id))).text
    assert [event.type for event in await events.since(channel, before)] == ["preferences-changed"]
    await reader.tell(project_id=UUID(other))
    await reader.tell(other)
    assert sorted(await states(reader.kim)) == ["DROPPED", "WAITING", "WAITING"]


async def test_looking_at_the_page_changes_nothing(reader: Reader) -> None:
    answer = await reader.browser.get(reader.link())
    assert answer.status_code == 200
    assert (await reader.kim.get(f"{ROOT}/settings")).json()["digest"] == "HOURLY"


class _Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: dict[str, list[dict[str, str | None]]] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.setdefault(tag, []).append(dict(attrs))


async def test_the_page_works_without_scripts_and_on_a_phone(reader: Reader) -> None:
    answer = await reader.browser.get(reader.link(reader.workspace_id))
    page = _Page(answer.text)
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-store"
    assert "form-action 'self'" in answer.headers["content-security-policy"]
    assert not page.tags.keys() & {"script", "link", "img", "iframe"}
    assert any(meta.get("name") == "viewport" for meta in page.tags["meta"])
    [form] = page.tags["form"]
    assert form == {"method": "post"}  # to its own address, which has the token
    [button] = page.tags["button"]
    done = await reader.browser.post(
        reader.link(reader.workspace_id), data={str(button["name"]): str(button["value"])}
    )
    assert done.status_code == 200
    assert "Done" in done.text


async def test_a_link_that_was_changed_is_none(reader: Reader) -> None:
    token = unsubscribe.token(Subscription(reader.kim.user_id))
    boss = unsubscribe.token(Subscription(reader.boss.user_id))
    forged = [
        "",
        "x",
        "é",
        token[:-1],
        token[:22] + boss[22:],
        boss[:22] + token[22:],
        unsubscribe.encode(reader.kim.user_id.bytes * 2),
    ]
    for method in ("GET", "POST"):
        for text in forged:
            answer = await reader.browser.request(method, LINK, params={"token": text})
            assert answer.status_code == 404, text
            assert "doesn’t work" in answer.text
        assert (await reader.browser.request(method, LINK)).status_code == 404
    assert (await reader.kim.get(f"{ROOT}/settings")).json()["version"] == 0


async def test_twenty_clicks_at_once_are_one(reader: Reader) -> None:
    await set_times(reader.kim, digest="DAILY")

    async def click(workspace_id: str | None) -> int:
        return (await reader.click(reader.link(workspace_id))).status_code

    places = [None, reader.workspace_id] * 10
    answers = await asyncio.gather(
        *(asyncio.create_task(click(place), context=Context()) for place in places)
    )
    assert answers == [200] * 20
    assert (await reader.kim.get(f"{ROOT}/settings")).json()["version"] == 2
    assert await db.fetch_value("SELECT count(*) FROM noti.preferences") == 1


async def test_the_link_of_a_workspace_that_one_has_left_tells_and_keeps_nothing(
    reader: Reader,
) -> None:
    await db.execute(
        'UPDATE "user".members SET is_active = false WHERE user_id = $1', reader.kim.user_id
    )
    for answer in (
        await reader.browser.get(reader.link(reader.workspace_id)),
        await reader.click(reader.link(reader.workspace_id)),
    ):
        assert answer.status_code == 200
        assert "Acme" not in answer.text
    assert await db.fetch_value("SELECT count(*) FROM noti.preferences") == 0


async def test_mail_can_be_switched_on_again(reader: Reader) -> None:
    await reader.click(reader.link())
    await set_times(reader.kim, digest="HOURLY")
    await reader.tell()
    assert await states(reader.kim) == ["WAITING"]
    assert channels.offered(channels.EMAIL)

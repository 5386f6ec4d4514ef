"""Web push: who gets it, that only his browser can read it, and where it never goes."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextvars import Context
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.noti.certificates import a_certificate
from tests.noti.push_peer import (
    SUBJECT,
    VAPID_KEY,
    Browser,
    PushService,
    base64,
    push_service,
    use,
)
from tests.noti.telling import ROOT, set_times, states, tell
from tests.people import Person, Server
from wealist.core import db, events, vapid
from wealist.core.settings import Settings
from wealist.core.wire import now
from wealist.noti import push, subscriptions, web_push

KEY = vapid.private_key(VAPID_KEY)
SUBSCRIPTIONS = f"{ROOT}/push/subscriptions"


class Pocket(NamedTuple):
    """A person who is told things by her boss, and the push service of her browsers."""

    kim: Person
    boss: Person
    workspace_id: str
    service: PushService

    async def browser(self, kind: str = "ok", person: Person | None = None) -> Browser:
        browser = Browser(self.service, kind)
        answer = await (person or self.kim).post(SUBSCRIPTIONS, json=browser.subscription)
        assert answer.status_code == 201, answer.text
        return browser

    async def tell(self, **more: Any) -> Any:
        return await tell(self.kim, self.workspace_id, actor=self.boss, **more)

    async def browsers(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.kim.get(SUBSCRIPTIONS)).json()["subscriptions"]
        return found


@pytest.fixture
def service(settings: Settings) -> Iterator[PushService]:
    with push_service() as running:
        use(settings, private=True)
        yield running
    push.open(settings)


@pytest.fixture
async def pocket(server: Server, service: PushService) -> Pocket:
    kim, boss = await server.person("Kim"), await server.person("Boss")
    workspace_id = (await boss.workspace())["workspaceId"]
    await boss.invites(workspace_id, kim)
    return Pocket(kim, boss, workspace_id, service)


def test_the_encryption_is_that_of_rfc_8291() -> None:
    body = web_push.encrypt(
        b"When I grow up, I want to be a watermelon",
        vapid.decode(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
        ),
        vapid.decode("BTBZMqHH6r4Tts7J_aSIgg"),
        key=KEY,
        salt=vapid.decode("DGv6ra1nlYgDCS1FRnbzlw"),
    )
    assert base64(body) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml"
        "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
        "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


async def test_each_browser_of_a_person_gets_it_and_only_it_can_read_it(pocket: Pocket) -> None:
    phone, laptop = await pocket.browser(), await pocket.browser()
    told = await pocket.tell(name="Fix the roof")
    assert await push.send_due() == "2 push messages sent"
    for browser in (phone, laptop):
        [got] = browser.got()
        assert got["title"] == "Boss assigned “Fix the roof” to you"
        assert got["type"] == "BOARD_ASSIGNED"
        assert got["notificationId"] == str(told)
        assert got["workspaceId"] == pocket.workspace_id
        assert got["link"].startswith(f"http://test/#/w/{pocket.workspace_id}/board/")
    assert await states(pocket.kim, "PUSH") == ["SENT"]
    assert await push.send_due() is None
    assert all(browser["usedAt"] for browser in await pocket.browsers())


async def test_the_push_service_can_tell_who_sends(pocket: Pocket) -> None:
    browser = await pocket.browser()
    await pocket.tell()
    await push.send_due()
    [got] = pocket.service.at(browser.path)
    scheme, _, rest = got.headers["authorization"].partition(" ")
    fields = dict(part.strip().split("=", 1) for part in rest.split(","))
    shown = (await pocket.kim.get(f"{ROOT}/push/key")).json()["publicKey"]
    assert (scheme, fields["k"]) == ("vapid", shown)
    claims = jwt.decode(
        fields["t"], KEY.public_key(), algorithms=["ES256"], audience=pocket.service.url
    )
    assert claims["sub"] == SUBJECT
    assert now().timestamp() < claims["exp"] <= (now() + timedelta(hours=24)).timestamp()
    assert got.headers["content-encoding"] == "aes128gcm"
    assert int(got.headers["ttl"]) > 0


async def test_many_at_once_are_one_message(pocket: Pocket) -> None:
    browser = await pocket.browser()
    for turn in range(5):
        await pocket.tell(name=f"Card {turn}")
    await push.send_due()
    [got] = browser.got()
    assert got["count"] == 5
    assert got["title"] == "Boss assigned “Card 4” to you (and 4 more)"


async def test_what_was_read_meanwhile_is_not_pushed(pocket: Pocket) -> None:
    await pocket.browser()
    told = await pocket.tell()
    await pocket.kim.http.patch(f"{ROOT}/{told}/read")
    assert await push.send_due() is None
    assert await states(pocket.kim, "PUSH") == ["DROPPED"]


async def test_quiet_hours_hold_it_back_but_digests_do_not(pocket: Pocket) -> None:
    await pocket.browser()
    start, end = now() - timedelta(hours=1), now() + timedelta(hours=1)
    await set_times(
        pocket.kim, quietStart=f"{start:%H:%M}", quietEnd=f"{end:%H:%M}", digest="DAILY"
    )
    await pocket.tell()
    assert await push.send_due() is None
    await set_times(pocket.kim, quietStart=None, quietEnd=None)
    assert await push.send_due() == "1 push messages sent"


async def test_who_has_no_browser_gets_nothing_planned(pocket: Pocket) -> None:
    await pocket.tell()
    assert await states(pocket.kim, "PUSH") == []


async def test_a_browser_that_is_gone_is_forgotten(pocket: Pocket) -> None:
    await pocket.browser("gone")
    kept = await pocket.browser()
    await pocket.tell()
    await push.send_due()
    assert [one["endpoint"] for one in await pocket.browsers()] == [kept.subscription["endpoint"]]
    assert await states(pocket.kim, "PUSH") == ["SENT"]


async def test_a_service_that_is_busy_gets_it_later(pocket: Pocket) -> None:
    browser = await pocket.browser("busy")
    await pocket.tell()
    assert await push.send_due() is None
    assert await states(pocket.kim, "PUSH") == ["WAITING"]
    assert await push.send_due() is None
    assert len(browser.got()) == 1
    pocket.service.statuses["busy"] = 201
    await db.execute("UPDATE noti.deliveries SET due_at = now()")
    assert await push.send_due() == "1 push messages sent"
    assert len(browser.got()) == 2


async def test_a_service_that_refuses_is_not_asked_again(pocket: Pocket) -> None:
    await pocket.browser("refused")
    await pocket.tell()
    assert await push.send_due() is None
    assert await states(pocket.kim, "PUSH") == ["FAILED"]


async def test_a_browser_that_is_never_reached_is_forgotten(
    pocket: Pocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "MOST_FAILURES", 3)
    await pocket.browser("refused")
    for turn in range(3):
        assert len(await pocket.browsers()) == 1, turn
        await pocket.tell()
        await push.send_due()
    assert await pocket.browsers() == []


async def test_twenty_replicas_at_once_push_it_once(pocket: Pocket) -> None:
    browsers = [await pocket.browser() for _ in range(3)]
    await pocket.tell()

    async def run() -> None:
        await push.send_due()

    await asyncio.gather(*(asyncio.create_task(run(), context=Context()) for _ in range(20)))
    assert [len(browser.got()) for browser in browsers] == [1, 1, 1]


# --- subscriptions ---------------------------------------------------------------------------


async def test_a_subscription_is_known_by_its_endpoint(pocket: Pocket, server: Server) -> None:
    channel = f"bell:{pocket.kim.id}"
    before = (await events.position(channel)).top
    browser = await pocket.browser()
    again = await pocket.kim.post(SUBSCRIPTIONS, json=browser.subscription)
    [mine] = await pocket.browsers()
    assert again.json()["id"] == mine["id"]
    assert {event.type for event in await events.since(channel, before)} == {"push-changed"}
    other = await server.person("Other")
    assert (await other.delete(f"{SUBSCRIPTIONS}/{mine['id']}")).status_code == 404
    await other.post(SUBSCRIPTIONS, json=browser.subscription)  # he signs in there now
    assert await pocket.browsers() == []
    [his] = (await other.get(SUBSCRIPTIONS)).json()["subscriptions"]
    assert (await other.delete(f"{SUBSCRIPTIONS}/{his['id']}")).status_code == 204


async def test_twenty_tabs_that_subscribe_at_once_are_one_browser(pocket: Pocket) -> None:
    browser = Browser(pocket.service)

    async def subscribe() -> int:
        answer = await pocket.kim.post(SUBSCRIPTIONS, json=browser.subscription)
        return answer.status_code

    answers = await asyncio.gather(
        *(asyncio.create_task(subscribe(), context=Context()) for _ in range(20))
    )
    assert answers == [201] * 20
    assert len(await pocket.browsers()) == 1


async def test_the_oldest_browsers_make_room(
    pocket: Pocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "MOST", 3)
    made = [await pocket.browser() for _ in range(5)]
    assert [one["endpoint"] for one in await pocket.browsers()] == [
        browser.subscription["endpoint"] for browser in reversed(made[2:])
    ]


@pytest.mark.parametrize(
    ("part", "value", "field"),
    [
        ("p256dh", base64(b"\x04" + bytes(64)), "keys.p256dh"),
        ("p256dh", base64(bytes(10)), "keys.p256dh"),
        ("auth", base64(bytes(15)), "keys.auth"),
        ("auth", "a", "keys.auth"),
    ],
)
async def test_keys_have_to_be_keys(pocket: Pocket, part: str, value: str, field: str) -> None:
    wanted = Browser(pocket.service).subscription
    wanted["keys"][part] = value
    answer = await pocket.kim.post(SUBSCRIPTIONS, json=wanted)
    assert answer.status_code == 400
    assert field in answer.text


async def test_without_a_key_there_is_no_web_push(pocket: Pocket, settings: Settings) -> None:
    browser = await pocket.browser()
    push.open(settings)
    assert (await pocket.kim.get(f"{ROOT}/push/key")).status_code == 404
    answer = await pocket.kim.post(SUBSCRIPTIONS, json=browser.subscription)
    assert answer.status_code == 404
    await pocket.tell()
    assert await push.send_due() is None
    assert await states(pocket.kim, "PUSH") == []


# --- where it never goes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.example.com/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://10.0.0.8/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.8]/x",
        "https://[64:ff9b::a00:8]/x",
        "https://localhost/x",
        "https://intranet/x",
        "https://user:secret@push.example.com/x",
        "https://push.example.com:99999/x",
        "ftp://push.example.com/x",
        "https:///x",
        "https://push.example.com/\r\nHost: x",
        "https://1.2.3.999/x",
        "https://[v1.x]/x",
        "https://xn--.com/x",
        "x" * 2049,
    ],
)
async def test_an_endpoint_has_to_be_public(
    pocket: Pocket, settings: Settings, endpoint: str
) -> None:
    use(settings, private=False)
    wanted = Browser(pocket.service).subscription | {"endpoint": endpoint}
    answer = await pocket.kim.post(SUBSCRIPTIONS, json=wanted)
    assert answer.status_code == 400, answer.text
    assert "endpoint" in answer.text


async def test_an_endpoint_that_is_none_holds_up_nobody_else(pocket: Pocket) -> None:
    browser, other = await pocket.browser(), await pocket.browser()
    await db.execute(
        "UPDATE noti.push_subscriptions SET endpoint = 'https://1.2.3.999/x' WHERE endpoint = $1",
        other.subscription["endpoint"],
    )
    await pocket.tell()
    assert await push.send_due() == "1 push messages sent"
    assert len(browser.got()) == 1
    assert await states(pocket.kim, "PUSH") == ["SENT"]


async def test_names_that_take_long_hold_up_no_other_threads(
    pocket: Pocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, answer = Browser(pocket.service), threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer.wait() and [])
    to = web_push.Browser("http://slow.test/x", browser.public, browser.auth)
    async with web_push.client() as http:
        sending = [
            asyncio.create_task(web_push.send(http, to, b"{}", "vapid", private=True))
            for _ in range(40)
        ]
        try:
            await asyncio.sleep(0.1)
            assert await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 2) == "free"
        finally:
            answer.set()
            await asyncio.gather(*sending, return_exceptions=True)


async def test_a_public_name_that_leads_inside_is_refused_when_sending(
    pocket: Pocket, settings: Settings
) -> None:
    browser = await pocket.browser()
    inside = f"http://localhost:{pocket.service.server_port}{browser.path}"
    await db.execute("UPDATE noti.push_subscriptions SET endpoint = $1", inside)
    use(settings, private=False)
    await pocket.tell()
    assert await push.send_due() is None
    assert browser.got() == []
    assert await states(pocket.kim, "PUSH") == ["FAILED"]


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("100.64.0.1", False),
        ("192.168.1.1", False),
        ("224.0.0.1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:8.8.8.8", True),
        ("::ffff:127.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert web_push.is_public(address) is public


async def test_the_certificate_has_to_be_that_of_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(a_certificate(tmp_path)))
    web_push.tls.cache_clear()
    try:
        with push_service(tmp_path / "peer.pem") as service:
            browser = Browser(service)
            wanted = web_push.Browser(service.url + browser.path, browser.public, browser.auth)
            other = wanted._replace(endpoint=wanted.endpoint.replace("localhost", "127.1"))
            async with web_push.client() as http:
                token = vapid.authorization(wanted.endpoint, KEY, SUBJECT)
                sent = await web_push.send(http, wanted, b"{}", token, private=True)
                assert sent == "accepted"
                assert await web_push.send(http, other, b"{}", token, private=True) == "later"
        assert json.loads(browser.read(service.received[0].body)) == {}
        assert len(service.received) == 1
        assert service.received[0].headers["host"] == f"localhost:{service.server_port}"
    finally:
        web_push.tls.cache_clear()


async def test_a_service_that_hangs_up_is_asked_later() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    key = ec.generate_private_key(ec.SECP256R1())
    browser = web_push.Browser(
        f"http://127.0.0.1:{port}/{uuid4()}", vapid.public_bytes(key), bytes(16)
    )
    async with server, web_push.client() as http:
        assert await web_push.send(http, browser, b"{}", "vapid", private=True) == "later"

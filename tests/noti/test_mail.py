"""E-mail: what is sent, when, to whom, and what happens when the mail server doesn't want to."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Iterator
from contextvars import Context
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pytest
from msgspec import structs

from tests.noti.certificates import a_certificate
from tests.noti.mail_peer import PASSWORD, USER, MailServer, mail_server
from tests.noti.telling import ROOT, set_times, states, tell
from tests.people import Person, Server
from wealist.core import db
from wealist.core.errors import Unavailable
from wealist.core.settings import Secret, Settings
from wealist.core.wire import now
from wealist.noti import batches, deliveries, digests, mail, reader
from wealist.noti.channels import EMAIL

SENDER = "weAlist <no-reply@wealist.test>"


class Post(NamedTuple):
    """A person who is told things by her boss, and the server that gets her mail."""

    kim: Person
    boss: Person
    workspace_id: str
    smtp: MailServer

    async def tell(self, person: Person | None = None, **more: object) -> None:
        told = await tell(person or self.kim, self.workspace_id, actor=self.boss, **more)  # type: ignore[arg-type]
        assert told is not None

    async def another(self, email: str, **times: object) -> Person:
        person = await self.kim.server.person(email.partition("@")[0], email=email)
        await self.boss.invites(self.workspace_id, person)
        await set_times(person, **(times or {"digest": "INSTANT"}))
        return person


def use(settings: Settings, url: str | None) -> None:
    mail.open(structs.replace(settings, smtp_url=Secret(url) if url else None, mail_from=SENDER))


@pytest.fixture
def smtp(settings: Settings, tmp_path: Path) -> Iterator[MailServer]:
    with mail_server(tmp_path) as server:
        use(settings, f"smtp://127.0.0.1:{server.port}?starttls=off")
        yield server
    mail.open(settings)


@pytest.fixture
async def post(server: Server, smtp: MailServer) -> Post:
    kim, boss = await server.person("Kim"), await server.person("Boss")
    workspace_id = (await boss.workspace("Acme"))["workspaceId"]
    await boss.invites(workspace_id, kim)
    await set_times(kim, digest="INSTANT")
    return Post(kim, boss, workspace_id, smtp)


async def at_once(*works: Callable[[], Awaitable[object]]) -> list[object]:
    """Run each in a context of its own, as replicas would."""

    async def run(work: Callable[[], Awaitable[object]]) -> object:
        return await work()

    tasks = [asyncio.create_task(run(work), context=Context()) for work in works]
    return list(await asyncio.gather(*tasks))


async def rewind(**ago: int) -> None:
    """Let time pass for everything that waits."""
    await db.execute(
        """
        UPDATE noti.deliveries SET due_at = due_at - $1::interval,
               taken_until = taken_until - $1::interval, created_at = created_at - $1::interval
        """,
        timedelta(**ago),
    )


async def test_a_person_gets_one_message_with_all_that_is_new(post: Post) -> None:
    await post.tell(name="Fix the roof", projectName="House")
    await post.tell(name="Paint <b>& sing</b>", projectName="House")
    await post.tell(kind="BOARD_OVERDUE", name="Taxes")
    assert await mail.send_due() == "1 mails sent"
    [got] = post.smtp.mails()
    assert got.sender == "no-reply@wealist.test"
    assert got.recipients == [post.kim.email]
    assert got.message["Subject"] == "3 new in Acme"
    assert got.message["From"] == SENDER
    assert got.message["To"] == post.kim.email
    assert got.message["Auto-Submitted"] == "auto-generated"
    assert got.message["Message-ID"].endswith("@wealist.test>")
    assert got.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = got.message["List-Unsubscribe"].strip("<>")
    assert link.startswith("http://test/svc/noti/api/notifications/unsubscribe?token=")
    assert f"\r\nList-Unsubscribe: <{link}>\r\n" in got.raw  # whole, and not encoded
    assert f"\r\nMessage-ID: {got.message['Message-ID']}\r\n" in got.raw
    text, html = got.text("plain"), got.text("html")
    for part in (text, html):
        assert part.index("Acme") < part.index("House") < part.index("Fix the roof")
        assert f"http://test/#/w/{post.workspace_id}/board/" in part
        assert link in part
    assert "Boss assigned “Paint <b>& sing</b>” to you" in text
    assert "Paint &lt;b&gt;&amp; sing&lt;/b&gt;" in html
    assert "<b>" not in html
    assert "src=" not in html
    assert await states(post.kim) == ["SENT"] * 3
    assert await mail.send_due() is None


async def test_a_single_notification_is_its_own_subject(post: Post) -> None:
    await post.tell(name="Two\r\nlines: Bcc: evil@example.com")
    await mail.send_due()
    [got] = post.smtp.mails()
    assert (
        got.message["Subject"] == "Boss assigned “Two lines: Bcc: evil@example.com” to you · Acme"
    )
    assert got.recipients == [post.kim.email]
    assert "Bcc" not in got.message


@pytest.mark.parametrize("end", ["\n", "\r\n", "\u2028", "\x85"])
async def test_names_add_no_headers_and_hold_up_no_mail(post: Post, end: str) -> None:
    name = f"Acme{end}Bcc: eve@example.com"
    workspace_id = (await post.boss.workspace(name))["workspaceId"]
    await post.boss.invites(workspace_id, post.kim)
    await tell(post.kim, workspace_id, actor=post.boss, name=f"Roof{end}Bcc: eve@example.com")
    assert await mail.send_due() == "1 mails sent"
    [got] = post.smtp.mails()
    assert "Bcc" not in got.message
    assert got.message["Subject"].endswith("· Acme Bcc: eve@example.com")
    assert "Acme Bcc: eve@example.com" in got.text("plain").splitlines()


async def test_several_workspaces_share_a_message(post: Post) -> None:
    other = (await post.boss.workspace("Zoo"))["workspaceId"]
    await post.boss.invites(other, post.kim)
    await post.tell()
    await tell(post.kim, other, actor=post.boss)
    await tell(post.kim, other, actor=post.boss)
    await mail.send_due()
    [got] = post.smtp.mails()
    assert got.message["Subject"] == "3 new in Acme and 1 other workspace"
    assert got.text("plain").index("Acme") < got.text("plain").index("Zoo")


async def test_a_long_digest_says_how_many_it_leaves_out(post: Post) -> None:
    for turn in range(53):
        await post.tell(name=f"Card {turn}.")
    await mail.send_due()
    [got] = post.smtp.mails()
    assert got.message["Subject"] == "53 new in Acme"
    assert "… and 3 older ones." in got.text("plain")
    assert "Card 52." in got.text("plain")
    assert "Card 2." not in got.text("plain")


async def test_what_was_read_meanwhile_is_not_sent(post: Post) -> None:
    told = await tell(post.kim, post.workspace_id, actor=post.boss, name="Read")
    await post.tell(name="Unread")
    assert (await post.kim.http.patch(f"{ROOT}/{told}/read")).status_code == 200
    await mail.send_due()
    [got] = post.smtp.mails()
    assert got.message["Subject"].startswith("Boss assigned “Unread”")
    assert sorted(await states(post.kim)) == ["DROPPED", "SENT"]


async def test_what_was_muted_or_switched_off_meanwhile_is_not_sent(post: Post) -> None:
    card = uuid4()
    await post.tell(resource_id=card)
    await post.tell(kind="BOARD_OVERDUE")
    mute = {"workspaceId": post.workspace_id, "kind": "RESOURCE"}
    await post.kim.put(f"{ROOT}/mutes/{card}", json=mute)
    await post.kim.http.patch(f"{ROOT}/preferences", json={"subject": "due", "email": False})
    assert await mail.send_due() is None
    assert await states(post.kim) == ["DROPPED", "DROPPED"]


async def test_who_has_left_the_workspace_gets_nothing_of_it(post: Post) -> None:
    await post.tell()
    await db.execute(
        'UPDATE "user".members SET is_active = false WHERE user_id = $1', post.kim.user_id
    )
    await tell(post.kim, post.workspace_id, "WORKSPACE_REMOVED", actor=post.boss, name="Acme")
    await mail.send_due()
    [got] = post.smtp.mails()
    assert got.message["Subject"] == "Boss removed you from Acme"
    assert sorted(await states(post.kim)) == ["DROPPED", "SENT"]


async def test_who_has_left_a_room_gets_nothing_of_it(post: Post) -> None:
    body = {"workspaceId": post.workspace_id, "chatType": "GROUP", "chatName": "Room"}
    body |= {"participants": [post.kim.id]}
    chats = "/svc/chat/api/chats"
    room = (await post.boss.post(chats, json=body)).json()["chatId"]
    said = {"content": f"<@{post.kim.id}> look"}
    await post.boss.post(f"{chats}/messages/{room}", json=said)
    await reader.catch_up()
    assert (await post.kim.delete(f"{chats}/{room}/participants/{post.kim.id}")).status_code == 204
    await mail.send_due()
    [got] = post.smtp.mails()  # that he was made a member of the workspace
    assert "Room" not in str(got.message)
    assert sorted(await states(post.kim)) == ["DROPPED", "SENT"]


async def test_a_deleted_account_gets_nothing(post: Post) -> None:
    await post.tell()
    await db.execute(
        'UPDATE "user".users SET is_active = false, deleted_at = now() WHERE id = $1',
        post.kim.user_id,
    )
    assert await mail.send_due() is None
    assert post.smtp.mails() == []
    assert await states(post.kim) == ["DROPPED"]


async def test_nothing_is_planned_that_nobody_wants(post: Post, settings: Settings) -> None:
    await post.tell(kind="BOARD_UPDATED")  # its rule says no mail
    await set_times(post.kim, digest="OFF")
    await post.tell()
    use(settings, None)
    await set_times(post.kim, digest="INSTANT")
    await post.tell()
    assert await states(post.kim) == []


# --- times -----------------------------------------------------------------------------------


async def test_unless_somebody_chooses_mail_leaves_at_the_full_hour(post: Post) -> None:
    if now().minute == 59 and now().second > 50:
        await asyncio.sleep(11)  # the hour must not end before the test does
    lee = await post.another("lee@example.com", digest="HOURLY")
    await post.tell(lee)
    assert await mail.send_due() is None
    due, made = await db.fetch_record("SELECT due_at, created_at FROM noti.deliveries")
    assert due == made.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    await post.tell(lee)
    await rewind(hours=1)
    await mail.send_due()
    [got] = post.smtp.mails()
    assert got.message["Subject"] == "2 new in Acme"


async def test_quiet_hours_hold_mail_back_and_their_end_lets_it_go(post: Post) -> None:
    start, end = now() - timedelta(hours=1), now() + timedelta(hours=2)
    await set_times(post.kim, quietStart=f"{start:%H:%M}", quietEnd=f"{end:%H:%M}")
    await post.tell()
    assert await mail.send_due() is None
    due: dt.datetime = await db.fetch_value("SELECT due_at FROM noti.deliveries")
    assert due == end.replace(second=0, microsecond=0)
    await set_times(post.kim, quietStart=None, quietEnd=None)
    assert await mail.send_due() == "1 mails sent"


async def test_a_pause_holds_mail_back(post: Post) -> None:
    await set_times(post.kim, pausedUntil=(now() + timedelta(days=1)).isoformat())
    await post.tell()
    assert await mail.send_due() is None
    await set_times(post.kim, pausedUntil=None)
    assert await mail.send_due() == "1 mails sent"


# --- the mail server --------------------------------------------------------------------------


async def test_twenty_replicas_at_once_send_each_person_one_message(post: Post) -> None:
    people = [post.kim, *[await post.another(f"p{turn}@example.com") for turn in range(24)]]
    for person in people:
        for _ in range(3):
            await post.tell(person)
    await at_once(*[mail.send_due] * 20)
    recipients = [got.recipients[0] for got in post.smtp.mails()]
    assert sorted(recipients) == sorted(person.email for person in people)
    assert all("3 new" in got.message["Subject"] for got in post.smtp.mails())


async def test_a_dead_server_only_delays(post: Post) -> None:
    post.smtp.stop()
    await post.tell()
    for _ in range(12):
        with pytest.raises(Unavailable, match="mail server can't be used"):
            await mail.send_due()
    assert await states(post.kim) == ["WAITING"]
    await post.tell()
    post.smtp.start()
    assert await mail.send_due() == "1 mails sent"
    [got] = post.smtp.mails()
    assert got.message["Subject"] == "2 new in Acme"


async def test_a_refused_recipient_does_not_hold_up_the_others(post: Post) -> None:
    nobody = await post.another("refused@example.com")
    busy = await post.another("busy@example.com")
    for person in (nobody, busy, post.kim):
        await post.tell(person)
    assert await mail.send_due() == "1 mails sent"
    assert [got.recipients for got in post.smtp.mails()] == [[post.kim.email]]
    assert await states(nobody) == ["FAILED"]
    assert await states(busy) == ["WAITING"]
    problem = await db.fetch_value("SELECT problem FROM noti.deliveries WHERE state = 'FAILED'")
    assert problem == "550 5.1.1 nobody of this name"


async def test_an_address_that_the_server_can_not_handle_is_given_up(post: Post) -> None:
    for email in ("jürgen@example.com", "a..b@example.com", "x" * 64 + "y@example.com"):
        await post.tell(await post.another(email))
    await post.tell()
    await mail.send_due()
    assert post.kim.email in [got.recipients[0] for got in post.smtp.mails()]
    assert await mail.send_due() is None
    waiting = await db.fetch_value("SELECT count(*) FROM noti.deliveries WHERE state = 'WAITING'")
    assert waiting == 0


async def test_a_busy_mailbox_is_tried_again_at_growing_intervals_and_given_up(post: Post) -> None:
    busy = await post.another("busy@example.com")
    await post.tell(busy)
    pauses = []
    while await states(busy) == ["WAITING"]:
        await mail.send_due()
        due: dt.datetime = await db.fetch_value("SELECT due_at FROM noti.deliveries")
        pauses.append(round((due - now()).total_seconds() / 60))
        assert await mail.send_due() is None
        await rewind(seconds=int((due - now()).total_seconds()) + 1)
    assert pauses[: batches.MOST_ATTEMPTS - 1] == [1, 2, 4, 8, 16, 32, 64]
    assert len(pauses) == batches.MOST_ATTEMPTS
    assert await states(busy) == ["FAILED"]


async def test_what_comes_later_is_not_given_up_with_what_was_tried_often(post: Post) -> None:
    busy = await post.another("busy@example.com")
    await post.tell(busy)
    await db.execute("UPDATE noti.deliveries SET attempts = $1", batches.MOST_ATTEMPTS - 1)
    await post.tell(busy)
    await mail.send_due()
    assert await states(busy) == ["FAILED", "WAITING"]


async def test_a_message_that_may_have_arrived_goes_again_under_the_same_id(post: Post) -> None:
    slow = await post.another("slow@example.com")
    await post.tell(slow, name="First")
    with pytest.raises(Unavailable, match="hung up"):
        await mail.send_due()
    await post.tell(slow, name="Second")
    for ago in (0, 3):
        await rewind(minutes=ago)
        with pytest.raises(Unavailable):
            await mail.send_due()
    first, second, third = post.smtp.mails()
    assert "Second" in second.message["Subject"]
    assert first.message["Message-ID"] == third.message["Message-ID"]
    assert first.message["Subject"] == third.message["Subject"]


async def test_a_crash_after_the_answer_repeats_the_message_under_the_same_id(post: Post) -> None:
    await post.tell()
    [taken] = await batches.take(EMAIL) or []
    [digest], _ = await digests.load(EMAIL, [taken])
    smtp = await mail._connect(mail._server)  # type: ignore[arg-type]
    await smtp.send_message(mail.letter(digest, SENDER))
    await smtp.quit()  # … and the process is gone
    await post.tell(name="Later")
    assert await mail.send_due() is None
    await rewind(minutes=6)
    assert await mail.send_due() == "2 mails sent"
    first, second, third = post.smtp.mails()
    assert first.message["Message-ID"] == second.message["Message-ID"]
    assert "Later" in third.message["Subject"]


async def test_starttls_and_the_password_are_used(
    post: Post,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, certificate = tmp_path / "tls", a_certificate(tmp_path)
    folder.mkdir()
    password = "a%3Asecret%2Fwith%40signs"
    assert PASSWORD == "a:secret/with@signs"
    await post.tell()
    with mail_server(folder, certificate) as tls:
        use(settings, f"smtp://{USER}:{password}@127.0.0.1:{tls.port}")
        with pytest.raises(Unavailable, match="certificate"):
            await mail.send_due()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        use(settings, f"smtp://{USER}:wrong@127.0.0.1:{tls.port}")
        with pytest.raises(Unavailable, match="refuses our password") as refused:
            await mail.send_due()
        assert "wrong" not in str(refused.value)
        use(settings, f"smtp://{USER}:{password}@127.0.0.1:{tls.port}")
        assert await mail.send_due() == "1 mails sent"
        [got] = tls.mails()
    assert (got.tls, got.user) == (True, USER)


async def test_a_server_without_starttls_gets_nothing_unless_the_operator_says_so(
    post: Post, settings: Settings
) -> None:
    await post.tell()
    use(settings, f"smtp://127.0.0.1:{post.smtp.port}")
    with pytest.raises(Unavailable, match="STARTTLS"):
        await mail.send_due()
    assert post.smtp.mails() == []


# --- cost ------------------------------------------------------------------------------------


async def test_the_statements_of_a_run_do_not_grow_with_what_there_is_to_say(
    post: Post, statements: Callable[[Awaitable[object]], Awaitable[int]]
) -> None:
    counts = []
    for number in (1, 40):
        for _ in range(number):
            await post.tell()
        counts.append(await statements(mail.send_due()))
    assert counts[0] == counts[1]


async def test_old_rows_are_forgotten(post: Post) -> None:
    await post.tell()
    await mail.send_due()
    await post.tell(name=str(uuid4()))
    await rewind(days=8)
    assert await deliveries.purge() == "1 old deliveries removed"
    assert await states(post.kim) == ["WAITING"]

"""Who is away and has something unread is told once, until he has read it."""

from uuid import UUID

from tests.board.told import told
from tests.chat.making import Office, call, say
from wealist.chat import reminders
from wealist.core import db, online


async def older() -> None:
    """As if all that was said had been said ten minutes ago."""
    await db.execute("UPDATE chat.messages SET created_at = created_at - interval '10 minutes'")


async def test_an_absence_is_told_of_once_for_each_room(office: Office) -> None:
    room = await office.room()
    await say(office.ann, room, "Hello")
    await reminders.remind()
    assert await told(office.bob) == []
    await older()
    assert await reminders.remind() == "2 people told of messages"
    await say(office.ann, room, "And again")
    await older()
    assert await reminders.remind() == "0 people told of messages"
    [fact] = await told(office.bob)
    assert (fact["type"], fact["resourceId"], fact["actorId"]) == (
        "CHAT_MESSAGE",
        room,
        office.ann.id,
    )
    assert fact["metadata"] == {"chatId": room, "preview": "Hello"}
    await call(office.bob, "PUT", f"/messages/{room}/last-read")
    await say(office.ann, room, "News")
    await older()
    await reminders.remind()
    assert len(await told(office.bob)) == 2
    assert len(await told(office.eve)) == 1


async def test_nobody_is_told_who_is_there_or_wants_quiet_or_has_read(office: Office) -> None:
    room = await office.room()
    await call(office.eve, "PATCH", f"/{room}/settings", {"level": "MENTIONS"})
    message = await say(office.ann, room)
    await older()
    with online.here(UUID(office.bob.id)):
        assert await reminders.remind() == "0 people told of messages"
    await call(office.bob, "PATCH", f"/{room}/settings", {"mutedUntil": "2999-01-01T00:00:00Z"})
    assert await reminders.remind() == "0 people told of messages"
    await call(office.bob, "PATCH", f"/{room}/settings", {"mutedUntil": None})
    await call(office.ann, "DELETE", f"/messages/{message['messageId']}")
    assert await reminders.remind() == "0 people told of messages"
    await say(office.ann, room)
    await older()
    await call(office.bob, "POST", f"/messages/{room}", {"content": "I am here"})
    assert await reminders.remind() == "0 people told of messages"

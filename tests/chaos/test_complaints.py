"""What the storm complains about in rooms and bells; boards have tests/live/test_reader.py."""

from typing import Any

import msgspec
import pytest

from tests.chaos.bells import BellReader, compared, misdelivered
from tests.chaos.room_readers import Message, OldReader, RoomReader
from tests.chaos.rooms import Room, complaints
from wealist.doctor.realtime.account import Account
from wealist.doctor.realtime.reader import Piece

ROOM = "room"


def ann() -> Account:
    account = Account([], "ann")
    account.user_id = "ann"
    return account


def message(number: int, room: str = ROOM, **changes: Any) -> Message:
    client_id = f"client-{number}"
    made = Message(f"message-{number}", room, "ann", f"Text {number}", number, client_id)
    return msgspec.structs.replace(made, **changes)


def piece(seq: int, said: Message) -> Piece:
    at = "2026-01-31T08:00:00Z"
    frame = {"type": "MESSAGE_RECEIVED", "seq": seq, "epoch": "e", "at": at, "message": said}
    return Piece(msgspec.json.encode(frame))


GREETING = Piece(b'{"type":"RESET","seq":0,"epoch":"e"}')


# --- rooms -----------------------------------------------------------------------------------


def room_of(*history: Message) -> Room:
    """A room in which two messages were said and acknowledged, and this was found."""
    room = Room(ROOM, [], quiet=False)
    for number in (1, 2):
        room.said[f"client-{number}"] = "ann", f"Text {number}"
        room.acknowledged.add(f"client-{number}")
    room.history = list(history)
    return room


def test_a_whole_history_is_fine() -> None:
    assert complaints(room_of(message(1), message(2))) == []


@pytest.mark.parametrize(
    ("history", "complaint"),
    [
        ((message(1),), "1 acknowledged messages are lost"),
        ((message(1), message(2), message(2, seq=3)), "1 messages are there twice"),
        ((message(1), message(2), message(3)), "a message is there that nobody said so"),
        ((message(1), message(2, user_id="bob")), "a message is there that nobody said so"),
        ((message(1), message(2, seq=3)), "the numbers of a room's messages have gaps"),
    ],
)
def test_a_history_is_complained_about(history: tuple[Message, ...], complaint: str) -> None:
    assert complaints(room_of(*history)) == [complaint]


def test_a_reader_of_a_room_hears_each_message_once_and_tells_what_is_not_his() -> None:
    reader = RoomReader(ann(), ROOM, [], "reader", 0)
    for one in (GREETING, piece(1, message(1)), piece(1, message(1)), piece(2, message(2, "else"))):
        reader.hear(one)
    assert [one.seq for one in reader.messages] == [1, 2]
    assert reader.strays == 1
    assert reader.complaints([1, 2]) == ["1 frames twice"]


def test_a_reader_of_the_old_kind_drops_what_it_has() -> None:
    reader = OldReader(ann(), ROOM, [], "reader", 0)
    for seq, number in ((1, 1), (2, 2), (1, 1), (2, 2), (3, 3)):
        reader.hear(piece(seq, message(number)))
    assert reader.messages == [message(1), message(2), message(3)]


# --- bells -----------------------------------------------------------------------------------


def ring(seq: int, number: int, *, actor: str = "bob", target: str = "ann") -> Piece:
    told = {
        "id": f"notification-{number}",
        "type": "CHAT_MENTIONED",
        "actorId": actor,
        "targetUserId": target,
        "resourceId": ROOM,
        "metadata": {"messageId": f"message-{number}"},
    }
    return Piece(msgspec.json.encode(told), "notification", f"e:{seq}")


def bell_of(*pieces: Piece) -> BellReader:
    reader = BellReader(ann(), [], 0)
    for one in (Piece(b"{}", "connected", "e:0"), *pieces):
        reader.hear(one)
    return reader


def test_a_bell_that_rang_once_for_each_is_fine() -> None:
    reader = bell_of(ring(1, 1), Piece(b'{"count":2}', "unread-count", "e:2"), ring(3, 2))
    assert reader.complaints([1, 2, 3]) == misdelivered(reader, ann()) == []
    assert compared(reader, reader.notifications) == []
    assert reader.count == 2


def test_a_bell_is_complained_about() -> None:
    good = bell_of(ring(1, 1), ring(2, 2)).notifications
    assert compared(bell_of(ring(1, 1)), good) == ["1 notifications missing"]
    again = bell_of(ring(1, 1), ring(2, 2), ring(3, 2))
    assert compared(again, good) == ["1 notifications twice or from nowhere"]
    assert misdelivered(bell_of(ring(1, 1, target="eve")), ann()) == ["was told what is for others"]
    assert misdelivered(bell_of(ring(1, 1, actor="ann")), ann()) == ["was told of his own doings"]
    reset = bell_of(ring(1, 1), Piece(b"{}", "reset", "e:9"))
    assert reset.complaints([*range(1, 10)]) == ["1 resets"]

"""Frames, cursors, and the door that takes plain requests."""

from uuid import uuid4

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.core.hub_peers import channel, epoch, family, say, say_much
from tests.people import Server
from wealist.core import changes, events
from wealist.core.changes import Changes
from wealist.core.frames import Cursor, Frame, pack, parse, unpack


def said(found: Changes) -> list[int]:
    return [msgspec.json.decode(event)["payload"]["number"] for event in found.events]


async def test_a_plain_request_tells_what_happened_after_a_cursor(server: Server) -> None:
    name = channel()
    await say(name, 11, 12, 13)
    mine = await epoch()
    with family():
        first = await changes.since(name, Cursor(mine, 0), 2)
        assert (said(first), first.more, first.cursor) == ([11, 12], True, f"{mine}:2")
        rest = await changes.since(name, parse(first.cursor), 2)
        assert (said(rest), rest.more) == ([13], False)
        lost = await changes.since(name, Cursor("other", 1), 2)
        assert (lost.reset, lost.events, lost.cursor) == (True, [], f"{mine}:3")
        assert (await changes.since(name, None, 2)).cursor == f"{mine}:3"


async def test_a_page_of_the_log_ends_at_a_number_of_bytes_but_is_never_empty(
    server: Server,
) -> None:
    name = channel()
    await say_much(name, 10, 1000)
    assert [event.seq for event in await events.since(name, 2, most_bytes=2500)] == [3, 4, 5]
    assert [event.seq for event in await events.since(name, 2, most_bytes=1)] == [3]
    assert len(await events.since(name, 2, 4)) == 4
    assert await events.since(name, 10) == []


@given(st.text(max_size=40))
def test_any_text_is_a_cursor_or_none(text: str) -> None:
    cursor = parse(text)
    assert cursor.seq >= 0
    assert parse(str(Cursor("abc", cursor.seq))) == Cursor("abc", cursor.seq)


def test_frames_survive_the_bus() -> None:
    user = uuid4()
    for frame in (
        Frame("e", 7, '{"ä":1}', 12.5, user, "BOARD_MOVED"),
        Frame("e", 8, "{}\n", None, None),
        Frame("e", 9, "{}", name="two words"),
    ):
        back = unpack(pack(frame))
        for name in ("epoch", "seq", "text", "committed", "revokes", "name"):
            assert getattr(back, name) == getattr(frame, name)


def test_a_frame_tells_its_name_where_that_is_wanted() -> None:
    assert Frame("e", 1, "{}", name="x").stream() == b"id: e:1\ndata: {}\n\n"
    assert Frame("e", 1, "{}", name="x").stream(named=True) == (b"id: e:1\nevent: x\ndata: {}\n\n")


def test_the_size_of_a_frame_is_in_bytes() -> None:
    assert Frame("e", 1, "abc").size == 3
    assert Frame("e", 1, "칸반").size == 6

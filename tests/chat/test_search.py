"""Finding messages by their words, only in one's own rooms (chat.md, expectations)."""

import re
from random import Random
from urllib.parse import quote

import pytest

from tests.chat.making import Office, call, refused, say
from tests.people import Person

VOCABULARY = ["alpha", "Alphabet", "beta", "betamax", "안녕", "안녕하세요", "e-mail", "3.14", "ÉTÉ"]
BETWEEN = re.compile(r"[\s!-/:-@\[-`{-~]+")


async def found(person: Person, text: str, more: str = "") -> list[str]:
    """The texts of what is found, newest first."""
    page = await call(person, "GET", f"/messages/search?q={quote(text)}{more}")
    return [hit["message"]["content"] for hit in page["hits"]]


def fits(content: str, text: str) -> bool:
    """Whether each word of `text` begins a word of a message: what search promises."""
    said = BETWEEN.split(content.lower())
    return all(
        any(word.startswith(wanted) for word in said)
        for wanted in BETWEEN.split(text.lower())
        if wanted
    )


async def test_a_hit_says_where_it_was_said_and_by_whom(office: Office) -> None:
    room = await office.room()
    message = await say(office.ann, room, "Quarterly numbers")
    page = await call(office.bob, "GET", "/messages/search?q=quarterly")
    assert page["nextCursor"] is None
    [hit] = page["hits"]
    assert hit == {
        "message": message,
        "chatId": room,
        "chatName": "Room",
        "chatType": "GROUP",
        "workspaceId": office.workspace_id,
    }


@pytest.mark.parametrize(
    "text",
    [
        "deplo",
        "DEPLOY",
        "deploy today",
        "today deploy",
        "안녕",
        "https://example.com/a",
        "v1",
        "(v1.2)",
    ],
)
async def test_words_are_found_by_their_beginning_in_any_order_and_case(
    office: Office, text: str
) -> None:
    room = await office.room()
    said = "Deployed today: v1.2, see https://example.com/a?b=1 안녕하세요"
    await say(office.ann, room, said)
    await say(office.ann, room, "Something else")
    assert await found(office.bob, text) == [said]


@pytest.mark.parametrize("text", ["eployed", "deployed tomorrow", "녕하", "ay"])
async def test_what_is_only_inside_a_word_is_not_found(office: Office, text: str) -> None:
    room = await office.room()
    await say(office.ann, room, "Deployed today 안녕하세요")
    assert await found(office.bob, text) == []


async def test_nothing_is_found_in_rooms_of_others_or_after_leaving(office: Office) -> None:
    shared, theirs = await office.room(), await office.room(office.bob)
    await say(office.ann, shared, "budget one")
    await say(office.ann, theirs, "budget two")
    assert await found(office.bob, "budget") == ["budget two", "budget one"]
    assert await found(office.eve, "budget") == ["budget one"]
    assert await found(office.outsider, "budget") == []
    await refused(
        office.eve, "GET", f"/messages/search?q=budget&chatId={theirs}", None, 403, "Not a part"
    )
    await call(office.ann, "DELETE", f"/{shared}/participants/{office.eve.id}")
    assert await found(office.eve, "budget") == []
    await call(office.ann, "DELETE", f"/{theirs}")
    assert await found(office.bob, "budget") == ["budget one"]
    await office.removes(office.bob)
    assert await found(office.bob, "budget") == []


async def test_a_search_can_be_narrowed_to_a_workspace_or_a_room(office: Office) -> None:
    one, two = await office.room(), await office.room()
    await say(office.ann, one, "plan one")
    await say(office.ann, two, "plan two")
    assert await found(office.ann, "plan", f"&chatId={one}") == ["plan one"]
    here = f"&workspaceId={office.workspace_id}"
    assert await found(office.ann, "plan", here) == ["plan two", "plan one"]
    other = (await office.ann.workspace("Other"))["workspaceId"]
    assert await found(office.ann, "plan", f"&workspaceId={other}") == []


async def test_an_edited_message_is_found_as_it_reads_now_and_a_deleted_one_never(
    office: Office,
) -> None:
    room = await office.room()
    path = f"/messages/{(await say(office.ann, room, 'apples'))['messageId']}"
    await call(office.ann, "PUT", path, {"content": "pears"})
    assert (await found(office.bob, "apples"), await found(office.bob, "pears")) == ([], ["pears"])
    await call(office.ann, "DELETE", path)
    assert await found(office.bob, "pears") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "q"),
        ("q=", "q"),
        ("q=%20!%3F", "q"),
        ("q=a+b+c+d+e+f+g+h+i", "q"),
        ("q=a%00", "NUL"),
        ("q=a&chatId=x", "chatId"),
        ("q=a&workspaceId=x", "workspaceId"),
        ("q=a&cursor=x", "cursor"),
    ],
)
async def test_what_cannot_be_looked_for_is_refused_and_named(
    office: Office, query: str, field: str
) -> None:
    await refused(office.ann, "GET", f"/messages/search?{query}", None, 400, field)


async def test_words_of_a_query_have_no_meaning_of_their_own(office: Office) -> None:
    room = await office.room()
    await say(office.ann, room, "it's a | b & c:* \\ end")
    for text in ("it's", "|a", "a & b", "c:*", "\\ end", "%a_"):
        assert len(await found(office.bob, text)) == 1, text


@pytest.mark.parametrize("seed", range(4))
async def test_pages_are_complete_and_without_doubles_while_more_is_said(
    office: Office, seed: int
) -> None:
    chance = Random(seed)
    rooms = [await office.room(), await office.room(), await office.room(office.bob)]
    said: list[tuple[str, str]] = []

    async def speak(count: int) -> None:
        for _ in range(count):
            content = " ".join(chance.choices(VOCABULARY, k=chance.randrange(1, 5)))
            room = chance.choice(rooms)
            await say(office.ann, room, content)
            said.append((room, content))

    await speak(60)
    for text in ("alpha", "ALPHABET", "안녕 beta", "e-mail", "mail", "3", "été a"):
        for reader, own in ((office.bob, rooms), (office.eve, rooms[:2])):
            wanted = [content for room, content in said if room in own and fits(content, text)]
            hits: list[str] = []
            ids: set[str] = set()
            cursor = ""
            while True:
                path = f"/messages/search?q={quote(text)}&limit=4{cursor}"
                page = await call(reader, "GET", path)
                hits += [hit["message"]["content"] for hit in page["hits"]]
                ids |= {hit["message"]["messageId"] for hit in page["hits"]}
                if page["nextCursor"] is None:
                    break
                cursor = f"&cursor={page['nextCursor']}"
                await speak(1)
            assert hits == wanted[::-1], text
            assert len(ids) == len(hits)

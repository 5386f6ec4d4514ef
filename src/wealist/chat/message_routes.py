"""Messages and what hangs on them over HTTP (contract: chat.md §4.2)."""

from typing import Annotated, TypeAlias

from litestar import delete, get, post, put
from litestar.params import FromPath, JSONBody, QueryParameter

from wealist.chat import messages, pins, reactions, reading, search, sending
from wealist.chat.message_wire import (
    Edit,
    Emoji,
    Message,
    MessageChange,
    MessageIds,
    PostedMessage,
    Reaction,
)
from wealist.chat.messages import Window
from wealist.chat.search import Hits, Scope
from wealist.chat.wire import Said, SaidTwice, UnreadCount, said
from wealist.core.pages import Limit
from wealist.core.params import IfMatch, Me, Number, Text, uuid

MESSAGES = "/api/chats/messages"
ROOM = "/api/chats/{chat_id:str}"

SearchText: TypeAlias = Annotated[str | None, QueryParameter(name="q", description="Words.")]


@get(
    [f"{MESSAGES}/{{chat_id:str}}", f"{ROOM}/messages"],
    opt={"access": "chat.read"},
    summary="A page of a chat's messages, oldest first",
)
async def history(
    caller: Me,
    chat_id: FromPath[str],
    limit: Number = None,
    before: Text = None,
    after: Text = None,
    around: Text = None,
) -> Said[list[Message]]:
    window = Window(limit, before, after, around)
    return said(await messages.history(caller, uuid(chat_id, "chatId"), window))


@post(
    [f"{MESSAGES}/{{chat_id:str}}", f"{ROOM}/messages"],
    opt={"access": "chat.write"},
    summary="Say something in a chat",
)
async def send(caller: Me, chat_id: FromPath[str], data: JSONBody[PostedMessage]) -> Message:
    return await sending.send(caller, uuid(chat_id, "chatId"), data)


@put(
    f"{MESSAGES}/{{message_id:str}}",
    opt={"access": "message.edit"},
    summary="Change one's own message",
)
async def edit_message(
    caller: Me, message_id: FromPath[str], data: JSONBody[MessageChange], if_match: IfMatch
) -> Said[Message]:
    target = uuid(message_id, "messageId")
    return said(await messages.edit_message(caller, target, data, if_match))


@delete(
    f"{MESSAGES}/{{message_id:str}}", opt={"access": "message.delete"}, summary="Delete a message"
)
async def delete_message(caller: Me, message_id: FromPath[str]) -> None:
    await messages.delete_message(caller, uuid(message_id, "messageId"))


@post(
    f"{MESSAGES}/read",
    status_code=200,
    opt={"access": "caller"},
    summary="Have read up to these messages",
)
async def read_messages(caller: Me, data: JSONBody[MessageIds]) -> Said[str]:
    await reading.read_messages(caller, data.message_ids)
    return said("Messages marked as read")


@get(
    f"{MESSAGES}/{{chat_id:str}}/unread",
    opt={"access": "chat.read"},
    summary="How many messages of a chat are unread",
)
async def unread(caller: Me, chat_id: FromPath[str]) -> SaidTwice[UnreadCount]:
    count = await reading.unread(caller, uuid(chat_id, "chatId"))
    return SaidTwice(True, count, count)


@put(
    f"{MESSAGES}/{{chat_id:str}}/last-read",
    opt={"access": "chat.read"},
    summary="Have read a whole chat",
)
async def read_all(caller: Me, chat_id: FromPath[str]) -> Said[str]:
    await reading.read_all(caller, uuid(chat_id, "chatId"))
    return said("Last read updated")


@get(
    f"{MESSAGES}/{{message_id:str}}/edits",
    opt={"access": "message.read"},
    summary="How a message read before",
)
async def edits(caller: Me, message_id: FromPath[str]) -> Said[list[Edit]]:
    return said(await messages.edits(caller, uuid(message_id, "messageId")))


@get(
    f"{MESSAGES}/{{message_id:str}}/thread",
    opt={"access": "message.read"},
    summary="The thread that begins with a message",
)
async def thread(
    caller: Me, message_id: FromPath[str], limit: Number = None, after: Text = None
) -> Said[list[Message]]:
    return said(await messages.thread(caller, uuid(message_id, "messageId"), limit, after))


@post(
    f"{MESSAGES}/{{message_id:str}}/reactions",
    status_code=200,
    opt={"access": "message.read"},
    summary="React to a message",
)
async def react(
    caller: Me, message_id: FromPath[str], data: JSONBody[Emoji]
) -> Said[list[Reaction]]:
    return said(await reactions.react(caller, uuid(message_id, "messageId"), data.emoji))


@delete(
    f"{MESSAGES}/{{message_id:str}}/reactions/{{emoji:str}}",
    opt={"access": "message.read"},
    summary="Take one's reaction back",
)
async def take_back(caller: Me, message_id: FromPath[str], emoji: FromPath[str]) -> None:
    await reactions.take_back(caller, uuid(message_id, "messageId"), emoji)


@get(f"{ROOM}/pins", opt={"access": "chat.read"}, summary="A chat's pinned messages")
async def list_pins(caller: Me, chat_id: FromPath[str]) -> Said[list[Message]]:
    return said(await pins.list_pins(caller, uuid(chat_id, "chatId")))


@put(f"{MESSAGES}/{{message_id:str}}/pin", opt={"access": "message.read"}, summary="Pin a message")
async def pin(caller: Me, message_id: FromPath[str]) -> Said[Message]:
    return said(await pins.pin(caller, uuid(message_id, "messageId")))


@delete(
    f"{MESSAGES}/{{message_id:str}}/pin", opt={"access": "message.read"}, summary="Unpin a message"
)
async def unpin(caller: Me, message_id: FromPath[str]) -> None:
    await pins.unpin(caller, uuid(message_id, "messageId"))


@get(
    f"{MESSAGES}/search",
    opt={"access": "caller"},
    summary="Find messages by their words in one's own chats",
)
async def find(
    caller: Me,
    text: SearchText = None,
    workspaceId: Text = None,  # noqa: N803
    chatId: Text = None,  # noqa: N803
    cursor: Text = None,
    limit: Limit = None,
) -> Said[Hits]:
    scope = Scope(
        uuid(workspaceId, "workspaceId") if workspaceId else None,
        uuid(chatId, "chatId") if chatId else None,
    )
    return said(await search.search(caller, text, scope, limit, cursor))


handlers = [
    history,
    send,
    edit_message,
    delete_message,
    read_messages,
    unread,
    read_all,
    edits,
    thread,
    react,
    take_back,
    list_pins,
    pin,
    unpin,
    find,
]

"""What a room and one's list of rooms show, and how they follow their events (docs/events.md)."""

from typing import Any

from tests.chat.making import ask, call
from tests.fold import Reducer, State, keyed
from tests.people import Person

QUOTED = 200
"""Characters of a message that a list, or an answer to it, shows."""
IN_LISTS = ("messageId", "chatId", "userId", "content", "messageType", "createdAt", "updatedAt")
IN_LISTS += ("seq", "version", "userName", "userProfileImage")


class RoomView:
    """A room with its people, all that was said, and what is pinned, as one of them sees it."""

    def __init__(self, reader: Person, chat_id: str) -> None:
        self.reader, self.chat_id = reader, chat_id
        self.reducers: dict[str, Reducer] = {
            "CHAT_UPDATED": lambda state, told: state["chat"].update(told["chat"]),
            "CHAT_DELETED": lambda state, _: state.clear(),
            "USER_JOINED": lambda state, told: _joined(state["people"], told),
            "USER_LEFT": lambda state, told: _left(state["people"], state["chat"], told),
            "ROLE_CHANGED": lambda state, told: _role(state["people"], told),
            "MESSAGE_READ": lambda state, told: _read(state["people"], told),
            "MESSAGE_RECEIVED": self._received,
            "MESSAGE_UPDATED": self._updated,
            "MESSAGE_DELETED": self._deleted,
            "REACTIONS_CHANGED": self._reactions,
            "MESSAGE_PINNED": self._pinned,
        }

    async def channels(self) -> set[str]:
        return {f"chat:{self.chat_id}"}

    async def snapshot(self) -> State:
        found = await ask(self.reader, "GET", f"/{self.chat_id}")
        if found.status_code in (403, 404):
            return {}
        chat = found.json()["message"]
        people = keyed(chat.pop("participants"), "userId")
        page = await call(self.reader, "GET", f"/messages/{self.chat_id}?limit=100")
        pins = await call(self.reader, "GET", f"/{self.chat_id}/pins")
        messages = keyed(page, "messageId")
        assert [messages[one["messageId"]] for one in pins] == pins
        return {
            "chat": chat,
            "people": people,
            "messages": messages,
            "pins": {one["messageId"] for one in pins},
        }

    @staticmethod
    def _received(state: State, told: Any) -> None:
        message = told["message"]
        state["messages"][message["messageId"]] = message
        state["chat"]["lastSeq"] = message["seq"]
        state["chat"]["updatedAt"] = message["createdAt"]
        _spoken(state["people"], message)
        _replies(state["messages"], message.get("threadId"), 1)

    @staticmethod
    def _updated(state: State, told: Any) -> None:
        message = told["message"]
        state["messages"][message["messageId"]] = message
        for one in _quoting(state, message["messageId"]):
            one["content"] = message["content"][:QUOTED]

    @staticmethod
    def _deleted(state: State, told: Any) -> None:
        del state["messages"][told["messageId"]]
        state["pins"].discard(told["messageId"])
        for one in _quoting(state, told["messageId"]):
            one["content"], one["deleted"] = "", True
        _replies(state["messages"], told["threadId"], -1)

    @staticmethod
    def _reactions(state: State, told: Any) -> None:
        _set(state["messages"][told["messageId"]], "reactions", told["reactions"] or None)

    @staticmethod
    def _pinned(state: State, told: Any) -> None:
        _set(state["messages"][told["messageId"]], "pinnedAt", told["pinnedAt"])
        pins = state["pins"]
        (pins.add if told["pinnedAt"] else pins.discard)(told["messageId"])


class ChatListView:
    """Somebody's list of rooms. It keeps what was said last in each, so that it knows what comes
    to the front when the last message is deleted; of a room that is new in it, from the last one
    on."""

    def __init__(self, reader: Person) -> None:
        self.reader = reader
        self._since: dict[str, int] = {}
        of_rooms = {
            "CHAT_UPDATED": lambda row, told: row["chat"].update(told["chat"]),
            "USER_JOINED": lambda row, told: _joined(row["people"], told),
            "USER_LEFT": lambda row, told: _left(row["people"], row["chat"], told),
            "ROLE_CHANGED": lambda row, told: _role(row["people"], told),
            "MESSAGE_READ": lambda row, told: _read(row["people"], told),
            "MESSAGE_RECEIVED": self._received,
            "MESSAGE_UPDATED": self._updated,
            "MESSAGE_DELETED": self._deleted,
            "CHAT_READ": self._read_by_me,
            "CHAT_SETTINGS": self._settings,
        }
        self.reducers: dict[str, Reducer] = {
            "CHAT_CREATED": self._created,
            "CHAT_DELETED": lambda state, gone: state.pop(gone["chatId"], None),
            **{kind: _of_a_row(reducer) for kind, reducer in of_rooms.items()},
        }

    async def channels(self) -> set[str]:
        rows = await call(self.reader, "GET", "/my")
        return {f"chats:{self.reader.id}", *(f"chat:{row['chatId']}" for row in rows)}

    async def snapshot(self) -> State:
        state: State = {}
        for chat in await call(self.reader, "GET", "/my"):
            page = await call(self.reader, "GET", f"/messages/{chat['chatId']}?limit=100")
            since = self._since.get(chat["chatId"], 0)
            row = _row(chat, [one for one in page if one["seq"] >= since])
            assert row["chat"].pop("lastMessage", None) == _last(row)
            state[chat["chatId"]] = row
        return state

    def _created(self, state: State, told: Any) -> None:
        last = told["chat"].pop("lastMessage", None)
        self._since[told["chatId"]] = last["seq"] if last else told["chat"]["lastSeq"] + 1
        state[told["chatId"]] = _row(told["chat"], [last] if last else [])

    def _received(self, row: State, told: Any) -> None:
        chat, message = row["chat"], told["message"]
        row["messages"][message["messageId"]] = _listed(message)
        chat["lastSeq"], chat["updatedAt"] = message["seq"], message["createdAt"]
        _spoken(row["people"], message)
        if message["userId"] == self.reader.id:
            chat["lastReadSeq"], chat["unreadCount"] = message["seq"], 0
        else:
            chat["unreadCount"] += 1

    @staticmethod
    def _updated(row: State, told: Any) -> None:
        row["messages"][told["message"]["messageId"]] = _listed(told["message"])

    @staticmethod
    def _deleted(row: State, told: Any) -> None:
        row["messages"].pop(told["messageId"], None)
        if told["messageSeq"] > row["chat"]["lastReadSeq"]:
            row["chat"]["unreadCount"] -= 1

    @staticmethod
    def _read_by_me(row: State, told: Any) -> None:
        for name in ("lastReadSeq", "unreadCount"):
            row["chat"][name] = told[name]

    @staticmethod
    def _settings(row: State, told: Any) -> None:
        for name in ("level", "draft", "mutedUntil", "pinnedAt", "archivedAt"):
            _set(row["chat"], name, told[name])


def _of_a_row(reducer: Reducer) -> Reducer:
    """What a list does with the events of a room: nothing, unless the room is in it."""

    def reduce(state: State, told: Any) -> None:
        chat_id = told.get("chatId") or (told.get("message") or told.get("chat"))["chatId"]
        if chat_id in state:
            reducer(state[chat_id], told)

    return reduce


def _row(chat: Any, page: list[Any]) -> State:
    people = keyed(chat.pop("participants"), "userId")
    return {"chat": chat, "people": people, "messages": keyed(map(_listed, page), "messageId")}


def _listed(message: Any) -> Any:
    shown = {name: message[name] for name in IN_LISTS if name in message}
    return shown | {"content": message["content"][:QUOTED]}


def _last(row: State) -> Any:
    return max(row["messages"].values(), key=lambda one: one["seq"], default=None)


def _joined(people: State, told: Any) -> None:
    people[told["userId"]] = told["participant"]


def _left(people: State, chat: Any, told: Any) -> None:
    """A direct room shows both sides always."""
    if chat["chatType"] == "DM":
        people[told["userId"]] |= {"isActive": False, "role": "MEMBER"}
    else:
        del people[told["userId"]]


def _role(people: State, told: Any) -> None:
    people[told["userId"]]["role"] = told["role"]


def _read(people: State, told: Any) -> None:
    seat = people[told["userId"]]
    seat["lastReadSeq"], seat["lastReadAt"] = told["lastReadSeq"], told["lastReadAt"]


def _spoken(people: State, message: Any) -> None:
    """Who says something has read all before it."""
    seat = people[message["userId"]]
    seat["lastReadSeq"], seat["lastReadAt"] = message["seq"], message["createdAt"]


def _replies(messages: State, thread_id: str | None, change: int) -> None:
    root = messages.get(thread_id or "")
    if root is not None:
        _set(root, "replyCount", root.get("replyCount", 0) + change or None)


def _quoting(state: State, message_id: str) -> list[Any]:
    quotes = [one["replyTo"] for one in state["messages"].values() if "replyTo" in one]
    return [quote for quote in quotes if quote["messageId"] == message_id]


def _set(row: Any, name: str, value: Any) -> None:
    """Members that are null are left out."""
    if value is None:
        row.pop(name, None)
    else:
        row[name] = value

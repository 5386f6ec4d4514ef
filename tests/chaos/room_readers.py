"""Clients of a room's socket: one that knows cursors (docs/live.md), one of the old kind."""

import asyncio
import contextlib
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from websockets.exceptions import WebSocketException

from wealist.doctor.realtime.account import Account
from wealist.doctor.realtime.reader import Heard, Piece, Reader

CHATS = "/svc/chat/api/chats"
NOWHERE = ":0"
"""A cursor that never was: its reader is told where the room stands."""
ANSWER_SECONDS = 3.0
PING_SECONDS = 1.0


class Message(Struct, rename="camel", frozen=True):
    """A message as clients see it."""

    message_id: str
    chat_id: str
    user_id: str
    content: str
    seq: int
    client_message_id: str = ""


class Told(Struct, rename="camel"):
    """A frame of a room; hints and answers have no `epoch`, and an ERROR explains itself in
    `message`."""

    type: str
    seq: int = 0
    epoch: str = ""
    at: datetime | None = None
    message: Message | str | None = None
    chat_id: str = ""
    user_id: str = ""
    client_message_id: str = ""


class RoomReader(Reader):
    """Hears everything of one room over sockets, and talks over the one that is open.

    `messages` are those that were heard as new, `strays` counts frames about other rooms, `left`
    says of each who went at which event it was.
    """

    def __init__(self, account: Account, room: str, urls: list[str], name: str, first: int) -> None:
        super().__init__(account, room, urls, "socket", name, first=first)
        self.messages: list[Message] = []
        self.left: dict[str, int] = {}
        self.strays = 0
        self._waiting: dict[str, asyncio.Future[bool]] = {}

    @property
    def path(self) -> str:
        return f"{CHATS}/ws/{self.target}"

    @property
    def place(self) -> str:
        return self.cursor or NOWHERE

    def hear(self, piece: Piece) -> None:
        told = msgspec.json.decode(piece.text, type=Told)
        room = told.message.chat_id if isinstance(told.message, Message) else told.chat_id
        self.strays += room not in ("", self.target)
        if told.type == "ERROR":
            self._answered(told.client_message_id, came=False)
        elif told.epoch:
            before = self.last
            self.take(Heard(told.type, told.seq, told.epoch, told.at))
            if told.at is not None and told.seq > before:
                self.learn(told)

    def learn(self, told: Told) -> None:
        """What an event says that was not known before."""
        if told.type == "USER_LEFT":
            self.left[told.user_id] = told.seq
        elif told.type == "MESSAGE_RECEIVED" and isinstance(told.message, Message):
            self.messages.append(told.message)
            if told.message.user_id == self.account.user_id:
                self._answered(told.message.client_message_id, came=True)

    def _answered(self, client_id: str, *, came: bool) -> None:
        waiting = self._waiting.get(client_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(came)

    async def say(self, client_id: str, content: str) -> bool:
        """Say something over the socket. True: it came back, so it is said. False: nobody knows."""
        frame = {"type": "MESSAGE", "content": content, "clientMessageId": client_id}
        waiting = self._waiting[client_id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self.tell(frame) and await waiting
        except TimeoutError:
            return False
        finally:
            del self._waiting[client_id]

    async def tell(self, frame: dict[str, Any]) -> bool:
        """Send a frame; whether there was a connection to send it on."""
        if self.line is None:
            return False
        try:
            await self.line.send(msgspec.json.encode(frame).decode())
        except WebSocketException:
            return False
        return True


class OldReader(RoomReader):
    """Knows nothing of cursors: drops by `messageId` what it has, and pings to stay alive. It is
    connected once it was answered."""

    def __init__(self, account: Account, room: str, urls: list[str], name: str, first: int) -> None:
        super().__init__(account, room, urls, name, first)
        self._known: set[str] = set()
        self._pings: asyncio.Task[None] | None = None

    @property
    def place(self) -> str:
        return ""

    async def begin(self) -> None:
        self._pings = asyncio.create_task(self._ping())
        await super().begin()

    async def stop(self) -> None:
        if self._pings is not None:
            self._pings.cancel()
            await asyncio.gather(self._pings, return_exceptions=True)
        await super().stop()

    def hear(self, piece: Piece) -> None:
        told = msgspec.json.decode(piece.text, type=Told)
        self.connected.set()
        new = told.message
        if isinstance(new, Message):
            self.strays += new.chat_id != self.target
            if new.message_id not in self._known:
                self._known.add(new.message_id)
                self.messages.append(new)

    async def _ping(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PING_SECONDS):
                    await self.tell({"type": "ping"})
            await asyncio.sleep(PING_SECONDS)

"""What the client of a room's socket says (contract: chat.md §6.1)."""

from time import monotonic
from uuid import UUID

import msgspec
from msgspec import Struct

from wealist.chat import reading, sending
from wealist.chat.message_wire import NewMessage
from wealist.chat.typing import Typist
from wealist.core import envelopes
from wealist.core.errors import TooMany
from wealist.core.frames import Frame
from wealist.core.identity import Caller
from wealist.core.live_socket import PINGS, PONG
from wealist.core.outbox import Outbox
from wealist.core.wire import Wire

MESSAGES_PER_MINUTE = 1200
"""What one connection may say; bursts are spread over a minute."""


class _Kind(Struct):
    type: str = ""


class _Read(Struct, rename="camel"):
    message_id: str = ""


class _Error(Wire, omit_defaults=True):
    type: str
    code: str
    message: str
    client_message_id: str | None = None
    reason: str | None = None
    """Why, in our words; `message` is the one that clients of the contract know."""


class Hearing:
    """Carries out what one connection asks for, one frame after the other. What can't be done is
    answered with an `ERROR`, and the socket stays open."""

    __slots__ = ("_allowance", "_at", "_caller", "_chat_id", "_outbox", "_typist")

    def __init__(self, caller: Caller, chat_id: UUID, outbox: Outbox, typist: Typist) -> None:
        self._caller, self._chat_id, self._outbox = caller, chat_id, outbox
        self._typist = typist
        self._allowance = float(MESSAGES_PER_MINUTE)
        self._at = 0.0

    async def hear(self, text: str) -> None:
        try:
            kind = msgspec.json.decode(text, type=_Kind).type
        except (msgspec.DecodeError, UnicodeEncodeError):
            self._error("INVALID_MESSAGE", "Invalid message format")
            return
        match kind:
            case "MESSAGE":
                await self._message(text)
            case "TYPING_START":
                self._typist.start()
            case "TYPING_STOP":
                self._typist.pause()
            case "READ_MESSAGE":
                await self._read(text)
            case _ if kind in PINGS:
                self._outbox.push(PONG)

    async def _message(self, text: str) -> None:
        try:
            new = msgspec.json.decode(text, type=NewMessage)
        except (msgspec.DecodeError, UnicodeEncodeError) as error:
            self._error("INVALID_MESSAGE", "Invalid message format", reason=str(error))
            return
        self._typist.stop()
        try:
            self._spend()
            await sending.send(self._caller, self._chat_id, new)
        except Exception as error:
            self._failed(error, "SEND_FAILED", "Failed to send message", new.client_message_id)

    async def _read(self, text: str) -> None:
        try:
            given = msgspec.json.decode(text, type=_Read).message_id
        except (msgspec.DecodeError, UnicodeEncodeError):
            self._error("INVALID_MESSAGE", "Invalid message format")
            return
        try:
            message_id = UUID(given)
        except ValueError:
            self._error("INVALID_MESSAGE_ID", "Invalid message ID")
            return
        try:
            await reading.read_message(self._caller, self._chat_id, message_id)
        except Exception as error:
            self._failed(error, "INVALID_MESSAGE_ID", "Invalid message ID", None)

    def _spend(self) -> None:
        """One message of the allowance, which fills up again within a minute."""
        now = monotonic()
        gained = (now - self._at) * MESSAGES_PER_MINUTE / 60 if self._at else 0.0
        self._allowance = min(float(MESSAGES_PER_MINUTE), self._allowance + gained)
        self._at = now
        if self._allowance < 1:
            raise TooMany("too many messages; wait a moment", retry_after=1)
        self._allowance -= 1

    def _failed(self, error: Exception, code: str, message: str, client_id: str | None) -> None:
        known = envelopes.translate(error)
        envelopes.log_failure(error)
        self._error(code, message, client_id=client_id, reason=known.message)

    def _error(
        self, code: str, message: str, *, client_id: str | None = None, reason: str | None = None
    ) -> None:
        told = _Error("ERROR", code, message, client_id, reason)
        self._outbox.push(Frame("", 0, msgspec.json.encode(told).decode()))

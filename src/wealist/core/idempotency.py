"""`Idempotency-Key`: a POST that is repeated is carried out once and answered twice.

The key is claimed before the handler runs, marked `committed` inside the handler's own
transaction, and completed with the answer afterwards. So even when the process dies between the
commit and the answer, a repeat is not executed again.
"""

import hashlib
from contextvars import ContextVar
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from msgspec import Struct

from wealist.core import db, events
from wealist.core.errors import BadRequest, Conflict, Left, Mismatch, TooMany

LOCK_SECONDS = 60
"""How long a claimed key counts as running; longer than any request may take."""

KEPT_HOURS = 24
TOKENS = "/svc/auth/"
"""Where answers hold tokens, which are never stored. Refreshing twice is harmless anyway."""

MAX_KEPT_BYTES = 1 << 20


class Key(NamedTuple):
    caller: UUID
    key: str


class _Known(Struct):
    fingerprint: bytes
    running: bool
    committed: bool
    status: int | None
    headers: str | None
    body: bytes | None


_running: ContextVar[Key | None] = ContextVar("idempotency_key", default=None)


class IdempotencyMiddleware(ASGIMiddleware):
    """Keeps the answers of POSTs that carry the header and a signed-in caller.

    Same key and request: the stored answer (with `Idempotent-Replay: true`). Same key, other
    request: 422. Still running: 409 with `Retry-After`. Failures of ours (5xx) before a commit
    and what came too often (429) are forgotten, so that a repeat can succeed.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if (
            scope["type"] != ScopeType.HTTP
            or scope["method"] != "POST"
            or scope["path"].startswith(TOKENS)
        ):
            await next_app(scope, receive, send)
            return
        text = Headers.from_scope(scope).get("idempotency-key")
        caller = scope["state"].get("caller")
        if text is None or caller is None:
            await next_app(scope, receive, send)
            return
        if not text.isprintable() or not 0 < len(text) <= 255:
            raise BadRequest("1 to 255 printable characters", field="Idempotency-Key")
        key = Key(caller.user_id, text)
        body = await _read(receive)
        known = await _claim(key, _fingerprint(scope, body))
        if known is not None:
            await _replay(known, send)
            return
        await _run(key, scope, body, receive, send, next_app)


async def _run(
    key: Key, scope: Scope, body: bytes, receive: Receive, send: Send, next_app: ASGIApp
) -> None:
    answer = _Answer(send)
    tokens = _running.set(key), events.mutation.set(key.key)
    try:
        await next_app(scope, _again(body, receive), answer)
    except BaseException:
        await _forget(key)
        raise
    finally:
        _running.reset(tokens[0])
        events.mutation.reset(tokens[1])
    if answer.status >= 500 or answer.status == TooMany.status or answer.size > MAX_KEPT_BYTES:
        await _forget(key)
    else:
        await _keep(key, answer)


class _Answer:
    """Passes a response on and keeps it."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.status = 500
        self.headers: list[tuple[str, str]] = []
        self.parts: list[bytes] = []
        self.size = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [(n.decode(), v.decode("latin-1")) for n, v in message["headers"]]
        elif message["type"] == "http.response.body":
            part = message.get("body", b"")
            self.size += len(part)
            if self.size <= MAX_KEPT_BYTES:
                self.parts.append(part)
        await self.send(message)


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Left("the client left before its body had ended")
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _fingerprint(scope: Scope, body: bytes) -> bytes:
    route = f"{scope['path']}?{scope['query_string'].decode('latin-1')}\n".encode()
    workspace = Headers.from_scope(scope).get("x-workspace-id", "").encode()
    return hashlib.sha256(route + workspace + b"\n" + body).digest()


async def _claim(key: Key, fingerprint: bytes) -> _Known | None:
    """Take the key, or return what is stored under it. Raises `Mismatch` or `Conflict`."""
    claimed = await db.fetch_value(
        """
        INSERT INTO core.idempotency AS i (caller_id, key, fingerprint, locked_until)
        VALUES ($1, $2, $3, now() + make_interval(secs => $4))
        ON CONFLICT (caller_id, key) DO UPDATE SET locked_until = excluded.locked_until
        WHERE i.status IS NULL AND NOT i.committed AND i.locked_until < now()
              AND i.fingerprint = excluded.fingerprint
        RETURNING true
        """,
        key.caller,
        key.key,
        fingerprint,
        float(LOCK_SECONDS),
    )
    if claimed:
        return None
    known = await db.fetch_one(
        _Known,
        """
        SELECT fingerprint, locked_until > now() AS running, committed, status, headers, body
        FROM core.idempotency WHERE caller_id = $1 AND key = $2
        """,
        key.caller,
        key.key,
    )
    if known is not None and known.fingerprint != fingerprint:
        raise Mismatch("Idempotency-Key: this key was used for another request")
    if known is None or (known.status is None and (known.running or not known.committed)):
        raise Conflict(
            "a request with this Idempotency-Key is still running",
            code="IDEMPOTENCY_KEY_IN_USE",
            headers={"Retry-After": "1"},
        )
    if known.status is None:
        raise Conflict(
            "this was carried out, but its answer was lost; look at the current state",
            code="IDEMPOTENCY_ANSWER_LOST",
        )
    return known


async def _replay(known: _Known, send: Send) -> None:
    pairs = msgspec.json.decode(known.headers or "[]", type=list[tuple[str, str]])
    headers = [(name.encode(), value.encode("latin-1")) for name, value in pairs]
    headers.append((b"idempotent-replay", b"true"))
    status = known.status or 500
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": known.body or b"", "more_body": False})


async def _keep(key: Key, answer: _Answer) -> None:
    await db.execute(
        """
        UPDATE core.idempotency SET status = $3, headers = $4, body = $5
        WHERE caller_id = $1 AND key = $2
        """,
        key.caller,
        key.key,
        answer.status,
        msgspec.json.encode(answer.headers).decode(),
        b"".join(answer.parts),
    )


async def _forget(key: Key) -> None:
    await db.execute(
        "DELETE FROM core.idempotency WHERE caller_id = $1 AND key = $2 AND NOT committed",
        key.caller,
        key.key,
    )


async def _mark(transaction: db.Transaction) -> None:
    """Say inside the request's transaction that it is the one that counts."""
    key = _running.get()
    if key is not None:
        await transaction.connection.execute(
            "UPDATE core.idempotency SET committed = true WHERE caller_id = $1 AND key = $2",
            key.caller,
            key.key,
        )


db.before_commit.append(_mark)


async def purge() -> str:
    """Forget answers older than a day; the job's sentence."""
    gone = await db.execute(
        "DELETE FROM core.idempotency WHERE created_at < now() - make_interval(hours => $1)",
        KEPT_HOURS,
    )
    return f"{gone} kept answers forgotten"

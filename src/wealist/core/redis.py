"""One pool of Redis (or Valkey) connections a process, or none when `REDIS_URL` is unset.

Opening connects to nothing: a process starts, and keeps serving what needs no Redis, while Redis
is away. It comes back by itself, since each command takes a connection that is checked first.
"""

from types import TracebackType

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from wealist.core.errors import Unavailable
from wealist.core.settings import Settings, SettingsError

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 2.0
"""How long a command waits for its answer before Redis counts as unreachable."""
MOST_CONNECTIONS = 64

UNREACHABLE: tuple[type[BaseException], ...] = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,
    exceptions.OutOfMemoryError,
    exceptions.ClusterDownError,
    OSError,
)
"""What redis-py raises when the server is away, starting, full, or a replica by mistake."""

_client: Redis | None = None


async def open(settings: Settings) -> None:  # noqa: A001
    """Make the client. Raises `SettingsError` for an address that redis-py can't read."""
    global _client
    if settings.redis_url is None:
        _client = None
        return
    try:
        _client = connect(settings.redis_url.reveal())
    except (ValueError, exceptions.RedisError) as error:
        raise SettingsError([f"REDIS_URL: {error}"]) from error


def connect(url: str) -> Redis:
    """A client of its own for `url`; it connects with its first command and gives bytes.

    A command whose connection broke is sent once more, so everything sent this way must bear
    being carried out twice.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=MOST_CONNECTIONS,
        timeout=ANSWER_SECONDS,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 1),
        decode_responses=False,
        # RESP3 would add pushes and a handshake for features that a Valkey doesn't have.
        protocol=2,
    )
    return Redis.from_pool(pool)


async def close() -> None:
    """Close the connections."""
    global _client
    client, _client = _client, None
    if client is not None:
        await client.aclose()


def client() -> Redis | None:
    """The client of this process; None when there is no Redis."""
    return _client


class guard:  # noqa: N801  # reads as a statement: `async with redis.guard():`
    """Turns an unreachable Redis into `Unavailable` (503), so that whoever needs it fails closed.

    Errors that Redis reports about a command of ours pass through: they are mistakes of ours.
    """

    async def __aenter__(self) -> None:
        """Nothing to prepare."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, UNREACHABLE):
            raise Unavailable("something this needs can't be reached; try again") from error

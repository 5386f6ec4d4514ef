"""The bus between replicas: Redis pub/sub over one supervised connection a process.

redis-py's own PubSub reconnects without telling anybody, so this speaks to a single connection
that never reconnects: when it breaks, the session is over, and the next one announces the gap.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from itertools import batched
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from wealist.core.bus_local import Callback, Gap, Listeners, Undo
from wealist.core.redis import guard

"""What it costs to know a caller: a token seen before, and one seen for the first time.

    python -m benchmarks token_cache

Wall time of one call in a loop, the best of several rounds, with 20 000 other tokens remembered.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

from benchmarks._table import Row, show
from msgspec import structs

from wealist.core import keys
from wealist.core.identity import Caller, Verifier
from wealist.core.mint import Mint
from wealist.core.settings import Settings
from wealist.core.tokens import LocalTokenStore, Pair

ROUNDS = 7
HITS = 20_000
MISSES = 300
OTHERS = 20_000


async def hit(verifier: Verifier, token: str) -> float:
    """Microseconds for a token that is remembered."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(HITS):
            await verifier.authenticate(token)
        best = min(best, (time.perf_counter() - started) / HITS * 1e6)
    return best


async def miss(mint: Mint, store: LocalTokenStore, token: str) -> float:
    """Microseconds for a token that isn't: its signature is checked and the store asked."""
    best = float("inf")
    for _ in range(ROUNDS):
        spent = 0.0
        for _ in range(MISSES):
            verifier = Verifier(mint, store)
            started = time.perf_counter()
            await verifier.authenticate(token)
            spent += time.perf_counter() - started
        best = min(best, spent / MISSES * 1e6)
    return best


async def measure(folder: Path) -> list[Row]:
    settings = structs.replace(Settings(), data_dir=folder)
    mint = Mint(keys.load(settings), settings)
    store = LocalTokenStore(folder / "tokens.sqlite")
    now = time.time()
    user_id = uuid4()
    pair = Pair(user_id, uuid4().hex, str(uuid4()), str(uuid4()), int(now), "kim@example.com")
    await store.start(pair, now=now, ttl=3600)
    token = mint.mint(pair).access
    verifier = Verifier(mint, store)
    for number in range(OTHERS):
        other = Caller(uuid4(), None, str(number), str(number), (), int(now) + 1800)
        verifier._remember(number.to_bytes(32), other)
    await verifier.authenticate(token)
    rows = [
        Row("token verified from the cache", await hit(verifier, token), "µs", 5),
        Row("token verified for the first time", await miss(mint, store, token), "µs"),
    ]
    await store.close()
    return rows


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        return show(asyncio.run(measure(Path(folder))))


if __name__ == "__main__":
    sys.exit(main())

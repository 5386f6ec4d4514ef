"""How soon `wealist serve` answers, how much memory it takes when idle, how soon it is gone.

Starts the real command on an embedded PostgreSQL, as a person does, and asks it until it is ready.
"""

import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from benchmarks._servers import answers, free_port
from benchmarks._table import Row, show

WARM_STARTS = 5
PATIENCE = 60.0


@contextlib.contextmanager
def started(data_dir: Path) -> Iterator[tuple[psutil.Process, int, float]]:
    """A ready server: its process, its port, and the seconds it took."""
    port = free_port()
    inherited = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG")}
    command = [sys.executable, "-m", "wealist", "serve", "--port", str(port)]
    begun = time.perf_counter()
    with (data_dir / "output").open("wb") as output:
        child = subprocess.Popen(
            command,
            env={**inherited, "WEALIST_DATA_DIR": str(data_dir)},
            stdout=output,
            stderr=output,
        )
    try:
        while not answers(port):
            if child.poll() is not None or time.perf_counter() - begun > PATIENCE:
                raise SystemExit((data_dir / "output").read_text() or "it never became ready")
            time.sleep(0.005)
        yield psutil.Process(child.pid), port, time.perf_counter() - begun
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()


def stop(process: psutil.Process) -> float:
    begun = time.perf_counter()
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    return time.perf_counter() - begun


def megabytes(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / (1 << 20)


def main() -> int:
    starts, stops, idle, used = [], [], [], []
    with tempfile.TemporaryDirectory(prefix="wealist-start-") as folder:
        data_dir = Path(folder)
        print("   first start, on an empty data directory", flush=True)
        with started(data_dir) as (process, _, first):
            stop(process)
        for number in range(WARM_STARTS):
            print(f"   later start {number + 1} of {WARM_STARTS}", flush=True)
            with started(data_dir) as (process, port, seconds):
                starts.append(seconds)
                time.sleep(1)
                idle.append(megabytes(process))
                for _ in range(500):
                    answers(port)
                used.append(megabytes(process))
                stops.append(stop(process))
    return show(
        [
            Row("first start until ready", first, "s", 10),
            Row("later start until ready, median", statistics.median(starts), "s", 2),
            Row("later start until ready, slowest", max(starts), "s"),
            Row("memory of the server process, idle", max(idle), "MB", 130),
            Row("memory after 500 requests", max(used), "MB"),
            Row("SIGTERM until gone, median", statistics.median(stops), "s", 2),
        ]
    )


if __name__ == "__main__":
    raise SystemExit(main())

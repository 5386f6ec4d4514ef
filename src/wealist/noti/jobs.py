"""Background work of what people are told; what leaves the building has jobs of its own."""

from wealist.core.jobs import Job
from wealist.noti import purge, reader

JOBS = [
    # In each process: a turn outlasts a crash by minutes, and what it left must not wait.
    Job("noti.reader", 5, reader.catch_up, leased=False),
    Job("noti.expire", 24 * 3600, purge.expire),
]

"""What happens to notifications, counted under the contract's names (noti.md §7)."""

from prometheus_client import Histogram

from wealist.core import db, metrics
from wealist.core.series import counter, gauge, registry

counter("noti", "notifications_created_total", "Notifications written.")
counter("noti", "notifications_read_total", "Notifications that became read.")
counter("noti", "notifications_deleted_total", "Notifications deleted, by people or by age.")
counter("noti", "facts_left_out_total", "Facts that nobody could be told of.")
counter("noti", "notifications_delivered_total", "Notifications handed to open streams.")
counter("noti", "sse_connections_created_total", "Streams that were opened.")
counter("noti", "sse_connections_closed_total", "Streams that ended.")
_active = gauge("noti", "sse_connections_active_total", "Streams that are open.")
delivery_seconds = Histogram(
    "noti_service_notification_delivery_duration_seconds",
    "From the commit of a notification until it was written to a stream.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1),
    registry=registry,
)


def count_committed(what: str, amount: int) -> None:
    """Add to `notifications_<what>_total` once the open transaction has committed."""
    if amount:
        db.after_commit(metrics.count, f"noti_service_notifications_{what}_total", amount)


def stream_opened() -> None:
    """A stream has begun."""
    metrics.count("noti_service_sse_connections_created_total")
    _active.inc()


def stream_closed() -> None:
    """A stream has ended."""
    metrics.count("noti_service_sse_connections_closed_total")
    _active.dec()

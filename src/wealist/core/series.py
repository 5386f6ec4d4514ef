"""The metric families there are: the registry, the common ones of each namespace, their buckets."""

from collections.abc import Iterable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]

registry = CollectorRegistry()
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
QUERY_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
EXTERNAL_SECONDS = SECONDS[1:]
SHORT_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
NAMESPACES = {
    **{name: f"{name}_service" for name in ("auth", "user", "board", "chat", "noti", "storage")},
    "": "wealist",
}
"""Service → prefix. What no service of the contract claims (ops' statements, objects, jobs) is
counted under `wealist`."""


class Common:
    """The metrics that every namespace has."""

    def __init__(self, prefix: str) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"{prefix}_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: Any, *labels: str) -> Histogram:
            return Histogram(f"{prefix}_{name}", text, labels, buckets=buckets, registry=registry)

        self.requests = counter(
            "http_requests_total", "HTTP requests.", "method", "endpoint", "status"
        )
        self.request_seconds = histogram(
            "http_request_duration_seconds", "Time to answer.", SECONDS, "method", "endpoint"
        )
        self.query_seconds = histogram(
            "db_query_duration_seconds", "SQL statements.", QUERY_SECONDS, "operation", "table"
        )
        self.query_errors = counter(
            "db_query_errors_total", "SQL statements that failed.", "operation", "table"
        )
        self.external_seconds = histogram(
            "external_api_request_duration_seconds",
            "Calls to other programs.",
            EXTERNAL_SECONDS,
            "endpoint",
            "status",
        )
        self.external = counter(
            "external_api_requests_total", "Same, counted.", "endpoint", "method", "status"
        )
        self.external_errors = counter(
            "external_api_errors_total", "Same, failed.", "endpoint", "error_type"
        )


common = {service: Common(prefix) for service, prefix in NAMESPACES.items()}

_counters: dict[str, Counter] = {}
_gauges: dict[str, Gauge] = {}


def counter(service: str, name: str, text: str, labels: Iterable[str] = ()) -> Counter:
    """A business counter of a service, under its namespace. Made once, at import."""
    full = f"{NAMESPACES[service]}_{name}"
    made = _counters[full] = Counter(full, text, tuple(labels), registry=registry)
    return made


def gauge(service: str, name: str, text: str) -> Gauge:
    """A business gauge of a service, under its namespace. Made once, at import."""
    full = f"{NAMESPACES[service]}_{name}"
    made = _gauges[full] = Gauge(full, text, registry=registry)
    return made


def count(name: str, amount: float = 1) -> None:
    """Add to a business counter without labels, by its full name."""
    _counters[name].inc(amount)


def set_gauge(name: str, value: float) -> None:
    """Set a business gauge, by its full name."""
    _gauges[name].set(value)


gauge("user", "users_total", "People who are not deleted.")
gauge("user", "workspaces_total", "Workspaces that are not deleted.")
gauge("user", "profiles_total", "Profiles.")
gauge("user", "join_requests_pending_total", "Open join requests.")
counter("user", "user_created_total", "Users created.")
counter("user", "workspace_created_total", "Workspaces created.")
counter("user", "profile_created_total", "Profiles created.")
gauge("board", "projects_total", "Projects.")
gauge("board", "boards_total", "Boards outside of the trash.")
counter("board", "project_created_total", "Projects created.")
counter("board", "board_created_total", "Boards created.")
gauge("chat", "chats_total", "Chats that are not deleted.")
gauge("chat", "messages_total", "Messages, estimated.")
gauge("chat", "online_users_total", "People whose presence or chat is open on this replica.")
counter("chat", "chats_created_total", "Chats created.")
counter("chat", "messages_sent_total", "Messages sent.")
counter("chat", "messages_read_total", "Messages that clients said were read.")
gauge("chat", "websocket_connections_active", "Open sockets of chats and of presence.")
counter("chat", "websocket_messages_sent_total", "Frames handed to sockets of chat.")
counter("chat", "websocket_messages_received_total", "Frames that clients of chat have sent.")
counter("noti", "mails_sent_total", "E-mail messages that a mail server has accepted.")
counter("noti", "mails_failed_total", "E-mail messages that were given up.")
counter("noti", "pushes_sent_total", "Push messages that a push service has accepted.")
counter("noti", "pushes_failed_total", "Push messages that one has not accepted.")

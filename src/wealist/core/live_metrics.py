"""What happens on live connections, counted. Per event, not per connection: those are many."""

from prometheus_client import Counter, Gauge, Histogram

from wealist.core.series import registry

deliveries = Counter(
    "wealist_live_deliveries_total", "Frames handed to live connections.", registry=registry
)
fanout = Histogram(
    "wealist_live_fanout_seconds",
    "From an event's commit until it was handed to the connections of a replica.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 30),
    registry=registry,
)
connections = Gauge(
    "wealist_live_connections", "Open live connections.", ("kind",), registry=registry
)
overflows = Counter(
    "wealist_live_overflows_total",
    "Connections closed because they read too slowly.",
    registry=registry,
)
closes = Counter(
    "wealist_live_closes_total", "Connections that we closed.", ("code",), registry=registry
)
resumes = Counter(
    "wealist_live_resumes_total", "Connections that began.", ("outcome",), registry=registry
)
gaps = Counter(
    "wealist_hub_gaps_total", "Events that came before others they follow.", registry=registry
)
catchups = Counter("wealist_hub_catchups_total", "Channels read from the log.", registry=registry)
channels = Gauge("wealist_hub_channels", "Channels that are followed.", registry=registry)
bus_connected = Gauge(
    "wealist_bus_connected", "1 while messages of other replicas arrive.", registry=registry
)
bus_dropped = Counter(
    "wealist_bus_dropped_total", "Messages that could not be sent over the bus.", registry=registry
)


def delivered(count: int, delay: float | None) -> None:
    """A frame was handed to `count` connections, `delay` seconds after its commit if it is new."""
    deliveries.inc(count)
    if delay is not None:
        fanout.observe(delay)

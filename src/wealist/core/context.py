"""What any code that runs for a request may know about it, without being handed it.

The edge sets `current` in the task that runs the handler; tasks started from there inherit it.
Log lines and metrics read it.
"""

from contextvars import ContextVar


class Context:
    """One request: its id, the service it belongs to ("" outside `/svc/`) and its trace."""

    __slots__ = ("request_id", "sampled", "service", "span_id", "trace_id")

    def __init__(
        self,
        request_id: str,
        service: str = "",
        trace_id: str = "",
        span_id: str = "",
        sampled: bool = False,
    ) -> None:
        self.request_id = request_id
        self.service = service
        self.trace_id = trace_id
        self.span_id = span_id
        self.sampled = sampled


current: ContextVar[Context | None] = ContextVar("wealist_request", default=None)

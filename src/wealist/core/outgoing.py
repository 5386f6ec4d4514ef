"""Calls to other programs, counted under the contract's `external_api_*` names."""

from wealist.core.metrics import status_class
from wealist.core.series import common

_STATUS_ERRORS = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    408: "request_timeout",
    429: "rate_limit",
    500: "internal_server_error",
    502: "bad_gateway",
    503: "service_unavailable",
    504: "gateway_timeout",
}


def observe(
    service: str,
    endpoint: str,
    method: str,
    seconds: float,
    *,
    status: int | None = None,
    error: BaseException | None = None,
) -> None:
    """Count a call to another program. `endpoint` is a name from a closed set, not an address."""
    of = common.get(service, common[""])
    kind = status_class(status)
    of.external_seconds.labels(endpoint, kind).observe(seconds)
    of.external.labels(endpoint, method, kind).inc()
    failure = error_type(status, error)
    if failure is not None:
        of.external_errors.labels(endpoint, failure).inc()


def error_type(status: int | None, error: BaseException | None) -> str | None:
    """The contract's name for a failed call; None when it didn't fail."""
    if status is not None:
        if status < 400:
            return None
        return _STATUS_ERRORS.get(status, "client_error" if status < 500 else "server_error")
    if error is None:
        return "unknown"
    text = f"{type(error).__name__} {error}".lower()
    if isinstance(error, TimeoutError) or "timeout" in text:
        return "timeout"
    if "ssl" in text or "certificate" in text:
        return "tls"
    if "gaierror" in text or "name or service" in text or "name resolution" in text:
        return "dns"
    if isinstance(error, OSError) or "connect" in text:
        return "connection"
    return "unknown"

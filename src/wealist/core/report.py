"""What remains of a request: its metrics, its span, its line in the access log (contract §14)."""

import re
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from wealist.core import aliases, logs, metrics, redact

if TYPE_CHECKING:
    from wealist.core.arrival import Arrival
    from wealist.core.edge import Exchange
    from wealist.core.edge_socket import Handshake

UNMATCHED = "unmatched"
LEFT = 499
"""Status of a request whose client went away before it was answered."""

LONGEST_AGENT = 256

_PARAMETER = re.compile(r"\{([a-zA-Z_]\w*)[^}]*\}")
_SECRET_PARAMETERS = (":capability", ":link", ":token")
_SERVICE = re.compile(r"/svc/[a-z]+(?=/|$)")


class Endpoint(NamedTuple):
    """A route as operators see it; `secret` when a path of it must not be written down."""

    name: str
    secret: bool


_endpoints: dict[str, Endpoint] = {}


def endpoint(scope: Any) -> Endpoint:
    """The route a request took: `/svc/user/api/x/{an_id}` is `/api/x/:anId`."""
    template = scope.get("path_template")
    if not template:
        return _PREFLIGHT if scope.get("method") == "OPTIONS" else _NONE
    known = _endpoints.get(template)
    if known is None:
        name = _PARAMETER.sub(lambda found: ":" + _camel(found[1]), template)
        name = (_SERVICE.sub("", name, count=1) or "/").rstrip("/") or "/"
        secret = any(parameter in name for parameter in _SECRET_PARAMETERS)
        known = _endpoints[template] = Endpoint(name, secret)
    return known


_NONE = Endpoint(UNMATCHED, secret=False)
_PREFLIGHT = Endpoint("preflight", secret=False)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def exchange(done: "Exchange") -> None:
    """Report a finished HTTP request. A stream counts with the time to its first byte."""
    seconds = perf_counter() - done.started
    status = done.status
    if done.body is not None and done.body.gone and (status is None or status >= 500):
        status = LEFT
    route = endpoint(done.scope)
    quiet = aliases.probe(done.path)
    if not quiet:
        measured = done.stream_seconds if done.stream_seconds is not None else seconds
        metrics.observe_request(done.context.service, done.method, route.name, status, measured)
    _end_span(done, done.method, route, status)
    level, message = _verdict(status)
    if logs.enabled("debug" if quiet else level):
        fields = _fields(done, route, status, seconds)
        fields["http.method"] = done.method
        fields["http.response_content_length"] = done.sent
        logs.access("debug" if quiet else level, message, fields)


def handshake(done: "Handshake", seconds: float) -> None:
    """Report the end of a WebSocket's handshake, good (101) or not."""
    route, status = endpoint(done.scope), done.status
    counted = 200 if status == 101 else status
    metrics.observe_request(done.context.service, done.method, route.name, counted, seconds)
    _end_span(done, done.method, route, status)
    done.span = None
    level, message = _verdict(status)
    if logs.enabled(level):
        fields = _fields(done, route, status, seconds)
        fields["http.method"] = "GET"
        logs.access(level, message, fields)


def socket_end(done: "Handshake") -> None:
    """Report the end of an open WebSocket; without a code when the client closed it."""
    if logs.enabled("info"):
        fields = _fields(done, endpoint(done.scope), 101, perf_counter() - done.started)
        if done.close_code is not None:
            fields["websocket.close_code"] = done.close_code
        logs.access("info", "WebSocket closed", fields)


def _verdict(status: int | None) -> tuple[str, str]:
    if status is None:
        return "warn", "Request cancelled"
    if status < 400:
        return "info", "Request completed"
    return ("warn", "Client error") if status < 500 else ("error", "Server error")


def _fields(
    done: "Exchange | Handshake", route: Endpoint, status: int | None, seconds: float
) -> dict[str, Any]:
    context, state, scope = done.context, done.state, done.scope
    fields: dict[str, Any] = {
        "logger": "wealist.access",
        "service": f"{context.service}-service" if context.service else "wealist",
        "request_id": context.request_id,
        "http.request_id": context.request_id,
        "http.route": route.name,
        "http.target": route.name if route.secret else redact.target(state["original_path"]),
        "http.duration": round(seconds, 6),
        "http.client_ip": state["client_address"],
    }
    if status is not None:
        fields["http.status_code"] = status
    if scope["query_string"]:
        fields["http.query"] = redact.query(scope["query_string"])
    if agent := done.headers.get(b"user-agent"):
        fields["http.user_agent"] = redact.target(agent[:LONGEST_AGENT].decode("latin-1"))
    if context.trace_id:
        fields["trace_id"] = context.trace_id
        fields["span_id"] = context.span_id
        fields["trace_sampled"] = context.sampled
    if caller := state.get("caller"):
        fields["enduser.id"] = caller.user_id
    if done.failure is not None:
        fields["error.type"] = type(done.failure).__name__
        fields["error.message"] = redact.text(str(done.failure))
    return fields


def _end_span(done: "Arrival", method: str, route: Endpoint, status: int | None) -> None:
    if done.span is None:
        return
    service = done.context.service
    name = route.name if not service or route.name == UNMATCHED else f"/svc/{service}{route.name}"
    attributes: dict[str, str | int] = {
        "http.request.method": method,
        "http.route": name,
        "url.scheme": done.scope["scheme"],
        "wealist.request_id": done.context.request_id,
    }
    if status is not None:
        attributes["http.response.status_code"] = status
    if caller := done.state.get("caller"):
        attributes["enduser.id"] = str(caller.user_id)
    done.span.end(f"{method} {name}", attributes, getattr(done, "failure", None))

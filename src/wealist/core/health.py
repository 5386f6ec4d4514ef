"""The health and metrics endpoints, in the shapes that each service's clients expect.

They read what `readiness.py` found last; none of them asks PostgreSQL or Redis.
"""

from typing import Any, TypeVar

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from wealist.core import metrics, readiness
from wealist.core.errors import NotFound
from wealist.core.openapi import shows
from wealist.core.wire import Wire

AUTH = "auth-service"

T = TypeVar("T")


class Alive(Wire):
    """That the process answers."""

    status: str


class Readiness(Wire):
    """Whether a service can work, and what it needs for that."""

    status: str
    checks: dict[str, str]


class AuthHealth(Wire):
    status: str
    service: str


class AuthReadiness(AuthHealth):
    details: str


class Component(Wire):
    """`UP`, `DOWN`, `UNKNOWN` or `OUT_OF_SERVICE`."""

    status: str


class Health(Component):
    components: dict[str, Component]


class Info(Wire):
    app: dict[str, str]
    build: dict[str, str]


class MetricNames(Wire):
    names: list[str]


class Measurement(Wire):
    statistic: str
    value: float


class Tag(Wire):
    tag: str
    values: list[str]


class Metric(Wire):
    name: str
    description: str
    measurements: list[Measurement]
    available_tags: list[Tag]


_EXPOSED = {200: shows(str, "Prometheus text", "text/plain")}


def _or_down(kind: type[Wire]) -> dict[int, Any]:
    """The other answer of a probe: the same members, with what is wrong."""
    return {503: shows(kind, "It can't work at the moment")}


def _answer(body: T, *, ok: bool = True) -> Response[T]:
    return Response(
        body,
        status_code=200 if ok else 503,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def _alive() -> Response[Alive]:
    return _answer(Alive("alive"))


def _readiness(ready: bool, redis_check: str) -> Response[Readiness]:
    checks = {"database": readiness.state.database, "redis": redis_check}
    return _answer(Readiness("ready" if ready else "not_ready", checks), ok=ready)


def _exposition() -> Response[bytes]:
    body, content_type = metrics.exposition()
    # Litestar adds the charset to every text type.
    media_type = content_type.removesuffix("; charset=utf-8")
    return Response(body, media_type=media_type, headers={"Cache-Control": "no-store"})


def go_routes(service: str, base: str = "") -> list[HTTPRouteHandler]:
    """Health and metrics of a service, relative to its router, and health again under `base`.

    `user` has never spoken to Redis and says `not_configured` for ever.
    """
    roots = [""] if not base else ["", base]

    @get([f"{root}/health/live" for root in roots], opt={"access": "public"}, sync_to_thread=False)
    def live() -> Response[Alive]:
        """The process answers."""
        return _alive()

    @get(
        [f"{root}/health{tail}" for root in roots for tail in ("", "/ready")],
        opt={"access": "public"},
        responses=_or_down(Readiness),
        sync_to_thread=False,
    )
    def ready() -> Response[Readiness]:
        """Whether the service can work; 503 when it can't."""
        return _readiness(
            readiness.state.ready, "not_configured" if service == "user" else readiness.state.redis
        )

    paths = ["/metrics", f"{base}/metrics"] if service == "board" and base else ["/metrics"]
    return [live, ready, exposition_route(*paths)]


def exposition_route(*paths: str) -> HTTPRouteHandler:
    """All metrics of the process as Prometheus text, for the internal port."""

    @get(list(paths), opt={"access": "internal"}, responses=_EXPOSED, sync_to_thread=False)
    def exposition() -> Response[bytes]:
        """All metrics of the process as Prometheus text."""
        return _exposition()

    return exposition


def auth_routes() -> list[HTTPRouteHandler]:
    """The health endpoints of `auth`, whose readiness includes Redis, and its actuator."""
    return [*_auth_health(), *_actuator_health(), *_actuator()]


def _auth_health() -> list[HTTPRouteHandler]:
    @get("/health", opt={"access": "public"}, sync_to_thread=False)
    def health() -> Response[AuthHealth]:
        """The process answers."""
        return _answer(AuthHealth("ok", AUTH))

    @get(
        "/ready",
        opt={"access": "public"},
        responses=_or_down(AuthReadiness),
        sync_to_thread=False,
    )
    def ready() -> Response[AuthReadiness]:
        """Whether sign-in can work; 503 when it can't."""
        ok = readiness.state.ready_to_sign_in
        return _answer(AuthReadiness("ready" if ok else "not_ready", AUTH, _up(ok)), ok=ok)

    @get("/health/live", opt={"access": "public"}, sync_to_thread=False)
    def live() -> Response[Alive]:
        """The process answers."""
        return _alive()

    @get(
        "/health/ready",
        opt={"access": "public"},
        responses=_or_down(Readiness),
        sync_to_thread=False,
    )
    def health_ready() -> Response[Readiness]:
        """Whether sign-in can work; 503 when it can't."""
        return _readiness(readiness.state.ready_to_sign_in, readiness.state.redis)

    return [health, ready, live, health_ready]


def _up(ok: bool) -> str:
    return "UP" if ok else "DOWN"


def _redis_status() -> str:
    check = readiness.state.redis
    return "UNKNOWN" if check == "not_configured" else _up(check == "ok")


def _components(**statuses: str) -> Response[Health]:
    ok = set(statuses.values()) <= {"UP", "UNKNOWN"}
    components = {name: Component(status) for name, status in statuses.items()}
    return _answer(Health(_up(ok), components), ok=ok)


def _readiness_state() -> str:
    return "UP" if readiness.state.ready else "OUT_OF_SERVICE"


def _actuator_health() -> list[HTTPRouteHandler]:
    @get(
        "/actuator/health",
        opt={"access": "public"},
        responses=_or_down(Health),
        sync_to_thread=False,
    )
    def health() -> Response[Health]:
        """Every component of the process; 503 when one is down."""
        return _components(
            db=_up(readiness.state.database == "ok"),
            livenessState="UP",
            readinessState=_readiness_state(),
            redis=_redis_status(),
        )

    @get("/actuator/health/liveness", opt={"access": "public"}, sync_to_thread=False)
    def liveness() -> Response[Health]:
        """The process answers."""
        return _components(livenessState="UP")

    @get(
        "/actuator/health/readiness",
        opt={"access": "public"},
        responses=_or_down(Health),
        sync_to_thread=False,
    )
    def actuator_readiness() -> Response[Health]:
        """Whether sign-in can work; 503 when it can't."""
        return _components(readinessState=_readiness_state(), redis=_redis_status())

    return [health, liveness, actuator_readiness]


def _actuator() -> list[HTTPRouteHandler]:
    @get("/actuator/info", opt={"access": "internal"}, sync_to_thread=False)
    def info() -> Response[Info]:
        """Name and version."""
        return _answer(Info({"name": "wealist-auth"}, {"version": readiness.state.version}))

    @get("/actuator/metrics", opt={"access": "internal"}, sync_to_thread=False)
    def names() -> Response[MetricNames]:
        """The names of all metrics."""
        return _answer(MetricNames(sorted(family.name for family in metrics.registry.collect())))

    @get("/actuator/metrics/{name:str}", opt={"access": "internal"}, sync_to_thread=False)
    def one(name: FromPath[str]) -> Response[Metric]:
        """One metric: its measurements summed over all tags, and the tags it has."""
        for family in metrics.registry.collect():
            if family.name == name:
                return _answer(_measured(family))
        raise NotFound("there is no metric of this name")

    @get(
        "/actuator/prometheus",
        opt={"access": "internal"},
        responses=_EXPOSED,
        sync_to_thread=False,
    )
    def prometheus() -> Response[bytes]:
        """All metrics of the process as Prometheus text."""
        return _exposition()

    return [info, names, one, prometheus]


STATISTICS = {"": "VALUE", "_total": "COUNT", "_count": "COUNT", "_sum": "TOTAL_TIME"}


def _measured(family: Any) -> Metric:
    sums: dict[str, float] = {}
    tags: dict[str, set[str]] = {}
    for sample in family.samples:
        statistic = STATISTICS.get(sample.name.removeprefix(family.name))
        if statistic is None:  # buckets, creation times
            continue
        sums[statistic] = sums.get(statistic, 0) + sample.value
        for tag, value in sample.labels.items():
            tags.setdefault(tag, set()).add(value)
    return Metric(
        family.name,
        family.documentation,
        [Measurement(key, value) for key, value in sums.items()],
        [Tag(key, sorted(tags[key])) for key in sorted(tags)],
    )

"""Settings: one frozen Struct; `environment.py` reads and checks it as a whole at start.

Each field is one environment variable. Its `Meta` carries the variable's name and the sentence
that the README's configuration table shows, so code and documentation can't drift apart.
"""

from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
from msgspec import Meta, Struct


class Secret(str):
    """A string that never shows itself: `repr`, `str` and formatting print `***`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "***" if self else ""

    def __str__(self) -> str:
        return self.__repr__()

    def __format__(self, spec: str) -> str:
        return format(self.__repr__(), spec)

    def reveal(self) -> str:
        """The value itself, as a plain `str`."""
        return self[:]


class SettingsError(Exception):
    """The environment is wrong; `problems` holds one readable line for each mistake."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _env(name: str, text: str, **limits: Any) -> Meta:
    return Meta(description=text, extra={"env": name}, **limits)


Names = tuple[str, ...]


class Settings(Struct, frozen=True, kw_only=True):
    """Everything an operator can choose. Read once, by `environment.from_env`."""

    # --- the process -------------------------------------------------------------------------
    env: Annotated[
        Literal["dev", "prod"],
        _env("ENV", "`prod` refuses test sign-in, missing keys and default secrets."),
    ] = "dev"
    host: Annotated[str, _env("WEALIST_HOST", "Address the public port listens on.")] = "127.0.0.1"
    port: Annotated[
        int, _env("WEALIST_PORT", "Public port; 0 takes a free one.", ge=0, le=65535)
    ] = 8080
    internal_host: Annotated[
        str, _env("WEALIST_INTERNAL_HOST", "Address the internal port listens on.")
    ] = "127.0.0.1"
    internal_port: Annotated[
        Annotated[int, Meta(ge=0, le=65535)] | None,
        _env(
            "WEALIST_INTERNAL_PORT",
            "Port of metrics, actuator and internal API. Unset: 9090 in prod, else a free one.",
        ),
    ] = None
    public_url: Annotated[
        str | None,
        _env("WEALIST_PUBLIC_URL", "Origin under which browsers reach this server."),
    ] = None
    data_dir: Annotated[
        Path, _env("WEALIST_DATA_DIR", "Where the embedded parts keep their data.")
    ] = Path(".wealist")
    log_level: Annotated[
        Literal["debug", "info", "warn", "error"], _env("LOG_LEVEL", "Least level that is logged.")
    ] = "info"
    drain_seconds: Annotated[
        float,
        _env(
            "WEALIST_DRAIN_SECONDS",
            "How long a stopping process stays reachable while the load balancer forgets it.",
            ge=0,
            le=300,
        ),
    ] = 0.0
    stop_seconds: Annotated[
        int,
        _env("WEALIST_STOP_SECONDS", "How long running requests may take at stop.", ge=1, le=600),
    ] = 10
    trusted_proxies: Annotated[
        Names,
        _env(
            "WEALIST_TRUSTED_PROXIES",
            "Addresses or networks whose `X-Forwarded-*` headers count (comma list).",
        ),
    ] = ()
    cors_origins: Annotated[
        Names,
        _env(
            "CORS_ORIGINS",
            "Origins allowed to call from a browser (comma list); in dev any localhost too.",
        ),
    ] = ()
    max_body_bytes: Annotated[
        int, _env("WEALIST_MAX_BODY_BYTES", "Largest JSON body.", ge=1024, le=1 << 30)
    ] = 1 << 20

    # --- database ----------------------------------------------------------------------------
    database_url: Annotated[
        Secret | None,
        _env("DATABASE_URL", "PostgreSQL 16 to 18. Unset: an embedded one in the data directory."),
    ] = None
    database_pool: Annotated[
        int, _env("WEALIST_DATABASE_POOL", "Most connections a process opens.", ge=2, le=500)
    ] = 20
    statement_timeout_ms: Annotated[
        int, _env("WEALIST_STATEMENT_TIMEOUT_MS", "Longest SQL statement.", ge=100, le=600000)
    ] = 10_000
    lock_timeout_ms: Annotated[
        int, _env("WEALIST_LOCK_TIMEOUT_MS", "Longest wait for a row lock.", ge=100, le=600000)
    ] = 5_000
    event_retention_days: Annotated[
        int, _env("WEALIST_EVENT_RETENTION_DAYS", "Days the event log keeps.", ge=1, le=3650)
    ] = 30
    notification_days: Annotated[
        int,
        _env("WEALIST_NOTIFICATION_DAYS", "Days notifications are kept once read.", ge=1, le=3650),
    ] = 30
    migrate_on_start: Annotated[
        bool | None,
        _env(
            "WEALIST_MIGRATE_ON_START",
            "Bring the schema to head before serving. Unset: yes in dev, no in production.",
        ),
    ] = None

    # --- redis -------------------------------------------------------------------------------
    redis_url: Annotated[
        Secret | None,
        _env("REDIS_URL", "Redis 7 or Valkey; needed as soon as there are two replicas."),
    ] = None

    # --- object store ------------------------------------------------------------------------
    s3_bucket: Annotated[
        str | None, _env("S3_BUCKET", "Bucket. Unset: objects on local disk in the data directory.")
    ] = None
    s3_region: Annotated[str, _env("S3_REGION", "Region of the bucket.")] = "us-east-1"
    s3_access_key: Annotated[Secret | None, _env("S3_ACCESS_KEY", "Access key.")] = None
    s3_secret_key: Annotated[Secret | None, _env("S3_SECRET_KEY", "Secret key.")] = None
    s3_endpoint: Annotated[
        str | None, _env("S3_ENDPOINT", "Address of the store as this process reaches it.")
    ] = None
    s3_public_endpoint: Annotated[
        str | None,
        _env("S3_PUBLIC_ENDPOINT", "Address of the store as browsers reach it; signs the links."),
    ] = None

    # --- tokens ------------------------------------------------------------------------------
    jwt_rsa_private_key: Annotated[
        Secret | None,
        _env("JWT_RSA_PRIVATE_KEY", "PEM (PKCS#8). Unset in dev: made once, kept in the data dir."),
    ] = None
    jwt_rsa_public_key: Annotated[
        str | None, _env("JWT_RSA_PUBLIC_KEY", "PEM; when given it must match the private key.")
    ] = None
    jwt_rsa_key_id: Annotated[str, _env("JWT_RSA_KEY_ID", "`kid` of the active key.")] = (
        "wealist-auth-key-1"
    )
    jwt_previous_public_keys: Annotated[
        str | None,
        _env(
            "JWT_PREVIOUS_PUBLIC_KEYS",
            "Retired keys still accepted: `kid=PEM` entries separated by `;`.",
        ),
    ] = None
    jwt_issuer: Annotated[str, _env("JWT_ISSUER", "`iss` of our tokens.")] = "wealist-auth-service"
    access_ms: Annotated[
        int,
        _env("JWT_ACCESS_TOKEN_EXPIRATION_MS", "Life of an access token.", ge=1000, le=86_400_000),
    ] = 1_800_000
    refresh_ms: Annotated[
        int,
        _env("JWT_REFRESH_TOKEN_EXPIRATION_MS", "Life of a refresh token.", ge=1000),
    ] = 604_800_000
    refresh_grace_seconds: Annotated[
        int,
        _env(
            "WEALIST_REFRESH_GRACE_SECONDS",
            "How long a refresh token may be presented again and yields the same successor.",
            ge=0,
            le=120,
        ),
    ] = 20
    internal_api_key: Annotated[
        Secret | None,
        _env("INTERNAL_API_KEY", "Key of `/api/internal/*`; unset in dev: they answer 401."),
    ] = None

    # --- sign-in -----------------------------------------------------------------------------
    google_client_id: Annotated[
        str | None, _env("GOOGLE_CLIENT_ID", "OAuth client; empty: Google sign-in is off.")
    ] = None
    google_client_secret: Annotated[
        Secret | None, _env("GOOGLE_CLIENT_SECRET", "Secret of that client.")
    ] = None
    oidc_issuer: Annotated[
        str | None, _env("OIDC_ISSUER", "Any OpenID Connect issuer, instead of Google.")
    ] = None
    oidc_client_id: Annotated[str | None, _env("OIDC_CLIENT_ID", "Client id there.")] = None
    oidc_client_secret: Annotated[
        Secret | None, _env("OIDC_CLIENT_SECRET", "Client secret there.")
    ] = None
    oauth_callback_url: Annotated[
        str | None,
        _env(
            "OAUTH2_CLIENT_REDIRECT_URI",
            "Callback registered at the provider. Unset: under the public URL.",
        ),
    ] = None
    oauth_target_url: Annotated[
        str | None,
        _env(
            "OAUTH2_REDIRECT_URL_ENV",
            "Where the browser goes after sign-in. Unset: the built-in page `/oauth/callback`.",
        ),
    ] = None
    oauth_allowed_origins: Annotated[
        Names,
        _env(
            "OAUTH2_ALLOWED_REDIRECT_PATTERNS",
            "Origins a sign-in may return to (comma list); the default target's is always one.",
        ),
    ] = (
        "https://wealist.co.kr",
        "https://ops.wealist.co.kr",
        "https://api.wealist.co.kr",
        "https://dev.wealist.co.kr",
        "http://localhost:3000",
        "http://localhost:3001",
    )
    enable_test_auth: Annotated[
        bool, _env("ENABLE_TEST_AUTH", "Hand out test tokens; refused in production.")
    ] = False
    test_auth_secret: Annotated[
        Secret | None,
        _env("TEST_AUTH_SECRET", "When set, test tokens need it in `X-Test-Auth-Secret`."),
    ] = None
    test_auth_user_id: Annotated[
        UUID, _env("TEST_AUTH_USER_ID", "User of a test token that names none.")
    ] = UUID("00000000-0000-0000-0000-000000000002")
    test_auth_email: Annotated[str, _env("TEST_AUTH_EMAIL", "E-mail of that user.")] = (
        "loadtest@wealist.co.kr"
    )

    # --- mail and push -----------------------------------------------------------------------
    smtp_url: Annotated[
        Secret | None,
        _env(
            "SMTP_URL",
            "Mail server, `smtp://user:password@host:587` (STARTTLS, unless `?starttls=off`) or"
            " `smtps://…`. Unset: no e-mail.",
        ),
    ] = None
    mail_from: Annotated[
        str | None,
        _env("WEALIST_MAIL_FROM", "Sender of our e-mail, `Name <address>`; needed by SMTP_URL."),
    ] = None
    vapid_private_key: Annotated[
        Secret | None,
        _env(
            "WEALIST_VAPID_PRIVATE_KEY",
            "P-256 key for web push, PEM or 32 bytes in base64. Unset: no web push.",
        ),
    ] = None
    vapid_subject: Annotated[
        str | None,
        _env(
            "WEALIST_VAPID_SUBJECT",
            "Whom push services can reach, `mailto:` or `https:`; needed by the key.",
        ),
    ] = None
    push_private_addresses: Annotated[
        bool,
        _env(
            "WEALIST_PUSH_PRIVATE_ADDRESSES",
            "Let push subscriptions lead into the own network, and to http; for tests.",
        ),
    ] = False

    # --- limits ------------------------------------------------------------------------------
    rate_limit_enabled: Annotated[
        bool | None,
        _env("RATE_LIMIT_ENABLED", "Unset: on in production, off in dev."),
    ] = None
    rate_limit_per_minute: Annotated[
        int, _env("RATE_LIMIT_PER_MINUTE", "Calls a minute for one user.", ge=1)
    ] = 1200
    rate_limit_burst: Annotated[
        int, _env("RATE_LIMIT_BURST", "Calls above that before 429.", ge=0)
    ] = 200
    sockets_per_user: Annotated[
        int,
        _env("WEALIST_SOCKETS_PER_USER", "Live connections of one user to one replica.", ge=1),
    ] = 20
    bells_per_user: Annotated[
        int,
        _env(
            "WEALIST_BELLS_PER_USER",
            "Streams of notifications of one user to one replica; the oldest ends for one more.",
            ge=1,
        ),
    ] = 10

    # --- telemetry ---------------------------------------------------------------------------
    otlp_endpoint: Annotated[
        str | None,
        _env("OTEL_EXPORTER_OTLP_ENDPOINT", "OTLP/HTTP collector; unset: nothing is exported."),
    ] = None
    otel_disabled: Annotated[bool, _env("OTEL_SDK_DISABLED", "No spans at all.")] = False
    service_version: Annotated[str, _env("SERVICE_VERSION", "Version shown to operators.")] = (
        "0.1.0"
    )
    deployment_env: Annotated[
        str, _env("DEPLOYMENT_ENV", "Name of the installation in traces.")
    ] = "development"

    @property
    def production(self) -> bool:
        return self.env == "prod"

    @property
    def limits_on(self) -> bool:
        return self.production if self.rate_limit_enabled is None else self.rate_limit_enabled

    @property
    def migrates_on_start(self) -> bool:
        return not self.production if self.migrate_on_start is None else self.migrate_on_start

    @property
    def base_url(self) -> str:
        """The public origin, without a trailing slash."""
        return (self.public_url or f"http://localhost:{self.port}").rstrip("/")


class Variable(NamedTuple):
    """One environment variable: its field, accepted type, default and sentence."""

    name: str
    field: str
    type: Any
    default: Any
    text: str
    secret: bool

    @property
    def shown_default(self) -> str:
        """The default as the configuration table prints it."""
        match self.default:
            case None | ():
                return ""
            case bool():
                return str(self.default).lower()
            case tuple():
                return ",".join(self.default)
        return str(self.default)


def variables() -> Iterator[Variable]:
    """Every setting, in the order of the class; the README's table is made from it."""
    hints = get_type_hints(Settings, include_extras=True)
    for field in msgspec.structs.fields(Settings):
        hint = hints[field.name]
        meta: Meta = hint.__metadata__[0]
        assert meta.extra is not None
        kind = hint.__origin__
        yield Variable(
            meta.extra["env"],
            field.name,
            hint,
            field.default,
            meta.description or "",
            Secret in options(kind),
        )


def options(kind: Any) -> tuple[Any, ...]:
    """The types of a union, or the one type there is."""
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)

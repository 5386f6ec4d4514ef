"""From environment variables to `Settings`: read, checked as a whole, told line by line.

Besides our own variables, the connections may be given as the seven-service system took them
(contract: common.md §17), so that an existing deployment starts unchanged.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args, get_origin
from urllib.parse import quote
from uuid import UUID

import msgspec

from wealist.core import smtp_url, vapid
from wealist.core.settings import (
    Names,
    Secret,
    Settings,
    SettingsError,
    Variable,
    options,
    variables,
)
from wealist.core.text import is_mailbox, is_web_address

_SYSTEM_USER = UUID(int=1)

_FLAGS = {"yes": "true", "on": "true", "no": "false", "off": "false"}


def from_env(environ: Mapping[str, str]) -> Settings:
    """Read and check all settings.

    An empty variable counts as unset. Raises `SettingsError` with one line for each mistake:
    unreadable values, unknown `WEALIST_*` names, and combinations that production refuses.
    """
    given = {name: text.strip() for name, text in environ.items()}
    given = {**_translated(given), **{name: text for name, text in given.items() if text}}
    problems: list[str] = []
    values: dict[str, Any] = {}
    known = set()
    for variable in variables():
        known.add(variable.name)
        text = given.get(variable.name, "")
        if not text:
            continue
        try:
            values[variable.field] = _read(variable, text)
        except ValueError as error:
            shown = "" if variable.secret else f" (it is {text!r})"
            problems.append(f"{variable.name}: {error}{shown}")
    problems += [
        f"{name}: there is no such setting{_nearest(name, known)}"
        for name in sorted(environ)
        if name.startswith("WEALIST_") and name not in known
    ]
    settings = Settings(**values)
    problems += _contradictions(settings)
    if problems:
        raise SettingsError(problems)
    return settings


def _translated(given: Mapping[str, str]) -> dict[str, str]:
    """Our variables as the others imply them; a variable of ours that is set wins."""
    found = {}
    if host := given.get("DB_HOST"):
        user, password = (
            quote(given.get("DB_USER", ""), ""),
            quote(given.get("DB_PASSWORD", ""), ""),
        )
        name, port = given.get("DB_NAME") or "wealist", given.get("DB_PORT") or "5432"
        mode = given.get("DB_SSLMODE")
        login = f"{user}:{password}@" if password else f"{user}@" if user else ""
        tail = f"?sslmode={mode}" if mode else ""
        found["DATABASE_URL"] = f"postgresql://{login}{host}:{port}/{quote(name, '')}{tail}"
    for prefix in ("SPRING_REDIS", "REDIS"):
        if host := given.get(f"{prefix}_HOST"):
            password = given.get(f"{prefix}_PASSWORD", "")
            login = f":{quote(password, '')}@" if password not in ("", "NONE") else ""
            found["REDIS_URL"] = f"redis://{login}{host}:{given.get(f'{prefix}_PORT') or '6379'}/0"
    if migrate := given.get("DB_AUTO_MIGRATE"):
        found["WEALIST_MIGRATE_ON_START"] = migrate
    if traces := given.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        found["OTEL_EXPORTER_OTLP_ENDPOINT"] = traces.removesuffix("/v1/traces")
    if given.get("OTEL_TRACING_ENABLED", "").lower() == "false":
        found["OTEL_SDK_DISABLED"] = "true"
    return found


def _read(variable: Variable, text: str) -> Any:
    """The value of a variable. Raises ValueError with a sentence for the operator."""
    kinds = options(variable.type.__origin__)
    if Secret in kinds:
        return Secret(text)
    if Path in kinds:
        return Path(text).expanduser()
    if Names in kinds:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    for kind in kinds:
        if get_origin(kind) is Literal:
            allowed = get_args(kind)
            if text.lower() not in allowed:
                raise ValueError(f"must be one of {', '.join(allowed)}")
            return text.lower()
    if bool in kinds:
        text = _FLAGS.get(text.lower(), text.lower())
    try:
        return msgspec.convert(text, variable.type, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(_plain(str(error), kinds)) from None


def _plain(message: str, kinds: tuple[Any, ...]) -> str:
    if "got `str`" not in message and "uuid" not in message.lower():
        return message.replace("Expected `int`", "must be a whole number").replace(
            "Expected `float`", "must be a number"
        )
    for kind, words in (
        (bool, "must be true or false"),
        (UUID, "must be a UUID"),
        (float, "must be a number"),
    ):
        if kind in kinds:
            return words
    return "must be a whole number"


def _nearest(name: str, known: set[str]) -> str:
    found = get_close_matches(name, known, 1)
    return f"; did you mean {found[0]}?" if found else ""


def _contradictions(settings: Settings) -> Iterator[str]:
    if settings.production:
        yield from _unfit_for_production(settings)
    if settings.google_client_id and not settings.google_client_secret:
        yield "GOOGLE_CLIENT_SECRET: required with GOOGLE_CLIENT_ID"
    if bool(settings.oidc_issuer) != bool(settings.oidc_client_id):
        missing = "OIDC_CLIENT_ID" if settings.oidc_issuer else "OIDC_ISSUER"
        yield f"{missing}: OIDC_ISSUER and OIDC_CLIENT_ID need each other"
    if settings.s3_bucket and not (settings.s3_access_key and settings.s3_secret_key):
        yield "S3_ACCESS_KEY, S3_SECRET_KEY: both required with S3_BUCKET"
    if settings.enable_test_auth and settings.test_auth_user_id == _SYSTEM_USER:
        yield "TEST_AUTH_USER_ID: this is the system's user; choose another id"
    yield from _bad_addresses(settings)
    yield from _bad_outlets(settings)


def _unfit_for_production(settings: Settings) -> Iterator[str]:
    if settings.enable_test_auth:
        yield "ENABLE_TEST_AUTH: test sign-in is refused when ENV=prod"
    if settings.jwt_rsa_private_key is None:
        yield "JWT_RSA_PRIVATE_KEY: required when ENV=prod (all replicas must share one key)"
    if settings.database_url is None:
        yield "DATABASE_URL: required when ENV=prod"
    if settings.public_url is None:
        yield "WEALIST_PUBLIC_URL: required when ENV=prod"
    key = settings.internal_api_key
    if key is None:
        yield "INTERNAL_API_KEY: required when ENV=prod"
    elif len(key) < 16 or key.reveal() == "internal-secret-key":
        yield "INTERNAL_API_KEY: at least 16 characters and not a published default"


def _bad_outlets(settings: Settings) -> Iterator[str]:
    if settings.smtp_url is not None:
        try:
            smtp_url.parse(settings.smtp_url.reveal())
        except ValueError as error:
            yield f"SMTP_URL: {error}"
        if settings.mail_from is None:
            yield "WEALIST_MAIL_FROM: required with SMTP_URL"
    if settings.mail_from is not None and not is_mailbox(settings.mail_from):
        shown = settings.mail_from
        yield f"WEALIST_MAIL_FROM: must be an address or `Name <address>` (it is {shown!r})"
    if settings.vapid_private_key is not None:
        try:
            vapid.private_key(settings.vapid_private_key.reveal())
        except ValueError as error:
            yield f"WEALIST_VAPID_PRIVATE_KEY: {error}"
        if settings.vapid_subject is None:
            yield "WEALIST_VAPID_SUBJECT: required with WEALIST_VAPID_PRIVATE_KEY"
    subject = settings.vapid_subject
    if subject is not None and not subject.startswith(("mailto:", "https://")):
        yield f"WEALIST_VAPID_SUBJECT: must begin with mailto: or https:// (it is {subject!r})"
    if settings.production and settings.push_private_addresses:
        yield "WEALIST_PUSH_PRIVATE_ADDRESSES: refused when ENV=prod"


def _bad_addresses(settings: Settings) -> Iterator[str]:
    for name, url in (
        ("WEALIST_PUBLIC_URL", settings.public_url),
        ("S3_ENDPOINT", settings.s3_endpoint),
        ("S3_PUBLIC_ENDPOINT", settings.s3_public_endpoint),
        ("OIDC_ISSUER", settings.oidc_issuer),
        ("OAUTH2_REDIRECT_URL_ENV", settings.oauth_target_url),
        ("OAUTH2_CLIENT_REDIRECT_URI", settings.oauth_callback_url),
        *(("CORS_ORIGINS", origin) for origin in settings.cors_origins),
    ):
        if url == "*":
            yield f"{name}: name each origin that may call; * would let every site in"
        elif url is not None and not is_web_address(url):
            yield f"{name}: not an http(s) address (it is {url!r})"
    for name, secret, schemes in (
        ("DATABASE_URL", settings.database_url, ("postgresql", "postgres")),
        ("REDIS_URL", settings.redis_url, ("redis", "rediss", "unix")),
    ):
        if secret is not None and secret.reveal().partition("://")[0] not in schemes:
            yield f"{name}: must begin with {schemes[0]}://"

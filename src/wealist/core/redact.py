"""Secrets never reach a log: tokens, passwords and signatures are replaced by `***`."""

import re
from collections.abc import Mapping, MutableMapping
from datetime import date, time
from typing import Any
from urllib.parse import unquote_plus

HIDDEN = "***"
LONGEST = 16_384
"""Characters kept of one value; a longer one is cut in the middle."""
LONGEST_QUERY = 2048
"""Characters kept of a query string."""

# fmt: off
_KEYS = frozenset((
    "access_token", "accesstoken", "refresh_token", "refreshtoken", "id_token", "idtoken",
    "token", "jwt", "client_secret", "clientsecret", "secret", "password", "passwd", "pwd",
    "signature", "sig", "authorization", "proxy_authorization", "cookie", "set_cookie", "api_key",
    "apikey", "x_api_key", "x_internal_api_key", "internal_api_key", "x_test_auth_secret",
    "test_auth_secret", "x_amz_signature", "x_amz_credential", "x_amz_security_token",
    "assertion", "code_verifier", "private_key",
))
# fmt: on
"""Names whose values are hidden wherever they stand (`-` counts as `_`, case doesn't)."""

_QUERY_KEYS = _KEYS | {"code", "state"}
"""In an address these two belong to a sign-in; elsewhere they are ordinary words."""

_NAMES = "|".join(sorted((name.replace("_", "[-_]") for name in _KEYS), key=len, reverse=True))
# From the beginning of a run of such characters, without ever going back: tried at each "eyJ" in
# it, a run without a dot would take time that grows with the square of its length.
_TOKEN = re.compile(
    r"(?<![A-Za-z0-9_-])((?>[A-Za-z0-9_-]*?(?=eyJ)))"
    r"eyJ[A-Za-z0-9_-]{4,}+(?:\.[A-Za-z0-9_-]*+){1,4}"
)
_NO_TOKEN = rf"\1{HIDDEN}"
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*KEY-----|$)", re.S),
        HIDDEN,
    ),
    (_TOKEN, _NO_TOKEN),
    (re.compile(r"(?i)\b(bearer)\s+[^\s\"',;]{8,}"), rf"\1 {HIDDEN}"),
    (
        re.compile(rf"(?i)((?:[?&;]|\b)(?:{_NAMES})=)(?!\*\*\*)[^\s&\"',;<>)\]}}]+"),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?i)([?&](?:code|state)=)[^\s&\"',;<>)\]}]+"), rf"\1{HIDDEN}"),
    (
        re.compile(rf"(?i)([\"'](?:{_NAMES})[\"']\s*:\s*b?[\"'])[^\"']*"),
        rf"\1{HIDDEN}",
    ),
    (
        re.compile(
            r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie"
            r"|(?<![a-z-])x-(?:[a-z]+-){0,6}(?:api-key|secret))(\s*:\s*)(?!\*\*\*)[^\r\n\"']+"
        ),
        rf"\1\2{HIDDEN}",
    ),
    (re.compile(r"(://[^\s:/@\"']*:)[^\s/@\"']+(?=@)"), rf"\1{HIDDEN}"),
)
_SUSPECT = re.compile(r"(?i)eyJ|[=@]|bearer|BEGIN |[\"']\s*:|authorization|cookie|x-")


def text(value: str) -> str:
    """A text without secrets, at most `LONGEST` characters long."""
    if len(value) > LONGEST:
        value = f"{value[: LONGEST // 2]} … {value[-LONGEST // 2 :]}"
    if _SUSPECT.search(value):
        for pattern, replacement in _PATTERNS:
            value = pattern.sub(replacement, value)
    return value


def target(value: str) -> str:
    """A path or a program's name: only a token's own shape is looked for."""
    if len(value) > LONGEST:
        value = value[:LONGEST]
    return _TOKEN.sub(_NO_TOKEN, value) if "eyJ" in value else value


def query(value: bytes) -> str:
    """A query string without secrets; names and values are judged as the server reads them."""
    parts = value[:LONGEST_QUERY].decode("latin-1").split("&")
    return "&".join(_part(part) for part in parts)


def _part(part: str) -> str:
    name, equals, given = part.partition("=")
    if not equals:
        return target(part)
    if _plain(unquote_plus(name)) in _QUERY_KEYS:
        return f"{name}={HIDDEN}"
    if "%" in given:  # an address inside an address has a query of its own
        decoded = unquote_plus(given)
        return f"{name}={HIDDEN}" if text(decoded) != decoded else part
    return target(part)


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")


def value(found: Any) -> Any:
    """Any loggable value without secrets."""
    if isinstance(found, str):
        return text(found)
    if found is None or isinstance(found, bool | int | float):
        return found
    if isinstance(found, Mapping):
        return {str(name): _member(str(name), member) for name, member in found.items()}
    if isinstance(found, list | tuple | set | frozenset):
        return [value(member) for member in found]
    if isinstance(found, date | time):
        return found
    try:
        return text(str(found))
    except Exception:
        return f"<{type(found).__name__} that can't be printed>"


def _member(name: str, found: Any) -> Any:
    return HIDDEN if found and _plain(name) in _KEYS else value(found)


def event(_logger: Any, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog's processor: hide secrets in every field of a line."""
    for name, found in fields.items():
        fields[name] = _member(name, found)
    return fields

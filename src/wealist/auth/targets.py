"""Where a sign-in may send the browser with its tokens: exact origins, compared part by part."""

import re
from typing import NamedTuple
from urllib.parse import SplitResult, urlencode, urlsplit

from wealist.core import site
from wealist.core.errors import BadRequest
from wealist.core.settings import Settings, SettingsError

BUILT_IN = "/oauth/callback"
"""The page of ours that takes the tokens when no other target is configured."""

_LONGEST = 500  # it travels in a cookie, and a browser sends several of those at once
_PORTS = {"http": 80, "https": 443}
# No white space, control character or backslash: browsers read those differently from us.
_PLAIN = re.compile(r"[!-\[\]-~]+")


class Origin(NamedTuple):
    """Scheme, host and port; two addresses have the same origin iff all three are equal."""

    scheme: str
    host: str
    port: int


class Targets:
    """The origins that `settings` allow: the listed ones, our own, and the default target's.

    Raises `SettingsError` for an entry that is no http(s) address.
    """

    def __init__(self, settings: Settings) -> None:
        self._default = settings.oauth_target_url
        allowed = {origin(self.default), origin(settings.base_url)}
        for entry in settings.oauth_allowed_origins:
            found = origin(entry)
            if found is None:
                raise SettingsError(
                    [f"OAUTH2_ALLOWED_REDIRECT_PATTERNS: {entry!r} is no http(s) origin"]
                )
            allowed.add(found)
        self._allowed = allowed - {None}

    @property
    def default(self) -> str:
        """Where a browser goes that asked for nothing else."""
        return self._default or site.address(BUILT_IN)

    def choose(self, wanted: str | None) -> str:
        """The address that was asked for, or the default. Raises `BadRequest` for a foreign one."""
        if wanted is None or not wanted.strip():
            return self.default
        if origin(wanted) not in self._allowed:
            raise BadRequest("redirect_uri: this address may not receive tokens")
        return wanted


def origin(address: str) -> Origin | None:
    """The origin of an absolute http(s) address; None for anything else or anything doubtful."""
    if len(address) > _LONGEST or not _PLAIN.fullmatch(address):
        return None
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    if port is None:
        port = _PORTS[parts.scheme]
    return Origin(parts.scheme, parts.hostname.lower(), port)


def with_query(address: str, values: dict[str, str]) -> str:
    """The address with more parameters behind the query it has."""
    parts: SplitResult = urlsplit(address)
    query = "&".join(filter(None, (parts.query, urlencode(values))))
    return parts._replace(query=query).geturl()


def csp_source(address: str) -> str:
    """The address's origin as a source expression of a Content-Security-Policy."""
    found = origin(address)
    return "" if found is None else f"{found.scheme}://{_host(found.host)}:{found.port}"


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host

"""The address of a mail server, as `SMTP_URL` gives it.

smtp://user:password@mail.example.com            port 587, STARTTLS required
smtps://user:password@mail.example.com           port 465, TLS from the first byte
smtp://localhost:25?starttls=off                 plain, for a relay on the same host
"""

from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from wealist.core.settings import Secret

_SWITCH = {"on": True, "required": True, "off": False}


class SmtpServer(NamedTuple):
    """How to reach a mail server. Never in plain text unless the operator has said so."""

    host: str
    port: int
    tls: bool
    starttls: bool
    user: str | None
    password: Secret | None


def parse(url: str) -> SmtpServer:
    """Read the address. Raises ValueError with a sentence that repeats nothing of it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("the port must be a number up to 65535") from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("must look like smtp://user:password@host:587 or smtps://…@host:465")
    if parts.path not in ("", "/") or parts.fragment:
        raise ValueError("nothing may follow the port but ?starttls=off")
    tls, starttls = parts.scheme == "smtps", parts.scheme == "smtp"
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name != "starttls" or value not in _SWITCH:
            raise ValueError("the only option is ?starttls=on or ?starttls=off")
        if tls:
            raise ValueError("smtps:// begins with TLS and takes no ?starttls=")
        starttls = _SWITCH[value]
    if (parts.username is None) != (parts.password is None):
        raise ValueError("a user needs a password, and the other way round")
    user = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else Secret(unquote(parts.password))
    return SmtpServer(parts.hostname, port or (465 if tls else 587), tls, starttls, user, password)

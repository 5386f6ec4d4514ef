"""Text that people type: measured; names are trimmed, too, and free of control characters."""

import re
from email.utils import parseaddr
from urllib.parse import urlsplit

from wealist.core.errors import Invalid

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def required(text: str, *, field: str, limit: int) -> str:
    """Trimmed text of 1 to `limit` characters. Raises `Invalid` naming `field`."""
    clean = optional(text, field=field, limit=limit)
    if not any(character.isprintable() and character != " " for character in clean):
        raise Invalid("must not be empty", field=field)
    return clean


def optional(text: str, *, field: str, limit: int) -> str:
    """Trimmed text of at most `limit` characters. Raises `Invalid` naming `field`."""
    clean = text.strip()
    if len(clean) > limit:
        raise Invalid(f"must have at most {limit} characters", field=field)
    if _CONTROL.search(clean):
        raise Invalid("must not contain control characters", field=field)
    return clean


def verbatim(text: str, *, field: str, least: int = 0, most: int) -> str:
    """Text as it was typed, of `least` to `most` characters. Raises `Invalid` naming `field`."""
    if not least <= len(text) <= most:
        raise Invalid(f"must have {least} to {most} characters", field=field)
    if "\0" in text:
        raise Invalid("must not contain NUL characters", field=field)
    return text


PREVIEW = 100


def preview(text: str) -> str:
    """The beginning of what somebody wrote, for those who are told of it."""
    return text[:PREVIEW] + ("..." if len(text) > PREVIEW else "")


def web_address(text: str, *, field: str) -> str:
    """An http(s) address. Raises `Invalid` naming `field`."""
    clean = text.strip()
    if not is_web_address(clean) or re.search(r"[\s<>\"]", clean):
        raise Invalid("must be an http(s) address", field=field)
    return clean


def is_web_address(text: str) -> bool:
    """Whether a text has the scheme, host and port of an http(s) address."""
    try:
        parts = urlsplit(text)
        _ = parts.port  # may be no number
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def is_mailbox(text: str) -> bool:
    """Whether a text is one e-mail address, alone or as `Name <address>`."""
    _, address = parseaddr(text)
    local, _, host = address.rpartition("@")
    return bool(local and host) and text.isprintable() and address.isascii() and " " not in address


def like(text: str) -> str:
    """A pattern that finds `text` literally anywhere, for LIKE with the default escape."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"

"""What a browser is told about a stored file: its name, and whether it may be shown in place."""

import re
from urllib.parse import quote

_SHOWN = ("application/pdf", "text/plain")
_SHOWN_FAMILIES = ("image/", "audio/", "video/")

# Control characters, the separators some browsers take for a line end, lone surrogates, and the
# direction marks that make "exe.gpj" read as "jpg.exe".
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 ._()\[\]+,=@!-]")

LONGEST_NAME = 200


def media_type(content_type: str) -> str:
    """`Text/HTML; charset=x` → `text/html`."""
    return content_type.partition(";")[0].strip().lower()


def may_be_shown(content_type: str | None) -> bool:
    """Whether a file of this type can't run script when it is opened under our own origin."""
    kind = media_type(content_type or "")
    if kind in _SHOWN:
        return True
    return kind.startswith(_SHOWN_FAMILIES) and "xml" not in kind


def disposition(filename: str | None, *, inline: bool, content_type: str | None) -> str:
    """The value of `Content-Disposition`, always pure ASCII without control characters.

    A name is given in both forms of RFC 6266: plain for old clients, RFC 5987 for the real one.
    `inline` is granted only to types that `may_be_shown`.
    """
    kind = "inline" if inline and may_be_shown(content_type) else "attachment"
    name = _clean(filename)
    if not name:
        return kind
    plain = _NOT_PLAIN.sub("_", name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _clean(filename: str | None) -> str:
    name = _UNPRINTABLE.sub("", filename or "").replace("/", "_").replace("\\", "_").strip()
    if len(name) <= LONGEST_NAME:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 16:
        return name[:LONGEST_NAME]
    return f"{stem[: LONGEST_NAME - len(extension) - 1]}.{extension}"

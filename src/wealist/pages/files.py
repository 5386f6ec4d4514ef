"""The files of `static/`, read once at import. Names are looked up, never joined to a path."""

from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from litestar import Response

TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


class File(NamedTuple):
    """Bytes to send, with the entity tag (RFC 9110) made from them."""

    content: bytes
    media_type: str
    etag: str


def file(content: bytes, media_type: str) -> File:
    """Give content its entity tag."""
    return File(content, media_type, f'"{sha256(content).hexdigest()[:24]}"')


FILES = {
    path.name: file(path.read_bytes(), TYPES[path.suffix])
    for path in (Path(__file__).parent / "static").iterdir()
    if path.suffix in TYPES
}
PAGES = {name: found for name, found in FILES.items() if name.endswith(".html")}
ASSETS = {name: found for name, found in FILES.items() if name not in PAGES}


def answer(wanted: File, if_none_match: str | None, headers: dict[str, str]) -> Response[Any]:
    """The file, or 304 when the client names the tag that it has.

    `headers` go with both: a browser keeps the headers of a 304 for the stored copy.
    """
    headers = {"cache-control": "no-cache", "etag": wanted.etag, **headers}
    if if_none_match is not None and _names(if_none_match, wanted.etag):
        return Response(None, status_code=304, headers=headers)
    return Response(wanted.content, media_type=wanted.media_type, headers=headers)


def _names(if_none_match: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or tags == ["*"]

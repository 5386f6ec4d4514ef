"""Compressed answers: which are, for whom, and how. JSON of some size, gzip, level 1.

Secrets next to text that an attacker chose can be guessed from the length of a compressed answer
(BREACH), so what `auth` answers stays as it is: tokens. Elsewhere a stranger's page can't ask in
somebody's name, since no cookie authenticates a call.
"""

import asyncio
import re
import zlib
from collections.abc import Iterable, Mapping

MINIMUM = 1400
"""Bytes. What is shorter fits into one packet as it is."""

LOOP_BYTES = 65_536
"""What is longer is compressed in a thread: it would hold everybody else up by 0.4 ms and more,
and zlib lets go of the interpreter's lock meanwhile."""

VARY = (b"vary", b"Accept-Encoding")

_LEVEL = 1
_GZIP = 31  # zlib's `wbits` for the largest window and gzip's head and tail
_CODING = re.compile(
    rb"\s*([!#$%&'*+.^_`|~0-9a-z-]+)\s*(?:;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?"
)
_LONGEST = 1024


def possible(service: str, status: int | None, headers: Mapping[bytes, bytes]) -> bool:
    """Whether a service's answer is compressed for clients that take it; it varies by that.

    Streams have no Content-Length. Files are not JSON of a service, or have a name of their own.
    """
    length = headers.get(b"content-length")
    if length is None or len(length) < 4 or int(length) < MINIMUM:  # nearly every answer
        return False
    if not service or service == "auth" or status in (204, 206, 304):
        return False
    if headers.get(b"content-type", b"").partition(b";")[0].strip() != b"application/json":
        return False
    if b"content-encoding" in headers or b"content-disposition" in headers:
        return False
    # The ETag is the version that If-Match names, and stays as it is. By RFC 9110 (8.8.3.3) two
    # codings need two strong tags, but a tag of its own for gzip would be no version, and a weak
    # one would never match in If-Match (13.1.1). One tag for both can only mislead who puts stored
    # answers or parts of them together, so a tagged answer must not be stored; JSON has no ranges.
    return b"etag" not in headers or b"no-store" in headers.get(b"cache-control", b"no-store")


def accepted(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the client takes gzip, and doesn't like the plain answer better (RFC 9110, 12.5.3).

    What isn't well-formed asks for nothing.
    """
    weights: dict[bytes, float] = {}
    for name, value in headers:
        if name == b"accept-encoding" and len(value) <= _LONGEST:
            for member in value.lower().split(b","):
                if found := _CODING.fullmatch(member):
                    weights[found[1]] = float(found[2] or 1)
    gzip = next((weights[n] for n in (b"gzip", b"x-gzip", b"*") if n in weights), 0.0)
    return gzip > 0 and gzip >= weights.get(b"identity", 0.0)


def relabel(headers: Iterable[tuple[bytes, bytes]], length: int) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, when `length` compressed bytes are sent in its place."""
    kept = [pair for pair in headers if pair[0] != b"content-length"]
    return [*kept, (b"content-encoding", b"gzip"), (b"content-length", b"%d" % length)]


async def pack(body: bytes) -> bytes:
    """The body as gzip."""
    if len(body) <= LOOP_BYTES:
        return _gzip(body)
    return await asyncio.to_thread(_gzip, body)


def _gzip(body: bytes) -> bytes:
    return zlib.compress(body, _LEVEL, _GZIP)

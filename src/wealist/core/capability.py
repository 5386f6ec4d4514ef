"""Stable addresses for objects that a browser loads without a header, such as `<img src>`.

A capability is an object's key with a proof that this installation named it. It stays the same for
the life of the object, so it can be cached, but can't be made up. Whoever has it may follow it, for
as long as the service that made it shows the object (`objects_http.redirect` asks it each time).
"""

from base64 import urlsafe_b64encode
from hmac import compare_digest, digest

from wealist.core.errors import BadRequest, NotFound
from wealist.core.objects import check_key
from wealist.core.server_secret import derive

_PROOF = 22
"""Characters of the proof: 128 bits in unpadded base64."""


def sign(key: str) -> str:
    """The capability of `key`: letters, digits and `-_.~` only, made in about 2 µs."""
    mac = digest(derive(b"object capability"), key.encode(), "sha256")
    return urlsafe_b64encode(mac[:16])[:_PROOF].decode() + key.replace("/", "~")


def key_of(capability: str) -> str:
    """The key that `sign` was given. Raises `NotFound` for anything else."""
    try:
        key = check_key(capability[_PROOF:].replace("~", "/"))
        given = capability.encode()
    except (BadRequest, UnicodeEncodeError):
        raise no_file() from None
    if not compare_digest(given, sign(key).encode()):
        raise no_file()
    return key


def no_file() -> NotFound:
    """The one answer for what is forged, deleted, or not shown: nobody learns which."""
    return NotFound("no such file")

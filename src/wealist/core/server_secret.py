"""One secret that all replicas share without being told it, and keys for single purposes from it.

With `JWT_RSA_PRIVATE_KEY` it comes from that key, so replicas agree and nothing is stored; without,
from a random file in the data directory. When the private key is replaced, all derived keys change:
links and capabilities made before stop working, and clients get new ones with their next read.
"""

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from wealist.core.settings import Settings, SettingsError

_SIZE = 32
_secret: bytes | None = None
_derived: dict[bytes, bytes] = {}


def open(settings: Settings) -> None:  # noqa: A001
    """Read or make the secret. Raises `SettingsError` when the stored one is unusable."""
    global _secret
    if settings.jwt_rsa_private_key is not None:
        # White space and escaped line ends differ between ways to pass a PEM; the key doesn't.
        pem = settings.jwt_rsa_private_key.reveal().replace("\\n", "")
        _secret = "".join(pem.split()).encode()
    else:
        path = settings.data_dir / "server-secret"
        _secret = kept(path, lambda: secrets.token_bytes(_SIZE))
        if len(_secret) != _SIZE:
            raise SettingsError([f"{path}: not a secret of ours; remove it to get a new one"])
    _derived.clear()


def derive(purpose: bytes) -> bytes:
    """32 bytes for one purpose (HKDF-SHA256); other purposes tell nothing about them."""
    key = _derived.get(purpose)
    if key is None:
        if _secret is None:
            raise RuntimeError("server_secret.open has not been called")
        hkdf = HKDF(algorithm=SHA256(), length=_SIZE, salt=b"wealist server secret", info=purpose)
        key = _derived[purpose] = hkdf.derive(_secret)
    return key


def kept(path: Path, make: Callable[[], bytes]) -> bytes:
    """The content of `path`; made once, readable by its owner only.

    Processes that call this at the same time all return the same bytes: the first to link its
    finished file wins, and nobody ever sees a half-written one.
    """
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return path.read_bytes()

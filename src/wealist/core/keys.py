"""The RSA keys that sign and check our tokens: one active pair, and retired public keys by `kid`.

In production the pair comes from the environment, the same for all replicas. In development it
is made once and kept in the data directory, so that a restart doesn't sign anybody out.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from msgspec import Struct

from wealist.core import server_secret
from wealist.core.settings import Settings, SettingsError

LEAST_BITS = 2048
FILE = "jwt-key.pem"

_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----(.*?)-----END \1-----", re.DOTALL)


class KeySet(Struct, frozen=True):
    """The active private key, and every public key whose tokens count, the active one first."""

    kid: str
    private: RSAPrivateKey
    public: Mapping[str, RSAPublicKey]

    def jwks(self) -> dict[str, Any]:
        """The JSON Web Key Set (RFC 7517) that other programs check our tokens with."""
        return {"keys": [_jwk(kid, key) for kid, key in self.public.items()]}


_keys: KeySet | None = None


def open(settings: Settings) -> None:  # noqa: A001
    """Load the keys, or make the pair at the first start in development.

    Raises `SettingsError` for a key that is unreadable, no RSA key, shorter than 2048 bits, or
    not the other half of its pair.
    """
    global _keys
    _keys = load(settings)


def current() -> KeySet:
    """The keys of this process."""
    if _keys is None:
        raise RuntimeError("keys.open has not been called")
    return _keys


def load(settings: Settings) -> KeySet:
    """The key set that the settings describe; see `open`."""
    given = settings.jwt_rsa_private_key
    if given is not None:
        private = _private("JWT_RSA_PRIVATE_KEY", given.reveal())
    elif settings.jwt_rsa_public_key is not None:
        raise SettingsError(["JWT_RSA_PUBLIC_KEY: needs JWT_RSA_PRIVATE_KEY, its other half"])
    else:
        path = settings.data_dir / FILE
        pem = server_secret.kept(path, _generate).decode("ascii", "replace")
        private = _private(str(path), pem)
    active = private.public_key()
    if settings.jwt_rsa_public_key is not None:
        public = _public("JWT_RSA_PUBLIC_KEY", settings.jwt_rsa_public_key)
        if public.public_numbers() != active.public_numbers():
            raise SettingsError(
                ["JWT_RSA_PUBLIC_KEY: does not belong to JWT_RSA_PRIVATE_KEY; give the pair"]
            )
    kid = settings.jwt_rsa_key_id
    return KeySet(kid, private, {kid: active, **dict(_previous(settings))})


def _previous(settings: Settings) -> Iterator[tuple[str, RSAPublicKey]]:
    name = "JWT_PREVIOUS_PUBLIC_KEYS"
    seen = {settings.jwt_rsa_key_id}
    for entry in (settings.jwt_previous_public_keys or "").split(";"):
        if not entry.strip():
            continue
        kid, equals, pem = entry.partition("=")
        kid = kid.strip()
        if not equals or not kid or "BEGIN" in kid:
            raise SettingsError([f"{name}: each entry is kid=PEM, entries are separated by ;"])
        if kid in seen:
            raise SettingsError([f"{name}: the key id {kid!r} is taken; each key has its own"])
        seen.add(kid)
        yield kid, _public(f"{name} ({kid})", pem)


def _generate() -> bytes:
    key = generate_private_key(public_exponent=65537, key_size=LEAST_BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _private(name: str, text: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(_pem(text), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SettingsError([f"{name}: not a readable PEM private key"]) from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < LEAST_BITS:
        raise SettingsError([f"{name}: must be an RSA key of at least {LEAST_BITS} bits"])
    return key


def _public(name: str, text: str) -> RSAPublicKey:
    try:
        key = load_pem_public_key(_pem(text))
    except (ValueError, UnsupportedAlgorithm):
        raise SettingsError([f"{name}: not a readable PEM public key"]) from None
    if not isinstance(key, RSAPublicKey) or key.key_size < LEAST_BITS:
        raise SettingsError([f"{name}: must be an RSA key of at least {LEAST_BITS} bits"])
    return key


def _pem(text: str) -> bytes:
    """A PEM with its line ends restored; in an environment they may be spaces, `\\n` or nothing."""
    found = _PEM.search(text.replace("\\r", "").replace("\\n", "\n"))
    if found is None:
        raise ValueError
    label, body = found[1], "".join(found[2].split())
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


def _jwk(kid: str, key: RSAPublicKey) -> dict[str, str]:
    numbers = key.public_numbers()
    return {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": kid,
        "n": _base64url(numbers.n),
        "e": _base64url(numbers.e),
    }


def _base64url(number: int) -> str:
    data = number.to_bytes((number.bit_length() + 7) // 8)
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

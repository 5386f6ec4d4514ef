"""VAPID (RFC 8292): how a push service recognises the server that sends it messages."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from time import time
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

SECONDS = 12 * 3600
"""How long a push service may accept a signature; RFC 8292 allows 24 hours."""


def encode(data: bytes) -> str:
    """Base64 for URLs without padding, as all of web push has it."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The reverse of `encode`; padding is fine. Raises ValueError."""
    return urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))


def private_key(text: str) -> ec.EllipticCurvePrivateKey:
    """A P-256 key: PEM, or the 32 bytes in base64 that most tools print. Raises ValueError."""
    says = "must be a P-256 private key, as PEM or as 32 bytes in URL-safe base64"
    try:
        if "BEGIN" in text:
            key = load_pem_private_key(text.replace("\\n", "\n").encode(), password=None)
        else:
            number = decode(text)
            if len(number) != 32:
                raise ValueError(says)
            key = ec.derive_private_key(int.from_bytes(number), ec.SECP256R1())
    except (ValueError, TypeError):
        raise ValueError(says) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError(says)
    return key


def public_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public key as an uncompressed point: what a browser subscribes with."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def authorization(endpoint: str, key: ec.EllipticCurvePrivateKey, subject: str) -> str:
    """The `Authorization` header for a message to `endpoint`; `subject` is who runs the server."""
    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int(time()) + SECONDS,
        "sub": subject,
    }
    token = jwt.encode(claims, key, algorithm="ES256")
    return f"vapid t={token}, k={encode(public_bytes(key))}"

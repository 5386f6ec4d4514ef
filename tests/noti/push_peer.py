"""A real push service on a port of its own, and browsers that can read what it gets.

Its answer depends on the path: `/gone…` is 410, `/busy…` 503, `/refused…` 403, all else 201.
"""

import contextlib
import json
import ssl
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from os import urandom
from pathlib import Path
from typing import Any, NamedTuple, cast
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import structs

from wealist.core.settings import Secret, Settings
from wealist.noti import push

VAPID_KEY = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
"""The sender's key in the example of RFC 8291."""

SUBJECT = "mailto:ops@wealist.test"


def use(settings: Settings, *, private: bool) -> None:
    """Switch web push on; `private`: also to services on this machine."""
    push.open(
        structs.replace(
            settings,
            vapid_private_key=Secret(VAPID_KEY),
            vapid_subject=SUBJECT,
            push_private_addresses=private,
        )
    )


STATUSES = {"gone": 410, "busy": 503, "refused": 403}


class Received(NamedTuple):
    """A message as the push service got it."""

    path: str
    headers: dict[str, str]
    body: bytes


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        service = cast(PushService, self.server)
        headers = {name.lower(): value for name, value in self.headers.items()}
        service.received.append(Received(self.path, headers, body))
        kind = self.path.strip("/").partition("-")[0]
        self.send_response(service.statuses.get(kind, 201))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Says nothing."""


class PushService(ThreadingHTTPServer):
    """The service; `statuses` can be changed while it runs."""

    def __init__(self, certificate: Path | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[Received] = []
        self.statuses = dict(STATUSES)
        self.url = f"http://127.0.0.1:{self.server_port}"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
            self.url = f"https://localhost:{self.server_port}"

    def at(self, path: str) -> list[Received]:
        return [one for one in self.received if one.path == path]


@contextlib.contextmanager
def push_service(certificate: Path | None = None) -> Iterator[PushService]:
    """A push service that runs; with a certificate over TLS as localhost."""
    with PushService(certificate) as service:
        thread = threading.Thread(target=service.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield service
        service.shutdown()
        thread.join()


def base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


class Browser:
    """A browser that has subscribed to a push service, under a path of its own."""

    def __init__(self, service: PushService, kind: str = "ok") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.public = self.key.public_key().public_bytes(
            Encoding.X962, PublicFormat.UncompressedPoint
        )
        self.auth = urandom(16)
        self.service, self.path = service, f"/{kind}-{uuid4().hex}"

    @property
    def subscription(self) -> dict[str, Any]:
        """What `PushSubscription.toJSON()` gives."""
        return {
            "endpoint": self.service.url + self.path,
            "expirationTime": None,
            "keys": {"p256dh": base64(self.public), "auth": base64(self.auth)},
        }

    def got(self) -> list[dict[str, Any]]:
        """The messages, decrypted."""
        return [json.loads(self.read(one.body)) for one in self.service.at(self.path)]

    def read(self, body: bytes) -> bytes:
        """Decrypt as RFC 8291 says, by other means than the sender's."""
        salt, size, length = body[:16], int.from_bytes(body[16:20]), body[20]
        theirs, content = body[21 : 21 + length], body[21 + length :]
        assert len(content) <= size
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs)
        info = b"WebPush: info\x00" + self.public + theirs
        secret = _hkdf(self.key.exchange(ec.ECDH(), point), self.auth, info, 32)
        key = _hkdf(secret, salt, b"Content-Encoding: aes128gcm\x00", 16)
        nonce = _hkdf(secret, salt, b"Content-Encoding: nonce\x00", 12)
        plain = AESGCM(key).decrypt(nonce, content, None).rstrip(b"\x00")
        assert plain.endswith(b"\x02")
        return plain[:-1]


def _hkdf(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)

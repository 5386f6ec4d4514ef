"""Web push: one encrypted message to one browser (RFC 8030, RFC 8291, RFC 8188).

A browser chooses its push service, so an endpoint is an address that a stranger gives us. Before
we connect, its name is resolved and each address must be a public one; then we connect to that
very address, so that the name can't mean another one a moment later.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Literal, NamedTuple, TypeAlias

import httpx
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from wealist.core import vapid

SECONDS = 10.0
TTL_SECONDS = 24 * 3600
"""How long a push service keeps a message for a browser that is away."""

RECORD = 4096
"""Bytes of the one record (RFC 8291 §4); a payload is far smaller."""

_resolvers = ThreadPoolExecutor(8, "push-dns")
"""Not the threads that everybody shares: whoever owns a name decides how long it takes."""

_NAT64 = IPv6Network("64:ff9b::/96")

Outcome: TypeAlias = Literal["accepted", "gone", "refused", "later"]


class Browser(NamedTuple):
    """Where a browser's messages go, and its keys."""

    endpoint: str
    p256dh: bytes
    auth: bytes


def _key(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(secret)


def encrypt(
    payload: bytes,
    p256dh: bytes,
    auth: bytes,
    *,
    key: EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """The body of a message: only the browser with these keys can read it.

    `key` and `salt` are made for each message; tests give those of RFC 8291. Raises ValueError
    when `p256dh` is no point of the curve.
    """
    key = key or generate_private_key(SECP256R1())
    salt = salt or os.urandom(16)
    theirs = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), p256dh)
    ours = vapid.public_bytes(key)
    shared = key.exchange(ECDH(), theirs)
    secret = _key(shared, auth, b"WebPush: info\0" + p256dh + ours, 32)
    content = _key(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _key(secret, salt, b"Content-Encoding: nonce\0", 12)
    header = salt + RECORD.to_bytes(4) + bytes([len(ours)]) + ours
    return header + AESGCM(content).encrypt(nonce, payload + b"\x02", None)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public Internet, also inside another notation."""
    ip = ip_address(address.partition("%")[0])
    return all(one.is_global and not one.is_multicast for one in _meant(ip))


def _meant(ip: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    """The address, and those that it leads to by translation."""
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            yield ip.ipv4_mapped
            return
        if ip.sixtofour is not None:
            yield ip.sixtofour
        if ip.teredo is not None:
            yield from ip.teredo
        if ip in _NAT64:
            yield IPv4Address(int(ip) & 0xFFFFFFFF)
    yield ip


async def _resolve(host: str, port: int, *, private: bool) -> str:
    """The address to connect to. Raises OSError when there is none, or one isn't public."""
    loop = asyncio.get_running_loop()
    resolve = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await loop.run_in_executor(_resolvers, resolve)
    addresses = [str(entry[4][0]) for entry in found]
    if not private and not all(is_public(address) for address in addresses):
        raise PermissionError("leads to an address that is not public")
    return addresses[0]


@lru_cache(maxsize=1)
def tls() -> ssl.SSLContext:
    """Whose certificates count: those of httpx, or the operator's `SSL_CERT_FILE`. Reading them
    takes long, so it is done once."""
    return httpx.create_ssl_context()


def client() -> httpx.AsyncClient:
    """For the messages of one run. Connections aren't kept: they are made to addresses, and two
    names with one address must not share one that was checked for the other."""
    return httpx.AsyncClient(
        timeout=SECONDS,
        trust_env=False,  # a proxy would resolve the names itself
        verify=tls(),
        follow_redirects=False,
        limits=httpx.Limits(max_connections=50, max_keepalive_connections=0),
    )


async def send(
    http: httpx.AsyncClient,
    browser: Browser,
    payload: bytes,
    authorization: str,
    *,
    private: bool = False,
) -> Outcome:
    """Hand a message to a browser's push service. `private` allows addresses of our own network.

    `gone`: the browser wants no more; `refused`: not this message; `later`: try again.
    """
    try:
        url = httpx.URL(browser.endpoint)
        async with asyncio.timeout(SECONDS):
            port = url.port or (443 if url.scheme == "https" else 80)
            address = await _resolve(url.host, port, private=private)
            async with http.stream(  # whatever the service says beside the status isn't read
                "POST",
                url.copy_with(host=address),
                content=encrypt(payload, browser.p256dh, browser.auth),
                headers={
                    "Host": url.netloc.decode(),
                    "Authorization": authorization,
                    "Content-Encoding": "aes128gcm",
                    "Content-Type": "application/octet-stream",
                    "TTL": str(TTL_SECONDS),
                },
                extensions={"sni_hostname": url.host},
            ) as answer:
                return _outcome(answer.status_code)
    except (PermissionError, httpx.InvalidURL):
        return "refused"
    except (httpx.HTTPError, OSError, UnicodeError):
        return "later"


def _outcome(status: int) -> Outcome:
    if status < 300:
        return "accepted"
    if status in (404, 410):
        return "gone"
    return "later" if status == 429 or status >= 500 else "refused"

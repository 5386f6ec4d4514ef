"""Everything beside the database: Redis, keys, sign-in, the public address, the object store."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from redis.asyncio import Redis
from redis.exceptions import RedisError

from wealist.core import keys, objects, redis, server_secret
from wealist.core.errors import Unavailable
from wealist.core.settings import Settings, SettingsError
from wealist.doctor.database import skew
from wealist.doctor.report import Report
from wealist.noti import mail

LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104 - compared, not bound
PATIENCE = 5.0


async def redis_server(settings: Settings, report: Report) -> None:
    """Reachable, in time, and never forgetting a revocation to save memory."""
    if settings.redis_url is None:
        if settings.production:
            report.warn(
                "no Redis: right for one replica only", "set REDIS_URL before there are two"
            )
        else:
            report.good("no Redis: tokens and live events stay in this one process")
        return
    await redis.open(settings)
    try:
        client = redis.client()
        assert client is not None
        began = time.perf_counter()
        await client.ping()
        milliseconds = (time.perf_counter() - began) * 1000
        version = (await client.info("server")).get("redis_version", "?")
        report.good(f"Redis {version} answers in {milliseconds:.0f} ms")
        seconds, microseconds = await client.time()
        skew("Redis", seconds + microseconds / 1e6 - time.time(), report)
        await _eviction(client, report)
    except redis.UNREACHABLE as error:
        report.bad(f"Redis can't be reached: {error}", "start it, or correct REDIS_URL")
    except RedisError as error:
        report.bad(f"Redis refuses us: {error}", "correct user and password in REDIS_URL")
    finally:
        await redis.close()


async def _eviction(client: Redis, report: Report) -> None:
    try:
        found = await client.config_get("maxmemory*")
    except RedisError:
        report.warn("Redis doesn't tell its eviction policy", "make sure that it is `noeviction`")
        return
    told = {_text(name): _text(value) for name, value in found.items()}
    policy = told.get("maxmemory-policy", "")
    if policy == "noeviction" or told.get("maxmemory") == "0":
        report.good("Redis evicts nothing")
    else:
        report.warn(
            f"Redis evicts keys when memory is short ({policy}): a signed-out token may revive",
            "set maxmemory-policy to noeviction",
        )


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


async def token_keys(settings: Settings, report: Report) -> None:
    """The pair matches, and where it comes from."""
    stored = settings.data_dir / keys.FILE
    kept = settings.jwt_rsa_private_key is None
    if kept and not stored.exists() and settings.jwt_rsa_public_key is None:
        report.good("no signing key yet: the first start makes one")
        return
    try:
        found = keys.load(settings)
    except SettingsError as error:
        report.bad(str(error), "give a PEM pair of RSA keys with at least 2048 bits")
        return
    where = f"kept in {stored}, {_age(stored)} old" if kept else "from JWT_RSA_PRIVATE_KEY"
    report.good(f"signing key {found.kid} ({found.private.key_size} bits), {where}")
    if retired := [kid for kid in found.public if kid != found.kid]:
        report.good(f"retired keys still accepted: {', '.join(retired)}")
    if kept and stored.stat().st_mode & 0o077:
        report.warn(f"others may read {stored}", f"chmod 600 {stored}")


def _age(path: Path) -> str:
    made = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    days = (datetime.now(UTC) - made).days
    return f"{days} days" if days != 1 else "1 day"


async def sign_in(settings: Settings, report: Report) -> None:
    """Somebody can sign in, and comes back to where he began."""
    if settings.oidc_issuer:
        await _issuer(settings.oidc_issuer, report)
    elif settings.google_client_id:
        report.good("people sign in with Google")
    elif settings.production:
        report.bad(
            "nobody can sign in",
            "set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET, or OIDC_ISSUER and OIDC_CLIENT_ID",
        )
    else:
        report.good("people sign in on the built-in page, without a password (development)")
    callback = settings.oauth_callback_url
    if callback and _origin(callback) != _origin(settings.base_url):
        report.warn(
            f"the callback {callback} is not under {settings.base_url}",
            "the sign-in cookie belongs to one host: begin and end there, or correct"
            " OAUTH2_CLIENT_REDIRECT_URI or WEALIST_PUBLIC_URL",
        )
    if settings.enable_test_auth:
        report.warn("anybody can get a test token", "unset ENABLE_TEST_AUTH when done")
    if settings.production and settings.internal_api_key is None:
        report.warn("the internal API lets nobody in", "set INTERNAL_API_KEY if a service needs it")


async def _issuer(issuer: str, report: Report) -> None:
    address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    try:
        async with httpx.AsyncClient(timeout=PATIENCE, follow_redirects=True) as client:
            answer = await client.get(address)
            answer.raise_for_status()
            told = answer.json()["issuer"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        report.bad(
            f"{address} gives no configuration: {error or type(error).__name__}",
            "correct OIDC_ISSUER, or let this machine reach it",
        )
        return
    if told.rstrip("/") == issuer.rstrip("/"):
        report.good(f"people sign in at {issuer}")
    else:
        report.bad(f"the issuer calls itself {told}", f"set OIDC_ISSUER={told}")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


async def address(settings: Settings, report: Report) -> None:
    """The public address fits production, has a name that resolves, and leads to this server."""
    url = settings.base_url
    host = urlsplit(url).hostname or ""
    if urlsplit(url).path.strip("/"):
        report.bad(f"{url} is more than an origin", "WEALIST_PUBLIC_URL has no path")
    if settings.production and (host in LOCAL_HOSTS or not url.startswith("https://")):
        report.warn(f"{url} is no public https address", "correct WEALIST_PUBLIC_URL")
    try:
        await asyncio.get_running_loop().getaddrinfo(host, None)
    except OSError as error:
        report.bad(f"{host} has no address here: {error.strerror}", "correct WEALIST_PUBLIC_URL")
        return
    if await _serves(url):
        report.good(f"weAlist answers at {url}")
    else:
        report.warn(
            f"weAlist doesn't answer at {url}",
            "start it (`wealist serve`), or correct WEALIST_PUBLIC_URL or --port",
        )


async def _serves(url: str) -> bool:
    try:
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            answer = await client.get(f"{url}/svc/user/health/live")
            return bool(answer.json() == {"status": "alive"})
    except (httpx.HTTPError, ValueError):
        return False


async def object_store(settings: Settings, report: Report) -> None:
    """A small object goes up, comes back and is deleted, over the address that browsers use."""
    if settings.s3_bucket is None and not await _serves(settings.base_url):
        report.warn(
            f"files in {settings.data_dir / 'objects'}: not tried, uploads go through the server",
            "start `wealist serve` and run doctor beside it",
        )
        return
    where = f"bucket {settings.s3_bucket}" if settings.s3_bucket else "the local object store"
    server_secret.open(settings)
    try:
        await objects.open(settings)
        await objects.store().check()
    except Unavailable as error:
        report.bad(f"{where} doesn't work", error.message)
    else:
        report.good(f"a browser can upload to {where} and read it back")
    finally:
        await objects.close()


async def mail_server(settings: Settings, report: Report) -> None:
    """It lets us in, encrypted and with our password as `SMTP_URL` says; nothing is sent."""
    if settings.smtp_url is None:
        report.good("no mail server: nobody is told anything by e-mail")
        return
    mail.open(settings)
    try:
        await mail.check()
    except Unavailable as error:
        report.bad(error.message, "start the mail server, or correct SMTP_URL")
    else:
        report.good("the mail server lets us in")


CHECKS = (redis_server, token_keys, sign_in, address, object_store, mail_server)

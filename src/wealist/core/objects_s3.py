"""Objects in an S3 bucket (AWS, MinIO and others) through aioboto3."""

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from typing import Any, Self
from urllib.parse import urlsplit

import aioboto3
import structlog
from aiobotocore.config import AioConfig
from aiohttp import ClientError as TransportError
from botocore.exceptions import BotoCoreError, ClientError

from wealist.core import downloads, objects, outgoing, tracing
from wealist.core.errors import NotFound
from wealist.core.objects import Page, Presigned, Stored, StoreUnavailable
from wealist.core.settings import Settings

DELETE_BATCH = 1000  # S3's own limit
CONNECT_SECONDS = 2
ANSWER_SECONDS = 5
TRIES = 2

_REFUSED = {
    "403", "AccessDenied", "AllAccessDisabled", "ExpiredToken", "Forbidden", "InvalidAccessKeyId",
    "InvalidToken", "SignatureDoesNotMatch",
}  # fmt: skip
_ELSEWHERE = {"301", "AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect"}
_MISSING = {"404", "NoSuchKey", "NotFound"}
_METHODS = {"head": "HEAD", "get": "GET", "put": "PUT", "delete": "POST", "list": "GET"}

log = structlog.get_logger("wealist.objects")


class S3Store:
    """An `ObjectStore` over two clients: one for our own calls, one that only signs links.

    Links are signed for `S3_PUBLIC_ENDPOINT`. If that has a path, it belongs to a gateway that
    strips it, so the signature covers the path without it. Without `S3_ENDPOINT` the bucket is on
    AWS and links lead to AWS, whatever CDN stands beside it.
    """

    def __init__(self, settings: Settings, calls: Any, links: Any, stack: AsyncExitStack) -> None:
        self._bucket = settings.s3_bucket
        self._endpoint = settings.s3_endpoint or f"AWS S3 ({settings.s3_region})"
        self._origin, self._path = _public(settings)
        self._calls = calls
        self._links = links
        self._stack = stack

    @classmethod
    async def open(cls, settings: Settings) -> Self:
        """Create the clients, which takes about 0.2 s but no network."""
        assert settings.s3_access_key is not None
        assert settings.s3_secret_key is not None
        session = aioboto3.Session(
            aws_access_key_id=settings.s3_access_key.reveal(),
            aws_secret_access_key=settings.s3_secret_key.reveal(),
            region_name=settings.s3_region,
        )
        config = AioConfig(
            signature_version="s3v4",
            # "auto" would sign for AWS's global host, which answers 307 in other regions.
            s3={"addressing_style": "path" if settings.s3_endpoint else "virtual"},
            connect_timeout=CONNECT_SECONDS,
            read_timeout=ANSWER_SECONDS,
            retries={"total_max_attempts": TRIES, "mode": "standard"},
            max_pool_connections=20,
            # Otherwise links demand a checksum header that browsers don't send.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        async with AsyncExitStack() as stack:
            calls, links = [
                await stack.enter_async_context(
                    session.client("s3", endpoint_url=endpoint, config=config)
                )
                for endpoint in (settings.s3_endpoint, _public(settings)[0])
            ]
            return cls(settings, calls, links, stack.pop_all())

    async def close(self) -> None:
        await self._stack.aclose()

    async def presign_put(
        self, key: str, content_type: str, *, size: int, expires_in: int = 300
    ) -> Presigned:
        # Any parameter that is a header of the request gets signed with it.
        parameters: dict[str, str | int] = {
            "Key": objects.check_key(key),
            "ContentLength": objects.check_size(size),
        }
        if content_type:
            parameters["ContentType"] = objects.check_type(content_type)
        expires_at = int(time.time()) + objects.check_life(expires_in)
        url = await self._sign("put_object", parameters, expires_in)
        return Presigned(url=url, expires_at=expires_at, expires_in=expires_in)

    async def presign_get(
        self,
        key: str,
        *,
        filename: str | None = None,
        inline: bool = False,
        content_type: str | None = None,
        expires_in: int = 300,
    ) -> str:
        parameters: dict[str, str | int] = {
            "Key": objects.check_key(key),
            "ResponseContentDisposition": downloads.disposition(
                filename, inline=inline, content_type=content_type
            ),
        }
        if content_type:
            parameters["ResponseContentType"] = objects.check_type(content_type)
        return await self._sign("get_object", parameters, objects.check_life(expires_in))

    async def _sign(self, operation: str, parameters: dict[str, str | int], expires_in: int) -> str:
        url: str = await self._links.generate_presigned_url(
            operation, Params={"Bucket": self._bucket, **parameters}, ExpiresIn=expires_in
        )
        parts = urlsplit(url)
        return parts._replace(path=self._path + parts.path).geturl()

    async def head(self, key: str) -> Stored | None:
        objects.check_key(key)
        with self._guard("head"):
            try:
                found = await self._calls.head_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if _code(error) in _MISSING:
                    return None
                raise
        return Stored(
            key=key,
            size=found["ContentLength"],
            content_type=found.get("ContentType", ""),
            etag=found["ETag"].strip('"'),
            modified=found["LastModified"],
        )

    async def get(self, key: str) -> bytes:
        return b"".join([piece async for piece in self.stream(key)])

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        objects.check_key(key)
        with self._guard("get"):
            try:
                found = await self._calls.get_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if _code(error) in _MISSING:
                    raise NotFound("no such file") from None
                raise
            body = found["Body"]
            async with body:  # what this yields can't read in pieces
                while data := await body.read(objects.PIECE):
                    yield data

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        objects.check_key(key)
        objects.check_type(content_type)
        with self._guard("put"):
            await self._calls.put_object(
                Bucket=self._bucket, Key=key, Body=data, ContentType=content_type
            )

    async def delete(self, keys: Sequence[str]) -> None:
        names = [{"Key": objects.check_key(key)} for key in keys]
        for start in range(0, len(names), DELETE_BATCH):
            batch = {"Objects": names[start : start + DELETE_BATCH], "Quiet": True}
            with self._guard("delete"):
                answer = await self._calls.delete_objects(Bucket=self._bucket, Delete=batch)
            # The request as a whole succeeds even when single keys fail.
            failed = [one for one in answer.get("Errors", ()) if one.get("Code") not in _MISSING]
            if failed:
                raise self._unavailable("delete", self._advice(failed[0].get("Code", "?")))

    async def list(
        self, prefix: str, *, after: str | None = None, limit: int = objects.PAGE_SIZE
    ) -> Page:
        objects.check_prefix(prefix)
        with self._guard("list"):
            found = await self._calls.list_objects_v2(
                Bucket=self._bucket,
                Prefix=prefix,
                MaxKeys=objects.check_limit(limit),
                **({"StartAfter": after} if after else {}),
            )
        return [
            Stored(
                key=one["Key"],
                size=one["Size"],
                content_type="",
                etag=one["ETag"].strip('"'),
                modified=one["LastModified"],
            )
            for one in found.get("Contents", ())
        ]

    async def check(self) -> None:
        public = f"{self._origin}{self._path}" if self._origin else self._endpoint
        setting = "S3_PUBLIC_ENDPOINT" if self._path or self._origin else "S3_REGION"
        await objects.probe(self, public, setting)

    @contextmanager
    def _guard(self, operation: str) -> Iterator[None]:
        """Turn what the driver raises into `StoreUnavailable`; span and metrics for each call."""
        started = time.perf_counter()
        status: int | None = None
        failure: Exception | None = None
        try:
            with tracing.span(f"objects {operation}", **{"aws.s3.bucket": self._bucket or ""}):
                yield
            status = 200
        except NotFound:
            status = 404
            raise
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
            raise self._unavailable(operation, self._advice(_code(error))) from error
        except (BotoCoreError, TransportError, OSError) as error:
            failure = error
            advice = (
                f"no answer from the object store at {self._endpoint} "
                f"({type(error).__name__}): start it, or correct S3_ENDPOINT"
            )
            raise self._unavailable(operation, advice) from error
        finally:
            outgoing.observe(
                "",
                f"objects.{operation}",
                _METHODS[operation],
                time.perf_counter() - started,
                status=status,
                error=failure,
            )

    def _unavailable(self, operation: str, advice: str) -> StoreUnavailable:
        log.warning("object store unavailable", operation=operation, advice=advice)
        return StoreUnavailable(advice)

    def _advice(self, code: str) -> str:
        if code in _REFUSED:
            return (
                f"the object store refuses our keys ({code}): correct S3_ACCESS_KEY and "
                f"S3_SECRET_KEY, and allow them get, put, delete and list in {self._bucket}"
            )
        if code == "NoSuchBucket":
            return f"there is no bucket {self._bucket}: create it, or correct S3_BUCKET"
        if code in _ELSEWHERE:
            return f"the bucket {self._bucket} is in another region: correct S3_REGION"
        if code == "RequestTimeTooSkewed":
            return "the clocks of this machine and the object store differ: correct them"
        return f"the object store at {self._endpoint} answers {code}: look into its own log"


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "?"))


def _public(settings: Settings) -> tuple[str | None, str]:
    """Origin and path of the address that browsers use; no origin means AWS's own."""
    if settings.s3_endpoint is None:
        return None, ""
    parts = urlsplit(settings.s3_public_endpoint or settings.s3_endpoint)
    return f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")

"""The job that sends web push messages: to all browsers of a person at once."""

import asyncio
import contextlib
from collections.abc import Sequence
from time import monotonic
from urllib.parse import urlsplit

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from wealist.core import metrics, site, vapid
from wealist.core.settings import Settings
from wealist.noti import batches, digests, subscriptions, web_push
from wealist.noti.channels import PUSH
from wealist.noti.delivery_wire import PushMessage
from wealist.noti.digests import Digest
from wealist.noti.subscriptions import Subscriber
from wealist.noti.web_push import Browser, Outcome

_LONGEST_TITLE = 200

_key: EllipticCurvePrivateKey | None = None
_subject = ""
_private = False


def open(settings: Settings) -> None:  # noqa: A001
    """Take the VAPID key from the settings; without one there is no web push."""
    global _key, _subject, _private
    secret = settings.vapid_private_key
    _key = vapid.private_key(secret.reveal()) if secret else None
    _subject, _private = settings.vapid_subject or "", settings.push_private_addresses
    public = vapid.encode(vapid.public_bytes(_key)) if _key else None
    subscriptions.use(public, private=_private)


async def send_due() -> str | None:
    """Send web push messages that are due; the job's sentence.

    Any number of processes may do this at once.
    """
    if _key is None:
        return None
    reached, ends = 0, monotonic() + batches.RUN_SECONDS
    async with contextlib.AsyncExitStack() as stack:
        http = None
        while monotonic() < ends and (taken := await batches.take(PUSH)) is not None:
            if http is None:
                http = await stack.enter_async_context(web_push.client())
            messages, stale = await digests.load(PUSH, taken)
            if stale:
                await batches.drop(PUSH, stale)
            browsers = await subscriptions.of(one.batch.target_id for one in messages)
            pairs = [
                (one, browser)
                for one in messages
                for browser in browsers.get(one.batch.target_id, [])
            ]
            sending = [_send(http, _key, one, browser) for one, browser in pairs]
            outcomes = await asyncio.gather(*sending)
            reached += await _note(messages, pairs, outcomes)
    return f"{reached} push messages sent" if reached else None


async def _send(
    http: httpx.AsyncClient,
    key: EllipticCurvePrivateKey,
    digest: Digest,
    to: Subscriber,
) -> Outcome:
    browser = Browser(to.endpoint, to.p256dh, to.auth)
    authorization = vapid.authorization(to.endpoint, key, _subject)
    return await web_push.send(http, browser, payload(digest), authorization, private=_private)


def payload(digest: Digest) -> bytes:
    """What the browser's service worker gets: the newest notification, and how many there are."""
    newest, count = digest.items[-1], len(digest.items)
    title = newest.title if count == 1 else f"{newest.title} (and {count - 1} more)"
    return msgspec.json.encode(
        PushMessage(
            title if len(title) <= _LONGEST_TITLE else title[: _LONGEST_TITLE - 1] + "…",
            newest.type,
            newest.id,
            newest.workspace_id,
            newest.link if count == 1 else site.address("/"),
            count,
        )
    )


Pairs = Sequence[tuple[Digest, Subscriber]]


async def _note(messages: Sequence[Digest], pairs: Pairs, outcomes: Sequence[Outcome]) -> int:
    """Write down what came of it: whoever was reached anywhere has been told."""
    results = list(zip(pairs, outcomes, strict=True))
    if results:
        await subscriptions.note(
            reached=[to.id for (_, to), outcome in results if outcome == "accepted"],
            missed=[to.id for (_, to), outcome in results if outcome in ("later", "refused")],
            gone=[to.id for (_, to), outcome in results if outcome == "gone"],
        )
    for digest in messages:
        mine = {
            outcome: urlsplit(to.endpoint).hostname or ""
            for (one, to), outcome in results
            if one is digest
        }
        await _finish(digest, mine)
    reached = sum(outcome == "accepted" for outcome in outcomes)
    metrics.count("noti_service_pushes_sent_total", reached)
    metrics.count("noti_service_pushes_failed_total", len(outcomes) - reached)
    return reached


async def _finish(digest: Digest, outcomes: dict[Outcome, str]) -> None:
    """`outcomes` has a push service for each outcome that there was."""
    if "accepted" in outcomes:
        await batches.sent(PUSH, digest.batch)
    elif "later" in outcomes:
        await batches.again(PUSH, digest.batch, f"{outcomes['later']} can't take it now")
    elif "refused" in outcomes:
        await batches.failed(PUSH, digest.batch, f"{outcomes['refused']} refuses it")
    else:  # no browser is left
        await batches.drop(PUSH, digest.batch.notification_ids)

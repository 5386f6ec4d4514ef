"""The job that sends e-mail: one message a person and digest, over one connection a run.

Delivery is at least once, as with every use of SMTP: a crash between the server's 250 and our
note of it repeats the message, under the same Message-ID.
"""

import asyncio
from email.utils import parseaddr
from time import monotonic
from urllib.parse import urlsplit

import structlog
from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from wealist.core import metrics, smtp_url
from wealist.core.errors import Unavailable
from wealist.core.settings import Settings
from wealist.core.smtp_url import SmtpServer
from wealist.noti import batches, channels, digests
from wealist.noti.batches import Batch
from wealist.noti.channels import EMAIL
from wealist.noti.digests import Digest
from wealist.noti.letters import letter

SECONDS = 20.0
"""How long the server may take for each step of a message."""

_server: SmtpServer | None = None
_sender = ""
_name = "localhost"

log = structlog.get_logger("wealist.noti")


def open(settings: Settings) -> None:  # noqa: A001
    """Take the mail server from the settings; without one no e-mail is planned or sent."""
    global _server, _sender, _name
    _server = smtp_url.parse(settings.smtp_url.reveal()) if settings.smtp_url else None
    _sender = settings.mail_from or ""
    _name = urlsplit(settings.base_url).hostname or "localhost"
    channels.use(EMAIL, configured=_server is not None)


async def send_due() -> str | None:
    """Send e-mail that is due, one message a person; the job's sentence.

    Any number of processes may do this at once. Raises `Unavailable` when the server can't be
    reached or wants none of our mail: everything waits then, and no attempt counts.
    """
    if _server is None:
        return None
    smtp: SMTP | None = None
    sent, ends = 0, monotonic() + batches.RUN_SECONDS
    try:
        while monotonic() < ends and (taken := await batches.take(EMAIL)) is not None:
            until = monotonic() + batches.HELD.total_seconds() / 2
            letters, stale = await digests.load(EMAIL, taken)
            if stale:
                await batches.drop(EMAIL, stale)
            while letters:
                try:
                    if smtp is None or not smtp.is_connected:
                        smtp = await _connect(_server)
                    if monotonic() > until:  # a slow server: these may be somebody else's soon
                        await batches.release(EMAIL, [left.batch for left in letters])
                        break
                    digest = letters.pop(0)
                    sent += await _send(smtp, digest)
                except Unavailable:
                    await batches.release(EMAIL, [left.batch for left in letters])
                    raise
    finally:
        if smtp is not None:
            await _leave(smtp)
    return f"{sent} mails sent" if sent else None


async def check() -> None:
    """Connect as for sending, and leave. Raises `Unavailable` whose message says what is wrong."""
    if _server is not None:
        await _leave(await _connect(_server))


async def _connect(server: SmtpServer) -> SMTP:
    """A connection, encrypted and signed in as the operator wants it. Raises `Unavailable`."""
    smtp = SMTP(
        hostname=server.host,
        port=server.port,
        username=server.user,
        password=server.password.reveal() if server.password else None,
        use_tls=server.tls,
        start_tls=server.starttls,
        local_hostname=_name,
        timeout=SECONDS,
    )
    try:
        await smtp.connect()
    except SMTPAuthenticationError as error:
        smtp.close()
        raise Unavailable(f"the mail server refuses our password ({error.code})") from error
    except (SMTPException, OSError) as error:
        smtp.close()
        raise Unavailable(f"the mail server can't be used: {_plain(error)}") from error
    return smtp


async def _send(smtp: SMTP, digest: Digest) -> bool:
    """Send one message and note what came of it; whether it was accepted."""
    batch = digest.batch
    try:
        message = letter(digest, _sender)
    except Exception as error:  # whatever is in somebody's data, all others get their mail
        log.error("mail can't be written", user_id=str(batch.target_id), exc_info=error)
        return await _refused(batch, None, "it can't be written")
    try:
        sender = parseaddr(_sender)[1]
        await smtp.send_message(message, sender=sender, recipients=[digest.address])
    except SMTPRecipientsRefused as error:
        return await _refused(batch, error.recipients[0].code, error.recipients[0].message)
    except SMTPSenderRefused as error:
        await batches.release(EMAIL, [batch])
        raise Unavailable(f"the mail server refuses our sender: {_plain(error)}") from error
    except SMTPResponseException as error:
        if error.code == 421:  # it wants us to leave
            await batches.release(EMAIL, [batch])
            raise Unavailable(f"the mail server is busy: {_plain(error)}") from error
        return await _refused(batch, error.code, error.message)
    except (SMTPException, OSError) as error:
        if smtp.is_connected and not isinstance(error, TimeoutError):
            return await _refused(batch, None, _plain(error))  # an address that it can't handle
        if not await batches.again(EMAIL, batch, _plain(error), unclear=True):
            metrics.count("noti_service_mails_failed_total")
        raise Unavailable(f"the mail server has hung up: {_plain(error)}") from error
    except ValueError as error:
        smtp.close()  # who knows how far it got
        return await _refused(batch, None, str(error))
    await batches.sent(EMAIL, batch)
    metrics.count("noti_service_mails_sent_total")
    return True


async def _refused(batch: Batch, code: int | None, said: str) -> bool:
    """The server (or without a code we ourselves) won't send this message; for good, or unless it
    is tried often enough. Other messages are not concerned. Always False: it wasn't sent."""
    problem = digests.one_line(f"{code or ''} {said}")[:500]
    if code is None or code >= 500:
        await batches.failed(EMAIL, batch, problem)
    elif await batches.again(EMAIL, batch, problem):
        return False
    metrics.count("noti_service_mails_failed_total")
    log.warning("mail refused", user_id=str(batch.target_id), code=code, attempts=batch.attempts)
    return False


async def _leave(smtp: SMTP) -> None:
    try:
        async with asyncio.timeout(5):
            await smtp.quit()
    except (SMTPException, OSError):
        smtp.close()


def _plain(error: BaseException) -> str:
    """What went wrong in one line; the classes of this library are no news to anybody."""
    return digests.one_line(str(getattr(error, "message", "") or error or type(error).__name__))

"""A real mail server in a process of its own, that keeps what it gets in a folder.

Its answer depends on the recipient: `refused…` is unknown (550), `busy…` isn't available now (451),
`slow…` makes it hang up in the middle of the message. Run by `mail_server`.
"""

import asyncio
import contextlib
import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, NamedTuple, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from tests.core.object_peers import free_port, wait_for_port

USER, PASSWORD = "wealist", "a:secret/with@signs"


class _Keeper:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("refused"):
            return "550 5.1.1 nobody of this name"
        if address.startswith("busy"):
            return "451 4.3.0 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        about = {
            "sender": envelope.mail_from,
            "recipients": envelope.rcpt_tos,
            "tls": session.ssl is not None,
            "user": (session.auth_data or b"").decode(),
        }
        name = f"{len(list(self.folder.glob('*.eml'))):04}"
        (self.folder / f"{name}.json").write_text(json.dumps(about))
        (self.folder / f"{name}.eml").write_bytes(cast(bytes, envelope.original_content))
        if any(address.startswith("slow") for address in envelope.rcpt_tos):
            assert server.transport is not None
            server.transport.abort()  # it has the message, but never says so
            await asyncio.sleep(1)
        return "250 kept"


def _authenticate(
    server: Any, session: Any, envelope: Any, mechanism: str, data: Any
) -> AuthResult:
    ok = (data.login.decode(), data.password.decode()) == (USER, PASSWORD)
    return AuthResult(success=ok, handled=False, auth_data=data.login)


def main(folder: str, port: str, certificate: str) -> None:
    """Serve until the standard input ends, so that it can't outlive a killed test run."""
    options: dict[str, Any] = {}
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        options = {
            "tls_context": context,
            "require_starttls": True,
            "authenticator": _authenticate,
            "auth_required": True,
        }
    controller = Controller(_Keeper(Path(folder)), hostname="127.0.0.1", port=int(port), **options)
    controller.start()
    threading.Event().wait() if sys.stdin is None else sys.stdin.read()
    controller.stop()


class Mail(NamedTuple):
    """A message as the server got it."""

    sender: str
    recipients: list[str]
    tls: bool
    user: str
    message: EmailMessage
    raw: str

    def text(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        assert part is not None
        return str(part.get_content())


class MailServer:
    """The server as a test sees it."""

    def __init__(self, folder: Path, certificate: Path | None = None) -> None:
        self.folder, self.certificate = folder, certificate
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", __name__, self.folder, str(self.port), self.certificate or ""],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        wait_for_port(self.process, self.port)

    def stop(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()
            assert process.stdin is not None
            process.stdin.close()

    def mails(self) -> list[Mail]:
        """All that it has got, in order."""
        found = []
        for path in sorted(self.folder.glob("*.eml")):
            content = path.read_bytes()
            message = message_from_bytes(content, policy=default)
            about = json.loads(path.with_suffix(".json").read_text())
            raw = content.decode("ascii", "replace")
            found.append(Mail(**about, message=cast(EmailMessage, message), raw=raw))
        return found


@contextlib.contextmanager
def mail_server(folder: Path, certificate: Path | None = None) -> Iterator[MailServer]:
    """A mail server that runs; with a certificate one that wants STARTTLS and a password."""
    server = MailServer(folder, certificate)
    server.start()
    try:
        yield server
    finally:
        server.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])

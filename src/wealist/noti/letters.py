"""A digest as an e-mail: text and HTML that say the same, nothing from elsewhere, one-click
unsubscribe (RFC 8058)."""

from collections.abc import Iterator
from email.headerregistry import BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage, Message
from email.policy import SMTP, Policy
from email.utils import format_datetime, parseaddr
from html import escape
from itertools import groupby
from uuid import UUID

from wealist.core.wire import now
from wealist.noti import unsubscribe
from wealist.noti.digests import Digest, Item

SHOWN = 50
"""Notifications that a message lists; of the others it says how many there are."""

_LONGEST_SUBJECT = 150


class _Verbatim(UnstructuredHeader, BaseHeader):
    """A header that stays on one line: a long link or id would be cut into encoded words, which no
    mail program understands there."""

    def fold(self, *, policy: "Policy[Message[str, str]]") -> str:
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
for _name in ("list-unsubscribe", "message-id"):
    _HEADERS.map_to_type(_name, _Verbatim)
_POLICY = SMTP.clone(header_factory=_HEADERS)

_HTML = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{subject}</title>
</head>
<body style="margin:0;padding:16px;font:16px/1.5 system-ui,sans-serif">
<div style="max-width:560px;margin:0 auto">
{body}
<hr style="border:0;border-top:1px solid #888;margin:24px 0 12px">
<p style="font-size:13px;margin:0">{footer}</p>
</div>
</body>
</html>
"""


def subject(items: list[Item]) -> str:
    """The title of a single notification; else how many there are, and where."""
    if len(items) == 1:
        title, workspace = items[0].title, items[0].workspace
        return _cut(title if workspace in title else f"{title} · {workspace}")
    names = list(dict.fromkeys(item.workspace_id for item in items))
    where = next(item.workspace for item in items if item.workspace_id == names[0])
    more = len(names) - 1
    also = f" and {more} other workspace{'s' if more > 1 else ''}" if more else ""
    return f"{len(items)} new in {_cut(where)}{also}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SUBJECT else text[: _LONGEST_SUBJECT - 1] + "…"


def letter(digest: Digest, sender: str) -> EmailMessage:
    """The message. Its id is made of the batch's, so that a repeat is recognised.

    Raises ValueError for an address that no mail can be sent to.
    """
    stop = unsubscribe.address(digest.batch.target_id)
    message = EmailMessage(policy=_POLICY)
    message["From"] = sender
    message["To"] = digest.address
    message["Subject"] = subject(digest.items)
    message["Date"] = format_datetime(now())
    domain = parseaddr(sender)[1].rpartition("@")[2]
    message["Message-ID"] = f"<{digest.batch.id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["List-Unsubscribe"] = f"<{stop}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    groups = _grouped(digest.items)
    hidden = max(0, len(digest.items) - SHOWN)
    message.set_content(_text(digest, groups, hidden, stop))
    message.add_alternative(_html(digest, groups, hidden, stop), subtype="html")
    return message


Groups = list[tuple[UUID, str, list[tuple[str, list[Item]]]]]


def _grouped(items: list[Item]) -> Groups:
    """The newest that fit, by workspace and project; both in the order of their names."""
    newest = sorted(
        items[-SHOWN:], key=lambda item: (item.workspace, item.workspace_id, item.project, item.at)
    )
    return [
        (place[1], place[0], [(name, list(found)) for name, found in groupby(rows, _project)])
        for place, rows in groupby(newest, lambda item: (item.workspace, item.workspace_id))
    ]


def _project(item: Item) -> str:
    return item.project


def _text(digest: Digest, groups: Groups, hidden: int, stop: str) -> str:
    def lines() -> Iterator[str]:
        for _, workspace, projects in groups:
            yield from (workspace, "=" * min(len(workspace), 70), "")
            for project, items in projects:
                if project:
                    yield from (project, "-" * min(len(project), 70))
                for item in items:
                    yield from (f"* {item.title}", f"  {item.link}")
                yield ""
        if hidden:
            yield from (f"… and {hidden} older ones.", "")
        yield "-- "
        yield f"You get this as {digest.address}. No more e-mail:"
        yield stop
        for workspace_id, workspace, _ in groups:
            yield f"No more e-mail from {workspace}:"
            yield unsubscribe.address(digest.batch.target_id, workspace_id)

    return "\n".join(lines()) + "\n"


def _html(digest: Digest, groups: Groups, hidden: int, stop: str) -> str:
    def lines() -> Iterator[str]:
        for _, workspace, projects in groups:
            yield f'<h1 style="font-size:20px;margin:16px 0 4px">{escape(workspace)}</h1>'
            for project, items in projects:
                if project:
                    yield f'<h2 style="font-size:15px;margin:12px 0 0">{escape(project)}</h2>'
                yield '<ul style="margin:4px 0;padding-left:20px">'
                yield from (
                    f'<li style="margin:6px 0"><a href="{escape(item.link)}">'
                    f"{escape(item.title)}</a></li>"
                    for item in items
                )
                yield "</ul>"
        if hidden:
            yield f"<p>… and {hidden} older ones.</p>"

    stops = [f'<a href="{escape(stop)}">No more e-mail</a>']
    for workspace_id, workspace, _ in groups:
        address = unsubscribe.address(digest.batch.target_id, workspace_id)
        stops.append(f'<a href="{escape(address)}">none from {escape(workspace)}</a>')
    return _HTML.format(
        subject=escape(subject(digest.items)),
        body="\n".join(lines()),
        footer=f"You get this as {escape(digest.address)}. {' · '.join(stops)}",
    )

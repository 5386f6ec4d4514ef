"""The page behind the link at the end of an e-mail: one button, no script, works on a phone."""

import base64
import hashlib
from html import escape

_STYLE = """
:root { color-scheme: light dark; font: 1.0625rem/1.5 system-ui, sans-serif }
body { margin: 0; min-height: 100vh; display: grid; place-items: center }
main { box-sizing: border-box; width: min(28rem, 100%); padding: 1.5rem }
h1 { font-size: 1.5rem; margin: 0 0 .5rem }
button { box-sizing: border-box; width: 100%; font: inherit; font-weight: 600; margin-top: 1rem;
  padding: .6rem .75rem; min-height: 2.9rem; border: 0; border-radius: .4rem; background: #1d4ed8;
  color: #fff }
:focus-visible { outline: 3px solid #f59e0b; outline-offset: 2px }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS = {
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex",
}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>E-mail · weAlist</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""


def _page(title: str, body: str) -> str:
    return _PAGE.format(style=_STYLE, title=escape(title), body=body)


def question(what: str) -> str:
    """Asks whether to end `what`; mail scanners follow links, so a GET changes nothing.

    The form goes to the address of the page itself, so that the token stands in no other place.
    """
    return _page(
        "Stop these e-mails?",
        f'<p>You won’t get {escape(what)} any more.</p>\n<form method="post">'
        '<button type="submit" name="List-Unsubscribe" value="One-Click">Stop them</button></form>',
    )


def done(what: str) -> str:
    """Says that it has ended, and how it comes back."""
    return _page(
        "Done",
        f"<p>You won’t get {escape(what)} any more. What you are told inside weAlist stays as it"
        " is, and you can switch e-mail on again in your notification settings.</p>",
    )


def unknown(problem: str) -> str:
    """Says that the link can't be used."""
    return _page(
        "This link doesn’t work",
        f"<p>{escape(problem[:1].upper() + problem[1:])}. Please open it directly from the"
        " e-mail.</p>",
    )

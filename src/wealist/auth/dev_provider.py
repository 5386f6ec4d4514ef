"""Sign-in without a provider, in development only: a page that asks for a name and an address.

What it asks goes into a code that comes back through the same callback, with the same state, as
a provider's code does. Whoever can reach the server can be anybody.
"""

import base64
import hashlib
from html import escape

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from msgspec import Struct

from wealist.auth.failures import SignInError
from wealist.auth.identities import Identity
from wealist.auth.states import Pending
from wealist.core import server_secret
from wealist.core.errors import Invalid
from wealist.core.text import required
from wealist.core.wire import Email

CODE_SECONDS = 60
NAME = 100

_STYLE = """
:root { color-scheme: light dark; font: 1.0625rem/1.5 system-ui, sans-serif }
body { margin: 0; min-height: 100vh; display: grid; place-items: center }
main { box-sizing: border-box; width: min(24rem, 100%); padding: 1.5rem }
h1 { font-size: 1.5rem; margin: 0 0 .25rem }
label { display: block; margin-top: 1rem; font-weight: 600 }
input, button { box-sizing: border-box; width: 100%; font: inherit; padding: .6rem .75rem;
  border: 1px solid #767676; border-radius: .4rem; min-height: 2.9rem }
button { margin-top: 1.5rem; border: 0; background: #1d4ed8; color: #fff; font-weight: 600 }
:focus-visible { outline: 3px solid #f59e0b; outline-offset: 2px }
.error { border-left: .25rem solid #dc2626; padding: .25rem .75rem; margin: 1rem 0 0 }
.note { opacity: .8; font-size: .9rem; margin: 1.5rem 0 0 }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in · weAlist</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>Sign in to weAlist</h1>
{problem}
<form method="post" action="/svc/auth/oauth2/dev/sign-in">
<input type="hidden" name="state" value="{state}">
<label for="name">Name</label>
<input id="name" name="name" autocomplete="name" required maxlength="100" value="{name}" autofocus>
<label for="email">E-mail</label>
<input id="email" name="email" type="email" autocomplete="email" required maxlength="254"
 value="{email}">
<button type="submit">Sign in</button>
</form>
<p class="note">Development sign-in: no password, nothing is sent by mail. Whoever can reach this
server can sign in as anybody. It ends when a provider is configured.</p>
</main>
</body>
</html>
"""


class _Code(Struct, frozen=True):
    state: str
    email: str
    name: str


def page(pending: Pending, *, name: str = "", email: str = "", problem: str | None = None) -> str:
    """The form, filled with what was typed before if there was a `problem` with it."""
    shown = f'<p class="error" role="alert">{escape(problem)}</p>' if problem else ""
    return _PAGE.format(
        style=_STYLE,
        state=escape(pending.state),
        name=escape(name),
        email=escape(email),
        problem=shown,
    )


def policy(target: str) -> str:
    """The page's Content-Security-Policy.

    Chrome applies `form-action` to the redirects after the form too, so the sign-in's target
    (a source expression, see `targets.csp_source`) is one.
    """
    return (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self' {target}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def code(pending: Pending, *, name: str, email: str) -> str:
    """A code for who was typed in, good for this sign-in only. Raises `Invalid` for bad input."""
    name = required(name, field="name", limit=NAME)
    try:
        email = msgspec.convert(email.strip(), Email)
    except msgspec.ValidationError:
        raise Invalid("must be an e-mail address", field="email") from None
    content = msgspec.json.encode(_Code(pending.state, email, name))
    return _box().encrypt(content).decode()


def identify(given: str, pending: Pending) -> Identity:
    """Who a code stands for. Raises `SignInError` for one that is forged, old or another's."""
    try:
        content = _box().decrypt(given.encode("utf-8", "replace"), ttl=CODE_SECONDS)
        found = msgspec.json.decode(content, type=_Code)
    except (InvalidToken, msgspec.MsgspecError):
        raise SignInError("token_exchange_failed", "this sign-in is not valid any more") from None
    if found.state != pending.state:
        raise SignInError("token_exchange_failed", "this sign-in was another one's")
    return Identity("dev", found.email.lower(), found.email, found.name)


def _box() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(server_secret.derive(b"development sign-in code")))

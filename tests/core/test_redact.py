"""Text made to be slow to search is searched quickly, and secrets are found in it."""

import time

import pytest

from wealist.core import redact
from wealist.core.redact import HIDDEN

SIZE = 16 << 10
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"

SLOW = {
    "a header's name": "x-a" * SIZE,
    "a header's name in words": "x-a-" * SIZE,
    "one long word of a header": "x-" + "a" * SIZE,
    "beginnings of tokens": "eyJaaaa" * SIZE,
    "beginnings of tokens with dashes": "-eyJaaaa" * SIZE,
    "one long token": "eyJ" + "a" * SIZE,
    "dots": "eyJaaaa." * SIZE,
    "keys": "-----BEGIN PRIVATE KEY" * SIZE,
    "ends of keys": "-----BEGIN PRIVATE KEY-----" + "-----END " * SIZE,
    "passwords": "://a:" * SIZE,
    "space": "cookie" + " " * SIZE,
}


@pytest.mark.parametrize("name", SLOW)
def test_no_text_takes_long(name: str) -> None:
    text = SLOW[name][:SIZE]
    redact.text("x-a")
    started = time.process_time()
    redact.text(text)
    redact.target(text)
    redact.query(b"a=" + text.encode())
    assert time.process_time() - started < 0.05


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (TOKEN, HIDDEN),
        (f"to=%2Fx%3Ftoken%3D{TOKEN}", f"to=%2Fx%3Ftoken%3D{HIDDEN}"),
        (f"the token_{TOKEN}!", f"the token_{HIDDEN}!"),
        (f"\\r\\n{TOKEN}", f"\\r\\n{HIDDEN}"),
        (f"eyJ.eyJaaa {TOKEN}, {TOKEN}", f"eyJ.eyJaaa {HIDDEN}, {HIDDEN}"),
        ("eyJaaaa" * 20 + ".x", HIDDEN),
        ("x-api-key: s3cr3t", f"x-api-key: {HIDDEN}"),
        ("x-internal-api-key: s3cr3t", f"x-internal-api-key: {HIDDEN}"),
        ("X-A-B-C-D-E-F-Secret: s3cr3t", f"X-A-B-C-D-E-F-Secret: {HIDDEN}"),
        ("x-axle: of a car", "x-axle: of a car"),
    ],
)
def test_secrets_are_still_found(text: str, shown: str) -> None:
    assert redact.text(text) == shown


def test_a_long_query_is_cut_and_keeps_no_secret() -> None:
    shown = redact.query(b"a=" + b"x" * 5000 + b"&token=s3cr3t")
    assert len(shown) == redact.LONGEST_QUERY
    assert redact.query(b"token=" + b"s" * 5000) == f"token={HIDDEN}"

"""Bad input gets the contract's error and changes nothing."""

import contextlib
import json
import time
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from urllib.parse import quote
from uuid import UUID

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.people import NIL, Server
from wealist import app
from wealist.core import access, body, db
from wealist.core.errors import Invalid
from wealist.user import wire

CREATE = "/svc/user/api/workspaces/create"

BODIES = {
    "empty": b"",
    "blank": b"  \n",
    "no json": b"{",
    "half a surrogate": b'{"workspaceName": "\\ud800"}',
    "a lone low surrogate": b'{"workspaceName": "a\\udc00"}',
    "NUL": b'{"workspaceName": "a\\u0000b"}',
    "NUL in an unknown member": b'{"workspaceName": "ok", "x": ["\\u0000"]}',
    "a raw NUL": b'{"workspaceName": "a\x00b"}',
    "not UTF-8": b'{"workspaceName": "\xff\xfe"}',
    "a list": b"[]",
    "a string": b'"x"',
    "null": b"null",
    "a number": b"1",
    "too deep": b"[" * 100_000,
    "NaN": b'{"workspaceName": NaN}',
    "a huge number": b'{"workspaceName": 1' + b"0" * 5000 + b"}",
}


async def untouched() -> int:
    top: int = await db.fetch_value("SELECT coalesce(sum(top), 0)::bigint FROM core.channel")
    return top


@pytest.mark.parametrize("name", BODIES)
async def test_an_unusable_body_is_a_validation_error(server: Server, name: str) -> None:
    ann = await server.person("Ann")
    before = await untouched()
    answer = await ann.post(
        CREATE, content=BODIES[name], headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "VALIDATION_ERROR"
    assert answer.json()["error"]["message"]
    assert await untouched() == before


async def test_who_asks_is_checked_before_what_and_where_before_the_body(
    server: Server, client: httpx.AsyncClient
) -> None:
    ann = await server.person("Ann")
    path = "/svc/user/api/workspaces/nonsense/members/invite"
    assert (await client.post(path, content=b"{")).status_code == 401
    assert (await ann.post(path, content=b"{")).json()["error"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "x"])
async def test_the_content_type_is_not_looked_at(server: Server, kind: str) -> None:
    ann = await server.person("Ann")
    answer = await ann.post(
        CREATE, content=b'{"workspaceName": "One"}', headers={"Content-Type": kind}
    )
    assert answer.status_code == 201


async def test_names_may_differ_in_case_and_unknown_ones_are_ignored(server: Server) -> None:
    ann = await server.person("Ann")
    answer = await ann.post(
        CREATE, json={"WORKSPACENAME": "One", "IsPublic": False, "colour": {"a": [1]}}
    )
    assert (answer.status_code, answer.json()["isPublic"]) == (201, False)


async def test_ten_megabytes_are_too_large(server: Server) -> None:
    ann = await server.person("Ann")
    answer = await ann.post(CREATE, json={"workspaceName": "x" * (10 << 20)})
    assert answer.status_code == 413
    assert answer.json()["error"]["message"]


async def test_unknown_addresses_and_methods_answer_in_the_services_envelope(
    server: Server, client: httpx.AsyncClient
) -> None:
    ann = await server.person("Ann")
    for path in ("/svc/user/api/nothing", "/api/svc/user/nothing", "/svc/user"):
        answer = await ann.get(path)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "NOT_FOUND"
    wrong = await ann.post("/svc/user/api/users/me", json={})
    assert wrong.status_code == 405
    assert wrong.json()["error"]["code"] == "METHOD_NOT_ALLOWED"
    assert "GET" in wrong.headers["allow"]
    auth = await client.get("/svc/auth/nothing")
    assert auth.status_code == 404
    assert auth.json().keys() == {"code", "message"}


@pytest.mark.parametrize("path", ["/svc/user/api/workspaces/public/a%00b", "/svc/user/%00"])
async def test_a_nul_in_the_address_is_a_bad_request(server: Server, path: str) -> None:
    ann = await server.person("Ann")
    answer = await ann.get(path)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "BAD_REQUEST"


def parameters() -> Iterator[Any]:
    for name, kind in vars(wire).items():
        if isinstance(kind, type) and issubclass(kind, wire.Wire) and kind is not wire.Wire:
            yield pytest.param(kind, id=name)


def decode_or_refuse(raw: bytes, kind: Any) -> None:
    """Anything but a value or `Invalid` fails the test."""
    with contextlib.suppress(Invalid):
        assert isinstance(body.decode(raw, kind), kind)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("kind", list(parameters()))
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_decoding_anything_gives_a_value_or_a_clear_error(kind: Any, data: Any) -> None:
    names = st.sampled_from(kind.__struct_encode_fields__) | st.text()
    value = data.draw(st.dictionaries(names, JSON, max_size=6) | JSON)
    decode_or_refuse(msgspec.json.encode(value), kind)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(raw=st.binary(max_size=200))
def test_decoding_any_bytes_never_fails_otherwise(raw: bytes) -> None:
    decode_or_refuse(raw, wire.NewWorkspace)


NASTY = ["%", "a/b", "..", "'; DROP TABLE x; --", "\u202e", "𝕏" * 40, "0", "null", "😀"]


async def test_nasty_text_in_every_place_of_every_path_is_never_our_failure(
    server: Server,
) -> None:
    ann = await server.person("Ann")
    headers = {"X-Workspace-Id": NIL, "If-Match": '"7"'}
    for route in access.routes(app.create_app(server.settings)):
        if "{" not in route.path or route.access in ("internal", "signed"):
            continue
        for text in NASTY:
            path = "/".join(
                quote(text, safe="") if part.startswith("{") else part
                for part in route.path.split("/")
            )
            answer = await ann.http.request(route.method, path, json={"name": "%"}, headers=headers)
            assert answer.status_code < 500, (route.method, path, answer.text)


def test_a_nul_is_found_in_a_large_body_without_holding_everybody_up() -> None:
    harmless = b'{"' + b"k" * 520_000 + b'": [' + b"0," * 200_000 + b'"\\\\u0000"]}'
    started = time.perf_counter()
    with pytest.raises(Invalid, match="workspaceName"):
        body.decode(harmless, wire.NewWorkspace)
    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize("depth", [100, 700, 900, 950, 970, 990, 1010, 5000])
def test_nesting_is_refused_or_read_but_never_our_failure(depth: int) -> None:
    nested = b'{"workspaceName": "x", "y": ' + b"[" * depth + b'"\\u0000"' + b"]" * depth + b"}"
    with pytest.raises(Invalid):
        body.decode(nested, wire.NewWorkspace)


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b'{"email": 5}', "email: expected text, got a whole number"),
        (b'{"email": "a@b.cc", "roleName": 1}', "roleName: expected text or null"),
        (b'{"email": "nobody"}', "email: must be an e-mail address"),
        (b'{"email": "a@b.cc\\n\\u200bx"}', "email: must be an e-mail address"),
        (b"{}", "email: is required"),
    ],
)
def test_messages_are_in_words(raw: bytes, told: str) -> None:
    with pytest.raises(Invalid) as caught:
        body.decode(raw, wire.Invitation)
    assert caught.value.message.startswith(told)


def test_space_around_an_address_is_no_part_of_it() -> None:
    assert body.decode(b'{"email": " a@b.cc\\n"}', wire.Invitation).email == "a@b.cc"


def test_lengths_and_ids_are_told_in_words() -> None:
    with pytest.raises(Invalid, match="fileName: must have at most 255 characters"):
        body.decode(
            b'{"fileName": "' + b"x" * 256 + b'", "contentType": "a/b", "fileSize": 1}',
            wire.ImageRequest,
        )
    with pytest.raises(Invalid, match="attachmentId: must be a UUID"):
        body.decode(b'{"attachmentId": "x"}', wire.ImageChoice)


class Several(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Members of all kinds that have a length, or accept only some words."""

    ids: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=50)] | None = None
    names: Annotated[dict[str, int], msgspec.Meta(max_length=1)] | None = None
    raw: Annotated[bytes, msgspec.Meta(max_length=3)] = b""
    letter: Annotated[str, msgspec.Meta(max_length=1)] = "a"
    word: Literal["yes", "no"] = "yes"
    digit: Literal[1, 2] = 1
    by_id: dict[UUID, int] = {}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"ids": []}, "ids: must have at least 1 item"),
        ({"ids": [NIL] * 51}, "ids: must have at most 50 items"),
        ({"names": {"a": 1, "b": 2}}, "names: must have at most 1 item"),
        ({"raw": "AAAAAAAA"}, "raw: must have at most 3 bytes"),
        ({"letter": "ab"}, "letter: must have at most 1 character"),
        ({"by_id": {"x": 1}}, "by_id: must be a UUID"),
        ({"word": "maybe"}, "word: is none of the accepted words ('maybe')"),
        ({"word": "x - at `$.ids`"}, "word: is none of the accepted words ('x - at `$.ids`')"),
        ({"word": "x" * 100}, f"word: is none of the accepted words ('{'x' * 100}')"),
        ({"word": "x" * 101}, f"word: is none of the accepted words ('{'x' * 100}…')"),
        ({"word": "'`" * 999}, 'word: is none of the accepted words ("' + "'`" * 50 + '…")'),
        ({"digit": int("9" * 400)}, f"digit: is none of the accepted words ({'9' * 100}…)"),
        ({"k" * 9999: 1}, f"object contains unknown field `{'k' * 100}…`"),
        ({"k" * 9999: "\0"}, f"{'k' * 100}: must not contain a NUL character"),
    ],
)
def test_messages_count_what_there_is_and_quote_little(given: Any, told: str) -> None:
    with pytest.raises(Invalid) as caught:
        body.decode(json.dumps(given).encode(), Several)
    assert caught.value.message == told


@pytest.mark.parametrize("start", ["", "Invalid enum value ", "Invalid enum value '"])
def test_a_message_is_shortened_in_time_whatever_it_quotes(start: str) -> None:
    started = time.perf_counter()
    for text in ("'", "`", "'`\"", "1", "\n"):
        body.without_echo(start + text * 300_000)
    assert time.perf_counter() - started < 0.5

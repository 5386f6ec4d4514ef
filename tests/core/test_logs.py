"""Log lines: JSON, one an event, with the request's id and without anybody's secrets."""

import asyncio
import io
import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import msgspec
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from wealist.core import logs, redact
from wealist.core.context import Context, current
from wealist.core.settings import Settings

JWT = (
    "eyJhbGciOiJSUzI1NiIsImtpZCI6IndlYWxpc3QtYXV0aC1rZXktMSJ9"
    ".eyJzdWIiOiIwMTkwYTBiMC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDEifQ.c2lnbmF0dXJl-_x"
)


class Lines(io.BytesIO):
    """A stream that gives back what was logged."""

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]

    def last(self) -> dict[str, Any]:
        return self.all()[-1]


@pytest.fixture
def lines() -> Iterator[Lines]:
    stream = Lines()
    logs.configure(Settings(log_level="debug"), stream=stream)
    yield stream
    logs.configure(Settings(log_level="error"))


def test_a_line_has_the_fields_that_log_shippers_expect(lines: Lines) -> None:
    logs.get("wealist.board").info("board moved", board="7")
    line = lines.last()
    assert line.keys() == {"timestamp", "level", "logger", "message", "service", "board"}
    assert line["timestamp"].endswith("Z")
    assert (line["level"], line["logger"]) == ("info", "wealist.board")
    assert (line["message"], line["service"]) == ("board moved", "wealist")


@pytest.mark.parametrize(
    ("method", "level"),
    [("debug", "debug"), ("info", "info"), ("warning", "warn"), ("error", "error")],
)
def test_levels_have_the_contracts_names(lines: Lines, method: str, level: str) -> None:
    getattr(logs.logger, method)("x")
    assert lines.last()["level"] == level


@pytest.mark.parametrize(
    ("level", "written"), [("debug", 4), ("info", 3), ("warn", 2), ("error", 1)]
)
def test_the_level_is_configurable_even_after_the_first_line(level: Any, written: int) -> None:
    stream = Lines()
    log = structlog.get_logger("wealist.test")
    log.debug("before")
    logs.configure(Settings(log_level=level), stream=stream)
    for method in ("debug", "info", "warning", "error"):
        getattr(log, method)("x")
    assert len(stream.all()) == written


async def test_every_line_of_a_request_carries_its_id_also_from_its_tasks(lines: Lines) -> None:
    async def later() -> None:
        await asyncio.sleep(0)
        logs.logger.info("from a task")

    token = current.set(Context("req-1", "user", trace_id="ab" * 16, span_id="cd" * 8))
    try:
        logs.logger.info("from the handler")
        task = asyncio.create_task(later())
    finally:
        current.reset(token)
    await task
    logs.logger.info("outside")
    handler, from_task, outside = lines.all()
    assert handler["request_id"] == from_task["request_id"] == "req-1"
    assert handler["service"] == "user-service"
    assert (handler["trace_id"], handler["span_id"]) == ("ab" * 16, "cd" * 8)
    assert "request_id" not in outside


def test_a_callers_field_does_not_replace_a_base_field(lines: Lines) -> None:
    logs.logger.info("x", level="fake", service="fake", request_id="kept")
    assert (lines.last()["level"], lines.last()["service"]) == ("info", "wealist")
    assert lines.last()["request_id"] == "kept"


def test_an_exception_is_one_line_with_its_stack(lines: Lines) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        logs.logger.exception("failed")
    line = lines.last()
    assert line["level"] == "error"
    assert "ValueError: broken" in line["stacktrace"]
    assert "test_logs.py" in line["stacktrace"]


def test_libraries_speak_the_same_format(lines: Lines) -> None:
    logging.getLogger("uvicorn.error").warning("port %s is busy", 80)
    line = lines.last()
    assert (line["logger"], line["level"]) == ("uvicorn.error", "warn")
    assert line["message"] == "port 80 is busy"
    assert line["caller"].startswith("test_logs:")


def test_chatty_libraries_say_only_warnings(lines: Lines) -> None:
    logging.getLogger("httpx").info("HTTP Request: GET http://x")
    logging.getLogger("botocore.credentials").debug("found")
    assert lines.all() == []


def test_warnings_of_python_are_lines_too(lines: Lines) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)  # the test runner put its own hook over ours
        logging.captureWarnings(True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert any("DeprecationWarning: old" in line["message"] for line in lines.all())


def test_a_library_with_a_broken_message_does_not_break_us(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logging.getLogger("some.library").warning("%d files", "many")
    logs.logger.info("alive")
    assert lines.last()["message"] == "alive"


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_what_json_can_not_hold_is_still_a_line(lines: Lines) -> None:
    logs.logger.info("odd \ud800", id=UUID(int=1), of={1: {2, 3}}, at=float("nan"), raw=b"\xff")
    assert "odd" in lines.last()["message"]
    assert str(UUID(int=1)) in lines.last()["id"]


def test_a_value_that_can_not_be_printed_is_said_to_be_one(lines: Lines) -> None:
    logs.logger.info("kept", what=Unprintable())
    assert lines.last()["message"] == "kept"


def test_a_line_break_can_not_forge_a_second_line(lines: Lines) -> None:
    logs.logger.info('first\n{"level":"error","message":"forged"}')
    assert len(lines.all()) == 1


def test_a_closed_output_fails_no_request() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb", buffering=0) as stream:
        logs.configure(Settings(), stream=stream)
        logs.logger.info("nobody reads")
        logs.access("info", "nobody reads", {})
    logs.logger.info("closed")
    logs.configure(Settings(log_level="error"))


def test_without_a_stream_lines_go_to_stdout(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    logs.configure(Settings())
    logs.logger.info("here")
    logs.configure(Settings(log_level="error"))
    sys.stdout.flush()
    assert json.loads(capfdbinary.readouterr().out)["message"] == "here"


SECRETS = [
    f"token {JWT} was refused",
    f"GET /ws?token={JWT}&x=1",
    f"Authorization: Bearer {JWT}",
    "Authorization: Bearer s3cr3t-s3cr3t",
    "authorization: Basic s3cr3ts3cr3t",
    "/callback?code=s3cr3t&state=s3cr3t",
    "https://x/y?a=1&access_token=s3cr3t#z",
    "refreshToken=s3cr3t",
    '{"refreshToken": "s3cr3t", "a": 1}',
    "{'access_token': 's3cr3t'}",
    "{'password': b's3cr3t'}",
    "https://b.s3/x?X-Amz-Signature=s3cr3t&X-Amz-Credential=s3cr3t",
    "/objects/a?expires=1&signature=s3cr3t",
    "connect postgresql://wealist:s3cr3t@db:5432/x failed",
    "redis://:s3cr3t@cache:6379",
    "x-internal-api-key: s3cr3t",
    "X-Test-Auth-Secret: s3cr3t",
    "Cookie: SESSION=s3cr3t; other=s3cr3t",
    "-----BEGIN PRIVATE KEY-----\ns3cr3t\n-----END PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----\ns3cr3t",
    "client_secret=s3cr3t",
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_hidden_wherever_it_is_said(lines: Lines, text: str) -> None:
    logs.logger.info(text, said=text, deep={"a": [text, {"b": (text,)}]})
    logging.getLogger("some.library").warning("%s", text)
    try:
        raise ValueError(text)
    except ValueError:
        logs.logger.exception("failed")
    written = lines.getvalue().decode()
    assert "s3cr3t" not in written
    assert JWT.split(".")[1] not in written
    assert JWT.split(".")[2] not in written


@pytest.mark.parametrize(
    "field",
    ["token", "refreshToken", "access_token", "Authorization", "cookie", "password", "api-key"],
)
def test_a_field_with_a_secrets_name_is_hidden(lines: Lines, field: str) -> None:
    logs.logger.info("x", **{field: "s3cr3t"}, nested={field: ["s3cr3t"]})
    assert "s3cr3t" not in lines.getvalue().decode()


@pytest.mark.parametrize(
    "text",
    [
        "the state of the code is fine",
        "token: must not be empty",
        "user 7 moved board 9 to state=done",
        "http://localhost:8080/svc/user?page=1",
        "mail to ann@example.org",
        "basic settings are used",
    ],
)
def test_ordinary_words_are_left_alone(text: str) -> None:
    assert redact.text(text) == text


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        (b"page=1&limit=20", "page=1&limit=20"),
        (b"token=s3cr3t", "token=***"),
        (b"a=1&Token=s3cr3t&b=2", "a=1&Token=***&b=2"),
        (b"%74oken=s3cr3t", "%74oken=***"),
        (b"access%5Ftoken=s3cr3t", "access%5Ftoken=***"),
        (b"code=s3cr3t&state=s3cr3t", "code=***&state=***"),
        (b"accessToken=s3cr3t&refreshToken=s3cr3t", "accessToken=***&refreshToken=***"),
        (b"X-Amz-Signature=s3cr3t", "X-Amz-Signature=***"),
        (b"to=https%3A%2F%2Fx%3Ftoken%3Ds3cr3t", "to=***"),
        (b"q=100%25", "q=100%25"),
        (b"flag", "flag"),
        (b"", ""),
        (JWT.encode(), "***"),
        (b"x=" + JWT.encode(), "x=***"),
        (b"\xff=\xfe", "\xff=\xfe"),
    ],
)
def test_a_query_is_written_without_its_secrets(query: bytes, shown: str) -> None:
    assert redact.query(query) == shown


def test_a_very_long_value_is_cut(lines: Lines) -> None:
    logs.logger.info("x", long="a" * 1_000_000)
    assert len(lines.last()["long"]) < 20_000


@given(st.text())
def test_any_text_can_be_redacted_and_encoded(text: str) -> None:
    redact.query(text.encode("utf-8", "surrogatepass"))
    assert msgspec.json.decode(logs._line({"x": redact.text(text)}))["x"] is not None


@given(st.text(alphabet="aA=&?:\"' eyJ.-_@/tokenbearr", max_size=400))
def test_redaction_takes_no_exponential_time(text: str) -> None:
    redact.text(text * 20)

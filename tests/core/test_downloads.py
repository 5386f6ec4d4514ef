"""File names and types in front of a browser."""

import pytest

from wealist.core import downloads


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("plan.pdf", "attachment; filename=\"plan.pdf\"; filename*=UTF-8''plan.pdf"),
        (
            "보고서 1.pdf",
            'attachment; filename="___ 1.pdf"; '
            "filename*=UTF-8''%EB%B3%B4%EA%B3%A0%EC%84%9C%201.pdf",
        ),
        (
            'a"; filename=evil.exe\r\nSet-Cookie: a=b',
            'attachment; filename="a__ filename=evil.exeSet-Cookie_ a=b"; '
            "filename*=UTF-8''a%22%3B%20filename%3Devil.exeSet-Cookie%3A%20a%3Db",
        ),
        (
            "../..\\etc/passwd",
            "attachment; filename=\".._.._etc_passwd\"; filename*=UTF-8''.._.._etc_passwd",
        ),
        (
            "photo\u202egpj.exe",
            "attachment; filename=\"photogpj.exe\"; filename*=UTF-8''photogpj.exe",
        ),
        ("\x00\r\n\udc80", "attachment"),
        ("  ", "attachment"),
        (None, "attachment"),
    ],
)
def test_a_name_reaches_the_header_in_both_forms_without_breaking_out(
    filename: str | None, expected: str
) -> None:
    value = downloads.disposition(filename, inline=False, content_type=None)
    assert value == expected
    assert value.isascii()
    assert value.isprintable()


def test_a_long_name_keeps_its_ending() -> None:
    value = downloads.disposition("n" * 300 + ".pdf", inline=False, content_type=None)
    assert f'filename="{"n" * 196}.pdf"' in value
    value = downloads.disposition("n" * 300, inline=False, content_type=None)
    assert f'filename="{"n" * 200}"' in value


@pytest.mark.parametrize(
    ("content_type", "shown"),
    [
        ("image/png", True),
        ("audio/mpeg", True),
        ("video/mp4", True),
        ("application/pdf", True),
        ("text/plain; charset=utf-8", True),
        ("text/html", False),
        ("image/svg+xml", False),
        ("IMAGE/SVG+XML; charset=utf-8", False),
        ("application/xhtml+xml", False),
        ("text/xml", False),
        ("application/octet-stream", False),
        ("", False),
        (None, False),
    ],
)
def test_only_types_that_cannot_run_script_are_shown_in_place(
    content_type: str | None, shown: bool
) -> None:
    value = downloads.disposition(None, inline=True, content_type=content_type)
    assert value == ("inline" if shown else "attachment")

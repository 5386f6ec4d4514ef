"""How the address of a mail server is read."""

import pytest

from wealist.core import smtp_url


@pytest.mark.parametrize(
    ("url", "port", "tls", "starttls"),
    [
        ("smtp://mail.example.com", 587, False, True),
        ("smtp://mail.example.com:25?starttls=off", 25, False, False),
        ("smtp://mail.example.com/?starttls=on", 587, False, True),
        ("smtps://mail.example.com", 465, True, False),
        ("smtps://[::1]:4650", 4650, True, False),
    ],
)
def test_everything_is_encrypted_unless_the_operator_says_otherwise(
    url: str, port: int, tls: bool, starttls: bool
) -> None:
    server = smtp_url.parse(url)
    assert (server.port, server.tls, server.starttls) == (port, tls, starttls)


def test_user_and_password_may_have_any_character_and_the_password_never_shows() -> None:
    server = smtp_url.parse("smtp://me%40example.com:p%3A%2F%40ss@mail")
    assert server.user == "me@example.com"
    assert server.password is not None
    assert server.password.reveal() == "p:/@ss"
    assert "p:/@ss" not in repr(server)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mail.example.com", "must look like"),
        ("http://mail.example.com", "must look like"),
        ("smtp://", "must look like"),
        ("smtp://mail:port", "the port"),
        ("smtp://mail:70000", "the port"),
        ("smtp://mail/inbox", "nothing may follow"),
        ("smtp://mail?tls=on", "the only option"),
        ("smtp://mail?starttls=maybe", "the only option"),
        ("smtps://mail?starttls=off", "takes no"),
        ("smtp://user@mail", "needs a password"),
    ],
)
def test_a_mistake_is_told_without_repeating_the_address(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as told:
        smtp_url.parse(url)
    assert "mail.example.com" not in str(told.value)

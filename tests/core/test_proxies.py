"""Whose `X-Forwarded-For` is believed, and how far."""

import pytest

from wealist.core.proxies import UNKNOWN, Proxies
from wealist.core.settings import SettingsError

TRUSTED = Proxies(("10.0.0.0/8", "192.0.2.1", "fd00::/8"))


def _headers(*values: tuple[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in values]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.1.2.3", "198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "1.1.1.1, 198.51.100.1, 10.9.9.9, 192.0.2.1", "198.51.100.1"),
        ("10.1.2.3", "10.9.9.9", "10.9.9.9"),
        ("10.1.2.3", "198.51.100.1:4711", "198.51.100.1"),
        ("10.1.2.3", "[2001:db8::1]:4711", "2001:db8::1"),
        ("10.1.2.3", "2001:db8::1", "2001:db8::1"),
        ("fd00::1", "198.51.100.1", "198.51.100.1"),
        ("::ffff:10.1.2.3", "198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "::ffff:198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "", "10.1.2.3"),
        ("10.1.2.3", "unknown", "10.1.2.3"),
        ("10.1.2.3", "198.51.100.1, garbage", "10.1.2.3"),
        ("10.1.2.3", "garbage, 198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "198.51.100.1, \xff\x00", "10.1.2.3"),
    ],
)
def test_the_rightmost_address_we_do_not_trust_is_the_client(
    peer: str, forwarded: str, client: str
) -> None:
    headers = _headers(("x-forwarded-for", forwarded))
    assert TRUSTED.origin(peer, "http", headers).address == client


def test_several_headers_are_one_list() -> None:
    headers = _headers(("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "10.2.2.2"))
    assert TRUSTED.origin("10.1.2.3", "http", headers).address == "198.51.100.1"


def test_by_default_nobody_is_believed() -> None:
    headers = _headers(("x-forwarded-for", "198.51.100.1"), ("x-forwarded-proto", "https"))
    assert Proxies(()).origin("127.0.0.1", "http", headers) == ("127.0.0.1", "http")


@pytest.mark.parametrize(
    ("peer", "inner", "outer", "scheme"),
    [
        ("10.1.2.3", "http", "https", "https"),
        ("10.1.2.3", "http", "http", "http"),
        ("10.1.2.3", "ws", "https", "wss"),
        ("10.1.2.3", "ws", "wss", "wss"),
        ("10.1.2.3", "http", "gopher", "http"),
        ("10.1.2.3", "http", "http, https", "https"),
        ("203.0.113.9", "http", "https", "http"),
    ],
)
def test_the_scheme_comes_from_a_trusted_proxy(
    peer: str, inner: str, outer: str, scheme: str
) -> None:
    headers = _headers(("x-forwarded-proto", outer))
    assert TRUSTED.origin(peer, inner, headers).scheme == scheme


def test_a_peer_without_an_address_is_nobody() -> None:
    assert TRUSTED.origin(None, "http", []).address == UNKNOWN


def test_a_wrong_network_ends_the_start_with_a_readable_line() -> None:
    with pytest.raises(SettingsError, match="WEALIST_TRUSTED_PROXIES: 'ten' does not appear"):
        Proxies(("ten",))


def test_many_clients_do_not_fill_the_memory() -> None:
    for number in range(10_000):
        peer = f"198.51.{number >> 8}.{number & 255}"
        TRUSTED.origin(peer, "http", [])
    assert len(TRUSTED._verdicts) <= 4096

"""Who really called: the client's address and scheme behind proxies that we trust."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from wealist.core.settings import SettingsError

UNKNOWN = "unknown"
"""Address of a peer without one (a Unix socket)."""

_REMEMBERED = 4096


class Origin(NamedTuple):
    address: str
    scheme: str


class Proxies:
    """The networks whose `X-Forwarded-*` headers count; nobody else's do.

    Raises `SettingsError` when an entry is neither an address nor a network.
    """

    def __init__(self, trusted: Iterable[str]) -> None:
        self._networks: list[IPv4Network | IPv6Network] = []
        self._verdicts: dict[str, bool] = {}
        for text in trusted:
            try:
                self._networks.append(ip_network(text, strict=False))
            except ValueError as error:
                raise SettingsError([f"WEALIST_TRUSTED_PROXIES: {error}"]) from error

    def origin(
        self, peer: str | None, scheme: str, headers: Sequence[tuple[bytes, bytes]]
    ) -> Origin:
        """The rightmost forwarded address that is not a trusted proxy, and the outer scheme."""
        if peer is None:
            return Origin(UNKNOWN, scheme)
        if not self._networks or not self._trusts(peer):
            return Origin(peer, scheme)
        hops: list[str] = []
        for name, value in headers:
            if name == b"x-forwarded-for":
                hops += value.decode("latin-1").split(",")
            elif name == b"x-forwarded-proto":
                outer = value.decode("latin-1").split(",")[-1].strip().lower()
                scheme = _scheme(outer, scheme)
        for hop in reversed(hops):
            address = _address(hop)
            if address is None:
                break
            peer = address
            if not self._trusts(address):
                break
        return Origin(peer, scheme)

    def _trusts(self, text: str) -> bool:
        known = self._verdicts.get(text)
        if known is None:
            address = _address(text)
            parsed = ip_address(address) if address else None
            known = parsed is not None and any(parsed in network for network in self._networks)
            if len(self._verdicts) >= _REMEMBERED:
                self._verdicts.clear()
            self._verdicts[text] = known
        return known


def _scheme(outer: str, inner: str) -> str:
    """The proxy's scheme, spoken by a socket as `ws(s)`."""
    if outer not in ("http", "https", "ws", "wss"):
        return inner
    secure = outer in ("https", "wss")
    return {"http": ("http", "https"), "https": ("http", "https")}.get(inner, ("ws", "wss"))[secure]


def _address(text: str) -> str | None:
    """An address without port, brackets or IPv4 mapping; None when it is not one."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ip_address(text)
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(parsed)

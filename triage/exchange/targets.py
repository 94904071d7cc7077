"""Where webhooks may lead: to public addresses, and to networks that the settings allow.

A webhook makes this server send requests. Without a bound it would reach for its owner what only
this machine reaches: services on loopback, the metadata service of a cloud, hosts of the internal
network (server-side request forgery, CWE-918). A name is resolved once, each of its addresses is
judged, and the connection goes to the address that was judged: a name that leads elsewhere a moment
later (DNS rebinding) wins nothing.
"""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from whetstone.errors import InputError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
MOST_CHARACTERS = 2_000
_PORTS = {"https": 443, "http": 80}
_CLEAR = "use https: what is told would be read on the way"
# Prefixes of IPv6 in which an IPv4 address follows: where packets end is that address's matter.
_NAT64 = IPv6Network("64:ff9b::/96")
# Of IPv6 nothing else is handed out to the internet (RFC 4291, 2.4; site-local is not of it).
_GLOBAL = IPv6Network("2000::/3")
# Outside of what Python calls private, and yet not the internet's.
_INTERNAL = (
    ip_network("192.0.0.0/24"),  # protocol assignments; the metadata service of a cloud
    ip_network("192.88.99.0/24"),  # relays of 6to4, to wherever they lead
    ip_network("168.63.129.16/32"),  # the host of a virtual machine of Azure, and its keys
    ip_network("3fff::/20"),  # documentation (RFC 9637)
)


@dataclass(frozen=True)
class Target:
    """Where a request goes.

    Attributes:
        address: of the connection.
        host: as certificates and the receiver know it.
        path: with the query.
    """

    scheme: str
    address: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Value of the header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def networks(texts: Sequence[str]) -> list[Network]:
    """The networks of the setting.

    Raises:
        InputError: one is none.
    """
    try:
        return [ip_network(text) for text in texts]
    except ValueError as error:
        raise InputError(
            f'WHETSTONE_WEBHOOK_NETWORKS: {error}; write networks as in ["10.1.0.0/16"]'
        ) from error


def checked(url: str, allowed: Sequence[Network]) -> str:
    """The URL, if webhooks may lead there as far as can be told without resolving its name.

    Raises:
        InputError: it is no such URL.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _wrong(str(error)) from error
    if len(url) > MOST_CHARACTERS or not url.isascii() or not url.isprintable() or " " in url:
        raise _wrong(f"write it in at most {MOST_CHARACTERS} characters of ASCII, without spaces")
    if parts.scheme not in _PORTS or not parts.hostname or port == 0:
        raise _wrong("write it as https://soar.example/hooks/whetstone")
    if parts.username is not None or parts.fragment:
        raise _wrong("leave out user name, password and what stands behind #")
    if parts.scheme == "http" and not allowed:
        raise _wrong(_CLEAR)
    try:
        literal = ip_address(parts.hostname)
    except ValueError:
        return url
    if not _may(literal, allowed):
        raise _wrong(_refusal(parts.hostname))
    return url


def target(url: str, allowed: Sequence[Network]) -> Target:
    """Where a request to this URL goes now.

    Raises:
        InputError: webhooks may not lead there, or the name is not known.
    """
    parts = urlsplit(checked(url, allowed))
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _wrong(f"{host} is not known: {error}") from error
    addresses = [str(entry[4][0]) for entry in found]
    # One forbidden address is enough: an attacker's name may well have public ones beside it.
    if not addresses or not all(_may(_bare(address), allowed) for address in addresses):
        raise _wrong(_refusal(host))
    if parts.scheme == "http" and not all(_within(_bare(each), allowed) for each in addresses):
        raise _wrong(_CLEAR)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, addresses[0], host, port, path)


def _bare(address: str) -> Address:
    # A link-local address has its interface behind a percent sign.
    return ip_address(address.partition("%")[0])


def _may(address: Address, allowed: Sequence[Network]) -> bool:
    if _within(address, allowed):
        return True
    inner = _inner(address)
    if inner is not None:
        return _may(inner, allowed)
    if address.version == 6 and address not in _GLOBAL:
        return False
    special = address.is_multicast or address.is_reserved or _within(address, _INTERNAL)
    return address.is_global and not special


def _within(address: Address, places: Sequence[Network]) -> bool:
    """Whether it lies in one of the networks, by itself or as what it leads to."""
    inner = _inner(address)
    if any(address.version == each.version and address in each for each in places):
        return True
    return inner is not None and _within(inner, places)


def _inner(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to, if it is one of those that do."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]


def _refusal(host: str) -> str:
    return (
        f"{host} is not on the public internet; to reach a receiver of your own network, name the"
        " network in WHETSTONE_WEBHOOK_NETWORKS"
    )


def _wrong(what: str) -> InputError:
    return InputError(f"url: {what}")

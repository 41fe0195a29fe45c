"""Where a webhook may lead: no address inside, unless the settings name it (OWASP, "Server-Side Request Forgery").

Asked when an endpoint is made and at each delivery, of the addresses that its host has then; what is connected to is
one of these addresses and not the name again, so a name that changes its answer leads nowhere else.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import BoundedSemaphore
from urllib.parse import urlsplit

from tunewarden.domain.errors import Malformed, Refused, Unavailable
from tunewarden.usecases.webhooks import busy

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Sequence[str]]
"""(host, port) -> its addresses. Raises `OSError` where it has none."""

_LONGEST = 2_000
_PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_PATH = re.compile(r"[\x21-\x7e]*")
_WITHIN: tuple[tuple[Network, int], ...] = (
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),  # NAT64, RFC 6052: the last 32 bits
    (ipaddress.IPv6Network("::/96"), 0),  # IPv4-compatible, RFC 4291
    (ipaddress.IPv6Network("2002::/16"), 80),  # 6to4, RFC 3056: the 32 bits after the prefix
)
"""IPv6 networks whose addresses hold an IPv4 address, and how far its last bit is from the end."""


_INSIDE: tuple[Network, ...] = (
    ipaddress.IPv4Network("192.0.0.0/24"),  # RFC 6890; a cloud's metadata lie there
    ipaddress.IPv4Network("192.88.99.0/24"),  # relays of 6to4, RFC 7526
    ipaddress.IPv4Network("168.63.129.16/32"),  # Azure's platform, as each machine there reaches it
    ipaddress.IPv6Network("fec0::/10"),  # site-local, RFC 3879
    ipaddress.IPv6Network("64:ff9b:1::/48"),  # local NAT64, RFC 8215
)
"""What the standard library takes for public, or took until lately."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL in its parts, each checked. `path` begins with a slash and has the query, where there is one."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the header `Host` says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the settings let webhooks lead to, besides addresses that anybody on the internet has."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    def __contains__(self, host: str) -> bool:
        return host in self.hosts

    def has(self, address: Address) -> bool:
        """Whether a network of the settings holds this address."""
        return any(address in network for network in self.networks if network.version == address.version)


def read_allowed(words: str) -> Allowed:
    """Hosts and networks with commas between. Raises `Malformed`."""
    hosts, networks = set[str](), list[Network]()
    for word in filter(None, (part.strip() for part in words.split(","))):
        try:
            networks.append(ipaddress.ip_network(word))
        except ValueError:
            if not _is_name(word):
                raise Malformed(
                    "webhook_allowed_malformed",
                    "What webhooks may lead to is a list of host names and networks, with commas between.",
                    remedy="Mend TUNEWARDEN_WEBHOOK_ALLOWED.",
                    who="administrator",
                    param="webhook_allowed",
                ) from None
            hosts.add(word)
    return Allowed(frozenset(hosts), tuple(networks))


def read_url(url: str) -> Target:
    """A URL that could be an endpoint's. Raises `Malformed`, and says nothing of the URL."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or ""), parts.port
    except ValueError:
        raise _malformed("it cannot be read") from None
    if len(url) > _LONGEST or not url.isascii() or any(sign in url for sign in "\\ \t\r\n"):
        raise _malformed(f"it has at most {_LONGEST} characters of ASCII, and no spaces or backslashes")
    if parts.scheme not in _PORTS:
        raise _malformed("it begins with https://")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc or parts.fragment:
        raise _malformed("it has no credentials and no fragment")
    if not (_is_name(host) or _as_address(host)):
        raise _malformed("its host is a name or an address as it is usually written")
    shown = f"[{host}]" if ":" in host else host
    if parts.netloc.lower() not in {shown, f"{shown}:{port}"}:
        raise _malformed("there is nothing but host and port before its path")
    if port is not None and not (port in _PORTS.values() or 1024 <= port <= 65535):
        raise _malformed("its port is 443 or at least 1024")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.startswith("/") or not _PATH.fullmatch(path):
        raise _malformed("its path is written in visible characters")
    return Target(scheme=parts.scheme, host=host, port=port or _PORTS[parts.scheme], path=path)


def addresses(target: Target, allowed: Allowed, resolve: Resolve) -> list[str]:
    """Where to connect to, in order. All that the host has must be allowed: one that is not is a trap or a mistake.

    Raises `Refused` for those that are not, and for `http` to one that no setting names; `Unavailable` for no address.
    """
    literal = _as_address(target.host)
    try:
        found = [str(literal)] if literal else list(dict.fromkeys(resolve(target.host, target.port)))
        parsed = [ipaddress.ip_address(one) for one in found]
    except (OSError, ValueError, UnicodeError) as error:
        raise Unavailable("webhook_host_unknown", f"The host has no address ({type(error).__name__}).") from None
    if not parsed:
        raise Unavailable("webhook_host_unknown", "The host has no address.")
    is_named = target.host in allowed
    if not is_named and not all(allowed.has(one) or (target.scheme == "https" and is_public(one)) for one in parsed):
        raise refused()
    return [str(one) for one in parsed]


def refused() -> Refused:
    """What is said of a host that is inside, and to people of one that has no address: who asks learns no name."""
    return Refused(
        "webhook_address_refused",
        "The host leads to no address that anybody on the internet has, or it is not asked by https.",
        remedy="Look at the URL, take another host, or have this one named in TUNEWARDEN_WEBHOOK_ALLOWED.",
        who="administrator",
        param="url",
    )


def is_public(address: Address) -> bool:
    """Whether this is an address that anybody on the internet has, whatever it is wrapped in."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return False
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        for network, shift in _WITHIN:
            if address in network:
                return is_public(ipaddress.IPv4Address((int(address) >> shift) & 0xFFFFFFFF))
    if any(address in network for network in _INSIDE if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved and not address.is_unspecified


def system_resolve(host: str, port: int) -> list[str]:
    """`Resolve` by the machine's resolver."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Lookups:
    """`Resolve` by another one, in threads of its own: few at once, and nobody waits longer than `seconds`.

    Whoever answers for names may take as long as they like; a look-up that was left alone keeps its place until then.
    Raises `TimeoutError`, which is an `OSError`, and `Conflict` where no place is free.
    """

    def __init__(self, resolve: Resolve, most: int = 8, seconds: float = 5.0) -> None:
        self._resolve, self._seconds = resolve, seconds
        self._pool, self._places = ThreadPoolExecutor(most, thread_name_prefix="lookups"), BoundedSemaphore(most)

    def __call__(self, host: str, port: int) -> Sequence[str]:
        if not self._places.acquire(blocking=False):
            raise busy()
        looking = self._pool.submit(self._resolve, host, port)
        looking.add_done_callback(lambda _: self._places.release())
        return looking.result(timeout=self._seconds)


def _is_name(host: str) -> bool:
    """Whether this is a host name, and no address in one of the forms that only some programs read as one."""
    return _HOST.fullmatch(host) is not None and not host.rpartition(".")[2].isdigit() and not _is_odd(host)


def _is_odd(host: str) -> bool:
    """A last label like `0x7f`, which `inet_aton` reads as a number."""
    return re.fullmatch(r"0x[0-9a-f]*", host.rpartition(".")[2]) is not None


def _as_address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _malformed(what: str) -> Malformed:
    return Malformed("webhook_url_malformed", f"The URL of an endpoint: {what}.", param="url")

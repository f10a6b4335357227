"""Where a webhook may point. We connect to what somebody typed, so it must not lead into our own network.

A name is resolved by us, every address it has is looked at, and the connection is made to one of those very addresses:
a name that changes its answer between the look and the call gains nothing.
"""

import re
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooSlow
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from faultreporter.errors import ValidationFailed

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], list[str]]

LONGEST_URL = 500
DNS_SECONDS = 4.0
FIRST_FREE_PORT = 1024  # below it are the services of mail, names and remote shells
NUMERIC = re.compile(r"(\d+|0x[0-9a-f]*)", re.IGNORECASE)
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
VISIBLE_ASCII = re.compile(r"[\x21-\x7e]*")

# What isn't the public internet. Python's own `is_global` has changed its mind between releases; this list hasn't.
CLOSED_V4 = [
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # this network; connects to this machine
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; a cloud's metadata at 100.100.100.200
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's metadata under a public number
        "169.254.0.0/16",  # link-local; clouds' metadata at 169.254.169.254
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; a cloud's metadata at 192.0.0.192
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
]
OPEN_V6 = ip_network("2000::/3")  # all that is given out; outside it lie ::1, IPv4-mapped, NAT64, private, multicast
CLOSED_V6 = [
    ip_network(network)
    for network in (
        "2001::/23",  # protocol assignments, with Teredo: an IPv4 address inside
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address inside
        "3fff::/20",  # documentation
    )
]


class UrlRefused(ValidationFailed):
    """The webhook's address can't be called, or must not be."""


class UnknownHost(Exception):
    """The name has no address, or nobody said so in time."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in parts: `host` as DNS and certificates write it, `path` with its query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def is_tls(self) -> bool:
        return self.scheme == "https"

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"


def refuse(message: str) -> UrlRefused:
    return UrlRefused(message, field="url")


def is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in CLOSED_V4)
    return address in OPEN_V6 and not any(address in network for network in CLOSED_V6)


def parse(url: str) -> Target:
    """The URL in parts. UrlRefused says what is wrong with it; nothing is asked of the network."""
    if len(url) > LONGEST_URL:
        raise refuse(_("A URL may have at most %(limit)d characters.") % {"limit": LONGEST_URL})
    if not url.isprintable() or any(c.isspace() for c in url) or "\\" in url:
        raise refuse(_("A URL has no spaces, control characters or backslashes."))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise refuse(_("This is no URL.")) from error
    _check_form(parts)
    host = _host(parts.hostname or "")
    if port is None:
        port = 443 if parts.scheme == "https" else 80
    if not settings.WEBHOOK_ALLOW_PRIVATE and port != 443 and port < FIRST_FREE_PORT:
        raise refuse(_("The port must be 443, or 1024 and above."))
    path = parts.path or "/"
    return Target(parts.scheme, host, port, f"{path}?{parts.query}" if parts.query else path)


def _check_form(parts: SplitResult) -> None:
    schemes = {"https", "http"} if settings.WEBHOOK_ALLOW_PRIVATE else {"https"}
    if parts.scheme not in schemes:
        raise refuse(_("The URL must begin with https://."))
    if "@" in parts.netloc:
        raise refuse(_("A URL with a name or password in it isn't taken; the signature says who calls."))
    if parts.fragment:
        raise refuse(_("A part after # is never sent; leave it out."))
    if not VISIBLE_ASCII.fullmatch(parts.path + parts.query):
        raise refuse(_("Write other letters in path and query as %XX."))


def _host(name: str) -> str:
    """The host as DNS knows it: small letters, no dot at the end, other alphabets as xn--…"""
    if ":" in name:
        try:
            return str(IPv6Address(name))
        except ValueError as error:
            raise refuse(_("This is no IPv6 address.")) from error
    try:
        host = name.encode("idna").decode().lower().removesuffix(".")
    except UnicodeError as error:
        raise refuse(_("This is no host name.")) from error
    labels = host.split(".")
    if len(host) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        raise refuse(_("This is no host name."))
    if NUMERIC.fullmatch(labels[-1]):
        try:
            return str(IPv4Address(host))
        except ValueError as error:
            raise refuse(_("Write an IPv4 address as four decimal numbers.")) from error
    return host


def lookup(host: str, port: int) -> list[str]:
    """Every address the name has, as the system resolves it. UnknownHost if none, or not in time."""
    pool = ThreadPoolExecutor(max_workers=1)
    try:
        found = pool.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM).result(timeout=DNS_SECONDS)
    except (OSError, UnicodeError, TooSlow) as error:
        raise UnknownHost(host) from error
    finally:
        pool.shutdown(wait=False)  # a resolver that hangs is left behind
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def addresses_of(target: Target, *, resolve: Resolve = lookup) -> list[Address]:
    """The addresses to connect to. UrlRefused if a single one of them isn't public, UnknownHost if there is none."""
    found = [ip_address(text.partition("%")[0]) for text in resolve(target.host, target.port)]
    if not found:
        raise UnknownHost(target.host)
    closed = [address for address in found if not is_public(address)]
    if closed and not settings.WEBHOOK_ALLOW_PRIVATE:
        raise refuse(_("%(host)s leads to a private or reserved address.") % {"host": target.host})
    return found


def check(url: str, *, resolve: Resolve = lookup) -> None:
    """What is asked of a URL before it is stored. It is all asked again at every call."""
    target = parse(url)
    try:
        addresses_of(target, resolve=resolve)
    except UnknownHost as error:
        raise refuse(_("No address is known for %(host)s.") % {"host": target.host}) from error

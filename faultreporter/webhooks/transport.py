"""One POST to somebody else's server: to an address we have looked at, in ten seconds, following nothing."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Final

from faultreporter.webhooks.addresses import Address, Resolve, Target, addresses_of, lookup, parse

SECONDS: Final = 10.0
KEPT_OF_ANSWER: Final = 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver said: its status, the first kilobyte of the body, how long it asks us to wait."""

    status: int
    text: str
    retry_after: str = ""


class Unreachable(Exception):
    """No connection, or it broke."""


class TooLate(Exception):
    """No whole answer within the time."""


class TlsFailed(Exception):
    """The certificate isn't one for this name that we trust, or the two sides speak no common TLS."""


class PinnedConnection(HTTPConnection):
    """Speaks HTTP over a socket that stands already, so the name is not looked up a second time."""

    def __init__(self, target: Target, sock: socket.socket) -> None:
        super().__init__(target.host, target.port)
        self.sock = sock


def post(url: str, *, body: bytes, headers: Mapping[str, str], resolve: Resolve = lookup) -> Answer:
    """Raises UrlRefused, UnknownHost, Unreachable, TlsFailed or TooLate; any answer at all is an Answer."""
    target = parse(url)
    deadline = time.monotonic() + SECONDS
    addresses = addresses_of(target, resolve=resolve)
    try:
        with _connected(addresses, target.port, deadline) as plain, _closed_at(deadline, plain):
            return _exchange(target, plain, body=body, headers=headers)
    except (OSError, HTTPException) as error:
        raise _problem(error, deadline) from error


def _exchange(target: Target, plain: socket.socket, *, body: bytes, headers: Mapping[str, str]) -> Answer:
    sock = tls().wrap_socket(plain, server_hostname=target.host) if target.is_tls else plain
    connection = PinnedConnection(target, sock)
    try:
        connection.request("POST", target.path, body=body, headers={"Host": target.host_header, **headers})
        response = connection.getresponse()
        return Answer(response.status, _beginning(response), response.headers.get("Retry-After") or "")
    finally:
        connection.close()


def _beginning(response: HTTPResponse) -> str:
    """The first kilobyte, without what a database can't store. A body that breaks off is no failure of its own."""
    try:
        found = response.read(KEPT_OF_ANSWER)
    except (OSError, HTTPException):
        found = b""
    return found.decode("utf-8", errors="replace").replace("\x00", "�")


@contextmanager
def _connected(addresses: Sequence[Address], port: int, deadline: float) -> Iterator[socket.socket]:
    """A connection to the first address that takes one."""
    problem: OSError = OSError("no address")
    for address in addresses:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            sock = socket.create_connection((str(address), port), timeout=left)
        except OSError as error:
            problem = error
            continue
        with sock:
            yield sock
        return
    raise problem


@contextmanager
def _closed_at(deadline: float, sock: socket.socket) -> Iterator[None]:
    """A time-out counts from byte to byte; a server that drips would hold us for ever. This ends it for good."""
    # The descriptor is our own copy: wrapping the socket in TLS takes the original away.
    watched = sock.dup()
    timer = threading.Timer(max(0.0, deadline - time.monotonic()), _break_off, [watched])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        watched.close()


def _break_off(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is closed already


def _problem(error: Exception, deadline: float) -> Exception:
    if isinstance(error, TimeoutError) or time.monotonic() >= deadline:
        return TooLate()
    return TlsFailed(error) if isinstance(error, ssl.SSLError) else Unreachable(error)


@cache
def tls() -> ssl.SSLContext:
    """The system's authorities; SSL_CERT_FILE names others."""
    return ssl.create_default_context()

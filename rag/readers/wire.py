"""The network as ``web`` sees it: resolving, connecting, and a connection on which every wait has an end."""

from __future__ import annotations

import io
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

TIMEOUT_S = 10.0


class Wire(Protocol):
    """What is used of a connected socket; a test gives another."""

    def sendall(self, data: bytes, /) -> None: ...
    def recv(self, size: int, /) -> bytes: ...
    def settimeout(self, seconds: float | None, /) -> None: ...
    def close(self) -> None: ...


Resolve = Callable[[str, int], list[str]]
"""Host and port → addresses."""
Connect = Callable[[str, int, str | None], Wire]
"""Address, port and, for TLS, the host name that the certificate must be for → a connection."""


def resolve_host(host: str, port: int) -> list[str]:
    """Every address that the system knows for a host, each once. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def connect_to(address: str, port: int, tls_host: str | None) -> Wire:
    """A connection to ``address``, its certificate verified for ``tls_host`` where that is given. Raises OSError."""
    plain = socket.create_connection((address, port), timeout=TIMEOUT_S)
    if tls_host is None:
        return plain
    try:
        return ssl.create_default_context().wrap_socket(plain, server_hostname=tls_host)
    except OSError:
        plain.close()
        raise


class Timed:
    """A connection as http.client wants it, whose every wait ends at one deadline: a server that sends one byte every
    nine seconds keeps no one longer than one that sends nothing.
    """

    def __init__(self, wire: Wire, left: Callable[[], float]) -> None:
        self._wire, self._left = wire, left

    def _ready(self) -> Wire:
        left = self._left()
        if left <= 0:
            raise TimeoutError("the time is up")
        self._wire.settimeout(left)
        return self._wire

    def sendall(self, data: bytes) -> None:
        self._ready().sendall(data)

    def recv(self, size: int) -> bytes:
        return self._ready().recv(size)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        """Nothing: http.client closes its socket before it reads the answer; ``_get`` closes the wire."""


class _Reader(io.RawIOBase):
    def __init__(self, timed: Timed) -> None:
        self._timed = timed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        data = self._timed.recv(len(view))
        view[: len(data)] = data
        return len(data)

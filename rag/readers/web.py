"""A URL → its bytes, from a public address only, within a time, a size and a number of redirects.

A name is resolved once, each address that it has is checked, and the connection goes to an address that was checked: a
name server that would answer otherwise the second time (DNS rebinding) is not asked a second time. Proxies that the
environment names are not used, for they would resolve the name themselves.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import quote, urldefrag, urljoin, urlsplit

from rag.errors import QuotewellError, ReadError
from rag.readers.addresses import is_public
from rag.readers.records import too_long
from rag.readers.wire import TIMEOUT_S, Connect, Resolve, Timed, Wire, connect_to, resolve_host

MAX_REDIRECTS = 5
_TYPES = re.compile(
    r"text/(html|plain|markdown|x-markdown)|application/(xhtml\+xml|json|jsonl|x-ndjson|x-jsonlines|ndjson)"
)
_BLOCK = 65_536


@dataclass(frozen=True, slots=True)
class Page:
    """What was fetched; ``url`` is the address after redirects, without its fragment."""

    url: str
    content_type: str
    charset: str | None
    data: bytes


@dataclass(frozen=True, slots=True)
class _Target:
    url: str
    tls: bool
    host: str
    port: int
    path: str
    header: str


def fetch(
    url: str,
    *,
    max_chars: int,
    allow_private: bool = False,
    resolve: Resolve = resolve_host,
    connect: Connect = connect_to,
    clock: Callable[[], float] = time.monotonic,
) -> Page:
    """The page at ``url``: http or https, within 10 seconds once a name is resolved, at most ``4 * max_chars`` bytes,
    over at most 5 redirects, each of them checked like the first address.

    Raises ReadError saying which of these does not hold, or what the server or the network said; TooLarge.
    """
    deadline = clock() + TIMEOUT_S
    target = _target(url)
    for _ in range(MAX_REDIRECTS + 1):
        addresses = _checked(target, resolve, allow_private)
        try:
            found = _get(target, addresses, connect, lambda: deadline - clock(), max_chars)
        except TimeoutError as err:
            raise _failed(target, f"no whole answer within {TIMEOUT_S:.0f} seconds") from err
        except (OSError, HTTPException, ValueError) as err:
            raise _failed(target, f"{type(err).__name__}: {err}") from err
        if isinstance(found, Page):
            return found
        target = _target(found)
    raise _failed(target, f"more than {MAX_REDIRECTS} redirects")


def _target(url: str) -> _Target:
    try:
        parts = urlsplit(urldefrag(url.strip()).url)
        host, port = parts.hostname or "", parts.port
        name = host if host.isascii() else host[:253].encode("idna").decode("ascii")
    except ValueError as err:
        raise _refused(f"{url[:200]!r} ({err})") from err
    tls = parts.scheme == "https"
    if parts.scheme not in ("http", "https") or not name or len(name) > 253 or parts.username is not None:
        raise _refused(f"{url[:200]!r}")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    path += f"?{quote(parts.query, safe='/%:@!$&()*+,;=~?')}" if parts.query else ""
    shown = f"[{name}]" if ":" in name else name
    header = shown if port is None else f"{shown}:{port}"
    return _Target(f"{parts.scheme}://{header}{path}", tls, name, port or (443 if tls else 80), path, header)


def _checked(target: _Target, resolve: Resolve, allow_private: bool) -> list[str]:
    try:
        addresses = resolve(target.host, target.port)
    except (OSError, UnicodeError) as err:
        raise _failed(target, f"a host name that does not resolve ({err})") from err
    private = [address for address in addresses if not is_public(address)]
    if private and not allow_private:
        raise ReadError(
            expected="a URL on the public internet",
            found=f"{target.host}, which is {private[0]} here",
            remedy="save the page as a file and ingest that",
        )
    if not addresses:
        raise _failed(target, "a host name without an address")
    return addresses


def _get(
    target: _Target, addresses: list[str], connect: Connect, left: Callable[[], float], max_chars: int
) -> Page | str:
    """The page, or the URL that the server redirects to."""
    wire = _connected(target, addresses, connect)
    connection = HTTPConnection(target.host, target.port)
    connection.auto_open = 0
    connection.sock = Timed(wire, left)
    try:
        connection.request(
            "GET",
            target.path,
            headers={
                "Host": target.header,
                "User-Agent": "Quotewell/0.1",
                "Accept": "text/html, text/plain, text/markdown, application/json;q=0.9",
                "Connection": "close",
            },
        )
        response = connection.getresponse()
        location = response.getheader("Location")
        if response.status in (301, 302, 303, 307, 308) and location:
            return urljoin(target.url, location)
        return _page(target, response, max_chars)
    finally:
        connection.close()
        wire.close()


def _connected(target: _Target, addresses: list[str], connect: Connect) -> Wire:
    for address in addresses[:-1]:
        try:
            return connect(address, target.port, target.host if target.tls else None)
        except OSError:
            continue  # the next address of the same host; the last one's error is the one that counts
    return connect(addresses[-1], target.port, target.host if target.tls else None)


def _page(target: _Target, response: HTTPResponse, max_chars: int) -> Page:
    if response.status != 200:
        raise _failed(target, f"HTTP status {response.status}")
    kind = response.headers.get_content_type() if response.getheader("Content-Type") else ""
    if not _TYPES.fullmatch(kind):
        raise _failed(target, f"content of type {kind or 'unknown'}", "an HTML, text, Markdown or JSON page")
    packing = (response.getheader("Content-Encoding") or "identity").strip().lower()
    if packing != "identity":
        raise _failed(target, f"content packed with {packing}, which was not asked for")
    limit, length = 4 * max_chars, response.length
    if length is not None and length > limit:
        raise too_long(length, max_chars, "bytes")
    data = bytearray()
    while (length is None or len(data) < length) and (block := response.read1(_BLOCK)):
        data += block
        if len(data) > limit:
            raise too_long(len(data), max_chars, "bytes")
    if length is not None and len(data) < length:
        raise _failed(target, f"{len(data):,} of the {length:,} bytes that were announced")
    return Page(target.url, kind, response.headers.get_content_charset(), bytes(data))


def _refused(found: str) -> ReadError:
    return ReadError(
        expected="an http or https URL without a user name or password", found=found, remedy="mend the URL"
    )


def _failed(target: _Target, found: str, expected: str = "a page that can be fetched") -> QuotewellError:
    return ReadError(
        expected=expected, found=f"{found} ({target.url[:200]})", remedy="open it in a browser, or save it"
    )

"""A URL leads to public addresses only, and to no more than was asked for. No socket is opened here."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping

import pytest

from rag.errors import QuotewellError, ReadError, TooLarge
from rag.readers import read, read_page
from rag.readers.addresses import is_public
from rag.readers.web import Page, fetch
from rag.types import Article, Refusal

PUBLIC = "93.184.215.14"
HTML = b"<html><body><p>Text of the page.</p></body></html>"


class Served:
    """A connection that answers with given bytes, ``step`` of them at a time."""

    def __init__(self, answer: bytes, step: int = 65_536) -> None:
        self.sent, self.answer, self.step, self.closed = b"", answer, step, False

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def recv(self, size: int) -> bytes:
        size = min(size, self.step)
        data, self.answer = self.answer[:size], self.answer[size:]
        return data

    def settimeout(self, seconds: float | None) -> None:
        assert seconds is not None
        assert 0 < seconds <= 10

    def close(self) -> None:
        self.closed = True


class Silent(Served):
    def recv(self, size: int) -> bytes:
        raise TimeoutError("timed out")


class Net:
    """A network: addresses by name, connections by address. It remembers what it was asked."""

    def __init__(self, names: Mapping[str, list[str]], *answers: Served) -> None:
        self.names, self.answers = names, list(answers)
        self.asked: list[str] = []
        self.connected: list[tuple[str, int, str | None]] = []

    def resolve(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host not in self.names:
            raise socket.gaierror(-2, "Name or service not known")
        return self.names[host]

    def connect(self, address: str, port: int, tls_host: str | None) -> Served:
        self.connected.append((address, port, tls_host))
        return self.answers[len(self.connected) - 1]

    def fetch(self, url: str, *, max_chars: int = 1000, allow_private: bool = False, step: float = 0.0) -> Page:
        now = [0.0]

        def clock() -> float:
            now[0] += step
            return now[0]

        return fetch(
            url,
            max_chars=max_chars,
            allow_private=allow_private,
            resolve=self.resolve,
            connect=self.connect,
            clock=clock,
        )


def answer(body: bytes = HTML, kind: str = "text/html", status: str = "200 OK", **headers: str) -> Served:
    given = {"Content-Type": kind, "Content-Length": str(len(body)), **headers}
    lines = [f"HTTP/1.1 {status}", *(f"{key.replace('_', '-')}: {value}" for key, value in given.items() if value)]
    return Served("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)


def net(*answers: Served) -> Net:
    return Net({"example.org": [PUBLIC], "inside.example.org": ["10.0.0.5"], "127.0.0.1": ["127.0.0.1"]}, *answers)


def test_a_page_is_fetched_from_the_address_that_was_checked() -> None:
    served = answer(kind="text/html; charset=ISO-8859-1")
    web = net(served)
    page = web.fetch("https://example.org/a b?q=ü#part")
    assert page == Page("https://example.org/a%20b?q=%C3%BC", "text/html", "iso-8859-1", HTML)
    assert web.connected == [(PUBLIC, 443, "example.org")]
    assert web.asked == ["example.org"]
    assert served.sent.startswith(b"GET /a%20b?q=%C3%BC HTTP/1.1\r\n")
    assert b"\r\nHost: example.org\r\n" in served.sent
    assert served.closed


def test_a_name_that_changes_its_address_is_asked_once() -> None:
    class Rebinding(Net):
        def resolve(self, host: str, port: int) -> list[str]:
            self.asked.append(host)
            return [PUBLIC] if len(self.asked) == 1 else ["127.0.0.1"]

    web = Rebinding({}, answer())
    web.fetch("http://rebind.example/")
    assert web.asked == ["rebind.example"]
    assert web.connected == [(PUBLIC, 80, None)]


@pytest.mark.parametrize(
    "address",
    "127.0.0.1 127.8.9.1 0.0.0.0 0.1.2.3 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 192.0.0.1 "
    "192.0.2.1 198.18.0.1 203.0.113.9 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 192.88.99.1 :: ::1 ::127.0.0.1 "
    "::8.8.8.8 "
    "::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:7f00:1 64:ff9b::127.0.0.1 64:ff9b::a00:1 64:ff9b:1::1 fe80::1 "
    "fe80::1%eth0 fec0::1 fc00::1 fd12::1 ff02::1 100::1 2001:db8::1 2001::1 2001:10::1 2002:7f00:1:: 2002:808:808:: "
    "3fff::1 "
    "5f00::1 4000::1 not-an-address".split(),
)
def test_an_address_that_is_not_public_is_never_connected_to(address: str) -> None:
    assert not is_public(address)
    web = Net({"example.org": [address], "mixed.example": [PUBLIC, address]}, answer())
    for url in ("http://example.org/", "https://mixed.example/"):
        with pytest.raises(ReadError, match="public internet"):
            web.fetch(url)
    assert web.connected == []


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
)
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "[::1]", "[::ffff:127.0.0.1]", "[::]"]
)
def test_every_way_to_write_loopback_is_refused_by_the_system_resolver(host: str) -> None:
    (refusal,) = read(f"http://{host}:8000/", max_chars=100)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "unreadable"


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.org/a",
        "gopher://example.org/",
        "http://",
        "http://user:pass@example.org/",
        "http://example.org:99999/",
        "http://[::1/",
        "http://" + "a" * 300 + ".org/",
    ],
)
def test_an_address_of_another_kind_is_refused_before_anything_is_asked(url: str) -> None:
    web = net()
    with pytest.raises(ReadError, match="http or https URL"):
        web.fetch(url)
    assert web.asked == []
    (refusal,) = read(url, max_chars=100)
    assert isinstance(refusal, Refusal)


def test_a_header_cannot_be_smuggled_in_by_a_url() -> None:
    served = answer()
    net(served).fetch("http://example.org/a\r\nX-Evil: 1")
    assert b"\nX-Evil" not in served.sent


@pytest.mark.parametrize("location", ["http://127.0.0.1/", "https://inside.example.org/x", "//inside.example.org/"])
def test_a_redirect_to_a_private_address_is_refused(location: str) -> None:
    web = net(answer(b"", status="302 Found", Location=location), answer())
    with pytest.raises(ReadError, match="public internet"):
        web.fetch("http://example.org/")
    assert len(web.connected) == 1


def test_a_redirect_to_another_scheme_is_refused() -> None:
    with pytest.raises(ReadError, match="http or https URL"):
        net(answer(b"", status="301 Moved", Location="file:///etc/passwd")).fetch("http://example.org/")


def test_five_redirects_are_followed_and_a_sixth_is_not() -> None:
    hops = [answer(b"", status="307 Temporary Redirect", Location=f"/{n}") for n in range(5)]
    assert net(*hops, answer()).fetch("http://example.org/").url == "http://example.org/4"
    with pytest.raises(ReadError, match="5 redirects"):
        net(*(answer(b"", status="301 Moved", Location="/") for _ in range(7))).fetch("http://example.org/")


def test_a_private_address_is_reached_where_that_is_allowed() -> None:
    assert net(answer()).fetch("http://inside.example.org:8080/", allow_private=True).data == HTML


@pytest.mark.parametrize(
    ("served", "named"),
    [
        (answer(kind="application/pdf"), "application/pdf"),
        (answer(kind="image/png"), "image/png"),
        (answer(kind=""), "type unknown"),
        (answer(status="404 Not Found"), "HTTP status 404"),
        (answer(status="302 Found"), "HTTP status 302"),
        (answer(Content_Encoding="gzip"), "packed with gzip"),
        (Served(b"SSH-2.0-OpenSSH\r\n"), "BadStatusLine"),
        (Served(b""), "RemoteDisconnected"),
        (Served(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 99\r\n\r\nshort"), "5 of the 99 bytes"),
        (Silent(b""), "within 10 seconds"),
    ],
)
def test_an_answer_that_is_no_page_is_refused_by_its_reason(served: Served, named: str) -> None:
    with pytest.raises(ReadError, match=named):
        net(served).fetch("http://example.org/")
    assert served.closed


def test_too_large_is_told_from_the_announcement_or_as_it_comes() -> None:
    announced = answer(b"x" * 401, kind="text/plain")
    with pytest.raises(TooLarge, match="400 bytes"):
        net(announced).fetch("http://example.org/", max_chars=100)
    endless = Served(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + b"x" * 10**7)
    with pytest.raises(TooLarge):
        net(endless).fetch("http://example.org/", max_chars=100)
    assert len(endless.answer) > 9 * 10**6


def test_a_chunked_page_is_put_together() -> None:
    body = b"5\r\nHello\r\n7\r\n, world\r\n0\r\n\r\n"
    served = Served(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n" + body, step=3)
    assert net(served).fetch("http://example.org/").data == b"Hello, world"


def test_a_server_that_drips_is_left_at_the_deadline() -> None:
    served = answer()
    served.step = 1
    with pytest.raises(ReadError, match="within 10 seconds"):
        net(served).fetch("http://example.org/", step=0.3)


def test_a_name_that_does_not_resolve_is_told() -> None:
    with pytest.raises(ReadError, match="does not resolve"):
        net().fetch("http://nowhere.example/")


def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    class HalfDown(Net):
        def connect(self, address: str, port: int, tls_host: str | None) -> Served:
            if address == PUBLIC:
                raise ConnectionRefusedError(111, "Connection refused")
            return super().connect(address, port, tls_host)

    assert HalfDown({"example.org": [PUBLIC, "8.8.8.8"]}, answer()).fetch("http://example.org/").data == HTML
    with pytest.raises(ReadError, match="Connection refused"):
        HalfDown({"example.org": [PUBLIC]}, answer()).fetch("http://example.org/")


def only(found: Callable[[], list[Article | Refusal]]) -> Article:
    (item,) = found()
    assert isinstance(item, Article)
    return item


def test_a_fetched_page_names_its_own_address_and_no_other() -> None:
    def read_as(canonical: str) -> Article:
        data = f'<link rel="canonical" href="{canonical}"><p>Text of it.</p>'.encode()
        page = Page("https://www.example.org/a/story?x=1", "text/html", None, data)
        return only(lambda: list(read_page(page, "https://example.org/short#top", max_chars=1000)))

    own, other = read_as("/a/story"), read_as("https://bank.example/notice")
    assert own.url == "https://www.example.org/a/story"
    assert other.url == "https://www.example.org/a/story?x=1"
    assert own.id == other.id
    assert own.id.startswith("short-")
    assert own.metadata["source"] == "https://example.org/short"


def test_a_fetched_page_does_not_choose_its_id() -> None:
    page = Page("https://example.org/a.md", "text/plain", None, b"---\nid: somebody-elses\n---\nText.")
    article = only(lambda: list(read_page(page, "https://example.org/a.md", max_chars=1000)))
    assert article.id.startswith("a-")
    assert article.text == "Text."


def test_every_error_is_one_line() -> None:
    with pytest.raises(QuotewellError) as caught:
        net(answer(kind="text/html\n evil")).fetch("http://example.org/")
    assert "\n" not in str(caught.value)

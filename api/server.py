"""``quotewell serve``: the application on a socket."""

from __future__ import annotations

import errno
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from fastapi import FastAPI
from rich.console import Console
from uvicorn.supervisors import Multiprocess

from api.app import create_app
from api.system import System
from rag.build import build
from rag.errors import PortInUse, QuotewellError, UsageError
from rag.settings import Settings, load_settings

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_FOLLOW = 0.1  # seconds between looks at what others committed
_GRACE = 5  # seconds that answers under way have to end in


def serve(
    home: Annotated[
        Path | None, typer.Option("--home", help="Folder of the collection.", show_default="./.quotewell")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to serve on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; 0 takes any free one.", show_default="8000")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that answer side by side.")] = 1,
) -> None:
    """Serve the API and the page over HTTP, until stopped."""
    settings = load_settings(home=home, host=host, port=port or None)
    with closing(listen(settings.host, 0 if port == 0 else settings.port)) as listener:
        with closing(build(settings)) as system:
            message = _greeting(system, listener, settings.host)
            if workers == 1:
                _run(system, listener, message)
                return
        _run_several(settings, listener, message, workers)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; what connects to it waits until the service is up.

    It is taken before anything else is done, and kept, so no other program can come in between.
    Raises PortInUse, or UsageError where the address cannot be had at all.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as err:
        raise UsageError(expected="an address to serve on", found=host, remedy="give another with --host") from err
    listener = socket.socket(family, kind, proto)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as err:
        listener.close()
        if err.errno == errno.EADDRINUSE:
            raise PortInUse(
                expected=f"port {port} of {host} to be free",
                found="another program on it",
                remedy="stop that one, or choose another with --port (0 takes any free one)",
            ) from err
        raise UsageError(
            expected=f"to be allowed to serve on port {port} of {host}",
            found=err.strerror or str(err),
            remedy="choose another with --host and --port",
        ) from err
    return listener


class _Server(uvicorn.Server):
    """Says where it is once it is there."""

    def __init__(self, config: uvicorn.Config, message: str) -> None:
        super().__init__(config)
        self._message = message

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            Console(highlight=False).print(self._message, soft_wrap=True, markup=False)


def _greeting(system: System, listener: socket.socket, host: str) -> str:
    for reason in system.ready():  # asks a question too, so the first one from outside does not wait
        Console(stderr=True).print(f"not ready: {reason}", soft_wrap=True, markup=False, highlight=False)
    articles = system.library.stats().articles
    count = "1 article" if articles == 1 else f"{articles} articles"
    message = f"Quotewell serves {count} at {_address(host, listener)}  (API at /docs)"
    if host not in _LOOPBACK:
        message += "\nWhoever reaches this address can read, add and delete articles: there is no sign-in yet."
    return message


def _address(host: str, listener: socket.socket) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}"


def _config(app: FastAPI | str, *, workers: int = 1) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=workers,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
    )


def _run(system: System, listener: socket.socket, message: str) -> None:
    with _signals_end_it_cleanly(), kept_up(system):
        app = create_app(system, base_url=_address(system.settings.host, listener))
        _Server(_config(app), message).run(sockets=[listener])


def _run_several(settings: Settings, listener: socket.socket, message: str, workers: int) -> None:
    """Each process opens the collection for itself; they share the socket, and what is mapped of the index."""
    port = listener.getsockname()[1]
    for name, value in (("HOME", settings.home), ("HOST", settings.host), ("PORT", port)):
        os.environ[f"QUOTEWELL_{name}"] = str(value)
    config = _config("api.server:worker", workers=workers)
    Console(highlight=False).print(f"{message}, with {workers} processes", soft_wrap=True, markup=False)
    with _signals_end_it_cleanly():
        Multiprocess(config, sockets=[listener]).run()


def worker() -> FastAPI:
    """The application of one of several processes, with a collection of its own."""
    system = build(load_settings())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with closing(system), kept_up(system):
            yield

    return create_app(system, lifespan=lifespan)


@contextmanager
def kept_up(system: System) -> Iterator[None]:
    """Takes in what other processes commit, in the background: no question has to wait for it."""
    stop = threading.Event()

    def follow() -> None:
        following = True
        while following:
            with suppress(QuotewellError):  # whoever asks is told; the index that could not be saved is still in memory
                system.keep_up()
                system.suggest()
            following = not stop.wait(_FOLLOW)

    thread = threading.Thread(target=follow, name="keep-up", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def _signals_end_it_cleanly() -> Iterator[None]:
    """Uvicorn stops on these signals, then raises them again; being told to stop is no failure, so exit 0."""
    names = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(name, signal.SIG_IGN) for name in names]
    try:
        yield
    finally:
        for name, handler in zip(names, before, strict=True):
            signal.signal(name, handler)

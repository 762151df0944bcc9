"""What holds for every request: an id, a greatest size of body, and headers that keep browsers safe."""

from __future__ import annotations

import re
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import of_http, respond

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

_SOUND_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Guard:
    """ASGI middleware. A body over ``max_body_bytes`` is refused with 413, declared or merely sent."""

    def __init__(self, app: ASGIApp, *, max_body_bytes: int) -> None:
        self._app = app
        self._most = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        rid = headers.get("x-request-id", "")
        rid = rid if _SOUND_ID.fullmatch(rid) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = rid
        send = _with_headers(send, rid)
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._most:
            response = respond(request := Request(scope), of_http(request, self._too_large()))
            await response(scope, receive, send)
            return
        await self._app(scope, self._counted(receive), send)

    def _counted(self, receive: Receive) -> Receive:
        """Counts what comes in: a request need not say, or say truly, how long it is."""
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > self._most:
                    raise self._too_large()
            return message

        return counted

    def _too_large(self) -> HTTPException:
        # An HTTPException, for FastAPI turns any other error in a body into a bare 400.
        return HTTPException(
            413,
            f"expected a body of at most {self._most} bytes; found more; send it in parts",
            headers={"connection": "close"},  # what is left of the body is not read
        )


def _with_headers(send: Send, rid: str) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            add_headers(MutableHeaders(scope=message), rid)
        await send(message)

    return sent


def add_headers(headers: MutableHeaders, rid: str) -> None:
    """Adds the security headers and the request's id."""
    headers["x-request-id"] = rid
    for name, value in SECURITY_HEADERS.items():
        headers[name] = value

"""Whether the service lives, whether it can answer, and which it is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter
from starlette.responses import Response

from api.system import TheSystem
from api.wire import JSON

router = APIRouter(tags=["health"])


def installed_version() -> str:
    """The version of the installed package; "unknown" when it is run from a folder that is not installed."""
    try:
        return version("quotewell")
    except PackageNotFoundError:
        return "unknown"


@router.get("/healthz", operation_id="healthz", summary="Whether the process lives")
async def healthz() -> Response:
    """Needs nothing else, so it answers at once, under any load."""
    return JSON({"status": "ok"})


@router.get("/readyz", operation_id="readyz", summary="Whether questions can be answered")
def readyz(system: TheSystem) -> Response:
    """503 with reasons, a line each, when they cannot."""
    reasons = system.ready()
    return JSON({"status": "not ready" if reasons else "ready", "reasons": reasons}, 503 if reasons else 200)


@router.get("/version", operation_id="version", summary="The version of the service")
async def get_version() -> Response:
    return JSON({"name": "quotewell", "version": installed_version()})

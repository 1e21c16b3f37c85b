"""The documentation in the browser, from files in this package: it works without internet."""

import mimetypes
from pathlib import Path
from typing import Final

from fastapi import APIRouter, FastAPI
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

# Reads the system's tables; left to itself it would do so at the first request, in the event loop.
mimetypes.init()

_STATIC: Final = Path(__file__).parent / "static"

# What the pages ask of other hosts (a logo, a validator) is refused by the browser: the docs of
# a private server should not tell anybody that they are read.
_SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; "
    "style-src 'self' 'unsafe-inline'; worker-src blob:; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}

router = APIRouter(include_in_schema=False)
"""Open without a token, for a browser sends none; it tells nothing about this machine."""


@router.get("/docs")
async def swagger_page() -> FileResponse:
    return FileResponse(_STATIC / "swagger.html", headers=_SECURITY_HEADERS)


@router.get("/redoc")
async def redoc_page() -> FileResponse:
    return FileResponse(_STATIC / "redoc.html", headers=_SECURITY_HEADERS)


def mount_docs(app: FastAPI) -> None:
    """Add the pages and their files."""
    app.include_router(router)
    app.mount("/static", StaticFiles(directory=_STATIC, check_dir=False), name="static")

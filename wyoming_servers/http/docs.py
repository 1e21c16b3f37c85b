"""API documentation pages (Swagger UI and ReDoc) from local files, so that they work offline."""

import mimetypes
from pathlib import Path
from typing import Final

from fastapi import APIRouter, FastAPI
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

# Reads the system's tables now; otherwise the first request would do so in the event loop.
mimetypes.init()

_STATIC: Final = Path(__file__).parent / "static"

# Blocks requests of the pages to other hosts (a logo, a validator), which would reveal that the
# documentation of a private server is being read.
_SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; "
    "style-src 'self' 'unsafe-inline'; worker-src blob:; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}

router = APIRouter(include_in_schema=False)
"""Needs no token, since browsers send none; the pages contain nothing about this machine."""


@router.get("/docs")
async def swagger_page() -> FileResponse:
    return FileResponse(_STATIC / "swagger.html", headers=_SECURITY_HEADERS)


@router.get("/redoc")
async def redoc_page() -> FileResponse:
    return FileResponse(_STATIC / "redoc.html", headers=_SECURITY_HEADERS)


def mount_docs(app: FastAPI) -> None:
    """Add the pages and their static files to the application."""
    app.include_router(router)
    app.mount("/static", StaticFiles(directory=_STATIC, check_dir=False), name="static")

"""`/`: the page, built from `frontend` into `wyoming_servers/http/web`.

The files contain nothing about this machine, so they need no token. Their names contain a hash of
their content, except that of the page itself, so browsers keep them.
"""

from pathlib import Path
from typing import Final

from fastapi import APIRouter, FastAPI
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER: Final = Path(__file__).parents[1] / "web"

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; font-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_KEEP: Final = "public, max-age=31536000, immutable"

router = APIRouter(include_in_schema=False)


@router.get("/")
async def get_page() -> FileResponse:
    return FileResponse(FOLDER / "index.html", headers={**HEADERS, "Cache-Control": "no-cache"})


class _Assets(StaticFiles):
    """Files of the page."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = _KEEP
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def add_page(app: FastAPI) -> None:
    """Add the page and its files to the application."""
    app.include_router(router)
    app.mount("/assets", _Assets(directory=FOLDER / "assets", check_dir=False), name="assets")

"""How failures look over HTTP: one body for all, a status per code.

`{"error": what happened, "code": stable code, "detail": what to do next}`, plus
`retry_after_secs` where trying again makes sense and `faults` where a request has several.
"""

import logging
import math
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wyoming_servers.config.errors import ConfigError
from wyoming_servers.config.errors import ConfigProblem as ConfigFault
from wyoming_servers.core.errors import (
    BadRequestError,
    ConductorError,
    InternalError,
)

_LOGGER: Final = logging.getLogger(__name__)


class FieldError(BaseModel):
    """One thing wrong with a request."""

    path: str = Field(description="Where: `query.limit`, `body.language`.")
    message: str


class Problem(BaseModel):
    """The body of every answer that is not a success."""

    error: str = Field(description="What happened, as a sentence.")
    code: str = Field(description="Stable code, the same in every interface.")
    detail: str = Field("", description="What to do next, as a sentence.")
    retry_after_secs: int | None = Field(
        None, description="Seconds until trying again makes sense; also in `Retry-After`."
    )
    faults: list[FieldError] | None = None


class ErrorStatus(NamedTuple):
    """How a code looks over HTTP."""

    status: int
    retry_after: float | None = None
    """Seconds, if the error does not know better; None: trying again is not suggested."""


ERROR_STATUSES: Final[Mapping[str, ErrorStatus]] = {
    "BAD_REQUEST": ErrorStatus(400),
    "UNSUPPORTED_LANGUAGE": ErrorStatus(400),
    "UNAUTHORIZED": ErrorStatus(401),
    "MODEL_MISSING": ErrorStatus(404),
    "NOT_FOUND": ErrorStatus(404),
    "CONFLICT": ErrorStatus(409),
    "TOO_LARGE": ErrorStatus(413),
    # The one who asked has left; nginx's number for it, seen in logs only.
    "CANCELLED": ErrorStatus(499),
    "LOAD_FAILED": ErrorStatus(500),
    "INFERENCE_FAILED": ErrorStatus(500),
    "UNKNOWN": ErrorStatus(500),
    "BUSY": ErrorStatus(503, retry_after=2),
    "OOM": ErrorStatus(503, retry_after=30),
    "DEVICE_LOST": ErrorStatus(503, retry_after=30),
    "SHUTTING_DOWN": ErrorStatus(503, retry_after=10),
    "TIMEOUT": ErrorStatus(504),
}

_OPENAI_PREFIX: Final = "/v1/"
"""Clients of these addresses look for `error.message`."""

PROBLEM_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    "default": {"model": Problem, "description": "What went wrong and what to do next."}
}
"""For a route's `responses`, so that the OpenAPI file tells of problems."""


class OpenAiError(BaseModel):
    """A failure as OpenAI's clients read it."""

    message: str
    type: Literal["invalid_request_error", "server_error"]
    param: str | None = None
    code: str = Field(description="Stable code, the same in every interface.")


class OpenAiProblem(BaseModel):
    """The body of every answer below `/v1` that is not a success."""

    error: OpenAiError


OPENAI_PROBLEM_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    "default": {"model": OpenAiProblem, "description": "What went wrong and what to do next."}
}
"""As `DOCUMENTED`, below `/v1`."""


def problem_response(
    error: ConductorError, *, status: int | None = None, request: Request | None = None
) -> JSONResponse:
    """Return the answer for an error; `status` overrides the code's own."""
    answer = ERROR_STATUSES.get(error.code, ERROR_STATUSES["UNKNOWN"])
    retry = answer.retry_after if error.retry_after is None else error.retry_after
    problem = Problem(
        error=error.message,
        code=error.code,
        detail=error.hint,
        retry_after_secs=None if retry is None else max(1, math.ceil(retry)),
    )
    if isinstance(error, ConfigError):
        problem.error = "The configuration has faults."
        problem.faults = [
            FieldError(path=fault.path, message=_field_message(fault)) for fault in error.problems
        ]
    headers = {}
    if problem.retry_after_secs is not None:
        headers["Retry-After"] = str(problem.retry_after_secs)
    if error.code == "UNAUTHORIZED":
        headers["WWW-Authenticate"] = "Bearer"
    return _render(problem, status or answer.status, headers, request)


def openai_error_event(error: ConductorError) -> dict[str, Any]:
    """Return a failure in the middle of a stream, as OpenAI's clients understand it."""
    found = OpenAiError(message=str(error), type="server_error", code=error.code)
    return {"type": "error", "error": found.model_dump()}


def install_handlers(app: FastAPI) -> None:
    """Make every failure of the application answer with a problem."""
    app.add_exception_handler(ConductorError, _on_conductor_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_middleware(InternalErrorMiddleware)


class InternalErrorMiddleware:
    """Outermost layer: a bug of ours is logged once and answered, never shown to the client."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            if scope["type"] != "http":
                raise
            _LOGGER.exception("bug while answering %s %s", scope["method"], scope["path"])
            if started:
                # Half an answer cannot be taken back: let the connection break.
                raise
            error = InternalError("The server has a bug in the answer to this request.")
            await problem_response(error)(scope, receive, send)


async def _on_conductor_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ConductorError)  # noqa: S101  (registered for it alone)
    answer = problem_response(error, request=request)
    if answer.status_code >= 500:
        path = request.url.path
        _LOGGER.warning("%s %s: [%s] %s", request.method, path, error.code, error.message)
    return answer


async def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  (registered for it alone)
    faults = [
        FieldError(path=".".join(str(part) for part in fault["loc"]), message=fault["msg"])
        for fault in error.errors()
    ]
    problem = Problem(
        error="The request is not valid: "
        + "; ".join(f"{fault.path}: {fault.message}" for fault in faults),
        code=BadRequestError.code,
        detail="/docs shows what this address takes.",
        faults=faults,
    )
    return _render(problem, 400, {}, request)


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  (registered for it alone)
    texts = {
        404: f"There is nothing at {request.url.path}.",
        405: f"{request.method} is not possible at {request.url.path}.",
    }
    problem = Problem(
        error=texts.get(error.status_code, str(error.detail)),
        code=BadRequestError.code if error.status_code < 500 else InternalError.code,
        detail="/docs lists what there is.",
    )
    return _render(problem, error.status_code, error.headers or {}, request)


def _field_message(fault: ConfigFault) -> str:
    meant = f" Did you mean `{fault.suggestion}`?" if fault.suggestion else ""
    return fault.message + meant


def _render(
    problem: Problem, status: int, headers: Mapping[str, str], request: Request | None
) -> JSONResponse:
    body: dict[str, Any] = problem.model_dump(exclude_none=True)
    if request is not None and request.url.path.startswith(_OPENAI_PREFIX):
        body = {
            "error": {
                "message": f"{problem.error} {problem.detail}".rstrip(),
                "type": "invalid_request_error" if status < 500 else "server_error",
                "param": problem.faults[0].path if problem.faults else None,
                "code": problem.code,
            }
        }
    return JSONResponse(body, status, headers=dict(headers))

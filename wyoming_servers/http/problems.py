"""Error responses: one body for all errors, one HTTP status per error code.

`{"error": what happened, "code": stable code, "detail": what to do next, "recoverable": whether the
same request may succeed later}`, plus `retry_after_secs` if a retry can succeed, `attempt` after
repeated failures of a model, and `faults` with one entry per invalid field.
"""

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wyoming_servers.config.errors import ConfigError, ConfigProblem
from wyoming_servers.core.errors import BadRequestError, ConductorError, InternalError

_LOGGER: Final = logging.getLogger(__name__)


class FieldError(BaseModel):
    """One invalid field of a request."""

    path: str = Field(description="Path of the field, such as `query.limit` or `body.language`.")
    message: str
    where: str | None = Field(
        None, description="Of a setting: the file with the value, or `the change`."
    )


class Problem(BaseModel):
    """Body of every error response."""

    error: str = Field(description="What happened, as a sentence.")
    code: str = Field(description="Stable error code, the same in every interface.")
    detail: str = Field("", description="What to do next, as a sentence.")
    recoverable: bool = Field(
        False, description="Whether the same request may succeed later without a change."
    )
    attempt: int | None = Field(
        None, description="Consecutive failures of the model, if it failed."
    )
    retry_after_secs: int | None = Field(
        None, description="Seconds after which a retry can succeed; also in `Retry-After`."
    )
    faults: list[FieldError] | None = None


class ErrorStatus(NamedTuple):
    """HTTP representation of an error code."""

    status: int
    retry_after: float | None = None
    """Default in seconds; None: no retry is suggested."""


ERROR_STATUSES: Final[Mapping[str, ErrorStatus]] = {
    "BAD_REQUEST": ErrorStatus(400),
    "UNSUPPORTED_LANGUAGE": ErrorStatus(400),
    "UNAUTHORIZED": ErrorStatus(401),
    "FORBIDDEN": ErrorStatus(403),
    "MODEL_MISSING": ErrorStatus(404),
    "NOT_FOUND": ErrorStatus(404),
    "CONFLICT": ErrorStatus(409),
    "TOO_LARGE": ErrorStatus(413),
    "MODEL_TOO_LARGE": ErrorStatus(422),
    # The client disconnected; nginx's status for it, which appears in logs only.
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

_POLICY_VIOLATION: Final = 1008
"""Close code of RFC 6455."""

_OPENAI_PREFIX: Final = "/v1/"
"""Clients of these endpoints read `error.message`."""

PROBLEM_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    "default": {"model": Problem, "description": "Error, with what to do next."}
}
"""`responses` of a router, so that the OpenAPI document contains error responses."""


class OpenAiError(BaseModel):
    """An error in the format of OpenAI's API."""

    message: str
    type: Literal["invalid_request_error", "server_error"]
    param: str | None = None
    code: str = Field(description="Stable error code, the same in every interface.")


class OpenAiProblem(BaseModel):
    """Body of every error response below `/v1`."""

    error: OpenAiError


OPENAI_PROBLEM_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    "default": {"model": OpenAiProblem, "description": "Error, with what to do next."}
}
"""The same for routers below `/v1`."""


def problem_response(
    error: ConductorError, *, status: int | None = None, request: Request | None = None
) -> JSONResponse:
    """Return the response for an error; `status` overrides the status of its code."""
    error_status = ERROR_STATUSES.get(error.code, ERROR_STATUSES["UNKNOWN"])
    retry = error_status.retry_after if error.retry_after is None else error.retry_after
    problem = Problem(
        error=error.message,
        code=error.code,
        detail=error.hint,
        recoverable=error.recoverable,
        attempt=error.attempt,
        retry_after_secs=None if retry is None else max(1, math.ceil(retry)),
    )
    if isinstance(error, ConfigError):
        problem.error = "The configuration is not valid."
        problem.faults = [
            FieldError(path=item.path, message=_field_message(item), where=item.where or None)
            for item in error.problems
        ]
        files = sorted({item.where for item in error.problems if Path(item.where).is_absolute()})
        if files:
            problem.detail = f"Values to mend are in {', '.join(files)}. {error.hint}"
    headers = {}
    if problem.retry_after_secs is not None:
        headers["Retry-After"] = str(problem.retry_after_secs)
    if error.code == "UNAUTHORIZED":
        headers["WWW-Authenticate"] = "Bearer"
    return _render(problem, status or error_status.status, headers, request)


async def send_problem(
    error: ConductorError, scope: Scope, receive: Receive, send: Send, *, status: int | None = None
) -> None:
    """Answer a request, or reject a WebSocket, with an error. For middleware."""
    if scope["type"] == "websocket":
        # Rejects the handshake with status 403; uvicorn breaks other answers to a handshake.
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": error.message})
        return
    response = problem_response(error, status=status, request=Request(scope))
    await response(scope, receive, send)


def openai_error_event(error: ConductorError) -> dict[str, Any]:
    """Return an error in the middle of a stream, in the format of OpenAI's API."""
    body = OpenAiError(message=str(error), type="server_error", code=error.code)
    return {"type": "error", "error": body.model_dump()}


def install_handlers(app: FastAPI) -> None:
    """Make the application answer every error with a problem body."""
    app.add_exception_handler(ConductorError, _on_conductor_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_middleware(InternalErrorMiddleware)


class InternalErrorMiddleware:
    """Outermost middleware: logs an unexpected exception and answers with UNKNOWN."""

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
            _LOGGER.exception("Unexpected error in %s %s", scope["method"], scope["path"])
            if started:
                # Part of the response was sent already; close the connection.
                raise
            error = InternalError("An internal error occurred.")
            await problem_response(error)(scope, receive, send)


async def _on_conductor_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ConductorError)  # noqa: S101  (the handler of this type only)
    response = problem_response(error, request=request)
    if response.status_code >= 500:
        path = request.url.path
        _LOGGER.warning("%s %s: [%s] %s", request.method, path, error.code, error.message)
    return response


async def _on_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  (the handler of this type only)
    fields = [
        FieldError(path=".".join(str(part) for part in detail["loc"]), message=detail["msg"])
        for detail in error.errors()
    ]
    problem = Problem(
        error="The request is not valid: "
        + "; ".join(f"{field.path}: {field.message}" for field in fields),
        code=BadRequestError.code,
        detail="See /docs for the parameters of this endpoint.",
        faults=fields,
    )
    return _render(problem, 400, {}, request)


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  (the handler of this type only)
    texts = {
        404: f"There is no endpoint {request.url.path}.",
        405: f"{request.url.path} does not support {request.method}.",
    }
    problem = Problem(
        error=texts.get(error.status_code, str(error.detail)),
        code=BadRequestError.code if error.status_code < 500 else InternalError.code,
        recoverable=error.status_code >= 500,
        detail="See /docs for the list of endpoints.",
    )
    return _render(problem, error.status_code, error.headers or {}, request)


def _field_message(problem: ConfigProblem) -> str:
    suggestion = f" Did you mean `{problem.suggestion}`?" if problem.suggestion else ""
    return problem.message + suggestion


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

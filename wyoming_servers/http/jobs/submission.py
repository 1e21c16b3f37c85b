"""Says early that a model must be loaded first, so that nobody sends a recording in vain."""

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from wyoming_servers.core.domain import ModelState
from wyoming_servers.core.errors import BusyError
from wyoming_servers.http import schemas
from wyoming_servers.http.context import ApiContext
from wyoming_servers.http.problems import Problem
from wyoming_servers.scheduling.interface import ModelStatus

_RETRY_SECONDS: Final = {
    ModelState.UNLOADED: 30,
    ModelState.WAITING_FOR_MEMORY: 30,
    ModelState.FAILED: 30,
    ModelState.LOADING: 10,
    ModelState.UNLOADING: 10,
}
"""Until asking again makes sense, where the coordinator does not know better."""

_DISCARD_TIMEOUT_SECONDS: Final = 5.0
"""A client that was answered and sends nothing for so long has understood, or has gone."""


class ModelNotReadyProblem(Problem):
    """The model must be loaded first, and is being loaded."""

    state: ModelState


class ModelNotReadyError(BusyError):
    """Raised when a model must be loaded before a request is taken; it is being loaded."""

    def __init__(self, status: ModelStatus) -> None:
        model = status.spec.id
        super().__init__(
            "model_not_ready",
            hint=f"{model} is being loaded; send the recording again, or with `?wait=true`.",
            retry_after=_retry_seconds(status),
        )
        self.state = status.state

    def response(self, *, unread: bool = False) -> JSONResponse:
        """Return the answer; `unread` if the client may still be sending."""
        problem = ModelNotReadyProblem(
            error=self.message,
            code=self.code,
            detail=self.hint,
            retry_after_secs=round(self.retry_after or 0),
            state=self.state,
        )
        kind = _EarlyJSONResponse if unread else JSONResponse
        return kind(
            problem.model_dump(mode="json", exclude_none=True),
            503,
            headers={"Retry-After": str(problem.retry_after_secs), "Connection": "close"},
        )


async def ensure_ready(context: ApiContext, model: str) -> None:
    """Return if the model is ready; else begin to load it and raise ModelNotReadyError."""
    status = schemas.find_model(context.coordinator.snapshot(), model)
    if status.state is ModelState.READY or await context.coordinator.load(model):
        return
    raise ModelNotReadyError(status)


def expects_continue(request: Request) -> bool:
    """Whether the client waits for a word of ours before it sends the body."""
    return request.headers.get("expect", "").lower() == "100-continue"


class _EarlyJSONResponse(JSONResponse):
    """An answer to a request whose body is still coming.

    The client is answered at once, and what it sends nevertheless is thrown away until it has
    seen the answer: a connection closed over unread bytes would take the answer with it.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        try:
            while True:
                async with asyncio.timeout(_DISCARD_TIMEOUT_SECONDS):
                    message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    break
        except TimeoutError:
            pass  # It was told.
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _retry_seconds(status: ModelStatus) -> int:
    if status.retry_in is not None and status.state is not ModelState.LOADING:
        return max(1, round(status.retry_in))
    return _RETRY_SECONDS.get(status.state, 10)

"""Creation of jobs: shared request fields and checks, and early rejection of uploads.

A recording is rejected before it is read if its model is not loaded yet.
"""

import asyncio
from collections.abc import Callable
from typing import Annotated, Final

from fastapi import Header, Response
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from wyoming_servers.core.domain import ModelState
from wyoming_servers.core.errors import BadRequestError, BusyError
from wyoming_servers.http import schemas
from wyoming_servers.http.context import ApiContext
from wyoming_servers.http.problems import Problem
from wyoming_servers.jobs.job import Job
from wyoming_servers.scheduling.status import ModelStatus

_MAX_KEY: Final = 200

IdempotencyKey = Annotated[
    str | None,
    Header(
        max_length=_MAX_KEY,
        description="A repeated key returns the existing job instead of a new one.",
    ),
]

WEBHOOK_FIELDS: Final = {
    "webhook_url": {
        "type": "string",
        "format": "uri",
        "description": "Called when the job ends and, until the server restarts, when its model or "
        "the default model becomes ready or is unloaded; also if the job is refused because its "
        "model is not ready.",
    },
}
"""Form fields that all kinds of jobs have."""

_RETRY_SECONDS: Final = {
    ModelState.UNLOADED: 30,
    ModelState.WAITING_FOR_MEMORY: 30,
    ModelState.FAILED: 30,
    ModelState.LOADING: 10,
    ModelState.UNLOADING: 10,
}
"""Seconds until a retry can succeed, unless the scheduler provides an estimate."""

_DISCARD_TIMEOUT_SECONDS: Final = 5.0
"""After an early response, an upload without data for this long is considered to have ended."""


class ModelNotReadyProblem(Problem):
    """The model is not ready yet; loading has started."""

    state: ModelState


class ModelNotReadyError(BusyError):
    """Raised when a request needs a model that is not ready; loading has started."""

    def __init__(self, status: ModelStatus) -> None:
        model = status.spec.id
        super().__init__(
            "model_not_ready",
            hint=f"{model} is being loaded; send the recording again later, or with `?wait=true`.",
            retry_after=_retry_seconds(status),
        )
        self.state = status.state
        self.model = model

    def response(self, unread: "UnreadBody | None" = None) -> JSONResponse:
        """Return the response; with `unread` if the client may still be sending the body."""
        problem = ModelNotReadyProblem(
            error=self.message,
            code=self.code,
            detail=self.hint,
            recoverable=self.recoverable,
            retry_after_secs=round(self.retry_after or 0),
            state=self.state,
        )
        content = problem.model_dump(mode="json", exclude_none=True)
        headers = {"Retry-After": str(problem.retry_after_secs), "Connection": "close"}
        if unread is None:
            return JSONResponse(content, 503, headers=headers)
        return _EarlyJSONResponse(content, unread, headers)


async def ensure_ready(context: ApiContext, model: str) -> None:
    """Return if the model is ready; otherwise start loading it and raise ModelNotReadyError."""
    status = schemas.find_model(context.coordinator.snapshot(), model)
    if status.state is ModelState.READY or await context.coordinator.load(model):
        return
    now = schemas.find_model(context.coordinator.snapshot(), model)
    waits = now.state is ModelState.WAITING_FOR_MEMORY
    raise ModelNotReadyError(now if waits else status)


def expects_continue(request: Request) -> bool:
    """Return whether the client waits for a status before it sends the body."""
    return request.headers.get("expect", "").lower() == "100-continue"


UnreadBody = Callable[[bytes], None]
"""Called with each part of a body that arrives after the response, and at its end with b""."""


class _EarlyJSONResponse(JSONResponse):
    """A 503 response to a request whose body is still being sent.

    The response is sent at once and the rest of the body is read: closing a connection with unread
    data would discard the response (TCP reset) before the client has read it.
    """

    def __init__(self, content: object, unread: UnreadBody, headers: dict[str, str]) -> None:
        super().__init__(content, 503, headers=headers)
        self._unread = unread

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
                if message["type"] == "http.disconnect":
                    break
                self._unread(message.get("body", b""))
                if not message.get("more_body"):
                    break
        except TimeoutError:
            pass  # The response was sent; the client has stopped or disconnected.
        self._unread(b"")
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _retry_seconds(status: ModelStatus) -> int:
    if status.retry_in is not None and status.state is not ModelState.LOADING:
        return max(1, round(status.retry_in))
    return _RETRY_SECONDS.get(status.state, 10)


def job_accepted(context: ApiContext, job: Job) -> Response:
    """Return the response for an accepted job."""
    subscribe_to_model(context, job.webhook_url, job.model)
    return JSONResponse({"job_id": job.id}, 202, headers={"Location": f"/jobs/{job.id}"})


def subscribe_to_model(context: ApiContext, url: str, model: str) -> None:
    """Tell the address of a job, even of a refused one, when its model is ready or unloaded."""
    if url and context.webhooks is not None:
        context.webhooks.subscribe_to_models(url, model)


def check_webhook(context: ApiContext, url: str) -> str:
    """Return the URL if it may be called. Raises BadRequestError."""
    if url:
        if context.webhooks is None:
            raise BadRequestError("Webhooks are disabled on this server.")
        context.webhooks.check_url(url)
    return url

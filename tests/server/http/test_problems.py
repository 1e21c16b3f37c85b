import logging
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from wyoming_servers.core import errors
from wyoming_servers.core.errors import CODES, from_code
from wyoming_servers.http.problems import ERROR_STATUSES


def test_every_error_code_has_an_http_status() -> None:
    assert set(ERROR_STATUSES) == CODES


@pytest.mark.parametrize(
    ("code", "status", "retry"),
    [
        ("BAD_REQUEST", 400, None),
        ("MODEL_MISSING", 404, None),
        ("BUSY", 503, 2),
        ("OOM", 503, 30),
        ("MODEL_TOO_LARGE", 422, None),
        ("LOAD_FAILED", 500, None),
        ("TIMEOUT", 504, None),
    ],
)
async def test_error_response_has_status_and_retry_after(
    client: httpx.AsyncClient, coordinator: Any, code: str, status: int, retry: int | None
) -> None:
    coordinator.failure = from_code(code, "What happened.", "What to do.")
    answer = await client.post("/models/whisper/base/load")
    assert answer.status_code == status
    expected = {
        "error": "What happened.",
        "code": code,
        "detail": "What to do.",
        "recoverable": coordinator.failure.recoverable,
    }
    if retry is not None:
        expected["retry_after_secs"] = retry  # type: ignore[assignment]
    assert answer.json() == expected
    assert answer.headers.get("retry-after") == (None if retry is None else str(retry))


async def test_retry_after_of_an_error_is_rounded_up_to_seconds(
    client: httpx.AsyncClient, coordinator: Any
) -> None:
    coordinator.failure = errors.BusyError("Full.", retry_after=3.2)
    answer = await client.post("/models/whisper/base/load")
    assert answer.headers["retry-after"] == "4"
    assert answer.json()["retry_after_secs"] == 4


async def test_unexpected_error_is_logged_and_its_details_are_not_sent(
    client: httpx.AsyncClient, coordinator: Any, caplog: pytest.LogCaptureFixture
) -> None:
    coordinator.failure = ZeroDivisionError("secret detail")
    answer = await client.post("/models/whisper/base/load")
    assert answer.status_code == 500
    assert answer.json()["code"] == "UNKNOWN"
    assert "secret detail" not in answer.text
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "/models/whisper/base/load" in record.message
    assert record.exc_info is not None


async def test_unexpected_error_in_a_started_response_closes_the_connection(
    app: FastAPI, anonymous: httpx.AsyncClient
) -> None:
    async def half() -> Any:
        yield b"half"
        raise ZeroDivisionError

    app.add_api_route("/half", lambda: StreamingResponse(half()))
    with pytest.raises(ZeroDivisionError):
        await anonymous.get("/half")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("DELETE", "/health", 405), ("GET", "/static/nothing.js", 404)],
)
async def test_unknown_endpoint_answers_with_a_problem_body(
    anonymous: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await anonymous.request(method, path)
    assert answer.status_code == status
    assert path in answer.json()["error"]
    assert answer.json()["code"] == "BAD_REQUEST"


async def test_invalid_parameter_is_named(app: FastAPI, anonymous: httpx.AsyncClient) -> None:
    async def take(count: int) -> int:
        return count

    app.add_api_route("/take", take)
    answer = await anonymous.get("/take?count=many")
    assert answer.status_code == 400
    assert answer.json()["code"] == "BAD_REQUEST"
    assert answer.json()["faults"][0]["path"] == "query.count"
    assert "query.count" in answer.json()["error"]


async def test_http_exception_keeps_its_status_and_headers(
    app: FastAPI, anonymous: httpx.AsyncClient
) -> None:
    async def refuse() -> None:
        raise HTTPException(418, "Short and stout.", headers={"X-Pot": "tea"})

    app.add_api_route("/pot", refuse)
    answer = await anonymous.get("/pot")
    assert answer.status_code == 418
    assert answer.headers["x-pot"] == "tea"
    assert answer.json()["error"] == "Short and stout."


async def test_openapi_document_describes_problem_bodies(anonymous: httpx.AsyncClient) -> None:
    schema = (await anonymous.get("/openapi.json")).json()
    responses = schema["paths"]["/models/{model}/load"]["post"]["responses"]
    assert set(responses) == {"200", "202", "default"}
    assert responses["default"]["content"]["application/json"]["schema"]["$ref"].endswith("Problem")


async def test_error_after_repeated_failures_counts_them(
    client: httpx.AsyncClient, coordinator: Any
) -> None:
    coordinator.failure = from_code("LOAD_FAILED", "A library is missing.")
    coordinator.failure.attempt = 3
    body = (await client.post("/models/whisper/base/load")).json()
    assert (body["attempt"], body["recoverable"]) == (3, True)

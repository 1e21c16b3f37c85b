"""Rate limit, body limit and CORS."""

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.http import problems
from wyoming_servers.http.app import create_app
from wyoming_servers.http.body_limits import MAX_BODY_BYTES, BodyLimitMiddleware
from wyoming_servers.http.middleware import RateLimitMiddleware


async def ask(limit: RateLimitMiddleware, address: str) -> int:
    statuses = []

    async def send(message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {"type": "http", "client": (address, 1), "method": "GET", "path": "/", "headers": []}
    await limit(scope, None, send)
    return statuses[0]


async def fine(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def test_rate_limit_applies_per_client_address() -> None:
    now = [100.0]
    limit = RateLimitMiddleware(fine, rate=lambda: 5, now=lambda: now[0])
    assert [await ask(limit, "a") for _ in range(12)] == [200] * 10 + [429] * 2
    assert await ask(limit, "b") == 200
    now[0] += 0.2
    assert [await ask(limit, "a") for _ in range(2)] == [200, 429]


async def test_rate_limit_remembers_a_bounded_number_of_addresses() -> None:
    limit = RateLimitMiddleware(fine, rate=lambda: 5)
    for number in range(3_000):
        await ask(limit, str(number))
    assert len(limit._buckets) <= 1_024


@pytest.mark.parametrize("path", ["/config", "/model/load", "/v1/audio/speech", "/webhooks"])
async def test_body_over_the_limit_answers_413(path, live) -> None:
    answer = await live.post(path, content=bytes(MAX_BODY_BYTES + 1))
    assert answer.status_code == 413


async def test_chunked_body_over_the_limit_answers_413(context) -> None:
    app = FastAPI()
    app.add_middleware(BodyLimitMiddleware)
    problems.install_handlers(app)

    @app.post("/json")
    async def post(body: dict[str, str]) -> dict[str, str]:
        return body

    async def chunks():
        for _ in range(20):
            yield bytes(100_000)

    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.post("/json", content=chunks())
        assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")
        answer = await client.post("/json", json={"a": "b"})
        assert (answer.status_code, answer.json()) == (200, {"a": "b"})


async def test_cors_allows_only_the_configured_origins(context) -> None:
    config = Config.model_validate({"api": {"cors_origins": ["https://page.example"]}})
    object.__setattr__(context, "config_holder", ConfigHolder(config))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=create_app(context)),
        base_url="http://localhost",
        headers={"Authorization": "Bearer s3cret"},
    ) as client:
        ours = {"Origin": "https://page.example"}
        answer = await client.post("/model/unload", headers=ours)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://page.example"
        asked = ours | {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        }
        assert (await client.options("/jobs", headers=asked)).status_code == 200
        answer = await client.post("/model/unload", headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403
        answer = await client.get("/models", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in answer.headers

"""Secrets and request ids in the log."""

import asyncio
import logging

from wyoming_servers.core.errors import OutOfMemoryError
from wyoming_servers.http import problems
from wyoming_servers.telemetry import log_config
from wyoming_servers.telemetry.log_config import JsonFormatter


async def test_log_contains_no_secrets(live, caplog, tmp_path) -> None:
    caplog.set_level(logging.DEBUG)
    for method, path in [
        ("GET", "/jobs"),
        ("POST", "/jobs"),
        ("POST", "/webhooks"),
        ("GET", "/webhooks/deliveries"),
        ("GET", "/nothing"),
        ("POST", "/v1/audio/speech"),
    ]:
        await live.request(method, path, json={"url": "http://127.0.0.1:1/very-secret-path"})
    await live.get("/jobs", headers={"Authorization": "Bearer wr0ng-one"})
    ours = [
        record for record in caplog.records if not record.name.startswith(("httpcore", "httpx"))
    ]
    text = "\n".join(JsonFormatter().format(record) for record in ours)
    secret = await asyncio.to_thread((tmp_path / "webhook-secret").read_text)
    for forbidden in ("s3cret", "wr0ng-one", "very-secret-path", secret.strip()):
        assert forbidden not in text


async def test_token_in_the_query_is_not_accepted(anonymous) -> None:
    for name in ("token", "access_token", "api_key", "authorization"):
        assert (await anonymous.get(f"/jobs?{name}=s3cret")).status_code == 401


async def test_log_records_carry_the_request_id(live, caplog, coordinator) -> None:
    caplog.handler.addFilter(log_config._add_context)
    coordinator.lease_errors = [OutOfMemoryError("No memory."), OutOfMemoryError("No memory.")]
    answers = await asyncio.gather(
        *(
            live.post(
                "/v1/audio/speech",
                json={"input": "x", "voice": "en_US-joe"},
                headers={"X-Request-ID": request_id},
            )
            for request_id in ("r-1", "r-2")
        )
    )
    assert [answer.status_code for answer in answers] == [503, 503]
    found = [
        getattr(record, "request_id", "")
        for record in caplog.records
        if record.name == problems.__name__
    ]
    assert sorted(found) == ["r-1", "r-2"]

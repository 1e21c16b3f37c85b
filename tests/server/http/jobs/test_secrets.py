"""What must never be written down."""

import asyncio
import logging

from wyoming_servers.telemetry.log_config import JsonFormatter


async def test_no_secret_is_logged_whatever_is_asked(live, caplog, tmp_path) -> None:
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


async def test_a_token_in_the_address_opens_nothing(anonymous) -> None:
    for name in ("token", "access_token", "api_key", "authorization"):
        assert (await anonymous.get(f"/jobs?{name}=s3cret")).status_code == 401


async def test_a_log_line_names_the_request_it_belongs_to(live, caplog) -> None:
    from wyoming_servers.telemetry import log_config

    caplog.handler.addFilter(log_config._add_context)
    await live.post(
        "/v1/audio/speech", json={"input": "x", "voice": "nobody"}, headers={"X-Request-ID": "r-1"}
    )
    await live.post("/model/load", headers={"X-Request-ID": "r-2"})
    found = {getattr(record, "request_id", "") for record in caplog.records}
    assert found <= {"", "r-1", "r-2"}

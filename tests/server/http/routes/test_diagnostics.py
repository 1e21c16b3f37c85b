import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import aclosing

import httpx
import pytest
from fastapi import FastAPI

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import AsrSection, Config
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.http.context import ApiContext
from wyoming_servers.telemetry.log_buffer import LogBuffer, redact
from wyoming_servers.telemetry.status_history import SAMPLE_SECONDS, StatusHistory

_LOGGER = logging.getLogger("wyoming_servers.test")


@pytest.fixture
def log_buffer() -> Iterator[LogBuffer]:
    buffer = LogBuffer(kept=3)
    _LOGGER.addHandler(buffer)
    _LOGGER.setLevel(logging.DEBUG)
    yield buffer
    _LOGGER.removeHandler(buffer)


async def get(app: FastAPI, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(
        transport=transport,
        base_url="http://localhost",
        headers={"Authorization": "Bearer s3cret"},
    ) as client:
        return await client.get(path)


async def test_last_lines_of_the_log_are_shown_without_secrets(
    log_buffer: LogBuffer, app_with: Callable[..., FastAPI]
) -> None:
    app = app_with(log_buffer=log_buffer)
    for text in ("first", "second", "Authorization: Bearer abcdef0123456789"):
        _LOGGER.info(text)
    try:
        raise ValueError("the cause")
    except ValueError:
        _LOGGER.exception("failed")
    lines = (await get(app, "/logs")).json()["lines"]
    assert [line["number"] for line in lines] == [2, 3, 4]
    assert (lines[0]["logger"], lines[0]["text"]) == ("test", "second")
    assert "abcdef" not in lines[1]["text"]
    assert lines[2]["text"].endswith("ValueError: the cause")
    errors = (await get(app, "/logs?level=error")).json()["lines"]
    assert [line["level"] for line in errors] == ["error"]


async def test_log_is_followed_across_threads_until_the_server_stops(
    log_buffer: LogBuffer,
) -> None:
    closing = asyncio.Event()
    _LOGGER.info("known")
    _LOGGER.info("kept")
    async with aclosing(log_buffer.follow(1, closing)) as lines:
        assert (await anext(lines)).text == "kept"
        await asyncio.to_thread(_LOGGER.warning, "from a thread")
        assert (await anext(lines)).text == "from a thread"
        closing.set()
        assert [line async for line in lines] == []


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abc123def456", "abc123def456"),
        ("Pairing code 123456, valid for 5 minutes", "123456"),
        ('{"api_key": "sk-12345678"}', "sk-12345678"),
        ("GET http://user:pass@example.com/x", "user:pass"),
    ],
)
def test_secrets_are_redacted(text: str, secret: str) -> None:
    assert secret not in redact(text)
    assert redact("a token is missing") == "a token is missing"


async def test_history_samples_memory_until_an_hour_is_full(
    app_with: Callable[..., FastAPI], context: ApiContext, clock: FakeClock
) -> None:
    history = StatusHistory(context.coordinator.snapshot, clock)
    task = asyncio.create_task(history.run())
    for _ in range(2):
        await clock.advance(SAMPLE_SECONDS)
    samples = (await get(app_with(history=history), "/history")).json()["samples"]
    task.cancel()
    assert [sample["at"] - samples[0]["at"] for sample in samples] == [0, 10, 20]
    cpu = samples[0]["devices"]["cpu"]
    assert (cpu["used_bytes"], cpu["model_bytes"]) == (4 << 30, 350 << 20)


async def test_diagnostics_contain_no_private_texts(
    log_buffer: LogBuffer, app_with: Callable[..., FastAPI]
) -> None:
    holder = ConfigHolder(Config(asr=AsrSection(initial_prompt="Grandma Erna")))
    _LOGGER.error("token=abcdefgh12345678 refused")
    answer = await get(app_with(log_buffer=log_buffer, config_holder=holder), "/diagnostics")
    assert "attachment" in answer.headers["content-disposition"]
    assert "Erna" not in answer.text
    assert "abcdefgh12345678" not in answer.text
    content = json.loads(answer.text)
    assert content["configuration"]["asr"]["port"] == 10300
    assert [model["id"] for model in content["models"]] == ["whisper/base", "piper/joe"]
    assert "refused" in content["log"][-1]


async def test_schema_describes_every_key(app_with: Callable[..., FastAPI]) -> None:
    # The schema needs no editor, but the routes of the configuration are left out without one.
    answer = (await get(app_with(config_editor=object()), "/config/schema")).json()
    keys = {key["path"]: key for key in answer["keys"]}
    assert keys["asr.port"]["applies"] == "restart"
    assert keys["asr.end_silence"]["kind"] == "duration"
    assert keys["host"]["admin"] is True
    assert "models.*.pinned" in keys
    assert answer["sections"]["asr"] == "Speech-to-text."

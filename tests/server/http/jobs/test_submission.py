"""Early rejection of uploads whose model is not ready."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from wyoming_servers.core.domain import ModelState
from wyoming_servers.http.jobs import submission

HUGE = 50_000_000
HEAD = b'--x\r\nContent-Disposition: form-data; name="audio"; filename="a"\r\n\r\n'
WAIT = b'--x\r\nContent-Disposition: form-data; name="wait"\r\n\r\ntrue\r\n'


@pytest.fixture
def settings(settings: dict) -> dict:
    settings["jobs"]["max_upload"] = 2 * HUGE
    return settings


@pytest.fixture(autouse=True)
def unloaded(coordinator) -> None:
    coordinator.state = ModelState.UNLOADED


class Wire:
    """A raw TCP client that reads every byte of the response."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def begin(self, path: str = "/jobs", *headers: str) -> None:
        lines = [
            f"POST {path} HTTP/1.1",
            "Host: localhost",
            "Authorization: Bearer s3cret",
            "Content-Type: multipart/form-data; boundary=x",
            f"Content-Length: {HUGE}",
            *headers,
        ]
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")

    async def answer(self) -> tuple[int, dict[str, str], dict]:
        async with asyncio.timeout(5):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            status, *lines = head.strip().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines)
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return int(status.split()[1]), headers, json.loads(body or b"{}")


@pytest.fixture
async def wire(live: httpx.AsyncClient):
    wires = []

    async def connect() -> Wire:
        wires.append(Wire(*await asyncio.open_connection("127.0.0.1", live.base_url.port)))
        return wires[-1]

    yield connect
    for one in wires:
        one.writer.close()


async def left(context) -> list[Path]:
    return await asyncio.to_thread(lambda: list(context.jobs.uploads_folder.iterdir()))


async def test_expect_continue_is_rejected_before_the_body(wire, context, coordinator) -> None:
    client = await wire()
    client.begin("/jobs", "Expect: 100-continue")
    status, headers, body = await client.answer()
    assert (status, headers["retry-after"], headers["connection"]) == (503, "30", "close")
    assert (body["error"], body["state"], body["retry_after_secs"]) == (
        "model_not_ready", "unloaded", 30,
    )  # fmt: skip
    assert coordinator.prefetched[-1] == ("asr/english", "operator")
    assert await left(context) == []
    async with asyncio.timeout(5):
        assert await client.reader.read() == b""


async def test_expect_continue_with_wait_is_accepted(wire) -> None:
    client = await wire()
    client.begin("/jobs?wait=true", "Expect: 100-continue")
    status, _, _ = await client.answer()
    assert status == 100


async def test_expect_continue_with_a_ready_model_is_accepted(wire, coordinator) -> None:
    coordinator.state = ModelState.READY
    client = await wire()
    client.begin("/jobs", "Expect: 100-continue")
    assert (await client.answer())[0] == 100


async def test_upload_is_rejected_when_the_recording_begins(wire, context) -> None:
    client = await wire()
    client.begin()
    client.writer.write(HEAD + bytes(1_000))
    status, _, body = await client.answer()
    assert (status, body["error"]) == (503, "model_not_ready")
    # A client that keeps sending is not disconnected.
    client.writer.write(bytes(HUGE - 2_000))
    async with asyncio.timeout(10):
        await client.writer.drain()
    assert await left(context) == []


async def test_rejected_upload_that_stalls_is_closed(wire, monkeypatch) -> None:
    monkeypatch.setattr(submission, "_DISCARD_TIMEOUT_SECONDS", 0.1)
    client = await wire()
    client.begin()
    client.writer.write(HEAD)
    assert (await client.answer())[0] == 503
    async with asyncio.timeout(5):
        assert await client.reader.read() == b""


async def test_wait_field_before_the_recording_is_used(wire, context) -> None:
    client = await wire()
    client.begin()
    client.writer.write(WAIT + HEAD + bytes(2_000_000))
    await client.writer.drain()
    async with asyncio.timeout(5):
        while not await left(context):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert not client.reader._buffer


async def test_model_of_the_query_is_used(wire, coordinator) -> None:
    client = await wire()
    client.begin("/jobs?model=asr/many", "Expect: 100-continue")
    assert (await client.answer())[0] == 503
    assert coordinator.prefetched[-1] == ("asr/many", "operator")


async def test_small_upload_is_read_completely_before_the_check(client, ended) -> None:
    body = HEAD + b"sound\r\n" + WAIT + b"--x--\r\n"
    answer = await client.post(
        "/jobs", content=body, headers={"content-type": "multipart/form-data; boundary=x"}
    )
    assert answer.status_code == 202
    assert (await ended(answer.json()["job_id"]))["status"] == "done"

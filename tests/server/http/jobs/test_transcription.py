"""Transcription jobs over HTTP, as documented for clients."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from wyoming_servers.core.domain import ModelState
from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.http.body_limits import BodyLimitMiddleware

FORM = {"content-type": "multipart/form-data; boundary=x"}


def files(folder: Path) -> list[Path]:
    return list(folder.rglob("*"))


async def test_transcription_job_returns_its_result(send, ended, client) -> None:
    answer = await send(name="talk.mp3", language="en", task="translate")
    assert answer.status_code == 202
    job_id = answer.json()["job_id"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", job_id)
    job = await ended(job_id)
    assert job["id"] == job_id
    assert (job["status"], job["task"], job["language"]) == ("done", "translate", "en")
    assert (job["progress"], job["duration_secs"], job["filename"]) == (100, 10.0, "talk.mp3")
    assert job["segments"] == [
        {"index": 0, "start": 1.0, "end": 3.0, "text": "2.0 seconds", "words": []},
        {"index": 1, "start": 8.0, "end": 9.0, "text": "1.0 seconds", "words": []},
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", job["created_at"])
    assert "completed_at" in job
    assert "error" not in job


@pytest.mark.parametrize(
    ("suffix", "kind", "begin"),
    [
        ("srt", "application/x-subrip", "1\n00:00:01,000 --> 00:00:03,000\n2.0 seconds\n"),
        ("vtt", "text/vtt", "WEBVTT\n\n00:00:01.000 --> 00:00:03.000\n2.0 seconds\n"),
        ("txt", "text/plain", "2.0 seconds\n1.0 seconds\n"),
    ],
)
async def test_job_result_formats_are_subtitles_and_text(
    suffix, kind, begin, send, ended, client
) -> None:
    job = (await send()).json()["job_id"]
    await ended(job)
    answer = await client.get(f"/jobs/{job}.{suffix}")
    assert answer.headers["content-type"].startswith(kind)
    assert answer.text.startswith(begin)
    assert (await client.get(f"/jobs/{job}.json")).json()["id"] == job


async def test_model_that_is_not_ready_is_loaded_and_answers_503(
    send, coordinator, context
) -> None:
    for state, seconds in [
        (ModelState.UNLOADED, 30),
        (ModelState.LOADING, 10),
        (ModelState.WAITING_FOR_MEMORY, 30),
    ]:
        coordinator.state = state
        answer = await send()
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == str(seconds)
        body = answer.json()
        assert body["error"] == "model_not_ready"
        assert (body["state"], body["retry_after_secs"]) == (state, seconds)
        assert coordinator.prefetched[-1] == ("asr/english", "operator")
    assert await asyncio.to_thread(files, context.jobs.uploads_folder) == []


@pytest.mark.parametrize("where", ["before", "after", "query"])
async def test_address_of_a_refused_job_is_told_about_its_model(
    where, coordinator, context, client, monkeypatch
) -> None:
    told = []
    monkeypatch.setattr(context.webhooks, "check_url", lambda _url: None)
    monkeypatch.setattr(context.webhooks, "subscribe_to_models", lambda *args: told.append(args))
    coordinator.state = ModelState.UNLOADED
    parts = [("audio", ("a.wav", b"x"))]
    if where != "query":
        parts.insert(0 if where == "before" else 1, ("webhook_url", (None, "http://h.test/x")))
    url = "/jobs?webhook_url=http://h.test/x" if where == "query" else "/jobs"
    answer = await client.post(url, files=parts)
    assert answer.status_code == 503
    assert answer.json()["recoverable"] is True
    assert told == [("http://h.test/x", "asr/english")]


async def test_address_that_follows_a_large_refused_recording_is_told(
    live, coordinator, context, monkeypatch
) -> None:
    told = []
    subscribed = asyncio.Event()

    def subscribe(*args: str) -> None:
        told.append(args)
        subscribed.set()

    monkeypatch.setattr(context.webhooks, "check_url", lambda _url: None)
    monkeypatch.setattr(context.webhooks, "subscribe_to_models", subscribe)
    coordinator.state = ModelState.UNLOADED

    async def body() -> AsyncIterator[bytes]:
        part = "--x\r\nContent-Disposition: form-data; name="
        yield f'{part}"audio"; filename="a.wav"\r\n\r\n'.encode()
        for _ in range(8):
            yield bytes(65_536)
        yield f'\r\n{part}"webhook_url"\r\n\r\nhttp://h.test/x\r\n--x--\r\n'.encode()

    answer = await live.post("/jobs", content=body(), headers=FORM)
    assert (answer.status_code, answer.json()["error"]) == (503, "model_not_ready")
    async with asyncio.timeout(5):
        await subscribed.wait()
    assert told == [("http://h.test/x", "asr/english")]


async def test_refused_job_with_a_forbidden_address_is_a_bad_request(client, coordinator) -> None:
    coordinator.state = ModelState.UNLOADED
    answer = await client.post(
        "/jobs", files={"audio": b"x"}, data={"webhook_url": "http://192.168.1.1/x"}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("where", ["field", "query"])
async def test_wait_accepts_a_job_without_a_ready_model(
    where, send, client, coordinator, ended
) -> None:
    coordinator.state = ModelState.UNLOADED
    if where == "field":
        answer = await send(wait="true")
    else:
        answer = await client.post("/jobs?wait=true", files={"audio": b"x"})
    assert answer.status_code == 202
    assert (await ended(answer.json()["job_id"]))["status"] == "done"


@pytest.mark.parametrize(
    ("request_body", "message"),
    [
        ({"data": {"task": "transcribe"}, "files": {"other": b"x"}}, "missing 'audio' field"),
        ({"files": {"audio": b""}}, "audio field is empty"),
        (
            {"files": {"audio": b"x"}, "data": {"task": "sing"}},
            "task must be 'transcribe' or 'translate'",
        ),
        ({"files": {"audio": b"x"}, "data": {"vad": "perhaps"}}, "vad must be 'true' or 'false'"),
        ({"json": {"audio": "x"}}, "multipart error: "),
        (
            {
                "content": b"nonsense",
                "headers": FORM,
            },
            "multipart error: ",
        ),
        (
            {
                "content": b'--x\r\nContent-Disposition: form-data; name="audio"\r\n\r\nabc',
                "headers": FORM,
            },
            "multipart error: the request ends",
        ),
        (
            {"files": {"audio": b"x"}, "data": {"prompt": "x" * 100_000}},
            "multipart error: the field 'prompt' is too long",
        ),
        (
            {"files": {"audio": b"x"}, "data": {f"f{n}": "x" for n in range(100)}},
            "multipart error: more than",
        ),
        (
            {"files": {"audio": b"x"}, "data": {"webhook_url": "http://192.168.1.1/"}},
            "webhook_url is not allowed for 192.168.1.1",
        ),
    ],
)
async def test_invalid_form_is_rejected_with_its_reason(
    request_body, message, client, context
) -> None:
    answer = await client.post("/jobs", **request_body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(message)
    assert answer.json()["code"] == "BAD_REQUEST"
    assert await asyncio.to_thread(files, context.jobs.uploads_folder) == []


async def test_unknown_language_or_model_is_rejected(send) -> None:
    assert (await send(language="xx")).json()["code"] == "UNSUPPORTED_LANGUAGE"
    answer = await send(model="asr/nobody")
    assert (answer.status_code, answer.json()["code"]) == (404, "MODEL_MISSING")


async def test_unknown_and_ended_jobs_answer_404_and_409(send, ended, client) -> None:
    for request in (client.get("/jobs/nope"), client.delete("/jobs/nope"),
                    client.get("/jobs/nope.srt"), client.get("/jobs/nope/stream")):  # fmt: skip
        answer = await request
        assert (answer.status_code, answer.json()["error"]) == (404, "job nope not found")
    job = (await send()).json()["job_id"]
    await ended(job)
    answer = await client.delete(f"/jobs/{job}")
    assert answer.status_code == 409
    assert answer.json()["error"] == f"job {job} is already in terminal state done"


async def test_job_can_be_cancelled(send, client, coordinator) -> None:
    coordinator.gate.clear()
    job = (await send()).json()["job_id"]
    answer = await client.delete(f"/jobs/{job}")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")


async def test_failed_job_has_an_error_code_and_message(send, ended, recording) -> None:
    recording.parts = [BadRequestError("The file cannot be decoded: noise.")]
    job = await ended((await send()).json()["job_id"])
    assert (job["status"], job["error_code"]) == ("failed", "BAD_REQUEST")
    assert "noise" in job["error"]


async def test_job_list_leaves_out_segments(send, ended, client) -> None:
    ids = [(await send()).json()["job_id"] for _ in range(3)]
    for job in ids:
        await ended(job)
    answer = (await client.get("/jobs", params={"limit": 2, "status": "done"})).json()
    assert [job["id"] for job in answer["jobs"]] == ids[:0:-1]
    assert all(job["segments"] == [] for job in answer["jobs"])


async def test_health_counts_waiting_jobs(send, client, coordinator) -> None:
    coordinator.gate.clear()
    for _ in range(3):
        await send()
    async with asyncio.timeout(5):
        while (await client.get("/health")).json()["queue_depth"] != 2:  # noqa: ASYNC110  (one runs)
            await asyncio.sleep(0.01)


async def test_repeated_idempotency_key_creates_one_job(send) -> None:
    first = await send(headers={"Idempotency-Key": "k"})
    again = await send(headers={"Idempotency-Key": "k"})
    assert first.json() == again.json()
    assert first.json() != (await send(headers={"Idempotency-Key": "other"})).json()


@pytest.mark.parametrize("name", ["../../../../etc/cron.d/x", "..\\..\\x", "/etc/passwd", "\x00"])
async def test_file_name_is_never_used_as_a_path(name, send, ended, tmp_path, client) -> None:
    before = set(await asyncio.to_thread(files, tmp_path))
    job = (await send(name=name)).json()["job_id"]
    found = await ended(job)
    assert "/" not in found.get("filename", "")
    after = set(await asyncio.to_thread(files, tmp_path))
    assert {path.name for path in after - before} <= {job, "jobs.sqlite-wal", "jobs.sqlite-shm"}


@pytest.mark.parametrize("job", ["..%2f..%2fapi-token", "../api-token", "%2e%2e%2fjobs.sqlite"])
async def test_job_id_is_never_used_as_a_path(job, client, tmp_path: Path) -> None:
    for path in (f"/jobs/{job}", f"/jobs/{job}.json"):
        assert (await client.get(path)).status_code == 404


async def test_recording_over_the_limit_is_rejected_before_and_during_the_upload(
    client, live, context
) -> None:
    answer = await client.post("/jobs", files={"audio": bytes(20_000_000)})
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")

    async def endless():
        yield b'--x\r\nContent-Disposition: form-data; name="audio"; filename="a"\r\n\r\n'
        for _ in range(64):
            yield bytes(65_536)

    answer = await live.post("/jobs", content=endless(), headers=FORM)
    assert answer.status_code == 413
    assert await asyncio.to_thread(files, context.jobs.uploads_folder) == []


async def test_waiting_recordings_share_a_quota(context, send, client) -> None:
    config = context.config_holder.current
    small = config.model_copy(update={"jobs": config.jobs.model_copy(update={"quota": 300_000})})
    context.config_holder.replace(small, frozenset({"jobs.quota"}))
    context.jobs._coordinator.gate.clear()
    assert (await send(content=bytes(200_000))).status_code == 202
    answer = await send(content=bytes(200_000))
    assert (answer.status_code, answer.json()["code"]) == (503, "BUSY")
    assert "Retry-After" in answer.headers


async def test_upload_of_a_client_that_disconnects_is_deleted(live, context) -> None:
    sent = asyncio.Event()

    async def stop():
        yield b'--x\r\nContent-Disposition: form-data; name="audio"; filename="a"\r\n\r\n'
        yield bytes(200_000)
        sent.set()
        await asyncio.sleep(60)

    request = asyncio.create_task(live.post("/jobs", content=stop(), headers=FORM))
    await sent.wait()
    request.cancel()
    await asyncio.wait([request])
    async with asyncio.timeout(5):
        while await asyncio.to_thread(files, context.jobs.uploads_folder):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_job_calls_its_webhook_at_the_end(send, ended, context) -> None:
    received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1])
        received.set_result(await reader.readexactly(size))
        writer.write(b"HTTP/1.1 204 Fine\r\nconnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    job = await ended((await send(webhook_url=url)).json()["job_id"])
    async with asyncio.timeout(5):
        assert json.loads(await received) == job
    server.close()
    await server.wait_closed()


async def test_api_jobs_require_token(anonymous) -> None:
    for method, path in [("GET", "/jobs"), ("POST", "/jobs"), ("GET", "/webhooks"),
                         ("DELETE", "/jobs/x"), ("GET", "/webhooks/deliveries")]:  # fmt: skip
        assert (await anonymous.request(method, path)).status_code == 401


@pytest.mark.parametrize(
    ("pause", "message"), [(60.0, "no data after"), (0.03, "bytes per second")]
)
async def test_upload_that_stalls_or_is_too_slow_is_aborted(
    pause, message, live, context, monkeypatch
) -> None:
    monkeypatch.setattr(BodyLimitMiddleware, "timeout", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", live.base_url.port)
    head = (
        "POST /jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer s3cret\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 900000\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="audio"; filename="a"\r\n\r\n'
    )

    async def drip() -> None:
        writer.write(head.encode())
        while True:
            writer.write(b"\0")
            await writer.drain()
            await asyncio.sleep(pause)

    dripping = asyncio.create_task(drip())
    async with asyncio.timeout(5):
        answer = (await reader.readuntil(b"}")).decode()
    dripping.cancel()
    await asyncio.wait([dripping])
    assert answer.startswith("HTTP/1.1 408")
    assert message in answer
    assert await asyncio.to_thread(files, context.jobs.uploads_folder) == []
    writer.close()

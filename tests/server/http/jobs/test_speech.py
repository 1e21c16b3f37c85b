"""Speech jobs over HTTP: texts and subtitles, the audio file and the report."""

import asyncio
import io
import json
import wave
from pathlib import Path

import pytest

SRT = (
    b"1\n00:00:00,500 --> 00:00:03,000\nShort.\n\n"
    b"2\n00:00:03,000 --> 00:00:03,500\nThis one is too long for it.\n"
)


async def order(client, **fields) -> str:
    answer = await client.post("/jobs/speech", **fields)
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/jobs/{answer.json()['job_id']}"
    return answer.json()["job_id"]


async def test_speech_job_creates_an_audio_file(client, ended) -> None:
    job_id = await order(client, json={"text": "Good morning. How are you?"})
    job = await ended(job_id)
    assert (job["status"], job["task"], job["progress"]) == ("done", "speak", 100)
    assert job["speech"] == {
        "voice": "en_US-joe", "speed": 1.0, "input": "txt", "format": "wav", "longer": [],
    }  # fmt: skip
    assert [segment["text"] for segment in job["segments"]] == ["Good morning.", "How are you?"]
    answer = await client.get(f"/jobs/{job_id}.wav")
    assert answer.headers["content-type"] == "audio/wav"
    with wave.open(io.BytesIO(answer.content)) as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(
            job["duration_secs"], abs=0.001
        )
    part = await client.get(f"/jobs/{job_id}.wav", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"RIFF")


async def test_speech_job_reads_ssml(client, ended) -> None:
    markup = "<speak>One moment.<break time='3s'/><prosody rate='fast'>Thanks.</prosody></speak>"
    job = await ended(await order(client, json={"text": markup}))
    assert (job["status"], job["speech"]["input"]) == ("done", "ssml")
    first, second = job["segments"]
    assert (first["text"], second["text"]) == ("One moment.", "Thanks.")
    assert second["start"] - first["end"] == pytest.approx(3.2)  # with that between sentences


async def test_speech_job_reports_cues_whose_speech_is_too_long(client, ended) -> None:
    files = {"text": ("talk.srt", SRT)}
    job_id = await order(client, files=files, data={"format": "flac", "speed": "1.5"})
    job = await ended(job_id)
    assert job["filename"] == "talk.srt"
    assert (job["speech"]["input"], job["speech"]["speed"]) == ("srt", 1.5)
    assert job["speech"]["longer"] == [
        {
            "cue": 2,
            "start": 3.0,
            "end": 3.5,
            "text": "This one is too long for it.",
            "wanted_secs": 0.5,
            "natural_secs": 0.875,
            "got_secs": 0.875,
            "pace": 1.25,
            "late_secs": 0.0,
        }
    ]
    assert (await client.get(f"/jobs/{job_id}.json")).json() == job
    assert (await client.get(f"/jobs/{job_id}.flac")).content.startswith(b"fLaC")
    assert "00:00:03,000 --> 00:00:03,875" in (await client.get(f"/jobs/{job_id}.srt")).text


async def test_speech_job_streams_progress_per_cue(live) -> None:
    job_id = await order(live, json={"text": "One is. Two is. Three is.", "format": "mp3"})
    text = (await live.get(f"/jobs/{job_id}/stream")).text
    seen = [
        json.loads(line.removeprefix("data:"))
        for line in text.splitlines()
        if line.startswith("data:")
    ]
    assert seen[-1]["type"] == "done"
    assert seen[-1]["job"]["status"] == "done"
    percents = [event["percent"] for event in seen[:-1]]
    assert percents == sorted(percents)
    assert {event["chunks_total"] for event in seen[1:-1]} <= {3}


async def test_audio_is_available_only_when_done_and_in_its_format(
    client, ended, coordinator
) -> None:
    coordinator.gate.clear()
    job_id = await order(client, json={"text": "Hello."})
    answer = await client.get(f"/jobs/{job_id}.wav")
    assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")
    coordinator.gate.set()
    await ended(job_id)
    answer = await client.get(f"/jobs/{job_id}.mp3")
    assert answer.status_code == 404
    assert f"/jobs/{job_id}.wav" in answer.json()["detail"]


async def test_transcription_job_has_no_audio(send, ended, client) -> None:
    job_id = (await send()).json()["job_id"]
    await ended(job_id)
    answer = await client.get(f"/jobs/{job_id}.wav")
    assert (answer.status_code, answer.json()["detail"]) == (404, "Its result is a transcript.")


async def test_repeated_idempotency_key_creates_one_speech_job(client, context) -> None:
    headers = {"Idempotency-Key": "k"}
    first = await order(client, json={"text": "One."}, headers=headers)
    assert await order(client, files={"text": b"Two."}, headers=headers) == first


@pytest.mark.parametrize(
    ("sent", "status", "message"),
    [
        ({"json": {"text": ""}}, 400, "text:"),
        ({"json": {"text": "  \n "}}, 400, "text:"),
        ({"json": {"text": "?!"}}, 400, "nothing to speak"),
        ({"json": {"text": "a", "speed": 9}}, 400, "speed:"),
        ({"json": {"text": "a", "format": "aiff"}}, 400, "format:"),
        ({"json": {"text": "a", "input": "srt"}}, 400, "no cue"),
        ({"json": ["a"]}, 400, "not valid"),
        ({"json": {"text": "a", "voice": "nobody"}}, 404, "nobody"),
        ({"json": {"text": "a", "speaker": "nobody"}}, 400, "no speaker"),
        ({"json": {"text": "a", "language": "xx"}}, 400, "xx"),
        ({"json": {"text": "a", "webhook_url": "http://10.0.0.1/"}}, 400, "webhook_url"),
        (
            {"content": b"{", "headers": {"content-type": "application/json"}},
            400,
            "not JSON",
        ),
        ({"content": b"hello"}, 400, "multipart error"),
        ({"files": {"text": b""}}, 400, "text field is empty"),
        ({"files": {"text": b"\x00\x01"}}, 400, "not text"),
        ({"files": {"text": b"a"}, "data": {"speed": "quick"}}, 400, "speed:"),
        ({"files": {"text": bytes(9_000_000)}}, 413, "larger than"),
        ({"json": {"text": "a " * 5_000_000}}, 413, "larger than"),
    ],
)
async def test_invalid_speech_job_is_rejected_and_leaves_no_files(
    sent, status, message, client, context
) -> None:
    answer = await client.post("/jobs/speech", **sent)
    assert answer.status_code == status
    assert message in answer.json()["error"]
    left = await asyncio.to_thread(lambda: list(Path(context.jobs.uploads_folder).iterdir()))
    assert left == []


async def test_speech_job_can_be_cancelled(client, coordinator, context) -> None:
    coordinator.gate.clear()
    job_id = await order(client, json={"text": "Hello."})
    assert (await client.delete(f"/jobs/{job_id}")).json()["status"] == "cancelled"


async def test_info_lists_the_speech_jobs_feature(client, anonymous) -> None:
    assert "speech_jobs" in (await client.get("/info")).json()["features"]
    assert (await anonymous.post("/jobs/speech", json={"text": "a"})).status_code == 401


async def test_speech_job_calls_its_webhook_at_the_end(client, ended) -> None:
    received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        size = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        received.set_result(await reader.readexactly(size))
        writer.write(b"HTTP/1.1 204 Fine\r\nconnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    job = await ended(await order(client, json={"text": "Hello.", "webhook_url": url}))
    async with asyncio.timeout(5):
        assert json.loads(await received) == job
    assert job["task"] == "speak"
    server.close()
    await server.wait_closed()

"""Workers crash, models are unloaded, the server stops: the answers of waiting clients."""

import asyncio
import signal
import time

import psutil
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.component]

LONG_TEXT = " ".join(
    f"It was the best of {thing}, it was the worst of {thing}, it was the age of {thing}."
    for thing in (
        *("times", "wisdom", "belief", "light", "hope", "summer", "winter", "water"),
        *("doubt", "stone", "music", "silence"),
    )
)
"""No sentence is repeated, because repeated ones come from the phrase cache."""


def kill(process: psutil.Process) -> None:
    process.send_signal(signal.SIGKILL)


async def test_killed_idle_worker_is_replaced_for_the_next_request(server, clip) -> None:
    victim = server.worker("whisper/tiny.en")
    kill(victim)
    answer = await server.transcribe(clip("goforward"))
    assert answer.event.type == "transcript", answer.event.data
    assert "forward" in answer.text.lower()
    assert server.worker("whisper/tiny.en").pid != victim.pid


async def test_crash_during_speech_sends_an_error_and_no_audio_stop(server, helpers) -> None:
    from wyoming.tts import Synthesize

    async with server.connect("tts") as client:
        await client.write_event(Synthesize(text=LONG_TEXT).event())
        await helpers.read_until(client, "audio-chunk")
        kill(server.worker("piper/en_US-joe-medium"))
        begin = time.monotonic()
        event = await helpers.read_until(client, "audio-stop", "error")
        waited = time.monotonic() - begin
    assert event.type == "error"
    assert event.data["code"] == "INFERENCE_FAILED"
    assert waited < 20
    assert (await server.synthesize("Still here.")).seconds > 0.3


async def test_crashed_worker_does_not_affect_other_services(server, clip) -> None:
    others = {name: server.worker(name).pid for name in ("piper/en_US-joe-medium", "openwakeword")}
    kill(server.worker("whisper/tiny.en"))
    assert (await server.synthesize("I can still speak.")).seconds > 0.5
    assert {name: server.worker(name).pid for name in others} == others
    answer = await server.transcribe(clip("goforward"))
    assert "forward" in answer.text.lower()


async def test_idle_model_is_unloaded_despite_describe(start_server, clip) -> None:
    server = start_server(keep_alive=2)
    process = server.worker("whisper/tiny.en")
    before = server.model("whisper/tiny.en")["memory_bytes"]
    assert before > 50_000_000
    await server.transcribe(clip("goforward"))
    deadline = time.monotonic() + 30
    while process.is_running() and time.monotonic() < deadline:
        async with server.connect("asr") as client:
            from wyoming.info import Describe

            await client.write_event(Describe().event())
            assert await client.read_event() is not None
        await asyncio.sleep(0.3)
    assert not process.is_running()
    assert "pid" not in server.wait_state("whisper/tiny.en", "unloaded")
    answer = await server.transcribe(clip("goforward"))
    assert "forward" in answer.text.lower()


async def test_shutdown_finishes_a_running_request(start_server) -> None:
    server = start_server(limits__shutdown_grace=60)
    server.wait_state("piper/en_US-joe-medium", "ready")
    speaking = asyncio.create_task(server.synthesize(LONG_TEXT))
    await asyncio.sleep(0.5)
    server.process.send_signal(signal.SIGTERM)
    assert (await speaking).events[-1] == "audio-stop"
    assert await asyncio.to_thread(server.process.wait, 60) == 0


def test_shutdown_leaves_no_process(start_server) -> None:
    server = start_server()
    workers = [
        server.worker(name)
        for name in ("whisper/tiny.en", "piper/en_US-joe-medium", "openwakeword")
    ]
    assert server.stop() == 0
    assert not [worker for worker in workers if worker.is_running()]
    assert not (server.data_dir / "server.json").exists()


def test_killed_server_leaves_no_worker(start_server) -> None:
    server = start_server()
    workers = [server.worker(name) for name in ("whisper/tiny.en", "openwakeword")]
    server.process.kill()
    server.process.wait(10)
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive

"""Settings that change again and again while clients speak and listen all the time."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wyoming.asr import Transcribe
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.info import Describe

pytestmark = [pytest.mark.e2e, pytest.mark.component]

TINY, BASE = "whisper/tiny.en", "whisper/base"
VOICE, OTHER_VOICE = "en_US-joe-medium", "af_heart"
KOKORO = Path(__file__).parents[3] / ".tools" / "kokoro"
RATES = {22_050, 24_000}
"""Of a Piper voice, and of Kokoro."""
CHANGES = 20


@pytest.mark.timeout(240)
@pytest.mark.skipif(not KOKORO.exists(), reason="script/setup kokoro was not run")
async def test_no_request_fails_while_models_and_voices_change(
    start_server: Any, clip: Callable[[str], bytes], helpers: Any, tmp_path: Path
) -> None:
    (tmp_path / "models.d").mkdir()
    (tmp_path / "models.d" / "kokoro").symlink_to(KOKORO)
    server = start_server(asr__model=None, wake__enabled="false", data_dir=tmp_path)
    for model in (BASE, "piper/en_US-joe-medium"):
        server.wait_state(model, "ready")
    spoken = synthesized = changed = 0
    rates = set()
    finished = asyncio.Event()

    async def speak() -> None:
        nonlocal spoken
        while not finished.is_set():
            async with server.connect("asr") as client:
                await client.write_event(Transcribe(language="en").event())
                await helpers.send_audio(client, clip("goforward"))
                answer = await helpers.read_until(client, "transcript", "error")
                assert answer.type == "transcript", answer.data
                assert "forward" in answer.data["text"].lower()
                spoken += 1

    async def listen() -> None:
        nonlocal synthesized
        while not finished.is_set():
            audio = await server.synthesize(f"Number {synthesized}.")
            assert audio.seconds > 0.3
            rates.add(audio.rate)
            synthesized += 1

    async def change() -> None:
        nonlocal changed
        try:
            for number in range(CHANGES):
                model = (TINY, BASE)[number % 2]
                voice = (OTHER_VOICE, VOICE)[number % 2]
                patch = {
                    "asr": {"model": model},
                    "tts": {"voice": voice, "speed": 1 + number / 40},
                    "models": {TINY: {"options": {"cpu_threads": 1 + number // 2 % 2}}},
                }
                answer = await asyncio.to_thread(server.http, "/config", "PATCH", patch)
                assert answer["restart_needed"] == []
                assert answer["keys"]["asr.model"]["effective"] == model
                changed += 1
                if number < 2:  # However fast the changes are, each model serves one utterance.
                    assert (await server.transcribe(clip("goforward"))).event.type == "transcript"
        finally:
            finished.set()

    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(speak())
            group.create_task(listen())
        group.create_task(change())

    traces = server.http("/traces?limit=500")["traces"]
    assert [trace for trace in traces if trace["code"]] == []
    assert changed == CHANGES
    assert spoken >= CHANGES / 2
    assert synthesized >= CHANGES / 2
    used = {trace["model"] for trace in traces if trace["kind"] == "asr"}
    assert used == {TINY, BASE}
    assert rates == RATES


async def test_request_is_answered_by_the_model_that_was_chosen_at_its_start(
    start_server: Any, clip: Callable[[str], bytes], helpers: Any
) -> None:
    server = start_server(asr__model=None, wake__enabled="false", tts__enabled="false")
    server.wait_state(BASE, "ready")
    models = (TINY, BASE)
    for number in range(6):
        async with server.connect("asr") as client:
            await client.write_event(Transcribe(language="en").event())
            half = clip("goforward")
            step = 960
            await client.write_event(AudioStart(rate=16_000, width=2, channels=1).event())
            for offset in range(0, len(half) // 2, step):
                audio = half[offset : min(offset + step, len(half) // 2)]
                await client.write_event(AudioChunk(16_000, 2, 1, audio).event())
            async with server.connect("asr") as other:
                # The server reads all connections alike: the audio above has been read by then.
                await other.write_event(Describe().event())
                await helpers.read_until(other, "info")
            before = await asyncio.to_thread(server.http, "/config")
            chosen = before["effective"]["asr"]["model"]
            patch = {"asr": {"model": models[number % 2]}}
            await asyncio.to_thread(server.http, "/config", "PATCH", patch)
            await client.write_event(AudioChunk(16_000, 2, 1, half[len(half) // 2 :]).event())
            await client.write_event(AudioStop().event())
            answer = await helpers.read_until(client, "transcript", "error")
            assert answer.type == "transcript", answer.data
        latest = server.http("/traces?limit=1&kind=asr")["traces"][0]
        assert latest["model"] == chosen != models[number % 2]

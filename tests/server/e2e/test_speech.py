"""Speech-to-text, text-to-speech and wake words with real models."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from wyoming.event import Event

pytestmark = [pytest.mark.e2e, pytest.mark.component]


def long_text(subject: str) -> str:
    """A minute of speech without repeated sentences, which would come from the phrase cache."""
    return " ".join(
        f"The {subject} number {number} is on, and the window beside it is open."
        for number in ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    ) + " ".join(
        f" Tomorrow at {number} it will rain on the {subject}, and then the sun will come out."
        for number in ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    )


def words(text: str) -> list[str]:
    return "".join(letter for letter in text.lower() if letter.isalpha() or letter == " ").split()


async def test_synthesized_speech_is_transcribed(server) -> None:
    spoken = await server.synthesize("Turn on the kitchen light.")
    answer = await server.transcribe(spoken.pcm + bytes(spoken.rate * 2), rate=spoken.rate)
    assert words(answer.text)[-4:] == ["on", "the", "kitchen", "light"]


async def test_recorded_command_is_transcribed(server, clip: Callable[[str], bytes]) -> None:
    answer = await server.transcribe(clip("goforward"))
    assert words(answer.text)[:2] == ["go", "forward"]


async def test_connection_carries_two_utterances(server, clip, helpers) -> None:
    async with server.connect("asr") as client:
        for name, word in (("goforward", "forward"), ("cards_001", "clubs")):
            await helpers.send_utterance(client, clip(name))
            event = await helpers.read_until(client, "transcript", "error")
            assert word in words(event.data["text"])


async def test_speech_arrives_in_order_and_in_one_format(server) -> None:
    spoken = await server.synthesize("One. Two, three, four. Five!")
    assert spoken.events[0] == "audio-start"
    assert spoken.events[-1] == "audio-stop"
    assert set(spoken.events[1:-1]) == {"audio-chunk"}
    assert 1.0 < spoken.seconds < 10.0


async def test_wake_word_is_detected_and_other_words_are_not(server) -> None:
    for text, word, expected in (
        ("Hey Jarvis.", "hey_jarvis", "detection"),
        ("Alexa.", "alexa", "detection"),
        ("Turn on the kitchen light.", "hey_jarvis", "not-detected"),
        ("Hey Jarvis.", "alexa", "not-detected"),
    ):
        spoken = await server.synthesize(text)
        silence = bytes(spoken.rate * 2)
        answer = await server.detect(word, silence + spoken.pcm + silence, rate=spoken.rate)
        assert (text, word, answer.event.type) == (text, word, expected)


async def test_describe_is_answered_during_a_long_synthesis(server) -> None:
    async def describe(service: str) -> None:
        async with server.connect(service) as client:
            from wyoming.info import Describe

            await client.write_event(Describe().event())
            event = await client.read_event()
            assert event is not None
            assert event.type == "info"

    long = asyncio.create_task(server.synthesize(long_text("lamp")))
    for _ in range(5):
        for service in ("asr", "tts", "wake"):
            await describe(service)
    assert not long.done(), "the text was too short to prove anything"
    assert (await long).seconds > 10


async def test_short_text_does_not_wait_for_a_long_one(server) -> None:
    long = asyncio.create_task(server.synthesize(long_text("heater")))
    await asyncio.sleep(0.2)
    await server.synthesize("Yes.")
    assert not long.done()
    await long


def test_command_line_says_and_transcribes(server, tmp_path: Path) -> None:
    spoken = tmp_path / "spoken.wav"
    run = [sys.executable, "-m", "wyoming_servers"]
    tts, asr = (f"127.0.0.1:{server.ports[name]}" for name in ("tts", "asr"))
    completed = subprocess.run(
        [*run, "say", "Turn on the kitchen light.", "-o", str(spoken), "--server", tts],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    answer = subprocess.run(
        [*run, "transcribe", str(spoken), "--server", asr, "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    # The smallest model mistakes a first word now and then: that is its business, not ours.
    text = json.loads(answer.stdout)["text"]
    assert words(text)[-4:] == ["on", "the", "kitchen", "light"]


async def test_speed_in_the_context_shortens_the_speech(server, helpers) -> None:
    async def seconds(**context: float) -> float:
        async with server.connect("tts") as client:
            data = {"text": "The kitchen light is on now.", "context": context}
            await client.write_event(Event(type="synthesize", data=data))
            pcm = 0
            while (event := await client.read_event()) is not None and event.type != "audio-stop":
                assert event.type != "error", event.data
                pcm += len(event.payload or b"")
            return pcm / 44_100

    assert await seconds(speed=2.0) < 0.8 * await seconds()


async def test_recording_without_turn_detection_is_not_cut_at_a_pause(
    server, helpers, clip
) -> None:
    recording = clip("cards_001") + bytes(64_000) + clip("cards_003")
    async with server.connect("asr") as client:
        data = {"language": "en", "context": {"turn_detection": False}}
        await client.write_event(Event(type="transcribe", data=data))
        await helpers.send_audio(client, recording)
        answer = await helpers.read_until(client, "transcript", "error")
    assert words(answer.data["text"]).count("clubs") == 2

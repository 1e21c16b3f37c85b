"""Spoken commands to Home Assistant with our speech-to-text, text-to-speech and wake words."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from harness.assist import run_pipeline
from harness.audio import loudness, seconds, silence
from harness.client import HassClient
from harness.hass import Hass
from harness.setup import Assistant

Recording = Callable[[str], bytes]
Words = Callable[[bytes], Awaitable[set[str]]]
Decode = Callable[[bytes], Awaitable[bytes]]


@pytest.fixture
async def kitchen_light_off(client: HassClient) -> None:
    """Turn off the kitchen light."""
    await client.post("/api/services/light/turn_off", {"entity_id": "light.kitchen_light"})


async def test_wyoming_entries_load_without_warnings(
    hass: Hass, client: HassClient, assistant: Assistant
) -> None:
    entries = await client.command("config_entries/get", domain="wyoming")

    assert {entry["entry_id"] for entry in entries} == set(assistant.entries)
    assert {entry["state"] for entry in entries} == {"loaded"}
    assert hass.problems() == []
    assert (await client.command("repairs/list_issues"))["issues"] == []


@pytest.mark.usefixtures("kitchen_light_off")
async def test_spoken_command_turns_on_light_and_is_answered(
    client: HassClient,
    assistant: Assistant,
    recording: Recording,
    to_pcm: Decode,
    words_in: Words,
) -> None:
    command = silence(0.5) + recording("turn_on_the_kitchen_light")

    result = await run_pipeline(client, assistant.pipeline, command)

    assert result.errors == []
    assert result.transcript is not None
    assert "kitchen light" in result.transcript.lower()
    assert result.response_type == "action_done"
    assert await client.state("light.kitchen_light") == "on"
    assert result.answer is not None
    answer = set(result.answer.lower().strip(".").split())
    transcript = await words_in(await to_pcm(result.audio) + silence(1.0))
    # Synthesis varies a little, so some words may be transcribed wrongly, but not most of them.
    assert len(answer & transcript) >= len(answer) / 2


async def test_streamed_answer_is_synthesized_while_it_arrives(
    client: HassClient, assistant: Assistant, recording: Recording, to_pcm: Decode
) -> None:
    question = silence(0.5) + recording("is_the_kitchen_light_on")

    result = await run_pipeline(client, assistant.streaming_pipeline, question)

    assert result.errors == []
    assert result.was_streamed
    answer = await to_pcm(result.audio)
    # Speaking 46 words takes at least 8 seconds, so no audio is missing.
    assert seconds(answer) > 8
    assert loudness(answer) > 500


@pytest.mark.usefixtures("kitchen_light_off")
async def test_wake_word_starts_pipeline(
    client: HassClient, assistant: Assistant, recording: Recording
) -> None:
    sound = silence(1.5) + recording("hey_jarvis") + silence(0.4)
    sound += recording("turn_on_the_kitchen_light")

    result = await run_pipeline(client, assistant.pipeline, sound, start_stage="wake_word")

    assert result.errors == []
    assert result.wake_word is not None
    assert result.wake_word.startswith("hey_jarvis")
    assert await client.state("light.kitchen_light") == "on"
    assert result.audio


async def test_two_simultaneous_commands_are_transcribed(
    client: HassClient, assistant: Assistant, recording: Recording
) -> None:
    command = silence(0.5) + recording("turn_on_the_kitchen_light")
    question = silence(0.5) + recording("is_the_kitchen_light_on")

    async with asyncio.TaskGroup() as people:
        first = people.create_task(run_pipeline(client, assistant.pipeline, command))
        second = people.create_task(run_pipeline(client, assistant.pipeline, question))

    for result in (first.result(), second.result()):
        assert result.errors == []
        assert "kitchen light" in (result.transcript or "").lower()
        assert result.audio


async def test_silence_is_reported_as_no_text(client: HassClient, assistant: Assistant) -> None:
    result = await run_pipeline(client, assistant.pipeline, silence(2.0))

    assert [code for code, _text in result.errors] == ["stt-no-text-recognized"]


async def test_wyoming_entries_can_be_reloaded(client: HassClient, assistant: Assistant) -> None:
    for entry in assistant.entries:
        await client.post(f"/api/config/config_entries/entry/{entry}/reload", {})

    entries = await client.command("config_entries/get", domain="wyoming")

    assert {entry["state"] for entry in entries} == {"loaded"}

"""A person speaks to Home Assistant, and our servers are its ears and its voice."""

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
async def dark_kitchen(client: HassClient) -> None:
    """The kitchen light is off."""
    await client.post("/api/services/light/turn_off", {"entity_id": "light.kitchen_light"})


async def test_home_assistant_starts_and_adds_the_servers_without_a_warning(
    hass: Hass, client: HassClient, assistant: Assistant
) -> None:
    entries = await client.ask("config_entries/get", domain="wyoming")

    assert {entry["entry_id"] for entry in entries} == set(assistant.entries)
    assert {entry["state"] for entry in entries} == {"loaded"}
    assert hass.problems() == []
    assert (await client.ask("repairs/list_issues"))["issues"] == []


@pytest.mark.usefixtures("dark_kitchen")
async def test_a_spoken_command_turns_on_the_light_and_is_answered_aloud(
    client: HassClient,
    assistant: Assistant,
    recording: Recording,
    to_pcm: Decode,
    words_in: Words,
) -> None:
    command = silence(0.5) + recording("turn_on_the_kitchen_light")

    outcome = await run_pipeline(client, assistant.pipeline, command)

    assert outcome.errors == []
    assert outcome.transcript is not None
    assert "kitchen light" in outcome.transcript.lower()
    assert outcome.response_type == "action_done"
    assert await client.state("light.kitchen_light") == "on"
    assert outcome.answer is not None
    said = set(outcome.answer.lower().strip(".").split())
    heard = await words_in(await to_pcm(outcome.audio) + silence(1.0))
    # Each answer is spoken a little differently, so a word may be misheard, but not most of them.
    assert len(said & heard) >= len(said) / 2


async def test_an_answer_that_comes_word_by_word_is_spoken_while_it_comes(
    client: HassClient, assistant: Assistant, recording: Recording, to_pcm: Decode
) -> None:
    question = silence(0.5) + recording("is_the_kitchen_light_on")

    outcome = await run_pipeline(client, assistant.streaming_pipeline, question)

    assert outcome.errors == []
    assert outcome.was_streamed
    answer = await to_pcm(outcome.audio)
    # 46 words: no voice says them in less than 8 seconds, so nothing was lost.
    assert seconds(answer) > 8
    assert loudness(answer) > 500


@pytest.mark.usefixtures("dark_kitchen")
async def test_a_wake_word_opens_the_pipeline_for_the_command_after_it(
    client: HassClient, assistant: Assistant, recording: Recording
) -> None:
    sound = silence(1.5) + recording("hey_jarvis") + silence(0.4)
    sound += recording("turn_on_the_kitchen_light")

    outcome = await run_pipeline(client, assistant.pipeline, sound, start_stage="wake_word")

    assert outcome.errors == []
    assert outcome.wake_word is not None
    assert outcome.wake_word.startswith("hey_jarvis")
    assert await client.state("light.kitchen_light") == "on"
    assert outcome.audio


async def test_two_people_speak_at_once_and_both_are_understood(
    client: HassClient, assistant: Assistant, recording: Recording
) -> None:
    command = silence(0.5) + recording("turn_on_the_kitchen_light")
    question = silence(0.5) + recording("is_the_kitchen_light_on")

    async with asyncio.TaskGroup() as people:
        first = people.create_task(run_pipeline(client, assistant.pipeline, command))
        second = people.create_task(run_pipeline(client, assistant.pipeline, question))

    for outcome in (first.result(), second.result()):
        assert outcome.errors == []
        assert "kitchen light" in (outcome.transcript or "").lower()
        assert outcome.audio


async def test_silence_is_understood_as_nothing_said(
    client: HassClient, assistant: Assistant
) -> None:
    outcome = await run_pipeline(client, assistant.pipeline, silence(2.0))

    assert [code for code, _text in outcome.errors] == ["stt-no-text-recognized"]


async def test_a_reload_finds_the_servers_again(client: HassClient, assistant: Assistant) -> None:
    for entry in assistant.entries:
        await client.post(f"/api/config/config_entries/entry/{entry}/reload", {})

    entries = await client.ask("config_entries/get", domain="wyoming")

    assert {entry["state"] for entry in entries} == {"loaded"}

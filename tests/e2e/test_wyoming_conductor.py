"""Our integration in a real Home Assistant, with a real server: added, used, lost, found again."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from harness.assist import run_pipeline, say
from harness.audio import loudness, seconds, silence
from harness.client import HassClient
from harness.conductor import Conductor
from harness.hass import LogWatch
from harness.steered import DOMAIN, Steered, devices_of, entities_of, issues

STATE = "sensor.whisper_tiny_en_state"
CONNECTED = "binary_sensor.wyoming_conductor_connected"
VOICE = "select.steered_voice"

Recording = Callable[[str], bytes]
Decode = Callable[[bytes], Awaitable[bytes]]


async def press(client: HassClient, button: str) -> None:
    """Press a button entity."""
    await client.post("/api/services/button/press", {"entity_id": f"button.{button}"})


@pytest.mark.usefixtures("steered")
async def test_a_server_is_added_by_the_form_with_its_models_and_its_engines(
    client: HassClient,
) -> None:
    await client.shows(CONNECTED, "on", within=5)
    await client.shows(STATE, "ready", within=60)
    entries = await client.ask("config_entries/get", domain="wyoming")
    assert {"loaded"} == {entry["state"] for entry in entries}
    names = set(await devices_of(client, DOMAIN))
    assert {"Wyoming Conductor", "whisper/tiny.en", "whisper/base", "Steered"} <= names
    assert await issues(client) == []


async def test_a_command_to_the_assistant_that_the_form_made_turns_on_the_light(
    client: HassClient, steered: Steered, recording: Recording
) -> None:
    await client.post("/api/services/light/turn_off", {"entity_id": "light.kitchen_light"})

    sound = silence(0.5) + recording("turn_on_the_kitchen_light")
    outcome = await run_pipeline(client, steered.pipeline, sound)

    assert outcome.errors == []
    assert await client.state("light.kitchen_light") == "on"
    assert outcome.audio


@pytest.mark.usefixtures("steered")
async def test_a_model_that_is_unloaded_by_its_button_shows_it_within_a_second(
    client: HassClient, conductor: Conductor
) -> None:
    await client.shows(STATE, "ready", within=60)

    pressed = asyncio.create_task(press(client, "whisper_tiny_en_unload"))
    await client.shows(STATE, "unloading", "unloaded", within=1)

    await pressed
    await client.shows(STATE, "unloaded", within=10)
    await client.shows("binary_sensor.whisper_tiny_en_loaded", "off", within=1)
    assert (await conductor.ask("GET", "/models/whisper/tiny.en"))["state"] == "unloaded"
    await press(client, "whisper_tiny_en_load")
    await client.shows(STATE, "ready", within=60)


async def test_another_voice_is_chosen_by_the_select_and_heard(
    client: HassClient, steered: Steered, slow_voice: str, to_pcm: Decode
) -> None:
    text = "The washing machine will be ready in a quarter of an hour."
    first = await say(client, steered.pipeline, text)

    choice = {"entity_id": VOICE, "option": slow_voice}
    await client.post("/api/services/select/select_option", choice)
    second = await say(client, steered.pipeline, text)

    assert (first.errors, second.errors) == ([], [])
    assert await client.state(VOICE) == slow_voice
    plain, slow = await to_pcm(first.audio), await to_pcm(second.audio)
    assert min(loudness(plain), loudness(slow)) > 500
    # At 0.8 times the pace it takes 1.25 times as long; the pauses do not stretch.
    assert 1.1 < seconds(slow) / seconds(plain) < 1.4


async def test_spoken_phrases_are_forgotten_by_a_button(
    client: HassClient, steered: Steered, conductor: Conductor
) -> None:
    await say(client, steered.pipeline, "The front door is locked.")
    assert (await conductor.ask("GET", "/cache"))["phrases"]["phrases"] > 0

    await press(client, "wyoming_conductor_clear_speech_cache")

    assert (await conductor.ask("GET", "/cache"))["phrases"]["phrases"] == 0


@pytest.mark.usefixtures("steered")
async def test_unused_models_are_deleted_by_a_button(client: HassClient) -> None:
    button = "button.wyoming_conductor_delete_unused_models"
    await client.ask("config/entity_registry/update", entity_id=button, disabled_by=None)
    await client.shows(button, "unknown", within=60)  # Home Assistant reloads us after 30 s
    await client.shows(STATE, "ready", within=60)
    assert "whisper/base" in await devices_of(client, DOMAIN)

    await press(client, "wyoming_conductor_delete_unused_models")

    # What is not installed any more has no device; what is served stays.
    async with asyncio.timeout(10):
        while "whisper/base" in (names := await devices_of(client, DOMAIN)):
            await asyncio.sleep(0.1)
    assert "whisper/tiny.en" in names
    assert await client.state(STATE) == "ready"
    await client.ask("config/entity_registry/update", entity_id=button, disabled_by="user")


@pytest.mark.usefixtures("steered")
async def test_a_light_that_is_renamed_is_known_to_the_server_by_its_new_name(
    client: HassClient, conductor: Conductor
) -> None:
    async def names(expected: str) -> list[str]:
        async with asyncio.timeout(20):  # it waits 5 s for more changes
            while True:
                known: list[str] = (await conductor.ask("GET", "/vocabulary"))["names"]
                if expected in known:
                    return known
                await asyncio.sleep(0.2)

    assert "Bedroom light" in await names("Kitchen light")
    lamp = "light.bedroom_light"
    await client.ask("config/entity_registry/update", entity_id=lamp, name="Reading lamp")

    assert "Bedroom light" not in await names("Reading lamp")

    await client.ask("config/entity_registry/update", entity_id=lamp, name=None)


@pytest.mark.usefixtures("steered")
async def test_a_server_that_is_killed_is_missed_at_once_and_is_back_when_it_is(
    client: HassClient, conductor: Conductor, log: LogWatch
) -> None:
    log.expect_one("Error requesting Wyoming Conductor data")
    log.tolerate("homeassistant.components.wyoming")  # the core's own entries miss it as well
    await client.shows(STATE, "ready", within=60)

    await conductor.kill()

    await client.shows(STATE, "unavailable", within=10)
    assert await client.state(CONNECTED) == "off"
    entities = [one for one in await entities_of(client, DOMAIN) if one != CONNECTED]
    states = {one["entity_id"]: one["state"] for one in await client.get("/api/states")}
    assert {states.get(one, "unavailable") for one in entities} == {"unavailable"}
    await asyncio.sleep(4)  # it tries again after 1 and 2 seconds, and must not tell each time
    assert len(log.said("custom_components.wyoming_conductor")) == 1

    await conductor.start()

    await client.shows(STATE, "ready", within=90)
    assert await client.state(CONNECTED) == "on"
    async with asyncio.timeout(5):  # the log is written by a thread of its own
        while len(told := log.said("custom_components.wyoming_conductor")) < 2:
            await asyncio.sleep(0.1)
    assert "recovered" in told[1]
    assert len(told) == 2

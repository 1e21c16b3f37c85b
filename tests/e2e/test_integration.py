"""Our integration in a real Home Assistant with a real server."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from harness.assist import run_pipeline, synthesize
from harness.audio import loudness, seconds, silence
from harness.client import HassClient
from harness.conductor import Conductor
from harness.hass import LogWatch
from harness.integration import DOMAIN, ConductorEntry, devices_of, entities_of, issues

LOADED = "switch.whisper_tiny_en_loaded"
VOICE = "select.office_voice"

Recording = Callable[[str], bytes]
Decode = Callable[[bytes], Awaitable[bytes]]


async def press(client: HassClient, button: str) -> None:
    """Press a button entity."""
    await client.post("/api/services/button/press", {"entity_id": f"button.{button}"})


async def wait_until_ready(conductor: Conductor) -> None:
    """Wait until the model has loaded."""
    async with asyncio.timeout(60):
        while (await conductor.request("GET", "/models/whisper/tiny.en"))["state"] != "ready":
            await asyncio.sleep(0.1)


@pytest.mark.usefixtures("conductor_entry")
async def test_config_flow_adds_models_and_engines(
    client: HassClient,
) -> None:
    await client.wait_for_state(LOADED, "on", within=60)
    entries = await client.command("config_entries/get", domain="wyoming")
    assert {"loaded"} == {entry["state"] for entry in entries}
    names = set(await devices_of(client, DOMAIN))
    assert {"Wyoming Conductor", "Whisper tiny.en", "Whisper base", "Piper", "Office"} <= names
    assert await issues(client) == []


async def test_assistant_of_config_flow_executes_command(
    client: HassClient, conductor_entry: ConductorEntry, recording: Recording
) -> None:
    await client.post("/api/services/light/turn_off", {"entity_id": "light.kitchen_light"})

    sound = silence(0.5) + recording("turn_on_the_kitchen_light")
    result = await run_pipeline(client, conductor_entry.pipeline, sound)

    assert result.errors == []
    assert await client.state("light.kitchen_light") == "on"
    assert result.audio


@pytest.mark.usefixtures("conductor_entry")
async def test_loaded_switch_unloads_and_loads_model_within_a_second(
    client: HassClient, conductor: Conductor
) -> None:
    await client.wait_for_state(LOADED, "on", within=60)

    turned_off = asyncio.create_task(
        client.post("/api/services/switch/turn_off", {"entity_id": LOADED})
    )
    await client.wait_for_state(LOADED, "off", within=1)

    await turned_off
    async with asyncio.timeout(10):
        while (await conductor.request("GET", "/models/whisper/tiny.en"))["state"] != "unloaded":
            await asyncio.sleep(0.1)
    await client.post("/api/services/switch/turn_on", {"entity_id": LOADED})
    await wait_until_ready(conductor)
    assert await client.state(LOADED) == "on"


async def test_voice_select_changes_synthesized_speech(
    client: HassClient, conductor_entry: ConductorEntry, slow_voice: str, to_pcm: Decode
) -> None:
    text = "The washing machine will be ready in a quarter of an hour."
    first = await synthesize(client, conductor_entry.pipeline, text)

    choice = {"entity_id": VOICE, "option": slow_voice}
    await client.post("/api/services/select/select_option", choice)
    second = await synthesize(client, conductor_entry.pipeline, text)

    assert (first.errors, second.errors) == ([], [])
    assert await client.state(VOICE) == slow_voice
    plain, slow = await to_pcm(first.audio), await to_pcm(second.audio)
    assert min(loudness(plain), loudness(slow)) > 500
    # At 0.8 times the speed, speech is 1.25 times as long; pauses keep their length.
    assert 1.1 < seconds(slow) / seconds(plain) < 1.4


async def test_clear_cache_button_empties_cache(
    client: HassClient, conductor_entry: ConductorEntry, conductor: Conductor
) -> None:
    await synthesize(client, conductor_entry.pipeline, "The front door is locked.")
    assert (await conductor.request("GET", "/cache"))["phrases"]["phrases"] > 0

    await press(client, "wyoming_conductor_clear_cache")

    assert (await conductor.request("GET", "/cache"))["phrases"]["phrases"] == 0


@pytest.mark.usefixtures("conductor_entry")
async def test_delete_unused_models_button_removes_devices(client: HassClient) -> None:
    button = "button.wyoming_conductor_delete_unused_models"
    await client.command("config/entity_registry/update", entity_id=button, disabled_by=None)
    await client.wait_for_state(button, "unknown", within=60)  # reloaded after 30 s
    await client.wait_for_state(LOADED, "on", within=60)
    assert "Whisper base" in await devices_of(client, DOMAIN)

    await press(client, "wyoming_conductor_delete_unused_models")

    # Deleted models have no device; models in use are kept.
    async with asyncio.timeout(10):
        while "Whisper base" in (names := await devices_of(client, DOMAIN)):
            await asyncio.sleep(0.1)
    assert "Whisper tiny.en" in names
    assert await client.state(LOADED) == "on"
    await client.command("config/entity_registry/update", entity_id=button, disabled_by="user")


@pytest.mark.usefixtures("conductor_entry")
async def test_renamed_entity_updates_vocabulary(client: HassClient, conductor: Conductor) -> None:
    async def names(expected: str) -> list[str]:
        async with asyncio.timeout(20):  # changes are pushed after 5 s
            while True:
                known: list[str] = (await conductor.request("GET", "/vocabulary"))["names"]
                if expected in known:
                    return known
                await asyncio.sleep(0.2)

    assert "Bedroom light" in await names("Kitchen light")
    lamp = "light.bedroom_light"
    await client.command("config/entity_registry/update", entity_id=lamp, name="Reading lamp")

    assert "Bedroom light" not in await names("Reading lamp")

    await client.command("config/entity_registry/update", entity_id=lamp, name=None)


@pytest.mark.usefixtures("conductor_entry")
async def test_setting_takes_effect_at_once(client: HassClient, conductor: Conductor) -> None:
    speed = "number.wyoming_conductor_speech_speed"
    await client.command("config/entity_registry/update", entity_id=speed, disabled_by=None)
    await client.wait_for_state(speed, "1.0", within=60)  # reloaded after 30 s
    before = float(await client.state(speed))
    for value in (1.5, before):
        await client.post("/api/services/number/set_value", {"entity_id": speed, "value": value})
        assert float(await client.state(speed)) == value
        effective = (await conductor.request("GET", "/config"))["effective"]
        assert effective["tts"]["speed"] == value
    assert await issues(client) == []


@pytest.mark.usefixtures("conductor_entry")
async def test_repair_restarts_server_for_changed_settings(
    client: HassClient, conductor: Conductor, log: LogWatch
) -> None:
    log.expect_one("Error requesting Wyoming Conductor data")
    log.tolerate("homeassistant.components.wyoming")
    await client.wait_for_state(LOADED, "on", within=60)
    await conductor.request("PATCH", "/config", {"log": {"format": "json"}})
    async with asyncio.timeout(10):
        while await issues(client) != ["restart_offered"]:
            await asyncio.sleep(0.1)
    (issue,) = (await client.command("repairs/list_issues"))["issues"]
    flows = "/api/repairs/issues/fix"
    flow = await client.post(flows, {"handler": DOMAIN, "issue_id": issue["issue_id"]})

    result = await client.post(f"{flows}/{flow['flow_id']}", {})

    assert result["type"] == "create_entry"
    await client.wait_for_state(LOADED, "unavailable", within=30)
    await client.wait_for_state(LOADED, "on", within=90)
    configuration = await conductor.request("GET", "/config")
    assert configuration["effective"]["log"]["format"] == "json"
    assert await issues(client) == []


@pytest.mark.usefixtures("conductor_entry")
async def test_killed_server_makes_entities_unavailable_until_restart(
    client: HassClient, conductor: Conductor, log: LogWatch
) -> None:
    log.expect_one("Error requesting Wyoming Conductor data")
    log.tolerate(
        "homeassistant.components.wyoming"
    )  # the entries of the Wyoming integration are affected, too
    await client.wait_for_state(LOADED, "on", within=60)

    await conductor.kill()

    await client.wait_for_state(LOADED, "unavailable", within=10)
    entities = await entities_of(client, DOMAIN)
    states = {one["entity_id"]: one["state"] for one in await client.get("/api/states")}
    assert {states.get(one, "unavailable") for one in entities} == {"unavailable"}
    await asyncio.sleep(4)  # reconnects after 1 and 2 seconds must not be logged
    assert len(log.lines_with("custom_components.wyoming_conductor")) == 1

    await conductor.start()

    await client.wait_for_state(LOADED, "on", within=90)
    async with asyncio.timeout(5):  # the log is written by another thread
        while len(lines := log.lines_with("custom_components.wyoming_conductor")) < 2:
            await asyncio.sleep(0.1)
    assert "recovered" in lines[1]
    assert len(lines) == 2

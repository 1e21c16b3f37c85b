"""The real wyoming-satellite and a real Home Assistant: from the wake word to the spoken reply."""

import logging
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
from harness.audio import loudness, silence
from harness.client import HassClient
from harness.conductor import Servers
from harness.satellite import Satellite, is_installed, start_satellite
from harness.setup import Assistant, add_integration, wait_for_entity

pytestmark = pytest.mark.skipif(
    not is_installed(), reason="wyoming-satellite is missing; run `script/setup satellite`"
)

_LOGGER = logging.getLogger(__name__)

Recording = Callable[[str], bytes]


@pytest.fixture(scope="module")
async def satellite(
    client: HassClient,
    assistant: Assistant,
    servers: Servers,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Satellite]:
    """A satellite in Home Assistant; its wake word is spelled as people may write it."""
    assert servers.wake is not None
    pipelines = await client.command("assist_pipeline/pipeline/list")
    await client.command("assist_pipeline/pipeline/set_preferred", pipeline_id=assistant.pipeline)
    folder = tmp_path_factory.mktemp("satellite")
    async with start_satellite(folder, servers.wake, "hey_jarvis_v0.1") as running:
        address = {"host": "127.0.0.1", "port": running.port}
        entry = await add_integration(client, "wyoming", address)
        await wait_for_entity(client, entry, "assist_satellite")
        await running.wait_for("satellite-connected")
        yield running
        await client.delete(f"/api/config/config_entries/entry/{entry}")
    await client.command(
        "assist_pipeline/pipeline/set_preferred", pipeline_id=pipelines["preferred_pipeline"]
    )


async def detect_turns(servers: Servers, *, on_server: bool) -> None:
    """Let the server, or Home Assistant alone, end commands."""
    assert servers.api is not None
    url = f"http://{servers.api.host}:{servers.api.port}/config"
    async with aiohttp.ClientSession() as session:
        change = {"asr": {"turn_detection": on_server}}
        async with session.patch(url, json=change) as response:
            assert response.status == 200, await response.text()


async def command(satellite: Satellite, recording: Recording) -> list[str]:
    """Say the wake word and a command; return the events up to the end of the reply."""
    before = len(satellite.events)
    satellite.played.clear()
    sound = silence(0.5) + recording("hey_jarvis") + silence(0.4)
    satellite.say(sound + recording("turn_on_the_kitchen_light") + silence(0.03))
    await satellite.wait_for("played", before)
    return satellite.types[before:]


@pytest.mark.parametrize("server_ends_turns", [True, False])
async def test_satellite_sees_the_turn_and_speaks_the_reply(
    client: HassClient,
    servers: Servers,
    satellite: Satellite,
    recording: Recording,
    server_ends_turns: bool,
) -> None:
    await detect_turns(servers, on_server=server_ends_turns)
    await client.post("/api/services/light/turn_off", {"entity_id": "light.kitchen_light"})
    before = len(satellite.events)
    try:
        types = await command(satellite, recording)
    finally:
        await detect_turns(servers, on_server=True)

    expected = ["detection", "transcribe", "voice-started", "transcript", "synthesize", "played"]
    if not server_ends_turns:
        # The server is faster than the silence of Home Assistant, whose end it makes needless.
        expected.insert(3, "voice-stopped")
    assert [type_ for type_ in types if type_ in expected] == expected
    assert "error" not in types
    transcript = await satellite.wait_for("transcript", before)
    assert "kitchen light" in transcript.data["text"].lower()
    assert await client.state("light.kitchen_light") == "on"
    assert loudness(bytes(satellite.played)) > 500
    times = {
        event.type: round(at - satellite.said_at, 2)
        for event, at in zip(satellite.events[before:], satellite.at[before:], strict=True)
    }
    _LOGGER.info("Seconds after the last word: %s", {name: times[name] for name in expected})

"""Our integration in a real Home Assistant, with a real server: added, used, lost, found again."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from harness.assist import run_pipeline
from harness.audio import silence
from harness.client import HassClient
from harness.conductor import start_conductor
from harness.hass import Hass
from harness.process import free_port
from harness.setup import Assistant

ROOT = Path(__file__).parents[2]
FLOWS = "/api/config/config_entries/flow"
SUBFLOWS = "/api/config/config_entries/subentries/flow"

STATE = "sensor.whisper_tiny_en_state"
CONNECTED = "binary_sensor.wyoming_conductor_connected"

Recording = Callable[[str], bytes]


class Server:
    """A server of its own for these tests, that can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self.ports = {name: free_port() for name in ("asr", "tts", "wake", "api")}
        self._folder = folder
        self._running = AsyncExitStack()

    async def start(self) -> None:
        """Start it, on the same ports and data each time."""
        command = ROOT / ".venv" / "bin" / "wyoming-conductor"
        server = start_conductor(command, self._folder, self.ports)
        await self._running.enter_async_context(server)

    async def stop(self) -> None:
        """End its process."""
        await self._running.aclose()


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server that runs."""
    one = Server(tmp_path_factory.mktemp("steered"))
    await one.start()
    yield one
    await one.stop()


@pytest.fixture(autouse=True)
def clean_log(hass: Hass) -> Iterator[list[str]]:
    """Fail a test in which our integration logs more than the lines that the test allows."""
    before = hass.lines()
    allowed: list[str] = []
    yield allowed
    ours = [line for line in hass.problems(since=before) if "wyoming_conductor" in line]
    assert len(ours) == len(allowed), ours
    for line, text in zip(ours, allowed, strict=True):
        assert text in line


@pytest.fixture(scope="module")
async def added(
    client: HassClient, server: Server, assistant: Assistant
) -> AsyncIterator[dict[str, Any]]:
    """What the form answers that adds the server; what it led to is removed in the end."""
    form = await client.post(FLOWS, {"handler": "wyoming_conductor"})
    address = {"host": "127.0.0.1", "port": server.ports["api"], "tls": False}
    form = await client.post(f"{FLOWS}/{form['flow_id']}", address)
    assert form["step_id"] == "assist", form
    answers = {"add_servers": True, "make_assistant": True}
    done: dict[str, Any] = await client.post(f"{FLOWS}/{form['flow_id']}", answers)
    assert done["type"] == "create_entry", done
    yield done
    for pipeline in (await client.ask("assist_pipeline/pipeline/list"))["pipelines"]:
        if pipeline["name"] == "Steered":
            await client.ask("assist_pipeline/pipeline/delete", pipeline_id=pipeline["id"])
    for entry in await client.ask("config_entries/get", domain="wyoming"):
        if entry["entry_id"] not in assistant.entries:
            await client.delete(f"/api/config/config_entries/entry/{entry['entry_id']}")


async def shows(client: HassClient, entity_id: str, state: str, seconds: float) -> None:
    """Wait until an entity has a state."""
    found = None
    try:
        async with asyncio.timeout(seconds):
            while found != state:
                states = {s["entity_id"]: s["state"] for s in await client.get("/api/states")}
                found = states.get(entity_id)
                await asyncio.sleep(0.05)
    except TimeoutError as err:
        err.add_note(f"{entity_id} is {found}, not {state}")
        raise


async def test_a_server_is_added_by_the_form_with_its_models_and_its_engines(
    client: HassClient, added: dict[str, Any]
) -> None:
    await shows(client, CONNECTED, "on", 5)
    await shows(client, STATE, "ready", 60)
    entries = await client.ask("config_entries/get", domain="wyoming")
    assert {"loaded"} == {entry["state"] for entry in entries}


async def test_a_command_is_understood_by_the_assistant_that_the_form_makes(
    client: HassClient, added: dict[str, Any], recording: Recording
) -> None:
    _, flow = added["next_flow"]
    wishes = {
        "name": "Steered",
        "language": "en",
        "conversation_engine": "conversation.home_assistant",
        "prefer_local_intents": False,
        "preferred": False,
    }
    done = await client.post(f"{SUBFLOWS}/{flow}", wishes)
    assert done["type"] == "create_entry", done
    await client.post("/api/services/light/turn_off", {"entity_id": "light.kitchen_light"})
    pipelines = (await client.ask("assist_pipeline/pipeline/list"))["pipelines"]
    made = next(pipeline["id"] for pipeline in pipelines if pipeline["name"] == "Steered")
    sound = silence(0.5) + recording("turn_on_the_kitchen_light")
    outcome = await run_pipeline(client, made, sound)
    assert outcome.errors == []
    assert await client.state("light.kitchen_light") == "on"


@pytest.mark.usefixtures("added")
async def test_a_model_is_unloaded_and_loaded_by_buttons_and_the_state_follows(
    client: HassClient,
) -> None:
    await client.post("/api/services/button/press", {"entity_id": "button.whisper_tiny_en_unload"})
    await shows(client, STATE, "unloaded", 10)
    await client.post("/api/services/button/press", {"entity_id": "button.whisper_tiny_en_load"})
    await shows(client, STATE, "ready", 60)


@pytest.mark.usefixtures("added")
async def test_a_server_that_goes_is_missed_at_once_and_is_back_when_it_is(
    client: HassClient, server: Server, clean_log: list[str]
) -> None:
    clean_log.append("Error requesting Wyoming Conductor data")
    await server.stop()
    await shows(client, STATE, "unavailable", 10)
    assert await client.state(CONNECTED) == "off"
    await server.start()
    await shows(client, STATE, "ready", 60)
    assert await client.state(CONNECTED) == "on"


async def test_an_entry_that_is_removed_leaves_no_entity(
    client: HassClient, added: dict[str, Any]
) -> None:
    entry = added["result"]["entry_id"]
    await client.delete(f"/api/config/config_entries/entry/{entry}")
    entities = await client.ask("config/entity_registry/list")
    assert [one for one in entities if one["platform"] == "wyoming_conductor"] == []
    assert (await client.ask("repairs/list_issues"))["issues"] == []

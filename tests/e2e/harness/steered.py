"""Our integration in Home Assistant: added by its forms, as a person does."""

from dataclasses import dataclass
from typing import Any

from harness.client import HassClient, HassError
from harness.conductor import Conductor

DOMAIN = "wyoming_conductor"

FLOWS = "/api/config/config_entries/flow"
SUBFLOWS = "/api/config/config_entries/subentries/flow"

ASSISTANT = "Steered"
"""Name of the voice assistant that the forms make."""


@dataclass(frozen=True)
class Steered:
    """What adding a server led to, by Home Assistant's ids."""

    entry: str
    """Config entry of our integration."""

    wyoming: frozenset[str]
    """Config entries of Home Assistant's own Wyoming integration that were added with it."""

    pipeline: str
    """The voice assistant that was made."""


async def add_conductor(client: HassClient, conductor: Conductor) -> Steered:
    """Fill in the form of the server, then the form of a voice assistant that follows it."""
    before = await entries_of(client, "wyoming")
    done = await _add_server(client, conductor)
    pipeline = await _make_assistant(client, done["next_flow"][1])
    wyoming = await entries_of(client, "wyoming") - before
    return Steered(entry=done["result"]["entry_id"], wyoming=wyoming, pipeline=pipeline)


async def entries_of(client: HassClient, domain: str) -> frozenset[str]:
    """Return the config entries of an integration."""
    entries = await client.ask("config_entries/get", domain=domain)
    return frozenset(entry["entry_id"] for entry in entries)


async def pipelines(client: HassClient) -> dict[str, str]:
    """Return the voice assistants, name to id."""
    found = (await client.ask("assist_pipeline/pipeline/list"))["pipelines"]
    return {pipeline["name"]: pipeline["id"] for pipeline in found}


async def devices_of(client: HassClient, domain: str) -> dict[str, str]:
    """Return an integration's devices, name to id."""
    found = await client.ask("config/device_registry/list")
    return {
        device["name"]: device["id"]
        for device in found
        if any(identifier[0] == domain for identifier in device["identifiers"])
    }


async def entities_of(client: HassClient, domain: str) -> list[str]:
    """Return an integration's entities."""
    found = await client.ask("config/entity_registry/list")
    return [entity["entity_id"] for entity in found if entity["platform"] == domain]


async def issues(client: HassClient) -> list[str]:
    """Return what the repairs page shows, by translation key."""
    found = (await client.ask("repairs/list_issues"))["issues"]
    return [issue["translation_key"] for issue in found if not issue["ignored"]]


async def _add_server(client: HassClient, conductor: Conductor) -> dict[str, Any]:
    form = await client.post(FLOWS, {"handler": DOMAIN})
    address = {"host": "127.0.0.1", "port": conductor.ports["api"], "tls": False}
    form = await client.post(f"{FLOWS}/{form['flow_id']}", address)
    if form.get("step_id") != "assist":
        raise HassError(f"The form of the server led to {form}")
    answers = {"add_to_assist": True, "create_assistant": True}
    done: dict[str, Any] = await client.post(f"{FLOWS}/{form['flow_id']}", answers)
    if done["type"] != "create_entry":
        raise HassError(f"The form of the server ended in {done}")
    return done


async def _make_assistant(client: HassClient, flow: str) -> str:
    wishes = {
        "name": ASSISTANT,
        "language": "en",
        "conversation_engine": "conversation.home_assistant",
        "prefer_local_intents": False,
        "preferred": False,
    }
    done = await client.post(f"{SUBFLOWS}/{flow}", wishes)
    if done["type"] != "create_entry":
        raise HassError(f"The form of the assistant ended in {done}")
    return (await pipelines(client))[ASSISTANT]

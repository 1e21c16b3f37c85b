"""Adds our integration to Home Assistant with its forms."""

from dataclasses import dataclass
from typing import Any

from harness.client import HassClient, HassError
from harness.conductor import Conductor

DOMAIN = "wyoming_conductor"

FLOWS = "/api/config/config_entries/flow"
SUBFLOWS = "/api/config/config_entries/subentries/flow"

ASSISTANT = "Office"
"""Name of the created voice assistant."""


@dataclass(frozen=True)
class ConductorEntry:
    """Ids of everything that was created for a server."""

    entry: str
    """Id of the config entry."""

    wyoming: frozenset[str]
    """Ids of the added config entries of the Wyoming integration."""

    pipeline: str
    """Id of the created pipeline."""


async def add_conductor(client: HassClient, conductor: Conductor) -> ConductorEntry:
    """Submit the form of a server, then the form of a voice assistant."""
    before = await entries_of(client, "wyoming")
    result = await _add_server(client, conductor)
    pipeline = await _create_assistant(client, result["next_flow"][1])
    wyoming = await entries_of(client, "wyoming") - before
    return ConductorEntry(entry=result["result"]["entry_id"], wyoming=wyoming, pipeline=pipeline)


async def entries_of(client: HassClient, domain: str) -> frozenset[str]:
    """Return the ids of the config entries of an integration."""
    entries = await client.command("config_entries/get", domain=domain)
    return frozenset(entry["entry_id"] for entry in entries)


async def pipelines(client: HassClient) -> dict[str, str]:
    """Return the ids of the pipelines by name."""
    result = (await client.command("assist_pipeline/pipeline/list"))["pipelines"]
    return {pipeline["name"]: pipeline["id"] for pipeline in result}


async def devices_of(client: HassClient, domain: str) -> dict[str, str]:
    """Return the ids of the devices of an integration by name."""
    result = await client.command("config/device_registry/list")
    return {
        device["name"]: device["id"]
        for device in result
        if any(identifier[0] == domain for identifier in device["identifiers"])
    }


async def entities_of(client: HassClient, domain: str) -> list[str]:
    """Return the entity ids of an integration."""
    result = await client.command("config/entity_registry/list")
    return [entity["entity_id"] for entity in result if entity["platform"] == domain]


async def issues(client: HassClient) -> list[str]:
    """Return the translation keys of the visible repair issues."""
    result = (await client.command("repairs/list_issues"))["issues"]
    return [issue["translation_key"] for issue in result if not issue["ignored"]]


async def _add_server(client: HassClient, conductor: Conductor) -> dict[str, Any]:
    form = await client.post(FLOWS, {"handler": DOMAIN})
    address = {"host": "127.0.0.1", "port": conductor.ports["api"], "tls": False}
    form = await client.post(f"{FLOWS}/{form['flow_id']}", address)
    if form.get("step_id") != "assist":
        raise HassError(f"The form of the server returned {form}")
    user_input = {"add_to_assist": True, "create_assistant": True}
    result: dict[str, Any] = await client.post(f"{FLOWS}/{form['flow_id']}", user_input)
    if result["type"] != "create_entry":
        raise HassError(f"The form of the server returned {result}")
    return result


async def _create_assistant(client: HassClient, flow: str) -> str:
    options = {
        "name": ASSISTANT,
        "language": "en",
        "conversation_engine": "conversation.home_assistant",
        "prefer_local_intents": False,
        "preferred": False,
    }
    result = await client.post(f"{SUBFLOWS}/{flow}", options)
    if result["type"] != "create_entry":
        raise HassError(f"The form of the assistant returned {result}")
    return (await pipelines(client))[ASSISTANT]

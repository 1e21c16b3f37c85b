"""Adds our integration to Home Assistant with its forms."""

from dataclasses import dataclass
from typing import Any

from harness.client import HassClient, HassError
from harness.conductor import Conductor

DOMAIN = "wyoming_conductor"

FLOWS = "/api/config/config_entries/flow"

ASSISTANT = "Office"
"""Name of the created voice assistant."""


@dataclass(frozen=True)
class ConductorEntry:
    """Ids of everything that was created for a server."""

    entry: str
    """Id of the config entry."""

    pipeline: str
    """Id of the created pipeline."""


async def add_conductor(client: HassClient, conductor: Conductor) -> ConductorEntry:
    """Submit the form of a server, then the form of a voice assistant."""
    form = await client.post(FLOWS, {"handler": DOMAIN})
    address = {"host": "127.0.0.1", "port": conductor.ports["api"], "tls": False}
    form = await client.post(f"{FLOWS}/{form['flow_id']}", address)
    if form.get("step_id") != "assistant":
        raise HassError(f"The form of the server returned {form}")
    result: dict[str, Any] = await client.post(
        f"{FLOWS}/{form['flow_id']}",
        {
            "name": ASSISTANT,
            "language": "en",
            "conversation_engine": "conversation.home_assistant",
            "prefer_local_intents": False,
            "keep_warm": False,
            "preferred": False,
            "create_assistant": True,
        },
    )
    if result["type"] != "create_entry":
        raise HassError(f"The form of the assistant returned {result}")
    return ConductorEntry(result["result"]["entry_id"], (await pipelines(client))[ASSISTANT])


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


async def announce(client: HassClient, conductor: Conductor, name: str) -> None:
    """Announce a server and its Wyoming services, as it does with zeroconf."""
    info = await conductor.request("GET", "/info")
    short = info["uuid"].replace("-", "")[:8]
    for service in ("asr", "tts", "wake"):
        data = {
            "integration": "wyoming",
            "kind": "_wyoming",
            "port": conductor.ports[service],
            "name": f"wyoming-conductor-{service}-{short}",
        }
        await client.post("/api/services/announcer/announce", data)
    data = {
        "integration": DOMAIN,
        "kind": "_wyconductor",
        "port": conductor.ports["api"],
        "name": f"wyoming-conductor-{short}",
        "properties": {"uuid": info["uuid"], "api": "1", "tls": "0", "name": name},
    }
    await client.post("/api/services/announcer/announce", data)


async def registry_dump(client: HassClient) -> dict[str, Any]:
    """Return everything that Home Assistant has registered, without times."""

    def stable(items: list[dict[str, Any]], *fields: str) -> list[list[Any]]:
        return sorted([item[field] for field in fields] for item in items)

    assist = await client.command("assist_pipeline/pipeline/list")
    return {
        "entries": stable(await client.command("config_entries/get"), "entry_id", "state"),
        "entities": stable(await client.command("config/entity_registry/list"), "entity_id"),
        "devices": stable(await client.command("config/device_registry/list"), "id"),
        "pipelines": sorted(str(pipeline) for pipeline in assist["pipelines"]),
        "preferred": assist["preferred_pipeline"],
        "issues": await issues(client),
        "flows": stable(await client.command("config_entries/flow/progress"), "handler"),
    }

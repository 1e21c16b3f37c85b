"""Adds Wyoming servers to Home Assistant and creates pipelines, as its frontend does."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.client import HassClient, HassError
from harness.conductor import Servers

LANGUAGE = "en"
HOME_AGENT = "conversation.home_assistant"


@dataclass(frozen=True)
class Assistant:
    """Ids of everything that was set up."""

    stt: str
    """Entity of the speech-to-text server."""

    tts: str
    """Entity of the text-to-speech server."""

    wake: str | None
    """Entity of the wake word server; None if there is none."""

    entries: tuple[str, ...]
    """Config entries of the servers."""

    pipeline: str
    """Pipeline with Home Assistant's own agent."""

    streaming_pipeline: str
    """Pipeline with an agent that streams its answer like a language model."""


async def set_up_assistant(client: HassClient, servers: Servers, wake_word: str) -> Assistant:
    """Add Wyoming servers and create two pipelines."""
    entries, entities = await _add_wyoming_entries(client, servers)
    agent_entry = await add_integration(client, "word_by_word", {})
    agent = await wait_for_entity(client, agent_entry, "conversation")
    fields = await _pipeline_fields(client, entities, wake_word)
    return Assistant(
        stt=entities["stt"],
        tts=entities["tts"],
        wake=entities.get("wake_word"),
        entries=entries,
        pipeline=await _create_pipeline(client, "Home", HOME_AGENT, fields),
        streaming_pipeline=await _create_pipeline(client, "Word by word", agent, fields),
    )


async def set_up_pipeline(client: HassClient, servers: Servers, name: str) -> str:
    """Add Wyoming servers and create a pipeline with Home Assistant's own agent."""
    _, entities = await _add_wyoming_entries(client, servers)
    fields = await _pipeline_fields(client, entities, "")
    return await _create_pipeline(client, name, HOME_AGENT, fields)


async def add_integration(client: HassClient, domain: str, user_input: Mapping[str, Any]) -> str:
    """Run a config flow with at most one form; return the id of the config entry."""
    flow = await client.post("/api/config/config_entries/flow", {"handler": domain})
    if flow["type"] == "form":
        flow = await client.post(f"/api/config/config_entries/flow/{flow['flow_id']}", user_input)
    if flow["type"] != "create_entry":
        raise HassError(f"The config flow of {domain} returned {flow}")
    entry: str = flow["result"]["entry_id"]
    return entry


async def wait_for_entity(client: HassClient, entry: str, domain: str) -> str:
    """Wait up to 10 s for an entity of a config entry; return its id."""
    async with asyncio.timeout(10):
        while True:
            for entity in await client.command("config/entity_registry/list"):
                entity_id: str = entity["entity_id"]
                if entity["config_entry_id"] == entry and entity_id.startswith(f"{domain}."):
                    return entity_id
            await asyncio.sleep(0.1)


async def _add_wyoming_entries(
    client: HassClient, servers: Servers
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the config entries and the entities by domain."""
    addresses = {"stt": servers.stt, "tts": servers.tts, "wake_word": servers.wake}
    entries: list[str] = []
    entities: dict[str, str] = {}
    for domain, address in addresses.items():
        if address is not None:
            user_input = {"host": address.host, "port": address.port}
            entries.append(await add_integration(client, "wyoming", user_input))
            entities[domain] = await wait_for_entity(client, entries[-1], domain)
    return tuple(entries), entities


async def _pipeline_fields(
    client: HassClient, entities: Mapping[str, str], wake_word: str
) -> dict[str, Any]:
    """Return the common fields of the pipelines; "" means no wake word."""
    stt, tts = entities["stt"], entities["tts"]
    wake = entities.get("wake_word") if wake_word else None
    return {
        "language": LANGUAGE,
        "conversation_language": LANGUAGE,
        "stt_engine": stt,
        "stt_language": await _engine_language(client, "stt", stt),
        "tts_engine": tts,
        "tts_language": await _engine_language(client, "tts", tts),
        "tts_voice": None,
        "wake_word_entity": wake,
        "wake_word_id": await _engine_wake_word(client, wake, wake_word) if wake else None,
        "prefer_local_intents": False,
    }


async def _engine_language(client: HassClient, kind: str, engine: str) -> str:
    """Return the engine's tag of the language: the shortest one, such as `en` before `en_US`."""
    providers = (await client.command(f"{kind}/engine/list"))["providers"]
    offered = next(p["supported_languages"] for p in providers if p["engine_id"] == engine)
    matching: list[str] = [
        tag for tag in offered if tag.replace("_", "-").split("-")[0] == LANGUAGE
    ]
    if not matching:
        raise HassError(f"{engine} does not offer {LANGUAGE}, only {offered}")
    return min(matching, key=len)


async def _engine_wake_word(client: HassClient, engine: str, wanted: str) -> str:
    """Return the engine's id of a wake word; some servers append a version."""
    offered = (await client.command("wake_word/info", entity_id=engine))["wake_words"]
    for word in offered:
        identifier: str = word["id"]
        if identifier.startswith(wanted):
            return identifier
    raise HassError(f"{engine} does not offer {wanted}, only {offered}")


async def _create_pipeline(
    client: HassClient, name: str, agent: str, fields: Mapping[str, Any]
) -> str:
    pipeline = await client.command(
        "assist_pipeline/pipeline/create", name=name, conversation_engine=agent, **fields
    )
    identifier: str = pipeline["id"]
    return identifier

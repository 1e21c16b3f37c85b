"""Adding the servers to Home Assistant and making pipelines of them, as its user interface does."""

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
    """What was set up, by Home Assistant's ids."""

    stt: str
    """Entity of the speech-to-text server."""

    tts: str
    """Entity of the text-to-speech server."""

    wake: str | None
    """Entity of the wake word server, if there is one."""

    entries: tuple[str, ...]
    """Config entries of the servers."""

    pipeline: str
    """Pipeline that ends in Home Assistant's own agent."""

    streaming_pipeline: str
    """Pipeline whose agent answers word by word, as a language model does."""


async def set_up_assistant(client: HassClient, servers: Servers, wake_word: str) -> Assistant:
    """Add the Wyoming servers and make two pipelines."""
    entries, entities = await _add_servers(client, servers)
    agent_entry = await add_integration(client, "word_by_word", {})
    agent = await entity_of(client, agent_entry, "conversation")
    fields = await _fields(client, entities, wake_word)
    return Assistant(
        stt=entities["stt"],
        tts=entities["tts"],
        wake=entities.get("wake_word"),
        entries=entries,
        pipeline=await _make_pipeline(client, "Home", HOME_AGENT, fields),
        streaming_pipeline=await _make_pipeline(client, "Word by word", agent, fields),
    )


async def set_up_pipeline(client: HassClient, servers: Servers, name: str) -> str:
    """Add Wyoming servers and make one pipeline, which ends in Home Assistant's own agent."""
    _, entities = await _add_servers(client, servers)
    fields = await _fields(client, entities, "")
    return await _make_pipeline(client, name, HOME_AGENT, fields)


async def add_integration(client: HassClient, domain: str, answers: Mapping[str, Any]) -> str:
    """Run a config flow of one form; return the entry's id. Raises HassError if it does not end."""
    flow = await client.post("/api/config/config_entries/flow", {"handler": domain})
    if flow["type"] == "form":
        flow = await client.post(f"/api/config/config_entries/flow/{flow['flow_id']}", answers)
    if flow["type"] != "create_entry":
        raise HassError(f"The flow of {domain} ended in {flow}")
    entry: str = flow["result"]["entry_id"]
    return entry


async def entity_of(client: HassClient, entry: str, domain: str) -> str:
    """Return the entity of a domain that a config entry makes; waits up to 10 s for it."""
    async with asyncio.timeout(10):
        while True:
            for entity in await client.ask("config/entity_registry/list"):
                entity_id: str = entity["entity_id"]
                if entity["config_entry_id"] == entry and entity_id.startswith(f"{domain}."):
                    return entity_id
            await asyncio.sleep(0.1)


async def _add_servers(
    client: HassClient, servers: Servers
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the entries, and the entities by domain."""
    offered = {"stt": servers.stt, "tts": servers.tts, "wake_word": servers.wake}
    entries: list[str] = []
    entities: dict[str, str] = {}
    for domain, address in offered.items():
        if address is not None:
            where = {"host": address.host, "port": address.port}
            entries.append(await add_integration(client, "wyoming", where))
            entities[domain] = await entity_of(client, entries[-1], domain)
    return tuple(entries), entities


async def _fields(
    client: HassClient, entities: Mapping[str, str], wake_word: str
) -> dict[str, Any]:
    """Return what pipelines of these entities have in common; without a wake word if it is ""."""
    stt, tts = entities["stt"], entities["tts"]
    wake = entities.get("wake_word") if wake_word else None
    return {
        "language": LANGUAGE,
        "conversation_language": LANGUAGE,
        "stt_engine": stt,
        "stt_language": await _language_of(client, "stt", stt),
        "tts_engine": tts,
        "tts_language": await _language_of(client, "tts", tts),
        "tts_voice": None,
        "wake_word_entity": wake,
        "wake_word_id": await _wake_word_of(client, wake, wake_word) if wake else None,
        "prefer_local_intents": False,
    }


async def _language_of(client: HassClient, kind: str, engine: str) -> str:
    """Return the engine's own name of our language: the shortest tag that is it or a dialect."""
    providers = (await client.ask(f"{kind}/engine/list"))["providers"]
    offered = next(p["supported_languages"] for p in providers if p["engine_id"] == engine)
    fitting: list[str] = [tag for tag in offered if tag.replace("_", "-").split("-")[0] == LANGUAGE]
    if not fitting:
        raise HassError(f"{engine} does not offer {LANGUAGE}, only {offered}")
    return min(fitting, key=len)


async def _wake_word_of(client: HassClient, engine: str, wanted: str) -> str:
    """Return the engine's id of a word; some servers put a version behind it."""
    offered = (await client.ask("wake_word/info", entity_id=engine))["wake_words"]
    for word in offered:
        identifier: str = word["id"]
        if identifier.startswith(wanted):
            return identifier
    raise HassError(f"{engine} does not offer {wanted}, only {offered}")


async def _make_pipeline(
    client: HassClient, name: str, agent: str, fields: Mapping[str, Any]
) -> str:
    pipeline = await client.ask(
        "assist_pipeline/pipeline/create", name=name, conversation_engine=agent, **fields
    )
    identifier: str = pipeline["id"]
    return identifier

"""Removal of a server; must run after all other tests."""

from harness.client import HassClient
from harness.integration import (
    DOMAIN,
    ConductorEntry,
    devices_of,
    entities_of,
    entries_of,
    issues,
    pipelines,
)
from harness.setup import Assistant


async def test_removing_entry_leaves_nothing_behind(
    client: HassClient, conductor_entry: ConductorEntry, assistant: Assistant
) -> None:
    await client.delete(f"/api/config/config_entries/entry/{conductor_entry.entry}")

    assert await entities_of(client, DOMAIN) == []
    assert await devices_of(client, DOMAIN) == {}
    assert await issues(client) == []
    states = {state["entity_id"] for state in await client.get("/api/states")}
    ours = {one for one in states if "whisper" in one or "office" in one or "conductor" in one}
    core = {assistant.stt, assistant.tts, assistant.wake}
    assert core <= states, "Home Assistant's own Wyoming entries stay"
    assert ours <= core
    # Entries that were not added by our integration are kept.
    assert await entries_of(client, "wyoming") == set(assistant.entries)
    assert conductor_entry.pipeline not in (await pipelines(client)).values()
    assert assistant.pipeline in (await pipelines(client)).values()
    panels = await client.command("get_panels")
    assert not [name for name in panels if "conductor" in name]

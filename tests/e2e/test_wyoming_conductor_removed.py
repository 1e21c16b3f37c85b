"""The last that is done to a server: its entry is removed. The file comes last, too."""

from harness.client import HassClient
from harness.setup import Assistant
from harness.steered import DOMAIN, Steered, devices_of, entities_of, entries_of, issues, pipelines


async def test_an_entry_that_is_removed_leaves_nothing(
    client: HassClient, steered: Steered, assistant: Assistant
) -> None:
    await client.delete(f"/api/config/config_entries/entry/{steered.entry}")

    assert await entities_of(client, DOMAIN) == []
    assert await devices_of(client, DOMAIN) == {}
    assert await issues(client) == []
    states = {state["entity_id"] for state in await client.get("/api/states")}
    ours = {one for one in states if "whisper" in one or "steered" in one or "conductor" in one}
    assert ours == {assistant.stt, assistant.tts, assistant.wake}
    # What was there before stays: it was not added by the form.
    assert await entries_of(client, "wyoming") == set(assistant.entries)
    assert steered.pipeline not in (await pipelines(client)).values()
    assert assistant.pipeline in (await pipelines(client)).values()
    panels = await client.ask("get_panels")
    assert not [name for name in panels if "conductor" in name]

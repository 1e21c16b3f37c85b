"""The last that is done to a server: its entry is removed. The file comes last, too."""

from harness.client import HassClient
from harness.steered import DOMAIN, Steered, devices_of, entities_of, issues


async def test_an_entry_that_is_removed_leaves_nothing(
    client: HassClient, steered: Steered
) -> None:
    await client.delete(f"/api/config/config_entries/entry/{steered.entry}")

    assert await entities_of(client, DOMAIN) == []
    assert await devices_of(client, DOMAIN) == {}
    assert await issues(client) == []
    states = {state["entity_id"] for state in await client.get("/api/states")}
    assert [one for one in states if "whisper" in one or "steered" in one] == []

"""From a running server to its first spoken answer in the browser, and back to nothing."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from harness.audio import read_wav, silence, write_wav
from harness.browser import Browser, find_chromium, open_browser
from harness.client import HassClient
from harness.conductor import Conductor
from harness.hass import Hass, LogWatch
from harness.integration import DOMAIN, announce, entries_of, registry_dump
from playwright.async_api import Response

RECORDINGS = Path(__file__).parent / "recordings"

MAX_CLICKS = 6

COUNT_CLICKS = 'addEventListener("pointerdown", (event) => event.isTrusted && countClick(), true);'


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Conductor]:
    """A server that requires a token."""
    command = Path(__file__).parents[2] / ".venv" / "bin" / "wyoming-conductor"
    async with Conductor(command, tmp_path, {"api.auth": "token"}) as running:
        yield running


@pytest.fixture
async def speaker(hass: Hass, client: HassClient, tmp_path: Path) -> AsyncIterator[Browser]:
    """A browser in whose microphone somebody speaks."""
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("No Chromium or Chrome found. Install the package chromium, for example.")
    speech = silence(1) + read_wav(RECORDINGS / "turn_on_the_kitchen_light.wav") + silence(20)
    microphone = tmp_path / "microphone.wav"
    write_wav(microphone, speech)
    async with open_browser(chromium, hass.url, tmp_path, microphone) as browser:
        yield browser


def pairing_code(server: Conductor) -> str:
    """Return the six digits in the log."""
    return re.findall(r"Pairing code (\d{6})", server.log.read_text())[-1]


async def test_discovered_server_speaks_after_few_clicks_and_leaves_nothing_behind(
    client: HassClient, server: Conductor, speaker: Browser, log: LogWatch
) -> None:
    before, entries = await registry_dump(client), await entries_of(client, DOMAIN)
    log.tolerate("ClientConnectionResetError")  # the link loads the page anew
    page, made = speaker.page, list[None]()
    await page.expose_function("countClick", lambda: made.append(None))
    await page.add_init_script(COUNT_CLICKS)
    await speaker.open("/")
    spoken: list[Response] = []
    page.on("response", lambda it: spoken.append(it) if "/api/tts_proxy/" in it.url else None)
    await announce(client, server, "Attic server")

    await page.get_by_text("Settings").first.click()
    await page.get_by_text("Devices & services").first.click()
    cards = page.locator("ha-config-flow-card")
    await cards.first.wait_for()
    assert await cards.count() == 1
    await cards.get_by_role("button", name="Add").click()
    await page.locator("input[name=code]").wait_for()
    await page.locator("input[name=code]").fill(pairing_code(server))
    await page.keyboard.press("Enter")
    await page.get_by_text("Your assistant").wait_for()
    assert await page.locator("ha-markdown audio").count() >= 1
    await page.get_by_role("button", name="Submit").click()
    await page.get_by_role("link", name="Say something").click()
    async with page.expect_response(lambda it: "/api/tts_proxy/" in it.url, timeout=60_000):
        await page.get_by_role("button", name="Start listening").click()

    assert 0 < len(made) <= MAX_CLICKS
    await page.wait_for_timeout(500)
    assert [it.status for it in spoken] == [200]
    assert speaker.errors == []

    (entry,) = await entries_of(client, DOMAIN) - entries
    assert (await server.request("GET", "/references"))["references"]
    assert (await server.request("GET", "/tokens"))["tokens"]
    await client.delete(f"/api/config/config_entries/entry/{entry}")
    assert await registry_dump(client) == before
    assert (await server.request("GET", "/references"))["references"] == []
    assert (await server.request("GET", "/tokens"))["tokens"] == []
    assert (await server.request("GET", "/vocabulary"))["names"] == []

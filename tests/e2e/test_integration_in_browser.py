"""Our integration in the frontend; `--screenshots=docs/images` updates the documentation."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from harness.assist import run_pipeline
from harness.audio import silence
from harness.browser import Browser
from harness.client import HassClient
from harness.conductor import Conductor
from harness.integration import DOMAIN, ConductorEntry, devices_of, entries_of, issues
from harness.satellite import ANNOUNCED, announced_satellite
from harness.setup import add_integration, wait_for_entity
from playwright.async_api import Locator, Page

MODEL = "whisper/tiny.en"
LOADED = "switch.whisper_tiny_en_loaded"


@pytest.fixture(autouse=True)
def no_faults(browser: Browser) -> Iterator[None]:
    """Fail a test if a script or a request of the page failed."""
    browser.errors.clear()
    yield
    assert browser.errors == []


async def open_device(browser: Browser, client: HassClient, name: str) -> None:
    """Open the page of a device of our integration."""
    await browser.open(f"/config/devices/device/{(await devices_of(client, DOMAIN))[name]}")


async def test_config_flow_form_shows_connection_error(browser: Browser) -> None:
    page = await browser.open(f"/config/integrations/dashboard/add?domain={DOMAIN}")
    await page.get_by_role("button", name="OK").click()
    await page.get_by_text("Enter the connection settings of the server.").wait_for()
    await browser.take_screenshot("home-assistant-form")

    await page.locator("input[name=host]").fill("127.0.0.1")
    await page.locator("input[type=number]").fill("1")
    await page.get_by_role("button", name="Submit").click()

    await page.get_by_text("Failed to connect").wait_for()


async def wait_until_checked(row: Locator, checked: bool) -> None:
    """Wait until the switch of a row is on or off."""
    switch = row.locator("ha-switch")
    async with asyncio.timeout(15):
        while await switch.evaluate("one => one.checked") != checked:
            await asyncio.sleep(0.1)


async def open_tab(browser: Browser, title: str) -> Page:
    """Open a tab of the panel, which is open."""
    await browser.page.locator("wyoming-conductor-panel nav").get_by_text(title).click()
    return browser.page


async def test_panel_opens_from_entry_and_shows_conversations(
    browser: Browser,
    client: HassClient,
    conductor_entry: ConductorEntry,
    recording: Callable[[str], bytes],
) -> None:
    page = await browser.open(f"/config/integrations/integration/{DOMAIN}")
    gear = page.locator(f'a[href*="wyoming-conductor?config_entry={conductor_entry.entry}"]')
    gear = gear.or_(page.locator(f'[href*="config_entry={conductor_entry.entry}"].link'))
    await gear.first.click()
    panel = page.locator("wyoming-conductor-panel")
    await panel.get_by_text("Conversations").wait_for()
    await page.evaluate("window.isTheSamePage = true")

    sound = silence(0.5) + recording("turn_on_the_kitchen_light")
    result = await run_pipeline(client, conductor_entry.pipeline, sound)
    assert result.errors == []

    rows = panel.locator("wc-request-row")
    await rows.filter(has_text="whisper").first.wait_for(timeout=10_000)
    await panel.get_by_text("requests failed").wait_for()
    await (
        panel.get_by_label("Keep texts").or_(panel.locator("input[type=checkbox]")).first.wait_for()
    )
    assert await page.evaluate("window.isTheSamePage")
    await browser.take_screenshots("home-assistant-panel")


async def test_panel_loads_models_and_survives_reload_of_entry(
    browser: Browser, client: HassClient, conductor: Conductor, conductor_entry: ConductorEntry
) -> None:
    await browser.open("/wyoming-conductor")
    page = await open_tab(browser, "Machine")
    row = page.locator("wc-model-list li").filter(has_text=MODEL)
    await row.get_by_text("Ready").first.wait_for()

    await client.post(f"/api/config/config_entries/entry/{conductor_entry.entry}/reload", {})
    await conductor.request("POST", f"/models/{MODEL}/unload")
    await row.get_by_text("Not loaded").first.wait_for(timeout=15_000)
    await row.get_by_text("Load", exact=True).first.click()
    await row.get_by_text("Ready").first.wait_for(timeout=60_000)
    assert await client.wait_for_state(LOADED, "on", within=5)
    await browser.take_screenshot("home-assistant-panel-machine")

    await open_tab(browser, "Voices")
    await (
        page.get_by_role("button", name="Listen")
        .or_(page.locator("wc-catalog-list button"))
        .first.wait_for()
    )
    await browser.take_screenshot("home-assistant-panel-voices")


async def test_panel_shows_satellites(
    browser: Browser, client: HassClient, conductor_entry: ConductorEntry
) -> None:
    async with announced_satellite() as address:
        user_input = {"host": address.host, "port": address.port}
        entry = await add_integration(client, "wyoming", user_input)
        await wait_for_entity(client, entry, "assist_satellite")
        await browser.open("/wyoming-conductor")
        page = await open_tab(browser, "Satellites")
        await page.locator("wc-satellites").get_by_text(ANNOUNCED).first.wait_for()
        await page.locator("wc-satellites input[type=range]").wait_for()
        await browser.take_screenshot("home-assistant-panel-satellites")
        await client.delete(f"/api/config/config_entries/entry/{entry}")


@pytest.mark.usefixtures("conductor_entry")
async def test_device_page_shows_unloaded_model_without_reload(
    browser: Browser, client: HassClient, conductor: Conductor
) -> None:
    await client.wait_for_state(LOADED, "on", within=60)
    await open_device(browser, client, "Whisper tiny.en")
    page = browser.page
    row = page.locator("hui-toggle-entity-row").filter(has=page.get_by_text("Loaded", exact=True))
    await wait_until_checked(row, True)
    await page.evaluate("window.isTheSamePage = true")

    await conductor.request("POST", f"/models/{MODEL}/unload")

    await wait_until_checked(row, False)
    await conductor.request("POST", f"/models/{MODEL}/load")
    await wait_until_checked(row, True)
    assert await page.evaluate("window.isTheSamePage")
    await browser.take_screenshot("home-assistant-model", 900)


@pytest.mark.usefixtures("conductor_entry")
async def test_device_page_shows_sensors_and_settings(browser: Browser, client: HassClient) -> None:
    await open_device(browser, client, "Wyoming Conductor")

    await browser.page.get_by_text("Free memory").first.wait_for()
    await browser.page.get_by_text("Pause", exact=True).first.wait_for()
    await browser.take_screenshot("home-assistant-server", 1100)


async def test_repair_page_adds_missing_service(
    browser: Browser, client: HassClient, conductor: Conductor, conductor_entry: ConductorEntry
) -> None:
    options = {"add_to_assist": True, "push_vocabulary": True, "show_in_sidebar": True}
    flows = "/api/config/config_entries/options/flow"
    flow = await client.post(flows, {"handler": conductor_entry.entry})
    await client.post(f"{flows}/{flow['flow_id']}", options)
    async with asyncio.timeout(10):
        while "server_not_in_assist" not in await issues(client):
            await asyncio.sleep(0.1)

    page = await browser.open("/config/repairs")
    await page.get_by_text("is not fully available in Assist").click()
    await page.get_by_role("button", name="Submit").wait_for()
    await browser.take_screenshot("home-assistant-repair")
    await page.get_by_role("button", name="Submit").click()

    async with asyncio.timeout(10):
        while "server_not_in_assist" in await issues(client):
            await asyncio.sleep(0.1)
    assert len(await entries_of(client, "wyoming")) == 6
    await conductor.request("POST", f"/models/{MODEL}/load")

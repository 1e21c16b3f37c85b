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

MODEL = "whisper/tiny.en"
STATE = "sensor.whisper_tiny_en_state"


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


async def test_panel_follows_and_controls_server(
    browser: Browser,
    client: HassClient,
    conductor: Conductor,
    conductor_entry: ConductorEntry,
    recording: Callable[[str], bytes],
) -> None:
    page = await browser.open("/")
    await page.get_by_text("Conductor", exact=True).click()
    row = page.locator("wyoming-conductor-panel tr").filter(has_text=MODEL)
    await row.get_by_text("Ready").wait_for()
    await page.evaluate("window.isTheSamePage = true")

    await conductor.request("POST", f"/models/{MODEL}/unload")
    await row.get_by_text("Not loaded").wait_for(timeout=5_000)
    await row.get_by_role("button", name="Load").click()
    await row.get_by_text("Ready").wait_for(timeout=60_000)
    assert await client.wait_for_state(STATE, "ready", within=5)

    sound = silence(0.5) + recording("turn_on_the_kitchen_light")
    result = await run_pipeline(client, conductor_entry.pipeline, sound)
    assert result.errors == []
    trace = page.locator("wyoming-conductor-panel section").filter(has_text="Speech-to-text")
    await trace.filter(has_text=MODEL).first.wait_for(timeout=10_000)
    assert await page.evaluate("window.isTheSamePage")
    await browser.take_screenshot("home-assistant-panel", 880)


@pytest.mark.usefixtures("conductor_entry")
async def test_device_page_shows_unloaded_model_without_reload(
    browser: Browser, client: HassClient, conductor: Conductor
) -> None:
    await client.wait_for_state(STATE, "ready", within=60)
    await open_device(browser, client, MODEL)
    page = browser.page
    row = page.locator("hui-simple-entity-row, hui-sensor-entity-row").filter(
        has=page.get_by_text("State", exact=True)
    )
    await row.get_by_text("Ready").wait_for()
    await page.evaluate("window.isTheSamePage = true")

    await conductor.request("POST", f"/models/{MODEL}/unload")

    await row.get_by_text("Not loaded").wait_for(timeout=5_000)
    await conductor.request("POST", f"/models/{MODEL}/load")
    await row.get_by_text("Ready").wait_for(timeout=60_000)
    assert await page.evaluate("window.isTheSamePage")
    await browser.take_screenshot("home-assistant-model", 1130)


@pytest.mark.usefixtures("conductor_entry")
async def test_device_page_shows_sensors_and_settings(browser: Browser, client: HassClient) -> None:
    await open_device(browser, client, "Wyoming Conductor")

    await browser.page.get_by_text("Loaded models").wait_for()
    await browser.page.get_by_text("Speech-to-text model").first.wait_for()
    await browser.take_screenshot("home-assistant-server", 1720)


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

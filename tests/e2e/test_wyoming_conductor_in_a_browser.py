"""What a person sees of our integration; `--pictures=docs/images` renews those of the docs."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from harness.assist import run_pipeline
from harness.audio import silence
from harness.browser import Browser
from harness.client import HassClient
from harness.conductor import Conductor
from harness.steered import DOMAIN, Steered, devices_of, entries_of, issues

MODEL = "whisper/tiny.en"
STATE = "sensor.whisper_tiny_en_state"


@pytest.fixture(autouse=True)
def no_faults(browser: Browser) -> Iterator[None]:
    """Fail a test in which a script failed, or the page asked for what there is not."""
    browser.faults.clear()
    yield
    assert browser.faults == []


async def open_device(browser: Browser, client: HassClient, name: str) -> None:
    """Show the page of one of our devices."""
    await browser.open(f"/config/devices/device/{(await devices_of(client, DOMAIN))[name]}")


async def test_the_form_asks_for_the_server_and_says_when_nobody_answers(browser: Browser) -> None:
    page = await browser.open(f"/config/integrations/dashboard/add?domain={DOMAIN}")
    await page.get_by_role("button", name="OK").click()
    await page.get_by_text("Enter the connection settings of the server.").wait_for()
    await browser.take_picture("home-assistant-form")

    await page.locator("input[name=host]").fill("127.0.0.1")
    await page.locator("input[type=number]").fill("1")
    await page.get_by_role("button", name="Submit").click()

    await page.get_by_text("Failed to connect").wait_for()


async def test_the_panel_follows_the_server_and_steers_it(
    browser: Browser,
    client: HassClient,
    conductor: Conductor,
    steered: Steered,
    recording: Callable[[str], bytes],
) -> None:
    page = await browser.open("/")
    await page.get_by_text("Conductor", exact=True).click()
    row = page.locator("wyoming-conductor-panel tr").filter(has_text=MODEL)
    await row.get_by_text("Ready").wait_for()
    await page.evaluate("window.isTheSamePage = true")

    await conductor.ask("POST", f"/models/{MODEL}/unload")
    await row.get_by_text("Not loaded").wait_for(timeout=5_000)
    await row.get_by_role("button", name="Load").click()
    await row.get_by_text("Ready").wait_for(timeout=60_000)
    assert await client.shows(STATE, "ready", within=5)

    sound = silence(0.5) + recording("turn_on_the_kitchen_light")
    outcome = await run_pipeline(client, steered.pipeline, sound)
    assert outcome.errors == []
    heard = page.locator("wyoming-conductor-panel section").filter(has_text="Speech-to-text")
    await heard.filter(has_text=MODEL).first.wait_for(timeout=10_000)
    assert await page.evaluate("window.isTheSamePage")
    await browser.take_picture("home-assistant-panel", 880)


@pytest.mark.usefixtures("steered")
async def test_a_model_that_is_unloaded_elsewhere_shows_it_without_a_reload(
    browser: Browser, client: HassClient, conductor: Conductor
) -> None:
    await client.shows(STATE, "ready", within=60)
    await open_device(browser, client, MODEL)
    page = browser.page
    row = page.locator("hui-simple-entity-row, hui-sensor-entity-row").filter(
        has=page.get_by_text("State", exact=True)
    )
    await row.get_by_text("Ready").wait_for()
    await page.evaluate("window.isTheSamePage = true")

    await conductor.ask("POST", f"/models/{MODEL}/unload")

    await row.get_by_text("Not loaded").wait_for(timeout=5_000)
    await conductor.ask("POST", f"/models/{MODEL}/load")
    await row.get_by_text("Ready").wait_for(timeout=60_000)
    assert await page.evaluate("window.isTheSamePage")
    await browser.take_picture("home-assistant-model", 1130)


@pytest.mark.usefixtures("steered")
async def test_the_servers_page_shows_what_it_does_and_its_settings(
    browser: Browser, client: HassClient
) -> None:
    await open_device(browser, client, "Wyoming Conductor")

    await browser.page.get_by_text("Loaded models").wait_for()
    await browser.page.get_by_text("Speech-to-text model").first.wait_for()
    await browser.take_picture("home-assistant-server", 1720)


async def test_a_server_that_left_assist_is_put_back_by_its_repair(
    browser: Browser, client: HassClient, conductor: Conductor, steered: Steered
) -> None:
    wake = await wake_entry(client, steered)
    await client.delete(f"/api/config/config_entries/entry/{wake}")
    # What is in Assist is looked at when something happens, or once a minute.
    await conductor.ask("POST", f"/models/{MODEL}/unload")
    async with asyncio.timeout(10):
        while "server_not_in_assist" not in await issues(client):
            await asyncio.sleep(0.1)

    page = await browser.open("/config/repairs")
    await page.get_by_text("is not fully available in Assist").click()
    await page.get_by_role("button", name="Submit").wait_for()
    await browser.take_picture("home-assistant-repair")
    await page.get_by_role("button", name="Submit").click()

    async with asyncio.timeout(10):
        while "server_not_in_assist" in await issues(client):
            await asyncio.sleep(0.1)
    assert len(await entries_of(client, "wyoming")) == 6
    await conductor.ask("POST", f"/models/{MODEL}/load")


async def wake_entry(client: HassClient, steered: Steered) -> str:
    """Return the entry of the wake word server that was added with ours."""
    entities = await client.ask("config/entity_registry/list")
    return next(
        entity["config_entry_id"]
        for entity in entities
        if entity["config_entry_id"] in steered.wyoming
        and entity["entity_id"].startswith("wake_word.")
    )

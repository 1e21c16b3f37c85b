"""A headless Chromium that is logged in to Home Assistant."""

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import ConsoleMessage, Page, Response, WebSocket, async_playwright

from harness.client import PASSWORD, USERNAME

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
"""Names of Chromium and Chrome in distributions."""

PHONE_WIDTH, PHONE_HEIGHT = 390, 844
SCALE = 2
"""Pixels of a screenshot for each pixel of the page, as on most screens."""

TIMEOUT_SECONDS = 30.0
"""The frontend compiles several MB of JavaScript on its first load."""

WIDTH, HEIGHT = 1180, 1000
"""Size of the window in pixels: a laptop screen without its bars."""


def find_chromium() -> Path | None:
    """Return the installed Chromium or Chrome; None if there is none."""
    found = (shutil.which(name) for name in NAMES)
    return next((Path(path) for path in found if path), None)


LOG_REJECTIONS = """
addEventListener("unhandledrejection", ({ reason }) =>
  reason instanceof Error || console.error(`unhandled: ${JSON.stringify(reason)}`));
"""
"""Logs rejected promises: Home Assistant rejects with objects that are shown as `Object`."""


@dataclass(frozen=True)
class Browser:
    """A window with one page and its errors."""

    page: Page
    url: str
    """URL of Home Assistant."""

    errors: list[str]
    """Script errors and failed requests."""

    screenshots: Path
    """Folder for the screenshots."""

    async def open(self, path: str) -> Page:
        """Open a page of Home Assistant by its path."""
        await self.page.goto(self.url + path)
        return self.page

    async def take_screenshot(self, name: str, height: int = HEIGHT, width: int = WIDTH) -> None:
        """Save a screenshot as `NAME.png` when all animations have ended."""
        await self.page.set_viewport_size({"width": width, "height": height})
        await self.page.wait_for_load_state("networkidle")
        # The frontend has no event for the end of its animations.
        await self.page.wait_for_timeout(800)
        await self.page.screenshot(path=self.screenshots / f"{name}.png", animations="disabled")
        await self.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})

    async def take_screenshots(self, name: str, height: int = HEIGHT) -> None:
        """Save screenshots of a panel: light, dark (`NAME-dark`) and on a phone (`NAME-phone`)."""
        await self.take_screenshot(name, height)
        await self.page.emulate_media(color_scheme="dark")
        await self.take_screenshot(f"{name}-dark", height)
        await self.page.emulate_media(color_scheme="light")
        await self.take_screenshot(f"{name}-phone", PHONE_HEIGHT, PHONE_WIDTH)


@asynccontextmanager
async def open_browser(
    chromium: Path, url: str, screenshots: Path, microphone: Path | None = None
) -> AsyncIterator[Browser]:
    """Open a window and log in. Raises playwright's TimeoutError if that fails.

    `microphone` is a WAV file that is recorded once in place of a microphone.
    """
    arguments = ["--no-sandbox", "--disable-gpu"]  # not available in containers
    if microphone is not None:
        arguments += [
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-audio-capture={microphone}%noloop",
        ]
    async with async_playwright() as play:
        chromium_browser = await play.chromium.launch(executable_path=chromium, args=arguments)
        page = await chromium_browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT},
            device_scale_factor=SCALE,
            locale="en-US",
        )
        page.set_default_timeout(TIMEOUT_SECONDS * 1000)
        browser = Browser(page, url, [], screenshots)
        page.on("pageerror", lambda error: browser.errors.append(str(error)))
        page.on("console", lambda message: browser.errors.extend(_rejection_errors(message)))
        await page.add_init_script(LOG_REJECTIONS)
        page.on("websocket", lambda socket: _record_unknown_commands(socket, browser.errors))
        page.on("response", lambda response: browser.errors.extend(_response_errors(response)))
        await browser.open("/")
        await page.locator("input[name=username]").fill(USERNAME)
        await page.locator("input[name=password]").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.locator("home-assistant-main").wait_for()
        yield browser
        await chromium_browser.close()


def _rejection_errors(message: ConsoleMessage) -> list[str]:
    return [message.text] if message.text.startswith("unhandled: ") else []


def _record_unknown_commands(socket: WebSocket, errors: list[str]) -> None:
    """Record unknown commands: whether the page reports them depends on timing."""
    types: dict[int, str] = {}

    def sent(frame: str | bytes) -> None:
        types.update(
            {message["id"]: message["type"] for message in _decode_frame(frame) if "id" in message}
        )

    def received(frame: str | bytes) -> None:
        errors.extend(
            f"unknown command {types.get(message['id'])}"
            for message in _decode_frame(frame)
            if message.get("error", {}).get("code") == "unknown_command"
        )

    socket.on("framesent", sent)
    socket.on("framereceived", received)


def _decode_frame(frame: str | bytes) -> list[dict[str, Any]]:
    if isinstance(frame, bytes):
        return []  # audio
    found = json.loads(frame)
    return found if isinstance(found, list) else [found]


def _response_errors(response: Response) -> list[str]:
    # Icons of other integrations are fetched from the internet.
    is_ours = "/api/brands/" not in response.url or "wyoming_conductor" in response.url
    return [f"{response.status} {response.url}"] if response.status >= 400 and is_ours else []

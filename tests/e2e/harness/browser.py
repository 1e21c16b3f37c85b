"""A headless Chromium that is logged in to Home Assistant, as a person's is."""

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import ConsoleMessage, Page, Response, WebSocket, async_playwright

from harness.client import PASSWORD, USERNAME

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""Programs that are Chromium, as distributions name them."""

PATIENCE_SECONDS = 30.0
"""The frontend compiles several MB of JavaScript on first sight, on two busy cores."""

WIDTH, HEIGHT = 1180, 1000
"""Of the window, in pixels: a laptop's, less its bars."""


def find_chromium() -> Path | None:
    """Return a Chromium or Chrome that is installed on this machine."""
    found = (shutil.which(name) for name in NAMES)
    return next((Path(path) for path in found if path), None)


TELL_REJECTIONS = """
addEventListener("unhandledrejection", ({ reason }) =>
  reason instanceof Error || console.error(`unhandled: ${JSON.stringify(reason)}`));
"""
"""Home Assistant rejects with plain objects, of which a fault would say no more than `Object`."""


@dataclass(frozen=True)
class Browser:
    """A window with one page, and what went wrong in it."""

    page: Page
    url: str
    """Of Home Assistant."""

    faults: list[str]
    """Errors of scripts, and requests that the server did not answer well."""

    pictures: Path
    """Folder that pictures are put into."""

    async def open(self, path: str) -> Page:
        """Go to a page of Home Assistant, by the path below its address."""
        await self.page.goto(self.url + path)
        return self.page

    async def take_picture(self, name: str, height: int = HEIGHT) -> None:
        """Save what the window shows as `NAME.png`, once nothing moves any more."""
        await self.page.set_viewport_size({"width": WIDTH, "height": height})
        await self.page.wait_for_load_state("networkidle")
        # Ripples and dialogs fade; the frontend has no event for the end of it.
        await self.page.wait_for_timeout(800)
        await self.page.screenshot(path=self.pictures / f"{name}.png", animations="disabled")
        await self.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})


@asynccontextmanager
async def open_browser(chromium: Path, url: str, pictures: Path) -> AsyncIterator[Browser]:
    """Open a window and log in by the form. Raises playwright's TimeoutError if that fails."""
    arguments = ["--no-sandbox", "--disable-gpu"]  # containers have neither
    async with async_playwright() as play:
        chrome = await play.chromium.launch(executable_path=chromium, args=arguments)
        page = await chrome.new_page(viewport={"width": WIDTH, "height": HEIGHT}, locale="en-US")
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        browser = Browser(page, url, [], pictures)
        page.on("pageerror", lambda error: browser.faults.append(str(error)))
        page.on("console", lambda message: browser.faults.extend(_rejection(message)))
        await page.add_init_script(TELL_REJECTIONS)
        page.on("websocket", lambda socket: _tell_unknown_commands(socket, browser.faults))
        page.on("response", lambda reply: browser.faults.extend(_fault(reply)))
        await browser.open("/")
        await page.locator("input[name=username]").fill(USERNAME)
        await page.locator("input[name=password]").fill(PASSWORD)
        await page.keyboard.press("Enter")
        await page.locator("home-assistant-main").wait_for()
        yield browser
        await chrome.close()


def _rejection(message: ConsoleMessage) -> list[str]:
    return [message.text] if message.text.startswith("unhandled: ") else []


def _tell_unknown_commands(socket: WebSocket, faults: list[str]) -> None:
    """Collect the commands that this home does not know: whether a page rejects them is chance."""
    types: dict[int, str] = {}

    def sent(frame: str | bytes) -> None:
        types.update({one["id"]: one["type"] for one in _messages(frame) if "id" in one})

    def received(frame: str | bytes) -> None:
        faults.extend(
            f"unknown command {types.get(one['id'])}"
            for one in _messages(frame)
            if one.get("error", {}).get("code") == "unknown_command"
        )

    socket.on("framesent", sent)
    socket.on("framereceived", received)


def _messages(frame: str | bytes) -> list[dict[str, Any]]:
    if isinstance(frame, bytes):
        return []  # sound
    found = json.loads(frame)
    return found if isinstance(found, list) else [found]


def _fault(reply: Response) -> list[str]:
    # Icons of other integrations are on the internet.
    is_ours = "/api/brands/" not in reply.url or "wyoming_conductor" in reply.url
    return [f"{reply.status} {reply.url}"] if reply.status >= 400 and is_ours else []

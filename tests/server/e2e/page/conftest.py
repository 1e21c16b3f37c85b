"""A headless Chromium on the page of a real server.

`--page-screenshots=docs/images` keeps the pictures of the documentation.
"""

import re
import shutil
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

WIDTH, HEIGHT = 1180, 860
PHONE = {"width": 390, "height": 844}

SERIOUS = ("serious", "critical")


@dataclass
class OpenPage:
    """A tab of the browser, with its errors."""

    page: Page
    url: str
    token: str
    pictures: Path | None
    errors: list[str] = field(default_factory=list)
    """Script errors, and messages of the console such as blocked resources."""

    def watch(self) -> None:
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: self._record(message.type, message.text))

    def _record(self, kind: str, text: str) -> None:
        # A refused request is shown by the page; the browser reports it as well.
        if kind == "error" and "Failed to load resource" not in text:
            self.errors.append(text)

    def sign_in(self) -> None:
        self.page.goto(self.url)
        self.page.get_by_role("button", name="Use a token instead").click()
        self.page.get_by_label("Token").fill(self.token)
        self.page.keyboard.press("Enter")
        self.page.get_by_role("navigation").wait_for()

    def open(self, path: str) -> None:
        self.page.goto(f"{self.url}#/{path}")

    def check_accessibility(self) -> None:
        """Fail for findings that keep people from using the page, in light and in dark."""
        found = []
        for scheme in ("dark", "light"):
            self.page.emulate_media(color_scheme=scheme)
            # Until all elements have their new colors.
            self.page.evaluate("new Promise((done) => setTimeout(done, 400))")
            found += Axe().run(self.page).response["violations"]
        serious = [
            f"{one['id']}: {node['html']} {node['failureSummary']}"
            for one in found
            if one["impact"] in SERIOUS
            for node in one["nodes"]
        ]
        assert serious == []

    def check_narrow(self) -> None:
        """Fail if the page is wider than a phone."""
        self.page.set_viewport_size(PHONE)
        width = self.page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"]
        self.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})

    def take_pictures(self, name: str) -> None:
        """Keep pictures in light, dark and on a phone, if the option says so."""
        if self.pictures is None:
            return
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            self._take(f"page-{name}{'' if scheme == 'light' else '-dark'}")
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(PHONE)
        self._take(f"page-{name}-phone")
        self.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})

    def _take(self, name: str) -> None:
        assert self.pictures is not None
        self.page.wait_for_timeout(400)  # animations and graphs
        self.page.screenshot(path=self.pictures / f"{name}.png", animations="disabled")


@pytest.fixture(scope="session")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the microphone of the browser hears, again and again: speech and a long silence."""
    with wave.open(str(Path(__file__).parents[3] / "data" / "goforward.wav")) as file:
        parameters, pcm = file.getparams(), file.readframes(file.getnframes())
    path = tmp_path_factory.mktemp("microphone") / "speech.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams(parameters)
        file.writeframes(pcm + bytes(2 * parameters.framerate * 8))
    return path


# Ends before other tests: no event loop can run beside that of the browser.
@pytest.fixture(scope="module")
def chromium(microphone: Path) -> Iterator[Browser]:
    path = next((found for name in CHROMIUM_NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("No Chromium or Chrome found. Install the package chromium, for example.")
    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}",
        "--autoplay-policy=no-user-gesture-required",
    ]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser, server: Any, request: pytest.FixtureRequest) -> Iterator[OpenPage]:
    """A new window that has not signed in; scripts must not fail in it."""
    context = chromium.new_context(
        viewport={"width": WIDTH, "height": HEIGHT}, locale="en-US", color_scheme="light"
    )
    context.set_default_timeout(20_000)
    opened = OpenPage(
        context.new_page(),
        f"http://127.0.0.1:{server.ports['api']}/",
        (server.data_dir / "api-token").read_text().strip(),
        request.config.getoption("--page-screenshots"),
    )
    opened.watch()
    yield opened
    context.close()
    assert opened.errors == []


@pytest.fixture
def pairing_code(server: Any) -> Any:
    """Return the code that the log of the server shows."""

    def read() -> str:
        return str(re.findall(r"Pairing code (\d{6})", server.log.read_text())[-1])

    return read

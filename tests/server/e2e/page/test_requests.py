"""The tab Requests, as a person uses it, with real speech."""

import asyncio
import io
import re
import wave
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from playwright.sync_api import expect

# A browser and a server share the cores; a full run of the tests is busy on its own.
pytestmark = [pytest.mark.e2e, pytest.mark.component, pytest.mark.timeout(300)]


def test_requests_are_shown_heard_corrected_and_forgotten(
    open_page: Any, server: Any, clip: Callable[[str], bytes]
) -> None:
    server.http("/vocabulary", "DELETE")
    open_page.sign_in()
    page = open_page.page
    open_page.open("requests")
    page.get_by_role("checkbox", name="Keep texts").check()
    page.get_by_role("checkbox", name="Keep audio").check()
    expect(page.get_by_role("checkbox", name="Keep audio")).to_be_checked()
    page.evaluate("window.isTheSamePage = true")

    heard = in_thread(server.transcribe(clip("goforward"))).text
    row = page.locator("wc-request-row").filter(has_text=heard)
    row.first.wait_for(timeout=5_000)  # without a reload
    row.first.get_by_role("button").first.click()
    expect(row.get_by_role("list", name="Stages")).to_contain_text("Model")

    sound = page.evaluate(
        """async (url) => {
          const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
          return [...bytes];
        }""",
        row.locator("audio").get_attribute("src"),
    )
    with wave.open(io.BytesIO(bytes(sound))) as file:
        pcm = file.readframes(file.getnframes())
    again = in_thread(server.transcribe(pcm + bytes(16_000))).text
    assert words(again) & words(heard)

    field = row.get_by_label("That is not what was said? Correct it:")
    field.fill(f"{heard} Quixby")
    row.get_by_role("button", name="Expect from now on: Quixby").click()
    expect(page.get_by_text("Expected from now on: Quixby")).to_be_visible()
    assert server.http("/vocabulary")["terms"] == ["Quixby"]
    row.get_by_role("button", name="whisper/tiny.en", exact=True).click()
    row.get_by_text("whisper/tiny.en:").wait_for(timeout=60_000)
    open_page.check_accessibility()
    open_page.check_narrow()
    open_page.take_pictures("requests")

    in_thread(server.synthesize("Zigbee is ready."))
    spoken = page.locator("wc-request-row").filter(has_text="Zigbee is ready.")
    spoken.get_by_role("button").first.click()
    spoken.get_by_label("Word that sounds wrong").fill("Zigbee")
    spoken.get_by_label("Spell it as it sounds").fill("zig bee")
    spoken.get_by_role("button", name="Set pronunciation").click()
    expect(page.get_by_text("is spoken “zig bee”")).to_be_visible()
    assert server.http("/lexicon/*/Zigbee")["respelling"] == "zig bee"
    server.http("/lexicon/*/Zigbee", "DELETE")

    page.get_by_role("button", name="Text-to-speech", exact=True).click()
    expect(page.locator("wc-request-row").filter(has_text=heard)).to_have_count(0)
    page.get_by_role("button", name="Forget all").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget all").click()
    expect(page.get_by_text("Zigbee is ready.")).to_have_count(0)
    assert not [one for one in server.http("/requests")["requests"] if one["text"] or one["audio"]]
    page.get_by_role("checkbox", name="Keep texts").uncheck()
    page.get_by_role("checkbox", name="Keep audio").uncheck()
    assert page.evaluate("window.isTheSamePage")


def in_thread(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine while the browser's event loop runs in this thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]{3,}", text.lower()))

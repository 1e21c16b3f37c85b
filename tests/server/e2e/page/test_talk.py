"""The tab Talk: a microphone that speaks, and an answer that is heard."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from playwright.sync_api import expect

# A browser and a server share the cores; a full run of the tests is busy on its own.
pytestmark = [pytest.mark.e2e, pytest.mark.component, pytest.mark.timeout(300)]

RECORD_PLAYED = """
window.played = [];
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (...when) {
  window.played.push({ rate: this.buffer.sampleRate, samples: [...this.buffer.getChannelData(0)] });
  return start.apply(this, when);
};
"""


def test_microphone_is_understood_and_the_answer_is_heard(open_page: Any, server: Any) -> None:
    page = open_page.page
    page.add_init_script(RECORD_PLAYED)
    open_page.sign_in()
    open_page.open("talk")
    page.get_by_role("button", name="Hands-free").click()
    heard = page.locator(".said:not(.growing)").first
    heard.wait_for(timeout=60_000)
    assert "forward" in heard.inner_text().lower()
    expect(page.locator(".answer").first).to_have_text(heard.inner_text())
    page.get_by_text("answer after").first.wait_for(timeout=30_000)
    expect(page.get_by_role("status").first).not_to_contain_text("Speaking", timeout=30_000)
    open_page.check_accessibility()
    open_page.check_narrow()
    open_page.take_pictures("talk")
    page.get_by_role("button", name="Stop").first.click()

    played = page.evaluate("window.played")
    rate = int(played[0]["rate"])
    pcm = b"".join(
        round(sample * 32_767).to_bytes(2, "little", signed=True)
        for part in played
        for sample in part["samples"]
    )
    with ThreadPoolExecutor(1) as pool:
        work = server.transcribe(pcm + bytes(rate), rate=rate)
        text = pool.submit(asyncio.run, work).result().text
    assert set(re.findall(r"[a-z]+", text.lower())) & {"go", "forward", "meters"}

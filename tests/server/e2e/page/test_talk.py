"""The tab Talk: a microphone that speaks, and an answer that is heard and can be interrupted."""

import asyncio
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import expect

# A browser and a server share the cores; a full run of the tests is busy on its own.
pytestmark = [pytest.mark.e2e, pytest.mark.component, pytest.mark.timeout(300)]

RECORD_PLAYED = """
window.played = [];
window.stopped = 0;
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (...when) {
  window.played.push({ rate: this.buffer.sampleRate, samples: [...this.buffer.getChannelData(0)] });
  return start.apply(this, when);
};
const stop = AudioBufferSourceNode.prototype.stop;
AudioBufferSourceNode.prototype.stop = function (...when) {
  window.stopped += 1;
  return stop.apply(this, when);
};
"""

ANSWER = "This is a very long answer that nobody wants to hear to its end. " * 12


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


class LanguageModel(BaseHTTPRequestHandler):
    """Answers at length."""

    requests: list[dict[str, Any]]

    def do_POST(self) -> None:
        self.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()
        data = json.dumps({"choices": [{"delta": {"content": ANSWER}}]})
        self.wfile.write(f"data: {data}\n\ndata: [DONE]\n\n".encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def language_model(server: Any) -> Iterator[list[dict[str, Any]]]:
    """Configure a language model; returns the requests that it gets."""
    requests: list[dict[str, Any]] = []
    handler = type("Handler", (LanguageModel,), {"requests": requests})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as found:
        thread = Thread(target=found.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{found.server_port}/v1"
        server.http("/config", "PATCH", {"conversation": {"openai": {"url": url, "model": "m"}}})
        yield requests
        server.http("/config", "PATCH", {"conversation": None})
        found.shutdown()
        thread.join()


def test_speaking_stops_the_answer(open_page: Any, language_model: list[dict[str, Any]]) -> None:
    page = open_page.page
    page.add_init_script(RECORD_PLAYED)
    open_page.sign_in()
    open_page.open("talk")
    page.get_by_label("Answers from").select_option("openai")
    # The microphone says its sentence, and again after eight seconds: into the answer.
    page.get_by_role("button", name="Hands-free").click()
    page.get_by_text("interrupted").first.wait_for(timeout=60_000)
    assert page.evaluate("window.stopped") > 0
    page.locator(".said:not(.growing)").nth(1).wait_for(timeout=30_000)
    page.get_by_role("button", name="Stop").first.click()
    expect(page.get_by_role("status").first).to_contain_text("Hold the button")
    # What was not heard is not in the history.
    kept = next(one for one in language_model[-1]["messages"] if one["role"] == "assistant")
    assert ANSWER.startswith(kept["content"])
    assert 0 < len(kept["content"]) < len(ANSWER) / 2


def test_held_button_is_a_turn(open_page: Any) -> None:
    page = open_page.page
    open_page.sign_in()
    open_page.open("talk")
    page.get_by_label("Answers from").select_option("echo")
    page.get_by_role("button", name="Hold and speak").focus()
    page.keyboard.down(" ")
    expect(page.get_by_role("status").first).to_contain_text("Listening", timeout=20_000)
    page.wait_for_timeout(4_000)  # the microphone's sentence
    page.keyboard.up(" ")
    heard = page.locator(".said:not(.growing)").first
    heard.wait_for(timeout=60_000)
    expect(page.locator(".answer").first).to_have_text(heard.inner_text())

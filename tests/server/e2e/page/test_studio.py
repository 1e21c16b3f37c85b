"""The tab Studio: a text is edited and spoken, a recording transcribed and corrected."""

import asyncio
import io
import re
import socket
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

# A browser and a server share the cores; a full run of the tests is busy on its own.
pytestmark = [pytest.mark.e2e, pytest.mark.component, pytest.mark.timeout(300)]

NAMES = ("Roborock", "Kallax", "Lutron")
"""Names that the model does not know without a vocabulary."""

BOOK = "# The lamp\n\nThe *morning* is cold.\n\nHe counts seven horses.\n\nThe evening is warm.\n"

DROP = """([element, name, text]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([text], name));
  for (const type of ["dragover", "drop"]) {
    element.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, cancelable: true }));
  }
}"""


@pytest.fixture(scope="module")
def server(start_servers: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server that can be killed: the next one has its port and its data."""
    with start_servers(tmp_path_factory.mktemp("studio")) as start, socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        sock.close()
        running = start(wake__enabled="false", api__port=port)
        running.start_again = lambda: start(
            wake__enabled="false", api__port=port, data_dir=running.data_dir
        )
        running.wait_state("piper/en_US-joe-medium", "ready")
        yield running


def test_book_is_edited_and_only_the_change_is_spoken_again(open_page: Any, server: Any) -> None:
    open_page.sign_in()
    page = open_page.page
    open_page.open("studio")
    page.get_by_text("No project yet").wait_for()
    drop = page.locator(".drop").element_handle()
    page.evaluate(DROP, [drop, "lamp.md", BOOK])
    line = page.get_by_role("textbox", name="Line 3", exact=True)
    expect(line).to_have_value("He counts seven horses.")
    with page.expect_response("**/v1/audio/speech") as preview:
        page.get_by_role("button", name="Listen to line 3").click()
    assert preview.value.headers["content-type"] == "audio/wav"
    page.get_by_role("button", name="Synthesize").click()
    expect(page.get_by_text("Done", exact=True)).to_be_visible(timeout=60_000)
    first = read_audio(server, open_page.token, project(page))
    assert {"morning", "seven", "horses", "evening"} <= understood(server, open_page.token, first)
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.get_by_role("slider")).not_to_have_attribute("aria-valuenow", "0", timeout=10_000)
    page.get_by_role("button", name="Pause", exact=True).click()
    open_page.check_accessibility()
    open_page.check_narrow()
    open_page.take_pictures("studio")

    line.fill("He counts purple elephants.")
    line.blur()
    expect(page.get_by_text("Changed since")).to_be_visible()
    page.get_by_label("Pause before line 3").fill("1.5")
    page.get_by_label("Pause before line 3").press("Tab")
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    before = segments(server, project(page))
    page.get_by_role("button", name="Synthesize").click()
    expect(page.get_by_text("Done", exact=True)).to_be_visible(timeout=60_000)
    second = read_audio(server, open_page.token, project(page))
    assert {"morning", "purple", "elephants", "evening"} <= understood(
        server, open_page.token, second
    )
    after = segments(server, project(page))
    assert after[2]["start"] - after[1]["end"] == pytest.approx(1.5, abs=0.01)
    # A voice never says a sentence twice in the same way: what is found was not made again.
    kept = [sound(first, segment) in samples(second)[1] for segment in before]
    assert kept == [True, True, False, True]

    line.press("End")
    for _ in "elephants.":
        line.press("ArrowLeft")
    line.press("Control+Enter")
    expect(page.get_by_role("textbox", name="Line 4", exact=True)).to_have_value("elephants.")
    page.get_by_role("button", name="Undo").click()
    expect(line).to_have_value("He counts purple elephants.")


def test_recording_is_transcribed_and_corrected_words_are_understood_next_time(
    open_page: Any, server: Any, tmp_path: Path
) -> None:
    recording = record(server, tmp_path, [f"Turn on the {name} lamp." for name in NAMES])
    open_page.sign_in()
    page = open_page.page
    open_page.open("studio")
    page.get_by_label("Choose a file", exact=True).set_input_files(recording)
    words = page.locator("wc-transcript-row .word")
    words.first.wait_for(timeout=60_000)
    expect(page.get_by_text("Done", exact=True)).to_be_visible(timeout=30_000)
    text = " ".join(words.all_inner_texts())
    assert "turn on the" in text.lower()
    words.first.click()
    expect(page.locator("wc-transcript-row .word.now")).to_have_count(1, timeout=10_000)
    open_page.check_accessibility()
    open_page.check_narrow()
    open_page.take_pictures("studio-transcript")

    page.get_by_role("button", name="Correct line 1").click()
    field = page.get_by_role("textbox", name="Line 1", exact=True)
    field.fill(" ".join(f"Turn on the {name} lamp." for name in NAMES))
    field.blur()
    page.get_by_role("button", name="Expect from now on: ").click()
    expect(page.get_by_text("Expected from now on: ").last).to_be_visible()
    assert set(NAMES) & set(server.http("/vocabulary")["terms"])
    again = understood(server, open_page.token, recording.read_bytes())
    recognized = set(re.findall(r"[a-z]+", text.lower()))
    assert len(set(map(str.lower, NAMES)) & again) > len(set(map(str.lower, NAMES)) & recognized)
    server.http("/vocabulary", "DELETE")

    page.get_by_label("Speaker of line 1").fill("Anna")
    page.get_by_label("Speaker of line 1").press("Enter")
    page.get_by_role("button", name="Find and replace").click()
    page.get_by_label("Find", exact=True).fill("roborock")
    page.get_by_label("Replace with").fill("vacuum")
    page.get_by_role("button", name="Replace in 1 lines").click()
    expect(page.get_by_text("Replaced.")).to_be_visible()
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="VTT").click()
    assert "<v Anna>Turn on the vacuum lamp." in download.value.path().read_text()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("wc-transcript-row").first).to_contain_text("Roborock")


def test_nothing_is_lost_when_the_server_is_killed(open_page: Any, server: Any) -> None:
    open_page.sign_in()
    page = open_page.page
    open_page.open("studio")
    page.get_by_label("Text to read aloud").fill("One is here. Two is there.")
    page.get_by_role("button", name="Create").click()
    line = page.get_by_role("textbox", name="Line 1", exact=True)
    line.fill("One was here.")
    line.blur()
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    server.process.kill()
    server.process.wait(10)
    second = page.get_by_role("textbox", name="Line 2", exact=True)
    second.fill("Two was there.")
    second.blur()
    expect(page.get_by_text("Not saved yet")).to_be_visible()
    (server.data_dir / "server.json").unlink()
    server.start_again()
    expect(page.get_by_text("Saved", exact=True)).to_be_visible(timeout=30_000)
    page.reload()
    expect(line).to_have_value("One was here.")
    expect(second).to_have_value("Two was there.")
    page.get_by_role("button", name="Undo").click()
    expect(second).to_have_value("Two is there.")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("link", name=re.compile("lamp.md"))).to_be_visible()
    open_page.errors.clear()  # requests that the killed server did not answer


def project(page: Any) -> str:
    return str(page.url.rpartition("/")[2])


def segments(server: Any, job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.http(f"/jobs/{job}/segments")["segments"]
    return found


def record(server: Any, folder: Path, sentences: list[str]) -> Path:
    """Return a recording of sentences with pauses."""
    with ThreadPoolExecutor(1) as pool:
        spoken = [
            pool.submit(asyncio.run, server.synthesize(sentence)).result() for sentence in sentences
        ]
    path = folder / "names.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, spoken[0].rate, 0, "NONE", ""))
        file.writeframes(b"".join(one.pcm + bytes(one.rate) for one in spoken))
    return path


def read_audio(server: Any, token: str, job: str) -> bytes:
    """Return the WAV file of a project."""
    answer = httpx.get(
        f"http://127.0.0.1:{server.ports['api']}/jobs/{job}.wav",
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
        trust_env=False,
    )
    return answer.content


def samples(recording: bytes) -> tuple[int, bytes]:
    """Return the rate and the samples of a WAV file."""
    with wave.open(io.BytesIO(recording)) as file:
        return file.getframerate(), file.readframes(file.getnframes())


def sound(recording: bytes, segment: dict[str, Any]) -> bytes:
    """Return the samples of a segment, without some at its ends whose times are rounded."""
    rate, pcm = samples(recording)
    start, end = round(segment["start"] * rate) + 50, round(segment["end"] * rate) - 50
    assert end - start > rate / 4
    return pcm[2 * start : 2 * end]


def understood(server: Any, token: str, recording: bytes) -> set[str]:
    """Return the words that speech-to-text understands in a WAV file."""
    answer = httpx.post(
        f"http://127.0.0.1:{server.ports['api']}/v1/audio/transcriptions",
        files={"file": ("audio.wav", recording)},
        data={"model": "whisper-1", "response_format": "text"},
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
        trust_env=False,
    )
    return set(re.findall(r"[a-z]+", answer.text.lower()))

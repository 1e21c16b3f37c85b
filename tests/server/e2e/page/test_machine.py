"""Signing in, and the tab Machine, as a person uses them."""

import json
import re
import socket
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import expect

# A browser and a server share the cores; a full run of the tests is busy on its own.
pytestmark = [pytest.mark.e2e, pytest.mark.component, pytest.mark.timeout(300)]

VOICE = "piper/en_US-joe-medium"


def test_page_is_entered_with_the_digits_in_the_log_and_left_again(
    open_page: Any, pairing_code: Any, server: Any
) -> None:
    page = open_page.page
    page.goto(open_page.url)
    open_page.check_accessibility()
    page.get_by_role("button", name="Show a code on the server").click()
    expect(page.get_by_text("valid for five minutes")).to_be_visible()
    code = pairing_code()
    page.get_by_label("Code").fill(f"{(int(code) + 1) % 1_000_000:06d}")
    expect(page.get_by_role("alert")).to_contain_text("wrong")
    open_page.take_pictures("sign-in")
    page.get_by_label("Code").fill(code)  # the sixth digit is enough
    page.get_by_role("heading", level=1).wait_for()

    page.reload()
    page.get_by_role("heading", level=1).wait_for()
    open_page.open("machine/access")
    row = page.get_by_role("listitem").filter(has_text="This browser")
    expect(row).to_contain_text("can operate")
    page.locator("summary:visible").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_label("Code").wait_for()
    assert [one for one in server.http("/sessions")["sessions"] if one["scope"] == "operate"] == []


def test_page_follows_models_and_changes_settings(open_page: Any, server: Any) -> None:
    open_page.sign_in()
    open_page.open("machine")
    page = open_page.page
    row = page.get_by_role("listitem").filter(has_text=VOICE).filter(has=page.get_by_role("button"))
    row.get_by_text("Ready", exact=True).wait_for()
    page.evaluate("window.isTheSamePage = true")
    server.http(f"/models/{VOICE}/unload", "POST")
    row.get_by_text("Not loaded").wait_for(timeout=5_000)
    row.get_by_role("button", name="Load", exact=False).last.click()
    row.get_by_text("Ready", exact=True).wait_for(timeout=60_000)
    row.get_by_role("button", name="Keep in memory").click()
    row.get_by_role("button", name="Do not keep in memory").wait_for()
    assert server.model(VOICE)["pinned"] is True
    row.get_by_role("button", name="Do not keep in memory").click()
    row.get_by_role("button", name="Keep in memory", exact=False).first.wait_for()
    assert page.evaluate("window.isTheSamePage")
    open_page.check_accessibility()
    open_page.check_narrow()
    open_page.take_pictures("machine")

    open_page.open("machine/settings")
    page.get_by_label("Search settings").fill("end_silence")
    silence = page.get_by_label("asr.end_silence", exact=True)
    silence.fill("900")
    silence.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("asr.end_silence")
    silence.fill("800ms")
    silence.press("Enter")
    expect(page.get_by_text("Saved. It applies now.")).to_be_visible()
    assert server.http("/config")["effective"]["asr"]["end_silence"] == 0.8
    open_page.check_accessibility()
    open_page.check_narrow()
    open_page.take_pictures("settings")
    page.get_by_role("button", name="Reset").click()
    expect(silence).to_have_value("0.7")


def test_storage_log_and_diagnostics_show_the_server_as_it_is(open_page: Any, server: Any) -> None:
    server.http("/cache/phrases", "DELETE")
    speech = {"input": "A phrase to delete.", "voice": "alloy", "response_format": "pcm"}
    server_post(server, "/v1/audio/speech", speech)
    open_page.sign_in()
    page = open_page.page
    open_page.open("machine/storage")
    phrase = page.get_by_role("listitem").filter(has_text="A phrase to delete.")
    phrase.wait_for()
    used = page.get_by_role("listitem").filter(has_text=VOICE)
    expect(used.get_by_role("button", name="Delete")).to_be_disabled()
    open_page.check_accessibility()
    open_page.check_narrow()
    open_page.take_pictures("storage")
    page.get_by_role("button", name="Clear the phrase cache").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Delete").click()
    expect(phrase).to_have_count(0)
    assert server.http("/cache")["phrases"]["phrases"] == 0

    open_page.open("machine/log")
    page.get_by_role("log").get_by_text("is ready on cpu").first.wait_for()
    code = server.http("/pair/code")["code"]
    page.get_by_label("Search the log").fill("session")
    page.get_by_role("log").get_by_text("scope admin started").first.wait_for()
    assert code not in page.content()
    open_page.check_accessibility()
    open_page.take_pictures("log")

    open_page.open("machine/access")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download diagnostics").click()
    content = json.loads(download.value.path().read_text())
    assert VOICE in [model["id"] for model in content["models"]]
    assert open_page.token not in json.dumps(content)


def test_page_works_with_the_keyboard_alone_in_another_language(open_page: Any) -> None:
    open_page.sign_in()
    open_page.open("machine")
    page = open_page.page
    page.reload()
    page.get_by_role("tab", name="Overview").wait_for()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("tab", name="Overview")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Storage")).to_be_focused()
    assert page.url.endswith("#/machine/storage")
    page.locator("summary:visible").click()
    page.locator("select:visible").last.select_option("de")
    page.get_by_role("heading", name="Gerät").wait_for()
    assert page.evaluate("document.documentElement.lang") == "de"


def test_page_finds_the_server_again_after_a_kill(open_page: Any, start_server: Any) -> None:
    server = start_server(asr__enabled="false", wake__enabled="false", api__port=free_port())
    open_page.url = f"http://127.0.0.1:{server.ports['api']}/"
    open_page.token = (server.data_dir / "api-token").read_text().strip()
    open_page.sign_in()
    page = open_page.page
    server.process.kill()
    server.process.wait(10)
    page.get_by_text("connection to the server is lost").wait_for()
    start_server(
        asr__enabled="false",
        wake__enabled="false",
        api__port=server.ports["api"],
        data_dir=server.data_dir,
    )
    expect(page.get_by_text("connection to the server is lost")).to_have_count(0, timeout=30_000)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    open_page.errors.clear()  # requests that the killed server did not answer


def test_page_runs_nothing_that_is_not_its_own(open_page: Any) -> None:
    response = open_page.page.goto(open_page.url)
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert not re.search(r"https?:", policy)


def server_post(server: Any, path: str, body: dict[str, Any]) -> None:
    """Post JSON and read the answer to its end, whatever it is."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.ports['api']}{path}",
        data=json.dumps(body).encode(),
        headers={
            "Content-Type": "application/json",
            "Authorization": f"Bearer {(server.data_dir / 'api-token').read_text().strip()}",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        assert response.read()


def free_port() -> int:
    """Return a port that is free now; the server must have the same one after its restart."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])

"""The tab "Voices & models", as a person uses it."""

from typing import Any

import pytest
from playwright.sync_api import expect

# A browser and a server share the cores; a full run of the tests is busy on its own.
pytestmark = [pytest.mark.e2e, pytest.mark.component, pytest.mark.timeout(300)]

VOICE = "en_US-joe-medium"


def test_voices_are_heard_and_models_installed_and_deleted(open_page: Any, server: Any) -> None:
    open_page.sign_in()
    page = open_page.page
    open_page.open("voices")
    listen = page.get_by_role("button", name=f"Listen: {VOICE}", exact=True)
    listen.wait_for()
    with page.expect_response(lambda answer: "/sample" in answer.url) as answer:
        listen.click()
    assert answer.value.body()[:4] == b"RIFF"
    stop = page.get_by_role("button", name=f"Stop: {VOICE}", exact=True)
    stop.wait_for()
    # The audio is decoded and played to its end.
    stop.wait_for(state="detached", timeout=30_000)
    page.get_by_label("Search", exact=True).fill("thorsten")
    expect(page.get_by_role("button", name="Install: de_DE-thorsten-medium")).to_be_visible()
    expect(page.get_by_role("button", name="Install: de_DE-thorsten-medium")).to_be_enabled()
    page.get_by_label("Search", exact=True).fill("")
    open_page.check_accessibility()
    open_page.check_narrow()
    open_page.take_pictures("voices")

    open_page.open("voices/models")
    page.get_by_label("Search", exact=True).fill("whisper/base")
    expect(page.get_by_role("button", name="Delete: whisper/base", exact=True)).to_be_enabled()
    page.get_by_role("button", name="Delete: whisper/base", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    install = page.get_by_role("button", name="Install: whisper/base", exact=True)
    install.wait_for()
    install.click()
    page.get_by_role("button", name="Use as default: whisper/base", exact=True).wait_for(
        timeout=90_000
    )
    assert server.http("/models/whisper/base")["state"] == "unloaded"
    open_page.check_accessibility()


def test_names_and_pronunciations_are_kept_by_the_server(open_page: Any, server: Any) -> None:
    open_page.sign_in()
    page = open_page.page
    open_page.open("voices/names")
    page.get_by_label("Names of devices, rooms and people").fill("Reolink Doorbell\nQuixby")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("apply to the next utterance")).to_be_visible()
    assert server.http("/vocabulary")["names"] == ["Reolink Doorbell", "Quixby"]
    page.get_by_label("Names of devices, rooms and people").press("Control+Home")
    with page.expect_request("**/v1/audio/speech") as spoken:
        page.get_by_role("button", name="Listen to the name at the cursor").click()
    assert spoken.value.post_data_json["input"] == "Reolink Doorbell"
    open_page.check_accessibility()
    server.http("/vocabulary", "DELETE")

    open_page.open("voices/pronunciations")
    page.get_by_label("Word", exact=True).fill("Reolink")
    page.get_by_label("Spell it as it sounds").fill("ree oh link")
    page.get_by_role("button", name="Save").click()
    row = page.get_by_role("listitem").filter(has_text="ree oh link")
    row.wait_for()
    with page.expect_response("**/v1/audio/speech") as answer:
        row.get_by_role("button", name="Listen").click()
    assert answer.value.status == 200
    assert answer.value.headers["content-type"] == "audio/wav"
    open_page.check_accessibility()
    row.get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)
    assert server.http("/lexicon")["words"] == []

"""The lexicon endpoints."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from wyoming_servers.speech.tts.pipeline import TtsPipeline
from wyoming_servers.text.lexicon import Lexicon


@pytest.fixture
def app(app_with: Callable[..., FastAPI], tts: TtsPipeline) -> FastAPI:
    return app_with(tts=tts)


async def test_lexicon_word_is_set_shown_and_removed(
    client: httpx.AsyncClient, lexicon: Lexicon
) -> None:
    answer = await client.put("/lexicon/en/Reolink", json={"respelling": "ree oh link"})
    assert answer.json() == {"language": "en", "word": "Reolink", "respelling": "ree oh link"}
    assert lexicon.apply("My Reolink.", "en-GB") == "My ree oh link."
    shown = await client.get("/lexicon/en/reolink")
    assert shown.json() == answer.json()
    assert (await client.delete("/lexicon/en/Reolink")).json()["words"] == 1
    assert lexicon.apply("My Reolink.", "en-GB") == "My Reolink."
    for method in ("GET", "DELETE"):
        gone = await client.request(method, "/lexicon/en/Reolink")
        assert (gone.status_code, gone.json()["code"]) == (404, "NOT_FOUND")


async def test_ipa_is_accepted_with_or_without_slashes(
    client: httpx.AsyncClient, lexicon: Lexicon
) -> None:
    for ipa in ("ˈnjɒki", "/ˈnjɒki/"):
        answer = await client.put("/lexicon/*/gnocchi", json={"ipa": ipa})
        assert answer.json() == {"language": "*", "word": "gnocchi", "ipa": "ˈnjɒki"}
        assert lexicon.apply("gnocchi", "de") == "[[ˈnjɒki]]"


async def test_lexicon_version_changes_with_its_words(client: httpx.AsyncClient) -> None:
    versions = [(await client.get("/lexicon")).json()["version"]]
    await client.put("/lexicon/en/HA", json={"respelling": "Home Assistant"})
    versions.append((await client.get("/lexicon")).json()["version"])
    await client.delete("/lexicon/en/HA")
    versions.append((await client.get("/lexicon")).json()["version"])
    assert versions[0] == versions[2] != versions[1]


async def test_lexicon_words_are_listed_by_language(client: httpx.AsyncClient) -> None:
    for language, word in (("en", "a b"), ("en-US", "c/d"), ("de", "e")):
        answer = await client.put(f"/lexicon/{language}/{word}", json={"respelling": "x"})
        assert answer.status_code == 200
    words = (await client.get("/lexicon")).json()["words"]
    assert [(word["language"], word["word"]) for word in words] == [
        ("en", "a b"), ("en-US", "c/d"), ("de", "e"),
    ]  # fmt: skip
    listed = (await client.get("/lexicon/en_us")).json()["words"]
    assert [word["word"] for word in listed] == ["c/d"]
    assert (await client.delete("/lexicon/EN")).json()["words"] == 1
    assert len((await client.get("/lexicon")).json()["words"]) == 2


async def test_lexicon_shows_changes_and_errors_of_its_file(
    client: httpx.AsyncClient, lexicon: Lexicon, tmp_path: Path
) -> None:
    file = tmp_path / "lexicon.yaml"
    file.write_text("en: {HA: Home Assistant}\n")
    await lexicon.refresh()
    shown = (await client.get("/lexicon")).json()
    assert shown["words"][0]["respelling"] == "Home Assistant"
    assert "fault" not in shown
    file.write_text("en: [broken\n")
    await lexicon.refresh()
    shown = (await client.get("/lexicon")).json()
    assert str(file) in shown["fault"]
    assert shown["words"][0]["word"] == "HA"
    answer = await client.put("/lexicon/en/x", json={"respelling": "y"})
    assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")
    assert file.read_text() == "en: [broken\n"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/lexicon/en/x", {}),
        ("/lexicon/en/x", {"respelling": "a", "ipa": "b"}),
        ("/lexicon/en/x", {"respelling": " "}),
        ("/lexicon/en/x", {"respelling": "a\u0007b"}),
        ("/lexicon/en/x", {"respelling": "y" * 300}),
        ("/lexicon/en/x", {"ipa": "a]]b"}),
        ("/lexicon/english language/x", {"respelling": "a"}),
        ("/lexicon/en/%00", {"respelling": "a"}),
    ],
)
async def test_invalid_pronunciation_is_rejected(
    client: httpx.AsyncClient, lexicon: Lexicon, path: str, body: object
) -> None:
    answer = await client.put(path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")
    assert lexicon.entries == {}


async def test_lexicon_is_a_feature_and_requires_a_token(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    assert "lexicon" in (await client.get("/info")).json()["features"]
    for method, path in (("GET", "/lexicon"), ("PUT", "/lexicon/en/x"), ("DELETE", "/lexicon/en")):
        assert (await anonymous.request(method, path, json={})).status_code == 401

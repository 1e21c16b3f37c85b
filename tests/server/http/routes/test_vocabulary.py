"""The vocabulary endpoints, as the Home Assistant integration uses them."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from wyoming_servers.text.vocabulary import MAX_ENTRIES, Vocabulary


@pytest.fixture
def vocabulary(tmp_path: Path) -> Vocabulary:
    return Vocabulary(tmp_path / "vocabulary.json")


@pytest.fixture
def app(app_with: Callable[..., FastAPI], vocabulary: Vocabulary) -> FastAPI:
    return app_with(vocabulary=vocabulary)


async def test_vocabulary_is_set_shown_and_removed(
    client: httpx.AsyncClient, vocabulary: Vocabulary
) -> None:
    words = {"names": ["Reolink", "reolink", "Hub"], "terms": ["scullery"]}
    answer = await client.put("/vocabulary", json=words)
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["names"], shown["terms"]) == (["Reolink", "Hub"], ["scullery"])
    assert (shown["names_count"], shown["terms_count"]) == (2, 1)
    assert shown["updated_at"].endswith("Z")
    assert vocabulary.names == ("Reolink", "Hub")
    assert (await client.get("/vocabulary")).json() == shown
    assert (await client.delete("/vocabulary")).json() == {"status": "deleted"}
    empty = (await client.get("/vocabulary")).json()
    assert (empty["names"], empty["names_count"], empty["updated_at"]) == ([], 0, None)


async def test_vocabulary_is_listed_as_a_feature(client: httpx.AsyncClient) -> None:
    assert "vocabulary" in (await client.get("/info")).json()["features"]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"names": "abc"},
        {"names": [5]},
        {"names": [None]},
        {"names": ["a\nb"]},
        {"terms": ["x" * 1000]},
        {"names": ["x"] * (MAX_ENTRIES + 1)},
    ],
)
async def test_invalid_vocabulary_is_rejected_without_a_change(
    client: httpx.AsyncClient, vocabulary: Vocabulary, body: object
) -> None:
    await client.put("/vocabulary", json={"names": ["before"]})
    answer = await client.put("/vocabulary", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")
    assert vocabulary.names == ("before",)


async def test_vocabulary_body_over_the_limit_is_rejected(client: httpx.AsyncClient) -> None:
    answer = await client.put("/vocabulary", json={"names": ["x" * 2_000_000]})
    assert answer.status_code == 413


async def test_vocabulary_requires_a_token(anonymous: httpx.AsyncClient) -> None:
    for method in ("GET", "PUT", "DELETE"):
        assert (await anonymous.request(method, "/vocabulary", json={})).status_code == 401

"""Random requests to vocabulary, lexicon and phrase cache."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI

from wyoming_servers.speech.tts.phrase_cache import PhraseCache
from wyoming_servers.speech.tts.pipeline import TtsPipeline
from wyoming_servers.text.vocabulary import Vocabulary

NASTY: Final[tuple[Any, ...]] = (
    "", " ", "0", "../../x", "\x00", "\u2028", "\u202e", "\ud800", "a" * 3_000, "💥", "' OR 1=1 --",
    "]]", "[[", "//", "/ˈa/", "*", "en", "!!python/object:os.system", None, True, -1, 1e308, [], {},
    [[]], ["a", None], {"a": 1},
)  # fmt: skip


@pytest.fixture
def app(app_with: Callable[..., FastAPI], tts: TtsPipeline, tmp_path: Path) -> FastAPI:
    return app_with(tts=tts, vocabulary=Vocabulary(tmp_path / "data" / "vocabulary.json"))


def requests() -> Iterator[tuple[str, str, Any]]:
    """Yield method, path and body."""
    for value in NASTY:
        yield "PUT", "/vocabulary", value
        yield "PUT", "/vocabulary", {"names": value, "terms": [value]}
        yield "PUT", "/lexicon/en/x", value
        yield "PUT", "/lexicon/en/x", {"respelling": value}
        yield "PUT", "/lexicon/en/x", {"ipa": value}
        if isinstance(value, str):
            part = quote(value.encode("utf-8", "surrogatepass"), safe="")
            yield "PUT", f"/lexicon/{part}/x", {"respelling": "y"}
            yield "PUT", f"/lexicon/en/{part}", {"respelling": "y"}
            for method in ("GET", "DELETE"):
                yield method, f"/lexicon/{part}", None
                yield method, f"/lexicon/en/{part}", None
                yield method, f"/cache/phrases/{part}", None


async def test_random_requests_never_cause_an_internal_error(
    client: httpx.AsyncClient, tmp_path: Path, phrases: PhraseCache
) -> None:
    asked = 0
    for method, path, body in requests():
        content = None if body is None else json_of(body)
        answer = await client.request(
            method, path, content=content, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code < 500, f"{method} {path} {body!r}: {answer.text}"
        asked += 1
    assert asked > 200
    files = await asyncio.to_thread(lambda: [p.name for p in tmp_path.rglob("*") if p.is_file()])
    assert set(files) <= {"lexicon.yaml", "vocabulary.json"}


def json_of(body: Any) -> bytes:
    """Encode JSON that httpx rejects, such as lone surrogates."""
    return json.dumps(body).encode()

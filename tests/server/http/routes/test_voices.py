"""The voice endpoints."""

import asyncio
from pathlib import Path

import pytest

from wyoming_servers.audio import wav
from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.core.clock import SystemClock
from wyoming_servers.core.domain import ModelSpec, Task, VoiceInfo
from wyoming_servers.http.app import create_app
from wyoming_servers.models.manager import ModelManager
from wyoming_servers.models.references import References
from wyoming_servers.models.store import ModelStore
from wyoming_servers.speech.fake import FakeCoordinator
from wyoming_servers.speech.tts.phrase_cache import PhraseCache
from wyoming_servers.speech.tts.pipeline import TtsPipeline

JOE = "en_US-joe-medium"


@pytest.fixture
def voices() -> FakeCoordinator:
    """Two fake voices: one of the catalog, and one with an unusual name."""
    voices = (VoiceInfo(JOE, "joe (medium)", ("en-US",)),)
    spec = ModelSpec("piper/en_US-joe-medium", Task.TTS, "fake", voices=voices)
    return FakeCoordinator({spec.id: spec})


@pytest.fixture
async def app(context, voices, bus, tmp_path: Path):
    store = await ModelStore.open(tmp_path, offline=True)
    config = context.config.model_copy(
        update={"tts": context.config.tts.model_copy(update={"presets": [f"{JOE}@slow"]})}
    )
    phrases = PhraseCache(tmp_path / "phrases", memory=1 << 20, disk=0)
    holder = ConfigHolder(config)
    tts = TtsPipeline(voices, voices.specs, holder, bus, SystemClock(), phrases)
    library = ModelManager(
        store, voices, dict(voices.specs), holder, bus,
        references=References(tmp_path / "references.json", bus, SystemClock()),
        clock=SystemClock(),
    )  # fmt: skip
    for name, value in {
        "model_manager": library,
        "tts": tts,
        "config_holder": holder,
    }.items():
        object.__setattr__(context, name, value)
    keeping = asyncio.create_task(phrases.run())
    yield create_app(context)
    keeping.cancel()
    await asyncio.wait([keeping])
    await library.close()


async def test_voices_are_listed_with_their_requirements(client) -> None:
    shown = (await client.get("/voices")).json()
    found = {voice["name"]: voice for voice in shown["voices"]}
    assert shown["default"] == JOE
    assert shown["voices"][0] == {
        "name": JOE,
        "description": "joe (medium)",
        "model": "piper/en_US-joe-medium",
        "languages": ["en-US"],
        "quality": "medium",
        "licence": "CC0-1.0 (voice data); finetuned from lessac",
        "non_commercial": False,
        "author": "Rhasspy",
        "author_url": "https://huggingface.co/rhasspy/piper-voices",
        "speakers": [],
        "installed": True,
        "needs": [],
        "sample": f"/voices/{JOE}/sample",
    }
    assert found[f"{JOE}@slow"]["sample"] == f"/voices/{JOE}%40slow/sample"
    thorsten = found["de_DE-thorsten-medium"]
    assert (thorsten["installed"], thorsten["sample"]) == (False, None)
    assert "piper/de_DE-thorsten-medium" in thorsten["needs"]
    assert found["af_heart"]["quality"] == "A"
    assert sum(name.startswith(("a", "b", "e", "f", "h", "i", "j", "p", "z")) for name in found
               if "_" in name[:3] and name[2] == "_" and name[1] in "fm") == 54  # fmt: skip


async def test_voices_can_be_filtered(client) -> None:
    german = (await client.get("/voices", params={"language": "de"})).json()["voices"]
    assert "de_DE-thorsten-medium" in {voice["name"] for voice in german}
    assert {language for voice in german for language in voice["languages"]} == {"de-DE"}
    here = (await client.get("/voices", params={"installed": True})).json()["voices"]
    assert [voice["name"] for voice in here] == [JOE, f"{JOE}@slow"]


async def test_voice_sample_is_cached(client, voices) -> None:
    for _ in range(2):
        answer = await client.get(f"/voices/{JOE}/sample")
        assert answer.headers["content-type"] == "audio/wav"
        assert wav.parse(answer.content).seconds > 1
    texts = [run.request["text"] for run in voices.runs]
    assert len(texts) == len(set(texts)) > 0
    assert "Hello!" in texts[0]


async def test_sample_of_a_preset_has_its_rate(client, voices) -> None:
    listed = (await client.get("/voices", params={"installed": True})).json()["voices"]
    assert (await client.get(listed[1]["sample"])).status_code == 200
    assert {run.request["speed"] for run in voices.runs} == {0.8}


async def test_voice_that_is_not_installed_has_no_sample(client) -> None:
    answer = await client.get("/voices/de_DE-thorsten-medium/sample")
    assert (answer.status_code, answer.json()["code"]) == (404, "MODEL_MISSING")


async def test_api_voices_require_token(anonymous) -> None:
    for path in ("/voices", f"/voices/{JOE}/sample"):
        assert (await anonymous.get(path)).status_code == 401

"""The list of voices, installed or not."""

import pytest

from wyoming_servers.core.domain import (
    ModelSpec,
    Task,
)
from wyoming_servers.core.engine_info import EngineInfo
from wyoming_servers.models.manifest import ModelEntry
from wyoming_servers.speech.tts.voices import VoiceRegistry, list_voices


def entry(model: str, *offers: dict[str, object], kind: str = "tts") -> ModelEntry:
    return ModelEntry.model_validate(
        {
            "id": model, "kind": kind, "engine": "fake", "title": model, "version": "1",
            "licence": "MIT", "attribution": {"name": "x", "url": ""}, "languages": ["en"],
            "options": {"mixes": True}, "offers": offers,
        }
    )  # fmt: skip


def spec(entry: ModelEntry, *names: str) -> ModelSpec:
    """Return an installed model of which only these voices can be used."""
    return ModelSpec(
        entry.id,
        Task.TTS,
        "fake",
        languages=entry.languages,
        voices=tuple(offer.to_voice() for offer in entry.offers if offer.name in names),
        options=entry.options,
    )


HEART = {"name": "af_heart", "quality": "A"}
ADAM = {"name": "am_adam", "quality": "F+"}
YUNXI = {"name": "zm_yunxi", "languages": ["zh-CN"], "needs": ["no-such-reader"]}
CPU = entry("kokoro/onnx", HEART, ADAM, YUNXI)
GPU = entry("kokoro/torch", HEART, ADAM, YUNXI)
OTHER = entry("piper/joe", {"name": "en_US-joe", "quality": "medium"})
WHISPER = entry("whisper/base", kind="asr")


@pytest.mark.parametrize("entries", [(WHISPER, CPU, GPU, OTHER), (OTHER, GPU, CPU, WHISPER)])
def test_installed_voices_come_first_and_none_twice(entries) -> None:
    book = VoiceRegistry({CPU.id: spec(CPU, "af_heart", "am_adam")}, "am_adam", ("af_heart@slow",))
    found = {voice.name: voice for voice in list_voices(entries, book)}
    assert list(found)[:3] == ["am_adam", "af_heart", "af_heart@slow"]
    assert set(found) == {"am_adam", "af_heart", "af_heart@slow", "zm_yunxi", "en_US-joe"}
    assert [voice.installed for voice in found.values()] == [True, True, True, False, False]
    assert found["af_heart@slow"].quality == "A"
    assert found["am_adam"].entry is CPU
    assert found["en_US-joe"].needs == ("piper/joe",)


def test_missing_requirements_of_a_voice_are_listed() -> None:
    book = VoiceRegistry({CPU.id: spec(CPU, "af_heart", "am_adam")}, "am_adam")
    (chinese,) = (voice for voice in list_voices([CPU], book) if voice.name == "zm_yunxi")
    assert (chinese.needs, chinese.languages) == (("no-such-reader",), ("zh-CN",))
    (chinese,) = (
        voice for voice in list_voices([CPU], VoiceRegistry({}, "x")) if voice.name == "zm_yunxi"
    )
    assert chinese.needs == ("kokoro/onnx", "no-such-reader")


def test_installed_model_without_its_engine_needs_only_the_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = EngineInfo("fake", requirements=("no-such-engine",))
    monkeypatch.setattr("wyoming_servers.models.python_packages.find_engine", lambda _: engine)
    book = VoiceRegistry({OTHER.id: spec(OTHER)}, "en_US-joe")
    (voice,) = list_voices([OTHER], book)
    assert voice.needs == ("no-such-engine",)


def test_mix_has_the_quality_of_its_first_voice() -> None:
    mix = "am_adam*0.3+af_heart*0.7"
    book = VoiceRegistry({CPU.id: spec(CPU, "af_heart", "am_adam")}, mix)
    assert list_voices([CPU], book)[0].name == mix
    assert list_voices([CPU], book)[0].quality == "F+"

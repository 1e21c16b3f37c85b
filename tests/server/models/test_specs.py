"""The specs of installed models."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wyoming_servers.config.schema import Config, ModelSection, WakeSection
from wyoming_servers.core.domain import (
    Placement,
    Task,
    VoiceInfo,
)
from wyoming_servers.core.engine_info import EngineInfo, find_engine
from wyoming_servers.models.catalog import Catalog, builtin_catalog
from wyoming_servers.models.manifest import ModelEntry
from wyoming_servers.models.specs import (
    model_specs,
    placements,
    served_models,
)
from wyoming_servers.models.store import ModelStore

Describe = Callable[..., ModelEntry]


def ways(engine: str, gpus: tuple[str, ...] = (), **settings: Any) -> list[str]:
    info = find_engine(engine)
    assert info is not None
    return [str(place) for place in placements(info, ModelSection(**settings), gpus)]


WHISPER_GPU = ["cuda:0/float16", "cuda:0/int8_float16"]
NO_CPU: dict[str, Any] = {"cpu_fallback": False}
GPU: tuple[str, ...] = ("cuda:0",)


@pytest.mark.parametrize(
    ("engine", "gpus", "settings", "expected"),
    [
        ("faster-whisper", (), {}, ["cpu/int8"]),
        ("faster-whisper", GPU, {}, [*WHISPER_GPU, "cpu/int8"]),
        ("faster-whisper", GPU, NO_CPU, WHISPER_GPU),
        ("faster-whisper", GPU, {"device": "cpu"}, ["cpu/int8"]),
        ("faster-whisper", GPU, {"device": "cpu", "compute_type": "float32"}, ["cpu/float32"]),
        ("faster-whisper", GPU, {"compute_type": "float16"}, ["cuda:0/float16", "cpu/int8"]),
        ("faster-whisper", GPU, {"compute_type": "int8"}, ["cuda:0/int8", "cpu/int8"]),
        ("faster-whisper", GPU, {"device": "cuda"}, [*WHISPER_GPU, "cpu/int8"]),
        ("faster-whisper", (*GPU, "cuda:1"), {"device": "cuda:1", "compute_type": "int8"},
         ["cuda:1/int8", "cpu/int8"]),
        ("faster-whisper", (), {"device": "cuda:0"}, ["cpu/int8"]),
        ("faster-whisper", (), {"device": "cuda:0", **NO_CPU}, WHISPER_GPU),
        ("piper", GPU, {}, ["cpu/default"]),
        ("piper", GPU, {"device": "cuda:0"}, ["cuda:0/default", "cpu/default"]),
        ("openwakeword", GPU, {"device": "cuda:0"}, ["cpu/default"]),
    ],
)  # fmt: skip
def test_placements_of_a_model(
    engine: str, gpus: tuple[str, ...], settings: dict[str, Any], expected: list[str]
) -> None:
    assert ways(engine, gpus, **settings) == expected


@pytest.fixture(autouse=True)
def every_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No engine has requirements, whatever is installed on this machine."""
    monkeypatch.setattr("wyoming_servers.models.python_packages.find_engine", EngineInfo)


@pytest.fixture
def store(tmp_path: Path, package: Callable[..., Path], model: Describe) -> ModelStore:
    """A store with an ASR model, a voice, a package of wake words, and a missing model."""
    package("some-models", {"some_models/m/a.bin": b"a", "some_models/m/a.json": b"b"})
    package("some-words", {"some_words/alexa.bin": b"c"})
    source = {"package": "some-models", "version": "1.0.0", "folder": "some_models/m"}
    files = {"a.bin": b"a", "a.json": b"b"}
    common = {
        "sources": [source],
        "engine": "faster-whisper",
        "options": {"cpu_threads": 2, "x": 1},
    }
    memory = {"int8": "350MB", "float16": "1GB", "int8_float16": "600MB"}
    voice = {"name": "en_US-joe", "description": "joe", "languages": ["en-US"]}
    unread = {"name": "zh_CN-li", "languages": ["zh-CN"], "needs": ["no-such-reader"]}
    word = {"name": "alexa", "phrase": "alexa", "languages": ["en"]}
    library = {"package": "some-words", "extra": "wake", "folder": "some_words"}
    entries = [
        model("whisper/a.b", files, memory=memory, **common),
        model("piper/joe", files, engine="piper", kind="tts", offers=[voice, unread],
              sources=[source], roles={"model": "a.bin", "config": "a.json"}),
        model("words", {}, engine="openwakeword", kind="wake", offers=[word], roles={},
              library=library, user_folders={"models_dir": "wake-words"}),
        model("whisper/missing", files, engine="faster-whisper"),
    ]  # fmt: skip
    store = ModelStore(tmp_path / "data", Catalog(entries), offline=True)

    async def install() -> None:
        for name in await store.embedded_models():
            await store.ensure(name)

    asyncio.run(install())
    return store


def test_specs_contain_installed_models_only(store: ModelStore) -> None:
    assert set(model_specs(Config(), store)) == {"whisper/a.b", "piper/joe", "words"}


def test_spec_combines_manifest_and_configuration(store: ModelStore, tmp_path: Path) -> None:
    settings = ModelSection(keep_alive=0, pinned=True, options={"x": 2})
    config = Config(keep_alive=60, models={"whisper/a.b": settings})
    specs = model_specs(config, store, ["cuda:0"])
    asr, tts = specs["whisper/a.b"], specs["piper/joe"]
    assert asr.files == {
        "directory": str(tmp_path / "site-packages/some_models/m"),
        "cache_dir": str(store.layout.cache("whisper/a.b", asr.version)),
    }
    assert asr.placements[0] == Placement("cuda:0", "float16")
    assert asr.memory_bytes == 10**9
    assert (asr.keep_alive, asr.pinned, asr.options) == (0, True, {"cpu_threads": 2, "x": 2})
    assert (asr.task, asr.engine, asr.languages) == (Task.ASR, "faster-whisper", ("en",))
    assert (tts.keep_alive, tts.pinned) == (60, False)
    assert tts.voices == (VoiceInfo("en_US-joe", "joe", ("en-US",)),)
    assert set(tts.files) == {"model", "config", "cache_dir"}
    assert all(Path(tts.files[role]).is_file() for role in ("model", "config"))


def test_spec_omits_voices_with_missing_requirements(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [offer.name for offer in model_specs(Config(), store)["piper/joe"].voices] == [
        "en_US-joe"
    ]
    engine = EngineInfo("piper", requirements=("no-such-engine",))
    monkeypatch.setattr("wyoming_servers.models.python_packages.find_engine", lambda _: engine)
    assert model_specs(Config(), store)["piper/joe"].voices == ()


def test_memory_estimate_is_that_of_the_placement(store: ModelStore) -> None:
    assert model_specs(Config(), store)["whisper/a.b"].memory_bytes == 350_000_000


def test_wake_word_model_has_the_folders_of_custom_words_and_cache(
    store: ModelStore, tmp_path: Path
) -> None:
    config = Config(data_dir=tmp_path, wake=WakeSection(models_dir=Path("mine")))
    words = model_specs(config, store)["words"]
    assert [offer.name for offer in words.wake_words] == ["alexa"]
    assert words.files == {
        "models_dir": str(tmp_path / "mine"),
        "cache_dir": str(store.layout.cache("words", words.version)),
    }


def test_served_models_by_default() -> None:
    catalog = builtin_catalog()
    assert served_models(Config(), catalog) == {
        Task.ASR: "whisper/base",
        Task.TTS: "piper/en_US-joe-medium",
        Task.WAKE: "openwakeword",
    }
    config = Config.model_validate(
        {"asr": {"model": "none"}, "tts": {"voice": "none"}, "wake": {"enabled": False}}
    )
    assert served_models(config, catalog) == {}


def test_served_models_include_models_with_a_port() -> None:
    asr = {"extra_ports": {"whisper/tiny.en": 0, "not/known": 0}}
    served = served_models(Config.model_validate({"asr": asr}), builtin_catalog())
    assert served["asr:whisper/tiny.en"] == "whisper/tiny.en"
    assert set(served) == {"asr", "tts", "wake", "asr:whisper/tiny.en"}
    off = Config.model_validate({"asr": asr | {"enabled": False}})
    assert set(served_models(off, builtin_catalog())) == {"tts", "wake"}


@pytest.mark.parametrize(
    ("wake", "model"),
    [
        ({"words": ["alexa"]}, "openwakeword"),
        ({"words": ["hey_rhasspy"]}, "openwakeword"),
        (
            {"words": ["alexa"], "word_settings": {"alexa": {"engine": "microwakeword"}}},
            "microwakeword",
        ),
        ({"words": ["my_own"]}, "openwakeword"),
    ],
)
def test_served_wake_model_detects_the_first_word(wake: dict[str, Any], model: str) -> None:
    config = Config.model_validate({"wake": wake})
    assert served_models(config, builtin_catalog())[Task.WAKE] == model

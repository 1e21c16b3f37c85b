"""The built-in manifests and those of engine packages."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from pydantic import ValidationError

from wyoming_servers.core.domain import Task
from wyoming_servers.core.engine_info import EngineInfo, find_engine
from wyoming_servers.core.errors import (
    InternalError,
    ModelMissingError,
)
from wyoming_servers.models import catalog as catalog_module
from wyoming_servers.models.catalog import Catalog, builtin_catalog, read_catalog
from wyoming_servers.models.manifest import ModelEntry
from wyoming_servers.models.piper_voices import parse_voice_list

Describe = Callable[..., ModelEntry]


def test_catalog_has_the_embedded_and_the_common_models() -> None:
    sizes = ["tiny", "tiny.en", "base", "base.en", "small", "small.en", "medium", "medium.en"]
    sizes += ["large-v1", "large-v2", "large-v3", "large-v3-turbo", "distil-large-v2"]
    expected = {f"whisper/{size}" for size in (*sizes, "distil-large-v3", "distil-large-v3.5")}
    expected |= {"piper/en_US-joe-medium", "piper/de_DE-thorsten-medium", "openwakeword"}
    assert expected <= set(builtin_catalog().ids)


_FROM_THE_SOURCE: Final = {
    "whisper/large-v1",
    "whisper/distil-large-v2",
    "whisper/distil-large-v3.5",
}
"""Models whose sizes and hashes are those that the source states."""


def test_catalog_entries_are_complete() -> None:
    for entry in builtin_catalog():
        assert find_engine(entry.engine) is not None, entry.id
        assert entry.languages, entry.id
        assert entry.memory, entry.id
        assert entry.title, entry.id
        assert entry.library is not None or (entry.files and entry.sources), entry.id
        assert bool(entry.offers) == (entry.kind in (Task.TTS, Task.WAKE)), entry.id
        if entry.id not in _FROM_THE_SOURCE:
            assert all(file.size for file in entry.files), entry.id
            # The file that is large, and runs, is always checked against a published hash.
            large = [file for file in entry.files if (file.size or 0) > 10_000_000]
            assert all(file.sha256 or file.md5 for file in large), entry.id


def test_every_public_piper_voice_is_in_the_catalog() -> None:
    voices = [entry for entry in builtin_catalog() if entry.engine == "piper"]
    assert len(voices) >= 160
    assert len({entry.languages[0] for entry in voices}) >= 45
    amy = builtin_catalog().get("piper/en_US-amy-low")
    urls = [url for file in amy.files for url in amy.sources[0].urls(["http://hub/"], file.path)]
    assert urls[0] == (
        "http://hub/rhasspy/piper-voices/resolve/main/en/en_US/amy/low/en_US-amy-low.onnx"
    )
    assert all(file.md5 for file in amy.files)
    assert len(builtin_catalog().get("piper/en_US-libritts_r-medium").offers[0].speakers) == 904
    # A voice that a manifest describes as well has its more precise description.
    assert builtin_catalog().get("piper/en_US-joe-medium").licence.startswith("CC0")
    accented = builtin_catalog().get("piper/pt_PT-tug\u00e3o-medium")
    assert "tug%C3%A3o" in accented.sources[0].urls(["http://hub"], accented.files[0].path)[0]


@pytest.mark.parametrize("content", [b"[]", b"{}", b"nonsense", b'{"x": {"files": {}}}'])
def test_damaged_list_of_voices_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_voice_list(content)


def test_whisper_entries_have_their_languages() -> None:
    catalog = builtin_catalog()
    assert catalog.get("whisper/base.en").languages == ("en",)
    assert len(catalog.get("whisper/base").languages) == 99
    assert {"no", "de", "zh"} <= set(catalog.get("whisper/base").languages)
    assert "yue" in catalog.get("whisper/large-v3").languages


def test_non_commercial_models_are_marked() -> None:
    marked = {entry.id for entry in builtin_catalog() if entry.non_commercial}
    assert {"openwakeword", "piper/en_US-lessac-medium", "piper/en_US-ryan-low"} <= marked
    assert "piper/en_US-joe-medium" not in marked


def test_find_by_offer_returns_the_model_of_a_voice() -> None:
    catalog = builtin_catalog()
    found = catalog.find_by_offer(Task.TTS, "fr_FR-siwis-medium")
    assert found is not None
    assert found.id == "piper/fr_FR-siwis-medium"
    assert catalog.find_by_offer(Task.WAKE, "fr_FR-siwis-medium") is None


def test_wake_words_have_a_phrase() -> None:
    offers = builtin_catalog().get("openwakeword").offers
    phrases = {offer.name: offer.phrase for offer in offers}
    assert phrases["hey_jarvis"] == "hey jarvis"
    assert set(phrases) == {"okay_nabu", "hey_jarvis", "alexa", "hey_mycroft", "hey_rhasspy"}


def test_unknown_model_error_names_the_nearest_id() -> None:
    with pytest.raises(ModelMissingError, match="Did you mean `whisper/base`"):
        builtin_catalog().get("whisper/bas")
    with pytest.raises(ModelMissingError, match="models list"):
        builtin_catalog().get("xyzzy")


def test_duplicate_id_is_refused(model: Describe) -> None:
    with pytest.raises(InternalError):
        Catalog([model("a", {}), model("a", {})])


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "../a"},
        {"id": "a//b"},
        {"version": "../1"},
        {"files": [{"path": "../x"}]},
        {"files": [{"path": "x", "sha256": "short"}]},
        {"roles": {"model": "not-listed.bin"}},
        {"surprise": 1},
    ],
)
def test_invalid_entry_is_refused(model: Describe, fields: dict[str, object]) -> None:
    valid = model("a", {"x": b""}).model_dump()
    ModelEntry.model_validate(valid)
    with pytest.raises(ValidationError):
        ModelEntry.model_validate(valid | fields)


def test_manifests_are_read_from_several_folders(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "defaults: {kind: asr, engine: fake, version: '1', licence: MIT, languages: [en],"
        " attribution: {name: me, url: ''}}\n"
        "models:\n  - {id: mine/one, title: One, memory: {default: 1GiB}}\n"
    )
    entry = read_catalog(tmp_path).get("mine/one")
    assert (entry.memory_bytes("default"), entry.memory_bytes("other")) == (2**30, 2**30)


def test_catalog_contains_the_models_of_an_engine_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    good, broken, double = (tmp_path / name for name in ("good", "broken", "double"))
    model = (catalog_module.MANIFESTS / "piper.yaml").read_text()
    for folder, text in (
        (good, model.replace("piper/", "acme/")),
        (broken, "models: [{id: 1}]"),
        (double, model),
    ):
        folder.mkdir()
        (folder / "models.yaml").write_text(text)
    engines = [EngineInfo(path.name, manifests=path) for path in (broken, good, double)]
    monkeypatch.setattr(catalog_module, "all_engines", lambda: (EngineInfo("none"), *engines))
    catalog = builtin_catalog.__wrapped__()
    assert "acme/en_US-joe-medium" in catalog
    assert "piper/en_US-joe-medium" in catalog
    messages = [record.getMessage() for record in caplog.records]
    assert [message.split(":")[0] for message in messages] == [
        "Cannot read the models of the engine broken",
        "Cannot read the models of the engine double",
    ]

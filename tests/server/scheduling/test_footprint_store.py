import json

import pytest

from wyoming_servers.scheduling.footprint_store import (
    FileFootprintStore,
    FootprintKey,
    InMemoryFootprintStore,
)
from wyoming_servers.scheduling.planner.instance import LoadProfile

A = FootprintKey("whisper/base", "cuda:0", "float16")
B = FootprintKey("piper/joe", "cpu", "default")


def test_saved_footprints_are_loaded_again(tmp_path):
    path = tmp_path / "state" / "footprints.json"
    FileFootprintStore(path).save({A: 500, B: 70})
    assert FileFootprintStore(path).load() == {A: 500, B: 70}
    assert [p.name for p in path.parent.iterdir()] == ["footprints.json"]


def test_missing_file_means_no_footprints(tmp_path):
    assert FileFootprintStore(tmp_path / "none.json").load() == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"version": 99, "footprints": []}',
        '{"version": 1}',
        '{"version": 1, "footprints": 5}',
        '{"version": 1, "footprints": [{"model": "a"}]}',
        (
            '{"version": 1, "footprints": [{"model": 1, "device": "cpu", "compute_type": "x", '
            '"bytes": 5}]}'
        ),
        (
            '{"version": 1, "footprints": [{"model": "a", "device": "cpu", "compute_type": "x", '
            '"bytes": "much"}]}'
        ),
        "\ufffd\x00",
    ],
)
def test_broken_file_is_logged_and_ignored(tmp_path, text, caplog):
    path = tmp_path / "footprints.json"
    path.write_text(text, encoding="utf-8")
    store = FileFootprintStore(path)
    assert store.load() == {}
    assert "is ignored" in caplog.text
    store.save({A: 1})
    assert store.load() == {A: 1}


def test_file_that_is_not_text_is_ignored(tmp_path, caplog):
    path = tmp_path / "footprints.json"
    path.write_bytes(b"\xff\xfe\x00garbage")
    assert FileFootprintStore(path).load() == {}
    assert "is ignored" in caplog.text


def test_footprints_that_cannot_be_saved_are_logged(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    FileFootprintStore(tmp_path / "file" / "footprints.json").save({A: 1})
    assert "cannot be written" in caplog.text


def test_old_file_survives_a_failed_save(tmp_path, monkeypatch, caplog):
    path = tmp_path / "footprints.json"
    store = FileFootprintStore(path)
    store.save({A: 1})

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", full)
    store.save({A: 2})
    assert store.load() == {A: 1}
    assert [p.name for p in tmp_path.iterdir()] == ["footprints.json"]
    assert "No space left" in caplog.text


def test_footprint_file_is_readable_json(tmp_path):
    path = tmp_path / "footprints.json"
    FileFootprintStore(path).save({A: 5})
    assert json.loads(path.read_text())["footprints"] == [
        {"model": "whisper/base", "device": "cuda:0", "compute_type": "float16", "bytes": 5}
    ]


def test_in_memory_store_keeps_footprints_until_the_exit():
    store = InMemoryFootprintStore({A: 1})
    loaded = store.load()
    loaded[B] = 2
    assert store.load() == {A: 1}
    store.save(loaded)
    assert store.saved == {A: 1, B: 2}


def test_saved_load_profiles_are_loaded_again(tmp_path):
    profile = LoadProfile({"load": 0.25, "warmup": 2.0}, 3.5)
    FileFootprintStore(tmp_path / "footprints.json").save({A: 500}, {A: profile})
    store = FileFootprintStore(tmp_path / "footprints.json")
    assert (store.load(), store.load_profiles()) == ({A: 500}, {A: profile})


@pytest.mark.parametrize("loads", ["5", '[{"model": "a"}]', '[{"phases": 1}]'])
def test_broken_load_profiles_are_ignored(tmp_path, loads):
    path = tmp_path / "footprints.json"
    path.write_text(f'{{"version": 1, "footprints": [], "loads": {loads}}}')
    assert FileFootprintStore(path).load_profiles() == {}

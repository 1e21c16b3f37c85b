import json

import pytest

from wyoming_servers.scheduling.footprint_store import (
    FileFootprintStore,
    FootprintKey,
    InMemoryFootprintStore,
)

A = FootprintKey("whisper/base", "cuda:0", "float16")
B = FootprintKey("piper/joe", "cpu", "default")


def test_what_was_saved_is_there_after_a_restart(tmp_path):
    path = tmp_path / "state" / "footprints.json"
    FileFootprintStore(path).save({A: 500, B: 70})
    assert FileFootprintStore(path).load() == {A: 500, B: 70}
    assert [p.name for p in path.parent.iterdir()] == ["footprints.json"]


def test_nothing_saved_is_nothing_known(tmp_path):
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
def test_a_broken_file_is_reported_and_started_anew(tmp_path, text, caplog):
    path = tmp_path / "footprints.json"
    path.write_text(text, encoding="utf-8")
    store = FileFootprintStore(path)
    assert store.load() == {}
    assert "is ignored" in caplog.text
    store.save({A: 1})
    assert store.load() == {A: 1}


def test_bytes_that_are_no_text_are_started_anew(tmp_path, caplog):
    path = tmp_path / "footprints.json"
    path.write_bytes(b"\xff\xfe\x00garbage")
    assert FileFootprintStore(path).load() == {}
    assert "is ignored" in caplog.text


def test_a_footprint_that_cannot_be_saved_is_reported_and_forgotten(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    FileFootprintStore(tmp_path / "file" / "footprints.json").save({A: 1})
    assert "cannot be written" in caplog.text


def test_the_old_file_survives_a_save_that_fails(tmp_path, monkeypatch, caplog):
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


def test_the_file_can_be_read_by_people(tmp_path):
    path = tmp_path / "footprints.json"
    FileFootprintStore(path).save({A: 5})
    assert json.loads(path.read_text())["footprints"] == [
        {"model": "whisper/base", "device": "cuda:0", "compute_type": "float16", "bytes": 5}
    ]


def test_footprints_without_a_file_last_as_long_as_the_process():
    store = InMemoryFootprintStore({A: 1})
    loaded = store.load()
    loaded[B] = 2
    assert store.load() == {A: 1}
    store.save(loaded)
    assert store.saved == {A: 1, B: 2}

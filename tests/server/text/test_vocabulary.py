"""The vocabulary: limits, restarts, damaged files."""

import json
from pathlib import Path
from typing import Any

import pytest

from wyoming_servers.core.errors import BadRequestError, CapacityError
from wyoming_servers.text.vocabulary import MAX_CHARACTERS, MAX_ENTRIES, Vocabulary


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "vocabulary.json"


def _mode(path: Path) -> int:
    return path.stat().st_mode


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)


def _read(path: Path) -> Any:
    return json.loads(path.read_text())


async def test_vocabulary_survives_a_restart(path: Path) -> None:
    before = Vocabulary(path)
    await before.put(["Reolink", "Zigbee Hub"], ["scullery"])
    after = Vocabulary(path)
    await after.load()
    assert (after.names, after.terms) == (("Reolink", "Zigbee Hub"), ("scullery",))
    assert after.updated_at == before.updated_at
    assert _mode(path) & 0o077 == 0


async def test_missing_file_is_an_empty_vocabulary(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    vocabulary = Vocabulary(path)
    await vocabulary.load()
    assert (vocabulary.names, vocabulary.terms, vocabulary.updated_at) == ((), (), None)
    assert not caplog.records


async def test_put_replaces_the_vocabulary(path: Path) -> None:
    vocabulary = Vocabulary(path)
    await vocabulary.put(["a"], ["b"])
    await vocabulary.put([], ["c"])
    assert (vocabulary.names, vocabulary.terms) == ((), ("c",))


async def test_repeated_words_are_removed_in_order(path: Path) -> None:
    vocabulary = Vocabulary(path)
    await vocabulary.put([" Küche ", "Bad", "küche", "", "  "], ["bad", "Flur", "FLUR"])
    assert (vocabulary.names, vocabulary.terms) == (("Küche", "Bad"), ("Flur",))


@pytest.mark.parametrize("bad", ["a\nb", "tab\there", "\x00", "\x7f", "\x9b", "a\u2028b", "\ud800"])
async def test_control_character_is_rejected_and_changes_nothing(path: Path, bad: str) -> None:
    vocabulary = Vocabulary(path)
    await vocabulary.put(["good"], [])
    with pytest.raises(BadRequestError, match=r"terms\[1\]"):
        await vocabulary.put(["other"], ["fine", bad + "x"])
    assert vocabulary.names == ("good",)


async def test_names_of_any_script_and_with_emoji_are_kept(path: Path) -> None:
    vocabulary = Vocabulary(path)
    words = ["客厅灯", "דלת", "Kinder 👨‍👩‍👧", "Ма́ша"]
    await vocabulary.put(words, [])
    again = Vocabulary(path)
    await again.load()
    assert list(again.names) == words


async def test_words_beyond_the_limits_are_rejected(path: Path) -> None:
    vocabulary = Vocabulary(path)
    await vocabulary.put(["x" * MAX_CHARACTERS], [str(number) for number in range(MAX_ENTRIES)])
    with pytest.raises(BadRequestError, match="longer than"):
        await vocabulary.put(["x" * (MAX_CHARACTERS + 1)], [])
    with pytest.raises(BadRequestError, match="exceed the limit"):
        await vocabulary.put([str(number) for number in range(MAX_ENTRIES + 1)], [])
    assert len(vocabulary.terms) == MAX_ENTRIES


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[]",
        b"5",
        b'{"names": "abc", "terms": [], "updated_at": 1}',
        b'{"names": [1], "terms": [], "updated_at": 1}',
        b'{"names": [], "terms": []}',
        b'{"names": ["a\\u0000"], "terms": [], "updated_at": 1}',
        b'{"names": [], "terms": [], "updated_at": null}',
    ],
)
async def test_damaged_file_is_logged_and_ignored(
    path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    _write(path, damage)
    vocabulary = Vocabulary(path)
    await vocabulary.load()
    assert vocabulary.names == ()
    (record,) = caplog.records
    assert (record.levelname, str(path) in record.getMessage()) == ("WARNING", True)
    await vocabulary.put(["anew"], [])
    assert _read(path)["names"] == ["anew"]


async def test_cleared_vocabulary_stays_empty(path: Path) -> None:
    vocabulary = Vocabulary(path)
    await vocabulary.put(["a"], [])
    await vocabulary.clear()
    await vocabulary.clear()
    again = Vocabulary(path)
    await again.load()
    assert (vocabulary.names, again.names) == ((), ())


async def test_disk_error_changes_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    vocabulary = Vocabulary(blocked / "vocabulary.json")
    with pytest.raises(CapacityError, match="cannot be written"):
        await vocabulary.put(["a"], [])
    assert vocabulary.names == ()

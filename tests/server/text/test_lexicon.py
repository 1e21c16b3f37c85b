"""The pronunciation lexicon: its file, changes and errors."""

import asyncio
from pathlib import Path

import pytest

from wyoming_servers.core.errors import BadRequestError, ConflictError
from wyoming_servers.text.lexicon import Lexicon


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "lexicon.yaml"
    path.write_text(
        "en:\n  Reolink: ree oh link\n  HA: Home Assistant\n'*':\n  gnocchi: /ˈnjɒki/\n"
    )
    return path


def _write(path: Path, content: str) -> None:
    path.write_text(content)


def _read(path: Path) -> str:
    return path.read_text()


async def test_lexicon_replaces_words_by_their_pronunciation(path: Path) -> None:
    lexicon = Lexicon(path)
    assert await lexicon.refresh()
    assert lexicon.apply("The reolink and HA, that's Hah.", "en-US") == (
        "The ree oh link and Home Assistant, that's Hah."
    )
    assert lexicon.apply("Gnocchi und HA", "de") == "[[ˈnjɒki]] und HA"


async def test_region_and_longer_words_take_precedence(
    tmp_path: Path,
) -> None:
    lexicon = Lexicon(tmp_path / "lexicon.yaml")
    await lexicon.put("en", "route", "root")
    await lexicon.put("en-US", "route", "rowt")
    await lexicon.put("en", "route 66", "the road")
    assert lexicon.apply("route and route 66", "en_US") == "rowt and the road"
    assert lexicon.apply("route", "en-GB") == "root"


async def test_changed_file_is_read_again(path: Path) -> None:
    lexicon = Lexicon(path)
    await lexicon.refresh()
    assert not await lexicon.refresh()
    _write(path, "en: {HA: ha ha ha}\n")
    assert await lexicon.refresh()
    assert lexicon.apply("HA", "en") == "ha ha ha"


@pytest.mark.parametrize("content", ["[1, 2]", "en: 5", "en: {a: ''}", "a: {b: [", "\x00"])
async def test_invalid_file_changes_nothing_and_sets_the_error(path: Path, content: str) -> None:
    lexicon = Lexicon(path)
    await lexicon.refresh()
    _write(path, content)
    assert not await lexicon.refresh()
    assert str(path) in lexicon.error
    assert lexicon.apply("HA", "en") == "Home Assistant"


async def test_entry_survives_a_restart_and_can_be_removed(path: Path) -> None:
    lexicon = Lexicon(path)
    await lexicon.refresh()
    await lexicon.put("de", "Reolink", "rio link")
    assert await lexicon.remove("en", "HA") == 1
    assert await lexicon.remove("en", "HA") == 0
    again = Lexicon(path)
    await again.refresh()
    assert again.entries == lexicon.entries
    assert "HA" not in again.entries["en"]


@pytest.mark.parametrize("pronunciation", ["", "a\nb", "x" * 500, "[[a]]"])
async def test_invalid_pronunciation_is_rejected(path: Path, pronunciation: str) -> None:
    with pytest.raises(BadRequestError):
        await Lexicon(path).put("en", "word", pronunciation)


async def test_entries_are_the_same_in_other_case_and_language_spelling(
    tmp_path: Path,
) -> None:
    lexicon = Lexicon(tmp_path / "lexicon.yaml")
    await lexicon.put("de_AT", "Reolink", "one")
    await lexicon.put("de-at", "reolink", "two")
    assert lexicon.entries == {"de_AT": {"reolink": "two"}}
    assert lexicon.find("DE-AT", "REOLINK") == ("de_AT", "reolink", "two")
    assert lexicon.find("de", "reolink") is None
    assert await lexicon.remove("de-AT") == 1
    assert lexicon.entries == {}


async def test_put_keeps_manual_changes_of_the_file(path: Path) -> None:
    lexicon = Lexicon(path)
    await lexicon.refresh()
    _write(path, "en: {Ikea: eye kea}\n")
    await lexicon.put("en", "Reolink", "ree oh link")
    assert lexicon.entries == {"en": {"Ikea": "eye kea", "Reolink": "ree oh link"}}


async def test_concurrent_puts_are_all_kept(tmp_path: Path) -> None:
    lexicon = Lexicon(tmp_path / "lexicon.yaml")
    await asyncio.gather(*(lexicon.put("en", f"word{n}", "x") for n in range(10)))
    again = Lexicon(tmp_path / "lexicon.yaml")
    await again.refresh()
    assert len(again.entries["en"]) == 10


async def test_invalid_file_is_logged_once_and_never_overwritten(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lexicon = Lexicon(path)
    _write(path, "en: [")
    await lexicon.refresh()
    with pytest.raises(ConflictError, match="has an error"):
        await lexicon.put("en", "a", "b")
    with pytest.raises(ConflictError):
        await lexicon.remove("en", "a")
    assert _read(path) == "en: ["
    assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_words_that_yaml_reads_as_values_are_strings(path: Path) -> None:
    _write(path, "no: {on: paa, 5: fem, yes: ja}\n")
    lexicon = Lexicon(path)
    await lexicon.refresh()
    assert lexicon.entries == {"no": {"on": "paa", "5": "fem", "yes": "ja"}}
    await lexicon.put("no", "off", "av")
    again = Lexicon(path)
    await again.refresh()
    assert again.entries == lexicon.entries


async def test_version_identifies_the_entries(path: Path) -> None:
    lexicon = Lexicon(path)
    empty = lexicon.version
    await lexicon.refresh()
    read = lexicon.version
    await lexicon.put("en", "HA", "H A")
    assert len({empty, read, lexicon.version}) == 3
    await lexicon.put("en", "HA", "Home Assistant")
    assert lexicon.version == read


@pytest.mark.parametrize("language", ["", "e", "english words", "../en", "en\n"])
async def test_invalid_language_code_is_rejected(path: Path, language: str) -> None:
    with pytest.raises(BadRequestError, match="language"):
        await Lexicon(path).put(language, "word", "said")


@pytest.mark.parametrize(
    ("word", "text", "spoken"),
    [
        ("Straße", "Die Straße und die STRASSE.", "Die X und die X."),
        ("wifi", "WiFi, wıfı, WİFİ", "X, wıfı, WİFİ"),
        ("kelvin", "\u212aelvin", "X"),
    ],
)
def test_words_are_compared_without_case_in_every_script(
    tmp_path: Path, word: str, text: str, spoken: str
) -> None:
    lexicon = Lexicon(tmp_path / "lexicon.yaml")
    lexicon._replace_entries({"de": {word: "X"}})
    assert lexicon.apply(text, "de") == spoken


@pytest.mark.parametrize("text", ["[" * 5_000, "en: {a: [b]}", "en: &a {b: *a}"])
async def test_lexicon_file_that_is_no_mapping_of_words_is_an_error(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "lexicon.yaml"
    path.write_text(text)
    lexicon = Lexicon(path)
    assert not await lexicon.refresh()
    assert lexicon.error

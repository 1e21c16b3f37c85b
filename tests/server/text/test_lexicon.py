"""How words are said: the file, its changes, its faults."""

from pathlib import Path

import pytest

from wyoming_servers.errors import BadRequestError
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


async def test_words_are_said_as_written_down(path: Path) -> None:
    lexicon = Lexicon(path)
    assert await lexicon.refresh()
    assert lexicon.apply("The reolink and HA, that's Hah.", "en-US") == (
        "The ree oh link and Home Assistant, that's Hah."
    )
    assert lexicon.apply("Gnocchi und HA", "de") == "[[ˈnjɒki]] und HA"


async def test_the_region_wins_over_the_language_and_longer_words_over_shorter(
    tmp_path: Path,
) -> None:
    lexicon = Lexicon(tmp_path / "lexicon.yaml")
    await lexicon.put("en", "route", "root")
    await lexicon.put("en-US", "route", "rowt")
    await lexicon.put("en", "route 66", "the road")
    assert lexicon.apply("route and route 66", "en_US") == "rowt and the road"
    assert lexicon.apply("route", "en-GB") == "root"


async def test_a_change_of_the_file_is_heard(path: Path) -> None:
    lexicon = Lexicon(path)
    await lexicon.refresh()
    assert not await lexicon.refresh()
    _write(path, "en: {HA: ha ha ha}\n")
    assert await lexicon.refresh()
    assert lexicon.apply("HA", "en") == "ha ha ha"


@pytest.mark.parametrize("content", ["[1, 2]", "en: 5", "en: {a: ''}", "a: {b: [", "\x00"])
async def test_a_faulty_file_changes_nothing_and_says_so(path: Path, content: str) -> None:
    lexicon = Lexicon(path)
    await lexicon.refresh()
    _write(path, content)
    assert not await lexicon.refresh()
    assert str(path) in lexicon.fault
    assert lexicon.apply("HA", "en") == "Home Assistant"


async def test_what_is_put_outlives_a_restart_and_can_be_removed(path: Path) -> None:
    lexicon = Lexicon(path)
    await lexicon.refresh()
    await lexicon.put("de", "Reolink", "rio link")
    assert await lexicon.remove("en", "HA")
    assert not await lexicon.remove("en", "HA")
    again = Lexicon(path)
    await again.refresh()
    assert again.words == lexicon.words
    assert "HA" not in again.words["en"]


@pytest.mark.parametrize("said", ["", "a\nb", "x" * 500, "[[a]]"])
async def test_what_cannot_be_said_is_refused(path: Path, said: str) -> None:
    with pytest.raises(BadRequestError):
        await Lexicon(path).put("en", "word", said)

import pytest

from wyoming_servers.errors import ModelMissingError
from wyoming_servers.pipelines.fake import SPECS
from wyoming_servers.pipelines.words import WordBook


@pytest.mark.parametrize("names", [None, ()])
def test_no_names_mean_all_words(names: tuple[str, ...] | None) -> None:
    assert [word.offer.name for word in WordBook(SPECS, ()).find(names)] == ["hey_jarvis", "alexa"]


def test_only_configured_words_are_offered_in_their_order() -> None:
    assert list(WordBook(SPECS, ["alexa", "missing", "hey_jarvis"]).words()) == [
        "alexa",
        "hey_jarvis",
    ]


def test_a_word_asked_for_twice_is_one() -> None:
    assert len(WordBook(SPECS, ()).find(["alexa", "alexa"])) == 1


def test_an_unknown_word_is_refused_with_those_installed() -> None:
    with pytest.raises(ModelMissingError, match=r"'ok_computer'.*installed: hey_jarvis, alexa"):
        WordBook(SPECS, ()).find(["alexa", "ok_computer"])


def test_a_word_that_is_not_offered_is_refused() -> None:
    with pytest.raises(ModelMissingError):
        WordBook(SPECS, ["alexa"]).find(["hey_jarvis"])


def test_without_any_word_nothing_can_be_listened_for() -> None:
    with pytest.raises(ModelMissingError, match="No wake word is installed"):
        WordBook({}, ()).find(None)

import pytest

from wyoming_servers.text.clause_breaks import clause_break_rules


@pytest.mark.parametrize(
    ("language", "word", "following", "is_one"),
    [
        ("en", "Dr.", "S", True),
        ("en", "(e.g.", "T", True),
        ("en", "No.", "5", True),
        ("en", "No.", "I", False),
        ("en", "I.", "A", False),
        ("en", "J.", "T", True),
        ("en", "p.m.", "T", False),
        ("en", "3.", "T", False),
        ("de_DE", "3.", "O", True),
        ("de", "bzw.", "A", True),
        ("nb-NO", "17.", "M", True),
        ("tlh", "Dr.", "K", True),
    ],
)
def test_full_stop_after_abbreviation_ends_no_sentence(
    language: str, word: str, following: str, is_one: bool
) -> None:
    assert clause_break_rules(language).is_abbreviation(word, following) is is_one


@pytest.mark.parametrize(
    ("left", "right", "may"),
    [
        ("timer", "for", True),
        ("the", "light", False),
        ("New", "York", False),
        ("20", "degrees", False),
        ("Room", "5", False),
        ("lasts", "5", True),
        ("Dr.", "Smith", False),
        ("say", "“stop”", False),
        ("天气", "很好", False),
    ],
)
def test_pause_is_allowed_only_between_independent_words(left: str, right: str, may: bool) -> None:
    assert clause_break_rules("en").may_cut(left, right) is may

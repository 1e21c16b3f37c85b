"""Times of the words of a corrected transcript."""

from wyoming_servers.jobs.editing.word_alignment import align_words
from wyoming_servers.jobs.job import TimedWord

RECOGNIZED = (
    TimedWord("Turn", 1.0, 1.2, 0.9),
    TimedWord("on", 1.2, 1.3, 0.8),
    TimedWord("the", 1.3, 1.4, 0.7),
    TimedWord("sig", 1.5, 1.7, 0.3),
    TimedWord("bee", 1.7, 2.1, 0.2),
    TimedWord("lamp.", 2.2, 2.6, 0.9),
)


def times(text: str) -> list[tuple[str, float, float]]:
    return [(word.text, word.start, word.end) for word in align_words(RECOGNIZED, text, 1.0, 2.6)]


def test_corrected_words_share_the_time_of_those_they_replace() -> None:
    assert times("Turn on the Zigbee lamp.") == [
        ("Turn", 1.0, 1.2),
        ("on", 1.2, 1.3),
        ("the", 1.3, 1.4),
        ("Zigbee", 1.5, 2.1),
        ("lamp.", 2.2, 2.6),
    ]


def test_case_and_punctuation_keep_times_and_probability() -> None:
    aligned = align_words(RECOGNIZED, "turn On, the sig bee LAMP", 1.0, 2.6)
    assert [(word.start, word.probability) for word in aligned] == [
        (word.start, word.probability) for word in RECOGNIZED
    ]


def test_inserted_words_lie_between_their_neighbors() -> None:
    assert times("Turn on the sig bee big lamp.")[5] == ("big", 2.1, 2.2)
    assert times("Please turn on the sig bee lamp.")[0] == ("Please", 1.0, 1.0)


def test_words_without_any_recognized_word_divide_the_segment() -> None:
    aligned = align_words((), "ab abcd", 1.0, 4.0)
    assert [(word.text, word.start, word.end) for word in aligned] == [
        ("ab", 1.0, 2.0),
        ("abcd", 2.0, 4.0),
    ]
    assert align_words(RECOGNIZED, "", 1.0, 2.6) == ()

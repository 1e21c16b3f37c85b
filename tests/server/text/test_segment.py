import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wyoming_servers.text.segment import MAX_CHARACTERS, Segmenter, TextSegment, clause_break_rules


def whole(text: str, language: str = "en") -> list[str]:
    segmenter = Segmenter(language)
    return [segment.text for segment in segmenter.feed(text) + segmenter.finish()]


def word_by_word(text: str, language: str = "en") -> tuple[list[TextSegment], int]:
    """Return the segments and how many words it took to get the first one."""
    segmenter = Segmenter(language)
    segments: list[TextSegment] = []
    needed = 0
    for count, word in enumerate(re.findall(r"\S+\s*", text), 1):
        segments += segmenter.feed(word)
        if segments and not needed:
            needed = count
    return segments + segmenter.finish(), needed


def test_short_sentence_is_one_segment() -> None:
    assert whole("Turned on the kitchen light.") == ["Turned on the kitchen light."]


def test_first_segment_is_a_clause() -> None:
    text = "When you leave home, the lights in all of the rooms are turned off. Good night."
    assert whole(text) == [
        "When you leave home,",
        "the lights in all of the rooms are turned off.",
        "Good night.",
    ]


def test_first_segment_without_a_clause_has_about_five_words() -> None:
    assert whole("I have set a timer for ten minutes and dimmed all the lamps upstairs.")[0] == (
        "I have set a timer"
    )


def test_first_segment_comes_after_few_words_of_a_stream() -> None:
    text = "I have set a timer for ten minutes and dimmed all the lamps upstairs. Anything else?"
    segments, needed = word_by_word(text)
    assert needed <= 7
    assert [segment.ends_sentence for segment in segments] == [False, True, True]


def test_streaming_voice_gets_a_complete_sentence_uncut() -> None:
    long = "I have set a timer for ten minutes and dimmed all the lamps upstairs."
    segmenter = Segmenter("en", streams_audio=True)
    assert segmenter.finish(long) == [TextSegment(long)]
    assert segmenter.feed(f"{long} ") == [TextSegment("I have set a timer", ends_sentence=False)]
    segmenter.finish()
    assert segmenter.feed(f"{long} Anything else? ")[0] == TextSegment(long)


def test_finish_accepts_the_last_part_of_the_text() -> None:
    segmenter = Segmenter("en")
    assert segmenter.feed("Good mor") == []
    assert segmenter.finish("ning.") == [TextSegment("Good morning.")]


def test_only_first_sentence_is_cut_early() -> None:
    long = "The other one is a sentence of very many words that has no clause at all."
    assert whole(f"Good morning. {long}") == ["Good morning.", long]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Today in New York City the weather will be as good as it was last year."),
        ("en", "It will be about 25 degrees in the whole country until the end of the week."),
        ("de", "Die Temperatur in der Küche beträgt 21 Grad und wird bis morgen früh gleich."),
        ("fr", "La température dans la cuisine est de 21 degrés et elle ne change pas demain."),
        ("es", "La temperatura de la cocina es de 21 grados y mañana no va a cambiar nada."),
    ],
)
def test_first_segment_never_ends_inside_a_number_a_name_or_before_a_noun(
    language: str, text: str
) -> None:
    first = whole(text, language)[0]
    last_word = first.split()[-1]
    assert first != text
    assert not last_word.isdigit()
    assert last_word not in {"New", "York", "the", "der", "la", "de", "y", "und", "et"}


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en", ["Dr. Smith is in the U.S. Army.", "He came at 5 p.m.", "So did I.", "And you?"]),
        ("en", ["It costs 3.50 at No. 5.", "Really?!", "Yes, e.g. Tuesday."]),
        ("en", ["Wait... what is it?", "“No!”", "(Perhaps.)", "1. Mix the flour."]),
        ("de", ["Am 3. Oktober ist frei.", "Das gilt bzw. Anna sagt es, z.B. Hr. Meier."]),
        ("fr", ["M. Dupont est là.", "Il fait 3,5 degrés !", "« Oui. »", "Merci."]),
        ("es", ["¿Qué tal?", "¡Muy bien!", "El Sr. García vive aquí."]),
        ("xx", ["Prof. Nowak.", "A B C."]),
    ],
)
def test_full_stop_ends_a_sentence_only_where_it_should(
    language: str, sentences: list[str]
) -> None:
    # The first sentence may be cut early, so a short one goes ahead.
    assert whole("Ok. " + " ".join(sentences), language)[1:] == sentences


def test_sentences_of_scripts_without_spaces_are_segmented() -> None:
    assert whole("今天天气很好。我们去公园玩吧！“你好。”他说。", "zh") == [
        "今天天气很好。",
        "我们去公园玩吧！",
        "“你好。”",
        "他说。",
    ]


def test_list_items_and_paragraphs_are_segments() -> None:
    assert whole("Buy this:\n- milk\n- two eggs\n\nThat is all") == [
        "Buy this:",
        "- milk",
        "- two eggs",
        "That is all",
    ]


def test_hard_wrapped_sentence_is_one_segment() -> None:
    assert whole("Ok. One sentence\non two lines.")[1:] == ["One sentence\non two lines."]


def test_number_is_not_split_by_the_stream() -> None:
    segmenter = Segmenter("en")
    assert segmenter.feed("It is 21.") == []
    assert segmenter.feed("5 degrees. ") == []
    assert [segment.text for segment in segmenter.feed("And")] == ["It is 21.5 degrees."]


def test_long_sentence_is_cut_at_a_clause() -> None:
    clause = "and then there was another one of those things that nobody had asked for, "
    segments = whole(clause * 12)
    assert len(segments) > 2
    assert all(len(segment) <= MAX_CHARACTERS for segment in segments)
    assert all(segment.endswith(",") for segment in segments[1:])


def test_text_without_sentence_end_is_segmented() -> None:
    segmenter = Segmenter("en")
    segments = [segment for _ in range(100) for segment in segmenter.feed("word ")]
    assert len(segments) >= 2
    assert not any(segment.ends_sentence for segment in segments)


def test_segmenter_can_start_a_new_text() -> None:
    segmenter = Segmenter("en")
    segmenter.feed("Half a")
    segmenter.finish()
    assert segmenter.finish() == []
    text = "When you leave home, the lights in all of the rooms are turned off."
    assert segmenter.feed(text)[0].text == "When you leave home,"


@given(
    st.lists(
        st.one_of(
            st.text(max_size=12),
            st.sampled_from(
                [
                    "Dr. ",
                    "3.5",
                    "No. 5",
                    ". ",
                    "! ",
                    "? ",
                    "\n\n",
                    "\n- ",
                    ", ",
                    "。",
                    "， ",
                    "word ",
                ]
            ),
            st.just("x" * 300),
        ),
        max_size=60,
    ),
    st.sampled_from(["en", "de", "fr", "es", "zh", ""]),
)
def test_segments_joined_are_the_text(parts: list[str], language: str) -> None:
    segmenter = Segmenter(language)
    segments = [segment for part in parts for segment in segmenter.feed(part)]
    segments += segmenter.finish()
    assert "".join("".join(s.text for s in segments).split()) == "".join("".join(parts).split())
    for segment in segments:
        assert segment.text
        assert segment.text == segment.text.strip()
        assert len(segment.text) <= MAX_CHARACTERS


@given(
    st.lists(
        st.one_of(
            st.text(max_size=12),
            st.text('aB1 .,!?\n-。”"', max_size=40),
            st.sampled_from(["Dr. ", "3.5", "No. 5 ", "1. ", "... ", "\n- ", "， ", "word " * 45]),
        ),
        max_size=30,
    ),
    st.lists(st.integers(1, 9), min_size=1, max_size=20),
    st.sampled_from(["en", "de", "zh", ""]),
)
def test_segments_do_not_depend_on_how_the_text_arrives(
    parts: list[str], sizes: list[int], language: str
) -> None:
    text = "".join(parts)
    whole = Segmenter(language, early=False)
    expected = [*whole.feed(text), *whole.finish()]
    streamed = Segmenter(language, early=False)
    found, at = [], 0
    for size in itertools.cycle(sizes):
        if at >= len(text):
            break
        found += streamed.feed(text[at : at + size])
        at += size
    assert [*found, *streamed.finish()] == expected


@pytest.mark.parametrize("length", range(MAX_CHARACTERS - 4, MAX_CHARACTERS + 3))
def test_longest_sentence_is_one_segment_in_a_stream_too(length: int) -> None:
    text = "word " * 60
    text = f"{text[: length - 2].rstrip()}x." + " Then more follows."
    streamed = Segmenter("en", early=False)
    found = [segment for letter in text for segment in streamed.feed(letter)]
    whole = Segmenter("en", early=False)
    assert [*found, *streamed.finish()] == [*whole.feed(text), *whole.finish()]


def test_first_sentence_is_uncut_without_early() -> None:
    text = "The quick brown fox, as everybody knows, jumps over the lazy dog. And again it does."
    segmenter = Segmenter("en", early=False)
    for _ in range(2):
        whole = [*segmenter.feed(text), *segmenter.finish()]
        assert [segment.text for segment in whole] == [
            "The quick brown fox, as everybody knows, jumps over the lazy dog.",
            "And again it does.",
        ]
    early = Segmenter("en")
    assert early.feed(text)[0].text != whole[0].text


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

"""The time for a text grows with its length and no faster, whatever is repeated in it."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from fuzz_targets.linear import check_linear

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.text.completeness import assess_completeness
from wyoming_servers.text.lexicon import Lexicon
from wyoming_servers.text.normalize.normalizer import normalize
from wyoming_servers.text.segment import Segmenter
from wyoming_servers.text.subtitles import parse_cues
from wyoming_servers.text.voice_expression import voice_names

CHARACTERS = 4_000

PIECES = [
    *"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~aA10 \n\té。—…€°«»\u200d\u0301\ud800",
    *("[[", "]]", "**", "__", "~~~\n", "```\n", "![](", "[a](", '[a](b "', "</", "<b ", "<!--"),
    *("&#1", "&amp;", "a.", "a@", "a-b.", "http://", "1.", "1,", "1-", "1/", "1:", "1x", "1.1.1."),
    *("+1 ", "0 1", "(0", "v1.", "Dr. ", "z.B. ", "No. ", "in 19", "12:30 ", "1 h 2", "1 am "),
    *("21.11. ", "1. May ", "3. Mai ", "am 3. Mai ", "May 1 ", "20% ", "$1 ", "1 000 ", "1st "),
    *('." ', "? ", "a, ", "( a ", "中", "中。", "wifi ", "{\\p1", "00:01:02,000 --> "),
]
"""Every character with a meaning, and the beginning of what each rule looks for."""


def feed_in_pieces(text: str) -> None:
    segmenter = Segmenter("de")
    for at in range(0, len(text), 16):
        segmenter.feed(text[at : at + 16])
    segmenter.finish()


def feed_at_once(text: str) -> None:
    Segmenter("en").finish(text)


def parse_srt(text: str) -> None:
    with suppress(BadRequestError):
        parse_cues(f"00:00:01,000 --> 00:00:02,000\n{text}", "srt")


def parse_ass(text: str) -> None:
    with suppress(BadRequestError):
        parse_cues(f"[Events]\nDialogue: 0,0:00:01.00,0:00:02.00,,,0,0,0,,{text}", "ass")


def replace_words(text: str) -> None:
    book = Lexicon(Path("lexicon.yaml"))
    book._replace_entries({"en": {"wifi": "why fie", "a": "ay", "1": "one", "a.b": "/x/"}})
    book.apply(text, "en")


WORK: dict[str, Callable[[str], object]] = {
    **{f"normalize {code}": lambda text, code=code: normalize(text, code) for code in ("en", "de")},
    "completeness": lambda text: assess_completeness(text, "en"),
    "segment in pieces": feed_in_pieces,
    "segment": feed_at_once,
    "subtitles srt": parse_srt,
    "subtitles ass": parse_ass,
    "lexicon": replace_words,
    "voice expression": voice_names,
}


@pytest.mark.parametrize("name", WORK)
def test_time_grows_with_the_text_and_no_faster(name: str) -> None:
    for piece in PIECES:
        text = piece * (CHARACTERS // len(piece)) + "x"
        try:
            check_linear(WORK[name], text)
        except AssertionError as err:
            raise AssertionError(f"{piece!r} repeated: {err}") from err

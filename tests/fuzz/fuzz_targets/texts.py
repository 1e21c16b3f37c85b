"""Texts: markup, normalization, segmentation, subtitles, pronunciations, voice expressions."""

import contextlib
import math
import tempfile
import unicodedata
from itertools import pairwise
from pathlib import Path
from typing import Final

import yaml

from fuzz_targets.linear import check_linear
from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.text import lexicon as lexicon_file
from wyoming_servers.text.completeness import assess_completeness
from wyoming_servers.text.normalize.normalizer import normalize
from wyoming_servers.text.segment import Segmenter
from wyoming_servers.text.ssml import Break, ProsodyRate, SpeakText, SsmlParser
from wyoming_servers.text.subtitles import (
    TEXT_FORMATS,
    decode_text,
    detect_text_format,
    parse_cues,
    write_plain_text,
    write_srt,
    write_vtt,
)
from wyoming_servers.text.voice_expression import parse_mix, parse_speed, voice_names

LANGUAGES: Final = ("en", "en-US", "de", "fr", "es", "it", "nl", "ja", "")

_UNSPEAKABLE: Final = ("Cc", "Cs", "Co", "Cn", "Zl", "Zp")
"""Categories of control characters, of those that mean nothing, and of line ends."""

_FOLDER: Final = tempfile.TemporaryDirectory(prefix="fuzz-")


def as_text(data: bytes) -> str:
    """Return any text; lone surrogates stand for bytes that are not UTF-8, as JSON may have."""
    return data.decode("utf-8", "surrogateescape")


def ssml(data: bytes) -> None:
    """The events do not depend on the pieces, and every character is examined once."""
    step = data[0] % 16 + 1 if data else 1
    markup = as_text(data[1:])
    whole, steps = _ssml_events(markup, len(markup) + 1)
    pieces, piece_steps = _ssml_events(markup, step)
    assert pieces == whole
    assert max(steps, piece_steps) <= 2 * len(markup) + 2
    for event in whole:
        if isinstance(event, Break):
            assert 0.0 <= event.seconds <= 10.0
        if isinstance(event, ProsodyRate):
            assert event.factor >= 0.0  # not so for NaN
    check_linear(lambda text: _ssml_events(text, len(text) + 1), markup)


def _ssml_events(markup: str, step: int) -> tuple[list[object], int]:
    parser = SsmlParser(len(markup))
    parts = [parser.events(markup[at : at + step]) for at in range(0, len(markup), step)]
    parts.append(parser.events("", complete=True))
    events: list[object] = []
    for event in (event for part in parts for event in part):
        if isinstance(event, SpeakText) and events and isinstance(events[-1], SpeakText):
            events[-1] = SpeakText(events[-1].text + event.text)
        else:
            events.append(event)
    return events, parser.steps


def normalize_text(data: bytes) -> None:
    """Any text becomes one line without control characters, in linear time."""
    language = LANGUAGES[data[0] % len(LANGUAGES)] if data else "en"
    text = as_text(data[1:])
    spoken = normalize(text, language)
    assert not any(unicodedata.category(character) in _UNSPEAKABLE for character in spoken)
    assert "  " not in spoken
    assess_completeness(text, language)
    check_linear(lambda longer: normalize(longer, language), text)
    check_linear(lambda longer: assess_completeness(longer, language), text)


def segment(data: bytes) -> None:
    """Segments are the text again, and do not depend on how it arrives."""
    language = LANGUAGES[data[0] % len(LANGUAGES)] if data else "en"
    step = data[1] % 32 + 1 if len(data) > 1 else 1
    text = as_text(data[2:])
    whole = _segments(text, language, len(text) + 1)
    assert whole == _segments(text, language, step)
    assert "".join("".join(whole).split()) == "".join(text.split())
    assert all(whole)
    assert all(len(each) <= 240 + 64 for each in whole)
    check_linear(lambda longer: _segments(longer, language, len(longer) + 1), text)
    check_linear(lambda longer: _segments(longer, language, step), text)


def _segments(text: str, language: str, step: int) -> list[str]:
    segmenter = Segmenter(language, early=False)
    segments = []
    for at in range(0, len(text), step):
        segments += segmenter.feed(text[at : at + step])
    return [each.text for each in (*segments, *segmenter.finish())]


def subtitles(data: bytes) -> None:
    """Cues are in order, have text, and can be written and read again."""
    given = TEXT_FORMATS[data[0] % len(TEXT_FORMATS)] if data else "srt"
    try:
        text = decode_text(data[1:])
    except BadRequestError:
        return
    detect_text_format(text)
    try:
        cues = parse_cues(text, given)
    except BadRequestError:
        cues = []
    assert all(before.start <= after.start for before, after in pairwise(cues))
    assert all(cue.text and cue.start <= cue.end for cue in cues)
    write_plain_text(cues)
    speakable = [cue for cue in cues if cue.text.strip()]
    if speakable and all("-->" not in cue.text and "<" not in cue.text for cue in speakable):
        read_again = parse_cues(write_srt(cues), "srt")
        assert len(read_again) <= len(speakable)
        parse_cues(write_vtt(cues), "vtt")

    def parse(longer: str) -> None:
        with contextlib.suppress(BadRequestError):
            parse_cues(longer, given)

    check_linear(parse, text)


def lexicon(data: bytes) -> None:
    """A file is read or refused; what it holds is applied to itself."""
    path = Path(_FOLDER.name) / "lexicon.yaml"
    path.write_bytes(data)
    book = lexicon_file.Lexicon(path)
    try:
        entries = lexicon_file.read_lexicon(path)
    except (BadRequestError, ValueError, yaml.YAMLError):
        return
    book._replace_entries(entries)
    text = as_text(data)
    for language in ("en", "de-DE"):
        book.apply(text, language)
        check_linear(lambda longer, code=language: book.apply(longer, code), text)


def voice(data: bytes) -> None:
    """A voice expression gives names and finite numbers, or is refused."""
    text = as_text(data)
    assert voice_names(text)
    with contextlib.suppress(BadRequestError):
        name, speed = parse_speed(text)
        assert 0.5 <= speed <= 2.0
        for part, weight in parse_mix(name):
            assert part
            assert 0.0 < weight < math.inf
    check_linear(voice_names, text)

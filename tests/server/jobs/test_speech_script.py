"""What there is to say in a text."""

from pathlib import Path

import pytest

from wyoming_servers.core.errors import BadRequestError, TooLargeError
from wyoming_servers.jobs.speech_script import (
    MAX_CUE_CHARACTERS,
    MAX_SCRIPT_BYTES,
    MAX_SPEEDUP,
    PARAGRAPH_SECONDS,
    ScriptLine,
    cue_start,
    detect_script_format,
    read_script,
    required_speedup,
)
from wyoming_servers.text.subtitles import Cue

TEXT = """Once upon a time, in a land far away, there lived a king. He had Mr. Smith.

***

He was happy."""


def write(folder: Path, data: bytes | str) -> Path:
    path = folder / "text"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def test_text_is_read_by_sentence_with_longer_pauses_between_paragraphs(tmp_path: Path) -> None:
    assert read_script(write(tmp_path, TEXT), "txt", "en", 0.2) == [
        ScriptLine("Once upon a time, in a land far away, there lived a king."),
        ScriptLine("He had Mr. Smith.", pause=0.2),
        ScriptLine("He was happy.", pause=0.2 + PARAGRAPH_SECONDS),
    ]


def test_subtitles_are_read_by_cue(tmp_path: Path) -> None:
    text = "00:00:01.000 --> 00:00:02.000\n- Hi.\n\n00:00:03.000 --> 00:00:04.000\n♪♪\n"
    path = write(tmp_path, text)
    assert detect_script_format(path, "x.txt") == "srt"
    assert read_script(path, "srt", "en", 0.2) == [ScriptLine("- Hi.", Cue(1.0, 2.0, "- Hi."))]


@pytest.mark.parametrize("data", ["", " \n\n ", "... !", b"\xff\xfe\x00"])
def test_text_without_words_is_rejected(data: bytes | str, tmp_path: Path) -> None:
    with pytest.raises(BadRequestError):
        read_script(write(tmp_path, data), "txt", "en", 0.2)


def test_text_beyond_the_limits_is_rejected(tmp_path: Path) -> None:
    cue = "00:00:01.000 --> 00:00:02.000\n" + "word " * MAX_CUE_CHARACTERS
    with pytest.raises(BadRequestError, match="longer than 5000"):
        read_script(write(tmp_path, cue), "srt", "en", 0.2)
    with pytest.raises(TooLargeError):
        read_script(write(tmp_path, b"a" * (MAX_SCRIPT_BYTES + 1)), "txt", "en", 0.2)


def test_cue_starts_when_due_or_after_the_last_one() -> None:
    assert cue_start(5.0, 3.0) == 5.0
    assert cue_start(5.0, 6.5) == 6.5


@pytest.mark.parametrize(
    ("natural", "room", "speed", "expected"),
    [
        (1.0, 2.0, 1.0, 1.0),
        (2.04, 2.0, 1.0, 1.0),
        (2.2, 2.0, 1.0, 1.122),
        (4.0, 2.0, 1.0, MAX_SPEEDUP),
        (4.0, -1.0, 1.0, MAX_SPEEDUP),
        (4.0, 2.0, 1.8, 2.0 / 1.8),
        (4.0, 2.0, 2.0, 1.0),
        (0.2, -1.0, 0.5, MAX_SPEEDUP),
    ],
)
def test_speedup_is_no_more_than_needed_and_limited(
    natural: float, room: float, speed: float, expected: float
) -> None:
    assert required_speedup(natural, room, speed) == pytest.approx(expected)


def test_ssml_becomes_lines_with_pauses_and_speeds(tmp_path: Path) -> None:
    markup = (
        b'<speak>One. Two.<break time="2s"/><prosody rate="fast">Three.</prosody>'
        b"<sub alias='five'>5</sub></speak>"
    )
    path = write(tmp_path, markup)
    assert detect_script_format(path) == "ssml"
    assert read_script(path, "ssml", "en", 0.2) == [
        ScriptLine("One."),
        ScriptLine("Two.", pause=0.2),
        ScriptLine("Three.", pause=2.2, speed=1.25),
        ScriptLine("five", pause=0.2),
    ]


def test_ssml_with_hours_of_breaks_is_rejected(tmp_path: Path) -> None:
    path = write(tmp_path, b"<speak>One." + b'<break time="10s"/>' * 361)
    with pytest.raises(BadRequestError, match="3600 s"):
        read_script(path, "ssml", "en", 0.2)


def test_text_that_begins_with_another_element_is_not_ssml(tmp_path: Path) -> None:
    assert detect_script_format(write(tmp_path, b"<speaker> said")) == "txt"

"""What a speech job has to say: the lines of a text, each with its time if it has one."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wyoming_servers.core.errors import BadRequestError, TooLargeError
from wyoming_servers.text.segment import Segmenter, TextSegment
from wyoming_servers.text.speakable import is_speakable
from wyoming_servers.text.subtitles import (
    Cue,
    TextFormat,
    decode_text,
    detect_text_format,
    parse_cues,
)

MAX_SCRIPT_BYTES: Final = 8 * 1024 * 1024
"""Of a text; the Bible has five million characters."""

MAX_CUE_CHARACTERS: Final = 5_000
"""Of one cue; it is spoken at least once in one go, and kept in memory for that."""

PARAGRAPH_SECONDS: Final = 0.6
"""Silence between two paragraphs, beside that between two sentences."""

_PARAGRAPHS: Final = re.compile(r"\n[ \t]*\n\s*")


@dataclass(frozen=True, slots=True)
class ScriptLine:
    """What is said in one go."""

    text: str
    cue: Cue | None = None
    """When it is due; None for text without times, which comes behind what was said before."""
    pause: float = 0.0
    """Seconds of silence before it, where no cue says when it is due."""


def detect_script_format(path: Path, filename: str = "") -> TextFormat:
    """Return how a text is written. Reads the file; raises BadRequestError, TooLargeError."""
    return detect_text_format(_read(path), filename)


def read_script(path: Path, kind: TextFormat, language: str, gap: float) -> list[ScriptLine]:
    """Return all there is to say; the same file gives the same lines each time.

    `gap` seconds of silence are due between two sentences. Takes seconds for a large text: call
    it in a thread. Raises BadRequestError for a text that cannot be read or has nothing to say,
    TooLargeError.
    """
    text = _read(path)
    lines = _sentence_lines(text, language, gap) if kind == "txt" else _cue_lines(text, kind)
    if not lines:
        raise BadRequestError("There is nothing to say in the text.")
    return lines


def _read(path: Path) -> str:
    if path.stat().st_size > MAX_SCRIPT_BYTES:
        raise TooLargeError(
            f"The text is larger than {MAX_SCRIPT_BYTES} bytes.", hint="Send it in parts."
        )
    return decode_text(path.read_bytes())


def _cue_lines(text: str, kind: TextFormat) -> list[ScriptLine]:
    lines = []
    for cue in parse_cues(text, kind):
        if len(cue.text) > MAX_CUE_CHARACTERS:
            raise BadRequestError(
                f"The cue at {cue.start:g} s is longer than {MAX_CUE_CHARACTERS} characters."
            )
        if is_speakable(cue.text):
            lines.append(ScriptLine(cue.text, cue))
    return lines


def _sentence_lines(text: str, language: str, gap: float) -> list[ScriptLine]:
    lines: list[ScriptLine] = []
    for paragraph in _PARAGRAPHS.split(text):
        pause = gap + PARAGRAPH_SECONDS if lines else 0.0
        for segment in _segment_paragraph(paragraph, language):
            if is_speakable(segment.text):
                lines.append(ScriptLine(segment.text, pause=pause))
                pause = 0.0
            if segment.ends_sentence and not pause:
                pause = gap
    return lines


def _segment_paragraph(paragraph: str, language: str) -> list[TextSegment]:
    segmenter = Segmenter(language, early=False)
    return [*segmenter.feed(paragraph), *segmenter.finish()]

"""Reads the text of a speech job as lines: sentences of a text or a book, or cues with their times.

How the speech of a cue is fitted into its time:

1. It starts with its cue, or at the end of the speech before it if that is later.
2. If it is longer than the rest of the cue, it is spoken faster, within a natural range.
3. If that is not enough, it runs over and the next cue starts later: nothing is cut off, and no two
   cues overlap. The next pause makes up for the delay.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

from wyoming_servers.core.errors import BadRequestError, TooLargeError
from wyoming_servers.text.segment import Segmenter, TextSegment, is_speakable
from wyoming_servers.text.ssml import Break, ProsodyRate, SpeakText, SsmlParser
from wyoming_servers.text.subtitles import (
    Cue,
    TextFormat,
    decode_text,
    detect_text_format,
    parse_cues,
)
from wyoming_servers.text.voice_expression import MAX_SPEED

if TYPE_CHECKING:
    from wyoming_servers.text.documents import Paragraph

ScriptFormat = Literal[TextFormat, "ssml", "md", "epub"]
"""Formats of the text of a speech job."""

SCRIPT_FORMATS: Final[tuple[ScriptFormat, ...]] = get_args(ScriptFormat)

MAX_BREAK_SECONDS: Final = 3_600.0
"""Longest sum of all breaks of a text in SSML."""

MAX_SCRIPT_BYTES: Final = 8 * 1024 * 1024
"""Largest text; the Bible has five million characters."""

MAX_BOOK_BYTES: Final = 64 * 1024 * 1024
"""Largest EPUB, with its pictures."""

MAX_CUE_CHARACTERS: Final = 5_000
"""Longest cue; its whole audio is kept in memory."""

PARAGRAPH_SECONDS: Final = 0.6
"""Silence between two paragraphs, in addition to that between two sentences."""

HEADING_SECONDS: Final = 1.2
"""Silence before and after a heading, in addition to that between two sentences."""

MAX_SPEEDUP: Final = 1.25
"""Fastest speech that still sounds unhurried; dubbing studios have the same limit."""

TOLERANCE_SECONDS: Final = 0.05
"""Overrun that nobody notices; cues are placed by hand."""

_SPEED_MARGIN: Final = 1.02
"""Voices follow a speed only approximately."""

_SSML: Final = re.compile(r"\s*(?:<\?xml[^<>]{0,200}>\s*)?<speak[\s>]")
_PARAGRAPHS: Final = re.compile(r"\n[ \t]*\n\s*")
_ZIP: Final = b"PK\x03\x04"
_MARKDOWN_SUFFIXES: Final = (".md", ".markdown", ".mkd")


@dataclass(frozen=True, slots=True)
class ScriptLine:
    """A sentence or a cue."""

    text: str
    cue: Cue | None = None
    """The cue with its times; None for plain text, which follows the line before it."""
    pause: float = 0.0
    """Seconds of silence before a line without a cue."""
    speed: float = 1.0
    """Relative to the speed of the job."""
    speaker: str = ""
    """Name of the speaker; empty if the text does not tell."""
    voice: str = ""
    """Voice of this line alone; empty for that of the speaker or of the job."""


def detect_script_format(path: Path, filename: str = "") -> ScriptFormat:
    """Return the format of a text. Reads the file; raises BadRequestError, TooLargeError."""
    with path.open("rb") as file:
        if file.read(len(_ZIP)) == _ZIP:
            return "epub"
    text = _read(path)
    if _SSML.match(text) or filename.lower().endswith(".ssml"):
        return "ssml"
    if filename.lower().endswith(_MARKDOWN_SUFFIXES):
        return "md"
    return detect_text_format(text, filename)


def read_script(
    path: Path, text_format: ScriptFormat, language: str, sentence_silence: float
) -> list[ScriptLine]:
    """Return all lines; the same file gives the same lines each time.

    `sentence_silence` seconds separate two sentences. Takes seconds for a large text: call it in a
    thread. Raises BadRequestError for a text that cannot be read or is empty, TooLargeError.
    """
    if text_format == "epub":
        from wyoming_servers.text.documents import read_epub  # noqa: PLC0415  (few texts are books)

        paragraphs = read_epub(_read_bytes(path, MAX_BOOK_BYTES))
        return _spoken(_paragraph_lines(paragraphs, language, sentence_silence))
    text = _read(path, language)
    if text_format == "txt":
        lines = _sentence_lines(text, language, sentence_silence)
    elif text_format == "md":
        from wyoming_servers.text.documents import read_markdown  # noqa: PLC0415  (as above)

        lines = _paragraph_lines(read_markdown(text), language, sentence_silence)
    elif text_format == "ssml":
        lines = _ssml_lines(text, language, sentence_silence)
    else:
        lines = _cue_lines(text, text_format)
    return _spoken(lines)


def _spoken(lines: list[ScriptLine]) -> list[ScriptLine]:
    if not lines:
        raise BadRequestError("The text contains nothing to speak.")
    return lines


def _read(path: Path, language: str | None = None) -> str:
    return decode_text(_read_bytes(path, MAX_SCRIPT_BYTES), language)


def _read_bytes(path: Path, limit: int) -> bytes:
    if path.stat().st_size > limit:
        raise TooLargeError(f"The text is larger than {limit} bytes.", hint="Send it in parts.")
    return path.read_bytes()


def _cue_lines(text: str, text_format: TextFormat) -> list[ScriptLine]:
    lines = []
    for cue in parse_cues(text, text_format):
        if len(cue.text) > MAX_CUE_CHARACTERS:
            raise BadRequestError(
                f"The cue at {cue.start:g} s is longer than {MAX_CUE_CHARACTERS} characters."
            )
        if is_speakable(cue.text):
            lines.append(ScriptLine(cue.text, cue, speaker=cue.speaker))
    return lines


def _paragraph_lines(
    paragraphs: "list[Paragraph]", language: str, sentence_silence: float
) -> list[ScriptLine]:
    lines: list[ScriptLine] = []
    after_heading = False
    for paragraph in paragraphs:
        extra = HEADING_SECONDS if paragraph.heading or after_heading else PARAGRAPH_SECONDS
        after_heading = paragraph.heading
        pause = sentence_silence + extra if lines else 0.0
        for line in _sentence_lines(paragraph.text, language, sentence_silence):
            lines.append(replace(line, pause=line.pause + pause))
            pause = 0.0
    return lines


def _sentence_lines(text: str, language: str, sentence_silence: float) -> list[ScriptLine]:
    lines: list[ScriptLine] = []
    for paragraph in _PARAGRAPHS.split(text):
        pause = sentence_silence + PARAGRAPH_SECONDS if lines else 0.0
        for segment in _segment_paragraph(paragraph, language):
            if is_speakable(segment.text):
                lines.append(ScriptLine(segment.text, pause=pause))
                pause = 0.0
            if segment.ends_sentence and not pause:
                pause = sentence_silence
    return lines


def _ssml_lines(text: str, language: str, sentence_silence: float) -> list[ScriptLine]:
    lines: list[ScriptLine] = []
    pause, breaks, speed = 0.0, 0.0, 1.0
    for event in SsmlParser(len(text)).events(text, complete=True):
        match event:
            case Break(seconds):
                pause += seconds
                breaks += seconds
            case ProsodyRate(factor):
                speed = factor
            case SpeakText(spoken):
                for line in _sentence_lines(spoken, language, sentence_silence):
                    lines.append(replace(line, pause=line.pause + pause, speed=speed))
                    pause = 0.0
                pause = pause or (sentence_silence if lines else 0.0)
    if breaks > MAX_BREAK_SECONDS:
        raise BadRequestError(
            f"The breaks of the text are longer than {MAX_BREAK_SECONDS:g} s together.",
            hint="Use fewer or shorter breaks.",
        )
    return lines


def _segment_paragraph(paragraph: str, language: str) -> list[TextSegment]:
    segmenter = Segmenter(language, early=False)
    return [*segmenter.feed(paragraph), *segmenter.finish()]


def cue_start(due: float, end_of_last: float) -> float:
    """Return the time at which the speech of a cue starts."""  # 1
    return max(due, end_of_last)


def required_speedup(natural: float, available: float, speed: float) -> float:
    """Return the factor that fits speech of `natural` seconds into `available` seconds.

    1.0 if it fits. `speed` is the speed of the natural speech: both together do not exceed the
    highest speed of a voice.
    """
    if natural <= available + TOLERANCE_SECONDS:
        return 1.0
    limit = max(1.0, min(MAX_SPEEDUP, MAX_SPEED / speed))
    if available <= 0:
        return limit
    return min(limit, _SPEED_MARGIN * natural / available)  # 2, 3

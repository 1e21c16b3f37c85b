"""Parses subtitles (SubRip, WebVTT, SubStation Alpha), and writes them and plain text.

Files in the wild break every rule, so the parser requires only times that it can read and text
behind them. Markup (`<i>`, `{\\an8}`, `<v Roger>`) is removed, since cues are to be spoken.

Written by hand, since pysubs2 1.8 is made for editors: from the files in this module's tests, it
would speak WebVTT's notes, cue identifiers and timestamps, and refuse an ASS file with one broken
time; its writers drop `{…}` and do not escape WebVTT.
"""

import codecs
import html
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.text.ssml import unescape_entities

TextFormat = Literal["txt", "srt", "vtt", "ass"]
"""Formats of a text; `ass` includes SSA."""

TEXT_FORMATS: Final[tuple[TextFormat, ...]] = get_args(TextFormat)

MAX_CUES: Final = 100_000
"""A day of speech without a pause has about thirty thousand."""

MAX_CUE_START_SECONDS: Final = 24 * 3_600.0
"""Latest start of a cue; a wrong time would produce a file full of silence."""

_BYTE_ORDER_MARKS: Final = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

_TIME: Final = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_TIMING: Final = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}")
_ASS_TIME: Final = re.compile(rf"^\s*{_TIME}\s*$")
_VTT_BLOCK: Final = re.compile(r"^(?:NOTE|STYLE|REGION)\b")
_TAG: Final = re.compile(r"</?[a-zA-Z][^<>]{0,500}>|<\d[\d:.]{0,20}>|\{[^{}]{0,500}\}")
_DRAWING: Final = re.compile(r"\{[^{}]{0,200}\\p[1-9][^{}]{0,200}\}")
"""Switches an ASS text to drawing commands, which must not be spoken."""

_FORMAT_BY_SUFFIX: Final[Mapping[str, TextFormat]] = {
    "srt": "srt",
    "vtt": "vtt",
    "ass": "ass",
    "ssa": "ass",
}

_ASS_FIELDS: Final = "Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text"


@dataclass(frozen=True, slots=True)
class Cue:
    """A text and the time at which it is spoken."""

    start: float
    """Seconds from the beginning."""
    end: float
    text: str


def write_srt(cues: Iterable[Cue]) -> str:
    """Return SubRip: numbered blocks, times as `00:01:02,500`."""
    blocks = [
        f"{number}\n{_format_time(cue.start, ',')} --> {_format_time(cue.end, ',')}\n"
        f"{_without_blank_lines(cue.text)}\n"
        for number, cue in enumerate(_with_text(cues), 1)
    ]
    return "\n".join(blocks)


def write_vtt(cues: Iterable[Cue]) -> str:
    """Return WebVTT; `&`, `<` and `>` are escaped, since they are markup there."""
    blocks = ["WEBVTT\n"]
    for cue in _with_text(cues):
        text = html.escape(_without_blank_lines(cue.text), quote=False)
        blocks.append(f"{_format_time(cue.start, '.')} --> {_format_time(cue.end, '.')}\n{text}\n")
    return "\n".join(blocks)


def write_plain_text(cues: Iterable[Cue]) -> str:
    """Return the texts alone, each on lines of its own."""
    return "".join(f"{_without_blank_lines(cue.text)}\n" for cue in _with_text(cues))


def decode_text(data: bytes) -> str:
    """Decode a file by its byte order mark, else as UTF-8, else as Windows-1252.

    Line ends become `\n`. Raises BadRequestError for binary data.
    """
    if data.startswith(_BYTE_ORDER_MARKS[1:]):
        text = data.decode("utf-16", "replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", "replace")
    if "\0" in text:
        raise BadRequestError("The file is not text.", hint="Send plain text, SRT, WebVTT or ASS.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def detect_text_format(text: str, filename: str = "") -> TextFormat:
    """Detect a text's format by its content, else by the suffix of its file name."""
    head = text[:10_000].lstrip()
    if head.startswith("WEBVTT"):
        return "vtt"
    if head.lower().startswith("[script info]") or "\n[events]" in head.lower():
        return "ass"
    if any(_TIMING.match(line) for line in head.split("\n", 5)[:4]):
        return "srt"
    return _FORMAT_BY_SUFFIX.get(filename.lower().rpartition(".")[2], "txt")


def parse_cues(text: str, text_format: TextFormat) -> list[Cue]:
    """Return the cues that have text, ordered by their start.

    Raises BadRequestError if there is none, if there are too many, or if one starts too late.
    """
    parsed = _parse_ass(text) if text_format == "ass" else _parse_blocks(text)
    cues: list[Cue] = []
    for cue in parsed:
        if len(cues) >= MAX_CUES:
            raise BadRequestError(f"The subtitles have more than {MAX_CUES} cues.")
        if cue.start > MAX_CUE_START_SECONDS:
            raise BadRequestError(f"A cue starts after {MAX_CUE_START_SECONDS / 3_600:g} hours.")
        if cue.text:
            cues.append(cue)
    if not cues:
        raise BadRequestError(
            f"The subtitles contain no cue in {text_format} format.",
            hint="Set `input` to the format of the text: txt, srt, vtt or ass.",
        )
    # Python's sort is stable: cues with the same start keep their order.
    return sorted(cues, key=lambda cue: cue.start)


def _parse_blocks(text: str) -> Iterator[Cue]:
    """Parse SubRip and WebVTT: a line with times, lines of text, an empty line."""
    lines = iter([*text.split("\n"), ""])
    for line in lines:
        if _VTT_BLOCK.match(line):
            for skipped in lines:
                if not skipped.strip():
                    break
            continue
        timing = _TIMING.match(line)
        if timing is None:
            continue  # a number, a cue identifier, a heading
        text_lines = []
        for text_line in lines:
            if not text_line.strip():
                break
            text_lines.append(text_line)
        start, end = _seconds(timing.groups()[:4]), _seconds(timing.groups()[4:])
        yield Cue(start, max(start, end), _strip_tags(" ".join(text_lines)))


def _parse_ass(text: str) -> Iterator[Cue]:
    """Parse the dialogue of SSA and ASS, without comments and drawings."""
    names = [name.strip().lower() for name in _ASS_FIELDS.split(",")]
    in_events = False
    for line in text.split("\n"):
        key, colon, value = line.partition(":")
        key = key.strip().lower()
        if line.lstrip().startswith("["):
            in_events = line.strip().lower() == "[events]"
        elif in_events and colon and key == "format":
            names = [name.strip().lower() for name in value.split(",")]
        elif in_events and colon and key == "dialogue":
            fields = dict(zip(names, value.split(",", len(names) - 1), strict=False))
            start = _ASS_TIME.match(fields.get("start", ""))
            end = _ASS_TIME.match(fields.get("end", ""))
            if start is None or end is None:
                continue
            spoken = _DRAWING.split(fields.get("text", ""))[0]
            spoken = re.sub(r"\\[Nnh]", " ", spoken)
            start_seconds, end_seconds = _seconds(start.groups()), _seconds(end.groups())
            yield Cue(start_seconds, max(start_seconds, end_seconds), _strip_tags(spoken))


def _strip_tags(text: str) -> str:
    return " ".join(unescape_entities(_TAG.sub("", text)).split())


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = (part or "0" for part in parts)
    whole = int(hours) * 3_600 + int(minutes) * 60 + int(seconds)
    return whole + int(fraction) / math.pow(10, len(fraction))


def _with_text(cues: Iterable[Cue]) -> list[Cue]:
    return [cue for cue in cues if cue.text.strip()]


def _without_blank_lines(text: str) -> str:
    # A blank line would end the block.
    return "\n".join(line.strip() for line in text.strip().splitlines() if line.strip())


def _format_time(seconds: float, point: str) -> str:
    milliseconds = round(max(0.0, seconds) * 1_000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1_000:02}{point}{rest % 1_000:03}"

"""Reads subtitles as people have them: SubRip, WebVTT and (Advanced) SubStation Alpha.

Files in the wild break every rule, so little is asked for: times that can be read and text behind
them. Markup (`<i>`, `{\an8}`, `<v Roger>`) is not said and is taken away.
"""

import codecs
import html
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from wyoming_servers.core.errors import BadRequestError

# Timed texts as subtitles (SubRip, WebVTT) and as plain text.


@dataclass(frozen=True, slots=True)
class Cue:
    """A text with the time it is said."""

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
    """Return WebVTT; `&`, `<` and `>` are markup there and are escaped."""
    blocks = ["WEBVTT\n"]
    for cue in _with_text(cues):
        text = (
            _without_blank_lines(cue.text)
            .replace("&", "&amp;")
            .replace("<", "&lt;")
            .replace(">", "&gt;")
        )
        blocks.append(f"{_format_time(cue.start, '.')} --> {_format_time(cue.end, '.')}\n{text}\n")
    return "\n".join(blocks)


def write_plain_text(cues: Iterable[Cue]) -> str:
    """Return a line for each text."""
    return "".join(f"{_without_blank_lines(cue.text)}\n" for cue in _with_text(cues))


def _with_text(cues: Iterable[Cue]) -> list[Cue]:
    return [cue for cue in cues if cue.text.strip()]


def _without_blank_lines(text: str) -> str:
    # An empty line would end the block.
    return "\n".join(line.strip() for line in text.strip().splitlines() if line.strip())


def _format_time(seconds: float, point: str) -> str:
    milliseconds = round(max(0.0, seconds) * 1_000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1_000:02}{point}{rest % 1_000:03}"


TextFormat = Literal["txt", "srt", "vtt", "ass"]
"""How a text is written."""

TEXT_FORMATS: Final[tuple[TextFormat, ...]] = get_args(TextFormat)

MAX_CUES: Final = 100_000
"""A day of speech without a pause has about thirty thousand."""

MAX_CUE_START_SECONDS: Final = 24 * 3_600.0
"""Latest time of a cue: one at the end of all days would be a file full of silence."""

_BYTE_ORDER_MARKS: Final = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

_TIME: Final = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_TIMING: Final = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}")
_ASS_TIME: Final = re.compile(rf"^\s*{_TIME}\s*$")
_VTT_BLOCK: Final = re.compile(r"^(?:NOTE|STYLE|REGION)\b")
_TAG: Final = re.compile(r"</?[a-zA-Z][^<>]{0,500}>|<\d[\d:.]{0,20}>|\{[^{}]{0,500}\}")
_DRAWING: Final = re.compile(r"\{[^{}]{0,200}\\p[1-9][^{}]{0,200}\}")
"""From here on an ASS text holds lines to draw, not words to read."""

_FORMAT_BY_SUFFIX: Final[Mapping[str, TextFormat]] = {
    "srt": "srt",
    "vtt": "vtt",
    "ass": "ass",
    "ssa": "ass",
}

_ASS_FIELDS: Final = "Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text"


def decode_text(data: bytes) -> str:
    """Return a file's text: by its byte order mark, else UTF-8, else what Windows wrote.

    Raises BadRequestError for what is no text at all.
    """
    if data.startswith(_BYTE_ORDER_MARKS[1:]):
        text = data.decode("utf-16", "replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", "replace")
    if "\0" in text:
        raise BadRequestError(
            "The file is not a text.", hint="Send plain text, SRT, WebVTT or ASS."
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def detect_text_format(text: str, filename: str = "") -> TextFormat:
    """Return how a text is written, by what it looks like, else by the end of its name."""
    head = text[:10_000].lstrip()
    if head.startswith("WEBVTT"):
        return "vtt"
    if head.lower().startswith("[script info]") or "\n[events]" in head.lower():
        return "ass"
    if any(_TIMING.match(line) for line in head.split("\n", 5)[:4]):
        return "srt"
    return _FORMAT_BY_SUFFIX.get(filename.lower().rpartition(".")[2], "txt")


def parse_cues(text: str, kind: TextFormat) -> list[Cue]:
    """Return the cues with something to say, in the order of their beginnings.

    Raises BadRequestError for a text without any, a time that cannot be, or far too many.
    """
    found = _ass(text) if kind == "ass" else _blocks(text)
    cues: list[Cue] = []
    for cue in found:
        if len(cues) >= MAX_CUES:
            raise BadRequestError(f"The subtitles have more than {MAX_CUES} cues.")
        if cue.start > MAX_CUE_START_SECONDS:
            raise BadRequestError(f"A cue begins after {MAX_CUE_START_SECONDS / 3_600:g} hours.")
        if cue.text:
            cues.append(cue)
    if not cues:
        raise BadRequestError(
            f"There is no cue in the subtitles that can be read as {kind}.",
            hint="Is it the right format? `input` names it: txt, srt, vtt or ass.",
        )
    # Python's sort is stable: what begins together stays as it was written.
    return sorted(cues, key=lambda cue: cue.start)


def _blocks(text: str) -> Iterator[Cue]:
    """Yield what SubRip and WebVTT have in common: a line with times, then text, then a gap."""
    lines = iter([*text.split("\n"), ""])
    for line in lines:
        if _VTT_BLOCK.match(line):
            for skipped in lines:
                if not skipped.strip():
                    break
            continue
        timing = _TIMING.match(line)
        if timing is None:
            continue  # a number, a name, a heading
        said = []
        for spoken in lines:
            if not spoken.strip():
                break
            said.append(spoken)
        start, end = _seconds(timing.groups()[:4]), _seconds(timing.groups()[4:])
        yield Cue(start, max(start, end), _strip_tags(" ".join(said)))


def _ass(text: str) -> Iterator[Cue]:
    """Yield the dialogue; comments and drawings are not said."""
    names = [name.strip().lower() for name in _ASS_FIELDS.split(",")]
    inside = False
    for line in text.split("\n"):
        key, colon, value = line.partition(":")
        key = key.strip().lower()
        if line.lstrip().startswith("["):
            inside = line.strip().lower() == "[events]"
        elif inside and colon and key == "format":
            names = [name.strip().lower() for name in value.split(",")]
        elif inside and colon and key == "dialogue":
            fields = dict(zip(names, value.split(",", len(names) - 1), strict=False))
            start = _ASS_TIME.match(fields.get("start", ""))
            end = _ASS_TIME.match(fields.get("end", ""))
            if start is None or end is None:
                continue
            said = _DRAWING.split(fields.get("text", ""))[0]
            said = re.sub(r"\\[Nnh]", " ", said)
            begins, ends = _seconds(start.groups()), _seconds(end.groups())
            yield Cue(begins, max(begins, ends), _strip_tags(said))


def _strip_tags(text: str) -> str:
    return " ".join(html.unescape(_TAG.sub("", text)).split())


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = (part or "0" for part in parts)
    part = int(fraction) / math.pow(10, len(fraction))
    return int(hours) * 3_600 + int(minutes) * 60 + int(seconds) + part

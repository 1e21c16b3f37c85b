"""Parses subtitles (SubRip, WebVTT, SubStation Alpha), and writes them and plain text.

Files in the wild break every rule, so the parser requires only times that it can read and text
behind them. Markup (`<i>`, `{\\an8}`) is removed, since cues are to be spoken; the speaker of `<v
Roger>` and of the field `Name` is kept.

Why no library reads them: docs/adr/0024-subtitles-and-language-tags-stay-our-own.md.
"""

import codecs
import html
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
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

_ENCODINGS_BY_MARK: Final = (
    # That of UTF-32 begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_ENCODINGS_BY_LANGUAGE: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("ru", "uk", "be", "bg", "mk", "sr"), ("cp1251", "koi8_r")),
    **dict.fromkeys(("cs", "sk", "pl", "hu", "ro", "hr", "sl", "bs", "sq"), ("cp1250",)),
    **dict.fromkeys(("et", "lt", "lv"), ("cp1257",)),
    "el": ("cp1253",),
    "tr": ("cp1254",),
    "he": ("cp1255",),
    **dict.fromkeys(("ar", "fa", "ur"), ("cp1256",)),
    "th": ("cp874",),
    "vi": ("cp1258",),
    "zh": ("gb18030", "big5"),
    "ja": ("cp932", "euc_jp"),
    "ko": ("cp949",),
}
"""How texts of a language were stored before UTF-8; those of other languages in Windows-1252."""

_NEED_A_LANGUAGE: Final = frozenset({"cp1250", "cp1254", "cp1257", "cp1258", "cp874"})
"""A short text does not tell these from Windows-1252 and from Chinese."""

_SAMPLE_BYTES: Final = 64 * 1024
"""Beginning of a file from which its encoding is detected."""

_TIME: Final = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[.,:](\d{1,3}))?"
_TIMING: Final = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}")
_ASS_TIME: Final = re.compile(rf"^\s*{_TIME}\s*$")
_VTT_BLOCK: Final = re.compile(r"^(?:NOTE|STYLE|REGION)\b")
_TAG: Final = re.compile(r"</?[a-zA-Z][^<>]{0,500}>|<\d[\d:.]{0,20}>|\{[^{}]{0,500}\}")
_DRAWING: Final = re.compile(r"\{[^{}]{0,200}\\p[1-9][^{}]{0,200}\}")
"""Switches an ASS text to drawing commands, which must not be spoken."""

_VTT_VOICE: Final = re.compile(r"<v(?:\.[^\s<>]{0,100})?\s+([^<>]{1,200})>")
"""The beginning of a voice span, such as `<v.loud Roger>`."""

_INVISIBLE: Final = dict.fromkeys(
    (0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF)
)
"""Spaces without width, directions of text, and byte order marks of files that were joined."""

_FORMAT_BY_SUFFIX: Final[Mapping[str, TextFormat]] = {
    "srt": "srt",
    "vtt": "vtt",
    "ass": "ass",
    "ssa": "ass",
}

_ASS_FIELDS: Final = "Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text"

_ASS_HEADER: Final = f"""[Script Info]
ScriptType: v4.00+
WrapStyle: 0
ScaledBorderAndShadow: yes

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Outline, Alignment, MarginL, MarginR, MarginV
Style: Default,Arial,16,&H00FFFFFF,1,2,10,10,10

[Events]
Format: {_ASS_FIELDS}
"""


@dataclass(frozen=True, slots=True)
class Cue:
    """A text and the time at which it is spoken."""

    start: float
    """Seconds from the beginning."""
    end: float
    text: str
    speaker: str = ""
    """Name of the speaker; empty if the subtitles do not tell."""


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
        if cue.speaker:
            text = f"<v {html.escape(_on_one_line(cue.speaker), quote=False)}>{text}"
        blocks.append(f"{_format_time(cue.start, '.')} --> {_format_time(cue.end, '.')}\n{text}\n")
    return "\n".join(blocks)


def write_ass(cues: Iterable[Cue]) -> str:
    """Return Advanced SubStation Alpha with one style; speakers are in the field `Name`."""
    events = [
        f"Dialogue: 0,{_format_ass_time(cue.start)},{_format_ass_time(cue.end)},Default,"
        f"{_on_one_line(cue.speaker).replace(',', ' ')},0,0,0,,{_escape_ass(cue.text)}\n"
        for cue in _with_text(cues)
    ]
    return _ASS_HEADER + "".join(events)


def write_plain_text(cues: Iterable[Cue]) -> str:
    """Return the texts alone, each on lines of its own, after the name of the speaker if known."""
    return "".join(
        f"{_on_one_line(cue.speaker)}: {_without_blank_lines(cue.text)}\n"
        if cue.speaker
        else f"{_without_blank_lines(cue.text)}\n"
        for cue in _with_text(cues)
    )


def decode_text(data: bytes, language: str | None = None) -> str:
    """Decode a file.

    1. By its byte order mark.
    2. As UTF-8.
    3. In the encodings of the language of the text, if it is known; of several, the likeliest.
    4. In the likeliest of all encodings: one of another script, or else Windows-1252.

    Line ends become `\n`. Raises BadRequestError for binary data.
    """
    if "\0" in (text := _decode(data, language)):
        raise BadRequestError("The file is not text.", hint="Send plain text, SRT, WebVTT or ASS.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decode(data: bytes, language: str | None) -> str:
    for mark, encoding in _ENCODINGS_BY_MARK:  # 1
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    try:
        return data.decode("utf-8-sig")  # 2
    except UnicodeDecodeError:
        pass
    if language:  # 3
        candidates: Sequence[str] = _ENCODINGS_BY_LANGUAGE.get(language.lower()[:2], ("cp1252",))
    else:  # 4
        every = {name for names in _ENCODINGS_BY_LANGUAGE.values() for name in names}
        candidates = ["cp1252", *sorted(every - _NEED_A_LANGUAGE)]
    likeliest = _likeliest(data, candidates) if len(candidates) > 1 else candidates[0]
    return data.decode(likeliest or "cp1252", "replace")


def _likeliest(data: bytes, encodings: Sequence[str]) -> str | None:
    """Return the encoding in which the text makes most sense; None if in none of them."""
    from charset_normalizer import from_bytes  # noqa: PLC0415  (few texts need it)

    match = from_bytes(data[:_SAMPLE_BYTES], cp_isolation=[*encodings]).best()
    return match.encoding if match is not None else None


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
    parse = {"ass": _parse_ass, "vtt": _parse_vtt}.get(text_format, _parse_srt)
    parsed = parse(text)
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


def _parse_srt(text: str) -> Iterator[Cue]:
    """Parse SubRip: the text of a cue lasts until the number and the times of the next one.

    Empty lines may be missing between two cues, and may be part of a text.
    """
    start = end = 0.0
    lines: list[str] | None = None
    for line in text.split("\n"):
        if (timing := _TIMING.match(line)) is None:
            if lines is not None:
                lines.append(line)
            continue
        if lines is not None:
            yield Cue(start, max(start, end), _strip_tags(" ".join(_without_number(lines))))
        start, end = _seconds(timing.groups()[:4]), _seconds(timing.groups()[4:])
        lines = []
    if lines is not None:
        rest = lines if _ends_within_text(lines) else _without_number(lines)
        yield Cue(start, max(start, end), _strip_tags(" ".join(rest)))


def _ends_within_text(lines: list[str]) -> bool:
    """Return whether the last line of a file is text: a number behind an empty line is none."""
    filled = [number for number, line in enumerate(lines) if line.strip()]
    return len(filled) < 2 or filled[-1] - filled[-2] == 1


def _without_number(lines: list[str]) -> list[str]:
    """Return the lines of a text without the number of the cue that follows it."""
    last = len(lines)
    while last and not lines[last - 1].strip():
        last -= 1
    number = lines[last - 1].translate(_INVISIBLE).strip() if last else ""
    return lines[: last - 1] if number.isdecimal() else lines


def _parse_vtt(text: str) -> Iterator[Cue]:
    """Parse WebVTT: a line with times, lines of text, and an empty line or the next times."""
    start = end = 0.0
    lines: list[str] | None = None
    in_block = False
    for line in [*text.split("\n"), ""]:
        timing = None if in_block else _TIMING.match(line)
        ends = timing is not None or not line.strip()
        if ends and lines is not None:
            content = " ".join(lines)
            yield Cue(start, max(start, end), _strip_tags(content), _vtt_speaker(content))
            lines = None
        if timing is not None:
            start, end = _seconds(timing.groups()[:4]), _seconds(timing.groups()[4:])
            lines = []
        elif ends:
            in_block = False
        elif lines is not None:
            lines.append(line)
        else:
            # A comment, styles, or the identifier of the cue that follows.
            in_block = in_block or _VTT_BLOCK.match(line) is not None


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
            speaker = (fields.get("name") or fields.get("actor") or "").strip()
            yield Cue(start_seconds, max(start_seconds, end_seconds), _strip_tags(spoken), speaker)


def _vtt_speaker(content: str) -> str:
    """Return the speaker of the first voice span of a cue."""
    span = _VTT_VOICE.search(content)
    return "" if span is None else " ".join(unescape_entities(span[1]).split())


def _strip_tags(text: str) -> str:
    return " ".join(unescape_entities(_TAG.sub("", text)).translate(_INVISIBLE).split())


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = (part or "0" for part in parts)
    whole = int(hours) * 3_600 + int(minutes) * 60 + int(seconds)
    return whole + int(fraction) / math.pow(10, len(fraction))


def _with_text(cues: Iterable[Cue]) -> list[Cue]:
    return [cue for cue in cues if cue.text.strip()]


def _without_blank_lines(text: str) -> str:
    # A blank line would end the block.
    return "\n".join(line.strip() for line in text.strip().splitlines() if line.strip())


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def _escape_ass(text: str) -> str:
    """Return a text with line breaks as ASS writes them; braces would begin an override."""
    lines = _without_blank_lines(text).replace("{", "(").replace("}", ")")
    return lines.replace("\n", "\\N")


def _format_ass_time(seconds: float) -> str:
    hundredths = round(max(0.0, seconds) * 100)
    minutes, rest = divmod(hundredths, 6_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest // 100:02}.{rest % 100:02}"


def _format_time(seconds: float, point: str) -> str:
    milliseconds = round(max(0.0, seconds) * 1_000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1_000:02}{point}{rest % 1_000:03}"

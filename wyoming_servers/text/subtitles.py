"""Timed texts as subtitles (SubRip, WebVTT) and as plain text."""

from collections.abc import Iterable
from dataclasses import dataclass


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
        f"{number}\n{_format_time(cue.start, ',')} --> {_format_time(cue.end, ',')}\n{_without_blank_lines(cue.text)}\n"
        for number, cue in enumerate(_with_text(cues), 1)
    ]
    return "\n".join(blocks)


def write_vtt(cues: Iterable[Cue]) -> str:
    """Return WebVTT; `&`, `<` and `>` are markup there and are escaped."""
    blocks = ["WEBVTT\n"]
    for cue in _with_text(cues):
        text = _without_blank_lines(cue.text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
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

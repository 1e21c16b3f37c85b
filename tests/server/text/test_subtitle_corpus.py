"""Subtitles with the faults of files in the test suites of well-known programs.

The files themselves (of pysrt, webvtt-py, pysubs2, Subtitle Edit and libass) are not copied: each
line here makes a file that breaks a rule as some of them do.
"""

import codecs
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import pytest

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.text.subtitles import Cue, decode_text, detect_text_format, parse_cues

CUES: Final = [
    Cue(1.5, 2.5, "Hello there."),
    Cue(3.25, 4.0, "It's café time, at 5."),
    Cue(5.0, 6.75, "Goodbye."),
]

SRT: Final = """\
1
00:00:01,500 --> 00:00:02,500
Hello there.

2
00:00:03,250 --> 00:00:04,000
It's café time, at 5.

3
00:00:05,000 --> 00:00:06,750
Goodbye.
"""
VTT: Final = "WEBVTT\n\n" + re.sub(r"(?m)^\d\n", "", SRT.replace(",2", ".2").replace(",5", ".5")
    .replace(",0", ".0").replace(",7", ".7"))  # fmt: skip
ASS: Final = """\
[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,20

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:01.50,0:00:02.50,Default,,0,0,0,,Hello there.
Dialogue: 0,0:00:03.25,0:00:04.00,Default,,0,0,0,,It's café time, at 5.
Dialogue: 0,0:00:05.00,0:00:06.75,Default,,0,0,0,,Goodbye.
"""

Fault = Callable[[str], str | bytes]


def sub(pattern: str, new: str, count: int = 0) -> Fault:
    return lambda text: re.sub(pattern, new, text, count=count, flags=re.MULTILINE)


def encoded(encoding: str, mark: bytes = b"") -> Fault:
    return lambda text: mark + text.encode(encoding)


def blocks(change: Callable[[list[str]], list[str]], glue: str = "\n\n") -> Fault:
    return lambda text: glue.join(change(text.strip().split("\n\n"))) + "\n"


ENCODINGS: Final[Mapping[str, Fault]] = {
    "Windows line ends": sub("\n", "\r\n"),
    "old Mac line ends": sub("\n", "\r"),
    "mixed line ends": sub("\n\n", "\r\n\n"),
    "UTF-8 with mark": encoded("utf-8", codecs.BOM_UTF8),
    "UTF-16 little endian": encoded("utf-16-le", codecs.BOM_UTF16_LE),
    "UTF-16 big endian": encoded("utf-16-be", codecs.BOM_UTF16_BE),
    "UTF-32 little endian": encoded("utf-32-le", codecs.BOM_UTF32_LE),
    "UTF-32 big endian": encoded("utf-32-be", codecs.BOM_UTF32_BE),
    "Windows-1252": encoded("cp1252"),
    "no line end at the end": lambda text: text.rstrip("\n"),
    "many lines at the end": lambda text: text + "\n\n \n\n",
}
"""Faults that files of all formats have."""

SRT_FAULTS: Final[Mapping[str, Fault]] = {
    "no empty lines between cues": sub("\n\n", "\n"),
    "three empty lines between cues": sub("\n\n", "\n\n\n\n"),
    "empty lines with spaces": sub("^$", "  "),
    "empty lines at the beginning": lambda text: "\n\n\n" + text,
    "a title before the first cue": lambda text: "A film, subtitled by me\n\n" + text,
    "points as in WebVTT": sub(r"(:\d\d),", r"\1."),
    "colons before milliseconds": sub(r"(:\d\d),", r"\1:"),
    "hours of one digit": sub("^00:", "0:"),
    "hours of three digits": sub("^00:", "000:"),
    "no hours": sub(r"00:(00:\d\d,)", r"\1"),
    "trailing zeros left out": sub("(,[0-9]*?[1-9]?)0+( |$)", r"\g<1>0\2"),
    "spaces after commas of times": sub(r",(\d{3})$", r",\1   "),
    "no spaces around arrows": sub(" --> ", "-->"),
    "tabs around arrows": sub(" --> ", "\t-->\t"),
    "spaces before times": sub("^00:", "  00:"),
    "coordinates behind times": sub(r"(-->.*)$", r"\1 X1:040 X2:600 Y1:020 Y2:050"),
    "alignment behind times": sub(r"(-->.*)$", r"\1 align:middle line:84%"),
    "no numbers": sub(r"^\d\n", ""),
    "numbers from zero": lambda text: re.sub(
        r"(?m)^(\d)$", lambda found: str(int(found[1]) - 1), text
    ),
    "all numbers the same": sub(r"^\d$", "7"),
    "numbers with leading zeros": sub(r"^(\d)$", r"000\1"),
    "numbers with spaces": sub(r"^(\d)$", r" \1 "),
    "cues in reverse": blocks(lambda cues: cues[::-1]),
    "a cue without text": blocks(lambda cues: [*cues, "4\n00:00:07,000 --> 00:00:08,000"]),
    "a cue of spaces": blocks(lambda cues: [*cues, "4\n00:00:07,000 --> 00:00:08,000\n  \n"]),
    "a number without a cue": blocks(lambda cues: [*cues, "4"]),
    "an empty first line of text": sub(r"(-->.*)$", r"\1\n"),
    "spaces around text": sub(r"^(Hello.*)$", r"   \1  "),
    "italic": sub(r"^(Hello.*)$", r"<i>\1</i>"),
    "tags in capitals": sub(r"^(Hello.*)$", r"<I><B>\1</B></I>"),
    "a font": sub(r"^(Hello.*)$", r'<font color="#ff00ff" size=12>\1</font>'),
    "a tag that is never closed": sub(r"^(Hello.*)$", r"<i>\1"),
    "a closing tag alone": sub(r"^(Hello.*)$", r"\1</i>"),
    "an override of ASS": sub(r"^(Hello.*)$", r"{\\an8}\1"),
    "tags of MicroDVD": sub(r"^(Hello.*)$", r"{y:i}\1"),
    "entities": sub("It's", "It&#39;s"),
    "named entities": sub("It's caf", "It&apos;s caf"),
    "no-break spaces": sub("Hello there", "Hello\u00a0there"),
    "text on two lines": sub("Hello there", "Hello\nthere"),
    "a byte order mark in the middle": blocks(lambda cues: [*cues[:2], "\ufeff" + cues[2]]),
}

VTT_FAULTS: Final[Mapping[str, Fault]] = {
    "a title": sub("^WEBVTT$", "WEBVTT - My film"),
    "a language in the header": sub("^WEBVTT$", "WEBVTT\nKind: captions\nLanguage: en"),
    "a time map in the header": sub(
        "^WEBVTT$", "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000"
    ),
    "no empty line after the header": sub("^WEBVTT\n\n", "WEBVTT\n"),
    "no header": sub("^WEBVTT\n\n", ""),
    "a tab behind the header": sub("^WEBVTT$", "WEBVTT\tx"),
    "no empty lines between cues": lambda text: text[:8] + re.sub("\n\n", "\n", text[8:]),
    "names of cues": sub("^(00:.*-->)", r"intro - 1\n\1"),
    "a note": blocks(lambda cues: [*cues[:2], "NOTE only for us", *cues[2:]]),
    "a note of several lines": blocks(
        lambda cues: [*cues[:2], "NOTE\nonly for us\n00:00:02.600 or later", *cues[2:]]
    ),
    "styles": blocks(lambda cues: [cues[0], "STYLE\n::cue(b) {\n  color: red\n}", *cues[1:]]),
    "regions": blocks(lambda cues: [cues[0], "REGION\nid:fred\nwidth:40%", *cues[1:]]),
    "settings of cues": sub(r"(-->.*)$", r"\1 align:start position:0% line:-3 size:80%"),
    "no hours": sub(r"00:(00:\d\d\.)", r"\1"),
    "commas as in SubRip": sub(r"(:\d\d)\.", r"\1,"),
    "a voice": sub(r"^(Hello.*)$", r"<v.loud Roger Bingham>\1"),
    "classes": sub("Hello", "<c.yellow.bg_blue>Hello</c>"),
    "times within text": sub("Hello there", "Hello<00:00:02.000><c> there</c>"),
    "a language within text": sub("Hello", "<lang en-GB>Hello</lang>"),
    "entities of directions": sub("Hello", "&lrm;Hello"),
    "entities of spaces": sub("Hello there", "Hello&nbsp;there"),
    "a cue without text": blocks(lambda cues: [*cues, "00:00:07.000 --> 00:00:08.000"]),
    "hours of four digits": sub("^00:", "0000:"),
}

ASS_FAULTS: Final[Mapping[str, Fault]] = {
    "SSA": lambda text: text.replace("v4.00+", "v4.00").replace("V4+", "V4").replace(
        "Dialogue: 0,", "Dialogue: Marked=0,").replace("Format: Layer", "Format: Marked"),
    "no line of formats": sub("^Format: Layer.*\n", ""),
    "another order of fields": lambda text: re.sub(
        r"(?m)^Dialogue: (\d),([^,]*),([^,]*),", r"Dialogue: \3,\2,\1,", text
    ).replace("Layer, Start, End", "End, Start, Layer"),
    "lower case": lambda text: text.replace("[Events]", "[events]").replace("Dialogue", "dialogue"),
    "no spaces": sub("^(Dialogue|Format): ", r"\1:"),
    "line breaks": sub("Hello there", r"Hello\\Nthere"),
    "soft line breaks and hard spaces": sub("It's café", r"It's\\ncafé\\h"),
    "overrides": sub("Hello", r"{\\b1\\i1\\pos(10,20)}Hello{\\r}"),
    "karaoke": sub("Hello there", r"{\\k20}Hel{\\k30}lo{\\kf50} there"),
    "comments": sub("^(Dialogue.*Hello.*)$", r"\1\nComment: 0,0:00:02.60,0:00:03.00,,,0,0,0,,no"),
    "drawings": sub(
        "^(Dialogue.*Hello.*)$", r"\1\nDialogue: 0,0:00:02.60,0:00:03.00,,,0,0,0,,{\\p1}m 0 0 l 9 9"
    ),
    "fonts behind the events": lambda text: text + "\n[Fonts]\nfontname: a.ttf\n!1#$%&'()*+\n",
}  # fmt: skip

FILES: Final = [
    (kind, name, fault)
    for kind, faults in (
        ("srt", ENCODINGS | SRT_FAULTS), ("vtt", ENCODINGS | VTT_FAULTS), ("ass", ASS_FAULTS)
    )
    for name, fault in faults.items()
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name", "fault"), FILES, ids=[f"{k}: {n}" for k, n, _ in FILES])
def test_file_is_read_as_it_was_meant(kind: str, name: str, fault: Fault) -> None:
    text = {"srt": SRT, "vtt": VTT, "ass": ASS}[kind]
    broken = fault(text)
    assert broken != text
    data = broken if isinstance(broken, bytes) else broken.encode()
    decoded = decode_text(data, "en")
    assert detect_text_format(decoded, f"film.{kind}") in (kind, "srt")
    cues = parse_cues(decoded, kind)  # type: ignore[arg-type]
    assert [replace(cue, speaker="") for cue in cues] == CUES


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "srt"),
        ("WEBVTT", "vtt"),
        ("1\n00:00:01,000 -> 00:00:02,000\nHello.", "srt"),
        ("1\n00:00:01,000 --> later\nHello.", "srt"),
        ("{25}{50}Hello.", "srt"),
        ("[Events]\nDialogue: 0,soon,later,Default,,0,0,0,,Hello.", "ass"),
        ("<tt><body><p begin='1s'>Hello.</p></body></tt>", "vtt"),
    ],
)
def test_file_without_times_is_refused(text: str, kind: str) -> None:
    with pytest.raises(BadRequestError):
        parse_cues(decode_text(text.encode()), kind)  # type: ignore[arg-type]


def test_end_before_the_start_is_no_negative_length() -> None:
    reversed_times = SRT.replace("00:00:02,500", "00:00:00,500")
    assert parse_cues(reversed_times, "srt")[0] == Cue(1.5, 1.5, "Hello there.")

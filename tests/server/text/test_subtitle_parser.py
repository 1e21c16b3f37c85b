"""Subtitles as found in the wild."""

import pytest

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.text.subtitles import (
    MAX_CUES,
    Cue,
    decode_text,
    detect_text_format,
    parse_cues,
    write_srt,
    write_vtt,
)

SRT = """1
00:00:01,000 --> 00:00:02,500
<i>Hello</i> there,
how are you?

2
00:01:00,5 --> 00:01:02,000 X1:1 X2:2
{\\an8}Fine &amp; well.

3
00:02:00,000 --> 00:02:01,000

4
00:02:03,000 --> 00:02:04,000
Bye.
"""

VTT = """WEBVTT - a title
Kind: captions

STYLE
::cue { color: red }

NOTE
00:00:09.000 --> 00:00:10.000
is only a note

intro
00:01.000 --> 00:02.250 align:start position:10%
<v Roger>Live <c.loud>now</c> <00:01.500>!

1:00:00.000 --> 1:00:01.000
a &lt; b
"""

ASS = """[Script Info]
; Dialogue: 0,0:00:00.00,0:00:01.00,not here
[V4+ Styles]
Format: Name, Fontname
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Comment: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,not said
Dialogue: 0,0:00:05.50,0:00:06.00,Default,,0,0,0,,Second\\Nline, with a comma
Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\b1}First{\\b0}
Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,{\\p1}m 0 0 l 1 1{\\p0}
Dialogue: 0,soon,later,Default,,0,0,0,,No times
"""


def test_subrip_is_parsed_without_markup() -> None:
    assert parse_cues(SRT, "srt") == [
        Cue(1.0, 2.5, "Hello there, how are you?"),
        Cue(60.5, 62.0, "Fine & well."),
        Cue(123.0, 124.0, "Bye."),
    ]


def test_webvtt_is_parsed_with_speakers_and_without_notes_and_styles() -> None:
    assert parse_cues(VTT, "vtt") == [
        Cue(1.0, 2.25, "Live now !", "Roger"),
        Cue(3_600.0, 3_601.0, "a < b"),
    ]


def test_ass_is_parsed_in_order_of_time_without_comments_and_drawings() -> None:
    assert parse_cues(ASS, "ass") == [
        Cue(1.0, 2.0, "First"),
        Cue(5.5, 6.0, "Second line, with a comma"),
    ]


def test_written_subtitles_can_be_parsed() -> None:
    cues = [Cue(0.0, 1.5, "Hello."), Cue(3_661.001, 3_663.0, "a < b & c")]
    assert parse_cues(write_srt(cues), "srt") == cues
    assert parse_cues(write_vtt(cues), "vtt") == cues


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        (SRT, "x.txt", "srt"),
        (VTT, "", "vtt"),
        (ASS, "", "ass"),
        ("A book. It has 00:00:01,000 --> in it.", "book.txt", "txt"),
        ("strange", "x.SSA", "ass"),
        ("strange", "x.srt", "srt"),
        ("strange", "", "txt"),
    ],
)
def test_format_is_detected(text: str, name: str, kind: str) -> None:
    assert detect_text_format(text, name) == kind


@pytest.mark.parametrize(
    "data",
    [
        "Größe\r\n5 €\rx".encode(),
        "\ufeffGröße\n5 €\nx".encode(),
        "Größe\n5 €\nx".encode("utf-16"),
        "Größe\n5 €\nx".encode("cp1252"),
    ],
)
def test_text_is_decoded_from_common_encodings(data: bytes) -> None:
    assert decode_text(data) == "Größe\n5 €\nx"


SENTENCES = {
    "ru": ("cp1251", "После смерти моего отца я уехал из города. Никто не знал, куда я иду."),
    "bg": ("koi8_r", "После смерти моего отца я уехал из города. Никто не знал, куда я иду."),
    "cs": ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy. Když jsem přišel, všichni spali."),
    "pl": ("cp1250", "Zażółć gęślą jaźń, proszę pana. Nie wiem, dokąd poszła moja siostra."),
    "fr": ("cp1252", "L'été dernier, nous étions à la mer. Où es-tu allé après ça ?"),
    "el": ("cp1253", "Μετά τον θάνατο του πατέρα μου έφυγα από την πόλη."),
    "tr": ("cp1254", "Babam öldükten sonra şehirden ayrıldım. Nereye gittiğimi kimse bilmiyordu."),
    "he": ("cp1255", "אחרי מות אבי עזבתי את העיר. איש לא ידע לאן אני הולך."),
    "zh": ("gb18030", "我父亲去世以后，我离开了这座城市。没有人知道我要去哪里。"),
    "zh-TW": ("big5", "我父親去世以後，我離開了這座城市。沒有人知道我要去哪裡。"),
    "ja": ("shift_jis", "父が亡くなった後、私は町を出ました。誰も私の行き先を知りませんでした。"),
    "ko": ("euc_kr", "아버지가 돌아가신 후 나는 도시를 떠났다. 아무도 내가 어디로 가는지 몰랐다."),
}


@pytest.mark.parametrize("language", SENTENCES)
def test_old_encoding_is_found_with_the_language_of_the_text(language: str) -> None:
    encoding, text = SENTENCES[language]
    file = f"1\n00:00:01,000 --> 00:00:03,000\n{text}\n"
    assert decode_text(file.encode(encoding), language) == file


@pytest.mark.parametrize("language", ["ru", "el", "zh", "zh-TW", "ja", "ko"])
def test_old_encoding_of_another_script_is_found_by_the_text_alone(language: str) -> None:
    encoding, text = SENTENCES[language]
    assert decode_text(text.encode(encoding)) == text


def test_text_with_a_byte_order_mark_of_utf_32_is_decoded() -> None:
    assert decode_text("Größe".encode("utf-32")) == "Größe"


FAULTY_SRT = """1
00:00:01 --> 00:00:02
No fraction,
and no empty line.
2
00:00:03:500 --> 00:00:04:000

The first line is empty.

3
00:00:05,000 --> 00:00:06,000
An empty line

is part of the text.

4
00:00:07,000 --> 00:00:08,000
5
00:00:09,000 --> 00:00:10,000
In the year
1984
"""


def test_subrip_with_common_faults_is_parsed() -> None:
    assert parse_cues(FAULTY_SRT, "srt") == [
        Cue(1.0, 2.0, "No fraction, and no empty line."),
        Cue(3.5, 4.0, "The first line is empty."),
        Cue(5.0, 6.0, "An empty line is part of the text."),
        Cue(9.0, 10.0, "In the year 1984"),
    ]


def test_webvtt_cue_ends_at_the_times_of_the_next_one() -> None:
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\nHello.\n00:02.000 --> 00:03.000\nBye.\n\nNOTE x\ny\n"
    assert parse_cues(text, "vtt") == [Cue(1.0, 2.0, "Hello."), Cue(2.0, 3.0, "Bye.")]


def test_binary_data_is_rejected() -> None:
    with pytest.raises(BadRequestError, match="not text"):
        decode_text(b"RIFF\x00\x00\x00")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no cue"),
        ("1\n00:00 -> 00:01\nx\n", "no cue"),
        ("1\n99:00:00,000 --> 99:00:01,000\nx\n", "after 24 hours"),
        ("00:00:01.0 --> 00:00:02.0\nx\n\n" * (MAX_CUES + 1), "more than"),
    ],
)
def test_unusable_subtitles_are_rejected(text: str, message: str) -> None:
    with pytest.raises(BadRequestError, match=message):
        parse_cues(text, "srt")


def test_cue_that_ends_before_its_start_has_no_duration() -> None:
    assert parse_cues("00:00:05.000 --> 00:00:01.000\nx", "srt") == [Cue(5.0, 5.0, "x")]

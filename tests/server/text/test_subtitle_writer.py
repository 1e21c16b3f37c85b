"""Subtitles as they are written."""

from wyoming_servers.text.subtitles import Cue, write_plain_text, write_srt, write_vtt

CUES = [Cue(0.0, 1.5, " Hello. "), Cue(2.0, 2.5, ""), Cue(3_661.0005, 3_662.9996, "a < b\n\n & c")]


def test_srt_has_numbers_and_a_comma_before_the_milliseconds() -> None:
    assert write_srt(CUES) == (
        "1\n00:00:00,000 --> 00:00:01,500\nHello.\n\n2\n01:01:01,000 --> 01:01:03,000\na < b\n& c\n"
    )


def test_vtt_escapes_markup() -> None:
    assert write_vtt(CUES) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nHello.\n"
        "\n01:01:01.000 --> 01:01:03.000\na &lt; b\n&amp; c\n"
    )


def test_plain_text_has_one_line_per_cue() -> None:
    assert write_plain_text(CUES) == "Hello.\na < b\n& c\n"


def test_no_cues_make_an_empty_file() -> None:
    assert (write_srt([]), write_vtt([]), write_plain_text([])) == ("", "WEBVTT\n", "")

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wyoming_servers.text.normalize.normalizer import strip_markup
from wyoming_servers.text.segment import is_speakable


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("**The light** is *on*, `kitchen`.", "The light is on, kitchen."),
        ("See [the manual](https://example.org/a_b) now", "See the manual now"),
        ("![a chart](x.png)", "a chart"),
        ("# Title\n\n- milk\n* eggs\n> said\n---", "Title milk eggs said"),
        ("```python\nx = 1\n```", "x = 1"),
        ("Done 👍🏽 👨‍👩‍👧 1️⃣", "Done 1"),
        ("<speak>Wait<break time='1s'/> here</speak>", "Wait here"),
        ("salt &amp; pepper", "salt & pepper"),
        ("**half of a pair", "half of a pair"),
        ("a\x00b\tc\u200bd\ufeff", "a bcd".replace("bc", "b c")),
        ("broken \ud800 half", "broken half"),
    ],
)
def test_markup_is_removed(written: str, read: str) -> None:
    assert strip_markup(written) == read


@pytest.mark.parametrize(
    "text",
    [
        "It is 21.5 °C, 20 % and 3 € at 10:30.",
        "snake_case stays",
        "a < b and <unknown> stay",
        "5 * 3",
        "AT&T and a?b=1&copy=2",
        "क्‍ष",
        "cafe\u0301",
    ],
)
def test_speakable_text_is_not_changed(text: str) -> None:
    assert strip_markup(text) == text


def test_multiplication_is_not_emphasis() -> None:
    assert strip_markup("2*3*4") == "2×3×4"


@given(st.text())
def test_stripped_text_is_one_clean_line(text: str) -> None:
    read = strip_markup(text)
    assert read == " ".join(read.split())
    read.encode("utf-8")


def test_punctuation_alone_is_not_speakable() -> None:
    assert not is_speakable(" … — !?")
    assert is_speakable("7")
    assert is_speakable("ja.")

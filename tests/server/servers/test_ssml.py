import pytest

from wyoming_servers.errors import BadRequestError
from wyoming_servers.servers.ssml import SsmlText


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("<speak>Hello <b>there</b>.</speak>", "Hello there."),
        ("Fish &amp; chips &lt;3 &#8364;5", "Fish & chips <3 €5"),
        ("no markup at all", "no markup at all"),
        ('One<break time="500ms"/>two', "One two"),
        ("<s>One</s><s>Two</s>", "One Two"),
        ("<?xml version='1.0'?><!-- note --><speak>Hi</speak>", "Hi"),
        ("broken <emphasis level=", "broken"),
        ("2 < 3", "2 < 3"),
        ("", ""),
    ],
)
@pytest.mark.parametrize("step", [1, 5, 1_000])
def test_markup_is_dropped_and_its_text_kept(markup: str, words: str, step: int) -> None:
    parser = SsmlText(1_000)
    pieces = [parser.text(markup[at : at + step]) for at in range(0, len(markup), step)]
    text = "".join([*pieces, parser.text("", complete=True)])
    assert text.split()[: len(words.split())] == words.split()


def test_paragraphs_end_what_is_said() -> None:
    parser = SsmlText(100)
    assert parser.text("<p>One</p><p>Two</p>", complete=True) == "One\n\nTwo\n\n"


def test_more_markup_than_the_limit_is_refused() -> None:
    parser = SsmlText(10)
    parser.text("<speak>")
    with pytest.raises(BadRequestError):
        parser.text("1234")

import pytest

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.text.ssml import Break, ProsodyRate, SpeakText, SsmlEvent, SsmlParser


def spoken(parts: list[list[SsmlEvent]]) -> str:
    """Return the text; a break is white space."""
    events = [event for part in parts for event in part]
    return "".join(event.text if isinstance(event, SpeakText) else " " for event in events)


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
def test_unknown_markup_is_dropped_and_its_text_kept(markup: str, words: str, step: int) -> None:
    parser = SsmlParser(1_000)
    parts = [parser.events(markup[at : at + step]) for at in range(0, len(markup), step)]
    text = spoken([*parts, parser.events("", complete=True)])
    assert text.split()[: len(words.split())] == words.split()


def test_paragraph_ends_a_sentence() -> None:
    parser = SsmlParser(100)
    events = parser.events("<p>One</p><p>Two</p>", complete=True)
    assert events == [SpeakText("One\n\nTwo\n\n")]


def test_markup_beyond_the_limit_is_rejected() -> None:
    parser = SsmlParser(10)
    parser.events("<speak>")
    with pytest.raises(BadRequestError):
        parser.events("1234")


@pytest.mark.parametrize(
    ("markup", "events"),
    [
        ('a<break time="500ms"/>b', [SpeakText("a"), Break(0.5), SpeakText("b")]),
        ('a<break time="90s"/>', [SpeakText("a"), Break(10.0)]),
        ("a<break/>", [SpeakText("a"), Break(0.4)]),
        ('a<break strength="strong"/>', [SpeakText("a"), Break(0.7)]),
        (
            '<prosody rate="slow">a</prosody>b',
            [ProsodyRate(0.75), SpeakText("a"), ProsodyRate(1.0), SpeakText("b")],
        ),
        ('<prosody rate="+50%">a', [ProsodyRate(1.5), SpeakText("a")]),
        (
            '<prosody rate="80%"><prosody rate="50%">a',
            [ProsodyRate(0.8), ProsodyRate(0.4), SpeakText("a")],
        ),
        ('<prosody rate="wrong" pitch="high">a', [ProsodyRate(1.0), SpeakText("a")]),
        ('<sub alias="World Wide Web">WWW</sub>!', [SpeakText("World Wide Web!")]),
        ('<phoneme alphabet="ipa" ph="həlˈoʊ">hi</phoneme>', [SpeakText("[[həlˈoʊ]]")]),
        ('<phoneme alphabet="x-sampa" ph="h@">hi</phoneme>', [SpeakText("hi")]),
        ('<say-as interpret-as="characters">AB1</say-as>', [SpeakText("A B 1")]),
        ('<say-as interpret-as="date">1/2/2026</say-as>', [SpeakText("1/2/2026")]),
        ("<unknown>a</unknown>", [SpeakText("a")]),
    ],
)
def test_supported_elements_become_events(markup: str, events: list[SsmlEvent]) -> None:
    assert SsmlParser(1_000).events(markup, complete=True) == events

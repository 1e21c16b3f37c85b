from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.text.ssml import (
    MAX_TAG_CHARACTERS,
    Break,
    ProsodyRate,
    SpeakText,
    SsmlEvent,
    SsmlParser,
    unescape_entities,
)


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


@pytest.mark.parametrize(
    ("markup", "events"),
    [
        ("<![CDATA[a < b & <c>]]>d", [SpeakText("a < b & <c>d")]),
        ("a<!-- <b> --- -->c", [SpeakText("ac")]),
        ("a<!-- never closed", [SpeakText("a")]),
        ("<sub alias='a > \"b\"'>c</sub>", [SpeakText('a > "b"')]),
        ('<SUB Alias="x &amp; y"/>c', [SpeakText("x & yc")]),
        ("1 <2 and a <b or c", [SpeakText("1 <2 and a <b or c")]),
        ("a <b <break/>c", [SpeakText("a <b "), Break(0.4), SpeakText("c")]),
        ("</3 </", [SpeakText("</3 </")]),
        ('<prosody rate="nan">a', [ProsodyRate(1.0), SpeakText("a")]),
        ('<prosody rate="inf">a', [ProsodyRate(1.0), SpeakText("a")]),
        ("AT&T; R&D &copy; &#9731;", [SpeakText("AT&T; R&D © ☃")]),
    ],
)
@pytest.mark.parametrize("step", [1, 1_000])
def test_markup_is_read_as_xml(markup: str, events: list[SsmlEvent], step: int) -> None:
    assert parse(markup, step) == events


def test_long_tag_is_text() -> None:
    tag = f"<b {'a' * MAX_TAG_CHARACTERS}>"
    assert parse(tag, 1) == parse(tag, 7) == parse(tag, 9_999) == [SpeakText(tag)]


def test_entity_with_thousands_of_digits_is_text() -> None:
    entity = f"&#{'9' * 5_000};"
    assert unescape_entities(entity) == entity


def parse(markup: str, step: int, parser: SsmlParser | None = None) -> list[SsmlEvent]:
    """Return the events of markup that arrives in parts of `step` characters; text is joined."""
    parser = parser or SsmlParser(1_000_000)
    events = [
        event
        for at in range(0, len(markup), step)
        for event in parser.events(markup[at : at + step])
    ]
    events += parser.events("", complete=True)
    joined: list[SsmlEvent] = []
    for is_text, group in groupby(events, lambda event: isinstance(event, SpeakText)):
        if is_text:
            texts = [event.text for event in group if isinstance(event, SpeakText)]
            joined.append(SpeakText("".join(texts)))
        else:
            joined += group
    return joined


PIECES = [
    *"<>/!?-[]\"'=&;# ab1\n",
    *("<a ", "<break/>", "<!--", "-->", "<![CDATA[", "]]>", "&amp;", "&#1", "</p>", "<?xml "),
    *('<prosody rate="fast">', "</prosody>", "<say-as interpret-as='digits'>", "</say-as>"),
    *('<sub alias="', "<sub alias='x'>", "</sub>", "<phoneme ph='"),
]
"""Every character with a meaning, and the beginning of every construct."""


@given(st.lists(st.sampled_from(PIECES), max_size=40), st.integers(1, 12))
def test_events_do_not_depend_on_how_the_markup_arrives(pieces: list[str], step: int) -> None:
    markup = "".join(pieces)
    assert parse(markup, step) == parse(markup, 1_000_000)


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("step", [1, 1_000_000])
def test_work_grows_with_the_markup_and_no_faster(piece: str, step: int) -> None:
    def steps(count: int) -> int:
        parser = SsmlParser(1_000_000)
        parse(f"x{piece * count}", step, parser)
        return parser.steps

    assert steps(2_000) < 3 * steps(1_000)
    assert steps(2_000) <= 2 * (len(piece) * 2_000 + 1)

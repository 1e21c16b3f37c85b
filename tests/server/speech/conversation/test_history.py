"""What a conversation remembers."""

import pytest

from wyoming_servers.core.errors import BadRequestError, NotFoundError
from wyoming_servers.speech.conversation.history import History, Item, played_text
from wyoming_servers.speech.tts.synthesis import SpokenSegment

TEXT = "One two three four. Five six seven eight."
SEGMENTS = [
    SpokenSegment("One two three four.", 0, 2),
    SpokenSegment("Five six seven eight.", 2.2, 4.2),
]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, ""),
        (0.9, "One two"),
        (2.1, "One two three four."),
        (3.2, "One two three four. Five six"),
        (9, TEXT),
    ],
)
def test_played_text_follows_the_position_in_the_audio(seconds: float, text: str) -> None:
    assert played_text(TEXT, SEGMENTS, seconds) == text


def test_played_text_estimates_a_segment_whose_audio_is_not_complete() -> None:
    assert played_text(TEXT, SEGMENTS[:1], 2.7) == "One two three four. Five six"
    assert played_text(TEXT, [], 0.5) == "One two"


def test_truncation_may_be_corrected_by_the_client() -> None:
    answer = Item("a", role="assistant", text=TEXT, whole_text=TEXT, is_audio=True)
    answer.segments = SEGMENTS
    history = History([answer])
    assert history.truncate("a", 0.9).text == "One two"
    assert history.truncate("a", 3.2).text == "One two three four. Five six"
    assert history.messages("")[-1]["content"] == "One two three four. Five six"


def test_only_spoken_answers_can_be_truncated() -> None:
    history = History([Item("a", role="user", text="Hello", is_audio=True)])
    with pytest.raises(BadRequestError):
        history.truncate("a", 1)
    with pytest.raises(NotFoundError):
        history.truncate("b", 1)


def test_items_are_added_behind_others() -> None:
    history = History()
    assert history.add(Item("a")) is None
    assert history.add(Item("c")) == "a"
    assert history.add(Item("b"), after="a") == "a"
    assert history.add(Item("first"), after="root") is None
    assert [item.id for item in history] == ["first", "a", "b", "c"]
    with pytest.raises(BadRequestError):
        history.add(Item("a"))


def test_oldest_items_are_dropped_with_the_outputs_of_their_calls() -> None:
    history = History(
        [
            Item("question", text="x" * 100),
            Item("call", kind="function_call", call_id="1", name="f", arguments="{}"),
            Item("output", kind="function_call_output", call_id="1", output="y" * 40),
            Item("answer", role="assistant", text="z" * 40),
        ]
    )
    assert [item.id for item in history.drop_oldest(100)] == ["question"]
    assert [item.id for item in history.drop_oldest(60)] == ["call", "output"]
    assert history.drop_oldest(1) == []


def test_messages_have_instructions_summary_and_functions() -> None:
    history = History(
        [
            Item("u", text="Light on", speaker="Ada"),
            Item("call", kind="function_call", call_id="1", name="light", arguments="{}"),
            Item("out", kind="function_call_output", call_id="1", output="ok"),
            Item("silent", role="assistant", text=""),
        ],
        summary="They met.",
    )
    system, user, call, output = history.messages("Be kind.")
    assert system["content"].split("\n\n") == [
        "Be kind.",
        "The user who speaks now is Ada.",
        "Summary of the conversation so far: They met.",
    ]
    assert user == {"role": "user", "content": "Light on"}
    assert call["tool_calls"][0]["function"] == {"name": "light", "arguments": "{}"}
    assert output == {"role": "tool", "tool_call_id": "1", "content": "ok"}

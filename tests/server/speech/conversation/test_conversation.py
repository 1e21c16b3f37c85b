"""Turns, answers and interruptions, with a fake clock and fake models."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import SPEECH_FORMAT
from wyoming_servers.core.errors import BadRequestError, ConflictError, InferenceFailedError
from wyoming_servers.speech.conversation.agents import AgentRequest, TextDelta
from wyoming_servers.speech.conversation.conversation import Conversation, ConversationServices
from wyoming_servers.speech.conversation.events import (
    Answer,
    AnswerAudioExtended,
    AnswerEnded,
    AnswerItemEnded,
    ConversationSettings,
    TurnCommitted,
    TurnTranscribed,
    UserStartedSpeaking,
)
from wyoming_servers.speech.conversation.history import Item


class ScriptedAgent:
    """Gives its answers one after the other, and records the requests."""

    def __init__(self, clock: FakeClock) -> None:
        self.answers: list[str] = []
        self.seconds = 0.0
        self.requests: list[AgentRequest] = []
        self.stopped = 0
        self._clock = clock

    async def answer(self, request: AgentRequest) -> AsyncIterator[TextDelta]:
        self.requests.append(request)
        try:
            for word in self.answers.pop(0).split():
                await self._clock.sleep(self.seconds)
                yield TextDelta(f"{word} ")
        except (GeneratorExit, asyncio.CancelledError):
            self.stopped += 1
            raise


class Talk:
    """A conversation and what it told."""

    def __init__(self, conversation: Conversation, agent: ScriptedAgent, clock: FakeClock) -> None:
        self.conversation = conversation
        self.agent = agent
        self.clock = clock
        self.events: list[Any] = []

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def hear(self, pcm: bytes) -> None:
        step = SPEECH_FORMAT.bytes_for(0.02)
        for start in range(0, len(pcm), step):
            await self.clock.advance(0.02)
            await self.conversation.feed(pcm[start : start + step], SPEECH_FORMAT)
        await self.clock.run_ready_tasks()


@pytest.fixture
async def talk(
    make_asr: Callable[..., Any], make_tts: Callable[..., Any], clock: FakeClock
) -> AsyncIterator[Talk]:
    services = ConversationServices(make_asr(), make_tts(), ConfigHolder(Config()), clock)
    agent = ScriptedAgent(clock)

    async def find_agent(_settings: ConversationSettings) -> ScriptedAgent:
        return agent

    async def record(event: Any) -> None:
        made.events.append(event)

    conversation = Conversation(services, record)
    conversation._find_agent = find_agent  # type: ignore[method-assign, assignment]
    made = Talk(conversation, agent, clock)
    async with conversation:
        yield made


async def test_turn_is_transcribed_and_answered(
    talk: Talk, script: Any, speech: Any, quiet: Any
) -> None:
    script("Hello there.")
    talk.agent.answers = ["Good morning."]
    await talk.hear(speech(1.0) + quiet(1.0))
    await talk.clock.advance(1)
    [transcribed] = talk.of(TurnTranscribed)
    assert transcribed.item.text == "Hello there."
    assert [message["content"] for message in talk.agent.requests[0].messages[1:]] == [
        "Hello there."
    ]
    [ended] = talk.of(AnswerEnded)
    assert ended.answer.status == "completed"
    assert ended.answer.items[0].text == "Good morning. "
    assert talk.of(AnswerAudioExtended)


async def test_speech_stops_agent_and_voice_and_keeps_what_was_heard(
    talk: Talk, script: Any, speech: Any, quiet: Any
) -> None:
    script("Hello.")
    talk.agent.answers = ["One two three four five. " * 20, "Yes."]
    talk.agent.seconds = 0.1
    await talk.hear(speech(1.0) + quiet(4.0))
    [answer] = {event.answer.id: event.answer for event in talk.of(AnswerAudioExtended)}.values()
    assert answer.status == "in_progress"
    await talk.hear(speech(0.3))
    assert talk.agent.stopped == 1
    assert (answer.status, answer.reason) == ("cancelled", "turn_detected")
    # No audio is sent after speech was detected.
    positions = [
        index for index, event in enumerate(talk.events) if isinstance(event, UserStartedSpeaking)
    ]
    assert not [
        event for event in talk.events[positions[-1] :] if isinstance(event, AnswerAudioExtended)
    ]
    kept, whole = answer.items[0].text.split(), answer.items[0].whole_text.split()
    assert kept == whole[: len(kept)]
    assert 0 < len(kept) < len(whole)
    await talk.hear(quiet(1.0))
    assert talk.agent.requests[-1].messages[-2]["content"] == " ".join(kept)


async def test_speech_after_the_last_audio_was_sent_truncates_as_well(
    talk: Talk, script: Any, speech: Any, quiet: Any
) -> None:
    script("Hello.")
    talk.agent.answers = ["One two three four five. " * 20, "Yes."]
    await talk.hear(speech(1.0) + quiet(2.0))
    [ended] = talk.of(AnswerEnded)
    assert ended.answer.status == "completed"
    await talk.hear(speech(0.3))
    item = ended.answer.items[0]
    assert 0 < len(item.text) < len(item.whole_text) / 2
    [only] = talk.of(AnswerEnded)
    assert only is ended


async def test_noise_without_words_gets_no_answer(
    talk: Talk, script: Any, speech: Any, quiet: Any
) -> None:
    script("")
    await talk.hear(speech(0.2) + quiet(1.5))
    assert talk.of(TurnCommitted)
    assert talk.agent.requests == []


async def test_client_may_end_turns(talk: Talk, script: Any, speech: Any, quiet: Any) -> None:
    script("Hello.")
    talk.conversation.settings = ConversationSettings(turn_detection=None, is_spoken=False)
    with pytest.raises(BadRequestError):
        await talk.conversation.commit()
    await talk.hear(speech(0.5) + quiet(20.0))
    assert talk.events == []
    talk.agent.answers = ["Yes."]
    await talk.conversation.commit()
    # The answer waits for the transcript.
    await talk.conversation.respond(Answer(talk.conversation.settings, talk.clock))
    with pytest.raises(ConflictError):
        await talk.conversation.respond(Answer(talk.conversation.settings, talk.clock))
    await talk.clock.advance(1)
    assert talk.agent.requests[0].last_text == "Hello."
    assert talk.of(AnswerEnded)[0].answer.status == "completed"


async def test_failure_of_the_agent_ends_the_answer_with_its_code(talk: Talk) -> None:
    async def fail(request: AgentRequest) -> AsyncIterator[TextDelta]:
        yield TextDelta("So ")
        raise InferenceFailedError("The language model failed.")

    talk.agent.answer = fail  # type: ignore[method-assign]
    talk.conversation.history.add(Item("q", text="Hello"))
    await talk.conversation.respond(Answer(ConversationSettings(is_spoken=False), talk.clock))
    await talk.clock.run_ready_tasks()
    [ended] = talk.of(AnswerEnded)
    assert (ended.answer.status, ended.answer.error.code) == ("failed", "INFERENCE_FAILED")
    assert ended.answer.items[0].status == "incomplete"


async def test_truncated_answer_does_not_grow_again(talk: Talk) -> None:
    talk.agent.answers = ["One two three four five. " * 8]
    talk.agent.seconds = 0.2
    talk.conversation.history.add(Item("q", text="Hello"))
    await talk.conversation.respond(Answer(ConversationSettings(), talk.clock))
    await talk.clock.advance(4)
    [answer] = {event.answer.id: event.answer for event in talk.of(AnswerAudioExtended)}.values()
    talk.conversation.truncate(answer.items[0].id, 0.5)
    kept = answer.items[0].text
    await talk.clock.advance(1)
    await talk.conversation.cancel()
    assert answer.items[0].text == kept
    assert kept.split() == ["One", "two", "three", "four", "five."][: len(kept.split())]
    [ended] = talk.of(AnswerItemEnded)
    assert ended.item.status == "incomplete"
    assert talk.of(AnswerEnded)[0].answer.reason == "client_cancelled"

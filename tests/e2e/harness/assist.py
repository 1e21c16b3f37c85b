"""One run of an Assist pipeline: speak into it as a satellite does, and keep what comes back."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from harness.audio import RATE, silence
from harness.client import HassClient, Subscription

CHUNK_SECONDS = 0.01
"""A satellite sends its microphone's sound every 10 ms."""

RUN_SECONDS = 90.0
"""No run of these tests may take longer, however busy the machine is."""

TAIL_SECONDS = 5.0
"""Silence after the words: a microphone goes on until it is told to stop."""


@dataclass
class Outcome:
    """What one run did."""

    events: list[str] = field(default_factory=list)
    """Types of the events in order, less the repeated `intent-progress`."""

    wake_word: str | None = None
    """Id of the wake word that was heard."""

    transcript: str | None = None

    answer: str | None = None
    """What the agent said, as text."""

    response_type: str | None = None
    """`action_done`, `query_answer` or `error`."""

    was_streamed: bool = False
    """Speech was fetched while the agent was still answering."""

    audio: bytes = b""
    """The spoken answer, encoded as Home Assistant serves it."""

    errors: list[tuple[str, str]] = field(default_factory=list)
    """Code and text of each error of the run."""

    at: dict[str, float] = field(default_factory=dict)
    """When each type of event came first, on the clock of the event loop, in seconds; and when the
    last of the words was said (`speech-end`) and the answer began to be heard (`audio-begin`)."""


async def run_pipeline(
    client: HassClient,
    pipeline: str,
    speech: bytes,
    *,
    start_stage: str = "stt",
    end_stage: str = "tts",
    after: bytes = silence(TAIL_SECONDS),
) -> Outcome:
    """Speak into a pipeline in real time and wait for its end.

    `speech` is 16 kHz mono; `after` follows it until the pipeline has heard enough. Raises
    TimeoutError if the run does not end by itself.
    """
    # 0: wait for a wake word for ever; the run's own limit still holds.
    sound = {"sample_rate": RATE, **({"timeout": 0} if start_stage == "wake_word" else {})}
    return await _run(client, pipeline, start_stage, end_stage, sound, speech, after)


async def say(client: HassClient, pipeline: str, text: str) -> Outcome:
    """Let a pipeline speak a text, and listen to it."""
    return await _run(client, pipeline, "tts", "tts", {"text": text}, b"", b"")


async def _run(
    client: HassClient,
    pipeline: str,
    start_stage: str,
    end_stage: str,
    begin_with: dict[str, Any],
    speech: bytes,
    after: bytes,
) -> Outcome:
    run = await client.subscribe(
        "assist_pipeline/run",
        pipeline=pipeline,
        start_stage=start_stage,
        end_stage=end_stage,
        input=begin_with,
        timeout=RUN_SECONDS,
    )
    outcome = Outcome()
    async with asyncio.timeout(RUN_SECONDS + 30), asyncio.TaskGroup() as tasks:
        follower = _Follower(client, outcome, tasks, speech, after)
        await follower.follow(run)
    return outcome


class _Follower:
    """Reacts to the events of one run."""

    def __init__(
        self,
        client: HassClient,
        outcome: Outcome,
        tasks: asyncio.TaskGroup,
        speech: bytes,
        after: bytes,
    ) -> None:
        self._client = client
        self._outcome = outcome
        self._tasks = tasks
        self._speech = speech
        self._after = after
        self._heard_enough = asyncio.Event()
        self._stream_url: str | None = None
        self._fetching = False

    async def follow(self, run: Subscription) -> None:
        """Take events until the run ends."""
        while True:
            event = await run.next()
            kind, data = event["type"], event["data"] or {}
            self._mark(kind)
            if kind != "intent-progress":
                self._outcome.events.append(kind)
            self._take(kind, data)
            if kind in ("run-end", "error"):
                self._heard_enough.set()
            if kind == "run-end":
                return

    def _take(self, kind: str, data: dict[str, Any]) -> None:
        outcome = self._outcome
        match kind:
            case "run-start":
                self._stream_url = data.get("tts_output", {}).get("url")
                if (handler := data["runner_data"]["stt_binary_handler_id"]) is not None:
                    self._tasks.create_task(self._speak(handler), name="microphone")
            case "wake_word-end":
                outcome.wake_word = (data["wake_word_output"] or {}).get("wake_word_id")
            case "stt-vad-end":
                self._heard_enough.set()
            case "stt-end":
                self._heard_enough.set()
                outcome.transcript = data["stt_output"]["text"]
            case "intent-progress":
                if data.get("tts_start_streaming") and self._stream_url:
                    outcome.was_streamed = True
                    self._fetch(self._stream_url)
            case "intent-end":
                response = data["intent_output"]["response"]
                outcome.answer = response["speech"].get("plain", {}).get("speech")
                outcome.response_type = response["response_type"]
            case "tts-end":
                self._fetch(data["tts_output"]["url"])
            case "error":
                outcome.errors.append((data["code"], data["message"]))
            case _:
                pass  # the start of a stage, which only the list of events records

    def _fetch(self, url: str) -> None:
        if not self._fetching:
            self._fetching = True
            self._tasks.create_task(self._listen(url), name="loudspeaker")

    async def _listen(self, url: str) -> None:
        self._outcome.audio = await self._client.fetch(url, lambda: self._mark("audio-begin"))

    def _mark(self, what: str) -> None:
        self._outcome.at.setdefault(what, asyncio.get_running_loop().time())

    async def _speak(self, handler: int) -> None:
        """Send the sound at the pace of a microphone, until the pipeline has heard enough."""
        size = 2 * int(RATE * CHUNK_SECONDS)
        sound = self._speech + self._after
        clock = asyncio.get_running_loop().time
        began = clock()
        for index, start in enumerate(range(0, len(sound), size)):
            if self._heard_enough.is_set():
                return
            await self._client.send_sound(handler, sound[start : start + size])
            if start + size >= len(self._speech):
                self._mark("speech-end")
            await asyncio.sleep(max(0.0, began + (index + 1) * CHUNK_SECONDS - clock()))
        await self._client.send_sound(handler, b"")

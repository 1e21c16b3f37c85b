"""Runs an Assist pipeline as a satellite does, and records the results."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from harness.audio import RATE, silence
from harness.client import HassClient, Subscription

CHUNK_SECONDS = 0.01
"""A satellite sends a chunk every 10 ms."""

RUN_SECONDS = 90.0
"""Time limit of a run on a busy machine."""

TRAILING_SILENCE_SECONDS = 5.0
"""Silence after the command: a satellite streams until the pipeline stops it."""


@dataclass
class PipelineRun:
    """Results of a run."""

    events: list[str] = field(default_factory=list)
    """Types of the events in order, without the repeated `intent-progress`."""

    wake_word: str | None = None
    """Id of the detected wake word."""

    transcript: str | None = None

    answer: str | None = None
    """Text of the answer."""

    response_type: str | None = None
    """`action_done`, `query_answer` or `error`."""

    was_streamed: bool = False
    """Whether synthesis started before the agent had finished."""

    audio: bytes = b""
    """Audio of the answer, encoded as Home Assistant serves it."""

    errors: list[tuple[str, str]] = field(default_factory=list)
    """Code and message of each error."""

    at: dict[str, float] = field(default_factory=dict)
    """Time of the first event of each type in seconds of the event loop's clock, of the end of the
    command (`speech-end`) and of the first audio of the answer (`audio-begin`)."""


async def run_pipeline(
    client: HassClient,
    pipeline: str,
    speech: bytes,
    *,
    start_stage: str = "stt",
    end_stage: str = "tts",
    after: bytes = silence(TRAILING_SILENCE_SECONDS),
) -> PipelineRun:
    """Stream audio into a pipeline in real time and wait for its end.

    `speech` is 16 kHz mono; `after` follows it until the pipeline has detected the end of speech.
    Raises TimeoutError if the run does not end.
    """
    # 0: no timeout for the wake word; the time limit of the run still applies.
    sound = {"sample_rate": RATE, **({"timeout": 0} if start_stage == "wake_word" else {})}
    return await _run(client, pipeline, start_stage, end_stage, sound, speech, after)


async def synthesize(client: HassClient, pipeline: str, text: str) -> PipelineRun:
    """Have a pipeline synthesize a text."""
    return await _run(client, pipeline, "tts", "tts", {"text": text}, b"", b"")


async def _run(
    client: HassClient,
    pipeline: str,
    start_stage: str,
    end_stage: str,
    start_input: dict[str, Any],
    speech: bytes,
    after: bytes,
) -> PipelineRun:
    run = await client.subscribe(
        "assist_pipeline/run",
        pipeline=pipeline,
        start_stage=start_stage,
        end_stage=end_stage,
        input=start_input,
        timeout=RUN_SECONDS,
    )
    result = PipelineRun()
    async with asyncio.timeout(RUN_SECONDS + 30), asyncio.TaskGroup() as tasks:
        event_handler = _EventHandler(client, result, tasks, speech, after)
        await event_handler.handle_events(run)
    return result


class _EventHandler:
    """Handles the events of a run."""

    def __init__(
        self,
        client: HassClient,
        result: PipelineRun,
        tasks: asyncio.TaskGroup,
        speech: bytes,
        after: bytes,
    ) -> None:
        self._client = client
        self._result = result
        self._tasks = tasks
        self._speech = speech
        self._after = after
        self._speech_ended = asyncio.Event()
        self._stream_url: str | None = None
        self._fetching = False

    async def handle_events(self, run: Subscription) -> None:
        """Handle events until the run ends."""
        while True:
            event = await run.next()
            kind, data = event["type"], event["data"] or {}
            self._record_time(kind)
            if kind != "intent-progress":
                self._result.events.append(kind)
            self._handle(kind, data)
            if kind in ("run-end", "error"):
                self._speech_ended.set()
            if kind == "run-end":
                return

    def _handle(self, kind: str, data: dict[str, Any]) -> None:
        result = self._result
        match kind:
            case "run-start":
                self._stream_url = data.get("tts_output", {}).get("url")
                if (handler := data["runner_data"]["stt_binary_handler_id"]) is not None:
                    self._tasks.create_task(self._send_audio(handler), name="microphone")
            case "wake_word-end":
                result.wake_word = (data["wake_word_output"] or {}).get("wake_word_id")
            case "stt-vad-end":
                self._speech_ended.set()
            case "stt-end":
                self._speech_ended.set()
                result.transcript = data["stt_output"]["text"]
            case "intent-progress":
                if data.get("tts_start_streaming") and self._stream_url:
                    result.was_streamed = True
                    self._start_fetching(self._stream_url)
            case "intent-end":
                response = data["intent_output"]["response"]
                result.answer = response["speech"].get("plain", {}).get("speech")
                result.response_type = response["response_type"]
            case "tts-end":
                self._start_fetching(data["tts_output"]["url"])
            case "error":
                result.errors.append((data["code"], data["message"]))
            case _:
                pass  # the start of a stage is only recorded in the list of events

    def _start_fetching(self, url: str) -> None:
        if not self._fetching:
            self._fetching = True
            self._tasks.create_task(self._fetch_audio(url), name="loudspeaker")

    async def _fetch_audio(self, url: str) -> None:
        self._result.audio = await self._client.fetch(url, lambda: self._record_time("audio-begin"))

    def _record_time(self, what: str) -> None:
        self._result.at.setdefault(what, asyncio.get_running_loop().time())

    async def _send_audio(self, handler: int) -> None:
        """Send the audio in real time until the pipeline has detected the end of speech."""
        size = 2 * int(RATE * CHUNK_SECONDS)
        sound = self._speech + self._after
        clock = asyncio.get_running_loop().time
        began = clock()
        for index, start in enumerate(range(0, len(sound), size)):
            if self._speech_ended.is_set():
                return
            await self._client.send_audio(handler, sound[start : start + size])
            if start + size >= len(self._speech):
                self._record_time("speech-end")
            await asyncio.sleep(max(0.0, began + (index + 1) * CHUNK_SECONDS - clock()))
        await self._client.send_audio(handler, b"")

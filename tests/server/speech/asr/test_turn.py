"""SpeechBuffer: how much work audio that arrives at once is for the event loop."""

import asyncio
from collections import Counter

from wyoming_servers.audio.turn_detector import TurnDetector
from wyoming_servers.audio.vad import VadFrame
from wyoming_servers.config.schema import AsrSection
from wyoming_servers.core.aio import LoopTimeBudget
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import SPEECH_FORMAT
from wyoming_servers.speech.asr.transcriber import AsrRequest
from wyoming_servers.speech.asr.turn import SpeechBuffer, turn_settings


async def test_recordings_of_many_clients_take_turns() -> None:
    rounds = 0
    slices: Counter[int] = Counter()

    class CountingVad:
        async def analyze(self, pcm: bytes) -> list[VadFrame]:
            slices[rounds] += 1
            return []

        def close(self) -> None:
            pass

    async def count_rounds() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    loop_time, clock = LoopTimeBudget(0.0), FakeClock()

    def buffer() -> SpeechBuffer:
        detector = TurnDetector(turn_settings(AsrSection(), AsrRequest(turn_detection=False)))
        return SpeechBuffer(CountingVad(), detector, 600.0, clock, lambda _: None, loop_time)

    recordings = [buffer() for _ in range(10)]
    seconds = bytes(SPEECH_FORMAT.bytes_for(2.0))
    feeding = asyncio.gather(*(one.feed(seconds, SPEECH_FORMAT) for one in recordings))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    slices.clear()  # the first slice of each comes with its event
    counting = asyncio.create_task(count_rounds())
    await feeding
    counting.cancel()
    assert sum(slices.values()) > 6 * len(recordings)
    assert max(slices.values()) == 1

"""Crowds of clients on a simulated machine: first audio and underruns of the playout queue.

The machine computes whole sentences (such as Kokoro) one at a time, or chunks of sentences (such as
Piper) on two threads. Its speed is the seconds of one thread that a second of audio takes; a unit
varies by 15 %, and one of a hundred takes three times as long. Each client asks for the next text
as soon as it has all audio of the last, so that any machine is overloaded by enough clients.
"""

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import mean

import pytest

from wyoming_servers.engines.base import Output
from wyoming_servers.protocol.messages import RunInference
from wyoming_servers.worker.child.run_queue import PlayoutQueue, RunState

RATE = 16_000
AUDIO_PER_CHARACTER = 0.065
ROUND_TRIP = 0.003
"""From the end of a sentence until the client's next one is in the worker."""

NEXT_TEXT = 0.009
"""From the end of a text until the client's next one is in the worker."""


Shape = Callable[[random.Random], list[int]]
"""Characters of the sentences of a client's next text."""


class Clock:
    """Virtual time: callbacks in the order of their times."""

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (self.now + seconds, next(self._numbers), call))

    def run(self) -> None:
        while self._heap:
            self.now, _, call = heapq.heappop(self._heap)
            call()


@dataclass(eq=False)
class Text:
    """One text on its way to a client."""

    sizes: list[int]
    """Characters of the sentences that are not computed yet."""
    asked_at: float
    number: int
    on_end: Callable[[], None]
    first_audio: float | None = None
    underrun_at: float = 0.0
    silence: float = 0.0
    """Seconds that the player was silent between two outputs."""

    def play(self, audio: float, now: float) -> None:
        if self.first_audio is None:
            self.first_audio = now - self.asked_at
        else:
            self.silence += max(0.0, now - self.underrun_at)
        self.underrun_at = max(now, self.underrun_at) + audio


@dataclass(eq=False)
class Job:
    """A run in the worker, with the units that are left: (seconds, audio seconds)."""

    text: Text
    units: list[tuple[float, float]] = field(default_factory=list)
    started: bool = False


class Machine:
    """A worker on the virtual clock."""

    def __init__(self, *, streams_audio: bool, speed: float, seed: int) -> None:
        self.clock = Clock()
        self._streams_audio = streams_audio
        self._speed = speed
        self._random = random.Random(seed)  # noqa: S311  (a simulation)
        self._free = 2 if streams_audio else 1
        self._queue = PlayoutQueue(
            lambda: self.clock.now,
            sample_rate=RATE,
            streams_audio=streams_audio,
            parallel_runs=self._free,
        )
        self._numbers = itertools.count(1)
        self._jobs: dict[int, Job] = {}

    def speak(self, text: Text) -> None:
        """Send the next sentence of a text to the worker."""
        size, *more = text.sizes
        left = max(0.0, text.underrun_at - self.clock.now)
        request = {
            "text": "x" * size,
            "stream": text.number,
            "buffered_seconds": None if text.first_audio is None else left,
            "next_characters": more,
        }
        number = next(self._numbers)
        run = RunState(RunInference(run=number, priority=10, request=request), number)
        self._jobs[number] = Job(
            text, self._chunks(size) if self._streams_audio else self._whole(size)
        )
        self._queue.put(run)
        self._start()

    def _start(self) -> None:
        while self._free:
            run = self._queue.pop()
            if run is None:
                delay = self._queue.delay
                if delay is not None:
                    self.clock.after(delay + 1e-6, self._start)
                return
            self._free -= 1
            job = self._jobs[run.number]
            job.started = True
            seconds, audio = job.units.pop(0)
            alone = sum(other.started for other in self._jobs.values()) == 1
            if self._streams_audio and alone:
                seconds *= 0.6  # The other thread helps.
            self.clock.after(
                seconds, lambda run=run, job=job, audio=audio: self._done(run, job, audio)
            )

    def _done(self, run: RunState, job: Job, audio: float) -> None:
        self._free += 1
        self._queue.record_output(run, Output(payload=bytes(2 * round(audio * RATE))))
        job.text.play(audio, self.clock.now)
        if job.units:
            self._queue.put(run)
        else:
            run.done = True
            self._queue.forget(run, completed=True)
            del self._jobs[run.number]
            self.clock.after(ROUND_TRIP, lambda: self._next(job.text))
        self._start()

    def _next(self, text: Text) -> None:
        text.sizes.pop(0)
        if text.sizes:
            self.speak(text)
        else:
            text.on_end()

    def _noise(self) -> float:
        spike = 3.0 if self._random.random() < 0.01 else 1.0
        return self._random.lognormvariate(0, 0.15) * spike

    def _whole(self, size: int) -> list[tuple[float, float]]:
        audio = AUDIO_PER_CHARACTER * size * self._random.uniform(0.85, 1.15)
        return [(self._speed * AUDIO_PER_CHARACTER * (size + 8) * self._noise(), audio)]

    def _chunks(self, size: int) -> list[tuple[float, float]]:
        """A chunk of 0.12 s, which includes reading the text, one of 0.65 s, then 0.7 s each."""
        left, speed = AUDIO_PER_CHARACTER * size, self._speed
        units = [
            (0.004 + speed * (0.116 * self._noise() + 0.35 * min(left, 6.0)), min(left, 0.116))
        ]
        left -= units[0][1]
        for length, features in itertools.chain([(0.65, 0.0)], itertools.repeat((0.7, 0.4))):
            if left <= 1e-6:
                return units
            audio = min(left, length)
            units.append((speed * audio * (self._noise() + features), audio))
            left -= audio
        raise AssertionError("unreachable")


@dataclass(frozen=True)
class Figures:
    p95: float
    """Seconds until the first audio, 95th percentile."""
    underruns: float
    """Share of the texts with silence inside."""
    longest: float
    """Seconds of silence inside one text."""


def crowd(shape: Shape, *, streams_audio: bool, speed: float, clients: int) -> Figures:
    """Have each client speak four texts after a warm-up text; average of several machines."""
    rows = []
    for seed in range(10):
        machine = Machine(streams_audio=streams_audio, speed=speed, seed=seed)
        texts: list[Text] = []
        dice = random.Random(seed + 1)  # noqa: S311  (as above)
        _start(machine, shape, clients, texts, dice)
        machine.clock.run()
        assert len(texts) == 4 * clients
        firsts = sorted(text.first_audio or 0.0 for text in texts)
        silences = [text.silence for text in texts]
        rows.append(
            (
                firsts[int(0.95 * (len(firsts) - 1))],
                mean(silence > 0.001 for silence in silences),
                max(silences),
            )
        )
    return Figures(*(mean(column) for column in zip(*rows, strict=True)))


def _start(
    machine: Machine,
    shape: Shape,
    clients: int,
    texts: list[Text],
    dice: random.Random,
) -> None:
    clock, numbers = machine.clock, itertools.count()

    def ask(left: int) -> None:
        def end() -> None:
            if not left:
                for _ in range(clients):
                    ask(4)
            elif left > 1:
                clock.after(NEXT_TEXT - ROUND_TRIP, lambda: ask(left - 1))

        text = Text(shape(dice), clock.now, next(numbers), end)
        if left:
            texts.append(text)
        machine.speak(text)

    ask(0)


def twenty_words(dice: random.Random) -> list[int]:
    """A first clause and the rest of its sentence, as the segmenter cuts 20 words."""
    return [30, 75]


def mixed(dice: random.Random) -> list[int]:
    """Short answers, and one long text in five."""
    more = dice.choice([0, 1, 1, 2, 8])
    return [dice.randint(15, 40), *(dice.randint(20, 140) for _ in range(more))]


def short_or_long(dice: random.Random) -> list[int]:
    """Short sentences behind texts of a minute."""
    return dice.choice([[25], [25], [30] + 10 * [80]])


@pytest.mark.parametrize(
    ("shape", "streams_audio", "speed", "clients", "p95", "underruns"),
    [
        (twenty_words, False, 0.03, 8, 0.80, 0.007),
        (twenty_words, False, 0.06, 4, 0.81, 0.025),
        (twenty_words, False, 0.06, 8, 3.17, 0.040),
        (twenty_words, False, 0.12, 2, 0.97, 0.008),
        (twenty_words, False, 0.25, 4, 7.28, 0.125),
        (mixed, False, 0.06, 4, 0.79, 0.006),
        (mixed, False, 0.06, 8, 2.59, 0.024),
        (short_or_long, False, 0.06, 8, 1.87, 0.003),
        (short_or_long, False, 0.09, 8, 3.07, 0.008),
        (twenty_words, True, 0.045, 8, 0.18, 0.0),
        (twenty_words, True, 0.1, 4, 0.22, 0.004),
        (twenty_words, True, 0.1, 8, 0.38, 0.01),
        (twenty_words, True, 0.15, 8, 2.74, 0.38),
        (mixed, True, 0.1, 8, 0.39, 0.01),
        (short_or_long, True, 0.1, 8, 0.37, 0.01),
    ],
)
def test_crowd_gets_audio_as_early_as_from_two_schedulers_and_with_no_more_underruns(
    shape: Shape,
    streams_audio: bool,
    speed: float,
    clients: int,
    p95: float,
    underruns: float,
) -> None:
    """The bounds are the figures of a scheduler for sentences and one for chunks, used before."""
    figures = crowd(shape, streams_audio=streams_audio, speed=speed, clients=clients)
    assert figures.p95 <= 1.2 * p95
    assert figures.underruns <= underruns + 0.05

"""Turns with and without pauses inside, made of synthesized voices and of recordings.

A voice speaks the whole sentence with its punctuation, so that it sounds unfinished where it
pauses. The pauses are then made as long as those of people who think.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.asr.corpus import (
    COMMANDS,
    NAME_COMMANDS,
    NOISE_FLOOR,
    RATE,
    Utterance,
    pcm_of,
    read_recordings,
    samples_of,
    synthesize_utterances,
)
from benchmarks.asr.voices import ENGLISH_VOICES, Speaker

PAUSES: Final = (0.35, 0.5, 0.65, 0.8, 1.0)
"""Lengths of pauses inside a turn, in seconds, in turn."""

_FRAME: Final = RATE // 100
_GAP_SECONDS: Final = 0.06
"""A shorter silence is inside a word."""
_QUIET: Final = 0.012
"""RMS of a frame that is silent: between the noise of the room and the softest sounds."""

NUMBERS: Final = """\
Set a timer for, twelve minutes.
Set the thermostat to, twenty one degrees.
My code is four, seven, two, nine.
Call five five five, one two, three four.
Wake me up at, half past six.
Turn the volume to, thirty percent.
Remind me in, forty five minutes.
Set the alarm for, seven, fifteen.
Dim the lamp to, ten percent.
Add, three, dozen eggs to the list.
The number is eight, zero, six, one.
Set the oven to, two hundred degrees.""".splitlines()

LISTS: Final = """\
Add milk, bread, butter and cheese to the shopping list.
Turn off the kitchen, the hallway, and the bedroom.
Put apples, pears, and bananas on the list.
Close the blinds in the office, the nursery, and the living room.
Play jazz in the kitchen, the bathroom, and the garage.
I need tomatoes, onions, garlic, and basil.
Lock the front door, the back door, and the garage.
Tell me the weather, the news, and the traffic.
Turn on the fan, the lamp, and the radio.
Remind me to call Anna, Peter, and Maria.
Set the lights to red, green, and blue.
Add soap, paper towels, and batteries to my list.""".splitlines()

HESITATIONS: Final = """\
Turn on the, uh, kitchen light.
Set a timer for, um, twenty minutes.
What is the, er, temperature in the nursery?
Play some, uh, music in the dining room.
Put, um, bread on the shopping list.
Turn off the, um, the lights in the bedroom.
Can you, uh, close the garage door?
I want the, um, the heating at nineteen degrees.
Open the, uh, the curtains in the office.
Remind me to, um, water the plants at seven.
Is the, er, the front door locked?
Send the, um, vacuum cleaner home.""".splitlines()

SLOW: Final = """\
Turn off, the lights, in the bedroom.
Is the front door, locked?
Set the living room lamp, to fifty percent.
Open the curtains, in the office.
Make the hallway, a little brighter.
Will it rain, tomorrow afternoon?
Turn on the fan, for twenty minutes.
Set the bathroom light, to green.
When is the dishwasher, finished?
Remind me, to water the plants, at seven.
Put bread and butter, on the shopping list.
What is the temperature, in the nursery?""".splitlines()

CLAUSES: Final = """\
When I come home, turn on the light in the hallway.
If it rains tomorrow, close the windows.
Before you lock the door, turn off everything.
After sunset, close the blinds in the living room.
Because it is cold, turn the heating up.
Once the washing machine is done, tell me.
If the window is open, switch the heating off.
When the timer ends, play some music.
As soon as it is dark, turn on the lights outside.
While I am away, keep the doors locked.
Unless somebody is home, turn off the lights.
Until seven o'clock, keep the bedroom dark.""".splitlines()


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a speaker."""

    utterance: Utterance
    pauses: int
    """Long pauses inside."""

    @property
    def kind(self) -> str:
        """What sort of a turn it is."""
        return self.utterance.kind


def make_turns(speaker: Speaker, recordings: Path | None, every: int = 1) -> list[Turn]:
    """Return all turns, or each `every`th; the same ones at every call."""
    lengths, voices = cycle(PAUSES), cycle(ENGLISH_VOICES)
    complete = [(text, next(voices)) for text in (*COMMANDS, *NAME_COMMANDS, *COMMANDS)]
    paused = [
        (kind, text, speed, next(voices))
        for kind, texts, speed in (
            ("numbers", NUMBERS, 1.0),
            ("lists", LISTS, 1.0),
            ("hesitations", HESITATIONS, 0.95),
            ("slow speakers", SLOW, 0.75),
            ("clauses", CLAUSES, 1.0),
        )
        for text in (*texts, *texts)
    ]
    turns = [Turn(item, 0) for item in synthesize_utterances("complete", COMMANDS[::every])]
    turns += [Turn(speaker.speak("complete", *it), 0) for it in complete[::every]]
    for kind, text, speed, voice in paused[::every]:
        spoken = speaker.speak(kind, text, voice, speed=speed)
        turns += with_pauses(spoken, text.count(","), lengths)
    clips = read_recordings(recordings) if recordings is not None else []
    for item in clips[::every]:
        turns += with_pauses(item, max(1, int(item.seconds / 4)), lengths, kind="recordings")
    return turns


def with_pauses(
    item: Utterance, count: int, lengths: Iterator[float], kind: str = ""
) -> list[Turn]:
    """Lengthen the longest silences inside an utterance, `count` at most; none: no turn."""
    sound = samples_of(item.pcm)
    gaps = sorted(_gaps(sound), key=lambda gap: gap[0] - gap[1])[:count]
    if not gaps:
        return []
    parts: list[NDArray[np.float64]] = []
    random, begin, added = np.random.default_rng(len(item.pcm)), 0, 0
    for start, end in sorted(gaps):
        missing = max(0, int(next(lengths) * RATE) - (end - start))
        middle = (start + end) // 2
        parts += [sound[begin:middle], random.normal(0.0, NOISE_FLOOR, missing)]
        begin, added = middle, added + missing
    parts.append(sound[begin:])
    utterance = Utterance(
        kind or item.kind,
        item.text,
        pcm_of(np.concatenate(parts)),
        item.speech_end + added / RATE,
        item.language,
    )
    return [Turn(utterance, len(gaps))]


def _gaps(sound: NDArray[np.float64]) -> Sequence[tuple[int, int]]:
    """Return the silences between words, in samples."""
    frames = sound[: len(sound) // _FRAME * _FRAME].reshape(-1, _FRAME)
    loud = np.flatnonzero(np.sqrt(np.mean(frames**2, axis=1)) > _QUIET)
    return [
        (int(before + 1) * _FRAME, int(after) * _FRAME)
        for before, after in pairwise(loud)
        if (after - before - 1) * _FRAME >= _GAP_SECONDS * RATE
    ]

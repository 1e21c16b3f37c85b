"""What a client of wake words asks for, checked, and what it is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from wyoming_servers.engines.base import Output
from wyoming_servers.errors import BadRequestError

DEFAULT_THRESHOLD: Final = 0.5
MAX_TRIGGER_LEVEL: Final = 125
"""10 s of frames; no word is that long."""
MAX_REFRACTORY: Final = 3600.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class WakeRequest:
    """The request of a run, as `engines.base` describes it."""

    words: tuple[str, ...] = ()
    """Names, each once; empty: all there are."""
    threshold: float = DEFAULT_THRESHOLD
    """Score from which a frame counts, for words without one of their own."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    trigger_level: int = 1
    """Consecutive frames that make a detection."""
    refractory: float = 0.0
    """Seconds of audio a word stays silent after a detection."""
    vad: bool = False
    """Whether only that is computed in which somebody may be speaking."""

    @classmethod
    def parse(cls, request: Mapping[str, Any]) -> Self:
        """Raises BadRequestError naming the field that is wrong."""
        words = request.get("words") or ()
        if isinstance(words, str) or not all(isinstance(word, str) for word in words):
            raise BadRequestError("`words` must be a list of names of wake words.")
        threshold: Any = request.get("threshold")
        thresholds: dict[str, float] = {}
        if isinstance(threshold, Mapping):
            thresholds = {
                str(word): _number(f"threshold.{word}", value, 0.0, 1.0)
                for word, value in threshold.items()
            }
            threshold = None
        level = _number("trigger_level", request.get("trigger_level", 1), 1, MAX_TRIGGER_LEVEL)
        if level != int(level):
            raise BadRequestError(f"`trigger_level` must be a whole number, not {level}.")
        vad = request.get("vad", False)
        if not isinstance(vad, bool):
            raise BadRequestError(f"`vad` must be true or false, not {vad!r}.")
        return cls(
            words=tuple(dict.fromkeys(words)),
            threshold=DEFAULT_THRESHOLD
            if threshold is None
            else _number("threshold", threshold, 0.0, 1.0),
            thresholds=thresholds,
            trigger_level=int(level),
            refractory=_number("refractory", request.get("refractory", 0.0), 0.0, MAX_REFRACTORY),
            vad=vad,
        )

    def threshold_of(self, word: str) -> float:
        """Return the score from which a frame counts as `word`."""
        return self.thresholds.get(word, self.threshold)


def detection(word: str, score: float, timestamp: int | None, sample: int) -> Output:
    """Return what tells a client that a word was heard, as `engines.base` describes it."""
    return Output(
        {"word": word, "score": round(score, 4), "timestamp": timestamp, "sample": sample}
    )


def _number(name: str, value: Any, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise BadRequestError(
            f"`{name}` must be a number from {least:g} to {most:g}, not {value!r}."
        )
    return float(value)

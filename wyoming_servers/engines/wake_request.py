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
    """Consecutive frames that make a detection, for words without a number of their own."""
    trigger_levels: Mapping[str, int] = field(default_factory=dict)
    refractory: float = 0.0
    """Seconds of audio a word stays silent after a detection."""
    vad: bool = False
    """Whether only that is computed in which somebody may be speaking."""
    scores: bool = False
    """Whether every score is told, not only detections."""

    @classmethod
    def parse(cls, request: Mapping[str, Any]) -> Self:
        """Raises BadRequestError naming the field that is wrong."""
        words = request.get("words") or ()
        if isinstance(words, str) or not all(isinstance(word, str) for word in words):
            raise BadRequestError("`words` must be a list of names of wake words.")
        threshold, thresholds = _per_word(request, "threshold", 0.0, 1.0)
        level, levels = _per_word(request, "trigger_level", 1, MAX_TRIGGER_LEVEL)
        for value in (level or 1.0, *levels.values()):
            if value != int(value):
                raise BadRequestError(f"`trigger_level` must be a whole number, not {value}.")
        return cls(
            words=tuple(dict.fromkeys(words)),
            threshold=DEFAULT_THRESHOLD if threshold is None else threshold,
            thresholds=thresholds,
            trigger_level=1 if level is None else int(level),
            trigger_levels={word: int(value) for word, value in levels.items()},
            refractory=_number("refractory", request.get("refractory", 0.0), 0.0, MAX_REFRACTORY),
            vad=_flag(request, "vad"),
            scores=_flag(request, "scores"),
        )

    def threshold_of(self, word: str) -> float:
        """Return the score from which a frame counts as `word`."""
        return self.thresholds.get(word, self.threshold)

    def trigger_level_of(self, word: str) -> int:
        """Return how many consecutive frames make a detection of `word`."""
        return self.trigger_levels.get(word, self.trigger_level)


def detection_output(word: str, score: float, timestamp: int | None, sample: int) -> Output:
    """Return what tells a client that a word was heard, as `engines.base` describes it."""
    return Output(
        {"word": word, "score": round(score, 4), "timestamp": timestamp, "sample": sample}
    )


def scores_output(scores: Mapping[str, float], sample: int) -> Output:
    """Return what tells the scores of the frame that ends at `sample`."""
    rounded = {word: round(score, 4) for word, score in scores.items()}
    return Output({"scores": rounded, "sample": sample})


def _per_word(
    request: Mapping[str, Any], name: str, least: float, most: float
) -> tuple[float | None, dict[str, float]]:
    """Read a number for all words, or one for each; None where there is none for all."""
    value: Any = request.get(name)
    if isinstance(value, Mapping):
        each = {
            str(word): _number(f"{name}.{word}", number, least, most)
            for word, number in value.items()
        }
        return None, each
    return None if value is None else _number(name, value, least, most), {}


def _flag(request: Mapping[str, Any], name: str) -> bool:
    value = request.get(name, False)
    if not isinstance(value, bool):
        raise BadRequestError(f"`{name}` must be true or false, not {value!r}.")
    return value


def _number(name: str, value: Any, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise BadRequestError(
            f"`{name}` must be a number from {least:g} to {most:g}, not {value!r}."
        )
    return float(value)

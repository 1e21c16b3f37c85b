"""Compares speaker embeddings: similarity, thresholds and confidence. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Embedding = NDArray[np.float32]
"""A vector of unit length; the similarity of two voices is its dot product."""

CONFIDENCE_SCALE: Final = 0.04
"""Similarity beyond the threshold that makes odds of e to 1."""

THRESHOLD_RANGE: Final = (-0.10, 0.05)
"""How far a measured threshold may differ from that of the model: a few sentences show neither the
best nor the worst of a voice."""

SHORT_SECONDS: Final = 1.5
SHORT_ALLOWANCE: Final = 0.15
"""Speech shorter than this is less similar to the same voice: a threshold is lower by up to this
much. Measured with benchmarks/speakers.py."""


def mean_embedding(embeddings: Sequence[Embedding]) -> Embedding:
    """Return the mean direction of embeddings. Raises ValueError for none."""
    if not embeddings:
        raise ValueError("no embeddings")
    total = np.sum(np.stack(embeddings), axis=0)
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-9), np.float32)


def similarity(one: Embedding, other: Embedding) -> float:
    """Return the cosine of two embeddings, from -1 to 1."""
    return float(np.dot(one, other))


def own_scores(embeddings: Sequence[Embedding]) -> list[float]:
    """Return the similarity of each embedding of a speaker to the mean of its others."""
    if len(embeddings) < 2:
        return []
    return [
        similarity(each, mean_embedding([*embeddings[:place], *embeddings[place + 1 :]]))
        for place, each in enumerate(embeddings)
    ]


def measure_threshold(
    own: Sequence[Embedding], foreign: Sequence[Embedding], default: float
) -> float:
    """Return the similarity from which speech counts as that of a speaker.

    1. The middle between the speaker's own speech and the most similar foreign speech.
    2. With one of the two only: the model's threshold, moved so that it accepts the own speech or
       rejects the foreign speech.
    3. In any case within `THRESHOLD_RANGE` of the model's threshold.
    """
    mine = own_scores(own)
    voice = mean_embedding(own)
    others = [similarity(each, voice) for each in foreign]
    lowest = float(np.quantile(mine, 0.1)) if mine else None
    highest = float(np.quantile(others, 0.95)) if others else None
    if lowest is not None and highest is not None:  # 1
        found = (lowest + highest) / 2
    elif lowest is not None:  # 2
        found = min(default, lowest - CONFIDENCE_SCALE)
    elif highest is not None:
        found = max(default, highest + CONFIDENCE_SCALE)
    else:
        found = default
    low, high = THRESHOLD_RANGE
    return min(max(found, default + low), default + high)  # 3


def confidence(score: float, threshold: float) -> float:
    """Return how sure it is that speech with this similarity is the speaker's, from 0 to 1.

    0.5 at the threshold.
    """
    return 1.0 / (1.0 + math.exp(-(score - threshold) / CONFIDENCE_SCALE))


def effective_threshold(threshold: float, seconds: float) -> float:
    """Return the threshold for speech of this length."""
    missing = max(0.0, SHORT_SECONDS - seconds) / SHORT_SECONDS
    return threshold - SHORT_ALLOWANCE * missing


@dataclass(frozen=True, slots=True)
class Candidate:
    """A speaker to compare with."""

    id: str
    name: str
    voice: Embedding
    threshold: float


@dataclass(frozen=True, slots=True)
class SpeakerMatch:
    """The enrolled speaker whose voice is the most similar."""

    id: str
    name: str
    confidence: float
    """0 to 1."""
    known: bool
    """Whether it is that speaker; otherwise nobody enrolled spoke."""
    score: float
    """Similarity, from -1 to 1."""


def find_speaker(
    voice: Embedding, seconds: float, candidates: Sequence[Candidate]
) -> SpeakerMatch | None:
    """Return the most similar speaker, by confidence; None without candidates."""
    best: SpeakerMatch | None = None
    for each in candidates:
        score = similarity(voice, each.voice)
        value = confidence(score, effective_threshold(each.threshold, seconds))
        if best is None or value > best.confidence:
            best = SpeakerMatch(each.id, each.name, value, value >= 0.5, score)
    return best


def group_voices(voices: Sequence[Embedding], threshold: float) -> list[int]:
    """Return the number of a voice for each embedding: similar ones get the same, from 0 on."""
    groups: list[list[Embedding]] = []
    found: list[int] = []
    for voice in voices:
        scores = [similarity(voice, mean_embedding(group)) for group in groups]
        place = int(np.argmax(scores)) if scores else -1
        if place < 0 or scores[place] < threshold:
            groups.append([])
            place = len(groups) - 1
        groups[place].append(voice)
        found.append(place)
    return found


def equal_error_rate(own: Sequence[float], foreign: Sequence[float]) -> tuple[float, float]:
    """Return the error rate at which as many own scores are rejected as foreign ones accepted.

    Also returns the threshold with that rate. Raises ValueError if one of them is empty.
    """
    if not own or not foreign:
        raise ValueError("no scores")
    mine, others = np.sort(own), np.sort(foreign)
    best = (2.0, 0.0, 0.0)
    for threshold in np.unique(np.concatenate([mine, others])):
        rejected = float(np.searchsorted(mine, threshold, "left")) / len(mine)
        accepted = 1.0 - float(np.searchsorted(others, threshold, "left")) / len(others)
        if abs(rejected - accepted) < best[0]:
            best = (abs(rejected - accepted), (rejected + accepted) / 2, float(threshold))
    return best[1], best[2]

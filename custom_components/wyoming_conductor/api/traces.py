"""The last requests, one by one, and what a benchmark brings back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from .errors import ConductorResponseError
from .fields import Json, mapping, moment, number, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One request that ended."""

    kind: str
    """`asr`, `tts` or `wake`."""
    model: str
    device: str
    client: str
    ended_at: datetime
    seconds: float
    """Of an utterance: from its end to the answer."""
    code: str
    """Empty if it went well."""
    message: str
    stages: Mapping[str, float]
    """Seconds by stage."""

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Read one trace of `GET /traces`."""
        ended = moment(data, "ended_at")
        if ended is None:
            raise ConductorResponseError("a trace has no time")
        stages = mapping(data.get("stages", {}), "stages")
        return cls(
            kind=text(data, "kind"),
            model=text(data, "model", ""),
            device=text(data, "device", ""),
            client=text(data, "client", ""),
            ended_at=ended,
            seconds=number(data, "seconds") or 0.0,
            code=text(data, "code", ""),
            message=text(data, "message", ""),
            stages={name: number(stages, name) or 0.0 for name in stages},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """A text as it was spoken."""

    pcm: bytes
    """16-bit mono at 24 kHz."""
    first_seconds: float
    """Until the first audio arrived."""
    seconds: float
    """Until all had arrived."""

    RATE = 24_000

    @property
    def audio_seconds(self) -> float:
        """How long it takes to hear it."""
        return len(self.pcm) / 2 / self.RATE

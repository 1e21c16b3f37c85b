"""How a text is to be spoken: what a client wishes, and what was chosen."""

from dataclasses import dataclass

from wyoming_servers.pipelines.voices import Voice


@dataclass(frozen=True, slots=True)
class TtsRequest:
    """How to speak; None leaves the choice to the configuration."""

    voice: str | None = None
    speaker: str | None = None
    language: str | None = None
    """Chooses the voice if none is named."""
    speed: float | None = None
    """0.5 to 2.0; 1.0 is the voice's own pace."""
    client: str = ""


@dataclass(frozen=True, slots=True)
class SynthesisOptions:
    """How to speak, all choices made."""

    voice: Voice
    speaker: str | None
    speed: float
    client: str

"""What happens in a conversation, told to its client, and the settings of a client."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.core.errors import ConductorError
from wyoming_servers.speech.conversation.history import Item, new_id

AnswerStatus = Literal["in_progress", "completed", "cancelled", "incomplete", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationSettings:
    """Options of a client; None or an empty text selects the configured value."""

    agent: str = ""
    model: str = ""
    """Language model."""
    instructions: str | None = None
    language: str | None = None
    """Language of the user; None to detect it."""
    asr_model: str | None = None
    prompt: str | None = None
    """Text that biases the spelling of the transcript."""
    voice: str | None = None
    speed: float | None = None
    turn_detection: Literal["server_vad", "semantic_vad"] | None = "server_vad"
    """None: the client ends the turns."""
    end_silence: float = 0.5
    """Silence that ends a turn with `server_vad`, in seconds."""
    eagerness: str = "auto"
    """How soon a turn ends with `semantic_vad`: low, medium, high or auto."""
    create_response: bool = True
    """Whether a turn is answered without a request of the client."""
    interrupt_response: bool = True
    """Whether speech stops the answer."""
    partials: bool = False
    """Whether the transcript is shown while it grows."""
    is_spoken: bool = True
    """Whether answers are spoken."""
    tools: Sequence[dict[str, Any]] = ()
    """Functions, as in OpenAI's chat completions."""
    tool_choice: Any = None
    max_tokens: int | None = None
    client: str = ""


@dataclass(slots=True)
class Answer:
    """One answer of the agent, and how much of it was played."""

    settings: ConversationSettings
    clock: Clock
    metadata: Any = None
    input: Sequence[Item] | None = None
    """Items that replace the history; the answer then stays out of it."""
    id: str = field(default_factory=lambda: new_id("resp"))
    status: AnswerStatus = "in_progress"
    reason: str = ""
    error: ConductorError | None = None
    items: list[Item] = field(default_factory=list)
    ended_items: int = 0
    """Number of items whose end was told."""
    has_ended: bool = False
    """Whether its end was told."""
    audio_seconds: float = 0.0
    """Length of the audio that was sent."""
    _playback_end: float = 0.0
    """When the client has played all of it."""

    def add_audio(self, seconds: float) -> None:
        """Count audio that is sent now."""
        self._playback_end = max(self._playback_end, self.clock.now()) + seconds
        self.audio_seconds += seconds

    def end_playback(self) -> None:
        """The client plays no more of it."""
        self.audio_seconds, self._playback_end = self.position, self.clock.now()

    @property
    def position(self) -> float:
        """Seconds of audio that a client has played which plays at once what it gets."""
        return self.audio_seconds - max(0.0, self._playback_end - self.clock.now())

    @property
    def is_playing(self) -> bool:
        """Whether the client may still play audio of this answer."""
        return self.clock.now() < self._playback_end


@dataclass(frozen=True, slots=True)
class UserStartedSpeaking:
    """Speech has started. The client stops what it plays."""

    item_id: str
    at: float
    """Start of the speech, in seconds of all audio."""


@dataclass(frozen=True, slots=True)
class UserStoppedSpeaking:
    """A turn has ended."""

    item_id: str
    at: float


@dataclass(frozen=True, slots=True)
class TurnCommitted:
    """The audio of a turn has become an item."""

    item: Item
    previous_id: str | None


@dataclass(frozen=True, slots=True)
class TranscriptExtended:
    """The next stable part of a transcript."""

    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class TurnTranscribed:
    """The transcript of a turn is complete; empty if there were no words."""

    item: Item
    seconds: float


@dataclass(frozen=True, slots=True)
class TranscriptionFailed:
    """A turn could not be transcribed."""

    item_id: str
    error: ConductorError


@dataclass(frozen=True, slots=True)
class AnswerStarted:
    """The agent has been asked."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class AnswerItemAdded:
    """A message or a function call of an answer has begun."""

    answer: Answer
    item: Item
    previous_id: str | None


@dataclass(frozen=True, slots=True)
class AnswerTextExtended:
    """The next text of an answer."""

    answer: Answer
    item: Item
    text: str


@dataclass(frozen=True, slots=True)
class AnswerAudioExtended:
    """The next audio of an answer: 16-bit mono PCM."""

    answer: Answer
    item: Item
    pcm: bytes
    format: AudioFormat


@dataclass(frozen=True, slots=True)
class AnswerItemEnded:
    """A message or a function call of an answer is complete, or was cut short."""

    answer: Answer
    item: Item


@dataclass(frozen=True, slots=True)
class AnswerEnded:
    """Nothing of this answer follows."""

    answer: Answer


ConversationEvent = (
    UserStartedSpeaking
    | UserStoppedSpeaking
    | TurnCommitted
    | TranscriptExtended
    | TurnTranscribed
    | TranscriptionFailed
    | AnswerStarted
    | AnswerItemAdded
    | AnswerTextExtended
    | AnswerAudioExtended
    | AnswerItemEnded
    | AnswerEnded
)

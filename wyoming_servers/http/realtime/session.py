"""The session object of OpenAI's realtime protocol: what a client may set, and what it means."""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.http.openai.names import OPENAI_VOICE_NAMES
from wyoming_servers.speech.asr.transcriber import is_openai_model
from wyoming_servers.speech.conversation.agents import AGENTS
from wyoming_servers.speech.conversation.events import ConversationSettings
from wyoming_servers.text.voice_expression import MAX_SPEED, MIN_SPEED

DEFAULT_MODEL: Final = "gpt-realtime"

PCM_RATE: Final = 24_000

_OPENAI_REALTIME: Final = re.compile(r"gpt-(?:[\w.]+-)*(?:realtime|audio)(?:-[\w.]+)*")
"""Names of OpenAI's models, which all mean the configured agent."""

_REPLACED: Final = frozenset({"turn_detection", "tools", "tool_choice", "voice", "format"})
"""Fields that an update replaces as a whole."""


class _Part(BaseModel):
    """Unknown fields are ignored: clients send what OpenAI adds."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class MediaFormat(_Part):
    """Format of audio."""

    type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"] = "audio/pcm"
    rate: int = Field(PCM_RATE, ge=8_000, le=48_000)


class Transcription(_Part):
    """How the user's speech is transcribed."""

    model: str | None = None
    language: str | None = None
    prompt: str | None = None


class TurnDetection(_Part):
    """How the end of a turn is detected. `threshold` and `prefix_padding_ms` have no effect."""

    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    silence_duration_ms: int = Field(500, ge=100, le=10_000)
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True


class AudioInput(_Part):
    """Speech of the user."""

    format: MediaFormat = MediaFormat()
    transcription: Transcription | None = None
    turn_detection: TurnDetection | None = TurnDetection()


class AudioOutput(_Part):
    """Speech of the answers."""

    format: MediaFormat = MediaFormat()
    voice: str | dict[str, Any] = "alloy"
    speed: float = Field(1.0, ge=0.25, le=4.0)


class Audio(_Part):
    """Audio in both directions."""

    input: AudioInput = AudioInput()
    output: AudioOutput = AudioOutput()


class Session(_Part):
    """Everything that a client may set."""

    type: Literal["realtime", "transcription"] = "realtime"
    model: str = DEFAULT_MODEL
    output_modalities: list[Literal["text", "audio"]] = ["audio"]
    instructions: str | None = Field(None, max_length=100_000)
    audio: Audio = Audio()
    tools: list[dict[str, Any]] = Field(default_factory=list, max_length=128)
    tool_choice: str | dict[str, Any] = "auto"
    max_output_tokens: int | Literal["inf"] = "inf"

    def updated(self, change: Mapping[str, Any]) -> "Session":
        """Return the session with a change; fields that it does not name stay as they are.

        Raises BadRequestError for a value that is not valid.
        """
        merged = _merge(self.model_dump(), change)
        try:
            return Session.model_validate(merged)
        except ValidationError as err:
            first = err.errors()[0]
            path = ".".join(str(part) for part in first["loc"])
            raise BadRequestError(f"session.{path}: {first['msg']}.") from err

    def settings(self, client: str) -> ConversationSettings:
        """Return what the session means for a conversation."""
        audio = self.audio
        detection = audio.input.turn_detection
        transcription = audio.input.transcription or Transcription()
        agent, model = _agent_of(self.model)
        asr_model = transcription.model
        limit = self.max_output_tokens
        return ConversationSettings(
            agent=agent,
            model=model,
            instructions=self.instructions,
            language=transcription.language,
            asr_model=None if not asr_model or is_openai_model(asr_model) else asr_model,
            prompt=transcription.prompt,
            voice=_voice_of(audio.output.voice),
            speed=None
            if audio.output.speed == 1
            else min(MAX_SPEED, max(MIN_SPEED, audio.output.speed)),
            turn_detection=None if detection is None else detection.type,
            end_silence=detection.silence_duration_ms / 1_000 if detection else 0.5,
            eagerness=detection.eagerness if detection else "auto",
            create_response=bool(
                detection and detection.create_response and self.type == "realtime"
            ),
            interrupt_response=bool(detection and detection.interrupt_response),
            partials=audio.input.transcription is not None,
            is_spoken="audio" in self.output_modalities,
            tools=[_chat_tool(tool) for tool in self.tools if tool.get("type") == "function"],
            tool_choice=_chat_tool_choice(self.tool_choice),
            max_tokens=None if limit == "inf" else limit,
            client=client,
        )


def _merge(current: Any, change: Any) -> Any:
    if not isinstance(current, dict) or not isinstance(change, Mapping):
        return change
    merged = dict(current)
    for name, value in change.items():
        merged[name] = value if name in _REPLACED else _merge(current.get(name), value)
    return merged


def _agent_of(model: str) -> tuple[str, str]:
    """Return the agent, and its model, that the name of a model means; empty: the configured."""
    if model in AGENTS:
        return model, ""
    return "", "" if _OPENAI_REALTIME.fullmatch(model) else model


def _voice_of(voice: str | dict[str, Any]) -> str | None:
    name = voice if isinstance(voice, str) else str(voice.get("id", ""))
    return None if name.lower() in OPENAI_VOICE_NAMES else name or None


def _chat_tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = {key: tool[key] for key in ("name", "description", "parameters") if key in tool}
    return {"type": "function", "function": function}


def _chat_tool_choice(choice: str | dict[str, Any]) -> Any:
    if isinstance(choice, dict) and choice.get("type") == "function":
        return {"type": "function", "function": {"name": choice.get("name", "")}}
    return choice

"""Every configuration key with its type, unit, default and meaning. Defaults exist only here.

A changed key applies from the next request on unless its field carries `RELOAD` or `RESTART`.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from wyoming_servers.config.units import AUTO, parse_duration, parse_keep_alive, parse_size
from wyoming_servers.core.engine_info import BUILTIN_ENGINES

Duration = Annotated[float, BeforeValidator(parse_duration)]
"""Seconds: a number, or a text such as `30s`, `5m`, `1h`."""

KeepAlive = Annotated[float | Literal["auto"], BeforeValidator(parse_keep_alive)]
"""`auto`, or seconds like `Duration`."""

Size = Annotated[int, BeforeValidator(parse_size)]
"""Bytes: a number, or a text such as `512MiB`, `2GiB`."""

Port = Annotated[int, Field(ge=0, le=65_535)]
"""TCP port; 0 lets the system choose a free one."""


AUTO_MODEL: Final = "auto"
"""Value of `asr.model` that lets the server choose."""

NO_TURN_MODEL: Final = "none"
"""Value of `asr.turn_model` with which the words alone decide."""


class Applies(StrEnum):
    """When a changed value takes effect."""

    LIVE = "live"
    """At once, for the next request."""
    RELOAD = "reload"
    """As soon as the models that it concerns were loaded again; they serve meanwhile."""
    RESTART = "restart"
    """At the next start of the server."""


RELOAD: Final[dict[str, Any]] = {"applies": Applies.RELOAD}
"""`json_schema_extra` of a key for which the models that it concerns are loaded again."""

RESTART: Final[dict[str, Any]] = {"applies": Applies.RESTART}
"""`json_schema_extra` of a key that takes effect at the next start: ports, `host`, `data_dir`,
`log.format`, `api.tls` and `security.sandbox`, because clients, log collectors and the confinement
of running processes depend on them."""

ADMIN: Final[dict[str, Any]] = {"admin": True}
"""`json_schema_extra` of a key that protects the server: over the API only a token with scope
`admin` changes it."""


class Section(BaseModel):
    """Base of all sections: unknown keys are errors, values never change after loading."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )


class AsrSection(Section):
    """Speech-to-text."""

    enabled: bool = Field(True, description="Serve speech-to-text.")
    port: Port = Field(10_300, description="Wyoming port.", json_schema_extra=RESTART)
    model: str = Field(
        "whisper/base",
        description="Id of the default model, as `models list` prints it, or `auto`: the most "
        "accurate installed model that answers quickly on this machine, as `bench` has measured "
        "it or as its processors and GPU suggest.",
        json_schema_extra=RELOAD,
    )
    language: str = Field(
        "auto",
        description="Language of clients that send none: a code such as `en`, or `auto` to detect "
        "it.",
    )
    languages: list[str] = Field(
        default_factory=list,
        description="Languages that `auto` chooses from. Empty: every language of the model.",
        examples=[["en", "de"]],
    )
    extra_ports: dict[str, Port] = Field(
        default_factory=dict,
        description=(
            "Additional Wyoming ports, each for one model id. Home Assistant uses the first model "
            "of a port."
        ),
        examples=[{"whisper/tiny.en": 10_301}],
        json_schema_extra=RESTART,
    )
    beam_size: int = Field(
        1,
        ge=1,
        le=10,
        description="Beam size of Whisper's decoder. 5 is slower and rarely more accurate.",
    )
    initial_prompt: str = Field(
        "", description="Text that biases the spelling, such as a list of names."
    )
    turn_detection: bool = Field(
        True,
        description="Detect the end of the utterance on the server instead of waiting for the "
        "client's audio-stop.",
    )
    turn_model: str = Field(
        NO_TURN_MODEL,
        description="Model that hears at each pause whether the speaker has finished, besides the "
        "words: its id, or `none` to judge by the words alone. The words decide while it loads, "
        "and when it is slow.",
        examples=["smart-turn"],
    )
    external_vad: bool = Field(
        True,
        description="Have Home Assistant detect speech as well, so that satellites show when they "
        "listen and think. It then ends a command after its own silence (0.7 s unless the "
        "satellite is set otherwise) or after 15 s, if the server has not ended it before.",
    )
    end_silence: Duration = Field(
        0.7, ge=0.1, le=5, description="Silence after speech that ends the utterance, in seconds."
    )
    end_silence_complete: Duration = Field(
        0.3,
        ge=0.1,
        le=5,
        description="Silence that ends an utterance whose text is a complete sentence, in seconds.",
    )
    end_silence_incomplete: Duration = Field(
        1.2,
        ge=0.1,
        le=10,
        description="Silence that ends an utterance whose text is an incomplete sentence, or whose "
        "speaker pauses often, in seconds.",
    )
    speculative_transcription: bool = Field(
        True,
        description="Start to transcribe at every pause while the model is idle, so that the "
        "transcript is ready sooner if the utterance has ended.",
    )
    partial_transcripts: bool = Field(
        False,
        description=(
            "Send partial transcripts during speech to clients that support them, while the "
            "machine is idle. Uses more CPU time; words that were sent are not changed later."
        ),
    )
    only_known_speakers: bool = Field(
        False,
        description="Answer enrolled speakers only: other speech, such as the television, gets an "
        "empty transcript. Has no effect while nobody is enrolled.",
    )
    no_speech_timeout: Duration = Field(
        10.0, ge=1, le=120, description="End an utterance without speech after this many seconds."
    )
    max_utterance: Duration = Field(
        30.0, ge=1, le=600, description="Longest utterance, in seconds of audio."
    )


class PhraseCacheSection(Section):
    """Cache of synthesized phrases."""

    enabled: bool = Field(
        True, description="Cache synthesized phrases; a repeated phrase is played at once."
    )
    memory: Size = Field(32 * 1024**2, ge=0, description="Size of the cache in memory, in bytes.")
    disk: Size = Field(
        256 * 1024**2, ge=0, description="Size of the cache in <data_dir>/cache, in bytes."
    )
    compression: Literal["flac", "none"] = Field(
        "flac",
        description="Format of new phrases on disk: `flac` is lossless and halves their size.",
    )


class TtsSection(Section):
    """Text-to-speech."""

    enabled: bool = Field(True, description="Serve text-to-speech.")
    port: Port = Field(10_200, description="Wyoming port.", json_schema_extra=RESTART)
    voice: str = Field("en_US-joe-medium", description="Voice of clients that name none.")
    speed: float = Field(
        1.0, ge=0.5, le=2.0, description="Speaking rate; 1.0 is the voice's normal rate."
    )
    presets: list[str] = Field(
        default_factory=list,
        description="Additional voices: another rate (`name@slow`, `name@1.2`) or a mix of voices "
        "(`a*0.7+b*0.3`).",
        examples=[["en_US-joe-medium@slow"]],
    )
    sentence_silence: Duration = Field(
        0.2, ge=0, le=3, description="Pause between sentences, in seconds."
    )
    max_text: int = Field(
        20_000, ge=100, le=1_000_000, description="Longest text of one request, in characters."
    )
    phrase_cache: PhraseCacheSection = PhraseCacheSection()


class WakeWordSection(Section):
    """Settings of one wake word; the key is its name."""

    threshold: float | None = Field(
        None, gt=0, lt=1, description="Overrides wake.threshold for this wake word."
    )
    trigger_level: int | None = Field(
        None, ge=1, le=20, description="Overrides wake.trigger_level for this wake word."
    )
    engine: str = Field(
        "auto",
        examples=["auto", *(info.name for info in BUILTIN_ENGINES if info.wake_word_suffixes)],
        description="Engine to use if several engines have a wake word of this name.",
    )


class WakeSection(Section):
    """Wake word detection."""

    enabled: bool = Field(True, description="Serve wake word detection.")
    port: Port = Field(10_400, description="Wyoming port.", json_schema_extra=RESTART)
    words: list[str] = Field(
        default_factory=list,
        description="Names of the wake words to offer. Empty: all that are installed.",
    )
    threshold: float = Field(
        0.5, gt=0, lt=1, description="Score from which a frame counts as the wake word."
    )
    trigger_level: int = Field(
        1,
        ge=1,
        le=20,
        description="Consecutive frames above the threshold that count as a detection.",
    )
    refractory: Duration = Field(
        2.0,
        ge=0,
        le=30,
        description="Seconds after a detection in which the same wake word is not detected again.",
    )
    vad: bool = Field(
        True,
        description="Run the wake word models only during possible speech, so that silence uses "
        "almost no CPU time.",
    )
    models_dir: Path | None = Field(
        None,
        description="Folder with your own wake word models (.tflite, .onnx). Default: "
        "<data_dir>/wake-words.",
        json_schema_extra=RELOAD | ADMIN,
    )
    arbitration_window: Duration = Field(
        0.0,
        ge=0,
        le=10,
        description=(
            "Seconds in which only the first of several satellites that detect the same wake word "
            "is notified. 0 notifies all; Home Assistant then uses the first."
        ),
    )
    word_settings: dict[str, WakeWordSection] = Field(
        default_factory=dict, description="Settings per wake word.", examples=["hey_jarvis"]
    )


class SpeakersSection(Section):
    """Recognition of enrolled speakers by their voices."""

    enabled: bool = Field(
        True,
        description="Recognize the enrolled speakers. Uses no memory and no processor time while "
        "nobody is enrolled.",
    )
    model: str = Field(
        "speaker/voicefilter",
        description="Id of the model that compares voices, as `models list` prints it. With "
        "another model, speakers must be enrolled again.",
    )
    verify_wake_words: bool = Field(
        False,
        description="Ignore wake words that none of the enrolled speakers has said. Takes some "
        "hundredths of a second.",
    )


class ApiSection(Section):
    """HTTP API."""

    enabled: bool = Field(True, description="Serve the HTTP API.", json_schema_extra=ADMIN)
    port: Port = Field(10_380, description="HTTP port.", json_schema_extra=RESTART)
    auth: Literal["token", "none"] = Field(
        "token",
        description="`token` requires a token, such as that in <data_dir>/api-token; `none` lets "
        "every client in, with scope `operate`.",
        json_schema_extra=ADMIN,
    )
    tls: bool = Field(
        False,
        description="Serve HTTPS instead of HTTP, with the key and certificate in "
        "<data_dir>/api-certificate.pem. If there is none, the server makes one, which clients "
        "recognize by its fingerprint. Clients on this machine may use HTTP still.",
        json_schema_extra=RESTART | ADMIN,
    )
    public_lists: bool = Field(
        False,
        description="Answer `/v1/models`, `/v1/audio/models` and `/v1/audio/voices` without a "
        "token, for programs such as Open WebUI that send none there.",
        json_schema_extra=ADMIN,
    )
    allowed_hosts: list[str] = Field(
        default_factory=list,
        description="Additional host names under which clients reach the API, such as the name of "
        "a reverse proxy.",
        json_schema_extra=ADMIN,
    )
    cors_origins: list[str] = Field(
        default_factory=list,
        description="Web origins that may call the API (CORS), such as `https://example.com`.",
        json_schema_extra=ADMIN,
    )


class SecuritySection(Section):
    """Protection against files and models from strangers."""

    sandbox: Literal["auto", "off"] = Field(
        "auto",
        description="`auto` confines the processes that run models and read recordings as far as "
        "the kernel can: no network, only their own files. `off` if a library needs more.",
        json_schema_extra=RESTART | ADMIN,
    )


class JobsSection(Section):
    """Background jobs: recordings to transcribe and texts to speak, sent over HTTP."""

    retention: Duration = Field(
        604_800.0, ge=0, description="Seconds to keep finished jobs and their files."
    )
    max_upload: Size = Field(
        4 * 1024**3, ge=1_048_576, description="Largest recording to accept, in bytes."
    )
    quota: Size = Field(
        16 * 1024**3,
        ge=1_048_576,
        description="Disk space for recordings that wait, and the same again for synthesized "
        "audio, in bytes.",
    )
    max_duration: Duration = Field(
        86_400.0,
        ge=60,
        description="Longest recording, and longest speech, of a job, in seconds of audio.",
    )
    max_queued: int = Field(
        256, ge=1, le=100_000, description="Jobs that may wait; more are refused with BUSY."
    )


class WebhooksSection(Section):
    """Webhooks: notifications when a job ends or a model is loaded or unloaded."""

    allowed_targets: list[str] = Field(
        default_factory=lambda: ["public"],
        description="Hosts and networks that may be called. `public` allows the whole internet; "
        "list hosts and networks of your home one by one.",
        json_schema_extra=ADMIN,
    )
    timeout: Duration = Field(
        10.0, ge=1, le=60, description="Seconds to wait for the response of a webhook."
    )


class DiscoverySection(Section):
    """Discovery on the local network."""

    zeroconf: bool = Field(
        True,
        description="Advertise the servers with zeroconf so that Home Assistant discovers them.",
    )
    wyoming: Literal["auto", "always", "never"] = Field(
        "auto",
        description="Advertise the Wyoming services one by one, besides the API. `auto`: while no "
        "Home Assistant uses the integration, which needs the API alone.",
    )
    name: str = Field(
        "", description="Name of this machine in the advertisements. Empty: the host name."
    )


class LimitsSection(Section):
    """Limits that protect clients from each other."""

    max_connections: int = Field(
        256,
        ge=1,
        le=10_000,
        description="Open connections per port. When all are in use, a new client replaces one "
        "that is idle, or is refused.",
        json_schema_extra=ADMIN,
    )
    max_connections_per_address: int = Field(
        128,
        ge=1,
        le=10_000,
        description="Open connections per port and client address. Home Assistant needs one per "
        "satellite that listens for a wake word, and one per voice command.",
        json_schema_extra=ADMIN,
    )
    max_event_bytes: Size = Field(
        1024 * 1024,
        ge=65_536,
        description="Largest audio, text or list of names in one Wyoming event, in bytes. Other "
        "events may have 64 KiB.",
    )
    idle_timeout: Duration = Field(
        300.0, ge=1, description="Seconds without data after which a connection is closed."
    )
    max_requests_per_second: float = Field(
        100.0,
        ge=1,
        le=100_000,
        description="HTTP requests per second and client address.",
        json_schema_extra=ADMIN,
    )
    request_timeout: Duration = Field(
        60.0, ge=1, description="Seconds after which an unanswered request fails."
    )
    load_timeout: Duration = Field(
        120.0, ge=1, description="Seconds after which loading a model fails."
    )
    max_queued_requests: int = Field(
        64, ge=1, description="Requests that may wait for one model; more are refused with BUSY."
    )
    min_free_disk: Size = Field(
        1024**3,
        ge=0,
        description="Disk space that is left free, in bytes, but at most 5 % of the disk. Uploads, "
        "jobs, downloads and cached phrases that would need it are refused.",
    )
    shutdown_grace: Duration = Field(
        10.0, ge=0, le=300, description="Seconds that running requests get to finish at shutdown."
    )


class MemorySection(Section):
    """Memory for models."""

    budget: str = Field(
        "90%",
        description="Memory for models, per device: a size (`4GiB`) or a percentage of the "
        "memory of the device (`90%`).",
    )
    reserve: Size = Field(
        256 * 1024 * 1024,
        ge=0,
        description="Memory to keep free for other programs, per device, in bytes.",
    )
    gpu_poll_interval: Duration = Field(
        30.0,
        ge=1,
        le=3_600,
        description="Seconds after which a client is told to ask again while its model waits for "
        "memory. The server itself loads the model as soon as there is enough.",
    )


class DownloadsSection(Section):
    """Model downloads."""

    offline: bool = Field(
        False, description="Never use the network. Installed models work as usual."
    )
    endpoint: str = Field(
        "https://huggingface.co",
        pattern=r"^https?://\S+$",
        examples=["https://huggingface.co", "https://hf-mirror.com"],
        description="Address of Hugging Face or of a mirror; the environment variable HF_ENDPOINT "
        "sets it too.",
        json_schema_extra=ADMIN,
    )
    mirrors: list[Annotated[str, Field(pattern=r"^https?://\S+$")]] = Field(
        default_factory=list,
        max_length=16,
        examples=[["https://hf-mirror.com"]],
        description="Further addresses of Hugging Face, tried in this order if `endpoint` fails. "
        "One that failed is tried last for ten minutes.",
        json_schema_extra=ADMIN,
    )
    quota: Size = Field(
        0,
        ge=0,
        description="Disk space for models, in bytes. The least recently used models are deleted "
        "first. 0: no limit.",
    )
    keep_used: Duration = Field(
        1_209_600.0,
        ge=0,
        description="Seconds after its last request, or after a client declared that it needs it, "
        "for which clearing the cache keeps a model.",
    )


class LogSection(Section):
    """Logging."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Lowest severity to log."
    )
    format: Literal["text", "json"] = Field(
        "text",
        description="`text`, or `json` for one JSON object per line.",
        json_schema_extra=RESTART,
    )


class RequestsSection(Section):
    """What is kept of requests, in memory only, for the page."""

    keep_text: bool = Field(
        False,
        description="Keep what was transcribed and spoken, for corrections.",
        json_schema_extra=ADMIN,
    )
    keep_audio: bool = Field(
        False,
        description="Keep the audio of requests, to listen to it and to try other models.",
        json_schema_extra=ADMIN,
    )
    max_kept: int = Field(
        200, ge=1, le=500, description="Number of requests whose text or audio is kept."
    )
    retention: Duration = Field(
        86_400.0, ge=60, description="Seconds after which text and audio are forgotten."
    )


class TelemetrySection(Section):
    """Export of traces."""

    otlp_endpoint: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        examples=["http://localhost:4318"],
        description="OpenTelemetry collector that receives traces over OTLP/HTTP. Empty: none.",
        json_schema_extra=ADMIN,
    )


_URL: Final = r"^(https?://\S+)?$"

SECRET_KEYS: Final = frozenset({"conversation.openai.api_key", "conversation.home_assistant.token"})
"""Keys, dotted, whose value the API does not show."""


class OpenAiAgentSection(Section):
    """Language model with an API like OpenAI's, such as that of Ollama, llama.cpp or vLLM."""

    url: str = Field(
        "",
        pattern=_URL,
        examples=["http://localhost:11434/v1"],
        description="Base URL of the API, without `/chat/completions`.",
        json_schema_extra=ADMIN,
    )
    model: str = Field("", description="Name of the model. Empty: the first one of the API.")
    api_key: str = Field(
        "", description="Key of the API, if it needs one.", json_schema_extra=ADMIN
    )


class HomeAssistantAgentSection(Section):
    """Conversation agent of Home Assistant."""

    url: str = Field(
        "",
        pattern=_URL,
        examples=["http://homeassistant.local:8123"],
        description="Address of Home Assistant.",
        json_schema_extra=ADMIN,
    )
    token: str = Field(
        "",
        description="Long-lived access token, from your profile in Home Assistant.",
        json_schema_extra=ADMIN,
    )
    agent_id: str = Field(
        "",
        examples=["conversation.home_assistant"],
        description="Entity of the conversation agent. Empty: Home Assistant's default.",
    )


class ConversationSection(Section):
    """Spoken conversation: Talk on the page, and clients of `/v1/realtime`."""

    agent: Literal["echo", "openai", "home_assistant"] = Field(
        "echo",
        description="Source of the answers: `openai` for a language model, `home_assistant`, or "
        "`echo`, which repeats the words.",
    )
    instructions: str = Field(
        "You are a voice assistant. Answer in one or two short sentences of plain text, without "
        "lists and emojis.",
        description="Instructions for the language model, unless the client sends its own.",
    )
    max_history: int = Field(
        16_000,
        ge=500,
        le=1_000_000,
        description="Longest history that the language model gets, in characters. The oldest "
        "messages are dropped first.",
    )
    summarize: bool = Field(
        False,
        description="Have the language model summarize the messages that are dropped from the "
        "history, so that it remembers them.",
    )
    moderation_url: str = Field(
        "",
        pattern=_URL,
        examples=["https://api.openai.com/v1/moderations"],
        description="Moderation service with an API like OpenAI's. Flagged speech gets no answer. "
        "Empty: none.",
        json_schema_extra=ADMIN,
    )
    optional_timeout: Duration = Field(
        0.3,
        ge=0,
        le=5,
        description="Seconds that optional steps such as moderation may delay an answer. A step "
        "that needs longer is skipped.",
    )
    openai: OpenAiAgentSection = OpenAiAgentSection()
    home_assistant: HomeAssistantAgentSection = HomeAssistantAgentSection()


class ModelSection(Section):
    """Settings of one model; the key is its id."""

    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda(:\d+)?)$",
        examples=["auto", "cpu", "cuda:0"],
        description="Device to run on: `auto`, `cpu` or `cuda:N`.",
        json_schema_extra=RELOAD,
    )
    compute_type: str = Field(
        "auto",
        description="Compute type in the engine's terms: `int8`, `float16`, `int8_float16`, "
        "`float32`.",
        json_schema_extra=RELOAD,
    )
    cpu_fallback: bool = Field(
        True,
        description="Run on the CPU while the GPU has no free memory or is unavailable.",
        json_schema_extra=RELOAD,
    )
    keep_alive: KeepAlive | None = Field(
        None,
        description="Overrides keep_alive for this model.",
    )
    pinned: bool = Field(
        False,
        description="Load this model at start, keep it loaded when idle, and never evict it for "
        "another model.",
    )
    options: dict[str, int | float | str | bool] = Field(
        default_factory=dict,
        description="Load options of the engine, such as `cpu_threads`.",
        examples=[{"cpu_threads": 4}],
        json_schema_extra=RELOAD,
    )


class Config(Section):
    """The whole configuration."""

    data_dir: Path = Field(
        Path("~/.local/share/wyoming-conductor"),
        description="Folder for models, caches and state.",
        json_schema_extra=RESTART | ADMIN,
    )
    host: str = Field(
        "0.0.0.0",  # noqa: S104  (Home Assistant usually runs on another machine)
        description="Address to listen on. `0.0.0.0`: all IPv4 addresses, `::`: all IPv4 and IPv6 "
        "addresses, `127.0.0.1`: only clients on this machine.",
        json_schema_extra=RESTART | ADMIN,
    )
    asr: AsrSection = AsrSection()
    tts: TtsSection = TtsSection()
    wake: WakeSection = WakeSection()
    speakers: SpeakersSection = SpeakersSection()
    api: ApiSection = ApiSection()
    security: SecuritySection = SecuritySection()
    jobs: JobsSection = JobsSection()
    webhooks: WebhooksSection = WebhooksSection()
    discovery: DiscoverySection = DiscoverySection()
    limits: LimitsSection = LimitsSection()
    memory: MemorySection = MemorySection()
    downloads: DownloadsSection = DownloadsSection()
    log: LogSection = LogSection()
    requests: RequestsSection = RequestsSection()
    conversation: ConversationSection = ConversationSection()
    telemetry: TelemetrySection = TelemetrySection()
    keep_alive: KeepAlive = Field(
        AUTO,
        description="Seconds to keep an idle model loaded: 0 unloads after each request, -1 never "
        "unloads (as in Ollama). `auto` is 300, but a model that settings or clients use stays for "
        "a day while its device has memory to spare: a quarter of its memory, or 4 GiB.",
    )
    preload: bool | list[str] = Field(
        True,
        description="Models to load at start: true for the default models of all services, or a "
        "list of model ids. Models that are added while the server runs are loaded at once.",
    )
    models: dict[str, ModelSection] = Field(
        default_factory=dict, description="Settings per model id.", examples=["whisper/base"]
    )


RENAMED_KEYS: Final[dict[tuple[str, ...], tuple[str, ...]]] = {
    ("asr", "silence"): ("asr", "end_silence"),
    ("asr", "silence_min"): ("asr", "end_silence_complete"),
    ("asr", "silence_max"): ("asr", "end_silence_incomplete"),
    ("asr", "speculation"): ("asr", "speculative_transcription"),
    ("asr", "partials"): ("asr", "partial_transcripts"),
    ("wake", "models"): ("wake", "words"),
    ("wake", "arbitration"): ("wake", "arbitration_window"),
    ("api", "hosts"): ("api", "allowed_hosts"),
    ("api", "origins"): ("api", "cors_origins"),
    ("jobs", "keep"): ("jobs", "retention"),
    ("jobs", "queue"): ("jobs", "max_queued"),
    ("webhooks", "allow"): ("webhooks", "allowed_targets"),
    ("limits", "connections"): ("limits", "max_connections"),
    ("limits", "event_bytes"): ("limits", "max_event_bytes"),
    ("limits", "idle"): ("limits", "idle_timeout"),
    ("limits", "rate"): ("limits", "max_requests_per_second"),
    ("limits", "request"): ("limits", "request_timeout"),
    ("limits", "load"): ("limits", "load_timeout"),
    ("limits", "queue"): ("limits", "max_queued_requests"),
}
"""Former names of keys. They are not accepted; the error message names the new key."""

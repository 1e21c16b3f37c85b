"""Every configuration key with its type, unit, default and meaning. Defaults exist only here.

A key applies at restart unless its field carries `LIVE`.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from wyoming_servers.config.units import parse_duration, parse_size

Duration = Annotated[float, BeforeValidator(parse_duration)]
"""Seconds: a number, or a text such as `30s`, `5m`, `1h`."""

Size = Annotated[int, BeforeValidator(parse_size)]
"""Bytes: a number, or a text such as `512MiB`, `2GiB`."""

Port = Annotated[int, Field(ge=0, le=65_535)]
"""TCP port; 0 lets the system choose a free one."""


class Applies(StrEnum):
    """When a changed value takes effect."""

    LIVE = "live"
    """At once, for the next request."""
    RELOAD = "reload"
    """After the models that it concerns were loaded again."""
    RESTART = "restart"
    """At the next start of the server."""


LIVE: Final[dict[str, Any]] = {"applies": Applies.LIVE}
"""`json_schema_extra` of a key that takes effect at once."""


class Section(BaseModel):
    """Base of all sections: unknown keys are faults, values never change after loading."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )


class AsrSection(Section):
    """Speech to text."""

    enabled: bool = Field(True, description="Serve speech-to-text.")
    port: Port = Field(10_300, description="Wyoming port.")
    model: str = Field("whisper/base", description="Model id, as `models list` shows it.")
    language: str = Field(
        "auto", description="Language when the client names none: a code such as `en`, or `auto`."
    )
    languages: list[str] = Field(
        default_factory=list,
        description="Languages that `auto` chooses from; empty: all that the model knows.",
        examples=[["en", "de"]],
    )
    extra_ports: dict[str, Port] = Field(
        default_factory=dict,
        description=(
            "Wyoming ports beside `port`, each for one model id: Home Assistant uses the first "
            "model of a port."
        ),
        examples=[{"whisper/tiny.en": 10_301}],
    )
    beam_size: int = Field(
        1, ge=1, le=10, description="Whisper's beam width; 5 is slower, rarely better."
    )
    initial_prompt: str = Field("", description="Text that biases spelling, such as names.")
    turn_detection: bool = Field(
        True,
        description="End the utterance here instead of waiting for the client's audio-stop.",
    )
    silence: Duration = Field(
        0.7, ge=0.1, le=5, description="Silence after speech that ends a turn, in seconds."
    )
    silence_min: Duration = Field(
        0.3, ge=0.1, le=5, description="The same after a complete sentence, in seconds."
    )
    silence_max: Duration = Field(
        1.2,
        ge=0.1,
        le=10,
        description="The same after half a sentence, or of a slow speaker, in seconds.",
    )
    speculation: bool = Field(
        True, description="Transcribe at each pause already, while the model has nothing to do."
    )
    partials: bool = Field(
        False,
        description=(
            "Transcribe during speech too, when the machine is idle, for clients that show it; "
            "costs CPU, and words that were sent stay as they are."
        ),
    )
    no_speech_timeout: Duration = Field(
        10.0, ge=1, le=120, description="Give up when nobody speaks for this long, in seconds."
    )
    max_utterance: Duration = Field(
        30.0, ge=1, le=600, description="Longest utterance that is kept, in seconds of audio."
    )


class PhraseCacheSection(Section):
    """Audio of phrases that were spoken before."""

    enabled: bool = Field(True, description="Keep them; a repeated phrase is then there at once.")
    memory: Size = Field(32 * 1024**2, ge=0, description="Held in memory, in bytes.")
    disk: Size = Field(256 * 1024**2, ge=0, description="Held in <data_dir>/cache, in bytes.")


class TtsSection(Section):
    """Text to speech."""

    enabled: bool = Field(True, description="Serve text-to-speech.")
    port: Port = Field(10_200, description="Wyoming port.")
    voice: str = Field("en_US-joe-medium", description="Voice when the client names none.")
    speed: float = Field(1.0, ge=0.5, le=2.0, description="1.0 is the voice's own pace.")
    presets: list[str] = Field(
        default_factory=list,
        description="More voices: paces (`name@slow`, `name@1.2`), mixes (`a*0.7+b*0.3`).",
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
    """Settings of one wake word, under its name."""

    threshold: float | None = Field(
        None, gt=0, lt=1, description="Instead of wake.threshold, for this word."
    )
    trigger_level: int | None = Field(
        None, ge=1, le=20, description="Instead of wake.trigger_level, for this word."
    )
    engine: Literal["auto", "openwakeword", "microwakeword"] = Field(
        "auto", description="Which engine hears it, where both know a word of this name."
    )


class WakeSection(Section):
    """Wake words."""

    enabled: bool = Field(True, description="Serve wake words.")
    port: Port = Field(10_400, description="Wyoming port.")
    models: list[str] = Field(
        default_factory=list, description="Words to offer; empty offers all that are installed."
    )
    threshold: float = Field(
        0.5, gt=0, lt=1, description="Score from which a frame counts as the word."
    )
    trigger_level: int = Field(
        1, ge=1, le=20, description="Consecutive frames over the threshold that make a detection."
    )
    refractory: Duration = Field(
        2.0, ge=0, le=30, description="Seconds a word stays silent after a detection."
    )
    vad: bool = Field(
        True, description="Compute only while somebody may be speaking; a quiet room costs nothing."
    )
    models_dir: Path | None = Field(
        None,
        description="Folder with your own words (.tflite, .onnx); default: <data_dir>/wake-words.",
    )
    arbitration: Duration = Field(
        0.0,
        ge=0,
        le=10,
        description=(
            "Seconds in which only the first of several satellites that hear a word is told; 0: "
            "all are, and Home Assistant takes the first."
        ),
    )
    words: dict[str, WakeWordSection] = Field(
        default_factory=dict, description="Settings per wake word.", examples=["hey_jarvis"]
    )


class ApiSection(Section):
    """The HTTP API."""

    enabled: bool = Field(True, description="Serve the HTTP API.")
    port: Port = Field(10_380, description="HTTP port.")
    auth: Literal["token", "none"] = Field(
        "token",
        description="`token` asks for the bearer token in <data_dir>/api-token; `none` is open.",
    )
    hosts: list[str] = Field(
        default_factory=list,
        description="Further host names the API is reached under, such as behind a proxy.",
    )
    origins: list[str] = Field(
        default_factory=list,
        description="Web pages that may use the API, such as `https://example.com` (CORS).",
    )


class JobsSection(Section):
    """Long recordings sent over HTTP."""

    keep: Duration = Field(
        604_800.0, ge=0, description="Ended jobs are kept for this long, in seconds."
    )
    max_upload: Size = Field(4 * 1024**3, ge=1_048_576, description="Largest recording, in bytes.")
    quota: Size = Field(
        16 * 1024**3,
        ge=1_048_576,
        description="All recordings that wait, and all speech that was made, in bytes each.",
    )
    queue: int = Field(256, ge=1, le=100_000, description="Jobs that may wait; then BUSY.")


class WebhooksSection(Section):
    """Addresses that are told when a job ends or a model comes and goes."""

    allow: list[str] = Field(
        default_factory=lambda: ["public"],
        description="Where to: `public` is the internet; hosts and networks at home by name.",
    )
    timeout: Duration = Field(
        10.0,
        ge=1,
        le=60,
        description="Time an address has to answer, in seconds.",
    )


class DiscoverySection(Section):
    """Being found on the network."""

    zeroconf: bool = Field(True, description="Announce the servers so that Home Assistant asks.")
    name: str = Field("", description="Name of this machine in announcements; empty: host name.")


class LimitsSection(Section):
    """Bounds that keep one client from harming the others."""

    connections: int = Field(256, ge=1, le=10_000, description="Open connections per port.")
    event_bytes: Size = Field(
        4 * 1024 * 1024, ge=65_536, description="Largest event (header, data and payload each)."
    )
    idle: Duration = Field(
        300.0, ge=1, description="Close a connection that sends nothing for this long, in seconds."
    )
    rate: float = Field(
        100.0, ge=1, le=100_000, description="HTTP requests per second and client address."
    )
    request: Duration = Field(
        60.0, ge=1, description="A request is answered or failed after this long, in seconds."
    )
    load: Duration = Field(
        120.0, ge=1, description="A model that is not ready after this long failed, in seconds."
    )
    queue: int = Field(64, ge=1, description="Requests that may wait for a model; then BUSY.")
    shutdown_grace: Duration = Field(
        10.0, ge=0, le=300, description="Time running requests get to end at shutdown, in seconds."
    )


class MemorySection(Section):
    """How much memory models may hold."""

    budget: str = Field(
        "90%",
        description="For models, per device: bytes (`4GiB`) or a share of the device (`90%`).",
    )
    reserve: Size = Field(
        256 * 1024 * 1024, ge=0, description="Always left free for others, per device."
    )


class DownloadsSection(Section):
    """Where models are pulled from."""

    offline: bool = Field(False, description="Never use the network; installed models still work.")
    endpoint: str = Field(
        "https://huggingface.co",
        pattern=r"^https?://\S+$",
        examples=["https://huggingface.co", "https://hf-mirror.com"],
        description="Address of Hugging Face or of a mirror of it (HF_ENDPOINT sets it too).",
    )
    quota: Size = Field(
        0,
        ge=0,
        description="Bytes that models may take; the least recently used go first. 0: no limit.",
    )


class LogSection(Section):
    """The log."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Lowest severity to log.", json_schema_extra=LIVE
    )
    format: Literal["text", "json"] = Field("text", description="`json` writes a line per object.")


class TelemetrySection(Section):
    """Where traces go beside this server's own addresses."""

    otlp_endpoint: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        examples=["http://localhost:4318"],
        description="OpenTelemetry collector that takes traces over HTTP; empty: none.",
    )


class ModelSection(Section):
    """Settings of one model, under its id."""

    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda(:\d+)?)$",
        examples=["auto", "cpu", "cuda:0"],
        description="`auto`, `cpu` or `cuda:N`.",
    )
    compute_type: str = Field(
        "auto", description="The engine's own name: `int8`, `float16`, `int8_float16`, `float32`."
    )
    cpu_fallback: bool = Field(
        True, description="Let the CPU serve while the GPU has no room or is lost."
    )
    keep_alive: Duration | None = Field(
        None,
        description="Overrides keep_alive for this model.",
        json_schema_extra=LIVE,
    )
    pinned: bool = Field(
        False,
        description="Never evict this model to make room for another.",
        json_schema_extra=LIVE,
    )
    options: dict[str, int | float | str | bool] = Field(
        default_factory=dict,
        description="The engine's own load options, such as `cpu_threads`.",
        examples=[{"cpu_threads": 4}],
    )


class Config(Section):
    """The whole configuration."""

    data_dir: Path = Field(
        Path("~/.local/share/wyoming-conductor"),
        description="Where models, caches and state are kept.",
    )
    host: str = Field(
        "0.0.0.0",  # noqa: S104  (Home Assistant usually runs on another machine)
        description="Address to listen on; 127.0.0.1 for this machine only.",
    )
    asr: AsrSection = AsrSection()
    tts: TtsSection = TtsSection()
    wake: WakeSection = WakeSection()
    api: ApiSection = ApiSection()
    jobs: JobsSection = JobsSection()
    webhooks: WebhooksSection = WebhooksSection()
    discovery: DiscoverySection = DiscoverySection()
    limits: LimitsSection = LimitsSection()
    memory: MemorySection = MemorySection()
    downloads: DownloadsSection = DownloadsSection()
    log: LogSection = LogSection()
    telemetry: TelemetrySection = TelemetrySection()
    keep_alive: Duration = Field(
        300.0,
        description="Seconds to keep an idle model loaded. 0 unloads after each request, -1 never "
        "unloads (as in Ollama).",
        json_schema_extra=LIVE,
    )
    preload: bool | list[str] = Field(
        True, description="Load at start: true for the models served by default, or a list of ids."
    )
    models: dict[str, ModelSection] = Field(
        default_factory=dict, description="Settings per model id.", examples=["whisper/base"]
    )

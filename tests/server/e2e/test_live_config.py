"""Every key of the configuration, changed over HTTP on a running server with real models.

`CHECKS` has one check per key; a key without a check fails the test. Each check changes its key
with `PATCH /config` and looks at what the next request does: over the sockets, or at what reached
the worker. Afterwards every key is put back.
"""

import asyncio
import contextlib
import io
import json
import logging
import shutil
import socket
import time
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from aiohttp import web
from websockets.asyncio.client import connect
from wyoming.asr import Transcribe
from wyoming.audio import AudioChunk
from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.tts import Synthesize, SynthesizeVoice
from wyoming.wake import Detect

from wyoming_servers.app.application import Application
from wyoming_servers.config.key_tree import dotted_path, key_tree
from wyoming_servers.config.load import load_config
from wyoming_servers.config.schema import Applies
from wyoming_servers.core.domain import ModelSpec, Placement
from wyoming_servers.jobs import files as job_files
from wyoming_servers.scheduling.lease import ActiveLease
from wyoming_servers.speech.asr.pipeline import Utterance
from wyoming_servers.webhooks.sender import WebhookSender
from wyoming_servers.wyoming import discovery as discovery_module
from wyoming_servers.wyoming.discovery import Announcement, Discovery

pytestmark = [pytest.mark.e2e, pytest.mark.component]

TINY, BASE, JOE = "whisper/tiny.en", "whisper/base", "piper/en_US-joe-medium"
VOICE = "en_US-joe-medium"
SLOW = f"{VOICE}@slow"
WAKE_CLIP = Path(__file__).parents[2] / "e2e" / "recordings" / "hey_jarvis.wav"
READER_CLIP = Path(__file__).parents[2] / "data" / "librivox_0870.wav"
SENTENCES = "One is here. Two is there."
Patch = dict[str, Any]


class World:
    """A running server, its clients, and records of what reached its workers."""

    def __init__(self, application: Application, clip: bytes, folder: Path) -> None:
        self.application = application
        self.ports = application.ports
        self.clip = clip
        self.folder = folder
        self.helpers: Any = None
        self.client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.ports['api']}", timeout=120
        )
        token = (folder / "data" / "api-token").read_text().strip()
        self.client.headers["Authorization"] = f"Bearer {token}"
        self.runs: list[tuple[ModelSpec, Placement, dict[str, Any]]] = []
        """Spec, placement and request of every run."""
        self.utterances: list[Utterance] = []
        self.webhook_timeouts: list[float] = []
        self.announced: list[list[Announcement]] = []

    async def patch(self, patch: Patch, status: int = 200) -> dict[str, Any]:
        answer = await self.client.patch("/config", json=patch)
        assert answer.status_code == status, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def get(self, path: str) -> Any:
        answer = await self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    @contextlib.asynccontextmanager
    async def connect(self, service: str) -> AsyncIterator[AsyncTcpClient]:
        async with AsyncTcpClient("127.0.0.1", self.ports[service]) as client:
            yield client

    async def describe(self, service: str) -> Info:
        async with self.connect(service) as client:
            await client.write_event(Describe().event())
            return Info.from_event(await self.helpers.read_until(client, "info"))

    async def transcribe(self, language: str | None = None) -> dict[str, Any]:
        """Speak, and return the request that reached the worker."""
        async with self.connect("asr") as client:
            await client.write_event(Transcribe(language=language).event())
            await self.helpers.send_audio(client, self.clip)
            answer = await self.helpers.read_until(client, "transcript", "error")
            assert answer.type == "transcript", answer.data
        return self.runs[-1][2]

    async def turn(self) -> Any:
        await self.transcribe()
        return self.utterances[-1]._turn_settings

    async def synthesize(self, text: str = SENTENCES, voice: str | None = None) -> int:
        """Return the bytes of audio."""
        async with self.connect("tts") as client:
            chosen = SynthesizeVoice(name=voice) if voice else None
            await client.write_event(Synthesize(text=text, voice=chosen).event())
            size = 0
            async with asyncio.timeout(60):
                while (event := await client.read_event()) is not None:
                    assert event.type != "error", event.data
                    if AudioChunk.is_type(event.type):
                        size += len(AudioChunk.from_event(event).audio)
                    if event.type == "audio-stop":
                        return size
        raise AssertionError("the connection closed")

    async def detect(self, word: str = "hey_jarvis") -> Event:
        with wave.open(str(WAKE_CLIP)) as file:
            pcm = file.readframes(file.getnframes()) + bytes(32_000)
        async with self.connect("wake") as client:
            await client.write_event(Detect(names=[word]).event())
            await self.helpers.send_audio(client, pcm)
            answer: Event = await self.helpers.read_until(client, "detection", "not-detected")
            return answer

    async def wake_request(self) -> dict[str, Any]:
        await self.detect()
        return self.runs[-1][2]

    async def state(self, model: str) -> str:
        return str((await self.get(f"/models/{model}"))["state"])

    async def until(self, condition: Callable[[], Awaitable[object]], seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110  (seen over HTTP, which has no event)
                await asyncio.sleep(0.05)

    @property
    def planner(self) -> Any:
        """What the scheduler decides with; its limits show at no socket without long waits."""
        reloader: Any = self.application._reloader
        return reloader.coordinator._runtime.planner.state


Check = Callable[[World], Awaitable[None]]
CHECKS: dict[str, Check] = {}


def check(*keys: str) -> Callable[[Check], Check]:
    def register(function: Check) -> Check:
        for key in keys:
            assert key not in CHECKS, key
            CHECKS[key] = function
        return function

    return register


# Services


async def toggles(world: World, service: str) -> None:
    port = world.ports[service]
    await world.patch({service: {"enabled": False}})
    with pytest.raises(OSError):  # noqa: PT011  (whatever the system says)
        await asyncio.open_connection("127.0.0.1", port)
    assert service not in world.ports
    await world.patch({service: {"enabled": True}})
    assert (await world.describe(service)).to_dict()[service]


@check("asr.enabled")
async def asr_enabled(world: World) -> None:
    await toggles(world, "asr")


@check("tts.enabled")
async def tts_enabled(world: World) -> None:
    await toggles(world, "tts")


@check("wake.enabled")
async def wake_enabled(world: World) -> None:
    await toggles(world, "wake")


@check("api.enabled")
async def api_enabled(world: World) -> None:
    """Checked last: nothing can be changed over HTTP afterwards."""
    port = world.ports["api"]
    await world.patch({"api": {"enabled": False}})

    async def is_closed() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return True
        writer.close()
        return False

    await world.until(is_closed)


# Speech-to-text


@check("asr.model")
async def asr_model(world: World) -> None:
    await world.patch({"asr": {"model": BASE}})
    await world.transcribe()
    assert world.runs[-1][0].id == BASE


@check("asr.language")
async def asr_language(world: World) -> None:
    await world.patch({"asr": {"model": BASE, "language": "de"}})
    assert (await world.transcribe())["language"] == "de"


@check("asr.languages")
async def asr_languages(world: World) -> None:
    await world.patch({"asr": {"model": BASE, "languages": ["de", "en"]}})
    assert (await world.transcribe())["languages"] == ["de", "en"]


@check("asr.beam_size")
async def asr_beam_size(world: World) -> None:
    await world.patch({"asr": {"beam_size": 3}})
    assert (await world.transcribe())["beam_size"] == 3


@check("asr.initial_prompt")
async def asr_initial_prompt(world: World) -> None:
    await world.patch({"asr": {"initial_prompt": "Ten meters."}})
    assert (await world.transcribe())["initial_prompt"] == "Ten meters."


@check("asr.external_vad")
async def asr_external_vad(world: World) -> None:
    assert (await world.describe("asr")).asr[0].requires_external_vad
    await world.patch({"asr": {"external_vad": False}})
    assert not (await world.describe("asr")).asr[0].requires_external_vad


@check("asr.turn_detection")
async def asr_turn_detection(world: World) -> None:
    await world.patch({"asr": {"turn_detection": False}})
    assert (await world.turn()).end_silence == float("inf")


@check("asr.turn_model")
async def asr_turn_model(world: World) -> None:
    await world.transcribe()
    assert world.utterances[-1]._turn_analyzer is None
    await world.patch({"asr": {"turn_model": "smart-turn"}})
    await world.transcribe()
    assert world.utterances[-1]._turn_analyzer is not None
    refused = await world.patch({"asr": {"turn_model": "smart"}}, 400)
    assert "smart-turn" in str(refused)


def turn_key(key: str, value: float, **others: float) -> None:
    async def applies(world: World) -> None:
        await world.patch({"asr": {key: value, **others}})
        assert getattr(await world.turn(), key) == value

    check(f"asr.{key}")(applies)


turn_key("end_silence", 0.9)
turn_key("end_silence_complete", 0.4)
turn_key("end_silence_incomplete", 2.5)
turn_key("no_speech_timeout", 3.0)
turn_key("max_utterance", 20.0)


@check("asr.speculative_transcription", "asr.partial_transcripts")
async def asr_speculation(world: World) -> None:
    await world.patch({"asr": {"speculative_transcription": False, "partial_transcripts": True}})
    await world.transcribe()
    utterance = world.utterances[-1]
    assert not utterance._context.config.asr.speculative_transcription
    assert utterance._local_agreement is not None


# Text-to-speech


@check("tts.voice", "tts.presets")
async def tts_voice(world: World) -> None:
    normal = await world.synthesize()
    await world.patch({"tts": {"presets": [SLOW]}})
    assert SLOW in {voice.name for voice in (await world.describe("tts")).tts[0].voices}
    assert await world.synthesize(voice=SLOW) > normal
    await world.patch({"tts": {"voice": SLOW}})
    assert await world.synthesize() > normal


@check("tts.speed")
async def tts_speed(world: World) -> None:
    normal = await world.synthesize()
    await world.patch({"tts": {"speed": 1.8}})
    assert await world.synthesize() < normal


@check("tts.sentence_silence")
async def tts_sentence_silence(world: World) -> None:
    normal = await world.synthesize()
    await world.patch({"tts": {"sentence_silence": 2.0}})
    assert await world.synthesize() > normal + 2 * 22_050


@check("tts.max_text")
async def tts_max_text(world: World) -> None:
    await world.patch({"tts": {"max_text": 100}})
    async with world.connect("tts") as client:
        await client.write_event(Synthesize(text="word " * 30).event())
        answer = await world.helpers.read_until(client, "error", "audio-stop")
    assert (answer.type, answer.data["code"]) == ("error", "BAD_REQUEST"), answer.data


@check("tts.phrase_cache.enabled")
async def phrase_cache_enabled(world: World) -> None:
    assert (await world.get("/cache"))["phrases"] is not None
    await world.patch({"tts": {"phrase_cache": {"enabled": False}}})
    assert (await world.get("/cache"))["phrases"] is None


@check("tts.phrase_cache.memory", "tts.phrase_cache.disk")
async def phrase_cache_sizes(world: World) -> None:
    async def sizes() -> tuple[int, int]:
        phrases = (await world.get("/cache"))["phrases"]
        return phrases["memory_bytes"], phrases["bytes"]

    async def is_stored() -> bool:
        return all(await sizes())

    async def is_empty() -> bool:
        return not any(await sizes())

    await world.synthesize()
    await world.until(is_stored)
    await world.patch({"tts": {"phrase_cache": {"memory": 0, "disk": 0}}})
    await world.until(is_empty)


@check("tts.phrase_cache.compression")
async def phrase_compression(world: World) -> None:
    def codecs() -> set[bytes]:
        folder = world.folder / "data" / "cache" / "phrases"
        return {path.read_bytes()[32:].split(b"\n")[0] for path in folder.glob("*.phrase")}

    async def is_plain() -> bool:
        lines = await asyncio.to_thread(codecs)
        return any(b'"codec": "pcm"' in line for line in lines)

    assert not await is_plain()
    await world.patch({"tts": {"phrase_cache": {"compression": "none"}}})
    await world.synthesize("A phrase that nobody has said yet.")
    await world.until(is_plain)


# Wake words


@check("wake.words")
async def wake_words(world: World) -> None:
    await world.patch({"wake": {"words": ["hey_jarvis"]}})
    models = (await world.describe("wake")).wake[0].models
    assert [model.name for model in models] == ["hey_jarvis"]


@check("wake.threshold", "wake.trigger_level", "wake.refractory", "wake.vad")
async def wake_settings(world: World) -> None:
    await world.patch(
        {"wake": {"threshold": 0.4, "trigger_level": 2, "refractory": 3, "vad": False}}
    )
    request = await world.wake_request()
    assert request["threshold"] == {"hey_jarvis": 0.4}
    assert request["trigger_level"] == {"hey_jarvis": 2}
    assert (request["refractory"], request["vad"]) == (3.0, False)


@check(
    "speakers.enabled",
    "speakers.model",
    "speakers.verify_wake_words",
    "asr.only_known_speakers",
)
async def speakers(world: World) -> None:
    added = await world.client.post("/speakers", json={"name": "Reader"})
    recording = {"file": ("reader.wav", await asyncio.to_thread(READER_CLIP.read_bytes))}
    path = f"/speakers/{added.json()['id']}/recordings"
    enrolled = await world.client.post(path, files=recording)
    assert enrolled.json()["recognized"], enrolled.text
    await world.transcribe()
    assert world.utterances[-1]._text
    await world.patch({"asr": {"only_known_speakers": True}})
    await world.transcribe()
    assert world.utterances[-1]._text == ""
    await world.patch({"speakers": {"verify_wake_words": True}})
    assert (await world.detect()).type == "not-detected"
    await world.patch({"speakers": {"enabled": False}})
    assert (await world.detect()).type == "detection"
    await world.transcribe()
    assert world.utterances[-1]._text
    await world.patch({"speakers": {"enabled": True}})
    await world.patch({"speakers": {"model": "speaker/none"}}, status=400)
    await world.patch({"speakers": {"model": "speaker/campplus"}})
    listed = await world.get("/speakers")
    assert (listed["model"], listed["installed"], listed["active"]) == (
        "speaker/campplus",
        False,
        False,
    )
    assert (await world.client.delete("/speakers")).json() == {"deleted": 1}


@check("wake.word_settings.*.threshold", "wake.word_settings.*.trigger_level")
async def wake_word_settings(world: World) -> None:
    settings = {"hey_jarvis": {"threshold": 0.3, "trigger_level": 3}}
    await world.patch({"wake": {"word_settings": settings}})
    request = await world.wake_request()
    assert request["threshold"] == {"hey_jarvis": 0.3}
    assert request["trigger_level"] == {"hey_jarvis": 3}


@check("wake.word_settings.*.engine")
async def wake_word_engine(world: World) -> None:
    for engine in ("microwakeword", "openwakeword"):
        await world.patch({"wake": {"word_settings": {"hey_jarvis": {"engine": engine}}}})
        await world.detect()
        assert world.runs[-1][0].engine == engine


@check("wake.models_dir")
async def wake_models_dir(world: World) -> None:
    folder = world.folder / "my-words"
    folder.mkdir()
    (model,) = files("pyopen_wakeword").glob("**/hey_jarvis*.tflite")  # type: ignore[attr-defined]
    shutil.copy(model, folder / "robot.tflite")
    await world.patch({"wake": {"models_dir": str(folder)}})
    assert "robot" in {model.name for model in (await world.describe("wake")).wake[0].models}
    assert (await world.detect("robot")).type == "detection"


@check("wake.arbitration_window")
async def wake_arbitration(world: World) -> None:
    assert [(await world.detect()).type for _ in range(2)] == ["detection"] * 2
    await world.patch({"wake": {"arbitration_window": 10}})
    await world.detect()
    assert (await world.detect()).type == "not-detected"


# HTTP


@check("api.auth")
async def api_auth(world: World) -> None:
    async with httpx.AsyncClient(base_url=world.client.base_url) as anonymous:
        assert (await anonymous.get("/models")).status_code == 401
        await world.patch({"api": {"auth": "none"}})
        assert (await anonymous.get("/models")).status_code == 200
        await world.patch({"api": {"auth": "token"}})
        assert (await anonymous.get("/models")).status_code == 401


@check("api.public_lists")
async def api_public_lists(world: World) -> None:
    async with httpx.AsyncClient(base_url=world.client.base_url) as anonymous:
        assert (await anonymous.get("/v1/models")).status_code == 401
        await world.patch({"api": {"public_lists": True}})
        assert (await anonymous.get("/v1/models")).status_code == 200
        assert (await anonymous.get("/models")).status_code == 401


@check("api.allowed_hosts")
async def api_allowed_hosts(world: World) -> None:
    headers = {"Host": "voice.example.com"}
    assert (await world.client.get("/models", headers=headers)).status_code == 421
    await world.patch({"api": {"allowed_hosts": ["voice.example.com"]}})
    assert (await world.client.get("/models", headers=headers)).status_code == 200


@check("api.cors_origins")
async def api_cors_origins(world: World) -> None:
    origin, name = "https://example.com", "access-control-allow-origin"
    assert name not in (await world.client.get("/models", headers={"Origin": origin})).headers
    await world.patch({"api": {"cors_origins": [origin]}})
    answer = await world.client.get("/models", headers={"Origin": origin})
    assert answer.headers[name] == origin


# Jobs and webhooks


async def submit(world: World) -> httpx.Response:
    return await world.client.post("/jobs/speech", json={"text": "One."})


@check("jobs.retention")
async def jobs_retention(world: World) -> None:
    job = (await submit(world)).json()["job_id"]

    async def is_done() -> bool:
        return bool((await world.get(f"/jobs/{job}"))["status"] == "done")

    async def is_gone() -> bool:
        return (await world.client.get(f"/jobs/{job}")).status_code == 404

    await world.until(is_done)
    await world.patch({"jobs": {"retention": 0}})
    await world.until(is_gone)


@check("jobs.max_queued")
async def jobs_max_queued(world: World) -> None:
    await world.client.post("/pause")
    await world.patch({"jobs": {"max_queued": 1}})
    answers = [await submit(world) for _ in range(4)]
    assert answers[-1].status_code in (429, 503), [answer.status_code for answer in answers]
    for answer in answers:
        if answer.status_code < 300:
            await world.client.delete(f"/jobs/{answer.json()['job_id']}")
    await world.client.post("/resume")


@check("jobs.max_upload", "jobs.quota")
async def jobs_limits(world: World) -> None:
    async def upload() -> httpx.Response:
        files = {"audio": ("a.wav", bytes(2_000_000), "audio/wav")}
        return await world.client.post("/jobs", files=files)

    await world.patch({"jobs": {"max_upload": 1_048_576}})
    answer = await upload()
    assert answer.status_code == 413, answer.text
    await world.patch({"jobs": {"max_upload": None, "quota": 1_048_576}})
    answer = await upload()
    assert answer.status_code in (503, 507), answer.text


async def upload_recording(world: World, seconds: int) -> httpx.Response:
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(32_000 * seconds))
    files = {"audio": ("a.wav", sound.getvalue(), "audio/wav")}
    return await world.client.post("/jobs", files=files)


@check("jobs.max_duration")
async def jobs_max_duration(world: World) -> None:
    await world.patch({"jobs": {"max_duration": 60}})
    answer = await upload_recording(world, 70)
    if answer.status_code < 300:
        job = answer.json()["job_id"]

        async def has_ended() -> bool:
            status = (await world.get(f"/jobs/{job}"))["status"]
            return status in ("done", "failed")

        await world.until(has_ended)
        answer = await world.client.get(f"/jobs/{job}")
    assert "jobs.max_duration" in answer.text or "longer than" in answer.text, answer.text


@check("limits.min_free_disk")
async def min_free_disk(world: World) -> None:
    """Seen at the upload: what is kept free is at most a share of the disk."""
    await world.patch({"limits": {"min_free_disk": 12_345}})
    with patch.object(job_files, "IncomingUpload", wraps=job_files.IncomingUpload) as made:
        await upload_recording(world, 1)
    assert made.call_args.args[3] == 12_345


@check("webhooks.allowed_targets", "webhooks.timeout")
async def webhooks(world: World) -> None:
    url = "http://127.0.0.1:9/hook"
    assert (await world.client.post("/webhooks", json={"url": url})).status_code == 400
    await world.patch({"webhooks": {"allowed_targets": ["127.0.0.1"], "timeout": 3}})
    hook = await world.client.post("/webhooks", json={"url": url})
    assert hook.status_code == 201, hook.text
    await submit(world)

    async def was_called() -> bool:
        return 3.0 in world.webhook_timeouts

    await world.until(was_called)
    await world.client.delete(f"/webhooks/{hook.json()['id']}")


# Discovery


@check("discovery.zeroconf", "discovery.name", "discovery.wyoming")
async def discovery(world: World) -> None:
    assert world.announced == []
    await world.patch({"discovery": {"zeroconf": True, "name": "attic"}})

    async def is_announced() -> bool:
        return any(
            item.properties.get("name") == "attic" for items in world.announced for item in items
        )

    await world.until(is_announced)
    await world.patch({"discovery": {"wyoming": "never"}})

    async def is_api_alone() -> bool:
        return [item.type for item in world.announced[-1]] == ["_wyconductor._tcp.local."]

    await world.until(is_api_alone)


# Limits


async def first_of_two_connections_is_closed(world: World) -> None:
    async with world.connect("asr") as first, world.connect("asr") as second:
        await second.write_event(Describe().event())
        await world.helpers.read_until(second, "info")
        async with asyncio.timeout(10):
            while await first.read_event() is not None:
                pass


@check("limits.max_connections")
async def max_connections(world: World) -> None:
    await world.patch({"limits": {"max_connections": 1}})
    await first_of_two_connections_is_closed(world)


@check("limits.max_connections_per_address")
async def max_connections_per_address(world: World) -> None:
    await world.patch({"limits": {"max_connections_per_address": 1}})
    await first_of_two_connections_is_closed(world)


@check("limits.max_event_bytes")
async def max_event_bytes(world: World) -> None:
    await world.patch({"limits": {"max_event_bytes": 65_536}})
    async with world.connect("tts") as client:
        await client.write_event(Synthesize(text="word " * 14_000).event())
        answer = await client.read_event()
    assert answer is None or answer.type == "error"


@check("limits.idle_timeout")
async def idle_timeout(world: World) -> None:
    await world.patch({"limits": {"idle_timeout": 1}})
    async with world.connect("asr") as client, asyncio.timeout(10):
        while await client.read_event() is not None:
            pass


@check("limits.max_requests_per_second")
async def max_requests_per_second(world: World) -> None:
    await world.patch({"limits": {"max_requests_per_second": 1}})
    statuses = [(await world.client.get("/health/live")).status_code for _ in range(6)]
    assert 429 in statuses
    await asyncio.sleep(2.5)  # until the burst of the next requests is allowed again


@check(
    "limits.request_timeout",
    "limits.load_timeout",
    "limits.max_queued_requests",
    "limits.shutdown_grace",
)
async def scheduler_limits(world: World) -> None:
    limits = {"request_timeout": 33, "load_timeout": 44, "max_queued_requests": 5}
    await world.patch({"limits": {**limits, "shutdown_grace": 3}})
    policy = world.planner.policy
    assert {name: getattr(policy, name) for name in limits} == limits
    assert world.planner.queue.max_requests == 5
    reloader: Any = world.application._reloader
    assert reloader.coordinator._limits.shutdown_grace == 3
    await world.transcribe()
    assert world.utterances[-1]._context.config.limits.request_timeout == 33


@check("memory.budget", "memory.reserve")
async def memory(world: World) -> None:
    async def budget() -> int:
        return int((await world.get("/status"))["devices"][0]["budget_bytes"])

    await world.patch({"memory": {"budget": "3GiB"}})
    assert await budget() <= 3 * 2**30
    await world.patch({"memory": {"budget": None}})
    normal = await budget()
    await world.patch({"memory": {"reserve": "512GiB"}})
    assert await budget() < normal


@check("memory.gpu_poll_interval")
async def gpu_poll_interval(world: World) -> None:
    await world.patch({"memory": {"gpu_poll_interval": 7}})
    assert world.planner.policy.gpu_poll_interval == 7


# Downloads


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[tuple[str, list[bytes]]]:
    """An HTTP server that answers 404, and the requests that it got."""
    requests: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readline())
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", requests


async def download_failure(world: World) -> str:
    library: Any = world.application._reloader
    await world.client.post("/models/whisper/small/download")

    async def has_failed() -> bool:
        return "whisper/small" in library.library._failures

    await world.until(has_failed)
    return str(library.library._failures["whisper/small"])


@check("downloads.offline", "downloads.endpoint", "downloads.mirrors", "downloads.quota")
async def downloads(world: World) -> None:
    await world.patch({"downloads": {"offline": True}})
    assert "downloads.offline" in await download_failure(world)
    await world.patch({"downloads": {"offline": None, "quota": 1}})
    assert "downloads.quota" in await download_failure(world)
    async with listening() as (address, requests):
        await world.patch({"downloads": {"quota": None, "endpoint": address}})
        await download_failure(world)
        assert any(b"small" in request for request in requests)
    async with listening() as (address, requests):
        dead = {"endpoint": "http://127.0.0.1:9", "mirrors": [address]}
        await world.patch({"downloads": dead})
        await download_failure(world)
        assert any(b"small" in request for request in requests)
        await world.patch({"downloads": {"endpoint": None, "mirrors": None}})
    # The quota has removed the models that are not in use.
    await world.client.post(f"/models/{BASE}/download")

    async def is_installed() -> bool:
        return (await world.client.get(f"/models/{BASE}")).status_code == 200

    await world.until(is_installed)


@check("downloads.keep_used")
async def keep_used(world: World) -> None:
    await world.patch({"downloads": {"keep_used": "1h"}})
    declared = (await world.client.put("/references/somebody", json={})).json()
    seconds = [datetime.fromisoformat(declared[key]) for key in ("declared", "expires")]
    assert (seconds[1] - seconds[0]).total_seconds() == 3_600


# Logs and traces


@check("log.level")
async def log_level(world: World) -> None:
    await world.patch({"log": {"level": "error"}})
    assert logging.getLogger().level == logging.ERROR


# Requests that are kept


async def kept(world: World) -> list[dict[str, Any]]:
    requests: list[dict[str, Any]] = (await world.get("/requests"))["requests"]
    return [one for one in requests if one["text"] or one["audio"]]


@check("requests.keep_text")
async def requests_keep_text(world: World) -> None:
    await world.patch({"requests": {"keep_text": True}})
    await world.synthesize("Kept as text.")
    assert [(one["text"], one["audio"]) for one in await kept(world)] == [("Kept as text.", None)]


@check("requests.keep_audio")
async def requests_keep_audio(world: World) -> None:
    await world.patch({"requests": {"keep_audio": True}})
    await world.transcribe()
    [request] = await kept(world)
    audio = await world.client.get(request["audio"])
    with wave.open(io.BytesIO(audio.content)) as file:
        assert file.getnframes() > 16_000


@check("requests.max_kept")
async def requests_max_kept(world: World) -> None:
    await world.patch({"requests": {"keep_text": True, "max_kept": 1}})
    for text in ("The first.", "The second."):
        await world.synthesize(text)
    assert [one["text"] for one in await kept(world)] == ["The second."]


@check("requests.retention")
async def requests_retention(world: World) -> None:
    await world.patch({"requests": {"keep_text": True}})
    await world.synthesize("Soon forgotten.")
    clock = world.application._context.clock
    with patch.object(clock, "now", lambda: time.monotonic() + 61):
        await world.patch({"requests": {"retention": 60}})
        assert await kept(world) == []


# Conversation


@contextlib.asynccontextmanager
async def agents(texts: list[str]) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """Language model, moderation and Home Assistant in one; yields its address and requests.

    It gives these answers, and then the last one again.
    """
    requests: list[dict[str, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        body = await request.json()
        requests.append({"path": request.path, "key": request.headers.get("Authorization"), **body})
        text = texts.pop(0) if len(texts) > 1 else texts[0]
        if "moderations" in request.path:
            return web.json_response({"results": [{"flagged": True}]})
        if "conversation" in request.path:
            return web.json_response({"response": {"speech": {"plain": {"speech": text}}}})
        data = json.dumps({"choices": [{"delta": {"content": text}}]})
        return web.Response(text=f"data: {data}\n\ndata: [DONE]\n\n")

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", requests
    finally:
        await runner.cleanup()


async def converse(world: World, *texts: str) -> dict[str, Any]:
    """Write to the conversation agent; return its last answer."""
    address = f"ws://127.0.0.1:{world.ports['api']}/v1/realtime"
    headers = {"Authorization": world.client.headers["Authorization"]}
    async with connect(address, additional_headers=headers) as socket, asyncio.timeout(20):
        session = {"output_modalities": ["text"]}
        await socket.send(json.dumps({"type": "session.update", "session": session}))
        for text in texts:
            content = [{"type": "input_text", "text": text}]
            item = {"type": "message", "role": "user", "content": content}
            await socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
            await socket.send(json.dumps({"type": "response.create"}))
            event = {"type": ""}
            while event["type"] != "response.done":
                event = json.loads(await socket.recv())
                assert event["type"] != "error", event
        response: dict[str, Any] = event["response"]
        return response


def text_of(response: dict[str, Any]) -> str:
    return str(response["output"][0]["content"][0]["text"])


@check(
    "conversation.agent",
    "conversation.instructions",
    "conversation.openai.url",
    "conversation.openai.model",
    "conversation.openai.api_key",
)
async def conversation_with_language_model(world: World) -> None:
    assert text_of(await converse(world, "Hello.")) == "Hello."
    async with agents(["Good morning."]) as (address, requests):
        openai = {"url": f"{address}/v1", "model": "small", "api_key": "k3y"}
        section = {"agent": "openai", "instructions": "Be kind.", "openai": openai}
        await world.patch({"conversation": section})
        assert text_of(await converse(world, "Hello.")) == "Good morning."
    assert requests[0]["path"] == "/v1/chat/completions"
    assert (requests[0]["model"], requests[0]["key"]) == ("small", "Bearer k3y")
    assert requests[0]["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hello."},
    ]
    shown = await world.get("/config")
    assert "k3y" not in json.dumps(shown)


@check(
    "conversation.home_assistant.url",
    "conversation.home_assistant.token",
    "conversation.home_assistant.agent_id",
)
async def conversation_with_home_assistant(world: World) -> None:
    async with agents(["It is on."]) as (address, requests):
        home = {"url": address, "token": "t0ken", "agent_id": "conversation.home_assistant"}
        await world.patch({"conversation": {"agent": "home_assistant", "home_assistant": home}})
        assert text_of(await converse(world, "Light on.")) == "It is on."
    assert requests[0]["path"] == "/api/conversation/process"
    assert requests[0]["key"] == "Bearer t0ken"
    assert (requests[0]["text"], requests[0]["agent_id"]) == (
        "Light on.",
        "conversation.home_assistant",
    )


@check("conversation.max_history", "conversation.summarize")
async def conversation_history(world: World) -> None:
    async with agents(["Word. " * 200, "They greeted.", "Yes."]) as (address, requests):
        openai = {"url": f"{address}/v1", "model": "small"}
        section = {"agent": "openai", "max_history": 500, "summarize": True, "openai": openai}
        await world.patch({"conversation": section})
        await converse(world, "Hello.", "Do you remember?")
    summary = next(one for one in requests if "Summarize" in one["messages"][0]["content"])
    assert "Hello." in summary["messages"][1]["content"]
    assert "Hello." not in json.dumps(requests[-1]["messages"][1:])


@check("conversation.moderation_url", "conversation.optional_timeout")
async def conversation_moderation(world: World) -> None:
    async with agents(["Fine."]) as (address, requests):
        moderation = f"{address}/v1/moderations"
        await world.patch({"conversation": {"moderation_url": moderation, "optional_timeout": 5}})
        response = await converse(world, "Something bad.")
        assert response["status_details"] == {"type": "incomplete", "reason": "content_filter"}
        await world.patch({"conversation": {"optional_timeout": 0}})
        assert text_of(await converse(world, "Something bad.")) == "Something bad."
    assert requests[0]["input"] == "Something bad."


@check("telemetry.otlp_endpoint")
async def telemetry(world: World) -> None:
    async with listening() as (address, requests):
        await world.patch({"telemetry": {"otlp_endpoint": address}})
        await world.transcribe()

        async def has_traces() -> bool:
            return any(b"/v1/traces" in request for request in requests)

        await world.until(has_traces)


# Models


async def unloads(world: World, patch: Patch) -> None:
    await world.transcribe()
    await world.patch(patch)

    async def is_unloaded() -> bool:
        return await world.state(TINY) == "unloaded"

    await world.until(is_unloaded)


@check("keep_alive")
async def keep_alive(world: World) -> None:
    await unloads(world, {"keep_alive": 0})


@check("models.*.keep_alive")
async def model_keep_alive(world: World) -> None:
    await unloads(world, {"models": {TINY: {"keep_alive": 0}}})


@check("preload")
async def preload(world: World) -> None:
    await world.client.post(f"/models/{BASE}/unload")

    async def is_ready() -> bool:
        return await world.state(BASE) == "ready"

    await world.patch({"preload": [BASE]})
    await world.until(is_ready)


@check("models.*.pinned")
async def pinned(world: World) -> None:
    await world.patch({"models": {TINY: {"pinned": True}}})
    assert (await world.get(f"/models/{TINY}"))["pinned"] is True


@check("models.*.device", "models.*.cpu_fallback")
async def device(world: World) -> None:
    await world.transcribe()
    nowhere = {"device": "cuda:7", "cpu_fallback": False}
    answer = await world.client.patch("/config", json={"models": {TINY: nowhere}})
    assert answer.status_code >= 400, answer.text
    assert "cuda:7" in answer.text
    await world.transcribe()
    assert (await world.get("/config"))["pending"] == {}
    await world.patch({"models": {TINY: {"device": "cuda:7", "cpu_fallback": True}}})
    await world.transcribe()
    assert world.runs[-1][1].device == "cpu"


@check("models.*.compute_type")
async def compute_type(world: World) -> None:
    await world.patch({"models": {TINY: {"compute_type": "float32"}}})
    await world.transcribe()
    assert world.runs[-1][1].compute_type == "float32"


@check("models.*.options.*")
async def options(world: World) -> None:
    await world.transcribe()
    await world.patch({"models": {TINY: {"options": {"cpu_threads": 1}}}})
    await world.transcribe()
    assert world.runs[-1][0].options["cpu_threads"] == 1


# What needs a restart


async def waits_for_restart(world: World, key: str, patch: Patch) -> None:
    change = await world.patch(patch)
    assert change["keys"][key]["pending"], change
    assert change["restart_needed"] == [key]
    assert (await world.get("/config"))["pending"][key]["applies"] == "restart"


@check("host")
async def host(world: World) -> None:
    await waits_for_restart(world, "host", {"host": "localhost"})
    await world.patch({"host": "192.0.2.1"}, status=400)


@check("asr.port", "tts.port", "wake.port", "api.port")
async def ports(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for service in ("asr", "tts", "wake", "api"):
            refused = await world.patch({service: {"port": port}}, status=400)
            assert refused["faults"][0]["path"] == f"{service}.port"
    for service in ("asr", "tts", "wake", "api"):
        await waits_for_restart(world, f"{service}.port", {service: {"port": port}})
        await world.patch({service: {"port": None}})


@check("asr.extra_ports.*")
async def extra_ports(world: World) -> None:
    key = f"asr.extra_ports.{BASE}"
    await waits_for_restart(world, key, {"asr": {"extra_ports": {BASE: 0}}})


@check("log.format")
async def log_format(world: World) -> None:
    await waits_for_restart(world, "log.format", {"log": {"format": "json"}})


@check("api.tls")
async def api_tls(world: World) -> None:
    await waits_for_restart(world, "api.tls", {"api": {"tls": True}})


@check("security.sandbox")
async def sandbox(world: World) -> None:
    await waits_for_restart(world, "security.sandbox", {"security": {"sandbox": "off"}})


@check("data_dir")
async def data_dir(world: World) -> None:
    """It cannot be changed from within the folder itself."""
    refused = await world.patch({"data_dir": "/elsewhere"}, status=400)
    assert refused["faults"][0]["path"] == "data_dir"


@pytest.fixture
def log_level_restored() -> Iterator[None]:
    before = logging.getLogger().level
    yield
    logging.getLogger().setLevel(before)


@pytest.fixture
async def world(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    clip: Callable[[str], bytes],
    helpers: SimpleNamespace,
    log_level_restored: None,
) -> AsyncIterator[World]:
    config = tmp_path / "config.yaml"
    sections = "".join(f"{name}: {{port: 0}}\n" for name in ("tts", "wake", "api"))
    config.write_text(
        f"data_dir: data\nhost: 127.0.0.1\nasr: {{port: 0, model: {TINY}}}\n{sections}"
        "discovery: {zeroconf: false}\n"
        "limits: {shutdown_grace: 1, max_requests_per_second: 100000}\n"
    )
    application = Application(load_config(config))
    found: list[World] = []
    open_run, post = ActiveLease.open, WebhookSender.post
    begin = Utterance.__init__

    def record_run(lease: ActiveLease, request: Any, **rest: Any) -> Any:
        for each in found:
            each.runs.append((lease.spec, lease.placement, dict(request)))
        return open_run(lease, request, **rest)

    def record_utterance(utterance: Utterance, *parts: Any) -> None:
        begin(utterance, *parts)
        for each in found:
            each.utterances.append(utterance)

    async def record_post(sender: Any, *parts: Any, timeout: float, **rest: Any) -> Any:
        for each in found:
            each.webhook_timeouts.append(timeout)
        return await post(sender, *parts, timeout=timeout, **rest)

    make = discovery_module.announcements

    def record_announcements(*parts: Any) -> list[Announcement]:
        items = make(*parts)
        for each in found:
            each.announced.append(items)
        return items

    async def lan(_host: str) -> tuple[str, ...]:
        return ("127.0.0.1",)

    monkeypatch.setattr(ActiveLease, "open", record_run)
    monkeypatch.setattr(Utterance, "__init__", record_utterance)
    monkeypatch.setattr(WebhookSender, "post", record_post)
    monkeypatch.setattr(discovery_module, "announcements", record_announcements)
    monkeypatch.setitem(Discovery.__init__.__kwdefaults__, "addresses", lan)
    await application.start()
    running = World(application, clip("goforward"), tmp_path)
    running.helpers = helpers
    found.append(running)
    try:
        yield running
    finally:
        await running.client.aclose()
        await application.stop()


def test_every_key_has_a_check_and_few_need_a_restart() -> None:
    keys = {dotted_path(path): key for path, key in key_tree().walk()}
    assert set(CHECKS) == set(keys)
    restart = {name for name, key in keys.items() if key.applies is Applies.RESTART}
    ports = {"asr.port", "tts.port", "wake.port", "api.port", "asr.extra_ports.*"}
    assert restart == ports | {"host", "data_dir", "log.format", "api.tls", "security.sandbox"}


async def test_every_key_changes_the_next_request(world: World) -> None:
    names = sorted(CHECKS, key=lambda name: name == "api.enabled")
    assert names[-1] == "api.enabled"
    done: set[Check] = set()
    errors: list[Exception] = []
    for name in names:
        if CHECKS[name] in done:
            continue
        done.add(CHECKS[name])
        try:
            await CHECKS[name](world)
        except (Exception, pytest.fail.Exception) as err:  # noqa: BLE001  (all are shown below)
            errors.append(AssertionError(f"{name}: {type(err).__name__} {err}"))
            errors[-1].__cause__ = err
        if name != "api.enabled":
            await put_back(world)
    if errors:
        raise ExceptionGroup("keys that do not take effect", errors)


async def put_back(world: World) -> None:
    """Remove every change."""
    shown = await world.get("/config")
    changed = [key for key, source in shown["sources"].items() if source == "overrides"]
    if changed:
        sections = {key.partition(".")[0] for key in changed}
        answer = await world.patch(dict.fromkeys(sections))
        assert answer["restart_needed"] == []

"""A server of ours that does what it is told: sends any event, drops, lies, comes back."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

UUID = "0b7ef1c5-6c1b-4c0d-9a70-3f1f6a1f2f10"

INFO: dict[str, Any] = {
    "name": "Wyoming Conductor",
    "version": "0.1.0",
    "api_version": "1",
    "uuid": UUID,
    "instance": "run-1",
    "started_at": "2026-11-20T08:00:00.000Z",
    "ports": {"asr": 0, "tts": 0, "wake": 0, "api": 10380},
    "features": ["config", "jobs", "library", "phrases", "vocabulary"],
}

STATUS: dict[str, Any] = {
    "version": "0.1.0",
    "ready": True,
    "reasons": [],
    "accepting": True,
    "asr_model": "whisper/base",
    "queue_depth": 0,
    "active_requests": 1,
    "disk": {"total_bytes": 500 * 2**30, "free_bytes": 120 * 2**30},
    "devices": [
        {
            "device": "cpu",
            "name": "AMD Ryzen 7",
            "total_bytes": 32 * 2**30,
            "free_bytes": 20 * 2**30,
            "budget_bytes": 28 * 2**30,
            "reserved_bytes": 0,
            "committed_bytes": 150 * 2**20,
            "pressure": "normal",
        },
        {
            "device": "cuda:0",
            "name": "NVIDIA GeForce RTX 3060",
            "total_bytes": 12 * 2**30,
            "free_bytes": 9 * 2**30,
            "budget_bytes": 10 * 2**30,
            "reserved_bytes": 0,
            "committed_bytes": 600 * 2**20,
            "others_bytes": 2 * 2**30,
            "pressure": "normal",
            "present": True,
            "utilisation": 0.25,
            "temperature": 51.0,
            "power": 42.5,
        },
    ],
}


def model(identifier: str, kind: str, **fields: Any) -> dict[str, Any]:
    """Return a model as `GET /models` shows it."""
    return {
        "id": identifier,
        "kind": kind,
        "engine": "fake",
        "state": "unloaded",
        "description": identifier.title(),
        "version": "1.0",
        "languages": ["en"],
        "offers": [],
        "device": "cpu",
        "compute_type": "int8",
        "memory_bytes": 100 * 2**20,
        "active_requests": 0,
        "queued_requests": 0,
        "keep_alive": 300.0,
        "pinned": False,
        "requests": 0,
        "errors": 0,
        **fields,
    }


def offer(name: str, *languages: str) -> dict[str, Any]:
    """Return a voice or a wake word."""
    return {
        "name": name,
        "description": name.replace("_", " "),
        "languages": list(languages),
        "phrase": "",
        "speakers": [],
    }


MODELS: list[dict[str, Any]] = [
    model(
        "whisper/base",
        "asr",
        engine="faster-whisper",
        state="ready",
        device="cuda:0",
        compute_type="float16",
        languages=["de", "en", "fr"],
        memory_bytes=600 * 2**20,
        active_requests=1,
        loaded_at="2026-11-20T09:00:00.000Z",
        last_used="2026-11-20T10:00:00.000Z",
        load_seconds=1.5,
        requests=12,
        errors=1,
        last_seconds=0.31,
        real_time_factor=0.08,
    ),
    model(
        "piper/en_US-joe-medium",
        "tts",
        state="ready",
        offers=[offer("en_US-joe-medium", "en_US"), offer("en_US-amy-low", "en_US")],
    ),
    model("openwakeword", "wake", offers=[offer("hey_jarvis", "en"), offer("okay_nabu", "en")]),
]


def trace(kind: str, model: str, seconds: float, **fields: Any) -> dict[str, Any]:
    """Return a request as `GET /traces` shows it."""
    return {
        "id": "0" * 32,
        "kind": kind,
        "client": "10.0.0.7",
        "model": model,
        "device": "cpu",
        "ended_at": datetime.now(UTC).isoformat(),
        "seconds": seconds,
        "code": "",
        "message": "",
        "stages": {"queue": 0.0, "inference": seconds},
        **fields,
    }


CONFIG: dict[str, Any] = {
    "asr": {
        "model": "whisper/base",
        "language": "auto",
        "beam_size": 1,
        "turn_detection": True,
        "end_silence": 0.7,
    },
    "tts": {"voice": "en_US-joe-medium", "speed": 1.0},
    "wake": {"threshold": 0.5},
    "memory": {"budget": "90%"},
    "keep_alive": 300.0,
    "preload": True,
    "models": {"whisper/base": {"device": "auto"}},
}


class FakeConductor:
    """One server; `start` it, change its fields, `publish` events, `stop` it, `start` it again."""

    def __init__(self) -> None:
        """Be a server with three models and a GPU."""
        self.info = deepcopy(INFO)
        self.status = deepcopy(STATUS)
        self.models = deepcopy(MODELS)
        self.config = deepcopy(CONFIG)
        self.traces: list[dict[str, Any]] = []
        self.token: str | None = None
        """What clients must bring; None lets everybody in."""
        self.answers: dict[str, web.Response | Mapping[str, Any] | Exception] = {}
        """Instead of the true answer, by `METHOD path`."""
        self.asked: list[tuple[str, str, Any]] = []
        """Method, path and body of every request that changes something."""
        self.heard: list[tuple[str, bytes]] = []
        """Model and file of every recording that was sent to be transcribed."""
        self.resumed: list[str | None] = []
        """`Last-Event-ID` of each event stream that was opened."""
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._streams: set[web.StreamResponse] = set()
        self._sent = asyncio.Condition()
        self._number = 0
        self.refuses_streams = False
        self.restart_needed: list[str] = []
        self.shadowed: dict[str, str] = {}

    @property
    def host(self) -> str:
        """Where it listens."""
        return "127.0.0.1"

    async def start(self) -> None:
        """Listen; a second time on the same port."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]

    async def stop(self) -> None:
        """Leave, as a killed process does."""
        runner, self._runner = self._runner, None
        await self.break_streams()
        if runner is not None:
            await runner.cleanup()

    @property
    def listeners(self) -> int:
        """How many listen to the events."""
        return len(self._streams)

    async def break_streams(self) -> None:
        """Cut the connection of every event stream."""
        streams, self._streams = self._streams, set()
        for stream in streams:
            if (request := stream._req) is not None and request.transport is not None:
                request.transport.close()

    async def publish(self, kind: str, /, **fields: Any) -> None:
        """Send an event to whoever listens."""
        self._number += 1
        data = json.dumps({"type": kind, **fields})
        await self.send_raw(f"id: {self._number}\nevent: {kind}\ndata: {data}\n\n")

    async def send_raw(self, text: str) -> None:
        """Send bytes of an event stream as they are."""
        for stream in tuple(self._streams):
            with suppress(ConnectionError):  # it has just left
                await stream.write(text.encode())

    async def wait_for_stream(self) -> None:
        """Wait until somebody listens to the events."""
        async with asyncio.timeout(5):
            while not self._streams:
                await asyncio.sleep(0.01)

    async def set_state(self, identifier: str, state: str, **fields: Any) -> None:
        """Let a model change its state, as the server tells it."""
        one = next(item for item in self.models if item["id"] == identifier)
        one.update(state=state, **fields)
        await self.publish("model_state_changed", model=identifier, state=state)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        key = f"{request.method} {request.path}"
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return _problem(401, "UNAUTHORIZED", "This address needs a token.")
        is_json = request.can_read_body and request.content_type == "application/json"
        body = await request.json() if is_json else None
        if request.method != "GET":
            self.asked.append((request.method, request.path, body))
        if (answer := self.answers.get(key)) is not None:
            if isinstance(answer, Exception):
                raise answer
            return answer if isinstance(answer, web.Response) else web.json_response(answer)
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["info"]:
                return web.json_response(self.info)
            case "GET", ["status"]:
                return web.json_response(self.status)
            case "GET", ["traces"]:
                return web.json_response({"traces": self.traces[: int(request.query["limit"])]})
            case "POST", ["pause" | "resume" as verb]:
                self.status["accepting"] = verb == "resume"
                await self.publish("accepting_changed", accepting=self.status["accepting"])
                return web.json_response({"accepting": self.status["accepting"]})
            case "POST", ["v1", "audio", "speech"]:
                return web.Response(body=b"\0\0" * 12_000, content_type="audio/pcm")
            case "POST", ["v1", "audio", "transcriptions"]:
                return await self._transcribe(request)
            case "GET", ["health", "live"]:
                return web.json_response({"status": "ok"})
            case "GET", ["models"]:
                return web.json_response({"models": self.models})
            case "GET", ["config"]:
                restart = {"sources": {}, "restart_needed": self.restart_needed}
                return web.json_response({"config": self.config, **restart})
            case "PATCH", ["config"]:
                _merge(self.config, body)
                return web.json_response({"changed": [], "shadowed": self.shadowed})
            case "PUT", ["vocabulary"]:
                return web.json_response({"names": len(body["names"])})
            case "DELETE", ["cache", _]:
                return web.json_response({"freed_bytes": 4096})
            case "DELETE", ["models", *_]:
                return web.json_response({"freed_bytes": 4096})
            case "POST", ["models", *_, "download"]:
                return web.json_response({"status": "download_initiated"}, status=202)
            case "GET", ["events"]:
                return await self._stream(request)
            case "POST", ["models", *name, verb]:
                return self._steer("/".join(name), verb)
        return _problem(404, "BAD_REQUEST", "There is nothing.")

    async def _transcribe(self, request: web.Request) -> web.Response:
        form = await request.post()
        file = form["file"]
        assert isinstance(file, web.FileField)
        self.heard.append((str(form.get("model", "")), file.file.read()))
        return web.json_response({"text": "Turn on the light."})

    def _steer(self, identifier: str, verb: str) -> web.Response:
        one = next((item for item in self.models if item["id"] == identifier), None)
        if one is None:
            return _problem(404, "MODEL_MISSING", f"There is no model {identifier!r} here.")
        if verb == "unload":
            return web.json_response({"status": "unload_requested"})
        if one["state"] == "ready":
            return web.json_response({"status": "already_ready"})
        return web.json_response({"status": "load_initiated"}, status=202)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if self.refuses_streams:
            return _problem(503, "BUSY", "Too many connections.")
        self.resumed.append(request.headers.get("Last-Event-ID"))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        opened = json.dumps(
            {"type": "stream_opened", "instance": self.info["instance"], "missed": False}
        )
        await response.write(f"event: stream_opened\ndata: {opened}\n\n: ping\n\n".encode())
        self._streams.add(response)
        try:
            while response in self._streams and not _has_left(request):
                await asyncio.sleep(0.02)
        finally:
            self._streams.discard(response)
        return response


def _has_left(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _problem(status: int, code: str, message: str) -> web.Response:
    problem = {"error": message, "code": code, "detail": "Look at the log."}
    return web.json_response(problem, status=status)


def _merge(target: dict[str, Any], patch: Mapping[str, Any]) -> None:
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        elif isinstance(value, Mapping):
            _merge(target.setdefault(name, {}), value)
        else:
            target[name] = value

"""Fake server with the HTTP API: its state, responses and events are set by the tests."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from custom_components.wyoming_conductor.api.proof import compute_proof
from fakes.speech import FakeSpeech

UUID = "0b7ef1c5-6c1b-4c0d-9a70-3f1f6a1f2f10"

INFO: dict[str, Any] = {
    "name": "Wyoming Conductor",
    "version": "0.1.0",
    "api_version": "1",
    "uuid": UUID,
    "instance": "run-1",
    "started_at": "2026-11-20T08:00:00.000Z",
    "ports": {"asr": 0, "tts": 0, "wake": 0, "api": 10380},
    "features": ["config", "jobs", "library", "phrases", "references", "restart", "vocabulary"],
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
    """Return a model as in `GET /models`."""
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
        "compute_types": ["default"],
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
        compute_types=["float16", "int8_float16", "int8", "float32"],
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
    """Return a trace as in `GET /traces`."""
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
    """A server that can be started, changed, stopped and started again on the same port."""

    def __init__(self) -> None:
        """Have three models and a GPU."""
        self.info = deepcopy(INFO)
        self.status = deepcopy(STATUS)
        self.models = deepcopy(MODELS)
        self.config = deepcopy(CONFIG)
        self.traces: list[dict[str, Any]] = []
        self.token: str | None = None
        """Required API token; None accepts all requests."""
        self.proof_token: str | None = None
        """Token that is proven instead of the required one."""
        self.applies_changes = False
        """Whether changed settings of models and loads take effect, with their events."""
        self.address: str | None = None
        """Address that is proven instead of the one that the client connected to."""
        self.responses: dict[str, web.Response | Mapping[str, Any] | Exception] = {}
        """Responses that replace the normal ones, by `METHOD path`."""
        self.requests: list[tuple[str, str, Any]] = []
        """Method, path and body of every request except GET."""
        self.fetched_paths: list[str] = []
        """Path of every GET request."""
        self.authorizations: list[str | None] = []
        """`Authorization` header of every request."""
        self.recordings: list[tuple[str, bytes]] = []
        """Model and file of every transcription request."""
        self.last_event_ids: list[str | None] = []
        """`Last-Event-ID` of every event stream that was opened."""
        self.speech = FakeSpeech()
        """Answers `/ws/wyoming`."""
        self.code: str | None = None
        """Six digits that are exchanged for `token`."""
        self.port = 0
        self.tls: ssl.SSLContext | None = None
        """Serves HTTPS."""
        self.fingerprint = ""
        """Certificate that is proven."""
        self._runner: web.AppRunner | None = None
        self._streams: set[web.StreamResponse] = set()
        self._stream_opened = asyncio.Event()
        self._number = 0
        self.refuses_streams = False
        self.restart_needed: list[str] = []
        self.pending: dict[str, Any] = {}
        """Saved values that are not in effect yet, by dotted key."""
        self.shadowed: dict[str, str] = {}

    @property
    def host(self) -> str:
        """Address of the server."""
        return "127.0.0.1"

    async def start(self) -> None:
        """Start listening; a second time on the same port."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        # Handlers of event streams end when their client disconnects.
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port, ssl_context=self.tls)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]

    async def stop(self) -> None:
        """Stop without closing the connections properly, like a killed process."""
        runner, self._runner = self._runner, None
        await self.break_streams()
        if runner is not None:
            await runner.cleanup()

    @property
    def stream_count(self) -> int:
        """Number of open event streams."""
        return len(self._streams)

    async def break_streams(self) -> None:
        """Close the connections of all event streams."""
        streams, self._streams = self._streams, set()
        for stream in streams:
            if (request := stream._req) is not None and request.transport is not None:
                request.transport.close()

    async def publish(self, kind: str, /, **fields: Any) -> None:
        """Send an event to all event streams."""
        self._number += 1
        data = json.dumps({"type": kind, **fields})
        await self.send_raw(f"id: {self._number}\nevent: {kind}\ndata: {data}\n\n")

    async def send_raw(self, text: str) -> None:
        """Send raw text to all event streams."""
        for stream in tuple(self._streams):
            with suppress(ConnectionError):  # the client has just disconnected
                await stream.write(text.encode())

    async def wait_for_stream(self) -> None:
        """Wait until an event stream is open."""
        async with asyncio.timeout(5):
            await self._stream_opened.wait()

    async def set_state(self, identifier: str, state: str, **fields: Any) -> None:
        """Change the state of a model and publish the event."""
        changed = next(item for item in self.models if item["id"] == identifier)
        changed.update(state=state, **fields)
        await self.publish("model_state_changed", model=identifier, state=state)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        key = f"{request.method} {request.path}"
        self.authorizations.append(request.headers.get("Authorization"))
        if key == "GET /proof":
            return self.responses.get(key) or self._prove(request)  # type: ignore[return-value]
        if key == "POST /pair/code" and self.code:
            return web.json_response({"expires_in_secs": 300}, status=202)
        if key == "POST /pair" and self.code:
            if (await request.json())["code"] != self.code:
                return _problem(401, "UNAUTHORIZED", "The pairing code is wrong.")
            return web.json_response({"token": self.token, "uuid": self.info["uuid"]}, status=201)
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return _problem(401, "UNAUTHORIZED", "Token required.")
        is_json = request.can_read_body and request.content_type == "application/json"
        body = await request.json() if is_json else None
        if request.method == "GET":
            self.fetched_paths.append(request.path)
        else:
            self.requests.append((request.method, request.path, body))
        if (response := self.responses.get(key)) is not None:
            if isinstance(response, Exception):
                raise response
            return response if isinstance(response, web.Response) else web.json_response(response)
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["info"]:
                return web.json_response(self.info)
            case "GET", ["status"]:
                return web.json_response(self.status)
            case "GET", ["ws", "wyoming"]:
                return await self.speech.serve(request)
            case "GET", ["catalog"]:
                sizes = [{"id": it["id"], "disk_bytes": it["memory_bytes"]} for it in self.models]
                return web.json_response({"models": sizes})
            case "GET", ["voices"]:
                return web.json_response({"voices": self._voices()})
            case "GET", ["voices", voice, "sample"]:
                return web.Response(body=f"sample of {voice}".encode(), content_type="audio/wav")
            case "PUT" | "DELETE", ["references", owner]:
                return web.json_response({"owner": owner})
            case "DELETE", ["vocabulary"]:
                return web.json_response({"status": "deleted"})
            case "DELETE", ["pair"]:
                return web.Response(status=204)
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
                return web.json_response(self._config())
            case "PATCH", ["config"]:
                _merge(self.config, body)
                if self.applies_changes:
                    await self._apply_model_settings(body.get("models", {}))
                return web.json_response({"changed": [], "shadowed": self.shadowed})
            case "POST", ["restart"]:
                return web.json_response({}, status=202)
            case "PUT", ["vocabulary"]:
                return web.json_response({"names": len(body["names"])})
            case "DELETE", ["cache", _]:
                return web.json_response({"freed_bytes": 4096})
            case "DELETE", ["models", *_]:
                return web.json_response({"freed_bytes": 4096})
            case "POST", ["models", *_, "download"]:
                return web.json_response({"status": "download_initiated"}, status=202)
            case "GET", ["events"]:
                return await self._send_events(request)
            case "POST", ["models", *name, verb]:
                response = self._load_or_unload("/".join(name), verb)
                if self.applies_changes and response.status == 202:
                    await self.set_state("/".join(name), "loading")
                    await self.set_state("/".join(name), "ready")
                return response
        return _problem(404, "BAD_REQUEST", "Not found.")

    def _voices(self) -> list[dict[str, Any]]:
        offers = [
            item for model in self.models if model["kind"] == "tts" for item in model["offers"]
        ]
        return [{**item, "quality": "medium", "licence": "MIT"} for item in offers]

    def _prove(self, request: web.Request) -> web.Response:
        token = self.proof_token or self.token
        if token is None:
            return _problem(404, "NOT_FOUND", "No token.")
        address = self.address or f"{self.host}:{self.port}"
        proof = compute_proof(
            token, request.query["nonce"], self.info["uuid"], address, self.fingerprint
        )
        answer = {"uuid": self.info["uuid"], "address": address, "proofs": ["0" * 64, proof]}
        return web.json_response(answer)

    def _config(self) -> dict[str, Any]:
        saved = deepcopy(self.config)
        for key, value in self.pending.items():
            *sections, name = key.split(".")
            section = saved
            for part in sections:
                section = section[part]
            section[name] = value
        return {
            "config": saved,
            "effective": self.config,
            "pending": {
                key: {"pending": value, "applies": "restart"} for key, value in self.pending.items()
            },
            "revision": 1,
            "sources": {},
            "restart_needed": [*self.restart_needed, *self.pending],
        }

    async def _transcribe(self, request: web.Request) -> web.Response:
        form = await request.post()
        file = form["file"]
        assert isinstance(file, web.FileField)
        self.recordings.append((str(form.get("model", "")), file.file.read()))
        return web.json_response({"text": "Turn on the light."})

    async def _apply_model_settings(self, models: Mapping[str, Mapping[str, Any]]) -> None:
        for item in self.models:
            for name, value in models.get(item["id"], {}).items():
                item[name] = (
                    {"keep_alive": 300.0, "pinned": False}[name] if value is None else value
                )
        await self.publish("config_changed", revision=2, changed=[], restart_needed=[])

    def _load_or_unload(self, identifier: str, verb: str) -> web.Response:
        found = next((item for item in self.models if item["id"] == identifier), None)
        if found is None:
            return _problem(404, "MODEL_MISSING", f"Model {identifier!r} does not exist.")
        if verb == "unload":
            return web.json_response({"status": "unload_requested"})
        if found["state"] == "ready":
            return web.json_response({"status": "already_ready"})
        return web.json_response({"status": "load_initiated"}, status=202)

    async def _send_events(self, request: web.Request) -> web.StreamResponse:
        if self.refuses_streams:
            return _problem(503, "BUSY", "Too many connections.")
        self.last_event_ids.append(request.headers.get("Last-Event-ID"))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        opened = json.dumps(
            {"type": "stream_opened", "instance": self.info["instance"], "missed": False}
        )
        await response.write(f"event: stream_opened\ndata: {opened}\n\n: ping\n\n".encode())
        self._streams.add(response)
        self._stream_opened.set()
        try:
            # Cancelled when the client disconnects or the server stops.
            await asyncio.Future()
        finally:
            self._streams.discard(response)
            if not self._streams:
                self._stream_opened.clear()
        return response


def _problem(status: int, code: str, message: str) -> web.Response:
    problem = {"error": message, "code": code, "detail": "See the log."}
    return web.json_response(problem, status=status)


def _merge(target: dict[str, Any], patch: Mapping[str, Any]) -> None:
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        elif isinstance(value, Mapping):
            _merge(target.setdefault(name, {}), value)
        else:
            target[name] = value

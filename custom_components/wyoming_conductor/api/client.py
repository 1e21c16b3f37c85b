"""Asks and steers one server."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, FormData
from yarl import URL

from .config import ServerConfig, patch
from .errors import (
    ConductorAuthError,
    ConductorConnectionError,
    ConductorRequestError,
    ConductorResponseError,
)
from .fields import Json, items, mapping, text, whole
from .models import Info, ServerEvent, Status
from .stream import parse
from .traces import Speech, Trace

REQUEST_SECONDS = 10.0
"""Every answer but the event stream comes within milliseconds; a busy machine may take longer."""

WORK_SECONDS = 90.0
"""Speaking and hearing may load a model first; the server ends both at 60 seconds by default."""

SILENCE_SECONDS = 40.0
"""The server sends a heartbeat every 15 seconds; after two missed ones it is gone."""


class ConductorClient:
    """One server at one address; the session belongs to the caller."""

    def __init__(
        self,
        session: ClientSession,
        host: str,
        port: int,
        *,
        token: str | None = None,
        tls: bool = False,
        silence: float = SILENCE_SECONDS,
    ) -> None:
        """Talk to `host`:`port`; `silence` seconds without a byte end an event stream."""
        self._session = session
        self._url = URL.build(scheme="https" if tls else "http", host=host, port=port)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._silence = silence

    @property
    def url(self) -> str:
        """Where the server is, such as `http://192.168.1.5:10380`."""
        return str(self._url.origin())

    async def info(self) -> Info:
        """Return who the server is."""
        return Info.from_json(await self._ask("GET", "/info"))

    async def status(self) -> Status:
        """Return the state of everything."""
        status, models = await asyncio.gather(
            self._ask("GET", "/status?events=0"), self._ask("GET", "/models")
        )
        return Status.from_json(status, models)

    async def traces(self, limit: int = 500) -> list[Trace]:
        """Return the last requests, the newest first."""
        answer = await self._ask("GET", f"/traces?limit={limit}")
        return [Trace.from_json(item) for item in items(answer, "traces")]

    async def accept(self, accepting: bool) -> None:
        """Take new requests, or refuse them while those that run end."""
        await self._ask("POST", "/resume" if accepting else "/pause")

    async def load(self, model: str) -> bool:
        """Begin to load a model; True if it is ready already."""
        answer = await self._ask("POST", f"/models/{quote(model)}/load")
        return text(answer, "status") == "already_ready"

    async def unload(self, model: str) -> None:
        """Unload a model once the requests that use it have ended."""
        await self._ask("POST", f"/models/{quote(model)}/unload")

    async def download(self, model: str) -> bool:
        """Begin to bring a model to the server's disk; True if it is there already."""
        answer = await self._ask("POST", f"/models/{quote(model)}/download")
        return text(answer, "status") == "already_installed"

    async def delete(self, model: str, *, force: bool = False) -> int:
        """Delete a model's files; return how many bytes that freed."""
        query = "?force=true" if force else ""
        return whole(await self._ask("DELETE", f"/models/{quote(model)}{query}"), "freed_bytes")

    async def config(self) -> ServerConfig:
        """Return the settings in effect."""
        return ServerConfig.from_json(await self._ask("GET", "/config"))

    async def change_config(self, path: tuple[str, ...], value: Any) -> None:
        """Set one setting for good; None takes it back to what the server's file says.

        Raises ConductorRequestError also where something stronger wins, such as the environment.
        """
        answer = await self._ask("PATCH", "/config", patch(path, value))
        if shadowed := mapping(answer.get("shadowed") or {}, "shadowed"):
            key, source = next(iter(shadowed.items()))
            raise ConductorRequestError(f"{key} is set by the {source}, which wins.")

    async def clear_cache(self, kind: str) -> int:
        """Delete cached `phrases` (spoken sentences) or unused `models`; return the bytes freed."""
        return whole(await self._ask("DELETE", f"/cache/{kind}"), "freed_bytes")

    async def set_vocabulary(self, names: Sequence[str], terms: Sequence[str]) -> None:
        """Tell what things are called in this home, most important first."""
        await self._ask("PUT", "/vocabulary", {"names": list(names), "terms": list(terms)})

    async def speak(self, words: str, voice: str | None = None) -> Speech:
        """Have a text spoken; the default voice if none is named."""
        body = {"input": words, "response_format": "pcm", **({"voice": voice} if voice else {})}
        timeout = ClientTimeout(total=WORK_SECONDS)
        began = time.monotonic()
        first = 0.0
        pcm = bytearray()
        async with self._request("POST", "/v1/audio/speech", {}, timeout, json=body) as response:
            async for piece in response.content.iter_any():
                first = first or time.monotonic() - began
                pcm += piece
        seconds = time.monotonic() - began
        return Speech(pcm=bytes(pcm), first_seconds=first, seconds=seconds)

    async def transcribe(self, wav: bytes, model: str | None = None) -> str:
        """Return what was said; heard by the server's default model if none is named."""
        form = FormData({"response_format": "json", **({"model": model} if model else {})})
        form.add_field("file", wav, filename="speech.wav", content_type="audio/wav")
        timeout = ClientTimeout(total=WORK_SECONDS)
        path = "/v1/audio/transcriptions"
        async with self._request("POST", path, {}, timeout, data=form) as response:
            return text(await _json(response, path), "text", "")

    async def events(self, last_id: str | None = None) -> AsyncIterator[ServerEvent]:
        """Yield what happens, from now on or after the event `last_id`, until the server leaves.

        Raises ConductorConnectionError when the connection breaks or falls silent; returns when
        the server closes it.
        """
        headers = {"Accept": "text/event-stream"}
        if last_id is not None:
            headers["Last-Event-ID"] = last_id
        timeout = ClientTimeout(total=None, sock_connect=REQUEST_SECONDS, sock_read=self._silence)
        async with self._request("GET", "/events", headers, timeout) as response:
            if response.content_type != "text/event-stream":
                raise ConductorResponseError("the event stream is none")
            async for event in parse(response.content.iter_any()):
                yield event

    async def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | Sequence[Any] | None = None
    ) -> Json:
        timeout = ClientTimeout(total=REQUEST_SECONDS)
        async with self._request(method, path, {}, timeout, json=body) as response:
            return await _json(response, path)

    @asynccontextmanager
    async def _request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        timeout: ClientTimeout,
        *,
        json: object = None,
        data: FormData | None = None,
    ) -> AsyncIterator[ClientResponse]:
        """Send a request and yield its answer; every failure becomes one of our errors."""
        try:
            async with self._session.request(
                method,
                self._url.join(URL(path, encoded=True)),
                headers={**self._headers, **headers},
                timeout=timeout,
                json=json,
                data=data,
                allow_redirects=False,
            ) as response:
                if response.status not in (200, 202):
                    raise await _refusal(response)
                yield response
        except TimeoutError as err:
            raise ConductorConnectionError(f"{self.url} does not answer in time") from err
        except (ClientError, OSError) as err:
            raise ConductorConnectionError(f"{self.url} cannot be reached: {err}") from err


async def _json(response: ClientResponse, path: str) -> Json:
    try:
        return mapping(await response.json(content_type=None), path)
    except ValueError as err:
        raise ConductorResponseError(f"{path} is not JSON") from err


async def _refusal(response: ClientResponse) -> Exception:
    """Return the error that an answer stands for."""
    if response.status == 401:
        return ConductorAuthError("the server refuses the token")
    try:
        data = mapping(await response.json(content_type=None), "problem")
        if isinstance(inner := data.get("error"), Mapping):
            # The addresses that are OpenAI's have their shape of errors, too.
            return ConductorRequestError(text(inner, "message"), code=text(inner, "code", ""))
        return ConductorRequestError(
            text(data, "error"), code=text(data, "code"), detail=text(data, "detail", "")
        )
    except ValueError, ConductorResponseError:
        return ConductorResponseError(f"unexpected answer {response.status}")

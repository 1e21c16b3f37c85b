"""HTTP client of one server."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address
from socket import SOCK_STREAM
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from aiohttp import (
    ClientConnectorCertificateError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    Fingerprint,
    FormData,
    ServerFingerprintMismatch,
    WSServerHandshakeError,
)
from yarl import URL

from .errors import (
    ConductorAuthError,
    ConductorCertificateError,
    ConductorConnectionError,
    ConductorProofError,
    ConductorRequestError,
    ConductorResponseError,
)
from .fields import Json, as_mapping, get_float, get_int, get_objects, get_str, get_str_list
from .models import Info, ServerConfig, ServerEvent, Status, SynthesizedSpeech, Trace, Voice
from .proof import ProofAnswer, create_nonce, format_address
from .wyoming import WyomingConnection

REQUEST_TIMEOUT = 10.0
"""Seconds; all answers but the event stream take milliseconds, longer on a busy machine."""

INFERENCE_TIMEOUT = 90.0
"""Seconds; may include loading a model. The server's own limit is 60 seconds by default."""

CONFIG_TIMEOUT = 180.0
"""Seconds; the server answers a change of a model's settings when the new worker has loaded."""

HEARTBEAT_TIMEOUT = 40.0
"""Seconds; the server sends a heartbeat every 15 seconds, so this is more than two missed ones."""

MAX_EVENT_BYTES = 1024 * 1024
"""Far above the longest event of the server; bounds the memory that a peer can claim."""


class ConductorClient:
    """Client of one server at one address; the caller owns the session.

    Every method raises a ConductorError on failure.
    """

    def __init__(
        self,
        session: ClientSession,
        host: str,
        port: int,
        *,
        token: str | None = None,
        tls: bool = False,
        fingerprint: str | None = None,
        heartbeat_timeout: float = HEARTBEAT_TIMEOUT,
    ) -> None:
        """Use the server at `host`:`port`; `heartbeat_timeout` is in seconds.

        `fingerprint` is the SHA-256 of the server's certificate in hexadecimal, with or without
        colons. It pins the certificate: the client uses TLS, and no other certificate is accepted.
        """
        self._session = session
        self._fingerprint = (fingerprint or "").replace(":", "").lower()
        self._ssl = Fingerprint(bytes.fromhex(self._fingerprint)) if fingerprint else True
        scheme = "https" if tls or fingerprint else "http"
        self._url = URL.build(scheme=scheme, host=host, port=port)
        self._token = token
        self._heartbeat_timeout = heartbeat_timeout

    @property
    def url(self) -> str:
        """Base URL of the server, such as `http://192.168.1.5:10380`."""
        return str(self._url.origin())

    async def fetch_fingerprint(self) -> str:
        """Return the SHA-256 of the certificate that the server has now, in hexadecimal.

        Nothing is sent. Trust it only after `request_proof` of a client that pins it, or after the
        user has compared it with that of `wyoming-conductor pair`.
        """
        url = self._url.join(URL("/health/live"))
        timeout = ClientTimeout(total=REQUEST_TIMEOUT)
        try:
            # No certificate has this one.
            async with self._session.get(url, ssl=Fingerprint(bytes(32)), timeout=timeout):
                raise ConductorConnectionError(f"{self.url} does not use TLS")
        except ServerFingerprintMismatch as err:
            return err.got.hex()
        except TimeoutError as err:
            raise ConductorConnectionError(f"{self.url} timed out") from err
        except (ClientError, OSError) as err:
            raise ConductorConnectionError(f"{self.url} cannot be reached: {err}") from err

    async def request_proof(self) -> ProofAnswer:
        """Ask the server to prove that it knows the token, without sending the token.

        Raises ConductorProofError if the server does not offer proofs.
        """
        *others, last = await self._resolve_host()
        for ip in others:
            with suppress(ConductorConnectionError):
                return await self._request_proof_from(ip)
        return await self._request_proof_from(last)

    async def request_pairing_code(self) -> int:
        """Ask the server to show six digits; return the seconds for which they are valid."""
        return get_int(await self.fetch("POST", "/pair/code"), "expires_in_secs")

    async def pair(self, code: str, name: str) -> str:
        """Exchange the six digits for a token; `name` is shown in the server's list of tokens.

        Raises ConductorAuthError for a wrong code.
        """
        return get_str(await self.fetch("POST", "/pair", {"code": code, "name": name}), "token")

    async def unpair(self) -> None:
        """Revoke the token of this client; does nothing if the server has not paired it."""
        try:
            timeout = ClientTimeout(total=REQUEST_TIMEOUT)
            async with self.request("DELETE", "/pair", timeout=timeout):
                pass
        except ConductorRequestError as err:
            if err.code != "NOT_FOUND":
                raise

    async def info(self) -> Info:
        """Return the server's identity, version, ports and features."""
        return Info.from_json(await self.fetch("GET", "/info"))

    async def status(self) -> Status:
        """Return the state of all models and devices."""
        status, models = await asyncio.gather(
            self.fetch("GET", "/status?events=0"), self.fetch("GET", "/models")
        )
        return Status.from_json(status, models)

    async def traces(self, limit: int = 500) -> list[Trace]:
        """Return the most recent requests, newest first."""
        answer = await self.fetch("GET", f"/traces?limit={limit}")
        return [Trace.from_json(item) for item in get_objects(answer, "traces")]

    async def set_accepting(self, accepting: bool) -> None:
        """Resume or pause the server; while paused it rejects new requests."""
        await self.fetch("POST", "/resume" if accepting else "/pause")

    async def load_model(self, model: str) -> bool:
        """Start loading a model; True if it is ready already."""
        answer = await self.fetch("POST", f"/models/{quote(model)}/load")
        return get_str(answer, "status") == "already_ready"

    async def unload_model(self, model: str) -> None:
        """Unload a model when its running requests have finished."""
        await self.fetch("POST", f"/models/{quote(model)}/unload")

    async def download_model(self, model: str) -> bool:
        """Start downloading a model; True if it is installed already."""
        answer = await self.fetch("POST", f"/models/{quote(model)}/download")
        return get_str(answer, "status") == "already_installed"

    async def delete_model(self, model: str, *, force: bool = False) -> int:
        """Delete the files of a model; return the number of bytes freed."""
        query = "?force=true" if force else ""
        return get_int(await self.fetch("DELETE", f"/models/{quote(model)}{query}"), "freed_bytes")

    async def config(self) -> ServerConfig:
        """Return the server's configuration."""
        return ServerConfig.from_json(await self.fetch("GET", "/config"))

    async def set_config(self, path: tuple[str, ...], value: Any) -> None:
        """Set one configuration key permanently; None resets it to the configuration file's value.

        Raises ConductorRequestError also if a source of higher priority, such as the environment,
        overrides the new value.
        """
        patch = merge_patch(path, value)
        answer = await self.fetch("PATCH", "/config", patch, seconds=CONFIG_TIMEOUT)
        if overridden := as_mapping(answer.get("shadowed") or {}, "shadowed"):
            key, source = next(iter(overridden.items()))
            raise ConductorRequestError(f"{key} is set by the {source}, which takes precedence.")

    async def restart(self) -> None:
        """Restart the server; running requests end first."""
        await self.fetch("POST", "/restart")

    async def clear_cache(self, kind: str) -> int:
        """Delete cached speech (`phrases`) or unused `models`; return the number of bytes freed."""
        return get_int(await self.fetch("DELETE", f"/cache/{kind}"), "freed_bytes")

    async def set_vocabulary(self, names: Sequence[str], terms: Sequence[str]) -> None:
        """Replace the names and terms that speech-to-text favors, most important first."""
        await self.fetch("PUT", "/vocabulary", {"names": list(names), "terms": list(terms)})

    async def delete_vocabulary(self) -> None:
        """Delete the names and terms of `set_vocabulary`."""
        await self.fetch("DELETE", "/vocabulary")

    async def set_reference(
        self,
        owner: str,
        *,
        models: Sequence[str] = (),
        voices: Sequence[str] = (),
        wake_words: Sequence[str] = (),
        announce_wyoming: bool = True,
        expires_in: float | None = None,
    ) -> None:
        """Declare what a client needs, in place of its earlier reference.

        The reference expires after `expires_in` seconds unless it is renewed. With
        `announce_wyoming=False`, the server does not announce its Wyoming services while the
        reference holds.
        """
        body: dict[str, Any] = {
            "models": list(models),
            "voices": list(voices),
            "wake_words": list(wake_words),
            "announce_wyoming": announce_wyoming,
            "expires_in": expires_in,
        }
        await self.fetch("PUT", f"/references/{quote(owner)}", body)

    async def delete_reference(self, owner: str) -> None:
        """Withdraw the reference of a client; does nothing if there is none."""
        try:
            await self.fetch("DELETE", f"/references/{quote(owner)}")
        except ConductorRequestError as err:
            if err.code != "NOT_FOUND":
                raise

    async def model_sizes(self) -> dict[str, int]:
        """Return the size of each model of the catalog on the server's disk, in bytes."""
        answer = await self.fetch("GET", "/catalog")
        return {
            get_str(item, "id"): get_int(item, "disk_bytes")
            for item in get_objects(answer, "models")
        }

    async def voices(self) -> list[Voice]:
        """Return the installed voices and presets, the default voice first."""
        answer = await self.fetch("GET", "/voices?installed=true")
        return [Voice.from_json(item) for item in get_objects(answer, "voices")]

    async def voice_sample(self, voice: str) -> bytes:
        """Return a sentence that a voice speaks, as a WAV file."""
        path = f"/voices/{quote(voice, safe='')}/sample"
        timeout = ClientTimeout(total=INFERENCE_TIMEOUT)
        async with self.request("GET", path, timeout=timeout) as response:
            return await response.read()

    @asynccontextmanager
    async def connect_wyoming(self, service: str) -> AsyncIterator[WyomingConnection]:
        """Open a connection to a Wyoming service: `asr`, `tts` or `wake`."""
        url = self._url.join(URL(f"/ws/wyoming?service={service}"))
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else None
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                socket = await self._session.ws_connect(
                    url, headers=headers, ssl=self._ssl, max_msg_size=0
                )
        except WSServerHandshakeError as err:
            if err.status == 401:
                raise ConductorAuthError("the server rejected the token") from err
            raise ConductorResponseError(f"unexpected status {err.status}") from err
        except TimeoutError as err:
            raise ConductorConnectionError(f"{self.url} timed out") from err
        except (ClientConnectorCertificateError, ServerFingerprintMismatch) as err:
            raise ConductorCertificateError(
                f"The certificate of {self.url} is not trusted: {err}"
            ) from err
        except (ClientError, OSError) as err:
            raise ConductorConnectionError(f"{self.url} cannot be reached: {err}") from err
        try:
            yield WyomingConnection(socket, self.url)
        finally:
            await socket.close()

    async def synthesize(self, text: str, voice: str | None = None) -> SynthesizedSpeech:
        """Synthesize a text with a voice or the server's default voice."""
        body = {"input": text, "response_format": "pcm", **({"voice": voice} if voice else {})}
        timeout = ClientTimeout(total=INFERENCE_TIMEOUT)
        started = time.monotonic()
        first_audio = 0.0
        pcm = bytearray()
        async with self.request("POST", "/v1/audio/speech", timeout=timeout, json=body) as response:
            async for chunk in response.content.iter_any():
                first_audio = first_audio or time.monotonic() - started
                pcm += chunk
        seconds = time.monotonic() - started
        return SynthesizedSpeech(pcm=bytes(pcm), first_audio_seconds=first_audio, seconds=seconds)

    async def transcribe(self, wav: bytes, model: str | None = None) -> str:
        """Transcribe a WAV file with a model or the server's default model."""
        form = FormData({"response_format": "json", **({"model": model} if model else {})})
        form.add_field("file", wav, filename="speech.wav", content_type="audio/wav")
        timeout = ClientTimeout(total=INFERENCE_TIMEOUT)
        path = "/v1/audio/transcriptions"
        async with self.request("POST", path, timeout=timeout, data=form) as response:
            return get_str(await read_json(response, path), "text", "")

    async def events(self, last_id: str | None = None) -> AsyncGenerator[ServerEvent, None]:
        """Yield the server's events from now on, or those after the event `last_id`.

        Raises ConductorConnectionError if the connection breaks or misses its heartbeats; returns
        when the server closes it. Close the generator (`aclosing`) to close the connection.
        """
        headers = {"Accept": "text/event-stream"}
        if last_id is not None:
            headers["Last-Event-ID"] = last_id
        timeout = ClientTimeout(
            total=None, sock_connect=REQUEST_TIMEOUT, sock_read=self._heartbeat_timeout
        )
        async with self.request("GET", "/events", headers, timeout=timeout) as response:
            if response.content_type != "text/event-stream":
                raise ConductorResponseError("/events is not an event stream")
            async for event in parse_events(response.content.iter_any()):
                yield event

    async def _request_proof_from(self, ip: str) -> ProofAnswer:
        nonce = create_nonce()
        path = f"/proof?nonce={nonce}"
        timeout = ClientTimeout(total=REQUEST_TIMEOUT)
        try:
            async with self.request("GET", path, timeout=timeout, peer=ip) as response:
                answer = await read_json(response, "/proof")
                return ProofAnswer(
                    nonce=nonce,
                    peer=format_address(ip, self._url.port or 0),
                    uuid=get_str(answer, "uuid"),
                    address=get_str(answer, "address", ""),
                    fingerprint=self._fingerprint,
                    proofs=get_str_list(answer, "proofs"),
                )
        except (ConductorAuthError, ConductorRequestError, ConductorResponseError) as err:
            raise ConductorProofError(f"{self.url} offers no proof: {err}") from err

    async def _resolve_host(self) -> list[str]:
        """Return the IP addresses of the server. Raises ConductorConnectionError."""
        host = self._url.host or ""
        with suppress(ValueError):
            return [str(ip_address(host))]
        loop = asyncio.get_running_loop()
        try:
            infos = await loop.getaddrinfo(host, self._url.port, type=SOCK_STREAM)
        except OSError as err:
            raise ConductorConnectionError(f"{host} cannot be resolved: {err}") from err
        return [str(sockaddr[0]) for *_, sockaddr in infos]

    async def fetch(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | Sequence[Any] | None = None,
        *,
        seconds: float = REQUEST_TIMEOUT,
    ) -> Json:
        """Send a request that has no method here, and return its JSON object."""
        timeout = ClientTimeout(total=seconds, sock_connect=REQUEST_TIMEOUT)
        async with self.request(method, path, timeout=timeout, json=body) as response:
            return await read_json(response, path)

    @asynccontextmanager
    async def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] = MappingProxyType({}),
        *,
        timeout: ClientTimeout,
        json: object = None,
        data: FormData | None = None,
        peer: str | None = None,
    ) -> AsyncIterator[ClientResponse]:
        """Send a request that has no method here, and yield its response.

        Every failure becomes a ConductorError. `path` is encoded already. With `peer`, the request
        is sent to this IP address, without the token.
        """
        url = self._url.join(URL(path, encoded=True))
        if peer is not None:
            headers = {**headers, "Host": url.host_port_subcomponent or ""}
            url = url.with_host(peer)
        elif self._token:
            headers = {**headers, "Authorization": f"Bearer {self._token}"}
        try:
            async with self._session.request(
                method,
                url,
                headers=headers,
                timeout=timeout,
                json=json,
                data=data,
                ssl=self._ssl,
                # A redirect could carry the token to another host.
                allow_redirects=False,
                # The name in the certificate, if the request is sent to an IP address.
                server_hostname=self._url.host if peer and self._url.scheme == "https" else None,
            ) as response:
                if response.status not in (200, 201, 202, 204):
                    raise await _error_of(response)
                yield response
        except TimeoutError as err:
            raise ConductorConnectionError(f"{self.url} timed out") from err
        except (ClientConnectorCertificateError, ServerFingerprintMismatch) as err:
            raise ConductorCertificateError(
                f"The certificate of {self.url} is not trusted: {err}"
            ) from err
        except (ClientError, OSError) as err:
            raise ConductorConnectionError(f"{self.url} cannot be reached: {err}") from err


def merge_patch(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return a JSON Merge Patch (RFC 7396) that sets one value; None removes it."""
    for name in reversed(path):
        value = {name: value}
    return dict(value)


async def read_json(response: ClientResponse, path: str) -> Json:
    """Return the JSON object of a response to `path`. Raises ConductorResponseError."""
    try:
        return as_mapping(await response.json(content_type=None), path)
    except ValueError as err:
        raise ConductorResponseError(f"{path} is not JSON") from err


async def _error_of(response: ClientResponse) -> Exception:
    """Return the error for a response with an error status."""
    if response.status == 401:
        return ConductorAuthError("the server rejected the token or the code")
    try:
        data = as_mapping(await response.json(content_type=None), "problem")
        if isinstance(error := data.get("error"), Mapping):
            # The OpenAI-compatible routes use OpenAI's error format.
            return ConductorRequestError(get_str(error, "message"), code=get_str(error, "code", ""))
        return ConductorRequestError(
            get_str(data, "error"),
            code=get_str(data, "code"),
            detail=get_str(data, "detail", ""),
            retry_after=get_float(data, "retry_after_secs"),
        )
    except (ValueError, ConductorResponseError):
        return ConductorResponseError(f"unexpected status {response.status}")


async def parse_events(chunks: AsyncIterator[bytes]) -> AsyncIterator[ServerEvent]:
    """Yield the events of a byte stream, whatever its chunk boundaries.

    Comments (heartbeats) and unused fields are skipped. Raises ConductorResponseError for an event
    whose data is not a JSON object with a type, or that exceeds MAX_EVENT_BYTES.
    """
    buffer = b""
    event_id: str | None = None
    data: list[str] = []
    size = 0
    async for chunk in chunks:
        buffer += chunk
        *lines, buffer = buffer.split(b"\n")
        if size + len(buffer) > MAX_EVENT_BYTES:
            raise ConductorResponseError("an event is too long")
        for line in lines:
            name, _, value = line.rstrip(b"\r").decode(errors="replace").partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                data.append(value)
                size += len(value)
                if size > MAX_EVENT_BYTES:
                    raise ConductorResponseError("an event is too long")
            elif name == "id":
                event_id = value
            elif not name and not value and data:
                # An empty line ends the event.
                yield _decode_event("\n".join(data), event_id)
                event_id, data, size = None, [], 0


def _decode_event(text: str, event_id: str | None) -> ServerEvent:
    try:
        data = json.loads(text)
    except ValueError as err:
        raise ConductorResponseError("an event is not JSON") from err
    if not isinstance(data, dict) or not isinstance(data.get("type"), str):
        raise ConductorResponseError("an event has no type")
    return ServerEvent(type=data["type"], data=data, id=event_id)

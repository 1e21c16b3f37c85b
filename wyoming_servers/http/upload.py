"""Reads `multipart/form-data` as it comes: the file to disk, the fields to memory, all bounded."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from wyoming_servers.core.errors import (
    BadRequestError,
    CancelledError,
    TooLargeError,
)
from wyoming_servers.jobs.uploads import (
    IncomingUpload,
    UploadSpool,
)

_MAX_FIELDS: Final = 64
_FIELD_BYTES: Final = 64 * 1024
_HEADER_BYTES: Final = 8 * 1024
_FORM_OVERHEAD_BYTES: Final = _MAX_FIELDS * (_FIELD_BYTES + _HEADER_BYTES)
"""What a form may have beside its file."""

SMALL_UPLOAD_BYTES: Final = 1024 * 1024
"""A request that is read in a moment; about a larger one it is worth to decide before."""

STALL_TIMEOUT_SECONDS: Final = 30.0
"""A client that sends nothing for so long has gone, or means no good."""

MIN_BYTES_PER_SECOND: Final = 256
"""Bytes per second over that long; who drips keeps a connection, and means no good either."""

AdmissionCheck = Callable[["MultipartForm"], Awaitable[None]]
"""Raises if a request is not to be taken; called with the fields that came before its file."""


@dataclass(slots=True)
class MultipartForm:
    """What a client has sent."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    filename: str = ""
    """What the client calls its file; for people, never a path."""
    size: int | None = None
    """Bytes of the file; None without one."""

    def get(self, name: str, default: str = "") -> str:
        """Return the last value of a field, without spaces around it."""
        return self.fields.get(name, [default])[-1].strip()

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a field that is yes or no. Raises BadRequestError for anything else."""
        value = self.get(name).lower()
        if value in ("true", "1", "yes", "on"):
            return True
        if value in ("false", "0", "no", "off"):
            return False
        if value:
            raise BadRequestError(f"{name} must be 'true' or 'false'")
        return default


class ReceivedForm:
    """A form whose file is on disk; `keep` it, or it is deleted."""

    def __init__(self, form: MultipartForm, arrival: IncomingUpload) -> None:
        self.form = form
        self._arrival = arrival

    async def keep(self) -> Path:
        """Return where the file is; it is the caller's from now on."""
        return await self._arrival.commit()


@asynccontextmanager
async def receive_form(
    request: Request,
    inbox: UploadSpool,
    file_field: str,
    *,
    largest: int | None = None,
    admit: AdmissionCheck | None = None,
) -> AsyncIterator[ReceivedForm]:
    """Read the whole request; the file of `file_field` goes to the inbox.

    `largest` bounds the file further. `admit` is called with what is known when a large file
    begins to come, and may raise. Raises BadRequestError (with the texts that clients of `/jobs`
    know), TooLargeError, BusyError.
    """
    boundary = _boundary(request)
    largest = min(inbox.max_bytes, largest or inbox.max_bytes)
    length = _length(request)
    if length is not None and length > largest + _FORM_OVERHEAD_BYTES:
        raise TooLargeError(
            f"What is sent is larger than {largest} bytes.",
            hint="Send it in parts, compressed, or raise jobs.max_upload.",
        )
    if length is not None and length <= SMALL_UPLOAD_BYTES:
        admit = None
    async with inbox.receive(largest) as arrival:
        parts = _MultipartReader(boundary, file_field)
        async for data in _body(request):
            content = parts.feed(data)
            if admit is not None and parts.form.size is not None:
                await admit(parts.form)
                admit = None
            await arrival.write(content)
        parts.finish()
        form = parts.form
        if form.size is None:
            raise BadRequestError(f"missing '{file_field}' field")
        if not form.size:
            raise BadRequestError(f"{file_field} field is empty")
        yield ReceivedForm(form, arrival)


async def read_body(request: Request, largest: int) -> bytes:
    """Return a body that is no form. Raises TooLargeError, BadRequestError."""
    body = bytearray()
    async for data in _body(request):
        body += data
        if len(body) > largest:
            raise TooLargeError(f"The body is larger than {largest} bytes.")
    return bytes(body)


async def _body(request: Request) -> AsyncIterator[bytes]:
    stream = request.stream()
    loop = asyncio.get_running_loop()
    since, size = loop.time(), 0
    while True:
        try:
            async with asyncio.timeout(STALL_TIMEOUT_SECONDS):
                data = await anext(stream, None)
        except TimeoutError as err:
            raise BadRequestError(
                f"multipart error: nothing came for {STALL_TIMEOUT_SECONDS:g} s",
                hint="Send the recording faster, or look at the network.",
            ) from err
        except ClientDisconnect as err:
            raise CancelledError("The client left while it sent a recording.") from err
        if data is None:
            return
        size += len(data)
        elapsed = loop.time() - since
        if elapsed >= STALL_TIMEOUT_SECONDS:
            if size < MIN_BYTES_PER_SECOND * elapsed:
                raise BadRequestError(
                    f"multipart error: less than {MIN_BYTES_PER_SECOND} bytes a second came",
                    hint="Send the recording faster, or look at the network.",
                )
            since, size = loop.time(), 0
        yield data


class _MultipartReader:
    """The parser's callbacks: where each part's bytes go."""

    def __init__(self, boundary: bytes, file_field: str) -> None:
        self.form = MultipartForm()
        self._file_field = file_field
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_end,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._all,
            },
        )
        self._count = 0
        self._name = ""
        self._is_file = False
        self._header = bytearray()
        self._value = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._field = bytearray()
        self._file = bytearray()
        """The file's bytes of this feed."""
        self._complete = False

    def feed(self, data: bytes) -> bytes:
        """Take bytes of the request, return those that belong to the file."""
        try:
            self._parser.write(data)
        except MultipartParseError as err:
            raise BadRequestError(f"multipart error: {err}") from err
        found, self._file = bytes(self._file), bytearray()
        return found

    def finish(self) -> None:
        """The request has ended."""
        if not self._complete:
            raise BadRequestError("multipart error: the request ends in the middle of a part")

    def _begin(self) -> None:
        self._count += 1
        if self._count > _MAX_FIELDS:
            raise BadRequestError(f"multipart error: more than {_MAX_FIELDS} parts")
        self._headers, self._field = {}, bytearray()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]
        self._bound_headers()

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._bound_headers()

    def _bound_headers(self) -> None:
        known = sum(len(name) + len(value) for name, value in self._headers.items())
        if known + len(self._header) + len(self._value) > _HEADER_BYTES:
            raise BadRequestError("multipart error: a part's header is too long")

    def _header_end(self) -> None:
        self._headers[bytes(self._header).lower()] = bytes(self._value)
        self._header, self._value = bytearray(), bytearray()

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        self._is_file = self._name == self._file_field
        if self._is_file:
            if self.form.size is not None:
                raise BadRequestError(f"multipart error: more than one '{self._name}' field")
            self.form.size = 0
            name = options.get(b"filename", b"").decode("utf-8", "replace")
            self.form.filename = name.replace("\\", "/").rpartition("/")[2][:255]

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._file += data[start:end]
            self.form.size = (self.form.size or 0) + end - start
            return
        if len(self._field) + end - start > _FIELD_BYTES:
            raise BadRequestError(f"multipart error: the field '{self._name[:40]}' is too long")
        self._field += data[start:end]

    def _end(self) -> None:
        if not self._is_file and self._name:
            text = self._field.decode("utf-8", "replace")
            self.form.fields.setdefault(self._name, []).append(text)

    def _all(self) -> None:
        self._complete = True


def _length(request: Request) -> int | None:
    text = request.headers.get("content-length", "")
    return int(text) if text.isdecimal() else None


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary: Any = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise BadRequestError(
            "multipart error: the request is not multipart/form-data with a boundary",
            hint="Send a form, as `curl -F audio=@FILE` does.",
        )
    return bytes(boundary)


# What the OpenAPI document says of forms with a file, which FastAPI does not read for us.


def form_schema(
    file_field: str,
    fields: dict[str, Any],
    about: str = "Audio or video in any usual format.",
) -> dict[str, Any]:
    """Return a schema of a form with one required file."""
    file = {"type": "string", "format": "binary", "description": about}
    return {
        "type": "object",
        "required": [file_field],
        "properties": {file_field: file, **fields},
    }


def openapi_request_body(**content: dict[str, Any]) -> dict[str, Any]:
    """Return a route's `openapi_extra`: what it takes as a `form` or as `json`."""
    kinds = {"form": "multipart/form-data", "json": "application/json"}
    found = {kinds[name]: {"schema": schema} for name, schema in content.items()}
    return {"requestBody": {"required": True, "content": found}}

"""Streaming multipart/form-data uploads: the file to disk, fields to memory, all bounded.

How long a body may take is limited by `body_limits.BodyLimitMiddleware`.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from wyoming_servers.core.errors import BadRequestError, CancelledError, TooLargeError
from wyoming_servers.jobs.files import IncomingUpload, UploadSpool

_MAX_FIELDS: Final = 64
_FIELD_BYTES: Final = 64 * 1024
_HEADER_BYTES: Final = 8 * 1024
_FORM_OVERHEAD_BYTES: Final = _MAX_FIELDS * (_FIELD_BYTES + _HEADER_BYTES)
"""Most bytes of a form in addition to its file."""

SMALL_UPLOAD_BYTES: Final = 1024 * 1024
"""A request up to this size is read completely before the admission check."""

AdmissionCheck = Callable[["MultipartReader"], Awaitable[None]]
"""Raises an error to reject a request; called with the reader, whose form has the fields that
precede the file. A response that discards the rest of the body may feed it to the reader, to get
the fields that follow."""


@dataclass(slots=True)
class MultipartForm:
    """The parsed fields of a form, and the name and size of its file."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    filename: str = ""
    """Name of the file as sent by the client; for display only, never used as a path."""
    size: int | None = None
    """Size of the file in bytes; None if the form has no file."""

    def get(self, name: str, default: str = "") -> str:
        """Return the last value of a field without surrounding whitespace."""
        return self.fields.get(name, [default])[-1].strip()

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean field. Raises BadRequestError if it is not a boolean."""
        value = self.get(name).lower()
        if value in ("true", "1", "yes", "on"):
            return True
        if value in ("false", "0", "no", "off"):
            return False
        if value:
            raise BadRequestError(f"{name} must be 'true' or 'false'")
        return default


class ReceivedForm:
    """A received form whose file is on disk; deleted at the end unless `keep` was called."""

    def __init__(self, form: MultipartForm, upload: IncomingUpload) -> None:
        self.form = form
        self._upload = upload

    async def keep(self) -> Path:
        """Return the path of the file; the caller owns the file from now on."""
        return await self._upload.commit()


@asynccontextmanager
async def receive_form(
    request: Request,
    spool: UploadSpool,
    file_field: str,
    *,
    largest: int | None = None,
    admit: AdmissionCheck | None = None,
) -> AsyncIterator[ReceivedForm]:
    """Read the whole request; the file of `file_field` is written to the upload spool.

    `largest` is an additional limit for the file, in bytes. `admit` is called with the fields known
    so far when the file of a large request begins. Raises BadRequestError, TooLargeError,
    BusyError, and what `admit` raises.
    """
    boundary = _boundary(request)
    largest = min(spool.max_bytes, largest or spool.max_bytes)
    length = _length(request)
    if length is not None and length > largest + _FORM_OVERHEAD_BYTES:
        raise TooLargeError(
            f"The upload is larger than {largest} bytes.",
            hint="Compress or split the file, or raise jobs.max_upload.",
        )
    if length is not None and length <= SMALL_UPLOAD_BYTES:
        admit = None
    async with spool.receive(largest) as upload:
        reader = MultipartReader(boundary, file_field)
        async with aclosing(_body(request)) as chunks:
            async for chunk in chunks:
                content = reader.feed(chunk)
                if admit is not None and reader.form.size is not None:
                    await admit(reader)
                    admit = None
                await upload.write(content)
        reader.finish()
        form = reader.form
        if form.size is None:
            raise BadRequestError(f"missing '{file_field}' field")
        if not form.size:
            raise BadRequestError(f"{file_field} field is empty")
        yield ReceivedForm(form, upload)


async def read_body(request: Request, largest: int) -> bytes:
    """Return a whole body. Raises TooLargeError, BadRequestError."""
    body = bytearray()
    async with aclosing(_body(request)) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > largest:
                raise TooLargeError(f"The body is larger than {largest} bytes.")
    return bytes(body)


async def _body(request: Request) -> AsyncGenerator[bytes, None]:
    """Yield the body as it arrives; `BodyLimitMiddleware` limits its duration."""
    try:
        async for data in request.stream():
            yield data
    except ClientDisconnect as err:
        raise CancelledError("The client disconnected during the upload.") from err


class MultipartReader:
    """Collects the parts of a form through the callbacks of `python_multipart`."""

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
        """Bytes of the file in the current `feed`."""
        self._complete = False

    def feed(self, data: bytes) -> bytes:
        """Parse bytes of the request; return those that belong to the file."""
        try:
            self._parser.write(data)
        except MultipartParseError as err:
            raise BadRequestError(f"multipart error: {err}") from err
        found, self._file = bytes(self._file), bytearray()
        return found

    def finish(self) -> None:
        """End the request. Raises BadRequestError if the form is incomplete."""
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
        length = sum(len(name) + len(value) for name, value in self._headers.items())
        if length + len(self._header) + len(self._value) > _HEADER_BYTES:
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


def form_schema(
    file_field: str,
    fields: dict[str, Any],
    description: str = "Audio or video file in any common format.",
) -> dict[str, Any]:
    """Return the OpenAPI schema of a form with one required file."""
    file = {"type": "string", "format": "binary", "description": description}
    return {
        "type": "object",
        "required": [file_field],
        "properties": {file_field: file, **fields},
    }


def openapi_request_body(**content: dict[str, Any]) -> dict[str, Any]:
    """Return the `openapi_extra` of a route that parses its body itself, as `form` or as `json`."""
    kinds = {"form": "multipart/form-data", "json": "application/json"}
    found = {kinds[name]: {"schema": schema} for name, schema in content.items()}
    return {"requestBody": {"required": True, "content": found}}

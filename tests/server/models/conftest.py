"""A web server that misbehaves on demand, packages for tests, and a clock without pauses."""

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from wyoming_servers.models.catalog import Catalog
from wyoming_servers.models.manifest import ModelEntry

Quirks = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """A request of a client."""

    path: str
    range: str | None


@dataclass
class Mirror:
    """Serves `files` with the misbehavior in `quirks`, by path.

    stall_after, cut_after: bytes of the body, followed by silence or the end of the connection;
    drip: seconds between single bytes; length: another Content-Length; chunked: no Content-Length;
    extra: bytes after the file; status: the status of the response; retry_after: that header;
    no_ranges: ignore Range; wrong_range: send another range; linked: SHA-256 in the header of
    Hugging Face; redirect: another path; times: number of requests to which the quirks apply.
    """

    base: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    quirks: dict[str, Quirks] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    stalled: asyncio.Event = field(default_factory=asyncio.Event)

    def url(self, path: str) -> str:
        return f"{self.base}/{path}"

    def ranges_of(self, path: str) -> list[str | None]:
        """The Range headers of the requests for a path."""
        return [request.range for request in self.requests if request.path == path]

    def put(self, path: str, content: bytes, **quirks: Any) -> str:
        self.files[path] = content
        self.quirks[path] = quirks
        return self.url(path)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ")[1].lstrip("/")
            found = re.search(r"(?mi)^range: (\S+)", head)
            self.requests.append(Request(path, found[1] if found else None))
            await self.answer(path, found[1] if found else None, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has left, as many tests want it to
        finally:
            writer.close()

    async def answer(
        self, path: str, range_header: str | None, writer: asyncio.StreamWriter
    ) -> None:
        quirks = self.quirks.get(path, {})
        if quirks.get("times") is not None and len(self.ranges_of(path)) > quirks["times"]:
            quirks = {}
        body = self.files.get(path)
        if body is None or "status" in quirks:
            status = quirks.get("status", 404)
            extra = f"Retry-After: {quirks['retry_after']}\r\n" if "retry_after" in quirks else ""
            writer.write(f"HTTP/1.1 {status} No\r\n{extra}Content-Length: 0\r\n\r\n".encode())
            return
        headers = ["Connection: close"]
        if "linked" in quirks:
            headers.append(f'X-Linked-Etag: "{quirks["linked"]}"')
        if "redirect" in quirks:
            headers += [f"Location: /{quirks['redirect']}", "Content-Length: 0"]
            writer.write(("\r\n".join(["HTTP/1.1 302 Found", *headers]) + "\r\n\r\n").encode())
            return
        start, status = 0, "200 OK"
        if range_header and not quirks.get("no_ranges"):
            start = int(re.sub(r"\D", "", range_header))
            if range_header.startswith("bytes=-"):
                start = max(0, len(body) - start)
            if start >= len(body):
                writer.write(b"HTTP/1.1 416 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            start = 0 if quirks.get("wrong_range") else start
            status = "206 Partial Content"
            headers.append(f"Content-Range: bytes {start}-{len(body) - 1}/{len(body)}")
        rest = body[start:] + quirks.get("extra", b"")
        if quirks.get("chunked"):
            headers.append("Transfer-Encoding: chunked")
        else:
            headers.append(f"Content-Length: {quirks.get('length', len(rest))}")
        writer.write(("\r\n".join([f"HTTP/1.1 {status}", *headers]) + "\r\n\r\n").encode())
        await self.send(rest, quirks, writer)

    async def send(self, rest: bytes, quirks: Quirks, writer: asyncio.StreamWriter) -> None:
        if "drip" in quirks:
            for byte in rest:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(quirks["drip"])
        limit = quirks.get("stall_after", quirks.get("cut_after", len(rest)))
        if quirks.get("chunked"):
            writer.write(b"%x\r\n" % len(rest) + rest + b"\r\n0\r\n\r\n")
        else:
            writer.write(rest[:limit])
        await writer.drain()
        if "stall_after" in quirks:
            self.stalled.set()
            await asyncio.sleep(3600)


@pytest.fixture
async def mirror() -> AsyncIterator[Mirror]:
    """A web server on a free loopback port."""
    found = Mirror()
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await found.handle(reader, writer)
        except asyncio.CancelledError:
            pass  # the test is over and this connection was left stalled
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    found.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield found
    server.close()
    for task in tuple(tasks):
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
    await server.wait_closed()


class InstantClock:
    """Does not sleep; records the durations."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> float:
        return sum(self.slept)

    def wall(self) -> float:
        return self.now()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def instant_clock() -> InstantClock:
    return InstantClock()


Files = Mapping[str, bytes]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Install a Python distribution with data files like pip."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def install(name: str, files: Files, version: str = "1.0.0") -> Path:
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        rows = []
        for path, content in files.items():
            (site / path).parent.mkdir(parents=True, exist_ok=True)
            (site / path).write_bytes(content)
            digest = (
                base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            )
            rows.append(f"{path},sha256={digest},{len(content)}\n")
        (info / "RECORD").write_text("".join(rows))
        return site

    return install


@pytest.fixture
def model() -> Callable[..., ModelEntry]:
    """Create the entry of a model with files of these contents."""

    def describe(model_id: str, files: Files, **fields: Any) -> ModelEntry:
        parts = fields.pop("parts", {})
        described = [
            {
                "path": path,
                "size": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
                "parts": parts.get(path, ()),
            }
            for path, content in files.items()
        ]
        return ModelEntry.model_validate(
            {
                "id": model_id,
                "kind": "asr",
                "engine": "fake",
                "title": model_id,
                "version": "1",
                "licence": "MIT",
                "attribution": {"name": "unknown", "url": ""},
                "languages": ["en"],
                "roles": {"directory": "."},
                "files": described,
                **fields,
            }
        )

    return describe


@pytest.fixture
def catalog() -> Callable[..., Catalog]:
    """Create a catalog."""
    return lambda *entries: Catalog(entries)

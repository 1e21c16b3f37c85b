"""A download over HTTP whose first mirror fails, observed through the event stream."""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from fastapi import FastAPI

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.models.catalog import Catalog
from wyoming_servers.models.layout import PART_SUFFIX
from wyoming_servers.models.manager import ModelManager
from wyoming_servers.models.manifest import ModelEntry
from wyoming_servers.models.references import References
from wyoming_servers.models.store import ModelStore

CONTENT = bytes(range(256)) * 16_000
DIES_AFTER = 2_500_000
MODEL = "whisper/pulled"


class Mirror:
    """Serves the model; the failing mirror closes its socket midway and stops listening."""

    def __init__(self, *, dies: bool) -> None:
        self._dies = dies
        self.ranges: list[str | None] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        found = re.search(r"(?mi)^range: bytes=(\d+)-", head)
        self.ranges.append(found[1] if found else None)
        start = int(found[1]) if found else 0
        size = len(CONTENT)
        status = "206 Partial Content" if found else "200 OK"
        ranged = f"Content-Range: bytes {start}-{size - 1}/{size}\r\n" if found else ""
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Length: {size - start}\r\n{ranged}\r\n".encode()
        )
        end = DIES_AFTER if self._dies else size
        for offset in range(start, end, 100_000):
            writer.write(CONTENT[offset : min(offset + 100_000, end)])
            await writer.drain()
        if self._dies:
            self._server.close()
            writer.transport.abort()
        else:
            writer.close()


def entry(*urls: str) -> ModelEntry:
    digest = hashlib.sha256(CONTENT).hexdigest()
    return ModelEntry.model_validate(
        {
            "id": MODEL,
            "kind": "asr",
            "engine": "fake",
            "title": "A model",
            "version": "1",
            "licence": "MIT",
            "attribution": {"name": "nobody", "url": ""},
            "languages": ["en"],
            "roles": {"directory": "."},
            "files": [{"path": "model.bin", "size": len(CONTENT), "sha256": digest}],
            "sources": [{"base_url": url} for url in urls],
        }
    )


@pytest.fixture
async def mirrors() -> AsyncIterator[tuple[Mirror, Mirror]]:
    async with Mirror(dies=True) as dying, Mirror(dies=False) as next_one:
        yield dying, next_one


@pytest.fixture
async def app(
    mirrors: tuple[Mirror, Mirror], context: Any, coordinator: Any, bus: Any, tmp_path: Path,
    clock: Any, app_with: Any,
) -> AsyncIterator[FastAPI]:  # fmt: skip
    store = await ModelStore.open(tmp_path, Catalog([entry(*(one.url for one in mirrors))]))
    coordinator.added = []
    coordinator.add_model = coordinator.added.append
    library = ModelManager(
        store, coordinator, {}, ConfigHolder(context.config), bus,
        references=References(tmp_path / "references.json", bus, clock), clock=clock,
    )  # fmt: skip
    yield app_with(model_manager=library)
    await library.close()


async def follow(live: httpx.AsyncClient, listening: asyncio.Event) -> list[dict[str, Any]]:
    """Return the events of the stream until the download ends."""
    seen: list[dict[str, Any]] = []
    async with live.stream("GET", "/events") as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data:"):
                seen.append(json.loads(line.removeprefix("data:")))
                listening.set()
                if seen[-1]["type"] in ("model_installed", "model_failed"):
                    break
    return seen


async def test_download_continues_from_another_mirror(
    live: httpx.AsyncClient, mirrors: tuple[Mirror, Mirror], coordinator: Any, tmp_path: Path
) -> None:
    listening = asyncio.Event()
    following = asyncio.create_task(follow(live, listening))
    await listening.wait()
    answer = await live.post(f"/models/{MODEL}/download")
    assert answer.status_code == 202
    async with asyncio.timeout(30):
        seen = await following
    dying, next_one = mirrors
    # The first mirror sent a part, the next one only the rest.
    assert dying.ranges[0] is None
    (resumed,) = next_one.ranges
    assert resumed is not None
    assert 0 < int(resumed) <= DIES_AFTER
    assert seen[-1]["type"] == "model_installed"
    percents = [
        event["percent"]
        for event in seen
        if event["type"] == "model_progress" and event["phase"] == "download"
    ]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert len(set(percents)) > 10
    (file,) = await asyncio.to_thread(lambda: list(tmp_path.rglob("model.bin*")))
    assert not file.name.endswith(PART_SUFFIX)
    digest = hashlib.sha256(await asyncio.to_thread(file.read_bytes)).hexdigest()
    assert digest == hashlib.sha256(CONTENT).hexdigest()
    assert [spec.id for spec in coordinator.added] == [MODEL]

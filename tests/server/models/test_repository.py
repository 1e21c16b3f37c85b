"""Repositories of a hub: described, added, installed from the first mirror that works."""

import asyncio
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from wyoming_servers.core.domain import Task
from wyoming_servers.core.errors import (
    BadRequestError,
    ConflictError,
    ModelMissingError,
    NotFoundError,
)
from wyoming_servers.models.catalog import Catalog
from wyoming_servers.models.errors import DownloadError
from wyoming_servers.models.repository import RepositoryName
from wyoming_servers.models.store import ModelStore

SHA = "0123456789abcdef0123456789abcdef01234567"
DEAD = "http://127.0.0.1:9"


def publish(mirror: Any, name: str, files: dict[str, bytes], **card: Any) -> None:
    """Put a repository on the hub, as Hugging Face answers."""
    siblings = []
    for path, content in files.items():
        item: dict[str, Any] = {"rfilename": path, "size": len(content)}
        if path.endswith((".bin", ".onnx")):
            item["lfs"] = {"sha256": hashlib.sha256(content).hexdigest()}
        siblings.append(item)
        mirror.put(f"{name}/resolve/{SHA}/{path}", content)
    info = {"sha": SHA, "siblings": siblings, "cardData": card}
    mirror.put(f"api/models/{name}/revision/main?blobs=true", json.dumps(info).encode())


def voice(code: str = "de_DE") -> bytes:
    return json.dumps({"language": {"code": code}}).encode()


@pytest.fixture
async def store(tmp_path: Path, mirror: Any, instant_clock: Any) -> ModelStore:
    def build() -> ModelStore:
        found = ModelStore(
            tmp_path,
            Catalog([]),
            clock=instant_clock,
            client_factory=lambda: httpx.AsyncClient(trust_env=False),
        )
        found.configure(offline=False, endpoint=DEAD, mirrors=[mirror.base])
        return found

    return await asyncio.to_thread(build)


async def test_whisper_repository_is_added_and_installed(store: ModelStore, mirror: Any) -> None:
    files = {
        "model.bin": b"weights" * 1_000,
        "config.json": json.dumps({"lang_ids": [1] * 99}).encode(),
        "tokenizer.json": b"{}",
        "vocabulary.txt": b"a",
        "README.md": b"hello",
    }
    publish(mirror, "me/whisper-home", files, license="mit")
    assert await store.add_repository("me/whisper-home") == ["own/whisper-home"]
    entry = store.entry("own/whisper-home")
    assert (entry.kind, entry.licence, len(entry.languages)) == (Task.ASR, "mit", 99)
    assert {file.path for file in entry.files} == set(files) - {"README.md"}
    assert not store.installed("own/whisper-home")
    await store.ensure("own/whisper-home")
    assert store.installed("own/whisper-home")
    assert entry.sources[0].revision == SHA  # type: ignore[union-attr]
    with pytest.raises(ConflictError, match="already"):
        await store.add_repository("me/whisper-home")
    await store.remove("own/whisper-home")
    assert store.catalog.ids == ()


async def test_voices_of_a_repository_are_added_each_or_by_name(
    store: ModelStore, mirror: Any
) -> None:
    files = {
        "a.onnx": b"a",
        "a.onnx.json": voice(),
        "x/b.onnx": b"b",
        "x/b.onnx.json": voice("fr_FR"),
    }
    publish(mirror, "me/voices", {**files, "c.onnx": b"c"})
    assert await store.add_repository("me/voices:x/b.onnx") == ["own/b"]
    with pytest.raises(ConflictError, match="own/b"):
        await store.add_repository("me/voices")
    await store.remove("own/b")
    assert sorted(await store.add_repository("me/voices")) == ["own/a", "own/b"]
    await store.ensure("own/b")
    assert store.entry("own/b").languages == ("fr-FR",)


async def test_kokoro_export_is_added_with_its_voices(store: ModelStore, mirror: Any) -> None:
    archive = io.BytesIO()
    np.savez(archive, **{name: np.zeros(40_000, np.float32) for name in ("af_heart", "zm_yunxi")})
    publish(mirror, "me/kokoro", {"k.onnx": b"k", "voices-v1.0.bin": archive.getvalue()})
    assert await store.add_repository("me/kokoro") == ["own/kokoro"]
    entry = store.entry("own/kokoro")
    assert [offer.name for offer in entry.offers] == ["af_heart", "zm_yunxi"]
    assert entry.offers[1].needs, "a Chinese voice needs packages"
    path = f"me/kokoro/resolve/{SHA}/voices-v1.0.bin"
    assert mirror.ranges_of(path) == ["bytes=-65536"]


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"pytorch_model.bin": b"x", "config.json": b"{}"}, "has no model"),
        ({"model.bin": b"x", "config.json": b"{}"}, "has no tokenizer.json"),
        ({f"{n}.onnx{end}": voice() for n in range(40) for end in ("", ".json")}, "40 voices"),
    ],
)
async def test_repository_without_a_usable_model_is_refused(
    store: ModelStore, mirror: Any, files: dict[str, bytes], problem: str
) -> None:
    publish(mirror, "me/other", files)
    with pytest.raises(BadRequestError, match=problem) as caught:
        await store.add_repository("me/other")
    assert caught.value.hint


async def test_repository_that_cannot_be_read_is_told_apart(store: ModelStore, mirror: Any) -> None:
    with pytest.raises(NotFoundError, match="me/nothing"):
        await store.add_repository("me/nothing")
    with pytest.raises(BadRequestError, match="neither a file nor a repository"):
        await store.add_repository("../etc/passwd")
    store.configure(offline=False, endpoint=DEAD)
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1"):
        await store.add_repository("me/other")
    store.configure(offline=True, endpoint=mirror.base)
    with pytest.raises(ModelMissingError, match=r"downloads\.offline"):
        await store.add_repository("me/other")


async def test_list_of_voices_is_refreshed_and_kept(
    store: ModelStore, mirror: Any, tmp_path: Path
) -> None:
    graph, settings = b"graph", voice("xx_XX")
    described = {
        "key": "xx_XX-new-low",
        "name": "new",
        "language": {"code": "xx_XX"},
        "quality": "low",
        "files": {
            f"xx/new/xx_XX-new-low.{end}": {
                "size_bytes": len(content),
                "md5_digest": hashlib.md5(content, usedforsecurity=False).hexdigest(),
            }
            for end, content in (("onnx", graph), ("onnx.json", settings))
        },
    }
    base = "rhasspy/piper-voices/resolve/main"
    mirror.put(f"{base}/voices.json", json.dumps({"xx_XX-new-low": described}).encode())
    mirror.put(f"{base}/xx/new/xx_XX-new-low.onnx", graph)
    mirror.put(f"{base}/xx/new/xx_XX-new-low.onnx.json", settings)
    assert await store.refresh_voice_list() == ["piper/xx_XX-new-low"]
    await store.ensure("piper/xx_XX-new-low")
    again = await asyncio.to_thread(lambda: ModelStore(tmp_path, Catalog([]), offline=True))
    assert again.installed("piper/xx_XX-new-low")
    mirror.put(f"{base}/voices.json", b"<html>")
    with pytest.raises(BadRequestError, match="damaged"):
        await store.refresh_voice_list()
    assert "piper/xx_XX-new-low" in store.catalog


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("a/b", ("a/b", "main", "")),
        ("a/b@v1.0", ("a/b", "v1.0", "")),
        ("https://huggingface.co/a/b/", ("a/b", "main", "")),
        ("a/b@x:folder/v.onnx", ("a/b", "x", "folder/v.onnx")),
    ],
)
def test_repository_name_is_parsed(text: str, parsed: tuple[str, str, str]) -> None:
    name = RepositoryName.parse(text)
    assert (name.repository, name.revision, name.path) == parsed


@pytest.mark.parametrize("text", ["a", "a/b/c", "", "a/../b", "a b/c", "http://x/a/b"])
def test_other_texts_are_no_repository(text: str) -> None:
    with pytest.raises(BadRequestError):
        RepositoryName.parse(text)

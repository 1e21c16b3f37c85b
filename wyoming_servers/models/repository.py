"""Describes a repository on Hugging Face or a mirror as models that can be installed.

Only the list of files and small files (`config.json`, the description of a voice, the end of the
file with Kokoro's voices) are read; the model itself is downloaded when it is installed.
"""

import asyncio
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

import httpx

from wyoming_servers.core.errors import BadRequestError, NotFoundError
from wyoming_servers.models.catalog import builtin_catalog
from wyoming_servers.models.errors import DownloadError
from wyoming_servers.models.manifest import Attribution, ModelEntry, ModelFile, Repository
from wyoming_servers.models.own_models import (
    OPTIONAL_FILES,
    VOCABULARY_FILES,
    WHISPER_FILES,
    clean_name,
    kokoro_entry,
    piper_entry,
    read_voice_names,
    whisper_entry,
)

MAX_VOICES: Final = 32
"""Piper voices of one repository; for more, one of them must be named."""

_TIMEOUT: Final = httpx.Timeout(15.0, connect=5.0)

_MAX_BYTES: Final = 4 * 1024 * 1024
"""Largest answer that is read."""

_ARCHIVE_END_BYTES: Final = 65_536
"""The table of contents of a file with voices is in its last bytes."""

_NAME: Final = re.compile(
    r"^(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+?))?(?::(?P<path>[^:]+))?$"
)

_SUPPORTED: Final = (
    "A repository must have model.bin, config.json, tokenizer.json and vocabulary.json (Whisper "
    "for CTranslate2), NAME.onnx with NAME.onnx.json (Piper), or one .onnx file and voices.bin "
    "(Kokoro)."
)


@dataclass(frozen=True, slots=True)
class RepositoryName:
    """A repository, as `OWNER/NAME`, `OWNER/NAME@REVISION` or `OWNER/NAME:FOLDER-OR-FILE`."""

    repository: str
    revision: str = "main"
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> "RepositoryName":
        """Parse a name. Raises BadRequestError."""
        match = _NAME.match(text.removeprefix("https://huggingface.co/").strip("/"))
        if match is None or ".." in text:
            raise BadRequestError(
                f"{text[:100]!r} is neither a file nor a repository.",
                hint="Give the path of a model, or a repository on Hugging Face as OWNER/NAME.",
            )
        return cls(
            match["repository"], match["revision"] or "main", (match["path"] or "").strip("/")
        )


class RepositoryReader:
    """Reads repositories with one HTTP client, from the first endpoint that answers."""

    def __init__(self, client: httpx.AsyncClient, endpoints: Sequence[str]) -> None:
        self._client = client
        self._endpoints = endpoints

    async def describe(self, name: RepositoryName) -> list[ModelEntry]:
        """Return the models of a repository, pinned to its revision of now.

        Raises NotFoundError, BadRequestError for a repository without a model, DownloadError.
        """
        # The entries have languages and voices of models in it; it is read once.
        await asyncio.to_thread(builtin_catalog)
        info = json.loads(
            await self._get(f"api/models/{name.repository}/revision/{name.revision}?blobs=true")
        )
        files = {
            str(item["rfilename"]): ModelFile(
                path=PurePosixPath(item["rfilename"]).name,
                size=item.get("size"),
                sha256=(item.get("lfs") or {}).get("sha256"),
            )
            for item in info.get("siblings", ())
            if _is_model_file(str(item["rfilename"]))
        }
        pinned = RepositoryName(name.repository, str(info.get("sha") or name.revision), name.path)
        card = info.get("cardData") or {}
        fields: dict[str, Any] = {
            "description": f"From {name.repository}.",
            "licence": str(card.get("license") or "unknown"),
            "attribution": Attribution(
                name=name.repository.partition("/")[0],
                url=f"https://huggingface.co/{name.repository}",
            ),
        }
        found = await self._find_models(pinned, files, fields)
        if not found:
            raise BadRequestError(f"{name.repository} has no model.", hint=_SUPPORTED)
        return found

    async def _find_models(
        self, name: RepositoryName, files: Mapping[str, ModelFile], fields: Mapping[str, Any]
    ) -> list[ModelEntry]:
        """Return the models in the folder or file that `name` selects."""
        chosen = name.path if name.path.endswith(".onnx") else ""
        folder = str(PurePosixPath(chosen).parent) if chosen else name.path
        folder = "" if folder == "." else folder
        prefix = f"{folder}/" if folder else ""
        source = Repository(repository=name.repository, revision=name.revision, folder=folder)
        here = {
            path.removeprefix(prefix): file
            for path, file in files.items()
            if path.startswith(prefix) and "/" not in path.removeprefix(prefix)
        }
        title = clean_name(folder.rpartition("/")[2] or name.repository.rpartition("/")[2])
        if WHISPER_FILES[0] in here and not chosen:
            return [await self._whisper(title, name, here, source, fields)]
        graphs = [path for path in here if path.endswith(".onnx")]
        voices = [path for path in here if re.match(r"^voices.*\.bin$", path)]
        if voices and len(graphs) == 1:
            names = await self._voice_names(name, prefix + voices[0])
            listed = [here[graphs[0]], here[voices[0]]]
            return [kokoro_entry(title, names, listed, **fields, sources=(source,))]
        selected = {path: file for path, file in files.items() if path.startswith(chosen or prefix)}
        return await self._piper_voices(name, selected, fields)

    async def _whisper(
        self,
        title: str,
        name: RepositoryName,
        here: Mapping[str, ModelFile],
        source: Repository,
        fields: Mapping[str, Any],
    ) -> ModelEntry:
        vocabulary = [file for file in VOCABULARY_FILES if file in here]
        missing = [file for file in WHISPER_FILES if file not in here]
        missing += [] if vocabulary else [VOCABULARY_FILES[1]]
        if missing:
            raise BadRequestError(
                f"{name.repository} has no {', '.join(missing)}.", hint=_SUPPORTED
            )
        wanted = [*WHISPER_FILES, *vocabulary, *(file for file in OPTIONAL_FILES if file in here)]
        path = f"{source.folder}/config.json" if source.folder else "config.json"
        config = json.loads(await self.read_file(name, path))
        listed = [here[file] for file in wanted]
        return whisper_entry(title, config, listed, **fields, sources=(source,))

    async def _piper_voices(
        self, name: RepositoryName, files: Mapping[str, ModelFile], fields: Mapping[str, Any]
    ) -> list[ModelEntry]:
        graphs = [path for path in files if path.endswith(".onnx") and f"{path}.json" in files]
        if len(graphs) > MAX_VOICES:
            raise BadRequestError(
                f"{name.repository} has {len(graphs)} voices.",
                hint=f"Name one of them: `{name.repository}:{graphs[0]}`.",
            )
        found = []
        for graph in graphs:
            path = PurePosixPath(graph)
            folder = "" if str(path.parent) == "." else str(path.parent)
            source = Repository(repository=name.repository, revision=name.revision, folder=folder)
            settings = json.loads(await self.read_file(name, f"{graph}.json"))
            listed = [files[graph], files[f"{graph}.json"]]
            found.append(piper_entry(path.stem, settings, listed, **fields, sources=(source,)))
        return found

    async def _voice_names(self, name: RepositoryName, path: str) -> list[str]:
        end = await self.read_file(name, path, {"Range": f"bytes=-{_ARCHIVE_END_BYTES}"})
        return read_voice_names(io.BytesIO(end))

    async def read_file(
        self, name: RepositoryName, path: str, headers: Mapping[str, str] | None = None
    ) -> bytes:
        """Return a small file. Raises NotFoundError, DownloadError."""
        return await self._get(f"{name.repository}/resolve/{name.revision}/{path}", headers)

    async def _get(self, path: str, headers: Mapping[str, str] | None = None) -> bytes:
        """Return a file or answer. Raises NotFoundError if no endpoint has it, DownloadError."""
        reasons = []
        is_missing = False
        for endpoint in self._endpoints:
            try:
                return await self._read(f"{endpoint.rstrip('/')}/{path}", headers)
            except httpx.HTTPStatusError as err:
                status = err.response.status_code
                is_missing = is_missing or status in (401, 403, 404)
                reasons.append(f"{err.request.url.host}: HTTP {status}")
            except httpx.HTTPError as err:
                reasons.append(f"{endpoint}: {str(err) or type(err).__name__}")
        if is_missing:
            raise NotFoundError(
                f"{path.partition('?')[0]} does not exist or is not public ({'; '.join(reasons)}).",
                hint="Check the name of the repository, as Hugging Face shows it.",
            )
        raise DownloadError(f"The repository cannot be read: {'; '.join(reasons)}.")

    async def _read(self, url: str, headers: Mapping[str, str] | None) -> bytes:
        async with self._client.stream(
            "GET", url, headers=headers, timeout=_TIMEOUT, follow_redirects=True
        ) as response:
            response.raise_for_status()
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > _MAX_BYTES:
                    raise DownloadError(f"{url} is larger than {_MAX_BYTES} bytes.")
            return bytes(content)


def _is_model_file(path: str) -> bool:
    """Whether a file of a repository may belong to a model, by its name."""
    name = PurePosixPath(path).name
    known = (*WHISPER_FILES, *VOCABULARY_FILES, *OPTIONAL_FILES)
    return name in known or name.endswith((".onnx", ".onnx.json", ".bin"))

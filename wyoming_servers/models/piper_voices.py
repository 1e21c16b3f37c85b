"""The public list of Piper voices: every voice in it can be installed.

The list is the file `voices.json` of the repository rhasspy/piper-voices. A shortened copy comes
with the program; `ModelStore.refresh_voice_list` downloads a newer one. Sizes and MD5 sums of all
files are in the list; the voices in `manifests/piper.yaml` are described there with more detail.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, Final

from wyoming_servers.core.domain import Task
from wyoming_servers.models.manifest import (
    Attribution,
    ModelEntry,
    ModelFile,
    OfferEntry,
    Repository,
)
from wyoming_servers.text.locale import canonical_tag

_LOGGER: Final = logging.getLogger(__name__)

LIST_FILE: Final = "voices.json"
"""Path in the repository."""

REPOSITORY: Final = Repository(repository="rhasspy/piper-voices")

MAX_LIST_BYTES: Final = 8 * 1024 * 1024

_SHIPPED_LIST: Final = Path(__file__).parent / "manifests" / "piper-voices.json"

_SUFFIXES: Final = (".onnx", ".onnx.json")

_RUNTIME_BYTES: Final = 127_000_000
"""Memory of a worker besides the weights, as measured for en_US-joe-medium."""

_LICENCES: Final[Mapping[str, str]] = {
    "hfc_female": "CC-BY-NC-SA-4.0 (voice data)",
    "hfc_male": "CC-BY-NC-SA-4.0 (voice data)",
    "l2arctic": "CC-BY-NC-4.0 (voice data)",
    "lessac": "Blizzard Challenge 2013 licence (research only)",
    "ryan": "CC-BY-NC-SA-4.0 (voice data)",
}
"""Licenses that forbid commercial use, by the name of the recordings."""


@cache
def shipped_voices() -> tuple[ModelEntry, ...]:
    """Return the voices of the list that comes with the program. Reads the disk once."""
    return parse_voice_list(_SHIPPED_LIST.read_bytes())


def parse_voice_list(content: bytes) -> tuple[ModelEntry, ...]:
    """Return the voices of a `voices.json`. Raises ValueError if it is not such a list.

    A voice that is not described as expected is left out.
    """
    document = json.loads(content)
    if not isinstance(document, dict):
        raise ValueError("the list is not an object")  # noqa: TRY004  (one error for all)
    entries = tuple(_entries(document))
    if not entries:
        raise ValueError("the list contains no voice")
    return entries


def _entries(document: Mapping[str, Any]) -> Iterator[ModelEntry]:
    for key, voice in document.items():
        try:
            yield _entry(key, voice)
        except (KeyError, TypeError, AttributeError, ValueError, StopIteration) as err:
            _LOGGER.warning("The voice %.60s in the list of Piper voices is skipped: %s", key, err)


def _entry(key: str, voice: Mapping[str, Any]) -> ModelEntry:
    files = {path: item for path, item in voice["files"].items() if path.endswith(_SUFFIXES)}
    graph = next(path for path in files if path.endswith(".onnx"))
    folder = str(PurePosixPath(graph).parent)
    name, language = str(voice["name"]), canonical_tag(voice["language"]["code"])
    weights = files[graph]["size_bytes"]
    return ModelEntry(
        id=f"piper/{key}",
        kind=Task.TTS,
        engine="piper",
        title=f"Piper {key}",
        version="1.0.0",
        licence=_LICENCES.get(name, "See the model card"),
        non_commercial=name in _LICENCES,
        attribution=Attribution(
            name="Rhasspy",
            url=f"https://huggingface.co/{REPOSITORY.repository}/blob/main/{folder}/MODEL_CARD",
        ),
        languages=(language,),
        memory={"default": _RUNTIME_BYTES + weights},
        offers=(
            OfferEntry(
                name=key,
                description=f"{name} ({voice['quality']})",
                languages=(language,),
                speakers=tuple(voice.get("speaker_id_map", ())),
                quality=voice["quality"],
            ),
        ),
        roles={"model": PurePosixPath(graph).name, "config": f"{PurePosixPath(graph).name}.json"},
        sources=(Repository(repository=REPOSITORY.repository, folder=folder),),
        files=tuple(
            ModelFile(
                path=PurePosixPath(path).name, size=item["size_bytes"], md5=item["md5_digest"]
            )
            for path, item in files.items()
        ),
    )

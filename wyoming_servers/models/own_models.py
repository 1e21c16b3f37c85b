"""The user's own models: files in the folder `models.d` of the data directory.

<data_dir>/models.d/my-whisper/     model.bin, config.json, tokenizer.json, …: Whisper (CTranslate2)
<data_dir>/models.d/my-kokoro/      one .onnx file and voices….bin: an export of Kokoro
<data_dir>/models.d/any.onnx        with any.onnx.json: a voice of Piper; may lie in a folder
<data_dir>/models.d/any.yaml        models of a repository, in the format of `manifests/`

The model's id is `own/` and the name of its folder or voice. Its files are used in place; a model
that changes is loaded again. All functions block on the disk: call them in a thread.
"""

import hashlib
import json
import logging
import os
import re
import shutil
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from wyoming_servers.core.domain import Task
from wyoming_servers.core.errors import BadRequestError, ConductorError, ConflictError
from wyoming_servers.core.files import atomic_write
from wyoming_servers.models.catalog import builtin_catalog
from wyoming_servers.models.errors import map_disk_errors
from wyoming_servers.models.manifest import (
    Attribution,
    ModelEntry,
    ModelFile,
    OfferEntry,
    read_manifest,
)
from wyoming_servers.text.locale import canonical_tag

_LOGGER: Final = logging.getLogger(__name__)

OWN_PREFIX: Final = "own/"
"""Beginning of the ids of all own models."""

UNCHANGED_SECONDS: Final = 2.0
"""A file that changed later than this ago may still be being copied."""

WHISPER_FILES: Final = ("model.bin", "config.json", "tokenizer.json")
"""Files that a Whisper model must have, besides one of `VOCABULARY_FILES`."""

VOCABULARY_FILES: Final = ("vocabulary.txt", "vocabulary.json")

OPTIONAL_FILES: Final = ("preprocessor_config.json",)

_ENGLISH_END_TOKEN: Final = 50_256
"""Number of the token that ends a text, in the vocabulary of English-only models."""

_CANTONESE_LANGUAGES: Final = 100
"""Number of languages of models that know Cantonese (large-v3 and later)."""

_RUNTIME_BYTES: Final = {
    "faster-whisper": 210_000_000,
    "piper": 127_000_000,
    "kokoro-onnx": 330_000_000,
}
"""Memory of a worker besides the weights, measured for tiny.en, joe and kokoro/onnx."""

_KOKORO_LANGUAGES: Final[Mapping[str, str]] = {
    "a": "en-US", "b": "en-GB", "e": "es-ES", "f": "fr-FR", "h": "hi-IN", "i": "it-IT",
    "j": "ja-JP", "p": "pt-BR", "z": "zh-CN",
}  # fmt: skip
"""First letter of the name of a voice, and its language."""

_SUPPORTED: Final = (
    "A model is a folder with model.bin, config.json, tokenizer.json and vocabulary.json (Whisper "
    "for CTranslate2), a file NAME.onnx with NAME.onnx.json (Piper), or a folder with one .onnx "
    "file and voices.bin (Kokoro)."
)


def scan_own_models(folder: Path) -> list[ModelEntry]:
    """Return the models in `models.d`; what is not a model, or is still being copied, is left out.

    Raises OSError if the folder exists and cannot be read.
    """
    found: dict[str, ModelEntry] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.startswith(".") or _is_changing(path):
            continue
        try:
            for entry in _read_path(path):
                found.setdefault(entry.id, entry)
        except (ConductorError, OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as err:
            _LOGGER.debug("%s is not a model: %s", path, err)
    return list(found.values())


def describe_path(path: Path, name: str = "") -> list[ModelEntry]:
    """Return the models in a folder or file; `name` replaces the name of its folder or voice.

    Raises BadRequestError with the kinds of models if it is none.
    """
    try:
        entries = list(_describe(path, name))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as err:
        raise BadRequestError(f"{path} cannot be read as a model: {err}.", hint=_SUPPORTED) from err
    if not entries:
        raise BadRequestError(f"{path} is not a model.", hint=_SUPPORTED)
    return entries


def add_path(models_d: Path, path: Path, name: str = "", *, link: bool = False) -> list[ModelEntry]:
    """Copy a model into `models.d`, or link to its folder; return the models that are there now.

    Raises BadRequestError if it is no model, ConflictError if there is one of this name.
    """
    path = path.expanduser().absolute()
    entries = describe_path(path)
    if link and not path.is_dir():
        raise BadRequestError(f"{path} is not a folder, so it can only be copied.")
    if name and entries[0].engine == "piper" and (link or len(entries) > 1):
        raise BadRequestError("Voices keep the names of their files if the folder has several.")
    target = models_d / (clean_name(name) if name else entries[0].id.removeprefix(OWN_PREFIX))
    if target.exists() or target.is_symlink():
        raise ConflictError(
            f"There is a model {target.name} already.",
            hint="Choose another name, or remove that one: "
            f"`wyoming-conductor models remove {OWN_PREFIX}{target.name}`.",
        )
    with map_disk_errors(target):
        models_d.mkdir(parents=True, exist_ok=True)
        if link:
            target.symlink_to(path)
        else:
            _copy_files(entries, target, name)
    return describe_path(target)


def write_manifest(models_d: Path, name: str, entries: Sequence[ModelEntry]) -> None:
    """Write the models of a repository as a manifest into `models.d`. Raises ConflictError."""
    target = models_d / f"{name}.yaml"
    if target.exists():
        raise ConflictError(
            f"{name} was added already.", hint=f"Its models: {', '.join(it.id for it in entries)}."
        )
    document = {
        "models": [entry.model_dump(mode="json", exclude_defaults=True) for entry in entries]
    }
    with map_disk_errors(target):
        atomic_write(target, yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


def remove_own_model(models_d: Path, entry: ModelEntry) -> int:
    """Delete the files of a model in `models.d`, or its manifest; return the bytes freed.

    A link is deleted, not the files that it leads to.
    """
    if not entry.local_folder:
        for path in models_d.glob("*.yaml"):
            if any(other.id == entry.id for other in _read_path(path)):
                path.unlink()
        return 0
    folder = Path(entry.local_folder)
    top = models_d / folder.relative_to(models_d).parts[0] if folder != models_d else models_d
    if top.is_symlink():
        top.unlink()
        return 0
    freed = 0
    for file in entry.files:
        path = folder / file.path
        freed += path.stat().st_size if path.is_file() else 0
        path.unlink(missing_ok=True)
    while folder != models_d and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
    return freed


def whisper_entry(
    name: str, config: Mapping[str, Any], files: Iterable[ModelFile], **fields: Any
) -> ModelEntry:
    """Return the entry of a Whisper model, whose `config.json` tells its languages."""
    english = _ENGLISH_END_TOKEN in config.get("suppress_ids_begin", ())
    cantonese = len(config.get("lang_ids", ())) >= _CANTONESE_LANGUAGES
    like = "whisper/tiny.en" if english else "whisper/large-v3" if cantonese else "whisper/base"
    return _entry(
        name,
        files,
        kind=Task.ASR,
        engine="faster-whisper",
        title=f"Whisper {name}",
        languages=builtin_catalog().get(like).languages,
        roles={"directory": "."},
        **fields,
    )


def piper_entry(
    voice: str, settings: Mapping[str, Any], files: Sequence[ModelFile], **fields: Any
) -> ModelEntry:
    """Return the entry of a Piper voice, whose `.onnx.json` tells its language and speakers."""
    code = settings.get("language", {}).get("code") or settings["espeak"]["voice"]
    language = canonical_tag(code)
    quality = str(settings.get("audio", {}).get("quality") or "")
    graph = next(file.path for file in files if file.path.endswith(".onnx"))
    offer = OfferEntry(
        name=voice,
        description=voice,
        languages=(language,),
        speakers=tuple(settings.get("speaker_id_map") or ()),
        quality=quality,
    )
    return _entry(
        voice,
        files,
        kind=Task.TTS,
        engine="piper",
        title=f"Piper {voice}",
        languages=(language,),
        offers=(offer,),
        roles={"model": graph, "config": f"{graph}.json"},
        **fields,
    )


def kokoro_entry(
    name: str, voices: Iterable[str], files: Sequence[ModelFile], **fields: Any
) -> ModelEntry:
    """Return the entry of an export of Kokoro with these voices."""
    known = {offer.name: offer for offer in builtin_catalog().get("kokoro/onnx").offers}
    offers = tuple(
        known.get(voice)
        or OfferEntry(
            name=voice, description=voice, languages=(_KOKORO_LANGUAGES.get(voice[:1], "en-US"),)
        )
        for voice in sorted(voices)
    )
    if not offers:
        raise BadRequestError(f"{name} has no voices.", hint=_SUPPORTED)
    return _entry(
        name,
        files,
        kind=Task.TTS,
        engine="kokoro-onnx",
        title=f"Kokoro {name}",
        languages=tuple(dict.fromkeys(offer.languages[0] for offer in offers)),
        offers=offers,
        options={"mixes": True},
        roles={
            "model": next(file.path for file in files if file.path.endswith(".onnx")),
            "voices": next(file.path for file in files if file.path.endswith(".bin")),
        },
        **fields,
    )


def clean_name(text: str) -> str:
    """Return a text as the name of a model: letters, digits, `.`, `_` and `-`."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._") or "model"


def read_voice_names(archive: Any) -> list[str]:
    """Return the names of the voices in a file of numpy arrays. Raises BadRequestError."""
    try:
        with zipfile.ZipFile(archive) as opened:
            return [name.removesuffix(".npy") for name in opened.namelist()]
    except zipfile.BadZipFile as err:
        raise BadRequestError("The file of voices is damaged.", hint=_SUPPORTED) from err


def _entry(name: str, files: Iterable[ModelFile], **fields: Any) -> ModelEntry:
    listed = tuple(files)
    weights = sum(file.size or 0 for file in listed)
    defaults: dict[str, Any] = {
        "description": "Own model.",
        "licence": "unknown",
        "attribution": Attribution(name="unknown", url=""),
        "version": _fingerprint(listed),
    }
    runtime = _RUNTIME_BYTES[fields["engine"]]
    return ModelEntry(
        id=f"{OWN_PREFIX}{clean_name(name)}",
        files=listed,
        memory={"default": weights + runtime},
        **(defaults | fields),
    )


def _fingerprint(files: Sequence[ModelFile]) -> str:
    text = json.dumps([[file.path, file.size, file.sha256] for file in files])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _read_path(path: Path) -> list[ModelEntry]:
    if path.suffix in (".yaml", ".yml"):
        return [entry for entry in read_manifest(path) if entry.id.startswith(OWN_PREFIX)]
    return list(_describe(path, ""))


def _describe(path: Path, name: str) -> Iterator[ModelEntry]:
    """Yield the models of a folder or file.

    1. A Whisper model has `model.bin`.
    2. An export of Kokoro has a file of voices beside its only graph.
    3. A Piper voice is a graph with a description of the same name.
    """
    folder = path if path.is_dir() else path.parent
    if path.is_dir() and (path / WHISPER_FILES[0]).is_file():  # 1
        yield _local_whisper(path, name or path.name)
        return
    graphs = sorted(path.glob("*.onnx")) if path.is_dir() else [path]
    voices = sorted(path.glob("voices*.bin")) if path.is_dir() else []
    if voices and len(graphs) == 1:  # 2
        files = _local_files(path, [graphs[0].name, voices[0].name])
        names = read_voice_names(voices[0])
        yield _place(kokoro_entry(name or path.name, names, files, local_folder=str(path)), path)
        return
    for graph in graphs:  # 3
        description = graph.with_name(f"{graph.name}.json")
        if graph.suffix != ".onnx" or not description.is_file():
            continue
        settings = json.loads(description.read_text("utf-8"))
        files = _local_files(folder, [graph.name, description.name])
        entry = piper_entry(name or graph.stem, settings, files, local_folder=str(folder))
        yield _place(entry, folder)


def _local_whisper(path: Path, name: str) -> ModelEntry:
    missing = [file for file in WHISPER_FILES if not (path / file).is_file()]
    vocabulary = [file for file in VOCABULARY_FILES if (path / file).is_file()]
    if missing or not vocabulary:
        absent = ", ".join([*missing, *([] if vocabulary else [VOCABULARY_FILES[1]])])
        raise BadRequestError(
            f"{path} has no {absent}.",
            hint="Convert the model with `ct2-transformers-converter --copy_files tokenizer.json "
            "preprocessor_config.json`.",
        )
    optional = [file for file in OPTIONAL_FILES if (path / file).is_file()]
    files = _local_files(path, [*WHISPER_FILES, *vocabulary, *optional])
    config = json.loads((path / "config.json").read_text("utf-8"))
    return _place(whisper_entry(name, config, files, local_folder=str(path)), path)


def _place(entry: ModelEntry, folder: Path) -> ModelEntry:
    """Return the entry with a version that changes with the files."""
    stamps = [(folder / file.path).stat().st_mtime_ns for file in entry.files]
    text = f"{entry.version} {stamps}"
    return entry.model_copy(update={"version": hashlib.sha256(text.encode()).hexdigest()[:12]})


def _local_files(folder: Path, names: Iterable[str]) -> list[ModelFile]:
    return [ModelFile(path=name, size=(folder / name).stat().st_size) for name in names]


def _copy_files(entries: Iterable[ModelEntry], target: Path, name: str) -> None:
    """Copy the files under a hidden name first, so that a scan never sees a part of them."""
    temporary = target.with_name(f".{target.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        for entry in entries:
            for file in entry.files:
                voice = entry.offers[0].name if name and entry.engine == "piper" else ""
                copy = file.path.replace(f"{voice}.onnx", f"{target.name}.onnx") if voice else ""
                target_file = temporary / (copy or file.path)
                shutil.copy2(Path(entry.local_folder, file.path), target_file)
                # The copy is complete, so a scan need not wait.
                earlier = time.time() - UNCHANGED_SECONDS
                if target_file.stat().st_mtime > earlier:
                    os.utime(target_file, (earlier, earlier))
        temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _is_changing(path: Path) -> bool:
    """Whether a file, or one in the folder, was changed a moment ago; a manifest never is."""
    if path.suffix in (".yaml", ".yml"):
        return False
    try:
        paths = list(path.iterdir()) if path.is_dir() else [path]
        newest = max((item.stat().st_mtime for item in paths), default=0.0)
    except OSError:
        return True
    return 0 <= time.time() - newest < UNCHANGED_SECONDS

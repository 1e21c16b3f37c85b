"""The catalog of models, read from the manifests in `manifests/` and in engine packages."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from wyoming_servers.config.errors import nearest_match
from wyoming_servers.config.units import parse_size
from wyoming_servers.core.domain import (
    Task,
    VoiceInfo,
    WakeWordInfo,
)
from wyoming_servers.core.engine_info import all_engines
from wyoming_servers.core.errors import (
    InternalError,
    ModelMissingError,
)

_LOGGER: Final = logging.getLogger(__name__)

MANIFESTS: Final = Path(__file__).parent / "manifests"

_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]*"
ModelId = Annotated[str, Field(pattern=rf"^{_NAME}(/{_NAME})*$")]
RelativePath = Annotated[str, Field(pattern=rf"^{_NAME}(/{_NAME})*$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Bytes = Annotated[int, BeforeValidator(parse_size), Field(ge=0)]


class ManifestRecord(BaseModel):
    """Base class of all parts of a manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Attribution(ManifestRecord):
    """The author of a model."""

    name: str
    url: str


class PackageFolder(ManifestRecord):
    """A source: a folder inside an installed Python distribution."""

    package: str
    version: str
    """Required version; another version is not used."""
    folder: RelativePath
    """Path relative to the folder that contains the distribution (`site-packages`)."""


class Repository(ManifestRecord):
    """A source: a repository on Hugging Face or a mirror."""

    repository: str
    revision: str = "main"
    folder: str = ""

    def url(self, endpoint: str, path: str) -> str:
        """Return the URL of a file."""
        inside = f"{self.folder}/{path}" if self.folder else path
        return f"{endpoint.rstrip('/')}/{self.repository}/resolve/{self.revision}/{inside}"


class WebFolder(ManifestRecord):
    """A source: a folder on any web server."""

    base_url: str

    def url(self, endpoint: str, path: str) -> str:
        """Return the URL of a file; the endpoint of Hugging Face is ignored."""
        return f"{self.base_url.rstrip('/')}/{path}"


Source = PackageFolder | Repository | WebFolder


class FilePart(ManifestRecord):
    """A part of a file, inside an installed Python distribution."""

    package: str
    version: str
    path: RelativePath


class ModelFile(ManifestRecord):
    """A file of a model; its path is the same in every source."""

    path: RelativePath
    size: Bytes | None = None
    sha256: Sha256 | None = None
    """None if no hash is published; then the hash that the source states is used, if any."""
    parts: tuple[FilePart, ...] = ()
    """Parts in packages, to be concatenated in this order."""
    sources: tuple[Source, ...] = ()
    """Sources of this file, if they differ from those of the model."""


class ModelPackage(ManifestRecord):
    """A Python distribution that contains the model."""

    package: str
    extra: str
    """The extra of wyoming-conductor that installs it."""
    folder: RelativePath
    """Folder of the model in the distribution."""


class OfferEntry(ManifestRecord):
    """A voice or wake word that clients select by its name."""

    name: str
    description: str = ""
    languages: tuple[str, ...] = ()
    phrase: str = ""
    speakers: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    """Requirements besides those of the engine; see `models.python_packages`."""
    quality: str = ""
    """Grade by its authors: `low`, `medium`, `high` for Piper, `A` to `F` for Kokoro."""

    def to_voice(self) -> VoiceInfo:
        """Return it as a voice of a text-to-speech model."""
        return VoiceInfo(self.name, self.description, self.languages, self.speakers)

    def to_wake_word(self) -> WakeWordInfo:
        """Return it as a wake word of a detection model."""
        return WakeWordInfo(self.name, self.description, self.languages, self.phrase)


class ModelEntry(ManifestRecord):
    """A model of the catalog, installed or not."""

    id: ModelId
    kind: Task
    engine: str
    title: str
    description: str = ""
    version: Annotated[str, Field(pattern=rf"^{_NAME}$")]
    """Our version number, raised when the files change, so that two versions can coexist."""
    licence: str
    non_commercial: bool = False
    attribution: Attribution
    languages: tuple[str, ...]
    memory: Mapping[str, Bytes] = {}
    """Estimated footprint in bytes by compute type."""
    options: Mapping[str, Any] = {}
    offers: tuple[OfferEntry, ...] = ()
    roles: Mapping[str, str] = {}
    """The name of a file for the engine, and its path; `.` is the folder of all files."""
    files: tuple[ModelFile, ...] = ()
    sources: tuple[Source, ...] = ()
    """Sources of all files, best first."""
    library: ModelPackage | None = None
    user_folders: Mapping[str, RelativePath] = {}
    """Role and path, in the data directory, of folders for files of the user."""

    @property
    def download_bytes(self) -> int:
        """Size of all files; files of unknown size count as 0."""
        return sum(file.size or 0 for file in self.files)

    def memory_bytes(self, compute_type: str) -> int:
        """Return the estimate for a compute type; the largest estimate for an unknown type."""
        return self.memory.get(compute_type, max(self.memory.values(), default=0))

    @model_validator(mode="after")
    def _roles_name_files(self) -> Self:
        paths = {file.path for file in self.files} | {"."}
        if missing := sorted(set(self.roles.values()) - paths):
            raise ValueError(f"roles name files that are not listed: {', '.join(missing)}")
        return self


class Catalog:
    """All entries by id, in the order of the manifests."""

    def __init__(self, entries: Iterable[ModelEntry]) -> None:
        self._entries: dict[str, ModelEntry] = {}
        for entry in entries:
            if entry.id in self._entries:
                raise InternalError(f"Two manifests describe the model {entry.id}.")
            self._entries[entry.id] = entry

    def __iter__(self) -> Iterator[ModelEntry]:
        return iter(self._entries.values())

    def __contains__(self, model: object) -> bool:
        return model in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all models."""
        return tuple(self._entries)

    def get(self, model: str) -> ModelEntry:
        """Return the entry of a model. Raises ModelMissingError with the nearest id."""
        entry = self._entries.get(model)
        if entry is None:
            near = nearest_match(model, self._entries)
            hint = f"Did you mean `{near}`?" if near else ""
            raise ModelMissingError(f"There is no model {model!r}.", hint=hint)
        return entry

    def of_task(self, task: Task) -> list[ModelEntry]:
        """Return the entries of a task."""
        return [entry for entry in self if entry.kind is task]

    def find_by_offer(self, task: Task, name: str) -> ModelEntry | None:
        """Return the first model with a voice or wake word of this name."""
        for entry in self.of_task(task):
            if any(offer.name == name for offer in entry.offers):
                return entry
        return None


@cache
def builtin_catalog() -> Catalog:
    """Return the models of this package and of installed engine packages. Reads the disk once.

    A package with a broken manifest is reported and left out.
    """
    catalog = read_catalog(MANIFESTS)
    for engine in all_engines():
        if engine.manifests is None:
            continue
        try:
            catalog = Catalog([*catalog, *read_catalog(engine.manifests)])
        except (InternalError, OSError, TypeError, ValueError, KeyError, yaml.YAMLError) as err:
            _LOGGER.error("Cannot read the models of the engine %s: %s", engine.name, err)  # noqa: TRY400
    return catalog


def read_catalog(*folders: Path) -> Catalog:
    """Read all manifests (`*.yaml`) of some folders. Raises ValueError for an invalid manifest."""
    entries = []
    for folder in folders:
        for path in sorted(folder.glob("*.yaml")):
            document = yaml.safe_load(path.read_text("utf-8"))
            defaults = document.get("defaults", {})
            entries += [ModelEntry.model_validate(defaults | model) for model in document["models"]]
    return Catalog(entries)

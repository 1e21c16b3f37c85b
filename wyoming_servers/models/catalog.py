"""Which models exist: typed entries, read from the manifests beside this module."""

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
    """Base of all parts of a manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Attribution(ManifestRecord):
    """Who made a model."""

    name: str
    url: str


class PackageFolder(ManifestRecord):
    """A folder inside an installed Python distribution."""

    package: str
    version: str
    """The one whose files these are; another is not used."""
    folder: RelativePath
    """Below the folder that holds the distribution (`site-packages`)."""


class Repository(ManifestRecord):
    """A repository on Hugging Face or a mirror of it."""

    repository: str
    revision: str = "main"
    folder: str = ""

    def url(self, endpoint: str, path: str) -> str:
        """Return the address of a file."""
        inside = f"{self.folder}/{path}" if self.folder else path
        return f"{endpoint.rstrip('/')}/{self.repository}/resolve/{self.revision}/{inside}"


class WebFolder(ManifestRecord):
    """A folder on any web server."""

    base_url: str

    def url(self, endpoint: str, path: str) -> str:
        """Return the address of a file; `endpoint` is Hugging Face's and plays no part."""
        return f"{self.base_url.rstrip('/')}/{path}"


Source = PackageFolder | Repository | WebFolder


class FilePart(ManifestRecord):
    """A piece of a file, inside an installed Python distribution."""

    package: str
    version: str
    path: RelativePath


class ModelFile(ManifestRecord):
    """One file of a model; its path is the same in every source."""

    path: RelativePath
    size: Bytes | None = None
    sha256: Sha256 | None = None
    """None where nobody is certain; the source's own figure is used then, if it gives one."""
    parts: tuple[FilePart, ...] = ()
    """Where packages have it in pieces: to be put together in this order."""
    sources: tuple[Source, ...] = ()
    """Where this file is to be had, if elsewhere than the model's others."""


class ModelPackage(ManifestRecord):
    """A Python distribution that brings the model with itself."""

    package: str
    extra: str
    """The extra of ours that installs it."""
    folder: RelativePath
    """Where it keeps the model."""


class OfferEntry(ManifestRecord):
    """What a client can name."""

    name: str
    description: str = ""
    languages: tuple[str, ...] = ()
    phrase: str = ""
    speakers: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    """What it cannot be spoken without, beside what its engine needs; see `store.needs`."""
    quality: str = ""
    """As those who made it grade it: Piper's `low`, `medium`, `high`, Kokoro's `A` to `F`."""

    def to_voice(self) -> VoiceInfo:
        """Return it as a voice of a text-to-speech model."""
        return VoiceInfo(self.name, self.description, self.languages, self.speakers)

    def to_wake_word(self) -> WakeWordInfo:
        """Return it as a wake word of a detection model."""
        return WakeWordInfo(self.name, self.description, self.languages, self.phrase)


class ModelEntry(ManifestRecord):
    """Everything known about a model without having it."""

    id: ModelId
    kind: Task
    engine: str
    title: str
    description: str = ""
    version: Annotated[str, Field(pattern=rf"^{_NAME}$")]
    """Ours: raised when the files become other ones, so that both can lie side by side."""
    licence: str
    non_commercial: bool = False
    attribution: Attribution
    languages: tuple[str, ...]
    memory: Mapping[str, Bytes] = {}
    """Estimated footprint in bytes by compute type."""
    options: Mapping[str, Any] = {}
    offers: tuple[OfferEntry, ...] = ()
    roles: Mapping[str, str] = {}
    """The engine's name for a file to its path; `.` is the folder that holds all files."""
    files: tuple[ModelFile, ...] = ()
    sources: tuple[Source, ...] = ()
    """Where every file is to be had, best first."""
    library: ModelPackage | None = None
    user_folders: Mapping[str, RelativePath] = {}
    """Role to a folder of the user's own files below the data folder."""

    @property
    def download_bytes(self) -> int:
        """Size of all files; those of unknown size count nothing."""
        return sum(file.size or 0 for file in self.files)

    def memory_bytes(self, compute_type: str) -> int:
        """Return the estimate for a compute type; for an unknown one the largest there is."""
        return self.memory.get(compute_type, max(self.memory.values(), default=0))

    @model_validator(mode="after")
    def _roles_name_files(self) -> Self:
        paths = {file.path for file in self.files} | {"."}
        if missing := sorted(set(self.roles.values()) - paths):
            raise ValueError(f"roles name files that are not listed: {', '.join(missing)}")
        return self


class Catalog:
    """All entries, by id, in the order of the manifests."""

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
        """Every model's id."""
        return tuple(self._entries)

    def get(self, model: str) -> ModelEntry:
        """Return a model's entry. Raises ModelMissingError naming the nearest id."""
        entry = self._entries.get(model)
        if entry is None:
            near = nearest_match(model, self._entries)
            hint = f"Did you mean `{near}`?" if near else ""
            raise ModelMissingError(f"There is no model {model!r}.", hint=hint)
        return entry

    def of_kind(self, kind: Task) -> list[ModelEntry]:
        """Return the entries of one kind."""
        return [entry for entry in self if entry.kind is kind]

    def find_by_offer(self, kind: Task, name: str) -> ModelEntry | None:
        """Return the first model with a voice or wake word of that name."""
        for entry in self.of_kind(kind):
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
    """Read every manifest (`*.yaml`) of the folders. Raises ValueError for a faulty one."""
    entries = []
    for folder in folders:
        for path in sorted(folder.glob("*.yaml")):
            document = yaml.safe_load(path.read_text("utf-8"))
            defaults = document.get("defaults", {})
            entries += [ModelEntry.model_validate(defaults | model) for model in document["models"]]
    return Catalog(entries)

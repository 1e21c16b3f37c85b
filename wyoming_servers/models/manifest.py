"""The format of manifests: models, their files, and where the files come from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Self
from urllib.parse import quote

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from wyoming_servers.config.units import parse_size
from wyoming_servers.core.domain import Task, VoiceInfo, WakeWordInfo

_NAME: Final = r"[\p{L}\p{N}][\p{L}\p{N}._-]*"
ModelId = Annotated[str, Field(pattern=rf"^{_NAME}(/{_NAME})*$")]
RelativePath = Annotated[str, Field(pattern=rf"^{_NAME}(/{_NAME})*$")]
Md5 = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
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

    def urls(self, endpoints: Sequence[str], path: str) -> list[str]:
        """Return the URL of a file at each endpoint of Hugging Face."""
        inside = quote(f"{self.folder}/{path}" if self.folder else path)
        return [
            f"{endpoint.rstrip('/')}/{self.repository}/resolve/{self.revision}/{inside}"
            for endpoint in endpoints
        ]


class WebFolder(ManifestRecord):
    """A source: a folder on any web server."""

    base_url: str

    def urls(self, endpoints: Sequence[str], path: str) -> list[str]:
        """Return the URL of a file; the endpoints of Hugging Face are ignored."""
        return [f"{self.base_url.rstrip('/')}/{quote(path)}"]


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
    md5: Md5 | None = None
    """Used if there is no SHA-256."""
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
    local_folder: str = ""
    """Absolute path of the user's folder with all files, which are used in place; empty for a model
    that can be downloaded."""

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


def read_manifest(path: Path) -> list[ModelEntry]:
    """Return the models of one manifest. Raises ValueError if it is not valid."""
    document = yaml.safe_load(path.read_text("utf-8"))
    defaults = document.get("defaults", {})
    return [ModelEntry.model_validate(defaults | model) for model in document["models"]]

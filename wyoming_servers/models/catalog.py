"""The catalog of models, read from the manifests in `manifests/` and in engine packages."""

import logging
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

import yaml

from wyoming_servers.config.errors import nearest_match
from wyoming_servers.core.domain import Task
from wyoming_servers.core.engine_info import all_engines
from wyoming_servers.core.errors import InternalError, ModelMissingError
from wyoming_servers.models.manifest import ModelEntry, read_manifest
from wyoming_servers.models.piper_voices import shipped_voices

_LOGGER: Final = logging.getLogger(__name__)

MANIFESTS: Final = Path(__file__).parent / "manifests"


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
    """Return the models of this package, the public Piper voices, and those of engine packages.

    Reads the disk once. A package with a broken manifest is reported and left out.
    """
    catalog = read_catalog(MANIFESTS)
    catalog = Catalog([*catalog, *(it for it in shipped_voices() if it.id not in catalog)])
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
    paths = [path for folder in folders for path in sorted(folder.glob("*.yaml"))]
    return Catalog(entry for path in paths for entry in read_manifest(path))

"""Checks whether what a model needs besides its files is installed.

A requirement is written `fugashi` for a Python distribution, or `unidic:unidic/dicdir/mecabrc` for
a file below the folder that contains the distribution. ` or ` separates alternatives.
"""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from wyoming_servers.core.engine_info import find_engine


class RequirementChecker:
    """Checks each requirement once; create a new checker to look again. Blocks on the disk."""

    def __init__(self) -> None:
        self._results: dict[str, bool] = {}

    def missing(self, engine: str, requirements: Iterable[str] = ()) -> tuple[str, ...]:
        """Return which requirements of an engine, and which of `requirements`, are not met."""
        info = find_engine(engine)
        wanted = (*(info.requirements if info else ()), *requirements)
        return tuple(requirement for requirement in wanted if not self._check(requirement))

    def _check(self, requirement: str) -> bool:
        if requirement not in self._results:
            self._results[requirement] = any(map(_is_installed, requirement.split(" or ")))
        return self._results[requirement]


def installed_version(requirement: str) -> str:
    """Return the version of the first alternative that is installed; empty if there is none."""
    for alternative in requirement.split(" or "):
        try:
            return distribution(alternative.partition(":")[0]).version
        except PackageNotFoundError:
            continue
    return ""


def _is_installed(requirement: str) -> bool:
    package, _, file = requirement.partition(":")
    try:
        found = distribution(package)
    except PackageNotFoundError:
        return False
    return not file or Path(str(found.locate_file(file))).is_file()

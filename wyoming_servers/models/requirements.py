"""What a voice needs beside its files: Python distributions, and data that they fetch apart.

A need is written `fugashi`, or `unidic:unidic/dicdir/mecabrc` for a file below the folder that
holds the distribution; ` or ` stands between alternatives.
"""

from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

ENGINE_REQUIREMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "piper": ("piper-tts",),
    "kokoro": ("kokoro", "torch", "espeakng-loader"),
    "kokoro-onnx": ("onnxruntime or onnxruntime-gpu", "espeakng-loader"),
}
"""By engine: without these a voice that is here cannot be played."""


class RequirementChecker:
    """Looks each need up once; make a new one to look again. Blocks on the disk."""

    def __init__(self) -> None:
        self._met: dict[str, bool] = {}

    def missing(self, engine: str, needs: Iterable[str]) -> tuple[str, ...]:
        """Return what a voice of an engine lacks here, as it is written; empty: nothing."""
        wanted = (*ENGINE_REQUIREMENTS.get(engine, ()), *needs)
        return tuple(need for need in wanted if not self._check(need))

    def _check(self, need: str) -> bool:
        if need not in self._met:
            self._met[need] = any(map(_is_installed, need.split(" or ")))
        return self._met[need]


def _is_installed(need: str) -> bool:
    package, _, file = need.partition(":")
    try:
        found = distribution(package)
    except PackageNotFoundError:
        return False
    return not file or Path(str(found.locate_file(file))).is_file()

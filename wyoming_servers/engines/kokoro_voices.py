"""Kokoro's voices: a table of styles each, and mixes of them (`af_heart*0.7+am_adam*0.3`)."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wyoming_servers.engines.kokoro_phonemes import language_of
from wyoming_servers.errors import BadRequestError, LoadFailedError
from wyoming_servers.text.mix import parse_mix

VoiceStyle = NDArray[np.float32]
"""[1, 256]: timbre in the first half, prosody in the second."""

_MAX_CACHED_STYLES: Final = 64
"""Voices and mixes held in memory, half a megabyte each."""


class KokoroVoices:
    """All voices of a file in numpy's format; read when first spoken with."""

    def __init__(self, path: str | Path) -> None:
        try:
            self._archive = np.load(path)
            self.names = tuple(self._archive.files)
        except (OSError, ValueError, AttributeError) as err:
            raise LoadFailedError(f"The voices in {path} cannot be read: {err}.") from err
        self._styles: dict[str, NDArray[np.float32]] = {}

    def style(self, voice: str, symbols: int) -> VoiceStyle:
        """Return the style of a voice or a mix for so many symbols. Raises BadRequestError."""
        table = self.styles(voice)
        row: VoiceStyle = table[min(max(symbols, 1), len(table)) - 1]
        return row.reshape(1, -1)

    def styles(self, voice: str) -> NDArray[np.float32]:
        """Return the styles of a voice or a mix, a row for each number of symbols."""
        if voice not in self._styles:
            if len(self._styles) >= _MAX_CACHED_STYLES:
                self._styles.pop(next(iter(self._styles)))
            self._styles[voice] = self._mix(voice)
        return self._styles[voice]

    def language(self, voice: str) -> str:
        """Return espeak-ng's code of the language: that of the first voice of a mix."""
        return language_of(parse_mix(voice)[0][0])

    def close(self) -> None:
        """Close the file."""
        self._styles.clear()
        self._archive.close()

    def _mix(self, voice: str) -> NDArray[np.float32]:
        parts = parse_mix(voice)
        for name, _ in parts:
            if name not in self.names:
                raise BadRequestError(f"Kokoro has no voice {name[:40]!r}.")
        total = sum(weight for _, weight in parts)
        mixed = sum(self._archive[name] * np.float32(weight / total) for name, weight in parts)
        return np.asarray(mixed, np.float32)

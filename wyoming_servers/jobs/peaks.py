"""The peaks of a job's audio, from which its waveform is drawn without decoding it again."""

import asyncio
from pathlib import Path
from typing import Final

import numpy as np

from wyoming_servers.core.files import storage_errors

INTERVAL_SECONDS: Final = 0.05
"""Seconds of audio of each peak."""

_FULL_SCALE: Final = 32_768
_LOUDEST: Final = 255


class PeakFile:
    """One byte for each interval: the largest sample; 255 is full scale."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def write(self, pcm: bytes, start: float, rate: int) -> None:
        """Write the peaks of 16-bit mono samples that begin at second `start`.

        What follows them is cut off; what was never written is silence. Raises StorageError.
        """
        await asyncio.to_thread(self._write, pcm, start, rate)

    async def read(self, points: int) -> list[int]:
        """Return at most `points` peaks of the whole audio, 0 to 255; empty if there are none."""
        return await asyncio.to_thread(self._read, points)

    def _write(self, pcm: bytes, start: float, rate: int) -> None:
        samples = np.abs(np.frombuffer(pcm, "<i2").astype(np.int32))
        step = round(INTERVAL_SECONDS * rate)
        samples = np.pad(samples, (0, -len(samples) % step))
        peaks = samples.reshape(-1, step).max(axis=1) * _LOUDEST // _FULL_SCALE
        with storage_errors(self._path), self._path.open("ab") as file:
            offset = round(start / INTERVAL_SECONDS)
            file.truncate(offset)  # fills a gap with zeros
        with storage_errors(self._path), self._path.open("r+b") as file:
            file.seek(offset)
            file.write(peaks.astype(np.uint8).tobytes())

    def _read(self, points: int) -> list[int]:
        try:
            peaks = np.frombuffer(self._path.read_bytes(), np.uint8)
        except FileNotFoundError:
            return []
        if len(peaks) > points:
            step = -(-len(peaks) // points)
            peaks = np.pad(peaks, (0, -len(peaks) % step)).reshape(-1, step).max(axis=1)
        return [int(peak) for peak in peaks]

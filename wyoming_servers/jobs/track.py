"""The speech of a job while it is made: one file of samples, written line by line."""

import asyncio
from pathlib import Path
from typing import Final

from wyoming_servers.domain import AudioFormat
from wyoming_servers.errors import BusyError, InternalError
from wyoming_servers.jobs.files import folder_bytes

_RECOUNT_BYTES: Final = 64 * 1024 * 1024
"""Bytes written before the folder is counted again: others may be filling it."""


class PcmTrack:
    """Raw 16-bit mono samples at `path`; silence takes no room on most disks."""

    def __init__(self, path: Path, quota: int) -> None:
        """`quota` is how many bytes all that was made may take in the path's folder."""
        self._path = path
        self._quota = quota
        self._next_count = -_RECOUNT_BYTES

    async def resume(self, audio: AudioFormat | None, seconds: float) -> None:
        """Go on after `seconds` that a run before this one has made.

        Raises InternalError if they are not there any more.
        """
        there = await asyncio.to_thread(_file_size, self._path)
        if audio is not None and there < audio.bytes_for(seconds + 1e-6):
            raise InternalError(
                "The speech that was made before the server stopped is gone.",
                hint="Send the text again.",
            )

    async def write_at(self, pcm: bytes, audio: AudioFormat, at: float, end_of_last: float) -> float:
        """Write samples at a moment, silence before them; return the seconds where they end.

        What lies behind `end_of_last` is cut off first: it comes from a run that died before it
        could say how far it was. Raises BusyError when there is no room.
        """
        start, last = audio.bytes_for(at + 1e-6), audio.bytes_for(end_of_last + 1e-6)
        await asyncio.to_thread(self._write, pcm, start, last)
        return audio.seconds(start + len(pcm))

    def _write(self, pcm: bytes, start: int, last: int) -> None:
        end = start + len(pcm)
        if end >= self._next_count + _RECOUNT_BYTES:
            self._next_count = end
            others = folder_bytes(self._path.parent) - _file_size(self._path)
            if others + end > self._quota:
                raise BusyError(
                    "The speech that was made fills the space that is set aside for it.",
                    hint="Fetch what is done and wait for jobs.keep, or raise jobs.quota.",
                )
        with self._path.open("r+b" if self._path.exists() else "w+b") as file:
            file.truncate(last)
            file.truncate(start)
            file.seek(start)
            file.write(pcm)


def _file_size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0

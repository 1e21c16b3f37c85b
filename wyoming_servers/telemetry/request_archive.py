"""Keeps text and audio of recent requests, if the owner has switched that on.

Both are kept in memory only, so nothing that was said is ever on a disk.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import RequestsSection
from wyoming_servers.core.clock import Clock

MAX_BYTES: Final = 64 * 1024 * 1024
"""Audio of all requests together; about 30 minutes."""

MAX_REQUEST_BYTES: Final = 8 * 1024 * 1024
"""A longer recording is not kept."""

MAX_TEXT: Final = 10_000
"""Characters that are kept of one request."""


@dataclass(frozen=True, slots=True)
class RequestContent:
    """What was said in one request."""

    text: str = ""
    """Transcript or synthesized text; empty if it is not kept."""
    pcm: bytes = b""
    """16-bit mono audio; empty if it is not kept."""
    rate: int = 16_000
    """Samples per second."""
    voice: str = ""
    """Name of the voice, for text-to-speech."""


class RequestArchive:
    """Contents of recent requests by id; the oldest ones are dropped first."""

    def __init__(self, config: ConfigHolder, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, RequestContent]] = OrderedDict()
        """Time on the clock, and content."""
        config.subscribe(lambda _: self._prune())

    @property
    def keeps_text(self) -> bool:
        return self._settings.keep_text

    @property
    def keeps_audio(self) -> bool:
        return self._settings.keep_audio

    def add(self, request: str, content: RequestContent) -> None:
        """Keep the content of a request, as far as the settings allow."""
        keep = RequestContent(
            text=content.text[:MAX_TEXT] if self.keeps_text else "",
            pcm=content.pcm if self.keeps_audio and len(content.pcm) <= MAX_REQUEST_BYTES else b"",
            rate=content.rate,
            voice=content.voice,
        )
        if keep.text or keep.pcm:
            self._kept[request] = (self._clock.now(), keep)
            self._prune()

    def get(self, request: str) -> RequestContent | None:
        """Return the content of a request; None if it is not kept."""
        self._prune()
        entry = self._kept.get(request)
        return None if entry is None else entry[1]

    def remove(self, request: str) -> bool:
        """Forget one request; return whether it was kept."""
        return self._kept.pop(request, None) is not None

    def clear(self) -> int:
        """Forget all requests; return their number."""
        count = len(self._kept)
        self._kept.clear()
        return count

    def _prune(self) -> None:
        settings, kept = self._settings, self._kept
        if not (settings.keep_text or settings.keep_audio):
            kept.clear()  # switched off: forget at once
        since = self._clock.now() - settings.retention
        size = sum(len(content.pcm) for _, content in kept.values())
        while kept:
            time, content = next(iter(kept.values()))
            if len(kept) <= settings.max_kept and size <= MAX_BYTES and time >= since:
                break
            size -= len(content.pcm)
            kept.popitem(last=False)

    @property
    def _settings(self) -> RequestsSection:
        return self._config.current.requests

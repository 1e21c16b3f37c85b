"""Cuts a long recording into pieces that a server takes as one utterance each."""

from typing import Final

import numpy as np

from wyoming_servers.domain import SPEECH_FORMAT

_FRAME_SECONDS: Final = 0.03
_SEARCH_SHARE: Final = 0.4
"""Share of a piece, from its end, in which a quiet place is looked for."""


def split_at_pauses(pcm: bytes, seconds: float) -> list[bytes]:
    """Cut 16 kHz mono speech into pieces of at most `seconds`, each at the quietest place near."""
    longest = SPEECH_FORMAT.bytes_for(seconds)
    pieces = []
    while len(pcm) > longest:
        at = _quietest_offset(pcm[:longest])
        pieces.append(pcm[:at])
        pcm = pcm[at:]
    return [*pieces, pcm]


def _quietest_offset(pcm: bytes) -> int:
    """Return the offset in bytes of the middle of the quietest frame in the last part."""
    frame = SPEECH_FORMAT.bytes_for(_FRAME_SECONDS)
    first = int(len(pcm) * (1 - _SEARCH_SHARE)) // frame * frame
    count = (len(pcm) - first) // frame
    samples = np.frombuffer(pcm[first : first + count * frame], "<i2").astype(np.float32)
    energy = np.square(samples).reshape(count, -1).mean(axis=1)
    # A third of a second of quiet is a pause; a single quiet frame can be inside a word.
    width = min(count, 11)
    smooth = np.convolve(energy, np.ones(width) / width, mode="same")
    return first + int(smooth.argmin()) * frame + frame // 2 // 2 * 2

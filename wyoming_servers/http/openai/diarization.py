"""Names the speakers of a transcript, for `diarized_json`."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from wyoming_servers.core.domain import SPEECH_FORMAT
from wyoming_servers.core.errors import ConductorError
from wyoming_servers.jobs.job import JobSegment
from wyoming_servers.media.decoder import RecordingDecoder
from wyoming_servers.media.recording_chunker import RecordingChunk
from wyoming_servers.speech.speaker.recognizer import SpeakerRecognizer

MAX_SECONDS: Final = 3_600.0
"""Longest recording whose speakers are told apart: its audio takes 115 MB meanwhile."""

_LOGGER: Final = logging.getLogger(__name__)


async def name_speakers(
    speakers: SpeakerRecognizer,
    decoder: RecordingDecoder,
    path: Path,
    segments: Sequence[JobSegment],
    client: str,
) -> list[str]:
    """Return the speaker of each segment: an enrolled name, or a letter for each other voice.

    Returns an empty list if voices cannot be compared: the transcript is worth more than names.
    """
    if not speakers.installed or not segments or segments[-1].end > MAX_SECONDS:
        return []
    pieces = [bytearray() for _ in segments]
    try:
        async with decoder(path, vad=False, max_seconds=MAX_SECONDS) as events:
            async for event in events:
                if isinstance(event, RecordingChunk):
                    for piece, segment in zip(pieces, segments, strict=True):
                        piece.extend(_part(event, segment))
        return await speakers.label([bytes(piece) for piece in pieces], client)
    except ConductorError as err:
        _LOGGER.warning("%s: the speakers cannot be told apart: %s", client, err)
        return []


def _part(chunk: RecordingChunk, segment: JobSegment) -> bytes:
    """Return the audio of a chunk that belongs to a segment."""
    first = SPEECH_FORMAT.bytes_for(max(0.0, segment.start - chunk.start))
    last = SPEECH_FORMAT.bytes_for(max(0.0, segment.end - chunk.start))
    return chunk.pcm[first:last]

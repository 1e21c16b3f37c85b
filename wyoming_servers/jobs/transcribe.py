"""Has one piece of a recording transcribed by a model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wyoming_servers.coordinator.face import Lease
from wyoming_servers.domain import Priority
from wyoming_servers.jobs.audio import Piece
from wyoming_servers.jobs.job import NewJob, Segment, Word
from wyoming_servers.worker.base import Chunk


@dataclass(frozen=True, slots=True)
class Heard:
    """What a piece of a recording says."""

    segments: tuple[Segment, ...]
    language: str | None


async def transcribe(
    lease: Lease,
    piece: Piece,
    job: NewJob,
    *,
    language: str | None,
    index: int,
    beam_size: int = 1,
    priority: Priority = Priority.OTHER,
) -> Heard:
    """Transcribe a piece; its segments are numbered from `index` and timed in the recording.

    Raises what the run raises; cancelling cancels the run.
    """
    request = {
        "language": language,
        "beam_size": beam_size,
        "task": job.task,
        "initial_prompt": job.prompt or None,
        "word_timestamps": job.word_timestamps,
    }
    segments: list[Segment] = []
    async with lease.open(request, streaming=True, priority=priority) as run:
        await run.send(piece.pcm)
        await run.end()
        async for chunk in run:
            segment = _segment(chunk, piece, index + len(segments))
            if segment is not None:
                segments.append(segment)
        result = await run.result()
    heard = result.get("language")
    return Heard(tuple(segments), heard if isinstance(heard, str) else language)


def _segment(chunk: Chunk, piece: Piece, index: int) -> Segment | None:
    text = str(chunk.data.get("text", "")).strip()
    if not text:
        return None
    words = tuple(_word(word, piece) for word in chunk.data.get("words") or ())
    return Segment(
        index,
        _time(piece, chunk.data.get("start", 0.0)),
        _time(piece, chunk.data.get("end", piece.end - piece.start)),
        text,
        words,
    )


def _word(word: Mapping[str, Any], piece: Piece) -> Word:
    return Word(
        str(word["word"]).strip(),
        _time(piece, word["start"]),
        _time(piece, word["end"]),
        float(word.get("probability", 1.0)),
    )


def _time(piece: Piece, seconds: float) -> float:
    """Return a time in the recording: no model may place a word outside the piece it heard."""
    return round(min(piece.start + max(0.0, float(seconds)), piece.end), 3)

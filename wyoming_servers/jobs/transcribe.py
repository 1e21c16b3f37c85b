"""Has one piece of a recording transcribed by a model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from wyoming_servers.coordinator.face import Lease
from wyoming_servers.domain import Priority
from wyoming_servers.jobs.audio import Piece
from wyoming_servers.jobs.job import NewJob, Segment, Word
from wyoming_servers.store.vocabulary import Vocabulary
from wyoming_servers.worker.base import Chunk


@dataclass(frozen=True, slots=True)
class Manner:
    """How recordings are listened to here, whatever a job asks for."""

    beam_size: int = 1
    languages: tuple[str, ...] = ()
    """One of these is spoken, where a job names none; empty: any that the model knows."""
    vocabulary: Vocabulary | None = None
    """What things are called here; read anew for each piece."""


USUAL: Final = Manner()


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
    manner: Manner = USUAL,
    priority: Priority = Priority.OTHER,
) -> Heard:
    """Transcribe a piece; its segments are numbered from `index` and timed in the recording.

    Raises what the run raises; cancelling cancels the run.
    """
    words = manner.vocabulary
    request = {
        "language": language,
        "languages": list(manner.languages),
        "beam_size": manner.beam_size,
        "task": job.task,
        "initial_prompt": job.prompt or None,
        "names": list(words.names) if words else [],
        "terms": list(words.terms) if words else [],
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

"""Has one piece of a recording transcribed by a model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from wyoming_servers.coordinator.face import Lease
from wyoming_servers.domain import Priority
from wyoming_servers.jobs.audio import RecordingChunk
from wyoming_servers.jobs.job import NewJob, JobSegment, TimedWord
from wyoming_servers.store.vocabulary import Vocabulary
from wyoming_servers.worker.base import OutputChunk


@dataclass(frozen=True, slots=True)
class TranscriptionDefaults:
    """How recordings are listened to here, whatever a job asks for."""

    beam_size: int = 1
    languages: tuple[str, ...] = ()
    """One of these is spoken, where a job names none; empty: any that the model knows."""
    vocabulary: Vocabulary | None = None
    """What things are called here; read anew for each piece."""


NO_TRANSCRIPTION_DEFAULTS: Final = TranscriptionDefaults()


@dataclass(frozen=True, slots=True)
class ChunkTranscript:
    """What a piece of a recording says."""

    segments: tuple[JobSegment, ...]
    language: str | None


async def transcribe_chunk(
    lease: Lease,
    piece: RecordingChunk,
    job: NewJob,
    *,
    language: str | None,
    index: int,
    manner: TranscriptionDefaults = NO_TRANSCRIPTION_DEFAULTS,
    priority: Priority = Priority.BACKGROUND,
) -> ChunkTranscript:
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
    segments: list[JobSegment] = []
    async with lease.open(request, streaming=True, priority=priority) as run:
        await run.send(piece.pcm)
        await run.end()
        async for chunk in run:
            segment = _segment(chunk, piece, index + len(segments))
            if segment is not None:
                segments.append(segment)
        result = await run.result()
    heard = result.get("language")
    return ChunkTranscript(tuple(segments), heard if isinstance(heard, str) else language)


def _segment(chunk: OutputChunk, piece: RecordingChunk, index: int) -> JobSegment | None:
    text = str(chunk.data.get("text", "")).strip()
    if not text:
        return None
    words = tuple(_word(word, piece) for word in chunk.data.get("words") or ())
    return JobSegment(
        index,
        _time_in_recording(piece, chunk.data.get("start", 0.0)),
        _time_in_recording(piece, chunk.data.get("end", piece.end - piece.start)),
        text,
        words,
    )


def _word(word: Mapping[str, Any], piece: RecordingChunk) -> TimedWord:
    return TimedWord(
        str(word["word"]).strip(),
        _time_in_recording(piece, word["start"]),
        _time_in_recording(piece, word["end"]),
        float(word.get("probability", 1.0)),
    )


def _time_in_recording(piece: RecordingChunk, seconds: float) -> float:
    """Return a time in the recording: no model may place a word outside the piece it heard."""
    return round(min(piece.start + max(0.0, float(seconds)), piece.end), 3)

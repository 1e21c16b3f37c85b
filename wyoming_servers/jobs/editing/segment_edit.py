"""Changes of a job's segments: what replaces what, the way back, and the times of the new text.

A change replaces some neighbors by others, which covers every edit: one by one (another text), one
by two (split), two by one (merge), none by one (insert), one by none (delete). The changes of an
edit apply one after the other, so the index of each counts in the result of the one before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.jobs.editing.word_alignment import align_words
from wyoming_servers.jobs.job import CueTiming, JobSegment, LineOptions, TimedWord
from wyoming_servers.jobs.speech_script import MAX_CUE_CHARACTERS

MAX_SEGMENTS: Final = 100_000
"""Segments of a job; the Bible has 31,000 verses."""


@dataclass(frozen=True, slots=True)
class SegmentChange:
    """`count` segments from `index` on are replaced by `segments`."""

    index: int
    count: int
    segments: tuple[JobSegment, ...]


@dataclass(frozen=True, slots=True)
class SegmentFields:
    """The new values of a segment; None keeps that of the first replaced segment."""

    text: str | None = None
    speaker: str | None = None
    voice: str | None = None
    speed: float | None = None
    pause: float | None = None


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """A change as a client asks for it."""

    index: int
    count: int
    segments: tuple[SegmentFields, ...]


def build_change(
    segments: Sequence[JobSegment], request: ChangeRequest, *, spoken: bool
) -> SegmentChange:
    """Return the change with complete segments; `spoken` for the lines of a speech job.

    Raises BadRequestError for a range that does not exist, and for a text that is too long.
    """
    end = request.index + request.count
    if end > len(segments):
        raise BadRequestError(
            f"There are no segments {request.index} to {end - 1}: the job has {len(segments)}.",
            hint="Read the job again and repeat the change.",
        )
    if len(segments) - request.count + len(request.segments) > MAX_SEGMENTS:
        raise BadRequestError(f"A job has at most {MAX_SEGMENTS} segments.")
    old = segments[request.index : end]
    texts = [_new_text(fields, old) for fields in request.segments]
    build = _spoken_segments if spoken else _transcript_segments
    before = segments[request.index - 1].end if request.index else 0.0
    return SegmentChange(request.index, request.count, build(old, request.segments, texts, before))


def apply_changes(
    segments: Sequence[JobSegment], changes: Sequence[SegmentChange]
) -> tuple[list[JobSegment], list[SegmentChange]]:
    """Return the segments after all changes, numbered anew, and the changes that undo them."""
    result = list(segments)
    inverse: list[SegmentChange] = []
    for change in changes:
        end = change.index + change.count
        inverse.append(
            SegmentChange(change.index, len(change.segments), tuple(result[change.index : end]))
        )
        result[change.index : end] = change.segments
    return [
        segment if segment.index == index else replace(segment, index=index)
        for index, segment in enumerate(result)
    ], inverse[::-1]


def _new_text(fields: SegmentFields, old: Sequence[JobSegment]) -> str:
    text = fields.text if fields.text is not None else " ".join(one.text for one in old)
    text = " ".join(text.split())
    if len(text) > MAX_CUE_CHARACTERS:
        raise BadRequestError(
            f"A segment has at most {MAX_CUE_CHARACTERS} characters.", hint="Split it."
        )
    return text


def _transcript_segments(
    old: Sequence[JobSegment],
    fields: Sequence[SegmentFields],
    texts: Sequence[str],
    before: float,
) -> tuple[JobSegment, ...]:
    start = old[0].start if old else before
    end = old[-1].end if old else before
    words = [word for segment in old for word in segment.words or _estimated_words(segment)]
    aligned = align_words(words, " ".join(texts), start, end)
    built: list[JobSegment] = []
    at = 0
    for field, text in zip(fields, texts, strict=True):
        own = aligned[at : at + len(text.split())]
        at += len(own)
        first = built[-1].end if built else start
        last = end if len(built) == len(texts) - 1 else (own[-1].end if own else first)
        # A new segment starts with its first word, the first one where the old one did.
        begin = own[0].start if built and own else first
        speaker = field.speaker if field.speaker is not None else (old[0].speaker if old else "")
        built.append(JobSegment(0, begin, max(begin, last), text, own, speaker=speaker))
    return tuple(built)


def _estimated_words(segment: JobSegment) -> tuple[TimedWord, ...]:
    """Return the words of a segment whose words have no times."""
    return align_words((), segment.text, segment.start, segment.end)


def _spoken_segments(
    old: Sequence[JobSegment],
    fields: Sequence[SegmentFields],
    texts: Sequence[str],
    before: float,
) -> tuple[JobSegment, ...]:
    cue = _whole_cue(old)
    total = max(1, sum(map(len, texts)))
    start = old[0].start if old else before
    end = old[-1].end if old else before
    done = 0
    built: list[JobSegment] = []
    for number, (field, text) in enumerate(zip(fields, texts, strict=True)):
        line = old[0].line or LineOptions() if old else LineOptions()
        begin, done = done / total, done + len(text)
        share = done / total
        built.append(
            JobSegment(
                0,
                start + (end - start) * begin,
                start + (end - start) * share,
                text,
                fit=None
                if cue is None
                else CueTiming(
                    round(cue.start + (cue.end - cue.start) * begin, 3),
                    round(cue.start + (cue.end - cue.start) * share, 3),
                    0.0,
                    1.0,
                ),
                speaker=field.speaker
                if field.speaker is not None
                else (old[0].speaker if old else ""),
                line=LineOptions(
                    voice=line.voice if field.voice is None else field.voice,
                    speed=line.speed if field.speed is None else field.speed,
                    # The pause before a line stays before the first of its parts.
                    pause=(0.0 if number else line.pause) if field.pause is None else field.pause,
                ),
            )
        )
    return tuple(built)


def _whole_cue(segments: Sequence[JobSegment]) -> CueTiming | None:
    """Return the time of all cues together; None unless all are cues."""
    cues = [segment.fit for segment in segments if segment.fit is not None]
    if not cues or len(cues) < len(segments):
        return None
    return CueTiming(cues[0].start, max(cue.end for cue in cues), 0.0, 1.0)

"""Edits of segments: split, merged, inserted, deleted, and undone."""

import random

import pytest

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.jobs.editing.segment_edit import (
    ChangeRequest,
    SegmentChange,
    SegmentFields,
    apply_changes,
    build_change,
)
from wyoming_servers.jobs.job import CueTiming, JobSegment, LineOptions, TimedWord


def transcript() -> list[JobSegment]:
    words = [TimedWord(f"w{number}", number / 2, number / 2 + 0.4, 0.9) for number in range(8)]
    return [
        JobSegment(0, 0.0, 1.9, "w0 w1 w2 w3", tuple(words[:4]), speaker="Ann"),
        JobSegment(1, 2.0, 3.9, "w4 w5 w6 w7", tuple(words[4:])),
    ]


def build(segments, index, count, *fields, spoken=False) -> SegmentChange:
    return build_change(segments, ChangeRequest(index, count, fields), spoken=spoken)


def test_transcript_is_split_at_the_times_of_its_words() -> None:
    change = build(transcript(), 0, 1, SegmentFields("w0 w1"), SegmentFields("w2 w3"))
    first, second = change.segments
    assert (first.start, first.end, second.start, second.end) == (0.0, 0.9, 1.0, 1.9)
    assert (first.speaker, second.speaker) == ("Ann", "Ann")
    assert [word.text for word in second.words] == ["w2", "w3"]


def test_transcript_is_merged_with_all_its_words() -> None:
    change = build(transcript(), 0, 2, SegmentFields())
    (merged,) = change.segments
    assert (merged.text, merged.start, merged.end) == ("w0 w1 w2 w3 w4 w5 w6 w7", 0.0, 3.9)
    assert [word.start for word in merged.words] == [number / 2 for number in range(8)]


def test_line_keeps_its_options_and_gives_its_pause_to_its_first_part() -> None:
    line = JobSegment(0, 1.0, 3.0, "One. Two.", line=LineOptions("en_GB-alba", 1.2, 0.8))
    change = build([line], 0, 1, SegmentFields("One."), SegmentFields("Two."), spoken=True)
    assert [one.line for one in change.segments] == [
        LineOptions("en_GB-alba", 1.2, 0.8),
        LineOptions("en_GB-alba", 1.2, 0.0),
    ]
    (changed,) = build([line], 0, 1, SegmentFields(pause=2.0), spoken=True).segments
    assert (changed.text, changed.line) == ("One. Two.", LineOptions("en_GB-alba", 1.2, 2.0))


def test_cue_is_split_in_proportion_and_merged_to_its_whole_time() -> None:
    cues = [
        JobSegment(0, 1.0, 3.0, "One two", fit=CueTiming(1.0, 3.0, 2.0, 1.1), line=LineOptions()),
        JobSegment(1, 4.0, 5.0, "three", fit=CueTiming(4.0, 5.0, 2.0, 1.1), line=LineOptions()),
    ]
    parts = build(cues, 0, 1, SegmentFields("One"), SegmentFields("two"), spoken=True).segments
    assert [(part.fit.start, part.fit.end) for part in parts if part.fit] == [(1, 2), (2, 3)]
    (whole,) = build(cues, 0, 2, SegmentFields(), spoken=True).segments
    assert whole.fit == CueTiming(1.0, 5.0, 0.0, 1.0)


def test_any_edits_are_undone_by_their_inverse() -> None:
    seed = random.Random(7)  # noqa: S311
    for _ in range(200):
        segments = transcript()
        undo: list[SegmentChange] = []
        edited = list(segments)
        for _ in range(4):
            index = seed.randint(0, len(edited))
            count = seed.randint(0, len(edited) - index)
            fields = [SegmentFields(f"t{part}") for part in range(seed.randint(0, 3))]
            edited, inverse = apply_changes(edited, [build(edited, index, count, *fields)])
            undo = [*inverse, *undo]
        assert [segment.index for segment in edited] == list(range(len(edited)))
        assert apply_changes(edited, undo)[0] == segments


def test_range_that_does_not_exist_and_text_that_is_too_long_are_refused() -> None:
    with pytest.raises(BadRequestError, match="the job has 2"):
        build(transcript(), 1, 2, SegmentFields("x"))
    with pytest.raises(BadRequestError, match="at most 5000 characters"):
        build(transcript(), 0, 1, SegmentFields("x" * 5_001))

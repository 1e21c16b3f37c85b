from hypothesis import given
from hypothesis import strategies as st

from wyoming_servers.core.domain import SPEECH_FORMAT
from wyoming_servers.speech.asr.recording import cut_at_pauses, transcribe_parts
from wyoming_servers.speech.asr.transcriber import Hypothesis


def test_short_recording_is_one_part() -> None:
    assert cut_at_pauses(30.0, [(10.0, 12.0)]) == [30.0]


def test_long_recording_is_cut_in_the_longest_pause_of_each_window() -> None:
    pauses = [(3.0, 8.0), (12.0, 12.4), (20.0, 21.0), (28.0, 28.3), (45.0, 45.2), (70.0, 73.0)]
    assert cut_at_pauses(80.0, pauses) == [20.5, 45.1, 71.5, 80.0]


def test_recording_without_pauses_is_cut_at_the_window() -> None:
    assert cut_at_pauses(70.0, []) == [30.0, 60.0, 70.0]


@given(
    st.floats(0, 4_000),
    st.lists(st.tuples(st.floats(0, 4_000), st.floats(0.2, 20)), max_size=50),
)
def test_parts_cover_the_recording_and_fit_the_window(
    seconds: float, pauses: list[tuple[float, float]]
) -> None:
    ends = cut_at_pauses(seconds, [(begin, begin + length) for begin, length in pauses])
    assert ends[-1] == seconds
    lengths = [end - start for start, end in zip([0.0, *ends], ends, strict=False)]
    assert all(9.99 <= length <= 30.01 for length in lengths[:-1])
    assert lengths[-1] <= 30.01


async def test_parts_are_joined_and_the_first_ones_language_is_kept() -> None:
    calls: list[tuple[int, str | None]] = []

    async def transcribe(audio: bytes, language: str | None) -> Hypothesis:
        calls.append((len(audio), language))
        text = "" if len(calls) == 1 else f"Part {len(calls)}."
        return Hypothesis(text, "de" if text else "en", None, 0.0)

    found = await transcribe_parts(bytes(SPEECH_FORMAT.bytes_for(100.0)), [], transcribe)
    assert (found.text, found.language, found.seconds) == ("Part 2. Part 3. Part 4.", "de", 100.0)
    assert [language for _, language in calls] == [None, None, "de", "de"]
    assert sum(size for size, _ in calls) == SPEECH_FORMAT.bytes_for(100.0)

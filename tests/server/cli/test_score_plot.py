"""Scores drawn with letters."""

from wyoming_servers.cli.score_plot import plot

STEPS = [(0.25, 0.0), (0.5, 0.5), (0.75, 1.0), (1.0, 0.0)]


def test_a_score_is_a_bar_as_high_as_it_is() -> None:
    assert plot(STEPS, 1.0, 0.9, width=4, height=2) == [
        "0.90 │╌╌╌█",
        "     │  ██",
        "     └────",
        "      0.0 1.0 s",
    ]


def test_a_short_peak_shows_however_long_the_recording_is() -> None:
    scores = [(float(at), 0.99 if at == 1_234 else 0.01) for at in range(3_600)]
    lines = plot(scores, 3_600, 0.5, width=50)
    assert sum("█" in line for line in lines) >= 5
    assert {len(line) for line in lines[:6]} == {56}


def test_the_threshold_is_dashed_where_no_bar_is() -> None:
    lines = plot([(0.5, 0.2), (1.0, 0.8)], 1.0, 0.5, width=10, height=4)
    assert lines[1].startswith("0.50 │╌╌╌╌")
    assert lines[1].endswith("█")


def test_nothing_heard_is_an_empty_plot() -> None:
    lines = plot([], 0.0, 0.5, width=20, height=3)
    assert not any(letter in "▁▂▃▄▅▆▇█" for line in lines for letter in line)
    assert lines[-1].endswith("0.0 s")

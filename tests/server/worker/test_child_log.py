"""Output of a process becomes log lines."""

import logging

import pytest

from wyoming_servers.worker.process import ChildLogReader


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> ChildLogReader:
    caplog.set_level(logging.DEBUG)
    return ChildLogReader("whisper/tiny.en")


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, int, str]]:
    return [(item.name, item.levelno, item.getMessage()) for item in caplog.records]


def test_lines_are_joined_across_reads(
    lines: ChildLogReader, caplog: pytest.LogCaptureFixture
) -> None:
    for data in (b"one\ntw", b"o\n\nthr", b"ee"):
        lines.feed(data)
    lines.close()
    name = "wyoming_servers.worker.whisper/tiny.en"
    assert logged(caplog) == [(name, logging.INFO, text) for text in ("one", "two", "three")]
    assert lines.last_line == "three"


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("WARNING:root: careful", logging.WARNING),
        ("DEBUG:engine: detail", logging.DEBUG),
        ("anything else", logging.INFO),
        ("INFORMATION: not a level", logging.INFO),
        ("Traceback (most recent call last):", logging.ERROR),
        ("ValueError: no", logging.ERROR),
        ("Fatal Python error: Segmentation fault", logging.CRITICAL),
        ("terminate called after throwing an instance of 'x'", logging.CRITICAL),
        ("[2026-01-01 10:00:00.1] [ctranslate2] [thread 1] [warning] float16", logging.WARNING),
        ("2026-01-01 10:00:00.1 [E:onnxruntime:, x.cc:1] no", logging.ERROR),
        ("2026-01-01 10:00:00.1 [W:onnxruntime:, x.cc:1] hm", logging.WARNING),
    ],
)
def test_level_is_parsed_from_the_start_of_a_line(
    lines: ChildLogReader, caplog: pytest.LogCaptureFixture, line: str, level: int
) -> None:
    lines.feed(line.encode() + b"\n")
    assert [item.levelno for item in caplog.records] == [level]


def test_prefix_of_our_own_lines_is_removed(
    lines: ChildLogReader, caplog: pytest.LogCaptureFixture
) -> None:
    lines.feed(b"ERROR:worker.steps: Run 3 failed: KeyError\n  Traceback\nERROR: not ours\n")
    assert [item[1:] for item in logged(caplog)] == [
        (logging.ERROR, "Run 3 failed: KeyError"),
        (logging.ERROR, "  Traceback"),
        (logging.INFO, "ERROR: not ours"),
    ]


def test_indented_line_keeps_the_level_of_the_line_before(
    lines: ChildLogReader, caplog: pytest.LogCaptureFixture
) -> None:
    lines.feed(b'Traceback (most recent call last):\n  File "x"\nfine\n')
    assert [item.levelno for item in caplog.records] == [40, 40, 20]


def test_line_without_end_is_truncated(
    lines: ChildLogReader, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(100):
        lines.feed(b"\xff" * 10_000)
    lines.feed(b"\nnext\n")
    first, second = logged(caplog)
    assert len(first[2]) <= 4_096
    assert second[2] == "next"

"""The frames of `top` for servers in various states."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from wyoming_servers.cli.top_view import (
    format_duration,
    model_note,
    render_status,
)

DEVICE = {
    "device": "cuda:0",
    "name": "Some card",
    "total_bytes": 8_000_000_000,
    "free_bytes": 2_000_000_000,
    "budget_bytes": 7_000_000_000,
    "reserved_bytes": 1_000_000_000,
    "committed_bytes": 2_000_000_000,
    "returning_bytes": 0,
    "others_bytes": 3_000_000_000,
    "pressure": "warning",
    "present": True,
    "utilisation": 0.42,
    "temperature": 61.0,
    "power": 120.4,
}

MODEL = {
    "id": "whisper/base",
    "kind": "asr",
    "state": "ready",
    "device": "cuda:0",
    "compute_type": "float16",
    "active_requests": 2,
    "queued_requests": 0,
    "memory_bytes": 350_000_000,
    "keep_alive": 300.0,
    "pinned": False,
}

STATUS: dict[str, Any] = {
    "version": "1.2.3",
    "at": "2026-01-31T12:00:00.000Z",
    "uptime_secs": 3_725.0,
    "ready": True,
    "reasons": [],
    "queue_depth": 3,
    "active_requests": 2,
    "devices": [DEVICE],
    "models": [MODEL],
    "instances": [],
    "events": [
        {
            "number": number,
            "at": f"2026-01-31T12:00:{number:02}.000Z",
            "type": "x",
            "level": "info",
            "text": f"event {number}",
        }
        for number in range(1, 21)
    ],
}


def draw(status: dict[str, Any], notice: str = "", height: int | None = None) -> list[str]:
    paper = StringIO()
    Console(width=200, height=height or 60, file=paper).print(render_status(status, notice, height))
    return [line.rstrip() for line in paper.getvalue().splitlines()]


def line_with(lines: list[str], text: str) -> str:
    (found,) = [line for line in lines if text in line]
    return found


def test_frame_shows_server_devices_models_and_events() -> None:
    lines = draw(STATUS)
    assert lines[0] == "Wyoming Conductor 1.2.3, up 1 h 2 min, ready, 2 active, 3 waiting"
    card = line_with(lines, "Some card")
    for word in ("8.0 GB", "2.0 GB", "1.0 GB", "3.0 GB", "7.0 GB", "warning", "42%, 61 °C, 120 W"):
        assert word in card
    assert line_with(lines, "whisper/base").split()[:6] == [
        "whisper/base",
        "asr",
        "ready",
        "cuda:0/float16",
        "2",
        "-",
    ]
    assert "12:00:20  event 20" in lines[-1]


def test_memory_bar_shows_the_shares() -> None:
    card = line_with(draw(STATUS), "Some card")
    bar = "".join(sign for sign in card if sign in "█▒·")
    assert (len(bar), bar.count("▒"), bar.count("·")) == (20, 2, 5)


def test_memory_bar_shows_small_shares_and_fits_an_overfull_device() -> None:
    tiny = DEVICE | {"committed_bytes": 1_000, "reserved_bytes": 0, "others_bytes": 0}
    card = line_with(draw(STATUS | {"devices": [tiny]}), "Some card")
    assert (card.count("█"), card.count("·")) == (1, 19)
    full = DEVICE | {"committed_bytes": 9_000_000_000}
    card = line_with(draw(STATUS | {"devices": [full]}), "Some card")
    assert card.count("█") + card.count("▒") == 20


def test_unreadable_device_is_marked() -> None:
    lines = draw(STATUS | {"devices": [DEVICE | {"present": False}]})
    assert "cannot be read" in line_with(lines, "cuda:0  ")


@pytest.mark.parametrize(
    ("fields", "leaves"),
    [
        ({}, "after use"),
        ({"unload_in_secs": 245.4}, "in 4:05 min"),
        ({"unload_in_secs": 3.0, "pinned": True}, "in 3 s, pinned"),
        ({"keep_alive": -1.0}, "never"),
    ],
)
def test_ready_model_shows_its_unload_time(fields: dict[str, Any], leaves: str) -> None:
    line = line_with(draw(STATUS | {"models": [MODEL | fields]}), "whisper/base")
    assert leaves in line


def test_unloaded_model_shows_no_memory() -> None:
    line = line_with(draw(STATUS | {"models": [MODEL | {"state": "unloaded"}]}), "whisper/base")
    assert "350 MB" not in line
    assert "cuda" not in line


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, ""),
        ({"state": "loading", "progress": {"phase": "load", "percent": 40}}, "load 40 %"),
        ({"state": "loading", "progress": {"phase": "warmup", "percent": -1}}, "warmup"),
        (
            {"state": "waiting_for_gpu", "needed_bytes": 3_900_000_000, "retry_in_secs": 2.2},
            "needs 3.9 GB, 0 MB free; next try in 2 s",
        ),
        (
            {"state": "failed", "error": {"code": "OOM", "message": "Full."}},
            "[OOM] Full.",
        ),
        ({"fallback_reason": "not enough memory"}, "fell back: not enough memory"),
    ],
)
def test_model_note_has_progress_errors_and_retries(fields: dict[str, Any], text: str) -> None:
    assert model_note(MODEL | fields) == text


def test_starting_and_stopping_instances_are_listed() -> None:
    draining = {
        "model": "whisper/base",
        "device": "cpu",
        "state": "draining",
        "reason": "yields to another model",
    }
    ready = draining | {"state": "ready"}
    lines = draw(STATUS | {"instances": [draining, ready]})
    assert "whisper/base on cpu is draining: yields to another model" in lines
    assert not [line for line in lines if "is ready" in line]


def test_header_shows_reasons_and_notice() -> None:
    lines = draw(STATUS | {"ready": False, "reasons": ["a is loading"]}, notice="Gone. Trying.")
    assert "not ready" in lines[0]
    assert "a is loading" in lines[1]
    assert lines[2] == "Gone. Trying."


@pytest.mark.parametrize("height", [12, 16, 24])
def test_frame_fits_the_terminal_and_ends_with_the_newest_event(height: int) -> None:
    lines = draw(STATUS, height=height)
    assert len(lines) <= height
    assert "event 20" in lines[-1]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1:00 min"), (245, "4:05 min"), (12_000, "3 h 20 min")],
)
def test_format_duration_is_readable(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text

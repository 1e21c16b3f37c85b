import io
import json
import logging
import re
import warnings
from collections.abc import Iterator

import pytest

from wyoming_servers.telemetry import log_config
from wyoming_servers.worker.process import ChildLogReader


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in list(root.handlers):
        if handler not in handlers:
            root.removeHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(False)


def test_text_line_has_time_level_and_short_module_name() -> None:
    out = io.StringIO()
    log_config.setup_logging("info", stream=out)
    logging.getLogger("wyoming_servers.scheduling.runtime").warning("no room for %s", "a/b")
    time, level, rest = out.getvalue().split(maxsplit=2)
    assert time.endswith("Z")
    assert level == "WARNING"
    assert rest == "scheduling.runtime: no room for a/b\n"


def test_worker_line_has_the_name_of_its_model() -> None:
    out = io.StringIO()
    log_config.setup_logging("info", stream=out)
    ChildLogReader("whisper/tiny.en").logger.info("hello")
    assert out.getvalue().rstrip().endswith("INFO    whisper/tiny.en: hello")


def test_level_hides_less_severe_lines() -> None:
    out = io.StringIO()
    log_config.setup_logging("warning", stream=out)
    logging.getLogger("wyoming_servers.x").info("quiet")
    logging.getLogger("wyoming_servers.x").error("loud")
    assert "quiet" not in out.getvalue()
    assert "loud" in out.getvalue()


def test_json_line_has_extra_fields_and_traceback() -> None:
    out = io.StringIO()
    log_config.setup_logging("info", "json", stream=out)
    logger = logging.getLogger("wyoming_servers.x")
    logger.info("done in %d", 3, extra={"event": {"type": "x"}, "level": "mine"})
    try:
        raise ValueError("bad")
    except ValueError:
        logger.exception("failed")
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert first["message"] == "done in 3"
    assert first["event"] == {"type": "x"}
    assert first["level"] == "info"
    assert first["logger"] == "wyoming_servers.x"
    assert second["level"] == "error"
    assert "ValueError: bad" in second["exception"]


def test_json_line_is_a_single_line_for_any_message() -> None:
    out = io.StringIO()
    log_config.setup_logging("info", "json", stream=out)
    logging.getLogger("x").warning("a\nb", extra={"odd": object()})
    (line,) = out.getvalue().splitlines()
    assert json.loads(line)["message"] == "a\nb"


def test_second_setup_does_not_duplicate_lines() -> None:
    out = io.StringIO()
    log_config.setup_logging("info", stream=io.StringIO())
    log_config.setup_logging("info", stream=out)
    logging.getLogger("x").warning("once")
    assert out.getvalue().count("once") == 1


def test_library_lines_appear_at_debug_only() -> None:
    out = io.StringIO()
    log_config.setup_logging("info", stream=out)
    logging.getLogger("uvicorn.error").info("Started")
    assert out.getvalue() == ""
    log_config.setup_logging("debug", stream=out)
    logging.getLogger("uvicorn.error").info("Started")
    assert "Started" in out.getvalue()


def test_terminal_shows_brackets_literally() -> None:
    out = Terminal()
    log_config.setup_logging("info", stream=out)
    logging.getLogger(f"{log_config.WORKER_PREFIX}whisper/base").error("[red]code[/red]")
    shown = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert shown != out.getvalue()
    assert "whisper/base: [red]code[/red]" in shown


def test_python_warnings_become_log_lines() -> None:
    out = io.StringIO()
    log_config.setup_logging("info", stream=out)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        log_config.setup_logging("info", stream=out)
        warnings.warn("old thing", UserWarning, stacklevel=1)
    assert "old thing" in out.getvalue()

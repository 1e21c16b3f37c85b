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
    """A stream that says it is one."""

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


def test_a_plain_line_has_time_level_and_the_short_name_of_its_module() -> None:
    out = io.StringIO()
    log_config.setup_logging("info", stream=out)
    logging.getLogger("wyoming_servers.scheduling.runtime").warning("no room for %s", "a/b")
    time, level, rest = out.getvalue().split(maxsplit=2)
    assert time.endswith("Z")
    assert level == "WARNING"
    assert rest == "scheduling.runtime: no room for a/b\n"


def test_a_worker_line_stands_under_the_name_of_its_model() -> None:
    out = io.StringIO()
    log_config.setup_logging("info", stream=out)
    ChildLogReader("whisper/tiny.en").logger.info("hello")
    assert out.getvalue().rstrip().endswith("INFO    whisper/tiny.en: hello")


def test_a_level_hides_what_is_less_severe() -> None:
    out = io.StringIO()
    log_config.setup_logging("warning", stream=out)
    logging.getLogger("wyoming_servers.x").info("quiet")
    logging.getLogger("wyoming_servers.x").error("loud")
    assert "quiet" not in out.getvalue()
    assert "loud" in out.getvalue()


def test_json_lines_carry_the_extra_fields_and_the_traceback() -> None:
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


def test_a_json_line_stays_one_line_whatever_the_message_holds() -> None:
    out = io.StringIO()
    log_config.setup_logging("info", "json", stream=out)
    logging.getLogger("x").warning("a\nb", extra={"odd": object()})
    (line,) = out.getvalue().splitlines()
    assert json.loads(line)["message"] == "a\nb"


def test_setting_up_twice_does_not_write_lines_twice() -> None:
    out = io.StringIO()
    log_config.setup_logging("info", stream=io.StringIO())
    log_config.setup_logging("info", stream=out)
    logging.getLogger("x").warning("once")
    assert out.getvalue().count("once") == 1


def test_libraries_are_quiet_at_info_and_speak_at_debug() -> None:
    out = io.StringIO()
    log_config.setup_logging("info", stream=out)
    logging.getLogger("uvicorn.error").info("Started")
    assert out.getvalue() == ""
    log_config.setup_logging("debug", stream=out)
    logging.getLogger("uvicorn.error").info("Started")
    assert "Started" in out.getvalue()


def test_a_terminal_gets_brackets_as_they_are_and_not_as_markup() -> None:
    out = Terminal()
    log_config.setup_logging("info", stream=out)
    logging.getLogger(f"{log_config.WORKER_PREFIX}whisper/base").error("[red]code[/red]")
    shown = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert shown != out.getvalue()
    assert "whisper/base: [red]code[/red]" in shown


def test_warnings_of_python_become_log_lines() -> None:
    out = io.StringIO()
    log_config.setup_logging("info", stream=out)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        log_config.setup_logging("info", stream=out)
        warnings.warn("old thing", UserWarning, stacklevel=1)
    assert "old thing" in out.getvalue()

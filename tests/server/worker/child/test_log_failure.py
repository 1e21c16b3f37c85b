"""Failures in the log of a worker, and their level."""

import logging

import pytest

from wyoming_servers.core.errors import (
    BadRequestError,
    ConductorError,
    LoadFailedError,
    UnsupportedLanguageError,
)
from wyoming_servers.engines.error_mapping import classify
from wyoming_servers.worker.child.executor import log_failure

LOGGER = logging.getLogger("wyoming_servers.worker.test")


def log(error: Exception, caplog: pytest.LogCaptureFixture, level: int) -> list[logging.LogRecord]:
    with caplog.at_level(level, LOGGER.name):
        log_failure(LOGGER, "Run 3", error, classify(error))
    return caplog.records


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (BadRequestError("There is no text."), logging.INFO),
        (UnsupportedLanguageError("It does not speak Klingon."), logging.INFO),
        (LoadFailedError("The library\n is missing."), logging.WARNING),
        (MemoryError("No."), logging.WARNING),
        (RuntimeError("CUDA failed with error out of memory"), logging.WARNING),
        (RuntimeError("CUDA failed with error unspecified launch failure"), logging.WARNING),
    ],
)
def test_expected_failure_is_logged_in_one_line(
    error: Exception, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    (record,) = log(error, caplog, logging.INFO)
    assert record.levelno == level
    assert record.getMessage().startswith("Run 3 failed: ")
    assert "\n" not in record.getMessage()
    assert record.exc_info is None


def test_log_line_has_the_cause_and_the_hint(caplog: pytest.LogCaptureFixture) -> None:
    (record,) = log(LoadFailedError("It is missing.", hint="Get it."), caplog, logging.INFO)
    assert record.getMessage() == "Run 3 failed: It is missing. Get it."


@pytest.mark.parametrize("error", [RuntimeError("what?"), KeyError("gone")])
def test_unexpected_failure_is_logged_with_its_traceback(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    (record,) = log(error, caplog, logging.INFO)
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_expected_failure_is_logged_with_its_traceback_at_debug(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cause: ConductorError = BadRequestError("No.")
    line, where = log(cause, caplog, logging.DEBUG)
    assert line.exc_info is None
    assert where.levelno == logging.DEBUG
    assert where.exc_info is not None

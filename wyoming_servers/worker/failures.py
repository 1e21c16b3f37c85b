"""How a worker's log tells of a load or a run that failed: a line, or a line and a traceback."""

import logging
from typing import Final

from wyoming_servers.errors import (
    ConductorError,
    DeviceLostError,
    OutOfMemoryError,
    RequestError,
)

_EXPECTED_ERRORS: Final = (OutOfMemoryError, DeviceLostError)
"""What happens to machines; the place in the code where it was noticed tells nobody anything."""


def log_failure(
    logger: logging.Logger, what: str, raised: BaseException, meaning: ConductorError
) -> None:
    """Write down that `what` (`Run 3`) failed; `meaning` is what `raised` was taken for.

    1. The request cannot be served: a line at info, for it is the client's fault.
    2. A failure that says itself what it is: a line at warning.
    3. Anything else is unexpected: an error, with its traceback.

    At debug, 1 and 2 have theirs too.
    """
    text = " ".join(str(meaning).split())
    if isinstance(meaning, RequestError):  # 1
        level = logging.INFO
    elif isinstance(raised, ConductorError) or isinstance(meaning, _EXPECTED_ERRORS):  # 2
        level = logging.WARNING
    else:  # 3
        logger.error("%s failed: %s", what, text, exc_info=raised)
        return
    logger.log(level, "%s failed: %s", what, text)
    logger.debug("Where %s failed", what, exc_info=raised)

"""Pairing: six digits that the server shows are exchanged for a token.

Anybody on the network can ask for a code and guess, so a guess must be expensive: three wrong ones
end the code and lock pairing for an hour, then for two, up to a day. That leaves a chance of one in
a thousand per year. Wrong codes are counted across codes, until a right one.
"""

import logging
import secrets
from collections.abc import Callable
from typing import Final

from wyoming_servers.core.clock import Clock, SystemClock
from wyoming_servers.core.errors import BusyError, UnauthorizedError

CODE_SECONDS: Final = 300.0
"""Validity of a code: time to walk to the log of the server and back."""

MAX_WRONG_CODES: Final = 3
LOCK_SECONDS: Final = 3_600.0
MAX_LOCK_SECONDS: Final = 86_400.0

_DIGITS: Final = 6

_LOGGER: Final = logging.getLogger(__name__)


class Pairing:
    """Owns the code that is valid now."""

    def __init__(
        self, clock: Clock | None = None, randbelow: Callable[[int], int] = secrets.randbelow
    ) -> None:
        self._clock = clock or SystemClock()
        self._randbelow = randbelow
        self._code: str | None = None
        self._expires = 0.0
        self._wrong = 0
        self._locks = 0
        """How often pairing was locked since the last right code."""
        self._locked_until = 0.0

    def request_code(self, client: str) -> float:
        """Write a code to the log, unless one is valid; return the seconds it stays valid.

        Raises BusyError while pairing is locked.
        """
        if self._valid_code() is None:
            locked = self._locked_until - self._clock.now()
            if locked > 0:
                raise BusyError(
                    "Pairing is locked, because wrong codes were sent.",
                    hint="Run `wyoming-conductor pair` on the server, or wait.",
                    retry_after=locked,
                )
            code = self._new_code()
            _LOGGER.warning(
                "Pairing code %s, valid for %d minutes (asked for by %s)",
                code,
                CODE_SECONDS // 60,
                client,
            )
        return self._expires - self._clock.now()

    def show_code(self) -> tuple[str, float]:
        """Return a code and the seconds it stays valid. For the owner, so it is never locked."""
        code = self._valid_code() or self._new_code()
        return code, self._expires - self._clock.now()

    def redeem(self, code: str) -> None:
        """Use a code, which is invalid afterwards.

        Raises UnauthorizedError if it is wrong or no code is valid.
        """
        valid = self._valid_code()
        if valid is None:
            raise UnauthorizedError(
                "No pairing code is valid now.",
                hint="Ask for a new one: POST /pair/code, or `wyoming-conductor pair`.",
            )
        if not secrets.compare_digest(valid.encode(), code.encode()):
            self._count_wrong()
            raise UnauthorizedError(
                "The pairing code is wrong.", hint="The code is in the log of the server."
            )
        self._code = None
        self._wrong = self._locks = 0
        self._locked_until = 0.0

    def _new_code(self) -> str:
        self._code = f"{self._randbelow(10**_DIGITS):0{_DIGITS}d}"
        self._expires = self._clock.now() + CODE_SECONDS
        return self._code

    def _valid_code(self) -> str | None:
        return self._code if self._clock.now() < self._expires else None

    def _count_wrong(self) -> None:
        self._wrong += 1
        if self._wrong % MAX_WRONG_CODES:
            return
        seconds = min(MAX_LOCK_SECONDS, LOCK_SECONDS * 2.0**self._locks)
        self._locks += 1
        self._code = None
        self._locked_until = self._clock.now() + seconds
        _LOGGER.warning("%d wrong pairing codes: pairing is locked for %d s", self._wrong, seconds)

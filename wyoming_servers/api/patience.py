"""Ends connections of clients that send their request drop by drop.

Uvicorn waits for ever for the end of a request's head, so a few hundred slow connections could
keep everybody else out. Bodies are watched where they are read (`upload`).
"""

import asyncio
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_TIMEOUT_SECONDS: Final = 10.0
"""Enough for any client and any line to send a request's head."""


class HeaderTimeoutProtocol(H11Protocol):
    """Uvicorn's protocol, with a time in which a request's head must be complete."""

    header_timeout: float = HEADER_TIMEOUT_SECONDS
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._update_timer()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._update_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timer()
        super().connection_lost(exc)

    def _update_timer(self) -> None:
        """Run the clock exactly while the beginning of a request is awaited or incomplete."""
        if self.conn.their_state is not h11.IDLE:
            self._cancel_timer()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.header_timeout, self._on_timeout)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing():
            # Between two requests uvicorn has a clock of its own; ours begins with their bytes.
            self._cancel_timer()

    def _cancel_timer(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _on_timeout(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.close()

"""Sessions of the page: a browser that has signed in sends a cookie instead of a token.

The cookie is httpOnly, so scripts cannot read it, and SameSite=Strict. Browsers share cookies
between the ports of a host, so its name contains the identity of the server, and what changes
something is accepted from the server's own page only (`access`). Only the SHA-256 of a cookie is
stored, in `<data_dir>/sessions.json`, so sessions outlive a restart.
"""

import asyncio
import hashlib
import json
import logging
import math
import secrets
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

from wyoming_servers.core.clock import Clock, SystemClock
from wyoming_servers.core.errors import BusyError, NotFoundError
from wyoming_servers.core.files import write_private
from wyoming_servers.http.auth.tokens import TokenScope, digest_of

SESSIONS_FILE: Final = "sessions.json"

SESSION_SECONDS: Final = 30 * 86_400.0
"""A session ends when the page was not opened for this long."""

MAX_SESSIONS: Final = 64
"""The session that was unused for the longest time makes room for a new one."""

MAX_FAILED_SIGN_INS: Final = 10
"""Per address, within `FAILED_SIGN_IN_SECONDS`."""

FAILED_SIGN_IN_SECONDS: Final = 300.0

_MAX_ADDRESSES: Final = 1_024

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that has signed in; its cookie itself is not stored."""

    id: str
    name: str
    """Browser and system, for the list of sessions."""
    scope: TokenScope
    digest: str
    """SHA-256 of the cookie, hexadecimal."""
    token_digest: str
    """SHA-256 of the token of the sign-in; empty after a pairing code. The session ends with it."""
    created: float
    """Seconds since 1970."""
    last_used: float
    """When the page was opened last, in seconds since 1970."""


class SessionStore:
    """Owns the sessions."""

    def __init__(
        self,
        path: Path | None = None,
        sessions: Iterable[Session] = (),
        clock: Clock | None = None,
    ) -> None:
        """Without a `path` the sessions are kept in memory only."""
        self._path = path
        self._sessions = {session.id: session for session in sessions}
        self._clock = clock or SystemClock()
        self._lock = asyncio.Lock()

    @classmethod
    def open(cls, path: Path, clock: Clock) -> Self:
        """Read the sessions; a damaged file is logged and counts as empty. Blocks on the disk."""
        try:
            sessions = _parse_sessions(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            sessions = []
        except (OSError, ValueError, TypeError, KeyError) as err:
            _LOGGER.warning("%s cannot be read, browsers have to sign in again: %s", path, err)
            sessions = []
        return cls(path, sessions, clock)

    @property
    def sessions(self) -> Sequence[Session]:
        """All sessions that are valid, oldest first."""
        return tuple(one for one in self._sessions.values() if self._is_valid(one))

    def find(self, cookie: str) -> Session | None:
        """Return the session of a cookie; None if there is none, or it has expired."""
        digest, found = digest_of(cookie), None
        for session in self._sessions.values():
            # Constant time, and no early end: the response time reveals nothing.
            if secrets.compare_digest(session.digest, digest):
                found = session
        return found if found is not None and self._is_valid(found) else None

    async def create(
        self, name: str, scope: TokenScope, token_digest: str = ""
    ) -> tuple[Session, str]:
        """Create a session; return it and its cookie. Raises StorageError."""
        async with self._lock:
            now, cookie = self._clock.wall(), secrets.token_urlsafe(32)
            session = Session(
                id=secrets.token_hex(4),
                name=name,
                scope=scope,
                digest=digest_of(cookie),
                token_digest=token_digest,
                created=now,
                last_used=now,
            )
            kept = sorted(self.sessions, key=lambda one: one.last_used)[-(MAX_SESSIONS - 1) :]
            kept.sort(key=lambda one: one.created)
            await self._save({one.id: one for one in (*kept, session)})
        _LOGGER.info("Session %s (%s) with scope %s started", session.id, name, scope)
        return session, cookie

    async def touch(self, session: Session) -> None:
        """Record that the page was opened. Raises StorageError."""
        async with self._lock:
            if session.id in self._sessions:
                used = replace(session, last_used=self._clock.wall())
                await self._save({**self._sessions, session.id: used})

    async def end(self, session_id: str) -> None:
        """End a session. Raises NotFoundError, StorageError."""
        async with self._lock:
            if session_id not in self._sessions:
                raise NotFoundError(
                    f"There is no session {session_id[:80]}.", hint="GET /sessions lists them."
                )
            await self._save({key: one for key, one in self._sessions.items() if key != session_id})
        _LOGGER.info("Session %s ended", session_id)

    def _is_valid(self, session: Session) -> bool:
        return self._clock.wall() < session.last_used + SESSION_SECONDS

    async def _save(self, sessions: dict[str, Session]) -> None:
        """Write the file first, so that a session in use is on the disk."""
        if self._path is not None:
            content = json.dumps({"sessions": [asdict(one) for one in sessions.values()]}, indent=1)
            await asyncio.to_thread(write_private, self._path, content + "\n")
        self._sessions = sessions


class SignInLimiter:
    """Slows down whoever guesses tokens: counts failed sign-ins per address."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def check(self, address: str) -> None:
        """Raises BusyError if too many sign-ins from this address have failed."""
        recent = self._recent(address)
        if len(recent) >= MAX_FAILED_SIGN_INS:
            wait = recent[0] + FAILED_SIGN_IN_SECONDS - self._clock.now()
            raise BusyError(
                "Too many sign-ins from your address have failed.",
                hint=f"Try again in {math.ceil(wait / 60)} min.",
                retry_after=wait,
            )

    def record_failure(self, address: str) -> None:
        """Count a failed sign-in."""
        self._failures[address] = [*self._recent(address), self._clock.now()]
        self._failures.move_to_end(address)
        if len(self._failures) > _MAX_ADDRESSES:
            self._failures.popitem(last=False)

    def _recent(self, address: str) -> list[float]:
        since = self._clock.now() - FAILED_SIGN_IN_SECONDS
        return [at for at in self._failures.get(address, ()) if at > since]


def cookie_name(uuid: str) -> str:
    """Return the name of the cookie of a server: browsers share cookies between ports."""
    return f"wyoming_conductor_{hashlib.sha256(uuid.encode()).hexdigest()[:8]}"


def _parse_sessions(text: str) -> list[Session]:
    """Raises ValueError, TypeError or KeyError for a damaged file."""
    content: Any = json.loads(text)
    return [
        Session(**{**entry, "scope": TokenScope(entry["scope"])}) for entry in content["sessions"]
    ]

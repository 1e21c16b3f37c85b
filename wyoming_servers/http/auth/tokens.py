"""The tokens that the API accepts, their scopes, pairing, and the proof that the server knows one.

The token in `<data_dir>/api-token` belongs to the owner of the machine and has every scope. All
other tokens are stored as SHA-256 in `<data_dir>/tokens.json`; they are random and long, so a slow
hash would protect nothing more.
"""

import asyncio
import hashlib
import hmac
import json
import logging
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any, Final, Self

from wyoming_servers.core.clock import Clock, SystemClock
from wyoming_servers.core.errors import (
    BusyError,
    ConflictError,
    LoadFailedError,
    NotFoundError,
    UnauthorizedError,
)
from wyoming_servers.core.files import read_or_create_secret, write_private

TOKEN_FILE: Final = "api-token"  # noqa: S105  (a file's name)

TOKENS_FILE: Final = "tokens.json"

MAX_TOKENS: Final = 64
"""Tokens besides that of the owner; each costs a comparison per request."""

MIN_PROOF_TOKEN_LENGTH: Final = 16
"""Characters. A proof of a shorter token would let a stranger guess it without the server."""

_LOGGER: Final = logging.getLogger(__name__)


class TokenScope(StrEnum):
    """What a token allows; each scope includes those before it."""

    READ = "read"
    """See the state, the models, metrics and events."""
    USE = "use"
    """Transcribe, speak, and run jobs."""
    OPERATE = "operate"
    """Load and download models, change ordinary settings, names and webhooks."""
    ADMIN = "admin"
    """Change settings that protect the server, and create tokens."""

    def includes(self, other: "TokenScope") -> bool:
        """Return whether a token of this scope may do what needs `other`."""
        scopes = list(TokenScope)
        return scopes.index(self) >= scopes.index(other)


@dataclass(frozen=True, slots=True)
class Token:
    """An accepted token; the token itself is not stored."""

    id: str
    name: str
    scope: TokenScope
    digest: str
    """SHA-256 of the token, hexadecimal."""
    created: float
    """Seconds since 1970."""


class TokenStore:
    """Owns the accepted tokens."""

    def __init__(
        self,
        path: Path | None = None,
        tokens: Iterable[Token] = (),
        clock: Clock | None = None,
    ) -> None:
        """Without a `path` the tokens are kept in memory only."""
        self._path = path
        self._tokens = {token.id: token for token in tokens}
        self._clock = clock or SystemClock()
        self._lock = asyncio.Lock()

    @classmethod
    def open(cls, path: Path, clock: Clock) -> Self:
        """Read the tokens; a damaged file is logged and counts as empty. Blocks on the disk."""
        try:
            tokens = _parse_tokens(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            tokens = []
        except (OSError, ValueError, TypeError, KeyError) as err:
            _LOGGER.error("%s cannot be read, its tokens are not accepted: %s", path, err)  # noqa: TRY400
            tokens = []
        return cls(path, tokens, clock)

    @property
    def tokens(self) -> Sequence[Token]:
        """All tokens, oldest first."""
        return tuple(self._tokens.values())

    def scope_of(self, token: str) -> TokenScope | None:
        """Return the scope of a token; None if it is not accepted."""
        return self.scope_of_digest(digest_of(token))

    def scope_of_digest(self, digest: str) -> TokenScope | None:
        """Return the scope of the token with this SHA-256; None if it is not accepted."""
        found = None
        for known in self._tokens.values():
            # Constant time, and no early end: the response time reveals nothing.
            if secrets.compare_digest(known.digest, digest):
                found = known.scope
        return found

    async def create(self, name: str, scope: TokenScope) -> tuple[Token, str]:
        """Create a token; return its entry and the token itself, which is shown only now.

        Raises ConflictError if there are too many, CapacityError if the disk refuses.
        """
        async with self._lock:
            if len(self._tokens) >= MAX_TOKENS:
                raise ConflictError(
                    f"There are {MAX_TOKENS} tokens already.",
                    hint="Revoke one that is no longer used: `wyoming-conductor token list`.",
                )
            text = secrets.token_urlsafe(32)
            entry = Token(secrets.token_hex(4), name, scope, digest_of(text), self._clock.wall())
            await self._save({**self._tokens, entry.id: entry})
        _LOGGER.info("Token %s (%s) with scope %s created", entry.id, name, scope)
        return entry, text

    async def revoke(self, token_id: str) -> None:
        """Stop to accept a token. Raises NotFoundError, CapacityError."""
        async with self._lock:
            if token_id not in self._tokens:
                raise NotFoundError(
                    f"There is no token {token_id}.",
                    hint="`wyoming-conductor token list` shows the ids.",
                )
            await self._save({key: one for key, one in self._tokens.items() if key != token_id})
        _LOGGER.info("Token %s revoked", token_id)

    def proofs(self, text: str) -> list[str]:
        """Return the proof of every token for a text; see `proof`."""
        return [_hmac(bytes.fromhex(token.digest), text) for token in self._tokens.values()]

    async def _save(self, tokens: dict[str, Token]) -> None:
        """Write the file first, so that a token in use is on the disk."""
        if self._path is not None:
            content = json.dumps({"tokens": [asdict(token) for token in tokens.values()]}, indent=1)
            await asyncio.to_thread(write_private, self._path, content + "\n")
        self._tokens = tokens


def ensure_token(data_dir: Path) -> str:
    """Return the token in `data_dir`; create it if it is missing, readable by the owner only.

    Raises LoadFailedError if the file can neither be read nor written. Blocks on the disk.
    """
    path = data_dir / TOKEN_FILE
    try:
        token = read_or_create_secret(path, secrets.token_urlsafe(32))
    except (OSError, UnicodeDecodeError) as err:
        raise LoadFailedError(
            f"Cannot read or write the API token in {path}: {err}.",
            hint="Check the permissions of the file, or set api.auth: none.",
        ) from err
    if not token or not token.isascii():
        raise LoadFailedError(
            f"The API token in {path} is empty or not plain ASCII.",
            hint="Delete the file; the next start creates a new token.",
        )
    return token


def is_token(content: bytes) -> bool:
    """Return whether the content of `TOKEN_FILE` is a token that a client can send in a header."""
    text = content.strip()
    return bool(text) and text.isascii() and text.decode("ascii").isprintable()


def is_tokens_file(content: bytes) -> bool:
    """Return whether the content of `TOKENS_FILE` can be read."""
    try:
        _parse_tokens(content.decode("utf-8"))
    except (ValueError, TypeError, KeyError):
        return False
    return True


def proof_text(nonce: str, uuid: str, address: str, fingerprint: str = "") -> str:
    """Return what a proof signs.

    It contains the address to which the client has connected, and the fingerprint of the server's
    certificate if the connection has one: a stranger who passes the question on to the real server
    gets a proof for another address and another certificate than his own.
    """
    lines = ["wyoming-conductor proof v1", nonce, uuid, address]
    return "\n".join([*lines, fingerprint] if fingerprint else lines)


def proof(token: str, text: str) -> str:
    """Return the HMAC-SHA256 of `proof_text`, hexadecimal; its key is the SHA-256 of the token."""
    return _hmac(bytes.fromhex(digest_of(token)), text)


def format_address(host: str, port: int) -> str:
    """Return `IP:PORT` or `[IP]:PORT`; IPv4 addresses that are mapped into IPv6 become IPv4.

    Raises ValueError if the host is not an IP address.
    """
    address = ip_address(host.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def _parse_tokens(text: str) -> list[Token]:
    """Raises ValueError, TypeError or KeyError for a damaged file."""
    content: Any = json.loads(text)
    tokens = [
        Token(**{**entry, "scope": TokenScope(entry["scope"])}) for entry in content["tokens"]
    ]
    for token in tokens:
        if len(bytes.fromhex(token.digest)) != hashlib.sha256().digest_size:
            raise ValueError(f"the digest of token {token.id} is not one of SHA-256")
    return tokens


def digest_of(token: str) -> str:
    """Return the SHA-256 of a token or a cookie, hexadecimal."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _hmac(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), "sha256").hexdigest()


CODE_SECONDS: Final = 300.0
"""Validity of a code: time to walk to the log of the server and back."""

MAX_WRONG_CODES: Final = 3
LOCK_SECONDS: Final = 3_600.0
MAX_LOCK_SECONDS: Final = 86_400.0

_DIGITS: Final = 6


TICKET_SECONDS: Final = 30.0
"""Time in which a ticket must be used."""

MAX_TICKETS: Final = 256


class TicketStore:
    """One-time tickets for requests that cannot have headers, such as those of EventSource.

    A ticket is part of the address, which logs and histories keep, so it is valid once and briefly.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._tickets: dict[str, tuple[TokenScope, float]] = {}

    def create(self, scope: TokenScope) -> str:
        """Return a new ticket with this scope; the oldest is dropped when there are too many."""
        self._drop_expired()
        while len(self._tickets) >= MAX_TICKETS:
            del self._tickets[next(iter(self._tickets))]
        ticket = secrets.token_urlsafe(24)
        self._tickets[ticket] = (scope, self._clock.now() + TICKET_SECONDS)
        return ticket

    def redeem(self, ticket: str) -> TokenScope | None:
        """Return the scope of a ticket, which ends with that; None if it is not valid."""
        self._drop_expired()
        scope, _ = self._tickets.pop(ticket, (None, 0.0))
        return scope

    def _drop_expired(self) -> None:
        now = self._clock.now()
        for ticket in [name for name, (_, until) in self._tickets.items() if until <= now]:
            del self._tickets[ticket]


class Pairing:
    """Owns the code that is valid now: six digits that are exchanged for a token.

    Anybody on the network can ask for a code and guess, so a guess must be expensive: three wrong
    ones end the code and lock pairing for an hour, then for two, up to a day. That leaves a chance
    of one in a thousand per year. Wrong codes are counted across codes, until a right one.
    """

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

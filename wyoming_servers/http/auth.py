"""Who may use the API: whoever has the token that lies beside the server's data."""

import secrets
from pathlib import Path
from typing import Annotated, Final

from fastapi import Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from wyoming_servers.core.errors import (
    LoadFailedError,
    UnauthorizedError,
)
from wyoming_servers.data_dir.secret import read_or_create_secret
from wyoming_servers.http.context import (
    ApiContext,
    Context,
)

TOKEN_FILE: Final = "api-token"  # noqa: S105  (a file's name)

_BEARER_SCHEME: Final = HTTPBearer(
    auto_error=False,
    description=f"The text of `<data_dir>/{TOKEN_FILE}` on the server's machine.",
)


def ensure_token(data_dir: Path) -> str:
    """Return the token in `data_dir`, made at the first call; the file is the owner's alone.

    Raises LoadFailedError if it can be neither read nor written. Blocks on the disk.
    """
    path = data_dir / TOKEN_FILE
    try:
        token = read_or_create_secret(path, secrets.token_urlsafe(32))
    except (OSError, UnicodeDecodeError) as err:
        raise LoadFailedError(
            f"The API token in {path} cannot be used: {err}.",
            hint="Give the server the right to read and write it, or set api.auth: none.",
        ) from err
    if not token or not token.isascii():
        raise LoadFailedError(
            f"The API token in {path} is empty or not plain ASCII.",
            hint="Delete the file; a new token is made at the next start.",
        )
    return token


def is_valid_token(context: ApiContext, token: str | None) -> bool:
    """Whether whoever brings this token may use the API."""
    if context.token is None:
        return True
    # Compared in constant time: how long a refusal takes must not tell how much was right.
    return token is not None and secrets.compare_digest(token.encode(), context.token.encode())


async def require_token(
    context: Context,
    given: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER_SCHEME)],
) -> None:
    """Let the request pass, or raise UnauthorizedError."""
    if not is_valid_token(context, given.credentials if given else None):
        raise UnauthorizedError(
            "The token is wrong." if given else "This address needs a token.",
            hint="Send `Authorization: Bearer TOKEN`; the token is in the file "
            f"<data_dir>/{TOKEN_FILE} on the server's machine.",
        )

"""Bearer token authentication; the token is a file in the data folder."""

import secrets
from pathlib import Path
from typing import Annotated, Final

from fastapi import Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from wyoming_servers.core.errors import LoadFailedError, UnauthorizedError
from wyoming_servers.core.files import read_or_create_secret
from wyoming_servers.http.context import ApiContext, Context

TOKEN_FILE: Final = "api-token"  # noqa: S105  (a file's name)

_BEARER_SCHEME: Final = HTTPBearer(
    auto_error=False,
    description=f"The content of the file `<data_dir>/{TOKEN_FILE}` on the server.",
)


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


def is_valid_token(context: ApiContext, token: str | None) -> bool:
    """Return whether a request with this token may use the API."""
    if context.token is None or context.config.api.auth == "none":
        return True
    # Constant time, so that the response time does not reveal how many characters match.
    return token is not None and secrets.compare_digest(token.encode(), context.token.encode())


async def require_token(
    context: Context,
    given: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER_SCHEME)],
) -> None:
    """Raise UnauthorizedError unless the request has a valid token."""
    if not is_valid_token(context, given.credentials if given else None):
        raise UnauthorizedError(
            "The token is not valid." if given else "This endpoint requires a token.",
            hint="Send `Authorization: Bearer TOKEN`; the token is in the file "
            f"<data_dir>/{TOKEN_FILE} on the server.",
        )

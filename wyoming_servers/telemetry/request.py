"""The id of the HTTP request that is being answered, for every line logged meanwhile."""

from contextvars import ContextVar
from typing import Final

REQUEST_ID: Final[ContextVar[str]] = ContextVar("request_id", default="")
"""Empty outside of HTTP requests; tasks begun while one is answered inherit it."""

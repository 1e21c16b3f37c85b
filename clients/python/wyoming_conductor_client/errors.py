"""Exceptions of the client, as one tree.

ConductorError
├── ConductorConnectionError    the server is unreachable or timed out
│   └── ConductorCertificateError  its certificate is not trusted
├── ConductorAuthError          the token is missing or wrong
├── ConductorProofError         the server could not prove that it knows the token
├── ConductorResponseError      the answer does not follow the API
└── ConductorRequestError       the server rejected the request with an error code
"""


class ConductorError(Exception):
    """Base class of all client errors."""


class ConductorConnectionError(ConductorError):
    """Raised when the server cannot be reached, times out or drops the connection."""


class ConductorCertificateError(ConductorConnectionError):
    """Raised when the server's certificate is neither pinned nor signed by a known authority, or
    when the server has another certificate than the pinned one. Nothing was sent."""


class ConductorAuthError(ConductorError):
    """Raised when the server rejects the token."""


class ConductorProofError(ConductorError):
    """Raised when a server cannot prove that it knows the token; the token was not sent."""


class ConductorResponseError(ConductorError):
    """Raised when an answer does not follow the API."""


class ConductorRequestError(ConductorError):
    """Raised when the server rejects a request."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "UNKNOWN",
        detail: str = "",
        retry_after: float | None = None,
    ) -> None:
        """Store the server's message, code and advice."""
        super().__init__(f"{message} {detail}".strip())
        self.message = message
        self.code = code
        """Stable error code, such as `MODEL_MISSING` or `OOM`."""
        self.detail = detail
        """The server's advice on how to fix the error."""
        self.retry_after = retry_after
        """Seconds after which a retry can succeed; None if it cannot, or if that is unknown."""

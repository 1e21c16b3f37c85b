"""What can go wrong between Home Assistant and the server, as one tree.

ConductorError
├── ConductorConnectionError    nobody answers there, or not in time
├── ConductorAuthError          the token is missing or wrong
├── ConductorResponseError      what answers is no server of ours, or a broken one
└── ConductorRequestError       the server refuses, with its own code and advice
"""


class ConductorError(Exception):
    """Base of all failures of the client."""


class ConductorConnectionError(ConductorError):
    """Raised when the server cannot be reached, or leaves in the middle of an answer."""


class ConductorAuthError(ConductorError):
    """Raised when the server refuses the token."""


class ConductorResponseError(ConductorError):
    """Raised when an answer is not what the API promises."""


class ConductorRequestError(ConductorError):
    """Raised when the server understood the request and refuses it."""

    def __init__(self, message: str, *, code: str = "UNKNOWN", detail: str = "") -> None:
        """Keep the server's words."""
        super().__init__(f"{message} {detail}".strip())
        self.message = message
        self.code = code
        """Stable code, such as `MODEL_MISSING` or `OOM`."""
        self.detail = detail
        """What to do next, in the server's words."""

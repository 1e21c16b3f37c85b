"""All errors that can reach a user, as one tree.

ConductorError                      code, message, hint
├── RequestError                    the client's fault; the same request fails again
│   ├── BadRequestError             BAD_REQUEST
│   ├── UnauthorizedError           UNAUTHORIZED
│   ├── ForbiddenError              FORBIDDEN
│   ├── UnsupportedLanguageError    UNSUPPORTED_LANGUAGE
│   ├── ModelMissingError           MODEL_MISSING
│   ├── NotFoundError               NOT_FOUND
│   ├── ConflictError               CONFLICT
│   ├── TooLargeError               TOO_LARGE
│   └── ModelTooLargeError          MODEL_TOO_LARGE
├── CapacityError                   no capacity now; the same request may succeed later
│   ├── BusyError                   BUSY
│   ├── StorageError                BUSY
│   ├── OutOfMemoryError            OOM
│   └── ShuttingDownError           SHUTTING_DOWN
├── WorkerError                     a worker process failed; the next request gets a new one
│   ├── LoadFailedError             LOAD_FAILED
│   ├── InferenceFailedError        INFERENCE_FAILED
│   ├── DeviceLostError             DEVICE_LOST
│   └── DeadlineError               TIMEOUT
├── CancelledError                  CANCELLED: the client has disconnected
└── InternalError                   UNKNOWN: a bug in the server

The codes are stable and the same everywhere: Wyoming `error.code`, the HTTP problem body, the
translation keys in Home Assistant, metrics. Only the edges (`wyoming`, `http`, `cli`) convert
them to the error format of their protocol.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Final


class ConductorError(Exception):
    """Base of all errors that can reach a user."""

    code: ClassVar[str] = "UNKNOWN"
    recoverable: ClassVar[bool] = True
    """Whether the same request may succeed later."""
    default_hint: ClassVar[str] = ""

    def __init__(self, message: str, *, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.default_hint
        """What the user can do about it, as a sentence."""
        self.retry_after = retry_after
        """Seconds after which a retry makes sense; None if unknown."""
        self.attempt: int | None = None
        """Consecutive failures of the model, with this one; None if it is no such failure."""

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class RequestError(ConductorError):
    """Raised when the request is invalid; sending it again does not help."""

    code = "BAD_REQUEST"
    recoverable = False


class BadRequestError(RequestError):
    """Raised when a field is missing, malformed or exceeds a limit."""


class UnauthorizedError(RequestError):
    """Raised when a request has no token or a wrong one."""

    code = "UNAUTHORIZED"


class ForbiddenError(RequestError):
    """Raised when the scope of the token does not allow the request."""

    code = "FORBIDDEN"


class UnsupportedLanguageError(RequestError):
    """Raised when no installed model supports the requested language."""

    code = "UNSUPPORTED_LANGUAGE"


class ModelMissingError(RequestError):
    """Raised when a model, voice or wake word is unknown or its files are not installed."""

    code = "MODEL_MISSING"
    default_hint = "`wyoming-conductor models list` shows what is installed and what can be pulled."


class NotFoundError(RequestError):
    """Raised when no job, webhook or other resource has this id."""

    code = "NOT_FOUND"


class ConflictError(RequestError):
    """Raised when the state of a resource does not allow the operation, e.g. the job has ended."""

    code = "CONFLICT"


class TooLargeError(RequestError):
    """Raised when an upload exceeds the size limit or the storage quota."""

    code = "TOO_LARGE"


class ModelTooLargeError(RequestError):
    """Raised when a model needs more memory than models may ever use on any of its devices."""

    code = "MODEL_TOO_LARGE"
    default_hint = (
        "Use a smaller model or compute type, another device (models.<id>.device), or raise "
        "memory.budget."
    )


class CapacityError(ConductorError):
    """Raised when the server has no capacity for the request now."""

    code = "BUSY"


class BusyError(CapacityError):
    """Raised when a full queue, a connection limit or an open circuit rejects the request."""

    default_hint = "Try again in a moment."


class StorageError(CapacityError):
    """Raised when the disk or a database refuses to store something, such as a full disk."""

    default_hint = "Free some disk space, and check the permissions of the data directory."


class OutOfMemoryError(CapacityError):
    """Raised when a model does not fit now, even after all idle models were evicted."""

    code = "OOM"
    default_hint = "Use a smaller model, or run it on the CPU (models.<id>.device: cpu)."


class ShuttingDownError(CapacityError):
    """Raised when the server is stopping and accepts no new requests."""

    code = "SHUTTING_DOWN"
    default_hint = "Try again when the server is running again."


class WorkerError(ConductorError):
    """Raised when the worker process of a model failed."""

    code = "INFERENCE_FAILED"


class LoadFailedError(WorkerError):
    """Raised when a model cannot be loaded: missing library, broken file, engine error."""

    code = "LOAD_FAILED"
    default_hint = "Run `wyoming-conductor doctor` to see what is missing."


class InferenceFailedError(WorkerError):
    """Raised when a loaded model failed or its process died during the request."""

    default_hint = "Try again; the model is being restarted."


class DeviceLostError(WorkerError):
    """Raised when the GPU disappeared or its driver was reset."""

    code = "DEVICE_LOST"
    default_hint = "Check the driver and the GPU (`nvidia-smi`)."


class DeadlineError(WorkerError):
    """Raised when a load or an inference did not finish in time."""

    code = "TIMEOUT"
    default_hint = "Try again; use a smaller model if it stays slow."


class CancelledError(ConductorError):
    """Raised when work is stopped because the client has disconnected."""

    code = "CANCELLED"


class InternalError(ConductorError):
    """Raised when the server has a bug."""

    default_hint = "This is a bug; please report it with the server log."


_BY_CODE: Final[dict[str, type[ConductorError]]] = {
    kind.code: kind
    for kind in (
        BadRequestError,
        UnauthorizedError,
        ForbiddenError,
        UnsupportedLanguageError,
        ModelMissingError,
        NotFoundError,
        ConflictError,
        TooLargeError,
        ModelTooLargeError,
        BusyError,
        OutOfMemoryError,
        ShuttingDownError,
        LoadFailedError,
        InferenceFailedError,
        DeviceLostError,
        DeadlineError,
        CancelledError,
        InternalError,
    )
}

CODES: Final = frozenset(_BY_CODE)
"""Every error code of the public interfaces."""


def from_code(code: str, message: str, hint: str = "") -> ConductorError:
    """Recreate an error from its code; an unknown code becomes InternalError."""
    return _BY_CODE.get(code, InternalError)(message, hint=hint)


_MAX_CHARACTERS: Final = 60
_MAX_NAMES: Final = 12


def shorten(text: str) -> str:
    """Cut a text from a client to a length that fits in a message; clients have sent megabytes."""
    return text if len(text) <= _MAX_CHARACTERS else text[:_MAX_CHARACTERS] + "…"


def list_names(names: Sequence[str], noun: str) -> str:
    """Return `installed: a, b and 3 more`, or `no <noun> is` for an empty list."""
    if not names:
        return f"no {noun} is"
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return f"installed: {', '.join(names[:_MAX_NAMES])}{more}"


def list_languages(codes: Iterable[str]) -> str:
    """Return the distinct codes, sorted, at most twelve; `no language` for none."""
    known = sorted(set(codes))
    more = f" and {len(known) - _MAX_NAMES} more" if len(known) > _MAX_NAMES else ""
    return f"{', '.join(known[:_MAX_NAMES])}{more}" if known else "no language"

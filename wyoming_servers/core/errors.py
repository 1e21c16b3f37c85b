"""Every failure a user can meet, as one tree.

ConductorError                      code, what happened, what to do next
├── RequestError                    the client's fault; retrying the same request is pointless
│   ├── BadRequestError             BAD_REQUEST
│   ├── UnauthorizedError           UNAUTHORIZED
│   ├── UnsupportedLanguageError    UNSUPPORTED_LANGUAGE
│   ├── ModelMissingError           MODEL_MISSING
│   ├── NotFoundError               NOT_FOUND
│   ├── ConflictError               CONFLICT
│   └── TooLargeError               TOO_LARGE
├── CapacityError                   nobody's fault; the same request may work later
│   ├── BusyError                   BUSY
│   ├── OutOfMemoryError            OOM
│   └── ShuttingDownError           SHUTTING_DOWN
├── WorkerError                     a model's process failed; the next request gets a new one
│   ├── LoadFailedError             LOAD_FAILED
│   ├── InferenceFailedError        INFERENCE_FAILED
│   ├── DeviceLostError             DEVICE_LOST
│   └── DeadlineError               TIMEOUT
├── CancelledError                  CANCELLED: the one who asked has left
└── InternalError                   UNKNOWN: our bug

The codes are stable and the same everywhere: Wyoming `error.code`, the HTTP problem body, Home
Assistant's translation keys, metrics. Only the edges (`servers`, `api`, `cli`) turn them into
something else.
"""

from typing import ClassVar, Final


class ConductorError(Exception):
    """Base of all failures that reach a user."""

    code: ClassVar[str] = "UNKNOWN"
    recoverable: ClassVar[bool] = True
    """Whether the same request may succeed if it is sent again."""
    default_hint: ClassVar[str] = ""

    def __init__(self, message: str, *, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.default_hint
        """What the user can do next, as a sentence."""
        self.retry_after = retry_after
        """Seconds after which trying again makes sense; None if unknown."""

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class RequestError(ConductorError):
    """Raised when the request itself cannot be served, however often it is sent."""

    code = "BAD_REQUEST"
    recoverable = False


class BadRequestError(RequestError):
    """Raised when a field is missing, malformed, or larger than a limit."""


class UnauthorizedError(RequestError):
    """Raised when a request brings no token, or not the right one."""

    code = "UNAUTHORIZED"


class UnsupportedLanguageError(RequestError):
    """Raised when no installed model understands or speaks the language asked for."""

    code = "UNSUPPORTED_LANGUAGE"


class ModelMissingError(RequestError):
    """Raised when a model, voice or wake word is unknown or its files are not installed."""

    code = "MODEL_MISSING"
    default_hint = "`wyoming-conductor models list` shows what is installed and what can be pulled."


class NotFoundError(RequestError):
    """Raised when a job, a webhook or another thing that has an id does not exist (any more)."""

    code = "NOT_FOUND"


class ConflictError(RequestError):
    """Raised when something is in a state in which it cannot be done, such as a job that ended."""

    code = "CONFLICT"


class TooLargeError(RequestError):
    """Raised when an upload is larger than may be sent or kept."""

    code = "TOO_LARGE"


class CapacityError(ConductorError):
    """Raised when the machine has no room for the request now."""

    code = "BUSY"


class BusyError(CapacityError):
    """Raised when a queue, a connection limit or an open circuit refuses the request."""

    default_hint = "Try again in a moment."


class OutOfMemoryError(CapacityError):
    """Raised when a model does not fit even after every idle model was evicted."""

    code = "OOM"
    default_hint = "Use a smaller model, or let it run on the CPU (models.<id>.device: cpu)."


class ShuttingDownError(CapacityError):
    """Raised when the server is stopping and takes no new work."""

    code = "SHUTTING_DOWN"
    default_hint = "Try again when the server is back."


class WorkerError(ConductorError):
    """Raised when the process that holds a model failed."""

    code = "INFERENCE_FAILED"


class LoadFailedError(WorkerError):
    """Raised when a model cannot be loaded: missing library, broken file, engine error."""

    code = "LOAD_FAILED"
    default_hint = "`wyoming-conductor doctor` names what is missing."


class InferenceFailedError(WorkerError):
    """Raised when a loaded model failed or its process died while it worked on the request."""

    default_hint = "Try again; the model is being started anew."


class DeviceLostError(WorkerError):
    """Raised when the GPU vanished or its driver reset under the model."""

    code = "DEVICE_LOST"
    default_hint = "Check the driver and the card (`nvidia-smi`)."


class DeadlineError(WorkerError):
    """Raised when a load or an inference did not end before its deadline."""

    code = "TIMEOUT"
    default_hint = "Try again; if it stays slow, use a smaller model."


class CancelledError(ConductorError):
    """Raised when work stops because whoever asked for it has left."""

    code = "CANCELLED"


class InternalError(ConductorError):
    """Raised when our own code is wrong."""

    default_hint = "This is a bug; please report it with the log of the server."


_BY_CODE: Final[dict[str, type[ConductorError]]] = {
    kind.code: kind
    for kind in (
        BadRequestError,
        UnauthorizedError,
        UnsupportedLanguageError,
        ModelMissingError,
        NotFoundError,
        ConflictError,
        TooLargeError,
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
"""Every code that can appear outside."""


def from_code(code: str, message: str, hint: str = "") -> ConductorError:
    """Rebuild an error that crossed a process or a socket; an unknown code is our bug."""
    return _BY_CODE.get(code, InternalError)(message, hint=hint)

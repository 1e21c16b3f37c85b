"""Classifies the exceptions of engines: out of memory, lost GPU, missing file, or other failure.

Libraries raise `RuntimeError` for everything, so their messages have to be matched. The comments
name the source of each message: CTranslate2 and torch forward messages of the CUDA runtime
(`CUDA failed with error …`, `CUDA error: …`), onnxruntime wraps them (`CUDA failure 2: …`).
"""

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from wyoming_servers.core.errors import (
    ConductorError,
    DeviceLostError,
    InferenceFailedError,
    LoadFailedError,
    OutOfMemoryError,
)

_DRIVER_HINT: Final = "Update the NVIDIA driver, or let the model run on the CPU (device: cpu)."
_FILES_HINT: Final = (
    "`wyoming-conductor models verify` checks the files, `pull` downloads them again."
)
_LIBRARY_HINT: Final = "`pip install 'wyoming-conductor[gpu]'` installs the CUDA libraries."
_BUSY_HINT: Final = (
    "Another program has exclusive access to the GPU, or it needs a reset; see `nvidia-smi`."
)


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """A pattern in an exception's type or message, and the error for it."""

    pattern: str
    """Regular expression; case-insensitive."""
    error: type[ConductorError]
    message: str
    """Message of the error; the library's message is appended."""
    hint: str = ""


ERROR_RULES: Final[tuple[ErrorRule, ...]] = (
    # Out of memory. First, because a message may name both the GPU and the allocation.
    ErrorRule(
        r"out of memory"  # CUDA runtime 2; CTranslate2, onnxruntime, torch.OutOfMemoryError
        r"|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED"
        r"|CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"
        r"|CUBLAS_STATUS_NOT_INITIALIZED",  # cublasCreate found no memory for its workspace
        OutOfMemoryError,
        "The GPU has no memory left for this model.",
    ),
    ErrorRule(
        r"failed to allocate memory"  # CTranslate2's `mkl_malloc: …`; onnxruntime's BFCArena
        r"|std::bad_alloc|bad allocation"  # C++, forwarded by onnxruntime
        r"|can't allocate memory"  # torch's DefaultCPUAllocator
        r"|cannot allocate memory"  # the C library's message for ENOMEM
        r"|unable to allocate [\d.]+ .?i?B",  # numpy's _ArrayMemoryError
        OutOfMemoryError,
        "There is no memory left for this model.",
    ),
    # The GPU cannot be used on this machine: the load fails, and the CPU may be used instead.
    ErrorRule(
        r"driver version is insufficient"  # 35
        r"|forward compatibility was attempted"  # 804, after a driver update without a restart
        r"|unsupported display driver / cuda driver combination"  # 803
        r"|compiled with an unsupported toolchain",  # 222
        LoadFailedError,
        "The NVIDIA driver does not support the CUDA libraries.",
        _DRIVER_HINT,
    ),
    ErrorRule(
        r"no kernel image is available"  # 209
        r"|device kernel image is invalid"  # 200
        r"|not compiled for SM",
        LoadFailedError,
        "The library does not support this GPU.",
        "Let the model run on the CPU (device: cpu), or install a build for this GPU.",
    ),
    ErrorRule(
        r"is not found or cannot be loaded"  # CTranslate2's `Library libcublas.so.12 …`
        r"|cannot open shared object file"  # the dynamic linker
        r"|Unable to load any of \{?libcudnn"
        r"|not compiled with CUDA support|Torch not compiled with CUDA enabled",
        LoadFailedError,
        "A library that the model needs is not installed.",
        _LIBRARY_HINT,
    ),
    # The GPU is lost, or this process can no longer use it.
    ErrorRule(
        r"no CUDA-capable device"  # 100
        r"|invalid device ordinal"  # 101: the device has disappeared, or never existed
        r"|GPU is lost|fallen off the bus|GPU_IS_LOST"  # NVML, Xid 79
        r"|CUDA unknown error|CUDA (error|failed with error|failure \d+): unknown error"  # 999
        r"|unspecified launch failure"  # 719
        r"|illegal memory access"  # 700
        r"|illegal instruction was encountered"  # 715
        r"|misaligned address"  # 716
        r"|hardware stack error"  # 714
        r"|invalid program counter"  # 718
        r"|launch timed out"  # 702
        r"|device-side assert"  # 710
        r"|uncorrectable (ECC|NVLink) error"  # 214, 220
        r"|context is destroyed"  # 709
        r"|driver shutting down|CUDA_ERROR_DEINITIALIZED"  # 4
        r"|MPS client has been terminated"  # 809
        r"|CUDA_ERROR_(ILLEGAL_ADDRESS|LAUNCH_FAILED|NO_DEVICE|DEVICE_UNAVAILABLE)",
        DeviceLostError,
        "The GPU was lost, or an error on it ended its use by this process.",
    ),
    ErrorRule(
        r"CUDA-capable devices?(\(s\))? (is/)?are busy or unavailable"  # 46, old and new message
        r"|exclusive-thread device already in use",  # 216
        DeviceLostError,
        "The GPU is busy or unavailable.",
        _BUSY_HINT,
    ),
    # Files of the model.
    ErrorRule(
        r"Unable to open file"  # CTranslate2's `… 'model.bin' in model '…'`
        r"|NO_SUCHFILE|File doesn't exist"  # onnxruntime
        r"|No such file or directory",
        LoadFailedError,
        "A file of the model is missing.",
        _FILES_HINT,
    ),
    ErrorRule(
        r"INVALID_PROTOBUF|Protobuf parsing failed"  # onnxruntime
        r"|Unsupported model (binary version|spec)"  # CTranslate2
        r"|unexpected end of (file|data)|File .* is incomplete"
        r"|PytorchStreamReader failed|invalid load key",  # torch.load
        LoadFailedError,
        "A file of the model is damaged or of another version.",
        _FILES_HINT,
    ),
    ErrorRule(
        r"do not support efficient .* computation",  # CTranslate2's `Requested float16 …`
        LoadFailedError,
        "The device cannot compute in this number format.",
        "Set models.<id>.compute_type to `auto`.",
    ),
)
"""In order of precedence: the first rule whose pattern is found applies."""

_COMPILED_RULES: Final = tuple(
    (re.compile(rule.pattern, re.IGNORECASE), rule) for rule in ERROR_RULES
)

_MAX_MESSAGE: Final = 400
"""Maximum characters of a library's message; torch appends stack traces."""


def classify(error: BaseException, *, loading: bool = False) -> ConductorError:
    """Return the error with a code for an engine's exception, which becomes its cause.

    1. A ConductorError is returned as it is.
    2. MemoryError and ENOMEM are out of memory, whatever their message.
    3. The first of `ERROR_RULES` that matches the exception or one of its causes applies.
    4. Any other exception is a failed load or a failed inference.
    """
    if isinstance(error, ConductorError):  # 1
        return error
    classified = _match_rule(error) or _fallback(error, loading=loading)
    classified.__cause__ = error
    return classified


def _match_rule(error: BaseException) -> ConductorError | None:
    for cause in _cause_chain(error):
        summary = _summary(cause)
        if isinstance(cause, ConductorError):
            return cause
        if isinstance(cause, MemoryError) or (
            isinstance(cause, OSError) and cause.errno == errno.ENOMEM
        ):  # 2
            return OutOfMemoryError(f"There is no memory left for this model ({summary}).")
        for pattern, rule in _COMPILED_RULES:  # 3
            if pattern.search(f"{type(cause).__name__}: {cause}"):
                return rule.error(f"{rule.message} ({summary})", hint=rule.hint)
    return None


def _fallback(error: BaseException, *, loading: bool) -> ConductorError:  # 4
    if loading:
        return LoadFailedError(f"The engine could not load the model ({_summary(error)}).")
    return InferenceFailedError(f"The engine failed ({_summary(error)}).")


def _cause_chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the exception and its causes, each once."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        suppressed = current.__suppress_context__  # by `raise … from …`
        current = current.__cause__ if suppressed else current.__context__


def _summary(error: BaseException) -> str:
    """Return the exception in one short line."""
    text = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":").rstrip()
    return text if len(text) <= _MAX_MESSAGE else f"{text[:_MAX_MESSAGE]}…"

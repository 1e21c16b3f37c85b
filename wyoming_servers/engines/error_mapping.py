"""Tells what an engine's exception means: no memory, a lost GPU, a missing file, or just failed.

Libraries raise `RuntimeError` for everything, so their texts are what there is to go by. The rows
name where a text comes from: CTranslate2 and torch pass on what the CUDA runtime says
(`CUDA failed with error …`, `CUDA error: …`), onnxruntime puts its own words around it
(`CUDA failure 2: …`).
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
_FILES_HINT: Final = "`wyoming-conductor models verify` checks the files, `pull` gets them anew."
_LIBRARY_HINT: Final = "`pip install 'wyoming-conductor[gpu]'` installs the CUDA libraries."
_BUSY_HINT: Final = (
    "Another program holds the GPU alone, or it needs a reset; `nvidia-smi` shows which."
)


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """One row: a text that an exception's type or message contains, and what it means."""

    pattern: str
    """Regular expression; the case does not matter."""
    error: type[ConductorError]
    message: str
    """The cause in our words; the library's own are added."""
    hint: str = ""


ERROR_RULES: Final[tuple[ErrorRule, ...]] = (
    # No memory. First, because a message may name the GPU and the allocation both.
    ErrorRule(
        r"out of memory"  # CUDA runtime 2; CTranslate2, onnxruntime, torch.OutOfMemoryError
        r"|CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED"
        r"|CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"
        r"|CUBLAS_STATUS_NOT_INITIALIZED",  # cublasCreate found no room for its workspace
        OutOfMemoryError,
        "The GPU has no memory left for this model.",
    ),
    ErrorRule(
        r"failed to allocate memory"  # CTranslate2's `mkl_malloc: …`; onnxruntime's BFCArena
        r"|std::bad_alloc|bad allocation"  # C++, as onnxruntime passes it on
        r"|can't allocate memory"  # torch's DefaultCPUAllocator
        r"|cannot allocate memory"  # the C library's words for ENOMEM
        r"|unable to allocate [\d.]+ .?i?B",  # numpy's _ArrayMemoryError
        OutOfMemoryError,
        "There is no memory left for this model.",
    ),
    # Never usable on this machine: the load fails, and the CPU may serve.
    ErrorRule(
        r"driver version is insufficient"  # 35
        r"|forward compatibility was attempted"  # 804, after a driver update without a restart
        r"|unsupported display driver / cuda driver combination"  # 803
        r"|compiled with an unsupported toolchain",  # 222
        LoadFailedError,
        "The NVIDIA driver does not fit the CUDA libraries.",
        _DRIVER_HINT,
    ),
    ErrorRule(
        r"no kernel image is available"  # 209
        r"|device kernel image is invalid"  # 200
        r"|not compiled for SM",
        LoadFailedError,
        "The library has no code for this GPU.",
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
    # The GPU is gone, or this process can no longer use it.
    ErrorRule(
        r"no CUDA-capable device"  # 100
        r"|invalid device ordinal"  # 101: the device has vanished, or was never there
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
        "The GPU was lost, or a fault on it ended this process's use of it.",
    ),
    ErrorRule(
        r"CUDA-capable devices?(\(s\))? (is/)?are busy or unavailable"  # 46, old and new words
        r"|exclusive-thread device already in use",  # 216
        DeviceLostError,
        "The GPU is busy or unavailable.",
        _BUSY_HINT,
    ),
    # The model's files.
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
        "A file of the model is broken or of another version.",
        _FILES_HINT,
    ),
    ErrorRule(
        r"do not support efficient .* computation",  # CTranslate2's `Requested float16 …`
        LoadFailedError,
        "The device cannot compute in this number format.",
        "Set models.<id>.compute_type to `auto`.",
    ),
)
"""Rows in order; the first whose pattern is found counts."""

_COMPILED_RULES: Final = tuple(
    (re.compile(fault.pattern, re.IGNORECASE), fault) for fault in ERROR_RULES
)

_MAX_MESSAGE: Final = 400
"""Characters of a library's message that are passed on; torch appends whole stack traces."""


def classify(error: BaseException, *, loading: bool = False) -> ConductorError:
    """Turn what an engine raised into an error with a code; the original is its cause.

    1. An error of ours is taken as it is.
    2. MemoryError and ENOMEM are out of memory, whatever their text.
    3. The first row of `FAULTS` found in the exception or one of its causes.
    4. Anything else failed the load, or the inference.
    """
    if isinstance(error, ConductorError):  # 1
        return error
    known = _match_rule(error) or _fallback(error, loading=loading)
    known.__cause__ = error
    return known


def _match_rule(error: BaseException) -> ConductorError | None:
    for cause in _cause_chain(error):
        words = _summary(cause)
        if isinstance(cause, ConductorError):
            return cause
        if isinstance(cause, MemoryError) or (
            isinstance(cause, OSError) and cause.errno == errno.ENOMEM
        ):  # 2
            return OutOfMemoryError(f"There is no memory left for this model ({words}).")
        for pattern, fault in _COMPILED_RULES:  # 3
            if pattern.search(f"{type(cause).__name__}: {cause}"):
                return fault.error(f"{fault.message} ({words})", hint=fault.hint)
    return None


def _fallback(error: BaseException, *, loading: bool) -> ConductorError:  # 4
    if loading:
        return LoadFailedError(f"The engine could not load the model ({_summary(error)}).")
    return InferenceFailedError(f"The engine failed ({_summary(error)}).")


def _cause_chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the exception and those it came from, each once."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        hidden = current.__suppress_context__  # by `raise … from …`
        current = current.__cause__ if hidden else current.__context__


def _summary(error: BaseException) -> str:
    """The exception in one short line."""
    text = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":").rstrip()
    return text if len(text) <= _MAX_MESSAGE else f"{text[:_MAX_MESSAGE]}…"

"""Messages as libraries really write them, and the code of each."""

import errno

import pytest

from wyoming_servers.core.errors import (
    BusyError,
    LoadFailedError,
    OutOfMemoryError,
)
from wyoming_servers.engines.error_mapping import (
    ERROR_RULES,
    classify,
)

ORT = "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running "

TEXTS = [
    # CTranslate2
    ("CUDA failed with error out of memory", "OOM"),
    ("mkl_malloc: failed to allocate memory", "OOM"),
    ("cuBLAS failed with status CUBLAS_STATUS_ALLOC_FAILED", "OOM"),
    ("cuBLAS failed with status CUBLAS_STATUS_NOT_INITIALIZED", "OOM"),
    ("CUDA failed with error an illegal memory access was encountered", "DEVICE_LOST"),
    ("CUDA failed with error unspecified launch failure", "DEVICE_LOST"),
    ("CUDA failed with error no CUDA-capable device is detected", "DEVICE_LOST"),
    ("CUDA failed with error CUDA-capable device(s) is/are busy or unavailable", "DEVICE_LOST"),
    ("CUDA failed with error uncorrectable ECC error encountered", "DEVICE_LOST"),
    (
        "CUDA failed with error CUDA driver version is insufficient for CUDA runtime version",
        "LOAD_FAILED",
    ),
    (
        "CUDA failed with error no kernel image is available for execution on the device",
        "LOAD_FAILED",
    ),
    ("Unable to open file 'model.bin' in model '/models/base'", "LOAD_FAILED"),
    ("Library libcublas.so.12 is not found or cannot be loaded", "LOAD_FAILED"),
    (
        (
            "Requested float16 compute type, but the target device or backend do not support "
            "efficient float16 computation."
        ),
        "LOAD_FAILED",
    ),
    ("Unsupported model binary version. This executable supports up to 6", "LOAD_FAILED"),
    # onnxruntime
    (
        (
            f"{ORT}Conv node. Name:'Conv_3' Status Message: /onnxruntime_src/onnxruntime/core/"
            "framework/bfc_arena.cc:376 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, "
            "bool) Failed to allocate memory for requested buffer of size 13111296"
        ),
        "OOM",
    ),
    (
        (
            "[ONNXRuntimeError] : 1 : FAIL : CUDA failure 2: out of memory ; GPU=0 ; hostname=h ; "
            "file=cuda_stream_handle.cc ; line=175 ; expr=cudaStreamCreateWithFlags(&stream, 1);"
        ),
        "OOM",
    ),
    (
        f"{ORT}Gemm node. Status Message: CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ;",
        "OOM",
    ),
    ("[ONNXRuntimeError] : 1 : FAIL : Load model from /m.onnx failed:std::bad_alloc", "OOM"),
    (
        "CUDA failure 700: an illegal memory access was encountered ; GPU=0 ; hostname=h",
        "DEVICE_LOST",
    ),
    (
        (
            "[ONNXRuntimeError] : 3 : NO_SUCHFILE : Load model from /m.onnx failed:Load model "
            "/m.onnx failed. File doesn't exist"
        ),
        "LOAD_FAILED",
    ),
    (
        (
            "[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : Load model from /m.onnx failed:Protobuf "
            "parsing failed."
        ),
        "LOAD_FAILED",
    ),
    # torch
    (
        (
            "CUDA out of memory. Tried to allocate 264.00 MiB. GPU 0 has a total capacity of 10.74 "
            "GiB of which 3.69 GiB is free."
        ),
        "OOM",
    ),
    (
        (
            "[enforce fail at alloc_cpu.cpp:114] err == 0. DefaultCPUAllocator: can't allocate "
            "memory: you tried to allocate 1099511627776 bytes. Error code 12 (Cannot allocate "
            "memory)"
        ),
        "OOM",
    ),
    ("CUDA error: device-side assert triggered\nCUDA kernel errors might be", "DEVICE_LOST"),
    ("CUDA error: CUDA-capable device(s) is/are busy or unavailable", "DEVICE_LOST"),
    ("CUDA error: all CUDA-capable devices are busy or unavailable", "DEVICE_LOST"),
    ("CUDA error: unspecified launch failure", "DEVICE_LOST"),
    ("CUDA error: invalid device ordinal", "DEVICE_LOST"),
    ("CUDA unknown error - this may be due to an incorrectly set up environment", "DEVICE_LOST"),
    ("Torch not compiled with CUDA enabled", "LOAD_FAILED"),
    # The driver and the system
    ("GPU is lost", "DEVICE_LOST"),
    ("libcudnn_ops.so.9: cannot open shared object file: No such file or directory", "LOAD_FAILED"),
]


@pytest.mark.parametrize("loading", [True, False])
@pytest.mark.parametrize(("text", "code"), TEXTS)
def test_library_message_is_mapped_to_its_code(text: str, code: str, loading: bool) -> None:
    cause = RuntimeError(text)
    error = classify(cause, loading=loading)
    assert error.code == code
    assert error.__cause__ is cause
    assert text[:40] in error.message
    assert error.hint


def test_every_rule_is_covered() -> None:
    reached = {classify(RuntimeError(text)).message.partition(" (")[0] for text, _ in TEXTS}
    assert reached >= {fault.message for fault in ERROR_RULES}


@pytest.mark.parametrize(
    "cause", [MemoryError(), MemoryError("std::bad_alloc"), OSError(errno.ENOMEM, "mmap")]
)
def test_memory_errors_are_mapped_by_type(cause: BaseException) -> None:
    assert classify(cause).code == "OOM"


def test_exception_type_is_matched_too() -> None:
    class OutOfMemoryError(RuntimeError):
        """Named as torch's."""

    assert classify(OutOfMemoryError("Tried to allocate 2 GiB. CUDA out of memory")).code == "OOM"


@pytest.mark.parametrize(("loading", "code"), [(True, "LOAD_FAILED"), (False, "INFERENCE_FAILED")])
def test_unknown_error_fails_the_load_or_the_inference(loading: bool, code: str) -> None:
    error = classify(ValueError("shapes do not match"), loading=loading)
    assert error.code == code
    assert "ValueError: shapes do not match" in error.message


def test_conductor_errors_are_returned_unchanged() -> None:
    ours = BusyError("Full.")
    assert classify(ours) is ours


def raised(error: Exception, cause: Exception | None) -> Exception:
    """Raise it from its cause, and catch it."""
    with pytest.raises(type(error)) as caught:
        raise error from cause
    return caught.value


def test_cause_of_an_exception_is_matched() -> None:
    cause = RuntimeError("CUDA failed with error out of memory")
    assert isinstance(classify(raised(ValueError("cannot encode"), cause)), OutOfMemoryError)


def test_conductor_error_as_cause_is_returned() -> None:
    ours = LoadFailedError("Broken.")
    assert classify(raised(ValueError("load"), ours)) is ours


def test_context_is_matched_unless_suppressed() -> None:
    late = ValueError("late")
    late.__context__ = MemoryError()
    assert classify(late).code == "OOM"
    late.__suppress_context__ = True
    assert classify(late).code == "INFERENCE_FAILED"


def test_long_message_is_truncated() -> None:
    assert len(classify(RuntimeError("x" * 10_000)).message) < 500

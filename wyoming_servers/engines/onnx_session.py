"""Opens onnxruntime sessions with settings that suit a machine shared by several models."""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as _exceptions

from wyoming_servers.core.domain import Placement
from wyoming_servers.core.errors import LoadFailedError

LOAD_ERRORS: Final = (
    _exceptions.Fail,
    _exceptions.InvalidArgument,
    _exceptions.InvalidGraph,
    _exceptions.InvalidProtobuf,
    _exceptions.NoSuchFile,
    _exceptions.NotImplemented,
    _exceptions.RuntimeException,
)
"""Exceptions of onnxruntime for a model it cannot load; they have no common base class."""


def open_session(
    model: str | bytes,
    options: Mapping[str, Any],
    placement: Placement,
    *,
    threads: int | None = None,
    spinning: bool = False,
) -> Any:
    """Open a model, given as a path or as the content of a file.

    Options: `threads` (0: automatic; the argument has precedence), `spinning` (whether the threads
    of a run spin while they wait for each other; has precedence over the argument).
    Raises LoadFailedError if a GPU is asked for and this onnxruntime has no CUDA.
    """
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = thread_count(options) if threads is None else threads
    settings.inter_op_num_threads = 1
    # A memory pattern is kept for each length of input, together with the memory of the run in
    # which it was recorded. Texts differ in length, so that is 100 MB more, and no faster.
    settings.enable_mem_pattern = False
    # Threads that spin after a run take the cores from other models: under load a small machine
    # was 1.5 times slower. Spinning inside a run takes a tenth less time and no more CPU.
    settings.add_session_config_entry("session.force_spinning_stop", "1")
    settings.add_session_config_entry(
        "session.intra_op.allow_spinning", "1" if options.get("spinning", spinning) else "0"
    )
    _share_arena()
    settings.add_session_config_entry("session.use_env_allocators", "1")
    session = onnxruntime.InferenceSession(
        model, sess_options=settings, providers=_providers(placement)
    )
    if isinstance(model, bytes):
        # Kept for `set_providers`, which is never called here; it is as large as the weights.
        session._model_bytes = b""  # noqa: SLF001
    return session


def open_wake_session(model: str | bytes | Path, threads: int = 1) -> Any:
    """Open a model of wake words, which runs on the CPU for a few milliseconds every 80 ms."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    # Threads must not spin in the time between two runs.
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    settings.log_severity_level = 3  # warnings are about graphs, which users cannot change
    return onnxruntime.InferenceSession(
        model if isinstance(model, bytes) else str(model),
        settings,
        providers=["CPUExecutionProvider"],
    )


@cache
def _share_arena() -> None:
    """Give all sessions of the process one arena of working memory instead of one each."""
    info = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    onnxruntime.create_and_register_allocator(info, None)


def thread_count(options: Mapping[str, Any]) -> int:
    """Return the threads of a session: two are nearly twice as fast as one, more gain little."""
    return int(options.get("threads") or min(2, os.cpu_count() or 1))


def _providers(placement: Placement) -> list[Any]:
    """Return onnxruntime's execution providers. Raises LoadFailedError if its build has no CUDA."""
    kind, _, index = placement.device.partition(":")
    if kind != "cuda":
        return ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise LoadFailedError(
            "The installed onnxruntime does not support CUDA.",
            hint="Install onnxruntime-gpu in its place, or set device: cpu, which is faster"
            " for one sentence.",
        )
    settings = {"device_id": int(index or 0), "cudnn_conv_algo_search": "HEURISTIC"}
    return [("CUDAExecutionProvider", settings), "CPUExecutionProvider"]

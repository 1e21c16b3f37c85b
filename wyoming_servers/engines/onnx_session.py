"""Sessions of onnxruntime with settings that suit a machine shared by several models."""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from wyoming_servers.core.domain import Placement
from wyoming_servers.core.errors import LoadFailedError


def open_session(
    network: str | bytes,
    options: Mapping[str, Any],
    placement: Placement,
    *,
    threads: int | None = None,
    spinning: bool = False,
) -> Any:
    """Open a network, a path or the file itself.

    Options: `threads` (0: choose; the argument wins), `spinning` (whether the threads of a run spin
    while they wait for each other; the option wins).
    Raises LoadFailedError if it is to run on a GPU and this onnxruntime cannot.
    """
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = thread_count(options) if threads is None else threads
    settings.inter_op_num_threads = 1
    # A pattern is kept for each length of input, and beside it the memory of the run that it was
    # learned from: with texts, whose lengths differ, that is 100 MB more, and no sooner.
    settings.enable_mem_pattern = False
    # Threads that spin when a run is over take the cores from other models on a small machine:
    # under load it was 1.5 times slower. While they wait for each other inside a run it is worth
    # it: that takes a tenth less time, and no more CPU.
    settings.add_session_config_entry("session.force_spinning_stop", "1")
    settings.add_session_config_entry(
        "session.intra_op.allow_spinning", "1" if options.get("spinning", spinning) else "0"
    )
    _share_arena()
    settings.add_session_config_entry("session.use_env_allocators", "1")
    session = onnxruntime.InferenceSession(
        network, sess_options=settings, providers=_providers(placement)
    )
    if isinstance(network, bytes):
        # Kept to open it anew with other providers, which we never ask for; it is as large as the
        # weights that were read from it.
        session._model_bytes = b""  # noqa: SLF001
    return session


@cache
def _share_arena() -> None:
    """Give all sessions of the process one pool of working memory instead of one each."""
    import onnxruntime

    info = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    onnxruntime.create_and_register_allocator(info, None)


def thread_count(options: Mapping[str, Any]) -> int:
    """Threads of the network: two are nearly twice as fast as one, more gain little."""
    return int(options.get("threads") or min(2, os.cpu_count() or 1))


def _providers(placement: Placement) -> list[Any]:
    """Return what onnxruntime runs on. Raises LoadFailedError if its build has no CUDA."""
    import onnxruntime

    kind, _, index = placement.device.partition(":")
    if kind != "cuda":
        return ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise LoadFailedError(
            "This onnxruntime has no CUDA.",
            hint="Install onnxruntime-gpu in its place, or set device: cpu, which is faster"
            " for one sentence.",
        )
    settings = {"device_id": int(index or 0), "cudnn_conv_algo_search": "HEURISTIC"}
    return [("CUDAExecutionProvider", settings), "CPUExecutionProvider"]

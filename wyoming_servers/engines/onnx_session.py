"""Sessions of onnxruntime with settings that suit a machine shared by several models."""

import os
from collections.abc import Mapping
from typing import Any

from wyoming_servers.domain import Placement
from wyoming_servers.errors import LoadFailedError


def open_session(path: str, options: Mapping[str, Any], placement: Placement) -> Any:
    """Open a network. Options: `threads` (0: choose), `spinning` (burn CPU to be a little faster).

    Raises LoadFailedError if it is to run on a GPU and this onnxruntime cannot.
    """
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = _threads(options)
    settings.inter_op_num_threads = 1
    # Threads that spin while they wait take the cores from other models on a small machine:
    # under load it was 1.5 times slower than without.
    settings.add_session_config_entry(
        "session.intra_op.allow_spinning", "1" if options.get("spinning") else "0"
    )
    return onnxruntime.InferenceSession(
        path, sess_options=settings, providers=_providers(placement)
    )


def _threads(options: Mapping[str, Any]) -> int:
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

"""How onnxruntime is set up for wake words."""

from pathlib import Path
from typing import Any, Final

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as faults

LOAD_ERRORS: Final = (
    faults.Fail,
    faults.InvalidArgument,
    faults.InvalidGraph,
    faults.InvalidProtobuf,
    faults.NoSuchFile,
    faults.NotImplemented,
    faults.RuntimeException,
)
"""What onnxruntime raises for a model it cannot load; they have no common base."""


def open_cpu_session(model: bytes | Path, threads: int = 1) -> Any:
    """Load a model to run on the CPU with a bounded number of threads."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A step comes every 80 ms and takes a few: waiting threads must not burn the time between.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # its warnings are about graphs, which no user can change
    return ort.InferenceSession(
        model if isinstance(model, bytes) else str(model),
        options,
        providers=["CPUExecutionProvider"],
    )

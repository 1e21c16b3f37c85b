"""A child process that tries whether the CUDA driver works with a policy.

    python -m wyoming_servers.worker.cuda_probe POLICY

What a driver opens and calls depends on its version and the card. So the parent tries it once,
before the first worker on a GPU: this process applies the policy, and then does what every library
does first. It needs the driver's library alone. Exit code 0: it works; 1: it does not, with the
reason on stdout.
"""

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from wyoming_servers.core.sandbox.confine import confine
from wyoming_servers.core.sandbox.policy import SandboxPolicy

_SIZE: Final = 1024 * 1024

_PTX: Final = b""".version 6.0
.target sm_50
.address_size 64
.visible .entry nothing() { ret; }
"""
"""A kernel that the driver must compile, as it does for a card newer than a library."""


def main() -> int:
    """Confine this process and use the first card; return the exit code."""
    policy = SandboxPolicy.from_json(sys.argv[1]) if len(sys.argv) > 1 else None
    if policy is not None:
        confine(policy)
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError as err:
        sys.stdout.write(f"{err}\n")
        return 1
    try:
        _use(cuda)
    except RuntimeError as err:
        sys.stdout.write(f"{err}\n")
        return 1
    return 0


def _use(cuda: ctypes.CDLL) -> None:
    """Raises RuntimeError with the name of the call that failed."""

    def call(name: str, *arguments: object) -> None:
        if (code := int(getattr(cuda, name)(*arguments))) != 0:
            raise RuntimeError(f"{name} failed with error {code}")

    device, context = ctypes.c_int(), ctypes.c_void_p()
    call("cuInit", 0)
    call("cuDeviceGet", ctypes.byref(device), 0)
    call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    call("cuCtxSetCurrent", context)
    with (
        _allocated(call, "cuMemAlloc_v2", "cuMemFree_v2") as card_memory,
        _allocated(call, "cuMemAllocHost_v2", "cuMemFreeHost") as host_memory,
    ):
        size = ctypes.c_size_t(_SIZE)
        call("cuMemsetD8_v2", card_memory, ctypes.c_ubyte(7), size)
        call("cuMemcpyDtoH_v2", host_memory, card_memory, size)
        if ctypes.string_at(host_memory.value or 0, _SIZE) != b"\x07" * _SIZE:
            raise RuntimeError("the card returned other data than it was given")
    module, kernel = ctypes.c_void_p(), ctypes.c_void_p()
    call("cuModuleLoadData", ctypes.byref(module), _PTX)
    call("cuModuleGetFunction", ctypes.byref(kernel), module, b"nothing")
    call("cuLaunchKernel", kernel, 1, 1, 1, 1, 1, 1, 0, None, None, None)
    call("cuCtxSynchronize")


@contextmanager
def _allocated(call: Callable[..., None], allocate: str, free: str) -> Iterator[ctypes.c_void_p]:
    memory = ctypes.c_void_p()
    call(allocate, ctypes.byref(memory), ctypes.c_size_t(_SIZE))
    yield memory
    call(free, memory)


if __name__ == "__main__":
    sys.exit(main())

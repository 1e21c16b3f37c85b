"""Reads the memory of the host and of each GPU, for the scheduler and `doctor`.

`probe.MemoryProbe` is the interface, `probe.FakeProbe` is for tests. `machine.MachineProbe`
combines `machine.HostProbe` (psutil, control groups) and `nvml.NvmlProbe` (NVIDIA).
"""

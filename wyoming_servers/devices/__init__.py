"""Reads the memory of the host and of each GPU, for the scheduler and `doctor`.

`probe.MemoryProbe` is the interface. `machine.MachineProbe` combines `machine.HostProbe` (psutil,
control groups) and `nvml.NvmlProbe` (NVIDIA); `fake.FakeProbe` is for tests.
"""

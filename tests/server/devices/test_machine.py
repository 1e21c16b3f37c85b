import asyncio

import pytest

from wyoming_servers.devices.machine import MachineProbe
from wyoming_servers.devices.probe import FakeProbe


async def test_machine_probe_combines_the_devices_of_all_probes():
    host, cards = FakeProbe({"cpu": 16}), FakeProbe({"cuda:0": 8, "cuda:1": 4})
    probe = MachineProbe(host, cards)
    assert [device.id for device in await probe.devices()] == ["cpu", "cuda:0", "cuda:1"]
    sample = await probe.sample(())
    assert {name: reading.total for name, reading in sample.readings.items()} == {
        "cpu": 16,
        "cuda:0": 8,
        "cuda:1": 4,
    }
    await probe.close()
    assert host.closed
    assert cards.closed


async def test_machine_probe_reads_all_probes_concurrently():
    both = asyncio.Barrier(2)

    class Meeting(FakeProbe):
        async def sample(self, pids):
            async with asyncio.timeout(5):
                await both.wait()
            return await super().sample(pids)

    sample = await MachineProbe(Meeting({"cpu": 1}), Meeting({"cuda:0": 1})).sample(())
    assert len(sample.readings) == 2


async def test_machine_probe_detects_at_least_the_host():
    probe = MachineProbe.detect()
    devices = await probe.devices()
    sample = await probe.sample(())
    await probe.close()
    assert devices[0].id == "cpu"
    assert sample.readings["cpu"].free > 0


@pytest.mark.parametrize("hidden", [False, True])
async def test_fake_probe_returns_the_readings_set_by_the_test(hidden):
    probe = FakeProbe({"cpu": 100})
    device = probe.machine["cpu"]
    device.others, device.hides_pids = 10, hidden
    probe.hold("cpu", 7, 30)
    reading = (await probe.sample([7])).readings["cpu"]
    assert (reading.used, reading.free) == (40, 60)
    assert reading.by_pid == ({} if hidden else {7: 30})
    probe.drop(7, unreturned=True)
    assert (await probe.sample(())).readings["cpu"].used == 40
    device.unreturned = 0
    assert (await probe.sample(())).readings["cpu"].used == 10
    device.missing = True
    assert (await probe.sample(())).readings == {}

from wyoming_servers.core.domain import Placement
from wyoming_servers.scheduling.planner.failure_policy import (
    BlockReason,
    LoadBlock,
)
from wyoming_servers.scheduling.planner.instance import InstanceKey
from wyoming_servers.scheduling.planner.placement import (
    BackingOff,
    EvictionCandidate,
    InsufficientMemory,
    Placed,
    PlacementOption,
    Unplaceable,
    WaitForDrain,
    choose_placement,
)


def key(device: str, model: str = "m") -> InstanceKey:
    return InstanceKey(model, Placement(device, "x"))


def option(device: str, tier: int = 0, **fields) -> PlacementOption:
    fields.setdefault("needed_bytes", 10)
    return PlacementOption(key=key(device), tier=tier, **fields)


def victim(name: str, size: int, idle: float = 100.0) -> EvictionCandidate:
    return EvictionCandidate(key("cuda:0", name), size, idle, 1.0)


def block(reason: BlockReason, until: float | None = None, code: str = "LOAD_FAILED") -> LoadBlock:
    return LoadBlock(reason, code, f"It is {reason.value}.", until)


def test_placement_uses_the_first_that_fits():
    assert choose_placement(
        [option("cuda:0", available_bytes=10), option("cpu", 1, available_bytes=99)]
    ) == Placed(key("cuda:0"), 10)


def test_placement_uses_the_gpu_with_most_free_memory():
    found = choose_placement(
        [option("cuda:0", available_bytes=12), option("cuda:1", available_bytes=50)]
    )
    assert found.key == key("cuda:1")


def test_placement_prefers_a_gpu_that_needs_no_eviction():
    found = choose_placement(
        [
            option("cuda:0", available_bytes=0, candidates=(victim("a", 20),)),
            option("cuda:1", available_bytes=10),
        ]
    )
    assert (found.key, found.victims) == (key("cuda:1"), ())


def test_placement_waits_for_returning_memory_instead_of_evicting():
    found = choose_placement(
        [option("cuda:0", available_bytes=2, returning_bytes=8, candidates=(victim("a", 20),))]
    )
    assert found == Placed(key("cuda:0"), 10, immediate=False)


def test_placement_evicts_before_it_uses_a_fallback():
    found = choose_placement(
        [
            option("cuda:0", available_bytes=2, candidates=(victim("a", 9),)),
            option("cpu", 1, available_bytes=99),
        ]
    )
    assert found == Placed(key("cuda:0"), 10, (victim("a", 9),), immediate=False)


def test_placement_uses_the_device_with_the_cheaper_eviction():
    found = choose_placement(
        [
            option("cuda:0", available_bytes=0, candidates=(victim("fresh", 10, idle=1),)),
            option("cuda:1", available_bytes=0, candidates=(victim("old", 10, idle=999),)),
        ]
    )
    assert found.key == key("cuda:1")


def test_placement_falls_back_if_the_preferred_one_lacks_memory():
    found = choose_placement(
        [option("cuda:0", available_bytes=4), option("cpu", 1, available_bytes=10)]
    )
    assert found.key == key("cpu")
    assert found.preferred_lacking_memory == InsufficientMemory(key("cuda:0"), 10, 4)


def test_placement_falls_back_during_the_cooldown_of_the_preferred_one():
    cooldown = block(BlockReason.OOM_COOLDOWN, 99.0, "OOM")
    found = choose_placement(
        [option("cuda:0", available_bytes=99, block=cooldown), option("cpu", 1, available_bytes=10)]
    )
    assert (found.key, found.preferred_block, found.preferred_lacking_memory) == (
        key("cpu"),
        cooldown,
        None,
    )


def test_placement_without_memory_anywhere_waits_for_the_preferred_one():
    assert choose_placement(
        [option("cuda:0", available_bytes=-3), option("cpu", 1, available_bytes=9)]
    ) == InsufficientMemory(key("cuda:0"), 10, 0)


def test_placement_waits_for_an_exiting_process():
    assert choose_placement(
        [option("cuda:0", exiting=True), option("cpu", 1, available_bytes=99)]
    ) == WaitForDrain(key("cuda:0"))


def test_placement_waits_for_a_draining_process_only_without_alternative():
    draining = option("cuda:0", draining=True)
    assert choose_placement([draining, option("cpu", 1, available_bytes=10)]).key == key("cpu")
    assert choose_placement([draining]) == WaitForDrain(key("cuda:0"))


def test_placement_waits_for_the_shortest_backoff():
    found = choose_placement(
        [
            option("cuda:0", block=block(BlockReason.BACKOFF, 9.0)),
            option("cpu", 1, block=block(BlockReason.BACKOFF, 4.0)),
        ]
    )
    assert found == BackingOff(key("cpu"), block(BlockReason.BACKOFF, 4.0))


def test_placement_waits_for_a_backoff_although_another_device_is_lost():
    found = choose_placement(
        [
            option("cuda:0", block=block(BlockReason.DEVICE_LOST)),
            option("cpu", 1, block=block(BlockReason.BACKOFF, 4.0)),
        ]
    )
    assert isinstance(found, BackingOff)


def test_unplaceable_has_the_first_cause_and_the_first_retry_time():
    found = choose_placement(
        [
            option("cuda:0", block=block(BlockReason.DEVICE_LOST, code="DEVICE_LOST")),
            option("cpu", 1, block=block(BlockReason.CIRCUIT, 60.0)),
        ]
    )
    assert isinstance(found, Unplaceable)
    assert (found.block.code, found.until) == ("DEVICE_LOST", 60.0)

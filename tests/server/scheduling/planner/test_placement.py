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


def test_the_first_that_fits_is_taken():
    assert choose_placement(
        [option("cuda:0", available_bytes=10), option("cpu", 1, available_bytes=99)]
    ) == Placed(key("cuda:0"), 10)


def test_of_equally_good_places_the_one_with_most_room_is_taken():
    found = choose_placement(
        [option("cuda:0", available_bytes=12), option("cuda:1", available_bytes=50)]
    )
    assert found.key == key("cuda:1")


def test_an_equally_good_place_without_eviction_goes_before_one_with():
    found = choose_placement(
        [
            option("cuda:0", available_bytes=0, candidates=(victim("a", 20),)),
            option("cuda:1", available_bytes=10),
        ]
    )
    assert (found.key, found.victims) == (key("cuda:1"), ())


def test_memory_that_is_coming_back_is_waited_for_and_nobody_else_is_unloaded():
    found = choose_placement(
        [option("cuda:0", available_bytes=2, returning_bytes=8, candidates=(victim("a", 20),))]
    )
    assert found == Placed(key("cuda:0"), 10, immediate=False)


def test_idle_ones_make_room_on_the_wished_place_before_a_lesser_is_taken():
    found = choose_placement(
        [
            option("cuda:0", available_bytes=2, candidates=(victim("a", 9),)),
            option("cpu", 1, available_bytes=99),
        ]
    )
    assert found == Placed(key("cuda:0"), 10, (victim("a", 9),), immediate=False)


def test_the_cheaper_eviction_of_two_devices_is_taken():
    found = choose_placement(
        [
            option("cuda:0", available_bytes=0, candidates=(victim("fresh", 10, idle=1),)),
            option("cuda:1", available_bytes=0, candidates=(victim("old", 10, idle=999),)),
        ]
    )
    assert found.key == key("cuda:1")


def test_a_lesser_place_serves_while_a_better_has_no_room():
    found = choose_placement(
        [option("cuda:0", available_bytes=4), option("cpu", 1, available_bytes=10)]
    )
    assert found.key == key("cpu")
    assert found.preferred_lacking_memory == InsufficientMemory(key("cuda:0"), 10, 4)


def test_a_lesser_place_serves_while_a_better_one_cooldown():
    cooldown = block(BlockReason.OOM_COOLDOWN, 99.0, "OOM")
    found = choose_placement(
        [option("cuda:0", available_bytes=99, block=cooldown), option("cpu", 1, available_bytes=10)]
    )
    assert (found.key, found.preferred_block, found.preferred_lacking_memory) == (
        key("cpu"),
        cooldown,
        None,
    )


def test_no_room_anywhere_waits_for_the_best_place():
    assert choose_placement(
        [option("cuda:0", available_bytes=-3), option("cpu", 1, available_bytes=9)]
    ) == InsufficientMemory(key("cuda:0"), 10, 0)


def test_a_place_that_is_just_being_left_is_waited_for():
    assert choose_placement(
        [option("cuda:0", exiting=True), option("cpu", 1, available_bytes=99)]
    ) == WaitForDrain(key("cuda:0"))


def test_a_place_that_is_leased_for_who_knows_how_long_is_not_waited_for_if_another_serves():
    draining = option("cuda:0", draining=True)
    assert choose_placement([draining, option("cpu", 1, available_bytes=10)]).key == key("cpu")
    assert choose_placement([draining]) == WaitForDrain(key("cuda:0"))


def test_a_pause_is_waited_for_the_shortest_first():
    found = choose_placement(
        [
            option("cuda:0", block=block(BlockReason.BACKOFF, 9.0)),
            option("cpu", 1, block=block(BlockReason.BACKOFF, 4.0)),
        ]
    )
    assert found == BackingOff(key("cpu"), block(BlockReason.BACKOFF, 4.0))


def test_a_pause_is_waited_for_though_another_place_is_closed_for_good():
    found = choose_placement(
        [
            option("cuda:0", block=block(BlockReason.DEVICE_LOST)),
            option("cpu", 1, block=block(BlockReason.BACKOFF, 4.0)),
        ]
    )
    assert isinstance(found, BackingOff)


def test_nothing_can_be_done_names_the_first_cause_and_the_first_end():
    found = choose_placement(
        [
            option("cuda:0", block=block(BlockReason.DEVICE_LOST, code="DEVICE_LOST")),
            option("cpu", 1, block=block(BlockReason.CIRCUIT, 60.0)),
        ]
    )
    assert isinstance(found, Unplaceable)
    assert (found.block.code, found.until) == ("DEVICE_LOST", 60.0)

from wyoming_servers.coordinator.eviction import Candidate
from wyoming_servers.coordinator.instance import InstanceKey
from wyoming_servers.coordinator.placing import (
    Await,
    Held,
    Hopeless,
    NoRoom,
    Option,
    Place,
    choose,
)
from wyoming_servers.coordinator.recovery import Bar, Barrier
from wyoming_servers.domain import Placement


def key(device: str, model: str = "m") -> InstanceKey:
    return InstanceKey(model, Placement(device, "x"))


def option(device: str, tier: int = 0, **fields) -> Option:
    fields.setdefault("needed", 10)
    return Option(key=key(device), tier=tier, **fields)


def victim(name: str, size: int, idle: float = 100.0) -> Candidate:
    return Candidate(key("cuda:0", name), size, idle, 1.0)


def barrier(bar: Bar, until: float | None = None, code: str = "LOAD_FAILED") -> Barrier:
    return Barrier(bar, code, f"It is {bar.value}.", until)


def test_the_first_that_fits_is_taken():
    assert choose([option("cuda:0", room=10), option("cpu", 1, room=99)]) == Place(
        key("cuda:0"), 10
    )


def test_of_equally_good_places_the_one_with_most_room_is_taken():
    found = choose([option("cuda:0", room=12), option("cuda:1", room=50)])
    assert found.key == key("cuda:1")


def test_an_equally_good_place_without_eviction_goes_before_one_with():
    found = choose(
        [option("cuda:0", room=0, candidates=(victim("a", 20),)), option("cuda:1", room=10)]
    )
    assert (found.key, found.victims) == (key("cuda:1"), ())


def test_memory_that_is_coming_back_is_waited_for_and_nobody_else_is_unloaded():
    found = choose([option("cuda:0", room=2, leaving=8, candidates=(victim("a", 20),))])
    assert found == Place(key("cuda:0"), 10, at_once=False)


def test_idle_ones_make_room_on_the_wished_place_before_a_lesser_is_taken():
    found = choose(
        [option("cuda:0", room=2, candidates=(victim("a", 9),)), option("cpu", 1, room=99)]
    )
    assert found == Place(key("cuda:0"), 10, (victim("a", 9),), at_once=False)


def test_the_cheaper_eviction_of_two_devices_is_taken():
    found = choose(
        [
            option("cuda:0", room=0, candidates=(victim("fresh", 10, idle=1),)),
            option("cuda:1", room=0, candidates=(victim("old", 10, idle=999),)),
        ]
    )
    assert found.key == key("cuda:1")


def test_a_lesser_place_serves_while_a_better_has_no_room():
    found = choose([option("cuda:0", room=4), option("cpu", 1, room=10)])
    assert found.key == key("cpu")
    assert found.better == NoRoom(key("cuda:0"), 10, 4)


def test_a_lesser_place_serves_while_a_better_one_rests():
    rests = barrier(Bar.BENCH, 99.0, "OOM")
    found = choose([option("cuda:0", room=99, barrier=rests), option("cpu", 1, room=10)])
    assert (found.key, found.avoided, found.better) == (key("cpu"), rests, None)


def test_no_room_anywhere_waits_for_the_best_place():
    assert choose([option("cuda:0", room=-3), option("cpu", 1, room=9)]) == NoRoom(
        key("cuda:0"), 10, 0
    )


def test_a_place_that_is_just_being_left_is_waited_for():
    assert choose([option("cuda:0", departing=True), option("cpu", 1, room=99)]) == Await(
        key("cuda:0")
    )


def test_a_place_that_is_leased_for_who_knows_how_long_is_not_waited_for_if_another_serves():
    occupied = option("cuda:0", occupied=True)
    assert choose([occupied, option("cpu", 1, room=10)]).key == key("cpu")
    assert choose([occupied]) == Await(key("cuda:0"))


def test_a_pause_is_waited_for_the_shortest_first():
    found = choose(
        [
            option("cuda:0", barrier=barrier(Bar.BACKOFF, 9.0)),
            option("cpu", 1, barrier=barrier(Bar.BACKOFF, 4.0)),
        ]
    )
    assert found == Held(key("cpu"), barrier(Bar.BACKOFF, 4.0))


def test_a_pause_is_waited_for_though_another_place_is_closed_for_good():
    found = choose(
        [
            option("cuda:0", barrier=barrier(Bar.LOST)),
            option("cpu", 1, barrier=barrier(Bar.BACKOFF, 4.0)),
        ]
    )
    assert isinstance(found, Held)


def test_nothing_can_be_done_names_the_first_cause_and_the_first_end():
    found = choose(
        [
            option("cuda:0", barrier=barrier(Bar.LOST, code="DEVICE_LOST")),
            option("cpu", 1, barrier=barrier(Bar.CIRCUIT, 60.0)),
        ]
    )
    assert isinstance(found, Hopeless)
    assert (found.barrier.code, found.until) == ("DEVICE_LOST", 60.0)

import pytest

from wyoming_servers.core.domain import Placement
from wyoming_servers.core.errors import InternalError
from wyoming_servers.devices.probe import Device, Reading
from wyoming_servers.scheduling.planner.instance import InstanceKey
from wyoming_servers.scheduling.planner.ledger import Ledger
from wyoming_servers.scheduling.planner.policy import SchedulingPolicy

TOTAL = 1_000


def key(name: str, device: str = "cuda:0") -> InstanceKey:
    return InstanceKey(name, Placement(device, "float16"))


A, B, C = key("a"), key("b"), key("c")


def make_ledger(device: str = "cuda:0", budget: str = "900", reserve: int = 50) -> Ledger:
    ledger = Ledger(Device(device, "Card", TOTAL), SchedulingPolicy(budget=budget, reserve=reserve))
    ledger.update(seen())
    return ledger


def seen(used: int = 0, **pids: int) -> Reading:
    """Read `used` bytes in use; `p7=30` is process 7 with 30 of them."""
    return Reading(
        total=TOTAL,
        free=TOTAL - used,
        used=used,
        by_pid={int(name[1:]): size for name, size in pids.items()},
    )


def loaded(ledger: Ledger, which: InstanceKey, pid: int, size: int) -> None:
    ledger.reserve(which, size)
    ledger.set_pid(which, pid)
    ledger.update(seen(size, **{f"p{pid}": size}))
    ledger.commit(which, ledger.measure(which))


def test_reservation_counts_before_memory_is_allocated():
    ledger = make_ledger()
    ledger.reserve(A, 600)
    assert (ledger.reserved, ledger.committed) == (600, 0)
    assert ledger.available(B) == 300
    with pytest.raises(InternalError):
        ledger.reserve(B, 301)
    ledger.reserve(B, 300)


def test_instance_cannot_reserve_memory_twice():
    ledger = make_ledger()
    ledger.reserve(A, 100)
    with pytest.raises(InternalError):
        ledger.reserve(A, 100)


def test_measured_size_replaces_the_promised_size():
    ledger = make_ledger()
    loaded(ledger, A, 7, 250)
    ledger.update(seen(310, p7=310))
    assert ledger.measure(A) == 310
    ledger.commit(A, 310)
    assert (ledger.reserved, ledger.committed) == (0, 310)
    assert ledger.available(B) == 590


def test_budget_is_limited_by_other_programs_and_by_the_configuration():
    ledger = make_ledger(budget="600", reserve=50)
    assert (ledger.budget, ledger.ceiling) == (600, 600)
    ledger.update(seen(500))
    assert ledger.others == 500
    assert ledger.budget == 450
    ledger.update(seen(980))
    assert ledger.budget == 0
    ledger.update(seen(0))
    assert ledger.budget == 600


def test_memory_of_workers_does_not_count_as_other_programs():
    ledger = make_ledger()
    loaded(ledger, A, 7, 200)
    ledger.update(seen(500, p7=200))
    assert ledger.others == 300
    assert ledger.budget == 650


def test_load_in_flight_does_not_count_as_other_programs():
    ledger = make_ledger()
    ledger.reserve(A, 400)
    ledger.set_pid(A, 7)
    ledger.update(seen(150, p7=150))
    assert ledger.others == 0
    assert ledger.available(B) == 500


def test_available_is_limited_by_the_observed_free_memory():
    ledger = make_ledger(budget="100%", reserve=0)
    ledger.update(seen(700))
    assert ledger.available(A) == 300
    ledger.reserve(A, 200)
    assert ledger.available(B) == 100


def test_memory_is_promised_again_only_after_it_was_seen_to_return():
    ledger = make_ledger()
    loaded(ledger, A, 7, 600)
    freed, _ = ledger.release(A)
    assert freed == 600
    assert ledger.returning == 600
    assert ledger.available(B) == 300
    ledger.update(seen(600, p7=600))  # the driver has not cleaned up
    assert ledger.available(B) == 300
    ledger.update(seen(600))  # the process is off the list, its memory is not free
    assert ledger.available(B) == 300
    ledger.update(seen(20))
    assert ledger.returning == 0
    assert ledger.available(B) == 900


def test_memory_counts_as_returned_when_half_of_it_is_free():
    ledger = make_ledger()
    loaded(ledger, A, 7, 600)
    ledger.release(A)
    ledger.update(seen(290))  # somebody else took some at the same time
    assert ledger.returning == 0
    assert ledger.others == 290


def test_written_off_memory_is_judged_by_the_probe():
    ledger = make_ledger()
    loaded(ledger, A, 7, 600)
    _, ticket = ledger.release(A)
    ledger.update(seen(600))
    ledger.write_off(ticket)
    ledger.update(seen(600))
    assert ledger.returning == 0
    assert ledger.others == 600
    assert ledger.available(B) == 350


def test_instance_can_reserve_before_its_last_memory_is_returned():
    ledger = make_ledger()
    loaded(ledger, A, 7, 300)
    ledger.release(A)
    ledger.reserve(A, 300)
    assert (ledger.reserved, ledger.returning) == (300, 300)
    ledger.update(seen(0))
    assert (ledger.reserved, ledger.returning) == (300, 0)


def test_memory_on_the_host_is_returned_with_the_exit():
    ledger = make_ledger("cpu")
    which = key("a", "cpu")
    loaded(ledger, which, 7, 300)
    ledger.release(which)
    ledger.update(seen(280))  # pages shared with others stay in use
    assert ledger.returning == 0


def test_process_that_died_while_loading_has_no_memory_to_return():
    ledger = make_ledger()
    ledger.reserve(A, 500)
    ledger.set_pid(A, 7)
    ledger.release(A)
    ledger.update(seen(0))
    assert ledger.is_empty


def test_hidden_processes_are_measured_by_the_difference():
    ledger = make_ledger()
    ledger.update(seen(100))
    ledger.reserve(A, 300)
    ledger.set_pid(A, 7)
    ledger.update(seen(420))
    assert ledger.measure(A) == 320
    ledger.commit(A, 320)
    ledger.update(seen(420))
    assert ledger.others == 100


def test_hidden_processes_are_not_measured_if_another_one_came_or_went():
    ledger = make_ledger()
    ledger.reserve(A, 300)
    ledger.reserve(B, 100)
    ledger.update(seen(400))
    assert ledger.measure(A) is None
    assert ledger.measure(C) is None


def test_other_programs_with_hidden_processes_are_known_only_without_changes():
    ledger = make_ledger()
    ledger.reserve(A, 300)
    ledger.update(seen(300))
    ledger.commit(A, 300)
    ledger.update(seen(400))
    assert ledger.others == 100
    ledger.reserve(B, 200)
    ledger.update(seen(590))  # B allocates; or is it somebody else?
    assert ledger.others == 100
    ledger.commit(B, 200)
    ledger.update(seen(650))
    assert ledger.others == 150


def test_claim_limits_other_instances_but_not_its_owner():
    ledger = make_ledger()
    ledger.claim(A, 700)
    assert ledger.available(A) == 900
    assert ledger.available(B) == 200
    ledger.reserve(A, 700)
    assert ledger.available(B) == 200
    ledger.clear_claims()
    assert ledger.available(B) == 200


def test_device_that_cannot_be_read_is_not_present():
    ledger = make_ledger()
    ledger.mark_missing()
    assert not ledger.present
    assert ledger.reading is None
    ledger.update(seen(0))
    assert ledger.present


def test_changed_total_changes_the_budget():
    ledger = make_ledger(budget="50%", reserve=0)
    assert ledger.budget == 500
    ledger.update(Reading(total=400, free=400, used=0))
    assert (ledger.budget, ledger.ceiling) == (200, 200)

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


def ledger(device: str = "cuda:0", budget: str = "900", reserve: int = 50) -> Ledger:
    books = Ledger(Device(device, "Card", TOTAL), SchedulingPolicy(budget=budget, reserve=reserve))
    books.update(seen())
    return books


def seen(used: int = 0, **pids: int) -> Reading:
    """Read `used` bytes in use; `p7=30` is process 7 with 30 of them."""
    return Reading(
        total=TOTAL,
        free=TOTAL - used,
        used=used,
        by_pid={int(name[1:]): size for name, size in pids.items()},
    )


def loaded(books: Ledger, which: InstanceKey, pid: int, size: int) -> None:
    books.reserve(which, size)
    books.set_pid(which, pid)
    books.update(seen(size, **{f"p{pid}": size}))
    books.commit(which, books.measure(which))


def test_reservation_counts_before_memory_is_allocated():
    books = ledger()
    books.reserve(A, 600)
    assert (books.reserved, books.committed) == (600, 0)
    assert books.available(B) == 300
    with pytest.raises(InternalError):
        books.reserve(B, 301)
    books.reserve(B, 300)


def test_instance_cannot_reserve_memory_twice():
    books = ledger()
    books.reserve(A, 100)
    with pytest.raises(InternalError):
        books.reserve(A, 100)


def test_measured_size_replaces_the_promised_size():
    books = ledger()
    loaded(books, A, 7, 250)
    books.update(seen(310, p7=310))
    assert books.measure(A) == 310
    books.commit(A, 310)
    assert (books.reserved, books.committed) == (0, 310)
    assert books.available(B) == 590


def test_budget_is_limited_by_other_programs_and_by_the_configuration():
    books = ledger(budget="600", reserve=50)
    assert (books.budget, books.ceiling) == (600, 600)
    books.update(seen(500))
    assert books.others == 500
    assert books.budget == 450
    books.update(seen(980))
    assert books.budget == 0
    books.update(seen(0))
    assert books.budget == 600


def test_memory_of_workers_does_not_count_as_other_programs():
    books = ledger()
    loaded(books, A, 7, 200)
    books.update(seen(500, p7=200))
    assert books.others == 300
    assert books.budget == 650


def test_load_in_flight_does_not_count_as_other_programs():
    books = ledger()
    books.reserve(A, 400)
    books.set_pid(A, 7)
    books.update(seen(150, p7=150))
    assert books.others == 0
    assert books.available(B) == 500


def test_available_is_limited_by_the_observed_free_memory():
    books = ledger(budget="100%", reserve=0)
    books.update(seen(700))
    assert books.available(A) == 300
    books.reserve(A, 200)
    assert books.available(B) == 100


def test_memory_is_promised_again_only_after_it_was_seen_to_return():
    books = ledger()
    loaded(books, A, 7, 600)
    freed, _ = books.release(A)
    assert freed == 600
    assert books.returning == 600
    assert books.available(B) == 300
    books.update(seen(600, p7=600))  # the driver has not cleaned up
    assert books.available(B) == 300
    books.update(seen(600))  # the process is off the list, its memory is not free
    assert books.available(B) == 300
    books.update(seen(20))
    assert books.returning == 0
    assert books.available(B) == 900


def test_memory_counts_as_returned_when_half_of_it_is_free():
    books = ledger()
    loaded(books, A, 7, 600)
    books.release(A)
    books.update(seen(290))  # somebody else took some at the same time
    assert books.returning == 0
    assert books.others == 290


def test_written_off_memory_is_judged_by_the_probe():
    books = ledger()
    loaded(books, A, 7, 600)
    _, ticket = books.release(A)
    books.update(seen(600))
    books.write_off(ticket)
    books.update(seen(600))
    assert books.returning == 0
    assert books.others == 600
    assert books.available(B) == 350


def test_instance_can_reserve_before_its_last_memory_is_returned():
    books = ledger()
    loaded(books, A, 7, 300)
    books.release(A)
    books.reserve(A, 300)
    assert (books.reserved, books.returning) == (300, 300)
    books.update(seen(0))
    assert (books.reserved, books.returning) == (300, 0)


def test_memory_on_the_host_is_returned_with_the_exit():
    books = ledger("cpu")
    which = key("a", "cpu")
    loaded(books, which, 7, 300)
    books.release(which)
    books.update(seen(280))  # pages shared with others stay in use
    assert books.returning == 0


def test_process_that_died_while_loading_has_no_memory_to_return():
    books = ledger()
    books.reserve(A, 500)
    books.set_pid(A, 7)
    books.release(A)
    books.update(seen(0))
    assert books.is_empty


def test_hidden_processes_are_measured_by_the_difference():
    books = ledger()
    books.update(seen(100))
    books.reserve(A, 300)
    books.set_pid(A, 7)
    books.update(seen(420))
    assert books.measure(A) == 320
    books.commit(A, 320)
    books.update(seen(420))
    assert books.others == 100


def test_hidden_processes_are_not_measured_if_another_one_came_or_went():
    books = ledger()
    books.reserve(A, 300)
    books.reserve(B, 100)
    books.update(seen(400))
    assert books.measure(A) is None
    assert books.measure(C) is None


def test_other_programs_with_hidden_processes_are_known_only_without_changes():
    books = ledger()
    books.reserve(A, 300)
    books.update(seen(300))
    books.commit(A, 300)
    books.update(seen(400))
    assert books.others == 100
    books.reserve(B, 200)
    books.update(seen(590))  # B allocates; or is it somebody else?
    assert books.others == 100
    books.commit(B, 200)
    books.update(seen(650))
    assert books.others == 150


def test_claim_limits_other_instances_but_not_its_owner():
    books = ledger()
    books.claim(A, 700)
    assert books.available(A) == 900
    assert books.available(B) == 200
    books.reserve(A, 700)
    assert books.available(B) == 200
    books.clear_claims()
    assert books.available(B) == 200


def test_device_that_cannot_be_read_is_not_present():
    books = ledger()
    books.mark_missing()
    assert not books.present
    assert books.reading is None
    books.update(seen(0))
    assert books.present


def test_changed_total_changes_the_budget():
    books = ledger(budget="50%", reserve=0)
    assert books.budget == 500
    books.update(Reading(total=400, free=400, used=0))
    assert (books.budget, books.ceiling) == (200, 200)

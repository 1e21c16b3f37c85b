"""The percentage of a load."""

from hypothesis import given
from hypothesis import strategies as st

from wyoming_servers.core.domain import ModelState
from wyoming_servers.core.events import ModelProgressed
from wyoming_servers.scheduling.planner.instance import (
    MAX_PERCENT,
    LoadProfile,
    LoadProgress,
)

PROFILE = LoadProfile({"load": 2.0, "warmup": 6.0}, 10.0)


def percent(*reports: tuple[str, float], now: float, profile: LoadProfile | None = PROFILE) -> int:
    """Return the percentage at a time after these reports of phases."""
    progress = LoadProgress(0.0)
    for phase, at in reports:
        progress.report(phase, -1, at)
    progress.update(profile, now)
    return progress.percent


def test_first_load_is_nine_tenths_reading_then_warming_up():
    progress = LoadProgress(0.0)
    shown = []
    for phase, reported in (("load", -1), ("load", 0), ("load", 50), ("load", 100), ("warmup", -1)):
        progress.report(phase, reported, 1.0)
        progress.update(None, 1.0)
        shown.append(progress.percent)
    assert shown == [-1, 0, 45, 90, 90]


def test_phases_that_take_as_long_as_before_are_a_straight_line():
    assert percent(now=0.0) == 0
    assert percent(now=1.0) == 10
    assert percent(("load", 2.0), now=4.0) == 40
    assert percent(("load", 2.0), ("warmup", 6.0), now=8.0) == 80
    assert percent(("load", 2.0), ("warmup", 6.0), now=30.0) == MAX_PERCENT


def test_phase_that_takes_longer_than_before_waits_at_its_end():
    assert percent(now=9.0) == 20
    assert percent(("load", 9.0), now=40.0) == 60


def test_phase_that_ends_early_jumps_to_the_next():
    assert percent(("load", 0.5), ("warmup", 1.0), now=1.0) == 60


def test_time_of_an_earlier_load_counts_more_than_what_was_read():
    progress = LoadProgress(0.0)
    progress.report("load", 100, 2.0)
    progress.update(PROFILE, 4.0)
    assert progress.percent == 40


@given(
    profile=st.builds(
        LoadProfile,
        st.dictionaries(st.sampled_from(["load", "warmup", "x"]), st.floats(0, 100)),
        st.floats(0.01, 100),
    ),
    steps=st.lists(
        st.tuples(st.sampled_from(["load", "warmup", "y", ""]), st.floats(0, 20)), max_size=12
    ),
)
def test_percentage_never_decreases_and_never_reaches_the_end(profile, steps):
    progress, now, shown = LoadProgress(0.0), 0.0, -1
    for phase, seconds in steps:
        now += seconds
        if phase:
            progress.report(phase, -1, now)
        progress.update(profile, now)
        assert shown <= progress.percent
        assert progress.percent <= MAX_PERCENT
        shown = progress.percent


async def test_second_load_has_a_percentage_learned_from_the_first(world):
    world.model("a", keep_alive=0)
    world.behave("a", load_seconds=4.0)
    await world.start()
    world.hold("a", timeout=30)
    await world.after(1)
    assert world.status("a").progress == ("load", 0)
    await world.after(4)
    assert world.status("a").progress is None
    await world.coordinator.unload("a")
    await world.stop()  # what is being saved is saved then
    (profile,) = world.footprints.saved_profiles.values()
    assert 3.9 <= profile.seconds <= 4.2

    world._stack = type(world._stack)()
    await world.start()
    before = len(world.events(ModelProgressed))
    await world.coordinator.load("a")
    await world.after(2.2)
    status = world.status("a")
    assert status.state is ModelState.LOADING
    assert status.progress is not None
    assert 40 <= status.progress[1] <= 60
    await world.after(3)
    assert world.status("a").state is ModelState.READY
    shown = [event.percent for event in world.events(ModelProgressed)[before:]]
    assert len(shown) >= 6
    assert shown == sorted(shown)

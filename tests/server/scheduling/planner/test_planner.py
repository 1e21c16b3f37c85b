"""The planner as a function: a message and a time in, actions out."""

import pytest

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Task,
)
from wyoming_servers.devices.probe import Device, Reading, Sample
from wyoming_servers.scheduling.planner import (
    actions,
    messages,
)
from wyoming_servers.scheduling.planner.handlers import MessageHandlers
from wyoming_servers.scheduling.planner.instance import (
    IllegalTransitionError,
    InstanceKey,
    InstanceState,
    InstanceTrigger,
)
from wyoming_servers.scheduling.planner.planner import Planner
from wyoming_servers.scheduling.planner.policy import SchedulingPolicy

KEY = InstanceKey("a", Placement())


def planner(**fields: object) -> Planner:
    """A planner of one model of 10 bytes on a host with 100."""
    spec = ModelSpec(id="a", task=Task.ASR, engine="fake", memory_bytes=10, **fields)
    made = Planner(
        [spec], [Device("cpu", "CPU", 100)], SchedulingPolicy(reserve=0, budget="100%"), lambda: 0.5
    )
    made.handle(probed(), 0.0)
    return made


def probed(at: float = 0.0, **pids: int) -> messages.MemorySampled:
    held = {int(name[1:]): size for name, size in pids.items()}
    used = sum(held.values())
    reading = Reading(total=100, free=100 - used, used=used, by_pid=held)
    return messages.MemorySampled(sample=Sample({"cpu": reading}), started_at=at)


def of_kind(todo: list[actions.Action], *kinds: type[actions.Action]) -> list[actions.Action]:
    return [action for action in todo if isinstance(action, kinds)]


def event_types(todo: list[actions.Action]) -> list[str]:
    return [action.event.type for action in of_kind(todo, actions.PublishEvent)]


def request_lease(made: Planner, request: int, now: float, **more: object) -> list[actions.Action]:
    return made.handle(messages.LeaseRequested(request=request, model="a", **more), now)


def test_planner_handles_every_message():
    kinds = {
        kind
        for kind in vars(messages).values()
        if isinstance(kind, type)
        and issubclass(kind, messages.PlannerMessage)
        and kind not in (messages.PlannerMessage, messages.WorkerMessage)
    }
    assert set(MessageHandlers._HANDLERS) == kinds


def test_planner_emits_the_actions_of_a_whole_life():
    made = planner(keep_alive=5.0)
    todo = request_lease(made, 1, 1.0)
    assert event_types(todo) == ["model_queued", "model_loading", "model_state_changed"]
    (launch,) = of_kind(todo, actions.LaunchWorker)
    assert (launch.key, launch.generation) == (KEY, 1)

    made.handle(messages.WorkerStarted(key=KEY, generation=1, pid=7), 1.1)
    todo = made.handle(messages.WorkerReady(key=KEY, generation=1, seconds=2.0), 3.0)
    assert of_kind(todo, actions.GrantLease) == [
        actions.GrantLease(request=1, key=KEY, generation=1)
    ]
    assert of_kind(todo, actions.SampleMemory) == [actions.SampleMemory(pids=(7,))]

    todo = made.handle(probed(3.0, p7=12), 3.0)
    assert event_types(todo) == ["model_ready"]
    assert of_kind(todo, actions.SaveFootprint) == [
        actions.SaveFootprint(key=KEY.footprint_key, size=12)
    ]

    assert made.handle(messages.LeaseEnded(request=1), 4.0) == []
    todo = made.handle(messages.Tick(), 9.0)
    assert of_kind(todo, actions.StopWorker) == [
        actions.StopWorker(key=KEY, generation=1, grace=5.0)
    ]
    gone = messages.WorkerExited(key=KEY, generation=1, code="", message="")
    todo = made.handle(gone, 9.5)
    assert event_types(todo) == ["model_unloaded", "model_state_changed"]
    made.handle(probed(9.5), 9.5)
    assert made.state.ledgers["cpu"].is_empty


def test_planner_grants_a_ready_model_with_one_action_and_no_event():
    made = planner()
    request_lease(made, 1, 0.0)
    made.handle(messages.WorkerReady(key=KEY, generation=1, seconds=1.0), 1.0)
    assert request_lease(made, 2, 2.0) == [actions.GrantLease(request=2, key=KEY, generation=1)]


def test_planner_handles_expired_timers_before_the_message():
    made = planner(keep_alive=5.0)
    request_lease(made, 1, 0.0)
    made.handle(messages.WorkerReady(key=KEY, generation=1, seconds=1.0), 1.0)
    made.handle(messages.LeaseEnded(request=1), 1.0)
    # The keep-alive ended at 6, before this request was made.
    todo = request_lease(made, 2, 7.0)
    assert of_kind(todo, actions.StopWorker, actions.GrantLease) == [
        actions.StopWorker(key=KEY, generation=1, grace=5.0)
    ]


def test_planner_ignores_late_reports_of_an_earlier_process():
    made = planner()
    request_lease(made, 1, 0.0)
    gone = messages.WorkerExited(key=KEY, generation=1, code="INFERENCE_FAILED", message="x")
    made.handle(messages.WorkerReady(key=KEY, generation=1, seconds=1.0), 1.0)
    made.handle(gone, 2.0)
    made.handle(probed(2.0), 2.0)
    request_lease(made, 2, 3.0)
    instance = made.state.instance(KEY)
    assert (instance.state, instance.generation) == (InstanceState.LOADING, 2)
    for late in (
        gone,
        messages.WorkerReady(key=KEY, generation=1, seconds=1.0),
        messages.WorkerStarted(key=KEY, generation=1, pid=9),
        messages.PingAnswered(key=KEY, generation=1),
        messages.RunFailed(key=KEY, generation=1, code="OOM", message="x"),
    ):
        assert made.handle(late, 3.0) == []
    assert (instance.state, instance.pid) == (InstanceState.LOADING, None)


def test_planner_ignores_the_end_of_an_unknown_lease():
    made = planner()
    assert made.handle(messages.LeaseEnded(request=99), 0.0) == []


def test_lease_of_a_dead_process_ends_without_touching_the_next_process():
    made = planner()
    request_lease(made, 1, 0.0)
    made.handle(messages.WorkerReady(key=KEY, generation=1, seconds=1.0), 1.0)
    made.handle(
        messages.WorkerExited(key=KEY, generation=1, code="INFERENCE_FAILED", message="x"), 2.0
    )
    made.handle(probed(2.0), 2.0)
    request_lease(made, 2, 3.0)
    made.handle(messages.WorkerReady(key=KEY, generation=2, seconds=1.0), 4.0)
    made.handle(messages.LeaseEnded(request=1, succeeded=True), 5.0)
    assert made.state.instance(KEY).leases == {2}
    assert made.state.failures.failures(KEY) == 1


def test_planner_raises_on_an_illegal_transition():
    made = planner()
    with pytest.raises(IllegalTransitionError):
        made.state.instance(KEY).transition(InstanceTrigger.WORKER_READY)
    assert made.state.instance(KEY).state is InstanceState.COLD


def test_planner_returns_its_next_deadline():
    made = planner()
    assert made.next_deadline() == 5.0  # the next reading of the memory
    request_lease(made, 1, 1.0, timeout=2.0)
    assert made.next_deadline() == 3.0
    made.handle(messages.LeaseEnded(request=1), 1.5)
    assert made.next_deadline() == 5.0


def test_planner_uses_saved_footprints_as_estimates():
    spec = ModelSpec(id="a", task=Task.ASR, engine="fake", memory_bytes=10)
    made = Planner(
        [spec],
        [Device("cpu", "CPU", 100)],
        SchedulingPolicy(reserve=0, budget="100%"),
        lambda: 0.5,
        {KEY.footprint_key: 44},
    )
    made.handle(probed(), 0.0)
    request_lease(made, 1, 0.0)
    assert made.state.ledgers["cpu"].reserved == 44

"""Random histories of the planner, and the invariants that hold in all of them."""

from dataclasses import dataclass, replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Priority,
    Task,
)
from wyoming_servers.core.events import ModelEvicted
from wyoming_servers.devices.probe import Device, Reading, Sample
from wyoming_servers.scheduling.planner import (
    actions,
    messages,
)
from wyoming_servers.scheduling.planner.instance import InstanceKey, InstanceState
from wyoming_servers.scheduling.planner.planner import Planner
from wyoming_servers.scheduling.planner.policy import SchedulingPolicy

DEVICES = {"cpu": 12, "cuda:0": 10, "cuda:1": 5}
CPU, CPU8 = Placement("cpu", "float32"), Placement("cpu", "int8")
G0, G1, G08 = (
    Placement("cuda:0", "float16"),
    Placement("cuda:1", "float16"),
    Placement("cuda:0", "int8_float16"),
)


def model(name: str, size: int, *places: Placement, **fields: object) -> ModelSpec:
    return ModelSpec(
        id=name,
        task=fields.pop("task", Task.ASR),
        engine="fake",
        placements=places,
        memory_bytes=size,
        **fields,
    )


SPECS = [
    model("host", 5, CPU, task=Task.TTS),
    model("brief", 4, CPU8, keep_alive=0.0, task=Task.WAKE),
    model("warm", 2, CPU, keep_warm=True),
    model("kept", 3, CPU, keep_alive=-1.0, pinned=True),
    model("ladder", 6, G0, G08, CPU8),
    model("spread", 4, G0, G1, task=Task.TTS),
    model("gpu-only", 5, G0),
    model("huge", 11, G0, CPU, keep_alive=5.0),
    model("nowhere", 3, Placement("cuda:7", "float16")),
    model("unfit", 13, G0, CPU),
]
NAMES = [spec.id for spec in SPECS]
CODES = ["INFERENCE_FAILED", "LOAD_FAILED", "OOM", "DEVICE_LOST", "TIMEOUT", "MODEL_MISSING"]


@dataclass
class Process:
    """A worker as the world has it."""

    pid: int
    size: int
    ready: bool = False
    stop_requested: bool = False
    killed: bool = False


class PlannerMachine(RuleBasedStateMachine):
    """A world that does anything at any time, and a planner that has to cope."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.policy = SchedulingPolicy(
            budget="100%", reserve=0, max_queued_requests=6, request_timeout=30.0, load_timeout=20.0
        )
        self.others = dict.fromkeys(DEVICES, 0)
        self.missing: set[str] = set()
        self.processes: dict[tuple[InstanceKey, int], Process] = {}
        self.waiting: dict[int, float] = {}
        self.held: dict[int, tuple[InstanceKey, int]] = {}
        self.ended: set[int] = set()
        self.questions: set[int] = set()
        self.numbers = 0
        self.installed = set(NAMES)
        self.probe_wanted = False
        self.stopping_hard = False
        devices = [Device(name, name, total) for name, total in DEVICES.items()]
        self.planner = Planner(SPECS, devices, self.policy, jitter=lambda: 0.5)

    # The world's side of the planner

    def send(self, message: messages.PlannerMessage) -> None:
        for action in self.planner.handle(message, self.now):
            self.carry_out(action)

    def carry_out(self, action: actions.Action) -> None:
        match action:
            case actions.LaunchWorker(key=key, generation=generation):
                self.check_launch(key)
                self.numbers += 1
                size = self.planner.state.estimate(key)
                self.processes[key, generation] = Process(self.numbers, size)
                self.send(messages.WorkerStarted(key=key, generation=generation, pid=self.numbers))
            case actions.StopWorker(key=key, generation=generation):
                self.check_stop(key)
                process = self.processes.get((key, generation))
                if process is None:
                    return
                assert not process.stop_requested
                process.stop_requested = True
                leased = (key, generation) in self.held.values()
                assert not leased or self.stopping_hard, "a leased worker was stopped"
            case actions.KillWorker(key=key, generation=generation):
                self.processes[key, generation].killed = True
            case actions.GrantLease(request=request, key=key, generation=generation):
                assert request in self.waiting, "granted what does not wait"
                del self.waiting[request]
                assert self.processes[key, generation].ready
                assert not self.processes[key, generation].stop_requested
                assert not self.processes[key, generation].killed
                self.held[request] = (key, generation)
            case actions.RejectRequest(request=request, code=code):
                assert code
                self.questions.discard(request)
                if request in self.waiting:
                    del self.waiting[request]
                    self.ended.add(request)
                else:
                    assert request not in self.ended, "rejected twice"
                    assert request not in self.held, "rejected after it was granted"
            case actions.ResolveRequest(request=request):
                if request in self.waiting:
                    del self.waiting[request]
                    self.ended.add(request)
                else:
                    assert request in self.questions, "answered twice"
                    self.questions.discard(request)
            case actions.SampleMemory():
                self.probe_wanted = True
            case actions.PublishEvent(event=ModelEvicted(model=name, device=device)):
                model = self.planner.state.models[name]
                assert not model.pinned, "evicted a pinned model"
                victims = {
                    (k.model, k.device) for k, g in self.held.values() if (k, g) in self.processes
                }
                assert (name, device) not in victims, "evicted a busy model"

    def check_stop(self, key: InstanceKey) -> None:
        """A model does not leave for its idle time while it is pinned, or kept warm with ease."""
        state = self.planner.state
        model, instance = state.models[key.model], state.instance(key)
        if instance is None or instance.reason not in ("idle", "memory is needed"):
            return
        assert not model.pinned, "a pinned model was unloaded"
        if instance.reason == "memory is needed":
            assert model.keeps_warm
        elif model.keeps_warm and self.now - instance.idle_since() < self.policy.warm_keep_alive:
            assert state.ledgers[key.device].spare_deficit > 0, "there was memory to spare"

    def check_launch(self, key: InstanceKey) -> None:
        ledger = self.planner.state.ledgers[key.device]
        assert ledger.promised <= ledger.budget, "promised more than the budget"
        assert key.device not in self.missing or self.probe_wanted
        alive = [k for k, _ in self.processes if k == key]
        assert not alive, "loaded twice"
        loading = [
            k
            for (k, _), p in self.processes.items()
            if k.model == key.model and not p.ready
            if not p.stop_requested and not p.killed
        ]
        assert not loading, "two loads of one model at a time"

    def probe(self) -> None:
        self.probe_wanted = False
        readings = {}
        for device, total in DEVICES.items():
            if device in self.missing:
                continue
            held = {p.pid: p.size for (k, _), p in self.processes.items() if k.device == device}
            used = min(total, sum(held.values()) + self.others[device])
            readings[device] = Reading(total=total, free=total - used, used=used, by_pid=held)
        self.send(messages.MemorySampled(sample=Sample(readings), started_at=self.now))

    def pick(self, data: st.DataObject, *, ready: bool | None = None) -> tuple[InstanceKey, int]:
        found = [k for k, p in self.processes.items() if ready is None or p.ready is ready]
        return data.draw(st.sampled_from(found))

    def end(self, which: tuple[InstanceKey, int], code: str) -> None:
        del self.processes[which]
        self.send(
            messages.WorkerExited(key=which[0], generation=which[1], code=code, message="gone")
        )

    # Rules

    @initialize()
    def first_look(self) -> None:
        self.probe()

    @rule(
        name=st.sampled_from([*NAMES, "unknown"]),
        priority=st.sampled_from([None, *Priority]),
        timeout=st.sampled_from([None, 0.5, 10.0]),
        hold=st.sampled_from([True, True, True, False]),
    )
    def request(self, name, priority, timeout, hold) -> None:
        self.numbers += 1
        number = self.numbers
        seconds = self.policy.request_timeout if timeout is None else timeout
        self.waiting[number] = self.now + seconds
        self.send(
            messages.LeaseRequested(
                request=number, model=name, priority=priority, timeout=timeout, wants_lease=hold
            )
        )

    @rule(name=st.sampled_from(NAMES[:8]))
    def request_and_load(self, name) -> None:
        """The common case, so that histories come to models that are in use and full devices."""
        self.request(name, None, None, True)
        for _ in range(3):
            for (key, generation), process in list(self.processes.items()):
                if process.stop_requested or process.killed:
                    self.end((key, generation), "INFERENCE_FAILED")
                elif not process.ready:
                    process.ready = True
                    self.send(messages.WorkerReady(key=key, generation=generation, seconds=1.0))
            self.probe()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def leave_the_queue(self, data) -> None:
        number = data.draw(st.sampled_from(sorted(self.waiting)))
        del self.waiting[number]
        self.ended.add(number)
        self.send(messages.LeaseEnded(request=number, succeeded=False))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), well=st.booleans())
    def end_a_lease(self, data, well) -> None:
        number = data.draw(st.sampled_from(sorted(self.held)))
        del self.held[number]
        self.ended.add(number)
        self.send(messages.LeaseEnded(request=number, succeeded=well))

    @precondition(lambda self: any(not p.ready for p in self.processes.values()))
    @rule(data=st.data())
    def become_ready(self, data) -> None:
        key, generation = self.pick(data, ready=False)
        process = self.processes[key, generation]
        process.ready = True
        self.send(messages.WorkerReady(key=key, generation=generation, seconds=1.0))

    @precondition(lambda self: self.processes)
    @rule(data=st.data(), code=st.sampled_from(CODES))
    def die(self, data, code) -> None:
        self.end(self.pick(data), code)

    @precondition(lambda self: any(p.stop_requested or p.killed for p in self.processes.values()))
    @rule(data=st.data())
    def exit_as_requested(self, data) -> None:
        stopping = [k for k, p in self.processes.items() if p.stop_requested or p.killed]
        self.end(data.draw(st.sampled_from(stopping)), "INFERENCE_FAILED")

    @precondition(lambda self: any(p.ready for p in self.processes.values()))
    @rule(data=st.data(), code=st.sampled_from(["OOM", "DEVICE_LOST"]))
    def fault_of_a_run(self, data, code) -> None:
        key, generation = self.pick(data, ready=True)
        self.send(messages.RunFailed(key=key, generation=generation, code=code, message="!"))

    @precondition(lambda self: self.processes)
    @rule(data=st.data())
    def answer_a_ping(self, data) -> None:
        key, generation = self.pick(data)
        self.send(messages.PingAnswered(key=key, generation=generation))

    @rule(device=st.sampled_from(sorted(DEVICES)), share=st.floats(0, 1))
    def others_come_or_go(self, device, share) -> None:
        self.others[device] = int(DEVICES[device] * share)
        self.probe()

    @rule(device=st.sampled_from(["cuda:0", "cuda:1"]))
    def device_comes_or_goes(self, device) -> None:
        self.missing ^= {device}
        self.probe()

    @rule(name=st.sampled_from(NAMES))
    def operator_loads(self, name) -> None:
        self.numbers += 1
        self.questions.add(self.numbers)
        self.send(messages.LoadRequested(request=self.numbers, model=name))

    @rule(name=st.sampled_from(NAMES))
    def operator_unloads(self, name) -> None:
        self.numbers += 1
        self.questions.add(self.numbers)
        self.send(messages.UnloadRequested(request=self.numbers, model=name))

    @rule(name=st.sampled_from(NAMES))
    def removed_and_added(self, name) -> None:
        self.numbers += 1
        self.questions.add(self.numbers)
        self.installed.discard(name)
        self.send(messages.RemoveModelRequested(request=self.numbers, model=name))

    @rule(spec=st.sampled_from(SPECS))
    def added(self, spec) -> None:
        self.installed.add(spec.id)
        self.send(messages.AddModelRequested(spec=spec))

    @rule(
        spec=st.sampled_from(SPECS),
        threads=st.sampled_from([1, 2, 3]),
        load=st.booleans(),
        abandoned=st.booleans(),
    )
    def settings_change(self, spec, threads, load, abandoned) -> None:
        self.numbers += 1
        self.questions.add(self.numbers)
        changed = replace(spec, options={**spec.options, "threads": threads})
        self.send(messages.ReplaceModelRequested(request=self.numbers, spec=changed, load=load))
        if abandoned:
            self.send(messages.ReplaceAbandoned(request=self.numbers, model=spec.id))

    @rule(spec=st.sampled_from(SPECS), seconds=st.sampled_from([0.0, 1.0]))
    def remove_and_add_again(self, spec, seconds) -> None:
        """As a download does that is canceled while it makes room: leases may still be open."""
        self.removed_and_added(spec.id)
        self.pass_time(seconds)
        self.added(spec)

    @rule(
        name=st.sampled_from(NAMES),
        keep_alive=st.sampled_from([None, 0.0, 3.0, -1.0]),
        pinned=st.sampled_from([None, True, False]),
    )
    def policy_changes(self, name, keep_alive, pinned) -> None:
        self.send(messages.PolicyUpdated(model=name, keep_alive=keep_alive, pinned=pinned))

    @rule(
        used=st.frozensets(st.sampled_from(NAMES)),
        pinned=st.frozensets(st.sampled_from(NAMES), max_size=2),
    )
    def others_are_in_use(self, used, pinned) -> None:
        pins = dict.fromkeys(pinned, ("somebody",))
        self.send(messages.ResidencyChanged(in_use=used, pins=pins))

    @rule(name=st.sampled_from(NAMES))
    def prefetch(self, name) -> None:
        self.send(messages.PrefetchRequested(model=name, reason="speech"))

    @rule(names=st.lists(st.sampled_from(NAMES), max_size=3))
    def preload(self, names) -> None:
        self.send(messages.PreloadRequested(models=tuple(names)))

    @rule(accepting=st.sampled_from([True, True, False]))
    def accept(self, accepting) -> None:
        self.send(messages.AcceptingSet(accepting=accepting))

    @rule(seconds=st.sampled_from([0.1, 0.3, 1.0, 2.5, 6.0, 61.0, 400.0]))
    def time_passes(self, seconds) -> None:
        self.pass_time(seconds)

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        for _ in range(5_000):
            if self.probe_wanted:
                self.probe()
            at = self.planner.next_deadline()
            if at is None or at > end:
                break
            self.now = max(self.now, at)
            self.send(messages.Tick())
        else:
            due = {t: at for t, at in self.planner.state.timers._at.items() if at <= end}
            raise AssertionError(f"the timers never come to rest at {self.now} to {end}: {due}")
        self.now = end

    # Invariants

    @invariant()
    def scheduler_rounds_are_skipped_only_without_pending_work(self) -> None:
        state = self.planner.state
        if not state.has_pending_work and not state.stopping:
            assert state.queue.is_empty
            assert not any(model.needs_planning for model in state.models.values())

    @invariant()
    def added_models_are_available(self) -> None:
        state = self.planner.state
        available = {name for name in state.models if state.available_model(name) is not None}
        assert available == self.installed

    @invariant()
    def requests_wait_no_longer_than_their_deadline(self) -> None:
        assert all(self.now < deadline + 1e-6 for deadline in self.waiting.values())

    @invariant()
    def state_agrees_with_the_processes(self) -> None:
        state = self.planner.state
        assert set(self.waiting) == {r for d in state.queue for r in d.requests}
        assert len(state.queue) <= self.policy.max_queued_requests
        for instance in state.instances():
            alive = (instance.key, instance.generation) in self.processes
            assert instance.alive == alive, f"{instance.key} {instance.state}"
            held = {n for n, k in self.held.items() if k == (instance.key, instance.generation)}
            if alive and not self.stopping_hard:
                assert instance.leases == held
        for device, ledger in state.ledgers.items():
            alive = [i for i in state.instances() if i.alive and i.key.device == device]
            assert ledger.reserved + ledger.committed == sum(ledger.size_of(i.key) for i in alive)

    @invariant()
    def requests_do_not_wait_for_a_ready_model(self) -> None:
        state = self.planner.state
        for load in state.queue:
            assert not load.requests or state.models[load.model].ready_instance() is None

    @invariant()
    def queued_instances_are_requested(self) -> None:
        state = self.planner.state
        for instance in state.instances():
            model = state.models[instance.key.model]
            serving = model.ready_instance() or model.loading_instance()
            if instance.state is InstanceState.QUEUED:
                better = serving is not None and model.placement_tier(
                    instance.key
                ) < model.placement_tier(serving.key)
                assert better or state.queue.get(instance.key.model) is not None

    @invariant()
    def public_states_are_published(self) -> None:
        state = self.planner.state
        for model in state.models.values():
            for instance in model.instances.values():
                assert instance.published_state is model.shown_state(instance)
        shown = self.planner.snapshot(self.now, 1_700_000_000.0)
        assert shown.queue_depth == len(self.waiting)

    @invariant()
    def unfit_models_fit_on_no_device(self) -> None:
        state = self.planner.state
        for model in state.models.values():
            known = [p for p in model.spec.placements if p.device in state.ledgers]
            fits = any(
                state.estimate(InstanceKey(model.spec.id, p)) <= state.ledgers[p.device].ceiling
                for p in known
            )
            assert (model.unfit is not None) == (bool(known) and not fits)

    @rule(share=st.sampled_from(["20%", "60%", "100%"]))
    def budget_changes(self, share) -> None:
        policy = replace(self.policy, budget=share)
        self.send(messages.SchedulingPolicyChanged(policy=policy))

    def teardown(self) -> None:
        """Stop, and see that nothing is left of anything."""
        if self.numbers % 2:
            self.come_to_rest()
        self.send(messages.ShutdownRequested())
        assert not self.waiting
        for which in [k for k, p in self.processes.items() if p.stop_requested or p.killed]:
            self.end(which, "INFERENCE_FAILED")
        self.stopping_hard = True
        self.send(messages.ShutdownRequested(immediate=True))
        for which in list(self.processes):
            process = self.processes[which]
            assert process.stop_requested or process.killed
            self.end(which, "INFERENCE_FAILED")
        self.pass_time(10.0)
        assert all(ledger.is_empty for ledger in self.planner.state.ledgers.values())
        assert not self.questions
        assert all(
            i.state in (InstanceState.COLD, InstanceState.FAILED)
            for i in self.planner.state.instances()
        )

    def come_to_rest(self) -> None:
        """End all leases and let workers load and exit: the system becomes idle."""
        self.others = dict.fromkeys(DEVICES, 0)
        self.missing = set()
        self.send(messages.AcceptingSet(accepting=True))
        for number in [*self.waiting, *self.held]:
            self.waiting.pop(number, None)
            self.held.pop(number, None)
            self.send(messages.LeaseEnded(request=number))
        self.send(messages.ResidencyChanged())
        for name in NAMES:
            self.send(messages.PolicyUpdated(model=name, keep_alive=3.0, pinned=False))
        for _ in range(400):
            self.pass_time(2.0)
            for (key, generation), process in list(self.processes.items()):
                if process.stop_requested or process.killed:
                    self.end((key, generation), "INFERENCE_FAILED")
                elif not process.ready:
                    process.ready = True
                    self.send(messages.WorkerReady(key=key, generation=generation, seconds=1.0))
                else:
                    self.send(messages.PingAnswered(key=key, generation=generation))
            if not self.processes and not self.planner.state.queue.ordered(self.now):
                break
        assert not self.processes, "it never became quiet"
        self.pass_time(10.0)
        assert all(ledger.promised == 0 for ledger in self.planner.state.ledgers.values())


TestPlanner = PlannerMachine.TestCase
TestPlanner.settings = settings(
    max_examples=80,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

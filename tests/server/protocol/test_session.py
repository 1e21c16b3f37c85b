"""Legal transitions, and two correct ends that never blame each other."""

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wyoming_servers.protocol.messages import (
    MESSAGES,
    Cancel,
    Credit,
    ErrorMessage,
    InferenceChunk,
    InferenceResult,
    InputChunk,
    InputEnd,
    LoadModel,
    Message,
    ModelReady,
    ModelUnloadedMessage,
    Peer,
    Ping,
    Pong,
    ProgressMessage,
    ProtocolError,
    RunInference,
    UnloadModel,
)
from wyoming_servers.protocol.session import SENDERS, ProtocolSession, RunPhase, WorkerPhase

LOAD = LoadModel(model="m", engine="fake", kind="asr")
READY = ModelReady(seconds=1.0)
FAILED = ErrorMessage(code="LOAD_FAILED", message="No.")


def ready_pair() -> tuple[ProtocolSession, ProtocolSession]:
    server, worker = ProtocolSession(Peer.SERVER), ProtocolSession(Peer.WORKER)
    server.send(LOAD)
    worker.receive(LOAD)
    worker.send(READY)
    server.receive(READY)
    return server, worker


def running_session(*, streaming: bool) -> ProtocolSession:
    server, _ = ready_pair()
    server.send(RunInference(run=1, streaming=streaming))
    return server


def test_every_message_has_a_sender() -> None:
    assert set(SENDERS) == set(MESSAGES.values())


def test_worker_goes_from_new_to_closed() -> None:
    server = ProtocolSession(Peer.SERVER)
    seen = [server.phase]
    for sent, message in [
        (True, LOAD),
        (False, ProgressMessage(phase="load", percent=10)),
        (False, READY),
        (True, UnloadModel()),
        (False, ModelUnloadedMessage()),
    ]:
        assert server.send(message) if sent else server.receive(message)
        seen.append(server.phase)
    assert seen == [
        WorkerPhase.NEW,
        WorkerPhase.LOADING,
        WorkerPhase.LOADING,
        WorkerPhase.READY,
        WorkerPhase.UNLOADING,
        WorkerPhase.CLOSED,
    ]


def test_failed_load_closes_the_worker() -> None:
    server = ProtocolSession(Peer.SERVER)
    server.send(LOAD)
    server.receive(FAILED)
    assert server.phase is WorkerPhase.CLOSED


@pytest.mark.parametrize("message", [READY, FAILED, InferenceChunk(run=1), ModelUnloadedMessage()])
def test_worker_is_at_fault_for_a_message_before_the_load(message: Message) -> None:
    server = ProtocolSession(Peer.SERVER)
    with pytest.raises(ProtocolError) as caught:
        server.receive(message)
    assert caught.value.fault is Peer.WORKER
    assert server.phase is WorkerPhase.NEW


def test_server_is_at_fault_for_a_run_before_ready_on_either_end() -> None:
    for session, move in (
        (server := ProtocolSession(Peer.SERVER), server.send),
        (worker := ProtocolSession(Peer.WORKER), worker.receive),
    ):
        with pytest.raises(ProtocolError) as caught:
            move(RunInference(run=1))
        assert caught.value.fault is Peer.SERVER
        assert session.runs == ()


def test_message_of_the_wrong_peer_is_rejected() -> None:
    server, worker = ready_pair()
    with pytest.raises(ProtocolError):
        server.receive(UnloadModel())
    with pytest.raises(ProtocolError):
        worker.send(Ping())


def test_second_load_is_illegal() -> None:
    server, _ = ready_pair()
    with pytest.raises(ProtocolError):
        server.send(LOAD)


@pytest.mark.parametrize("run", [0, -1, 1])
def test_run_numbers_must_increase(run: int) -> None:
    server = running_session(streaming=False)
    with pytest.raises(ProtocolError):
        server.send(RunInference(run=run))
    assert server.runs == (1,)


def test_streaming_run_accepts_input_until_its_end() -> None:
    server = running_session(streaming=True)
    assert server.send(InputChunk(run=1))
    assert server.send(InputEnd(run=1))
    assert server.run_phase(1) is RunPhase.INPUT_CLOSED
    with pytest.raises(ProtocolError) as caught:
        server.send(InputChunk(run=1))
    assert caught.value.fault is Peer.SERVER


def test_run_that_does_not_stream_rejects_input() -> None:
    server = running_session(streaming=False)
    with pytest.raises(ProtocolError):
        server.send(InputChunk(run=1))


def test_worker_is_at_fault_for_a_result_before_the_input_end() -> None:
    server = running_session(streaming=True)
    with pytest.raises(ProtocolError) as caught:
        server.receive(InferenceResult(run=1))
    assert caught.value.fault is Peer.WORKER
    assert server.run_phase(1) is RunPhase.OPEN


@pytest.mark.parametrize(
    "last", [InferenceResult(run=1), ErrorMessage(code="X", message="", run=1)]
)
def test_run_ends_once(last: Message) -> None:
    server = running_session(streaming=False)
    assert server.receive(InferenceChunk(run=1))
    assert server.receive(last)
    assert server.run_phase(1) is RunPhase.ENDED
    for more in (InferenceChunk(run=1), last):
        with pytest.raises(ProtocolError):
            server.receive(more)


def test_message_for_a_run_that_was_never_started_is_rejected() -> None:
    server = running_session(streaming=False)
    with pytest.raises(ProtocolError, match="never started"):
        server.receive(InferenceChunk(run=2))


def test_message_that_crossed_a_cancel_is_ignored() -> None:
    server = running_session(streaming=False)
    assert server.send(Cancel(target=1))
    assert not server.receive(InferenceChunk(run=1))
    assert not server.receive(InferenceResult(run=1))
    assert server.run_phase(1) is RunPhase.ENDED


def test_cancelled_worker_sends_only_its_error() -> None:
    _, worker = ready_pair()
    worker.receive(RunInference(run=1))
    assert worker.receive(Cancel(target=1))
    assert not worker.send(InferenceChunk(run=1))
    assert not worker.send(InferenceResult(run=1))
    assert worker.send(ErrorMessage(code="CANCELLED", message="", run=1))
    assert worker.runs == ()


def test_server_drops_messages_for_a_run_that_has_ended() -> None:
    server = running_session(streaming=True)
    server.receive(ErrorMessage(code="X", message="", run=1))
    for message in (InputChunk(run=1), InputEnd(run=1), Cancel(target=1), Credit(run=1, size=1)):
        assert not server.send(message)


def test_second_cancel_is_illegal() -> None:
    server = running_session(streaming=False)
    server.send(Cancel(target=1))
    with pytest.raises(ProtocolError):
        server.send(Cancel(target=1))


def test_ready_may_cross_an_unload() -> None:
    server = ProtocolSession(Peer.SERVER)
    server.send(LOAD)
    server.send(UnloadModel())
    assert not server.receive(READY)
    assert server.phase is WorkerPhase.UNLOADING
    assert server.receive(ModelUnloadedMessage())


def test_pong_needs_a_ping() -> None:
    server, _ = ready_pair()
    server.send(Ping())
    assert server.receive(Pong())
    with pytest.raises(ProtocolError):
        server.receive(Pong())


def test_ping_is_legal_in_any_phase() -> None:
    server = ProtocolSession(Peer.SERVER)
    server.send(Ping())
    server.send(LOAD)
    server.send(Ping())
    server.receive(READY)
    server.send(RunInference(run=1))
    assert server.send(Ping())


RUN = st.integers(1, 3)
ACTIONS = st.one_of(
    st.sampled_from(["to server", "to worker", "to server", "to worker"]),
    st.builds(
        lambda run, streaming: RunInference(run=run, streaming=streaming), RUN, st.booleans()
    ),
    st.builds(lambda run: InputChunk(run=run), RUN),
    st.builds(lambda run: InputEnd(run=run), RUN),
    st.builds(lambda run: Cancel(target=run), RUN),
    st.builds(lambda run: InferenceChunk(run=run), RUN),
    st.builds(lambda run: InferenceResult(run=run), RUN),
    st.builds(lambda run: ErrorMessage(code="X", message="", run=run), RUN),
    st.builds(lambda run: ProgressMessage(phase="inference", run=run), RUN),
    st.tuples(st.sampled_from(Peer), st.builds(lambda run: Credit(run=run, size=1), RUN)),
    st.sampled_from(
        [
            LOAD,
            READY,
            FAILED,
            ProgressMessage(phase="load"),
            UnloadModel(),
            ModelUnloadedMessage(),
            Ping(),
            Pong(),
        ]
    ),
)


@settings(max_examples=400)
@given(st.booleans(), st.lists(ACTIONS, max_size=60))
def test_two_correct_ends_never_blame_each_other(
    loaded: bool, actions: list[str | Message | tuple[Peer, Message]]
) -> None:
    """Each end sends only what its own table allows; then `receive` never raises."""
    server, worker = (
        ready_pair() if loaded else (ProtocolSession(Peer.SERVER), ProtocolSession(Peer.WORKER))
    )
    to_worker: deque[Message] = deque()
    to_server: deque[Message] = deque()
    for action in [*actions, *["to server", "to worker"] * 60]:
        if action == "to server":
            if to_server:
                server.receive(to_server.popleft())
        elif action == "to worker":
            if to_worker:
                worker.receive(to_worker.popleft())
        elif not isinstance(action, str):
            side, message = (
                action if isinstance(action, tuple) else (min(SENDERS[type(action)]), action)
            )
            sender, pipe = (server, to_worker) if side is Peer.SERVER else (worker, to_server)
            try:
                if sender.send(message):
                    pipe.append(message)
            except ProtocolError as err:
                assert err.fault is side  # noqa: PT017  (the rule under test is who is blamed)
    assert server.runs == worker.runs
    assert server.phase is worker.phase or WorkerPhase.CLOSED in (server.phase, worker.phase)

"""Turns events into log lines, one readable line each.

Warning and error: a user should act. Info: what a healthy server does from time to time. Debug:
what happens at every request or many times a minute.
"""

import logging
from collections.abc import Callable
from typing import Any, Final

from wyoming_servers.core import events
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import Event

_LOGGER: Final = logging.getLogger("wyoming_servers.events")

_CANCELLED: Final = "CANCELLED"
"""Code of a request whose client disconnected: logged, but not as a failure."""

LogLine = tuple[int, str]
"""Level and message."""


async def log_events(bus: EventBus) -> None:
    """Log every event until cancelled, then those that were published before."""
    with bus.subscribe() as subscription:
        try:
            async for item in subscription:
                log_event(item.event)
        finally:
            for item in subscription.drain():
                log_event(item.event)


def log_event(event: Event) -> None:
    """Log one event; the JSON log contains its fields too."""
    level, text = describe_event(event)
    if _LOGGER.isEnabledFor(level):
        _LOGGER.log(level, "%s", text, extra={"event": event.as_dict()})


def describe_event(event: Event) -> LogLine:
    """Return the level and the message of an event."""
    describe = _DESCRIPTIONS.get(type(event))
    if describe is None:
        return logging.DEBUG, f"{event.type} {event.as_dict()}"
    return describe(event)


def format_bytes(size: int) -> str:
    """Return a size in decimal units: `350 MB`, `3.9 GB`."""
    if size >= 1_000_000_000:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB"


def _started(event: events.ServerStarted) -> LogLine:
    ports = ", ".join(f"{name} on {port}" for name, port in event.ports.items())
    return logging.INFO, f"serving {ports}" if ports else "no port is open"


def _stopping(_event: events.ServerStopping) -> LogLine:
    return logging.INFO, "shutting down; running requests may finish"


def _ignored(event: events.SettingIgnored) -> LogLine:
    meant = f" Did you mean `{event.suggestion}`?" if event.suggestion else ""
    where = f" ({event.where})" if event.where else ""
    text = f"Ignored setting, the default is used. {event.key}: {event.message}{meant}{where}"
    return logging.WARNING, text


def _set_aside(event: events.FileSetAside) -> LogLine:
    return logging.ERROR, f"{event.path} was set aside as {event.moved_to}: {event.reason}"


def _references_changed(event: events.ReferencesChanged) -> LogLine:
    return logging.DEBUG, f"{event.owner} declared the models that it needs"


def _pins_changed(event: events.PinsChanged) -> LogLine:
    return logging.INFO, f"{event.owner} keeps loaded: {', '.join(event.models) or 'nothing'}"


def _config_changed(event: events.ConfigChanged) -> LogLine:
    text = f"settings changed: {', '.join(event.changed)}"
    if event.restart_needed:
        text += f"; after a restart: {', '.join(event.restart_needed)}"
    return logging.INFO, text


def _accepting(event: events.AcceptingChanged) -> LogLine:
    if event.accepting:
        return logging.INFO, "resumed: new requests are accepted"
    return logging.WARNING, "paused: new requests are refused until the server is resumed"


def _state(event: events.ModelStateChanged) -> LogLine:
    why = f" ({event.reason})" if event.reason else ""
    return logging.DEBUG, f"{event.model} is {event.state}{why}"


def _queued(event: events.ModelQueued) -> LogLine:
    return logging.DEBUG, f"{event.model} is queued for loading at position {event.position}"


def _joined(event: events.ModelJoined) -> LogLine:
    return logging.DEBUG, f"{event.waiting} requests are waiting for {event.model}"


def _waiting(event: events.ModelWaiting) -> LogLine:
    return logging.WARNING, (
        f"{event.model} needs {format_bytes(event.needed_bytes)} on {event.device}, but only "
        f"{format_bytes(event.free_bytes)} are free; retrying in {event.retry_seconds:.0f} s"
    )


def _loading(event: events.ModelLoading) -> LogLine:
    return logging.INFO, f"loading {event.model} on {event.device} ({event.compute_type})"


def _progressed(event: events.ModelProgressed) -> LogLine:
    done = f" {event.percent}%" if event.percent >= 0 else ""
    return logging.DEBUG, f"{event.model}: {event.phase}{done}"


def _loaded(event: events.ModelLoaded) -> LogLine:
    return logging.INFO, (
        f"{event.model} is ready on {event.device} after {event.seconds:.1f} s, "
        f"{format_bytes(event.memory_bytes)}"
    )


def _unloaded(event: events.ModelUnloaded) -> LogLine:
    level = logging.WARNING if event.reason == "crash" else logging.INFO
    freed = f", {format_bytes(event.freed_bytes)} freed" if event.freed_bytes else ""
    return level, f"{event.model} was unloaded ({event.reason}){freed}"


def _evicted(event: events.ModelEvicted) -> LogLine:
    return logging.INFO, (
        f"{event.model} was evicted to load {event.for_model}: frees "
        f"{format_bytes(event.memory_bytes)}, idle for {event.idle_seconds:.0f} s"
    )


def _installed(event: events.ModelInstalled) -> LogLine:
    return logging.INFO, f"{event.model} was installed"


def _removed(event: events.ModelRemoved) -> LogLine:
    return logging.INFO, f"{event.model} was removed"


def _failed(event: events.ModelFailed) -> LogLine:
    if event.retry_seconds is None:
        then = "retrying at the next request"
    else:
        then = f"retrying in {event.retry_seconds:.0f} s"
    return logging.ERROR, (
        f"{event.model} failed, attempt {event.attempt} [{event.code}]: {event.message} ({then})"
    )


def _fell_back(event: events.ModelFellBack) -> LogLine:
    return logging.WARNING, (
        f"{event.model} runs on {event.to_device} ({event.to_compute_type}) instead of "
        f"{event.device} ({event.compute_type}): {event.reason}"
    )


def _pressure(event: events.PressureChanged) -> LogLine:
    level = logging.INFO if event.level == "normal" else logging.WARNING
    return level, f"memory use of {event.device} is {event.level}: {event.used_fraction:.0%}"


def _speech(event: events.SpeechStarted) -> LogLine:
    return logging.DEBUG, f"{event.client}: speech started"


def _speaker_recognized(event: events.SpeakerRecognized) -> LogLine:
    # No names: the log may be sent to others with a bug report.
    found = "an enrolled speaker" if event.speaker_id else "no enrolled speaker"
    level = logging.INFO if event.refused else logging.DEBUG
    refused = "; the speech is not answered" if event.refused else ""
    return level, f"{event.client}: {found} (confidence {event.confidence:.2f}){refused}"


def _speakers_changed(event: events.SpeakersChanged) -> LogLine:
    return logging.INFO, f"speakers changed: {event.count} are enrolled"


def _transcript_grew(event: events.TranscriptGrew) -> LogLine:
    return logging.DEBUG, f"{event.client}: partial transcript of {len(event.text)} characters"


def _speculation(event: events.SpeculationEnded) -> LogLine:
    return logging.DEBUG, (
        f"{event.client}: speculative transcription took {event.seconds:.2f} s, {event.outcome}"
    )


def _wake(event: events.WakeWordDetected) -> LogLine:
    suppressed = ", suppressed" if event.suppressed else ""
    return logging.INFO, (
        f"{event.client}: detected {event.word} (score {event.score:.2f}{suppressed})"
    )


def _retried(event: events.RequestRetried) -> LogLine:
    return logging.WARNING, (
        f"{event.kind} for {event.client} with {event.model} failed, retrying once "
        f"[{event.code}]: {event.message}"
    )


def _finished(event: events.RequestFinished) -> LogLine:
    request = f"{event.kind} for {event.client} with {event.model or 'no model'}"
    if event.code and event.code != _CANCELLED:
        return logging.WARNING, (
            f"{request} failed after {event.seconds:.2f} s [{event.code}]: {event.message}"
        )
    stages = ", ".join(f"{name} {seconds:.2f}" for name, seconds in event.stages.items())
    ended = "cancelled by the client" if event.code else "done"
    return logging.INFO, f"{request}: {ended} in {event.seconds:.2f} s" + (
        f" ({stages})" if stages else ""
    )


def _job_queued(event: events.JobQueued) -> LogLine:
    return logging.INFO, f"job {event.job} for {event.model} was queued"


def _job_started(event: events.JobStarted) -> LogLine:
    return logging.INFO, f"job {event.job} for {event.model} started"


def _job_progressed(event: events.JobProgressed) -> LogLine:
    return logging.DEBUG, f"job {event.job}: {event.percent}%"


def _job_finished(event: events.JobFinished) -> LogLine:
    if event.code:
        return logging.WARNING, f"job {event.job} failed [{event.code}]: {event.message}"
    return logging.INFO, f"job {event.job} is {event.status}"


_DESCRIPTIONS: Final[dict[type[Event], Callable[[Any], LogLine]]] = {
    events.ServerStarted: _started,
    events.ServerStopping: _stopping,
    events.FileSetAside: _set_aside,
    events.SettingIgnored: _ignored,
    events.ConfigChanged: _config_changed,
    events.PinsChanged: _pins_changed,
    events.ReferencesChanged: _references_changed,
    events.AcceptingChanged: _accepting,
    events.ModelStateChanged: _state,
    events.ModelQueued: _queued,
    events.ModelJoined: _joined,
    events.ModelWaiting: _waiting,
    events.ModelLoading: _loading,
    events.ModelProgressed: _progressed,
    events.ModelLoaded: _loaded,
    events.ModelUnloaded: _unloaded,
    events.ModelEvicted: _evicted,
    events.ModelInstalled: _installed,
    events.ModelRemoved: _removed,
    events.ModelFailed: _failed,
    events.ModelFellBack: _fell_back,
    events.PressureChanged: _pressure,
    events.SpeechStarted: _speech,
    events.SpeakerRecognized: _speaker_recognized,
    events.SpeakersChanged: _speakers_changed,
    events.TranscriptGrew: _transcript_grew,
    events.SpeculationEnded: _speculation,
    events.WakeWordDetected: _wake,
    events.RequestRetried: _retried,
    events.RequestFinished: _finished,
    events.JobQueued: _job_queued,
    events.JobStarted: _job_started,
    events.JobProgressed: _job_progressed,
    events.JobFinished: _job_finished,
}

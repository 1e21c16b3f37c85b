"""What services and the panel tell of the server, ready for JSON."""

from dataclasses import asdict
from typing import Any

from .api import Device, Model, Trace
from .coordinator import ConductorCoordinator


def model_view(model: Model) -> dict[str, Any]:
    """Return what is worth knowing of a model."""
    return {
        "id": model.id,
        "kind": model.kind,
        "state": model.state.value,
        "device": model.device,
        "compute_type": model.compute_type,
        # While it is not loaded, the server tells an estimate; what it holds is nothing.
        "memory_bytes": model.memory_bytes if model.is_loaded else 0,
        "kept": model.is_kept,
        "active_requests": model.active_requests,
        "queued_requests": model.queued_requests,
        "requests": model.requests,
        "errors": model.errors,
        "last_seconds": model.last_seconds,
        "real_time_factor": model.real_time_factor,
        "last_used": model.last_used.isoformat() if model.last_used else None,
        "percent": model.progress.percent if model.progress else None,
        "error": model.error.message if model.error else None,
    }


def device_view(device: Device) -> dict[str, Any]:
    """Return what is worth knowing of a compute device."""
    return asdict(device)


def trace_view(trace: Trace) -> dict[str, Any]:
    """Return a request, its stages in the order in which they ended."""
    return {
        "kind": trace.kind,
        "model": trace.model,
        "device": trace.device,
        "client": trace.client,
        "ended_at": trace.ended_at.isoformat(),
        "seconds": trace.seconds,
        "code": trace.code,
        "message": trace.message,
        "stages": dict(trace.stages),
    }


def server_view(coordinator: ConductorCoordinator) -> dict[str, Any]:
    """Return everything about a server at this moment."""
    snapshot = coordinator.data
    status = snapshot.status
    return {
        "available": coordinator.last_update_success,
        "title": coordinator.config_entry.title,
        "version": snapshot.info.version,
        "ready": status.ready,
        "reasons": list(status.reasons),
        "accepting": status.accepting is not False,
        "queue_depth": status.queue_depth,
        "active_requests": snapshot.active_requests,
        "requests": snapshot.requests,
        "disk_free_bytes": snapshot.disk_free,
        "models": [model_view(model) for model in status.models.values()],
        "devices": [device_view(device) for device in status.devices.values()],
    }

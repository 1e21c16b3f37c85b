"""Renders the response to `GET /status` as tables for `top`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from wyoming_servers.cli.output import megabytes

_BAR_COLUMNS: Final = 20
"""Width of the memory bar of a device."""

_PRESSURE_STYLES: Final = {"normal": "green", "warning": "yellow", "critical": "red"}

_STATE_STYLES: Final = {
    "ready": "green",
    "loading": "cyan",
    "waiting_for_gpu": "yellow",
    "unloading": "blue",
    "failed": "red",
    "unloaded": "dim",
}

_EVENT_STYLES: Final = {"debug": "dim", "info": "", "warning": "yellow", "error": "red"}

Row = Mapping[str, Any]


def render_status(status: Row, notice: str = "", height: int | None = None) -> RenderableType:
    """Render one frame; `notice` is an additional line, such as a lost connection.

    With a `height` in lines, only as many of the last events are shown as fit.
    """
    above: list[RenderableType] = [_header(status)]
    if notice:
        above.append(Text(notice, style="bold red"))
    transitions = _transitions(status)
    above += [Text(""), _devices(status), Text(""), _models(status), *transitions, Text("")]
    events = status["events"]
    if height is not None:
        tables = 3 + len(status["devices"]) + len(status["models"])
        room = height - tables - (len(above) - 2) - bool(status["reasons"]) - 1
        events = events[-max(1, room) :]
    return Group(*above, _events(events))


def _header(status: Row) -> Text:
    ready = Text("ready", "green") if status["ready"] else Text("not ready", "yellow")
    head = Text.assemble(
        ("Wyoming Conductor ", "bold"),
        f"{status['version']}, up {format_duration(status['uptime_secs'])}, ",
        ready,
        f", {status['active_requests']} active, {status['queue_depth']} waiting",
    )
    if status["reasons"]:
        head.append(f"\n{'; '.join(status['reasons'])}", "yellow")
    return head


def _devices(status: Row) -> Table:
    table = _table("device", "memory", "models", "loading", "others", "budget", "pressure", "load")
    for device in status["devices"]:
        if not device["present"]:
            table.add_row(device["device"], Text("cannot be read", "red"), *[""] * 6)
            continue
        loading = device["reserved_bytes"] + device["returning_bytes"]
        table.add_row(
            f"{device['device']} {device['name']}",
            _memory_bar(device),
            megabytes(device["committed_bytes"]),
            megabytes(loading) if loading else "-",
            megabytes(device["others_bytes"]),
            megabytes(device["budget_bytes"]),
            Text(device["pressure"], _PRESSURE_STYLES.get(device["pressure"], "")),
            _utilization(device),
        )
    return table


def _memory_bar(device: Row) -> Text:
    """Draw the memory of models, of loads in progress, of other programs, and free memory."""
    total = max(1, device["total_bytes"])
    shares = (
        (device["committed_bytes"], "█", "green"),
        (device["reserved_bytes"] + device["returning_bytes"], "▒", "cyan"),
        (device["others_bytes"], "█", "bright_black"),
    )
    bar, left = Text(), _BAR_COLUMNS
    for size, sign, style in shares:
        # At least one column for each share above zero.
        width = min(left, max(round(_BAR_COLUMNS * size / total), 1 if size else 0))
        bar.append(sign * width, style)
        left -= width
    return bar.append("·" * left, "dim").append(f" {megabytes(total)}")


def _utilization(device: Row) -> str:
    parts: tuple[tuple[str, Callable[[float], str]], ...] = (
        ("utilisation", lambda share: f"{share:.0%}"),
        ("temperature", lambda degrees: f"{degrees:.0f} °C"),
        ("power", lambda watts: f"{watts:.0f} W"),
    )
    return ", ".join(show(device[name]) for name, show in parts if device.get(name) is not None)


def _models(status: Row) -> Table:
    table = _table("model", "kind", "state", "where", "uses", "waiting", "memory", "leaves", "note")
    for model in status["models"]:
        state = model["state"]
        loaded = state in ("ready", "loading", "unloading")
        table.add_row(
            model["id"],
            model["kind"],
            Text(state, _STATE_STYLES.get(state, "")),
            f"{model['device']}/{model['compute_type']}" if loaded else "",
            str(model["active_requests"] or "-"),
            str(model["queued_requests"] or "-"),
            megabytes(model["memory_bytes"]) if loaded else "-",
            _unload_time(model),
            model_note(model),
        )
    return table


def _unload_time(model: Row) -> str:
    """Return when a model is unloaded."""
    if model["state"] != "ready":
        return "-"
    if model["keep_alive"] < 0:
        return "never"
    left = model.get("unload_in_secs")
    text = "after use" if left is None else f"in {format_duration(left)}"
    return f"{text}, pinned" if model["pinned"] else text


def model_note(model: Row) -> str:
    """Return details of a model besides its state: progress, errors, retries, fallbacks."""
    parts = []
    if (progress := model.get("progress")) and model["state"] == "loading":
        percent = progress["percent"]
        parts.append(progress["phase"] + (f" {percent} %" if percent >= 0 else ""))
    if (needed := model.get("needed_bytes")) is not None:
        parts.append(f"needs {megabytes(needed)}, {megabytes(model.get('free_bytes') or 0)} free")
    if error := model.get("error"):
        parts.append(f"[{error['code']}] {error['message']}")
    if (retry := model.get("retry_in_secs")) is not None and model["state"] != "ready":
        parts.append(f"next try in {format_duration(retry)}")
    if reason := model.get("fallback_reason"):
        parts.append(f"fell back: {reason}")
    return "; ".join(parts)


def _transitions(status: Row) -> list[Text]:
    """List instances that start or stop; the table has one row for each model only."""
    return [
        Text(
            f"{instance['model']} on {instance['device']} is {instance['state']}"
            + (f": {instance['reason']}" if instance["reason"] else ""),
            "dim",
        )
        for instance in status["instances"]
        if instance["state"] in ("queued", "draining", "stopping")
    ]


def _events(events: Sequence[Row]) -> Table:
    table = _table("time", "event")
    for event in events:
        style = _EVENT_STYLES.get(event["level"], "")
        table.add_row(event["at"][11:19], Text(event["text"], style))
    return table


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, no_wrap=title not in ("note", "event"), overflow="ellipsis")
    return table


def format_duration(seconds: float) -> str:
    """Format seconds for people: `42 s`, `4:05 min`, `3 h 20 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // 3_600} h {whole % 3_600 // 60} min"

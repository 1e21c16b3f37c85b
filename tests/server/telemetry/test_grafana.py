"""The Grafana dashboard uses only existing metrics."""

import json
import re
from pathlib import Path

from wyoming_servers.core.events import (
    ModelFailed,
    ModelLoaded,
    ModelUnloaded,
    RequestFinished,
    WakeWordDetected,
)
from wyoming_servers.scheduling.status import Snapshot
from wyoming_servers.telemetry.metrics import PREFIX, Metrics

DASHBOARD = Path(__file__).parents[3] / "docs" / "grafana.json"


def test_dashboard_uses_existing_metrics() -> None:
    metrics = Metrics(lambda: Snapshot((), (), 0))
    for event in (
        ModelLoaded(model="m", seconds=1, memory_bytes=1),
        ModelUnloaded(model="m", reason="idle"),
        ModelFailed(model="m", code="OOM", message=""),
        RequestFinished(kind="asr", model="m", client="c", seconds=1, stages={"queue": 1.0}),
        RequestFinished(kind="tts", model="m", client="c", seconds=1, phrases=2, cached=1),
        WakeWordDetected(client="c", word="w", score=1.0),
    ):
        metrics.observe(event)
    known = {sample.name for family in metrics.registry.collect() for sample in family.samples}
    known |= {family.name for family in metrics.registry.collect()}
    asked = set(re.findall(rf"{PREFIX}_\w+", DASHBOARD.read_text()))
    assert asked
    assert asked <= known
    assert len({panel["id"] for panel in json.loads(DASHBOARD.read_text())["panels"]}) == 11

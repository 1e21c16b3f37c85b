"""How quick each model has been, from the server's traces; no input, no output."""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime

from homeassistant.util.json import JsonObjectType, JsonValueType

from .api import Trace
from .snapshot import LEFT

SHARES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "max": 1.0}


def by_model(traces: Iterable[Trace], since: datetime) -> list[JsonValueType]:
    """Return counts and times of each model since a moment, those that were asked most first.

    Times are those of requests that went well: a refusal takes none, a timeout all there is.
    """
    found: dict[str, list[Trace]] = {}
    for trace in traces:
        if trace.ended_at >= since and trace.code != LEFT:
            found.setdefault(trace.model, []).append(trace)
    return [_figures(model, found[model]) for model in sorted(found, key=lambda m: -len(found[m]))]


def percentiles(values: Sequence[float]) -> JsonObjectType:
    """Return the values that so many are no greater than (nearest rank); empty without values."""
    ordered = sorted(values)
    return {
        name: round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 4)
        for name, share in SHARES.items()
        if ordered
    }


def _figures(model: str, traces: list[Trace]) -> JsonObjectType:
    fine = [trace for trace in traces if not trace.code]
    stages = {name for trace in fine for name in trace.stages}
    return {
        "model": model,
        "kind": traces[0].kind,
        "requests": len(traces),
        "errors": len(traces) - len(fine),
        "seconds": percentiles([trace.seconds for trace in fine]),
        "stages": {
            name: percentiles([t.stages[name] for t in fine if name in t.stages])
            for name in sorted(stages)
        },
    }

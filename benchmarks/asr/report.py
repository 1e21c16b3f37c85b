"""Results of the speech-to-text benchmark as Markdown tables and as a plot."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

OURS: Final = "wyoming-conductor"
PEER: Final = "wyoming-faster-whisper"
MIB: Final = 2**20


def tables(result: Mapping[str, Any]) -> str:
    """Return all results as Markdown."""
    conditions = (
        f"Measured {result['began']} on {result['machine']}, {result['threads']} threads for each "
        "server, whisper/base int8 of the same files; the load average when it began was "
        f"{result['others_running']:.1f}."
    )
    parts = [conditions]
    for phase, format_table in (
        ("latency", _latency),
        ("flood", _flood),
        ("memory", _memory),
        ("accuracy", _accuracy),
        ("vocabulary", _vocabulary),
        ("ablation", _ablation),
    ):
        if result.get(phase):
            parts.append(format_table(result[phase]))
    if lines := goals(result):
        parts.append("\n".join(["| goal | reached |  |", "| --- | ---: | --- |", *lines]))
    return "\n\n".join(parts) + "\n"


def goals(result: Mapping[str, Any]) -> list[str]:
    """Return a table row for each goal that was measured; ratios are ours to the peer's default."""
    rows: list[tuple[str, float, float, bool]] = []
    if latency := result.get("latency"):
        own, other = latency[OURS], latency[PEER]
        for key, most in (("after_stop_p50", 0.03), ("after_stop_p95", 0.15), ("cpu", 0.40)):
            label = {"cpu": "CPU per request"}.get(key, f"audio-stop to transcript {key[-3:]}")
            rows.append((label, own[key] / other[key], most, False))
    if flood := result.get("flood"):
        own, other = flood[OURS], flood[PEER]
        rows.append(("flood p50, 1 client", own["1"]["p50"] / other["1"]["p50"], 0.20, False))
        for clients in ("4", "8"):
            ratio = own[clients]["per_second"] / other[clients]["per_second"]
            rows.append((f"requests per second, {clients} clients", ratio, 4.5, True))
        rows.append(("CPU per request, 4 clients", own["4"]["cpu"] / other["4"]["cpu"], 0.4, False))
    if memory := result.get("memory"):
        rows.append(("peak memory", memory[OURS] / memory[PEER], 1.0, False))
    for kind, by in result.get("accuracy", {}).items():
        low, _ = additional_errors(by)
        rows.append((f"additional word errors beyond chance, {kind}", max(0.0, low), 0, False))
        rows.append((f"runaways, {kind}", len(by[OURS]["runaways"]), 0, False))
    return [
        f"| {label} {'≥' if least else '≤'} {goal:g} | {value:.3g} "
        f"| {'yes' if (value >= goal if least else value <= goal) else '**no**'} |"
        for label, value, goal, least in rows
    ]


def additional_errors(by: Mapping[str, Any]) -> tuple[float, float]:
    """Return the bounds between which our additional word errors lie in 95 % of the cases.

    By a bootstrap: the utterances of the set are drawn again and again.
    """
    difference = np.subtract(by[OURS]["edits_each"], by[PEER]["edits_each"])
    draws = np.random.default_rng(0).integers(len(difference), size=(10_000, len(difference)))
    low, high = np.percentile(difference[draws].sum(axis=1), [2.5, 97.5])
    return float(low), float(high)


def sets_with_more_errors(result: Mapping[str, Any]) -> list[str]:
    """Return the sets on which we make more word errors than the peer, and not by chance."""
    return [kind for kind, by in result.get("accuracy", {}).items() if additional_errors(by)[0] > 0]


def _latency(latency: Mapping[str, Any]) -> str:
    head = (
        "| in real time | audio-stop → transcript p50, p95 | last sound → transcript p50, p95 "
        "| CPU a request | word errors |"
    )
    rows = [
        head,
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, one in latency.items():
        rows.append(
            f"| {name} | {_ms(one['after_stop_p50'])}, {_ms(one['after_stop_p95'])} ms "
            f"| {_ms(one['after_speech_p50'])}, {_ms(one['after_speech_p95'])} ms "
            f"| {one['cpu']:.2f} s | {one['errors']:.1%} |"
        )
    return "\n".join(rows)


def _flood(flood: Mapping[str, Any]) -> str:
    rows = [
        "| as fast as possible | clients | requests a second | p50, p95 | CPU a request |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for clients in next(iter(flood.values())):
        for name, by in flood.items():
            one = by[clients]
            rows.append(
                f"| {name} | {clients} | {one['per_second']:.2f} "
                f"| {_ms(one['p50'])}, {_ms(one['p95'])} ms | {one['cpu']:.2f} s |"
            )
    return "\n".join(rows)


def _memory(memory: Mapping[str, int]) -> str:
    rows = ["| server with all its processes | peak memory (USS) |", "| --- | ---: |"]
    rows += [f"| {name} | {peak / MIB:.0f} MiB |" for name, peak in memory.items()]
    return "\n".join(rows)


def _accuracy(accuracy: Mapping[str, Any]) -> str:
    rows = [
        f"| word errors | utterances | {PEER} | {OURS} | excess (95 %) | runaways: peer, ours |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for kind, by in accuracy.items():
        theirs, own = by[PEER], by[OURS]
        low, high = additional_errors(by)
        rows.append(
            f"| {kind} | {own['utterances']} | {_errors(theirs)} | {_errors(own)} "
            f"| {low:+.0f} to {high:+.0f} "
            f"| {len(theirs['runaways'])}, {len(own['runaways'])} |"
        )
    return "\n".join(rows)


def _vocabulary(vocabulary: Mapping[str, Any]) -> str:
    rows = [
        "| word errors | without a vocabulary | with one of 40 names | time of an answer |",
        "| --- | ---: | ---: | ---: |",
    ]
    for kind, by in vocabulary.items():
        rows.append(
            f"| {kind} | {_errors(by['without'])} | {_errors(by['with'])} "
            f"| {_ms(by['without']['p50'])} → {_ms(by['with']['p50'])} ms |"
        )
    return "\n".join(rows)


def _ablation(ablation: Mapping[str, Any]) -> str:
    rows = [
        "| without | p50, 1 client | requests a second, 4 clients | CPU a request | peak memory |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    below = []
    for ablation_name, row in ablation.items():
        one, four = row["1"], row["4"]
        rows.append(
            f"| {ablation_name} | {one[OURS]['p50'] * 1e3:.0f} → {one['less']['p50'] * 1e3:.0f} ms "
            f"| {four[OURS]['per_second']:.1f} → {four['less']['per_second']:.1f} "
            f"| {four[OURS]['cpu']:.2f} → {four['less']['cpu']:.2f} s "
            f"| {row['memory'] / MIB:.0f} MiB |"
        )
        if latency := row.get("latency"):
            own, reduced = latency[OURS], latency["reduced"]
            below.append(
                f"Without {ablation_name}, in real time: audio-stop → transcript p50 "
                f"{_ms(own['after_stop_p50'])} → {_ms(reduced['after_stop_p50'])} ms, CPU a "
                f"request {own['cpu']:.2f} → {reduced['cpu']:.2f} s."
            )
    return "\n\n".join(["\n".join(rows), *below])


def _errors(one: Mapping[str, Any]) -> str:
    return f"{one['edits']} of {one['words']} ({one['edits'] / one['words']:.1%})"


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.0f}"


def plot(result: Mapping[str, Any], path: Path) -> None:
    """Plot throughput and response time over the number of clients."""
    import matplotlib as mpl  # noqa: PLC0415  (optional dependency)

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  (optional dependency)

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for name, by in result["flood"].items():
        color = "tab:blue" if name == OURS else "tab:gray"
        style = "s--" if "beam" in name else "o-"
        clients = [int(count) for count in by]
        axes[0].plot(
            clients, [one["per_second"] for one in by.values()], style, color=color, label=name
        )
        axes[1].plot(
            clients, [one["p50"] * 1e3 for one in by.values()], style, color=color, label=name
        )
    axes[0].set(xlabel="clients", ylabel="requests a second", title="Answers (more is better)")
    axes[1].set(xlabel="clients", ylabel="ms", title="Time of an answer, median", yscale="log")
    for axis in axes:
        axis.set_xscale("log", base=2)
        axis.set_ylim(bottom=0 if axis is axes[0] else None)
    axes[0].legend(fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)

"""Results of the wake word benchmark as Markdown tables and as a plot."""

import math
from pathlib import Path
from typing import Any

OURS = "wyoming-conductor"
PEER = "wyoming-openwakeword"


def tables(result: dict[str, Any]) -> str:
    """Return all results as Markdown."""
    parts = [
        _conditions(result),
        _load_table(result),
        _start_table(result),
        _word_table(result),
        _false_accept_list(result),
    ]
    return "\n\n".join(parts) + "\n"


def _conditions(result: dict[str, Any]) -> str:
    return (
        f"Measured {result['began']} on {result['machine']}; its load average when it began was "
        f"{result['others_running']:.1f}."
    )


def plot(result: dict[str, Any], path: Path) -> None:
    """Plot CPU usage and lag over the number of streams."""
    import matplotlib as mpl  # noqa: PLC0415  (optional dependency)

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  (optional dependency)

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for server, color in ((PEER, "tab:gray"), (OURS, "tab:blue")):
        for chunk_ms, style in ((80, "o-"), (10, "s--")):
            loads = _loads_of(result, server, chunk_ms)
            counts = [load["streams"] for load in loads]
            label = f"{server}, {chunk_ms} ms chunks"
            cpu = [load["cpu_percent"] * load["streams"] / 100 for load in loads]
            lag = [load["lag_p95_ms"] for load in loads]
            axes[0].plot(counts, cpu, style, color=color, label=label)
            axes[1].plot(counts, lag, style, color=color, label=label)
    axes[0].set(xlabel="streams", ylabel="cores in use", title="Work", xscale="log", yscale="log")
    axes[1].set(xlabel="streams", ylabel="ms", title="Lag, 95th percentile", xscale="log")
    axes[1].set_yscale("log")
    axes[1].axhline(80, color="tab:red", linewidth=0.8)
    axes[0].legend(fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _loads_of(result: dict[str, Any], server: str, chunk_ms: int) -> list[dict[str, Any]]:
    return [
        load
        for load in result["loads"]
        if load["server"] == server and load["chunk_ms"] == chunk_ms
    ]


def _load_table(result: dict[str, Any]) -> str:
    rows = [
        "| streams | chunks | server | CPU a stream | ratio | lag p50, p95 | detected | memory |",
        "| ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for load in sorted(
        result["loads"], key=lambda load: (-load["chunk_ms"], load["streams"], load["server"])
    ):
        # A server that drops audio needs less CPU, so its overloaded runs are not comparable.
        peers = [
            other
            for other in _loads_of(result, PEER, load["chunk_ms"])
            if other["detected"] >= 0.99
        ]
        same = [other for other in peers if other["streams"] == load["streams"]]
        theirs = min((other["cpu_percent"] for other in same or peers), default=math.nan)
        share = "" if load["server"] == PEER else f"{load['cpu_percent'] / theirs:.3f}×"
        rows.append(
            f"| {load['streams']} | {load['chunk_ms']} ms | {load['server']} "
            f"| {load['cpu_percent']:.2f} % | {share} "
            f"| {load['lag_p50_ms']:.0f}, {load['lag_p95_ms']:.0f} ms | {load['detected']:.1%} "
            f"| {load['memory_kb']:.0f} KB |"
        )
    return "\n".join(rows)


def _start_table(result: dict[str, Any]) -> str:
    rows = [
        "| 16 streams start simultaneously | worst lag of the wake word 3 s later, each time |",
        "| --- | --- |",
    ]
    for server, worst in result["starts"].items():
        rows.append(f"| {server} | {', '.join(f'{value:.0f} ms' for value in worst)} |")
    return "\n".join(rows)


def _word_table(result: dict[str, Any]) -> str:
    rows = [
        "| word | detection after the end of the word: ours | peer | best score: ours | peer |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for word in result["latency"][OURS]:
        ours, theirs = (result["latency"][server][word] for server in (OURS, PEER))
        scores = [result["scores"][server].get(word, math.nan) for server in (OURS, PEER)]
        rows.append(f"| {word} | {_ms(ours)} | {_ms(theirs)} | {scores[0]:.3f} | {scores[1]:.3f} |")
    return "\n".join(rows)


def _ms(value: float | None) -> str:
    return "not detected" if value is None else f"{value:+.0f} ms"


def _false_accept_list(result: dict[str, Any]) -> str:
    seconds = result["seconds_without_a_word"]
    lines = []
    for server, found in result["false_accepts"].items():
        clips = ", ".join(f"{' and '.join(words)} in {clip}" for clip, words in found.items())
        lines.append(f"- {server}: {clips or 'none'}")
    return f"False accepts in {seconds:.0f} s of speech, music and noise:\n\n" + "\n".join(lines)

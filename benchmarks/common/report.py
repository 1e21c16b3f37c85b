"""Figures as Markdown tables between marks, and as plots."""

import math
import os
import platform
from pathlib import Path
from typing import Any

OURS = "wyoming-conductor"
PEER = "wyoming-openwakeword"


def machine() -> str:
    """Return what the figures were taken on."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = names[0] if names else model
    return f"{os.cpu_count()} cores of {model}, Python {platform.python_version()}"


def write_section(path: Path, name: str, content: str) -> None:
    """Replace what stands between `<!-- name:begin … -->` and `<!-- name:end -->`."""
    text = path.read_text(encoding="utf-8")
    begin = text.index("-->", text.index(f"<!-- {name}:begin")) + len("-->")
    end = text.index(f"<!-- {name}:end -->")
    path.write_text(f"{text[:begin]}\n{content}\n{text[end:]}", encoding="utf-8")


def wake_tables(result: dict[str, Any]) -> str:
    """Return everything about wake words."""
    parts = [
        _where(result),
        _loads(result),
        _starts(result),
        _words(result),
        _false_accepts(result),
    ]
    return "\n\n".join(parts) + "\n"


def _where(result: dict[str, Any]) -> str:
    return (
        f"Measured {result['began']} on {result['machine']}; its load average when it began was "
        f"{result['others_running']:.1f}."
    )


def plot_wake(result: dict[str, Any], path: Path) -> None:
    """Draw CPU and lag over the number of streams."""
    import matplotlib as mpl  # noqa: PLC0415  (only the plots need it)

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  (as above)

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for server, colour in ((PEER, "tab:gray"), (OURS, "tab:blue")):
        for chunk_ms, style in ((80, "o-"), (10, "s--")):
            loads = _of(result, server, chunk_ms)
            counts = [load["streams"] for load in loads]
            label = f"{server}, {chunk_ms} ms chunks"
            cpu = [load["cpu_percent"] * load["streams"] / 100 for load in loads]
            lag = [load["lag_p95_ms"] for load in loads]
            axes[0].plot(counts, cpu, style, color=colour, label=label)
            axes[1].plot(counts, lag, style, color=colour, label=label)
    axes[0].set(xlabel="streams", ylabel="cores in use", title="Work", xscale="log", yscale="log")
    axes[1].set(xlabel="streams", ylabel="ms", title="Lag, 95th percentile", xscale="log")
    axes[1].set_yscale("log")
    axes[1].axhline(80, color="tab:red", linewidth=0.8)
    axes[0].legend(fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _of(result: dict[str, Any], server: str, chunk_ms: int) -> list[dict[str, Any]]:
    return [
        load
        for load in result["loads"]
        if load["server"] == server and load["chunk_ms"] == chunk_ms
    ]


def _loads(result: dict[str, Any]) -> str:
    rows = [
        "| streams | chunks | server | CPU a stream | of theirs | lag p50, p95 | heard | memory |",
        "| ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for load in sorted(
        result["loads"], key=lambda load: (-load["chunk_ms"], load["streams"], load["server"])
    ):
        # A server that drops audio works less: what its load cost then is no measure.
        peers = [other for other in _of(result, PEER, load["chunk_ms"]) if other["heard"] >= 0.99]
        same = [other for other in peers if other["streams"] == load["streams"]]
        theirs = min((other["cpu_percent"] for other in same or peers), default=math.nan)
        share = "" if load["server"] == PEER else f"{load['cpu_percent'] / theirs:.3f}×"
        rows.append(
            f"| {load['streams']} | {load['chunk_ms']} ms | {load['server']} "
            f"| {load['cpu_percent']:.2f} % | {share} "
            f"| {load['lag_p50_ms']:.0f}, {load['lag_p95_ms']:.0f} ms | {load['heard']:.1%} "
            f"| {load['memory_kb']:.0f} KB |"
        )
    return "\n".join(rows)


def _starts(result: dict[str, Any]) -> str:
    rows = [
        "| 16 streams start at once | worst lag of the word they hear 3 s later, each time |",
        "| --- | --- |",
    ]
    for server, worst in result["starts"].items():
        rows.append(f"| {server} | {', '.join(f'{value:.0f} ms' for value in worst)} |")
    return "\n".join(rows)


def _words(result: dict[str, Any]) -> str:
    rows = [
        "| word | detection after the end of the word: ours | theirs | best score: ours | theirs |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for word in result["latency"][OURS]:
        ours, theirs = (result["latency"][server][word] for server in (OURS, PEER))
        scores = [result["scores"][server].get(word, math.nan) for server in (OURS, PEER)]
        rows.append(f"| {word} | {_ms(ours)} | {_ms(theirs)} | {scores[0]:.3f} | {scores[1]:.3f} |")
    return "\n".join(rows)


def _ms(value: float | None) -> str:
    return "not heard" if value is None else f"{value:+.0f} ms"


def _false_accepts(result: dict[str, Any]) -> str:
    seconds = result["seconds_without_a_word"]
    lines = []
    for server, found in result["false_accepts"].items():
        told = ", ".join(f"{' and '.join(words)} in {clip}" for clip, words in found.items())
        lines.append(f"- {server}: {told or 'none'}")
    return f"False accepts in {seconds:.0f} s of speech, music and noise:\n\n" + "\n".join(lines)

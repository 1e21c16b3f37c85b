// One sentence about the recent requests: how long they took, and how many failed.

import { formatSeconds } from "../core/format";
import type { Trace } from "../core/types";
import { p } from "./strings";

/** Return a percentile by the nearest-rank method; undefined without values. */
export function percentile(values: readonly number[], share: number): number | undefined {
  const ordered = [...values].sort((a, b) => a - b);
  return ordered[Math.max(0, Math.ceil(share * ordered.length) - 1)];
}

/** Return the sentences about these requests. */
export function summarize(traces: readonly Trace[]): string[] {
  const counted = traces.filter((trace) => trace.code !== "CANCELLED" && trace.kind !== "wake");
  if (!counted.length) return [p("summary.none")];
  const successful = counted.filter((trace) => !trace.code);
  const times = {
    stt: successful.filter((trace) => trace.kind === "asr").map((trace) => trace.seconds),
    tts: successful.flatMap((trace) => (trace.kind === "tts" ? (trace.stages["first_audio"] ?? []) : [])),
  };
  const sentences = (["stt", "tts"] as const).flatMap((kind) => {
    const p50 = percentile(times[kind], 0.5);
    const p95 = percentile(times[kind], 0.95);
    if (p50 === undefined || p95 === undefined) return [];
    return [p(`summary.${kind}`, { p50: formatSeconds(p50), p95: formatSeconds(p95) })];
  });
  const failed = counted.length - successful.length;
  return [...sentences, p("summary.failed", { failed, count: counted.length })];
}

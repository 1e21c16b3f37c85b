// What the page makes of a request: its stages to scale, the cause of trouble, and its cure.

import type { Snapshot } from "../core/types";

export interface Stage {
  stage: string;
  start: number;
  end: number;
}

export interface RequestEntry {
  id: string;
  kind: "asr" | "tts" | "wake";
  client: string;
  model: string;
  device: string;
  ended_at: string;
  seconds: number;
  code: string;
  message: string;
  stages: Stage[];
  text: string | null;
  voice: string | null;
  audio: string | null;
}

export interface RequestList {
  keep_text: boolean;
  keep_audio: boolean;
  requests: RequestEntry[];
}

export interface Bar extends Stage {
  /** Percent of the whole. */
  left: number;
  width: number;
}

const LEAST_PERCENT = 0.6;

/** Marks of a moment rather than a stage: the time from the start to the first audio. */
const MOMENTS = ["first_audio", "queue"];

/** Return the stages as parts of the whole time; a moment covers other stages, so it comes last. */
export function bars(stages: readonly Stage[]): Bar[] {
  const whole = Math.max(...stages.map((stage) => stage.end), 0);
  if (whole <= 0) return [];
  return [...stages]
    .sort((a, b) => Number(MOMENTS.includes(b.stage)) - Number(MOMENTS.includes(a.stage)) || a.start - b.start)
    .map((stage) => ({
      ...stage,
      left: (stage.start / whole) * 100,
      width: Math.max(LEAST_PERCENT, ((stage.end - stage.start) / whole) * 100),
    }));
}

/** Return the duration of a stage, all its parts together; 0 if there was none. */
export function stageSeconds(request: RequestEntry, stage: string): number {
  return request.stages
    .filter((one) => one.stage === stage)
    .reduce((sum, one) => sum + one.end - one.start, 0);
}

export type Cause =
  | "load"
  | "queue"
  | "inference"
  | "memory"
  | "missing"
  | "busy"
  | "timeout"
  | "language"
  | "failed";

export type Cure = "keep_loaded" | "unload_idle" | "memory" | "install" | "settings" | "log";

export interface Diagnosis {
  cause: Cause;
  seconds: number;
  cures: Cure[];
}

const SLOW_LOAD_S = 0.5;
const SLOW_QUEUE_S = 0.5;
const SLOW_S = 2;

const CAUSES: Record<string, Diagnosis> = {
  OOM: { cause: "memory", seconds: 0, cures: ["unload_idle", "memory"] },
  MODEL_TOO_LARGE: { cause: "memory", seconds: 0, cures: ["memory", "settings"] },
  MODEL_MISSING: { cause: "missing", seconds: 0, cures: ["install"] },
  BUSY: { cause: "busy", seconds: 0, cures: ["memory", "settings"] },
  TIMEOUT: { cause: "timeout", seconds: 0, cures: ["memory", "settings"] },
  UNSUPPORTED_LANGUAGE: { cause: "language", seconds: 0, cures: ["install", "settings"] },
};

/** Return why a request failed or was slow, and what helps; undefined if nothing is wrong. */
export function diagnose(request: RequestEntry): Diagnosis | undefined {
  if (request.code === "CANCELLED") return undefined;
  if (request.code) {
    return CAUSES[request.code] ?? { cause: "failed", seconds: 0, cures: ["log"] };
  }
  const load = stageSeconds(request, "load");
  if (load >= SLOW_LOAD_S) return { cause: "load", seconds: load, cures: ["keep_loaded"] };
  const queue = stageSeconds(request, "queue") - load;
  if (queue >= SLOW_QUEUE_S) return { cause: "queue", seconds: queue, cures: ["memory"] };
  const inference = stageSeconds(request, "inference");
  if (request.kind === "asr" && inference >= SLOW_S) {
    return { cause: "inference", seconds: inference, cures: ["install"] };
  }
  return undefined;
}

/** Return the idle model that holds most memory; it is the first to unload by hand. */
export function largestIdle(snapshot: Snapshot | undefined): string | undefined {
  return [...(snapshot?.models ?? [])]
    .filter((model) => model.state === "ready" && !model.active_requests)
    .sort((a, b) => b.memory_bytes - a.memory_bytes)[0]?.id;
}

/** Return the words of a correction that the transcript does not contain. */
export function newWords(transcript: string, correction: string): string[] {
  const words = (text: string): string[] => text.match(/[\p{L}\p{N}][\p{L}\p{N}'’-]*/gu) ?? [];
  const known = new Set(words(transcript).map((word) => word.toLowerCase()));
  return [...new Set(words(correction))].filter((word) => !known.has(word.toLowerCase()));
}

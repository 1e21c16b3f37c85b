// A project of the studio: a job that is kept, whose segments are edited.

export interface Word {
  text: string;
  start: number;
  end: number;
  probability: number;
}

/** A line to speak, or a segment of a transcript; times in seconds. */
export interface Segment {
  /** Stays the same when segments before it are inserted or deleted; of this page alone. */
  key?: number;
  index: number;
  start: number;
  end: number;
  text: string;
  words: Word[];
  speaker?: string;
  voice?: string;
  speed?: number;
  pause?: number;
}

export type JobStatus = "draft" | "queued" | "running" | "done" | "failed" | "cancelled";

export interface SpeechOptions {
  voice: string;
  speed: number;
  input: string;
  format: string;
  speakers?: Record<string, string>;
}

export interface Job {
  id: string;
  status: JobStatus;
  task: "transcribe" | "translate" | "speak";
  model: string;
  language?: string;
  progress: number;
  duration_secs?: number;
  speech?: SpeechOptions;
  error?: string;
  filename?: string;
  created_at: string;
}

export interface SegmentFields {
  text?: string;
  speaker?: string;
  voice?: string;
  speed?: number;
  pause?: number;
}

/** Replaces `count` segments from `index` on. */
export interface Change<Fields = SegmentFields> {
  index: number;
  count: number;
  segments: Fields[];
}

/** The state of the segments on the server. */
export interface SegmentState {
  status: JobStatus;
  revision: number;
  can_undo: boolean;
  can_redo: boolean;
}

export interface SegmentList extends SegmentState {
  segments: Segment[];
}

export interface EditAnswer extends SegmentState {
  changes: Change<Segment>[];
}

export function isBusy(status: JobStatus): boolean {
  return status === "queued" || status === "running";
}

let lastKey = 0;

/** Return segments with keys: those of `before` if nothing was inserted or deleted. */
export function withKeys(segments: readonly Segment[], before: readonly Segment[]): Segment[] {
  const same = segments.length === before.length;
  return segments.map((segment, at) => ({ ...segment, key: (same ? before[at]?.key : undefined) ?? ++lastKey }));
}

/** Return the segments after changes that the server has made. */
export function applyChanges(segments: readonly Segment[], changes: readonly Change<Segment>[]): Segment[] {
  const result = [...segments];
  for (const { index, count, segments: added } of changes) {
    result.splice(index, count, ...withKeys(added, result.slice(index, index + count)));
  }
  return result.map((segment, index) => (segment.index === index ? segment : { ...segment, index }));
}

function pattern(find: string, matchCase: boolean): RegExp {
  return new RegExp(find.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), matchCase ? "gu" : "giu");
}

/** Return the indexes of the segments that contain a text. */
export function findSegments(segments: readonly Segment[], find: string, matchCase: boolean): number[] {
  if (!find) return [];
  const wanted = pattern(find, matchCase);
  return segments.filter((segment) => segment.text.search(wanted) >= 0).map((segment) => segment.index);
}

/** Return the changes that replace a text everywhere. */
export function replaceAll(
  segments: readonly Segment[],
  find: string,
  replacement: string,
  matchCase: boolean,
): Change[] {
  return findSegments(segments, find, matchCase).map((index) => ({
    index,
    count: 1,
    segments: [{ text: (segments[index]?.text ?? "").replace(pattern(find, matchCase), () => replacement) }],
  }));
}

/** Return the change that splits a segment at a position of its text; undefined at its ends. */
export function splitAt(segment: Segment, text: string, position: number): Change | undefined {
  const parts = [text.slice(0, position).trim(), text.slice(position).trim()];
  if (parts.some((part) => !part)) return undefined;
  return { index: segment.index, count: 1, segments: parts.map((part) => ({ text: part })) };
}

/** Return the change that joins a segment with the next one. */
export function mergeWithNext(segments: readonly Segment[], index: number): Change | undefined {
  const [first, second] = [segments[index], segments[index + 1]];
  if (!first || !second) return undefined;
  return { index, count: 2, segments: [{ text: `${first.text} ${second.text}` }] };
}

/** Return the changes that give a speaker another name. */
export function renameSpeaker(segments: readonly Segment[], from: string, to: string): Change[] {
  return segments
    .filter((segment) => (segment.speaker ?? "") === from)
    .map((segment) => ({ index: segment.index, count: 1, segments: [{ speaker: to }] }));
}

/** Return the names of all speakers in the order in which they begin to speak. */
export function speakersOf(segments: readonly Segment[]): string[] {
  return [...new Set(segments.map((segment) => segment.speaker ?? ""))].filter(Boolean);
}

/** Return the index of the segment that is played at a time; -1 if none is. */
export function segmentAt(segments: readonly Segment[], seconds: number): number {
  let low = 0;
  let high = segments.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const segment = segments[middle] as Segment;
    if (seconds < segment.start) high = middle - 1;
    else if (seconds >= segment.end) low = middle + 1;
    else return middle;
  }
  return -1;
}

const TEXT_FILES = /\.(txt|text|md|markdown|epub|srt|vtt|ass|ssa|ssml|xml)$/i;

/** Return whether a file is read aloud; all others are transcribed. */
export function isText(file: { name: string; type: string }): boolean {
  return TEXT_FILES.test(file.name) || file.type.startsWith("text/");
}

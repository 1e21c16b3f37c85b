// Numbers, sizes and times in the language of the page.

import { language, t } from "./localize";

/** How numbers and times are written; by default as the language of the page does. */
export interface Locale {
  /** Language tag whose separators numbers have. */
  numbers?: string;
  hour12?: boolean;
  /** Name of a time zone, such as `Europe/Berlin`; the browser's if undefined. */
  timeZone?: string;
}

let locale: Locale = {};

export function setLocale(next: Locale): void {
  locale = next;
}

/** Return the options with which times are written. */
export function timeOptions(): Intl.DateTimeFormatOptions {
  const { hour12 = false, timeZone } = locale;
  return { hourCycle: hour12 ? "h12" : "h23", ...(timeZone ? { timeZone } : {}) };
}

export function formatNumber(value: number, digits = 0): string {
  return new Intl.NumberFormat(locale.numbers ?? language(), {
    maximumFractionDigits: digits,
    minimumFractionDigits: digits,
  }).format(value);
}

/** Return a size in decimal units, as disks are sold: `350 MB`, `3.9 GB`. */
export function formatBytes(bytes: number): string {
  if (bytes >= 1e9) return `${formatNumber(bytes / 1e9, bytes >= 1e11 ? 0 : 1)} GB`;
  if (bytes >= 1e6) return `${formatNumber(bytes / 1e6)} MB`;
  if (bytes >= 1e3) return `${formatNumber(bytes / 1e3)} kB`;
  return `${formatNumber(bytes)} B`;
}

/** Return a duration: `85 ms`, `2.4 s`, `3 min`, `2 h 5 min`, `4 d`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 0.9995) return `${formatNumber(seconds * 1_000)} ms`;
  if (seconds < 10) return `${formatNumber(seconds, 1)} s`;
  if (seconds < 90) return `${formatNumber(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${formatNumber(minutes)} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${formatNumber(Math.round(hours / 24))} d`;
}

/** Return a position in audio: `0:07.3`, `1:02:05.0`. */
export function formatPosition(seconds: number): string {
  const tenths = Math.max(0, Math.round(seconds * 10));
  const whole = Math.floor(tenths / 10);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = `${String(whole % 60).padStart(2, "0")}.${tenths % 10}`;
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

export function formatPercent(fraction: number): string {
  return new Intl.NumberFormat(locale.numbers ?? language(), { style: "percent" }).format(fraction);
}

export function formatTime(value: string | number | Date): string {
  const date = typeof value === "number" ? new Date(value * 1_000) : new Date(value);
  return date.toLocaleTimeString(language(), {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    ...timeOptions(),
  });
}

export function formatDate(value: string): string {
  return new Date(value).toLocaleString(language(), {
    dateStyle: "medium",
    timeStyle: "short",
    ...timeOptions(),
  });
}

/** Return how long ago something was: `just now`, `5 min ago`. */
export function formatAgo(value: string, now = Date.now()): string {
  const seconds = (now - new Date(value).getTime()) / 1_000;
  return seconds < 10 ? t("time.now") : t("time.ago", { time: formatSeconds(seconds) });
}

export function languageName(tag: string): string {
  try {
    return new Intl.DisplayNames([language()], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

// Voices and models that are installed or can be.

import type { Model, Snapshot } from "../core/types";

export interface Voice {
  name: string;
  description: string;
  model: string;
  languages: string[];
  quality: string;
  licence: string;
  non_commercial: boolean;
  author: string;
  author_url: string;
  speakers: string[];
  installed: boolean;
  needs: string[];
  sample: string | null;
}

export interface CatalogEntry {
  id: string;
  kind: "asr" | "tts" | "wake" | "turn" | "speaker";
  title: string;
  languages: string[];
  licence: string;
  download_bytes: number;
  disk_bytes: number;
  installed: boolean;
  downloading: boolean;
  in_use: boolean;
  uses: { kind: string; detail: string }[];
}

/** Return the language of a tag without its region: `en` for `en-US`. */
export function baseLanguage(tag: string): string {
  return tag.split(/[-_]/)[0]?.toLowerCase() ?? tag;
}

/** Return the languages of some entries, the most frequent first. */
export function languagesOf(entries: readonly { languages: string[] }[]): string[] {
  const counts = new Map<string, number>();
  for (const entry of entries) {
    for (const tag of new Set(entry.languages.map(baseLanguage))) {
      counts.set(tag, (counts.get(tag) ?? 0) + 1);
    }
  }
  return [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).map(([tag]) => tag);
}

/** Return whether an entry has a language and all words of a search. */
export function matchesEntry(
  entry: { languages: string[] },
  text: string,
  language: string,
  search: string,
): boolean {
  if (language && !entry.languages.some((tag) => baseLanguage(tag) === language)) return false;
  const lower = text.toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => lower.includes(word));
}

/** Return the state of an installed or downloading model. */
export function statusOf(snapshot: Snapshot | undefined, id: string): Model | undefined {
  return snapshot?.models.find((model) => model.id === id);
}

/** Return the names of the voices that can be mixed. */
export function mixable(voices: readonly Voice[]): string[] {
  return voices
    .filter((voice) => voice.installed && voice.model.startsWith("kokoro") && !/[+*@]/.test(voice.name))
    .map((voice) => voice.name);
}

/** Return the name of a mix of voices; parts without weight are left out. */
export function mixName(weights: Readonly<Record<string, number>>): string {
  return Object.entries(weights)
    .filter(([, weight]) => weight > 0)
    .map(([name, weight]) => (weight === 1 ? name : `${name}*${weight}`))
    .join("+");
}

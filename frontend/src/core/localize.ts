// The texts of the page. The language is chosen before the first component is rendered.

import en from "../strings/en.json";

export type Key = keyof typeof en;

export type Strings = Record<Key, string>;

export const LANGUAGES = { en: "English", de: "Deutsch", fr: "Français", es: "Español" } as const;

export type Language = keyof typeof LANGUAGES;

let strings: Strings = en;
let current: Language = "en";

/** Return the text of a key with its `{placeholders}` replaced. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  return strings[key].replace(/\{(\w+)\}/g, (all, name: string) => String(values[name] ?? all));
}

/** Return the text of a key that is put together from a server's value; the value if there is none. */
export function tMaybe(prefix: string, value: string): string {
  const key = `${prefix}.${value}`;
  return key in strings ? strings[key as Key] : value;
}

export function language(): Language {
  return current;
}

/** Return the language of the user: the chosen one, or the first of the browser's that we have. */
export function preferredLanguage(chosen: string | null, browser: readonly string[]): Language {
  const wanted = [chosen ?? "", ...browser].map((tag) => tag.slice(0, 2).toLowerCase());
  return (wanted.find((tag) => tag in LANGUAGES) ?? "en") as Language;
}

/** Load the texts of a language. */
export async function setLanguage(next: Language): Promise<void> {
  const modules: Record<Language, () => Promise<{ default: Strings }>> = {
    en: () => Promise.resolve({ default: en }),
    de: () => import("../strings/de.json"),
    fr: () => import("../strings/fr.json"),
    es: () => import("../strings/es.json"),
  };
  strings = (await modules[next]()).default;
  current = next;
}

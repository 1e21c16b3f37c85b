// Texts that only the panel has; the language is the one of the page.

import { language } from "../core/localize";
import de from "./strings/de.json";
import en from "./strings/en.json";
import es from "./strings/es.json";
import fr from "./strings/fr.json";

export type PanelKey = keyof typeof en;

const STRINGS = { de, en, es, fr };

/** Return the text of a key with its `{placeholders}` replaced. */
export function p(key: PanelKey, values: Record<string, string | number> = {}): string {
  return STRINGS[language()][key].replace(/\{(\w+)\}/g, (all, name: string) => String(values[name] ?? all));
}

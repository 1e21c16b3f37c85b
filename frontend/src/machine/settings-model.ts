// Settings as the page shows them: grouped, with values as texts to edit.

import type { Config, ConfigKey, ConfigSchema } from "../core/types";

/** A key of one place in the configuration; wildcards are replaced by names. */
export interface Setting {
  path: string[];
  key: ConfigKey;
  /** A mapping of names to values of one kind. */
  isMap: boolean;
}

export interface Group {
  id: string;
  /** Path of the names among which this group is one; empty for a section. */
  parent: string;
  title: string;
  settings: Setting[];
}

/** Groups whose names the user chooses, such as one per model. */
export type Names = Record<string, string[]>;

const ROOT = "";

/** Return the settings in groups: one per section, and one per name below a chosen one. */
export function groupSettings(schema: ConfigSchema, names: Names): Group[] {
  const groups = new Map<string, Group>();
  const add = (id: string, title: string, setting: Setting, parent = ""): void => {
    const group = groups.get(id) ?? { id, parent, title, settings: [] };
    group.settings.push(setting);
    groups.set(id, group);
  };
  for (const key of schema.keys) {
    const parts = key.path.split(".");
    const star = parts.indexOf("*");
    if (star === parts.length - 1) {
      const path = parts.slice(0, -1);
      // The map of a section with chosen names is not offered: models.*.options.*
      if (!path.includes("*")) add(sectionOf(path), titleOf(schema, path), { path, key, isMap: true });
    } else if (star > 0 && parts.lastIndexOf("*") === star) {
      const prefix = parts.slice(0, star).join(".");
      for (const name of names[prefix] ?? []) {
        const path = [...parts.slice(0, star), name, ...parts.slice(star + 1)];
        add(`${prefix}.${name}`, name, { path, key, isMap: false }, prefix);
      }
    } else if (star < 0) {
      add(sectionOf(parts), titleOf(schema, parts), { path: parts, key, isMap: false });
    }
  }
  return [...groups.values()];
}

function sectionOf(path: string[]): string {
  return path.length > 1 ? (path[0] ?? ROOT) : ROOT;
}

function titleOf(schema: ConfigSchema, path: string[]): string {
  const section = sectionOf(path);
  return (schema.sections[section] ?? section).replace(/\.$/, "").split(/[:.] /)[0] ?? section;
}

/** Return the value at a path. */
export function valueAt(tree: Record<string, unknown>, path: readonly string[]): unknown {
  let node: unknown = tree;
  for (const name of path) {
    if (typeof node !== "object" || node === null) return undefined;
    node = (node as Record<string, unknown>)[name];
  }
  return node;
}

/** Return a merge patch that sets one value. */
export function patchOf(path: readonly string[], value: unknown): Record<string, unknown> {
  return [...path].reverse().reduce<unknown>((inner, name) => ({ [name]: inner }), value) as Record<
    string,
    unknown
  >;
}

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

/** Return a value as the text to edit. */
export function toText(kind: string, value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return value.join("\n");
  if (typeof value === "object") {
    return Object.entries(value)
      .map(([name, item]) => `${name} = ${String(item)}`)
      .join("\n");
  }
  if (kind === "size" && typeof value === "number" && value > 0) {
    if (value % GIB === 0) return `${value / GIB}GiB`;
    if (value % MIB === 0) return `${value / MIB}MiB`;
  }
  return JSON.stringify(value);
}

/** Return the value that a text means; the server checks it. An empty text is null where allowed. */
export function fromText(key: ConfigKey, isMap: boolean, text: string): unknown {
  const trimmed = text.trim();
  if (isMap) return mapFromText(key, text);
  if (!trimmed && key.nullable) return null;
  switch (key.kind) {
    case "list":
      return lines(text);
    case "integer":
    case "number":
      return numberOr(trimmed);
    case "duration":
    case "size":
      return numberOr(trimmed.replace(/^([\d.]+)\s*(\w+)$/, "$1$2"));
    case "preload":
      return /^(true|false)$/.test(trimmed) ? trimmed === "true" : lines(text);
    case "scalar":
      return /^(true|false)$/.test(trimmed) ? trimmed === "true" : numberOr(trimmed);
    default:
      return trimmed;
  }
}

/** Names that are no longer in the text are removed by null. */
export function mapPatch(before: unknown, after: Record<string, unknown>): Record<string, unknown> {
  const removed = Object.keys((before ?? {})).filter((name) => !(name in after));
  return { ...after, ...Object.fromEntries(removed.map((name) => [name, null])) };
}

function mapFromText(key: ConfigKey, text: string): Record<string, unknown> {
  return Object.fromEntries(
    lines(text).map((line) => {
      const at = line.lastIndexOf("=");
      const [name, value] = at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + 1)];
      return [name.trim(), fromText(key, false, value)];
    }),
  );
}

function lines(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}

function numberOr(text: string): number | string {
  const value = Number(text);
  return text && Number.isFinite(value) ? value : text;
}

/** Return whether a setting matches words of a search. */
export function matches(setting: Setting, search: string): boolean {
  const text = `${setting.path.join(".")} ${setting.key.description}`.toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

export function sourceOf(config: Config, setting: Setting): string {
  return config.sources[setting.path.join(".")] ?? "default";
}

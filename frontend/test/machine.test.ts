import { describe, expect, it } from "vitest";
import { formatBytes, formatPosition, formatSeconds } from "../src/core/format";
import type { ConfigKey, Device, Model } from "../src/core/types";
import { evictable, segments } from "../src/machine/memory";
import { fromText, groupSettings, mapPatch, patchOf, toText } from "../src/machine/settings-model";

const GPU = {
  device: "cuda:0", total_bytes: 8e9, free_bytes: 3e9, reserved_bytes: 1e9,
} as Device;

const model = (id: string, memory_bytes: number, more: Partial<Model> = {}): Model =>
  ({ id, memory_bytes, device: "cuda:0", state: "ready", active_requests: 0, pinned: false, ...more }) as Model;

describe("memory", () => {
  it("is divided to scale and adds up to the total", () => {
    const parts = segments(GPU, [model("small", 1e9), model("large", 2e9), model("gone", 9e9, { state: "unloaded" })]);
    expect(parts.map((part) => [part.kind, part.name, part.bytes])).toEqual([
      ["model", "large", 2e9],
      ["model", "small", 1e9],
      ["reserved", "", 1e9],
      ["other", "", 2e9],
      ["free", "", 2e9],
    ]);
    expect(parts.reduce((sum, part) => sum + part.bytes, 0)).toBe(GPU.total_bytes);
  });

  it("never shows more than there is while measurements lag behind", () => {
    const parts = segments(GPU, [model("large", 7e9)]);
    expect(parts.every((part) => part.bytes >= 0)).toBe(true);
    expect(parts.reduce((sum, part) => sum + part.bytes, 0)).toBe(GPU.total_bytes);
  });

  it("names the idle models, the least recently used first", () => {
    const models = [
      model("new", 1, { last_used: "2026-12-01T12:00:00Z" }),
      model("old", 1, { last_used: "2026-12-01T11:00:00Z" }),
      model("busy", 1, { active_requests: 1 }),
      model("pinned", 1, { pinned: true }),
    ];
    expect(evictable("cuda:0", models).map((one) => one.id)).toEqual(["old", "new"]);
  });
});

const key = (path: string, kind: string, more: Partial<ConfigKey> = {}): ConfigKey => ({
  path, kind, default: null, description: "", choices: [], minimum: null, maximum: null,
  nullable: false, applies: "live", admin: false, ...more,
});

describe("settings", () => {
  it("are grouped by section, with one group for each name", () => {
    const groups = groupSettings(
      {
        sections: { asr: "Speech-to-text.", models: "Settings of single models." },
        keys: [
          key("host", "text"), key("asr.port", "integer"), key("asr.extra_ports.*", "integer"),
          key("models.*.pinned", "boolean"), key("models.*.options.*", "scalar"),
        ],
      },
      { models: ["whisper/base", "whisper/tiny.en"] },
    );
    expect(groups.map((group) => [group.parent, group.id, group.title, group.settings.map((one) => one.path)])).toEqual([
      ["", "", "", [["host"]]],
      ["", "asr", "Speech-to-text", [["asr", "port"], ["asr", "extra_ports"]]],
      ["models", "models.whisper/base", "whisper/base", [["models", "whisper/base", "pinned"]]],
      ["models", "models.whisper/tiny.en", "whisper/tiny.en", [["models", "whisper/tiny.en", "pinned"]]],
    ]);
    expect(groups[1]?.settings[1]?.isMap).toBe(true);
  });

  it.each([
    ["integer", "5", 5],
    ["integer", "five", "five"],
    ["duration", "30s", "30s"],
    ["duration", "1.5", 1.5],
    ["size", "512 MiB", "512MiB"],
    ["list", "de\n\n en ", ["de", "en"]],
    ["preload", "true", true],
    ["preload", "a\nb", ["a", "b"]],
    ["text", "no", "no"],
  ])("understand %s %j", (kind, text, value) => {
    expect(fromText(key("a", kind), false, text)).toEqual(value);
  });

  it("are shown as they are typed", () => {
    expect(toText("size", 512 * 1024 ** 2)).toBe("512MiB");
    expect(toText("size", 1_000)).toBe("1000");
    expect(toText("list", ["de", "en"])).toBe("de\nen");
    expect(toText("integer", { "whisper/tiny.en": 10301 })).toBe("whisper/tiny.en = 10301");
    expect(fromText(key("a.*", "integer"), true, "whisper/tiny.en = 10301")).toEqual({ "whisper/tiny.en": 10301 });
  });

  it("are changed by merge patches that also remove", () => {
    expect(patchOf(["models", "whisper/base", "pinned"], true)).toEqual({ models: { "whisper/base": { pinned: true } } });
    expect(mapPatch({ a: 1, b: 2 }, { b: 3 })).toEqual({ a: null, b: 3 });
  });
});

describe("formats", () => {
  it("are those that people read", () => {
    expect([350e6, 3.94e9, 900, 139e9].map(formatBytes)).toEqual(["350 MB", "3.9 GB", "900 B", "139 GB"]);
    expect([0.085, 2.41, 42, 180, 7500, 400_000].map(formatSeconds)).toEqual([
      "85 ms", "2.4 s", "42 s", "3 min", "2 h 5 min", "5 d",
    ]);
    expect([7.34, 3725].map(formatPosition)).toEqual(["0:07.3", "1:02:05.0"]);
  });
});

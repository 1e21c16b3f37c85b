import { describe, expect, it } from "vitest";
import { bars, diagnose, newWords, type RequestEntry, type Stage } from "../src/requests/model";

const request = (more: Partial<RequestEntry>): RequestEntry => ({
  id: "1", kind: "asr", client: "", model: "m", device: "cpu", ended_at: "", seconds: 1, code: "",
  message: "", stages: [], text: null, voice: null, audio: null, ...more,
});

const stage = (name: string, start: number, end: number): Stage => ({ stage: name, start, end });

describe("requests", () => {
  it("show their stages to scale", () => {
    const shown = bars([stage("speech", 0, 2), stage("queue", 2, 2.5), stage("inference", 2.5, 4)]);
    expect(shown.map((bar) => [bar.stage, bar.left, bar.width])).toEqual([
      ["queue", 50, 12.5],
      ["speech", 0, 50],
      ["inference", 62.5, 37.5],
    ]);
    expect(bars([])).toEqual([]);
  });

  it.each([
    [{ code: "OOM" }, "memory", "unload_idle"],
    [{ code: "MODEL_MISSING" }, "missing", "install"],
    [{ code: "SOMETHING_NEW" }, "failed", "log"],
    [{ stages: [stage("load", 0, 2.4), stage("queue", 0, 2.5)] }, "load", "keep_loaded"],
    [{ stages: [stage("queue", 0, 1)] }, "queue", "memory"],
    [{ stages: [stage("inference", 0, 3)] }, "inference", "install"],
  ])("say why they failed or were slow: %j", (more, cause, cure) => {
    const diagnosis = diagnose(request(more));
    expect([diagnosis?.cause, diagnosis?.cures[0]]).toEqual([cause, cure]);
  });

  it("are fine without a cause", () => {
    expect(diagnose(request({ stages: [stage("inference", 0, 0.3)] }))).toBeUndefined();
    expect(diagnose(request({ code: "CANCELLED" }))).toBeUndefined();
  });

  it("suggest the words that were missed", () => {
    expect(newWords("Turn on the real ink light.", "Turn on the Reolink light, please")).toEqual([
      "Reolink",
      "please",
    ]);
  });
});

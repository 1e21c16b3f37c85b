import { describe, expect, it } from "vitest";
import { languagesOf, matchesEntry, mixName } from "../src/voices/catalog";

describe("voices", () => {
  it("are found by language and words", () => {
    const joe = { languages: ["en-US"] };
    expect(matchesEntry(joe, "en_US-joe-medium piper", "en", "joe piper")).toBe(true);
    expect(matchesEntry(joe, "en_US-joe-medium", "de", "")).toBe(false);
    expect(matchesEntry(joe, "en_US-joe-medium", "", "amy")).toBe(false);
  });

  it("list each language once, the most frequent first", () => {
    expect(languagesOf([{ languages: ["de-DE", "de-AT"] }, { languages: ["en-US"] }, { languages: ["en_GB"] }])).toEqual([
      "en",
      "de",
    ]);
  });

  it("are mixed by weight", () => {
    expect(mixName({ af_heart: 0.7, am_adam: 0.3, bm_lewis: 0 })).toBe("af_heart*0.7+am_adam*0.3");
    expect(mixName({ af_heart: 1 })).toBe("af_heart");
  });
});

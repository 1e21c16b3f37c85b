import { describe, expect, it, vi } from "vitest";
import de from "../src/strings/de.json";
import en from "../src/strings/en.json";
import es from "../src/strings/es.json";
import fr from "../src/strings/fr.json";
import { preferredLanguage, setLanguage, t, tMaybe } from "../src/core/localize";

const placeholders = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();

describe.each(Object.entries({ de, fr, es }))("strings in %s", (_, strings) => {
  it("have the keys and placeholders of the English ones", () => {
    expect(Object.keys(strings).sort()).toEqual(Object.keys(en).sort());
    for (const [key, text] of Object.entries(en)) {
      expect(placeholders(strings[key as keyof typeof en]), key).toEqual(placeholders(text));
    }
  });

  it("are translated", () => {
    const same = Object.entries(en).filter(([key, text]) => strings[key as keyof typeof en] === text);
    expect(same.length, String(same)).toBeLessThan(Object.keys(en).length / 8);
  });
});

// Tests run without a browser; only the language of the document is set.
vi.stubGlobal("document", { documentElement: {} });

describe("localize", () => {
  it("prefers the chosen language, then the browser's", () => {
    expect(preferredLanguage("fr", ["de-AT"])).toBe("fr");
    expect(preferredLanguage(null, ["pt-BR", "de-AT"])).toBe("de");
    expect(preferredLanguage("xx", ["pt"])).toBe("en");
  });

  it("replaces placeholders and keeps unknown values of the server", async () => {
    expect(t("time.ago", { time: "3 s" })).toBe("3 s ago");
    expect(tMaybe("state", "ready")).toBe("Ready");
    expect(tMaybe("state", "brand_new")).toBe("brand_new");
    await setLanguage("de");
    expect(t("time.ago", { time: "3 s" })).toBe("vor 3 s");
    await setLanguage("en");
  });
});

import { describe, expect, it, vi } from "vitest";
import { ApiError } from "../src/core/api";
import { HassConnection, localeOf, type Hass } from "../src/panel/hass";
import de from "../src/panel/strings/de.json";
import en from "../src/panel/strings/en.json";
import es from "../src/panel/strings/es.json";
import fr from "../src/panel/strings/fr.json";
import { percentile, summarize } from "../src/panel/summary";
import type { Trace } from "../src/core/types";

const placeholders = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();

describe.each(Object.entries({ de, fr, es }))("strings of the panel in %s", (_, strings) => {
  it("have the keys and placeholders of the English ones", () => {
    expect(Object.keys(strings)).toEqual(Object.keys(en));
    for (const [key, text] of Object.entries(en)) {
      expect(placeholders(strings[key as keyof typeof en]), key).toEqual(placeholders(text));
    }
  });
});

function trace(kind: Trace["kind"], seconds: number, code = "", first_audio = 0): Trace {
  const empty = { id: "", client: "", model: "", device: "", ended_at: "", message: "" };
  return { ...empty, kind, seconds, code, stages: { first_audio } };
}

describe("summary", () => {
  it("has percentiles of successful requests, and counts the failed ones", () => {
    const traces = [
      trace("asr", 0.2),
      trace("asr", 0.4),
      trace("asr", 9, "TIMEOUT"),
      trace("asr", 9, "CANCELLED"),
      trace("wake", 9),
      trace("tts", 2, "", 0.1),
    ];
    const text = summarize(traces).join(" ");
    expect(text).toContain("200 ms after its end (median), 400 ms in slow cases");
    expect(text).toContain("after 100 ms");
    expect(text).toContain("1 of the last 4 requests failed");
    expect(summarize([])).toEqual(["No requests since the server started."]);
  });

  it("uses the nearest rank", () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([percentile(values, 0.5), percentile(values, 0.95), percentile([], 0.5)]).toEqual([50, 95, undefined]);
  });
});

describe("connection through Home Assistant", () => {
  const callWS = vi.fn();
  const subscribeMessage = vi.fn();
  const hass = { callWS, connection: { subscribeMessage } } as unknown as Hass;
  const connection = new HassConnection(() => hass, "entry");

  it("sends requests with the entry and without a token", async () => {
    callWS.mockResolvedValueOnce({ body: { ok: true } });
    expect(await connection.request("PATCH", "/config", { a: 1 })).toEqual({ ok: true });
    expect(callWS).toHaveBeenLastCalledWith({
      type: "wyoming_conductor/panel/request",
      entry_id: "entry",
      method: "PATCH",
      path: "/config",
      body: { a: 1 },
    });
  });

  it("decodes audio and encodes files", async () => {
    callWS.mockResolvedValueOnce({ data: btoa("RIFF"), content_type: "audio/wav" });
    const form = new FormData();
    form.append("file", new Blob(["abc"], { type: "audio/wav" }), "a.wav");
    form.append("model", "x");
    const response = await connection.fetch("/v1/audio/transcriptions", { method: "POST", body: form });
    expect(await response.text()).toBe("RIFF");
    expect((callWS.mock.lastCall?.[0] as { form: unknown }).form).toEqual([
      { name: "file", value: btoa("abc"), filename: "a.wav", content_type: "audio/wav" },
      { name: "model", value: "x" },
    ]);
  });

  it("turns errors of the server and of Home Assistant into ApiError", async () => {
    callWS.mockResolvedValueOnce({ error: { status: 400, code: "BUSY", message: "No.", detail: "Wait." } });
    await expect(connection.request("GET", "/voices")).rejects.toMatchObject({ code: "BUSY", detail: "Wait." });
    callWS.mockRejectedValueOnce({ code: "x", message: "Not set up." });
    await expect(connection.request("GET", "/voices")).rejects.toThrow(ApiError);
  });

  it("reports a lost and an opened stream, and stops", async () => {
    const unsubscribe = vi.fn().mockResolvedValue(undefined);
    subscribeMessage.mockResolvedValueOnce(unsubscribe);
    const seen: string[] = [];
    const stop = connection.stream("/events", {
      onMessage: (event) => seen.push(String(event["type"])),
      onOpen: () => seen.push("open"),
      onLost: () => seen.push("lost"),
    });
    const send = subscribeMessage.mock.lastCall?.[0] as (event: unknown) => void;
    for (const type of ["stream_lost", "stream_opened", "model_ready"]) send({ type });
    await Promise.resolve();
    stop();
    send({ type: "model_ready" });
    expect(seen).toEqual(["lost", "open", "stream_opened", "model_ready"]);
    expect(unsubscribe).toHaveBeenCalledOnce();
  });
});

describe("locale", () => {
  const hass = (locale: Partial<Hass["locale"]>): Hass =>
    ({
      config: { time_zone: "America/New_York" },
      locale: { language: "en", number_format: "language", time_format: "language", time_zone: "server", ...locale },
    }) as Hass;

  it("follows the profile of the user", () => {
    expect(localeOf(hass({}))).toEqual({ hour12: true, timeZone: "America/New_York" });
    const german = { number_format: "decimal_comma", time_format: "24", time_zone: "server" };
    expect(localeOf(hass(german))).toEqual({ numbers: "de", hour12: false, timeZone: "America/New_York" });
    expect(localeOf(hass({ time_format: "12" })).hour12).toBe(true);
  });
});

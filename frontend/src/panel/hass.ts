// What the panel uses of the object that Home Assistant gives to every panel.

import { ApiError, type Connection, type Method, type Stop, type StreamListener } from "../core/api";

export interface EntityState {
  entity_id: string;
  state: string;
  attributes: Record<string, unknown>;
  last_changed: string;
}

export interface Hass {
  language: string;
  locale: { language: string; number_format: string; time_format: string; time_zone: string };
  config: { time_zone: string };
  themes: { darkMode: boolean };
  states: Record<string, EntityState | undefined>;
  devices: Record<string, { name: string | null; name_by_user: string | null; area_id: string | null } | undefined>;
  areas: Record<string, { name: string } | undefined>;
  entities: Record<string, { device_id?: string; platform?: string } | undefined>;
  connection: {
    /** The type of the messages is that of the callback's parameter. */
    subscribeMessage(
      callback: (message: never) => void,
      message: Record<string, unknown>,
    ): Promise<() => Promise<void>>;
  };
  callWS<T>(message: Record<string, unknown>): Promise<T>;
  callService(
    domain: string,
    service: string,
    data?: Record<string, unknown>,
    target?: Record<string, unknown>,
  ): Promise<unknown>;
  callApi<T>(method: string, path: string, data?: unknown): Promise<T>;
  formatEntityState(state: EntityState): string;
  localize(key: string): string;
  loadBackendTranslation(category: string, integration: string): Promise<unknown>;
}

const PREFIX = "wyoming_conductor/panel";

export interface ServerEntry {
  entry_id: string;
  title: string;
  state: string;
  reason: string | null;
  scope: "read" | "use" | "operate" | "admin";
}

interface Answer {
  body?: unknown;
  data?: string;
  content_type?: string;
  error?: { status: number; code: string; message: string; detail?: string };
}

interface Field {
  name: string;
  value: string;
  filename?: string;
  content_type?: string;
}

/** Requests through Home Assistant, which has the token of the server. */
export class HassConnection implements Connection {
  readonly embedded = true;

  constructor(
    private readonly hass: () => Hass,
    private readonly entryId: string,
  ) {}

  async request<T>(method: Method, path: string, body?: unknown): Promise<T> {
    return (await this.send({ method, path, ...(body === undefined ? {} : { body }) })).body as T;
  }

  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const message: Record<string, unknown> = { path, method: init.method ?? "GET" };
    if (typeof init.body === "string") message["body"] = JSON.parse(init.body) as unknown;
    else if (init.body instanceof FormData) message["form"] = await encodeForm(init.body);
    const answer = await this.send(message);
    if (answer.data === undefined) return Response.json(answer.body);
    const bytes = Uint8Array.from(atob(answer.data), (char) => char.charCodeAt(0));
    return new Response(bytes, { headers: { "Content-Type": answer.content_type ?? "" } });
  }

  stream(path: string, listener: StreamListener): Stop {
    let stopped = false;
    let unsubscribe: (() => Promise<void>) | undefined;
    // Home Assistant subscribes again when its own connection has been lost.
    void this.hass()
      .connection.subscribeMessage(
        (event: Record<string, unknown>) => {
          if (stopped) return;
          if (event["type"] === "stream_lost") {
            listener.onLost?.();
            return;
          }
          if (event["type"] === "stream_opened") listener.onOpen?.();
          listener.onMessage(event);
        },
        { type: `${PREFIX}/stream`, entry_id: this.entryId, path },
      )
      .then((stop) => {
        if (stopped) void stop();
        else unsubscribe = stop;
      })
      .catch(() => listener.onLost?.());
    return () => {
      stopped = true;
      void unsubscribe?.();
    };
  }

  socket(): WebSocket {
    throw new ApiError("", 0, "UNREACHABLE");
  }

  url(path: string): string {
    return path;
  }

  async media(path: string): Promise<string> {
    return URL.createObjectURL(await (await this.fetch(path)).blob());
  }

  private async send(message: Record<string, unknown>): Promise<Answer> {
    let answer: Answer;
    try {
      answer = await this.hass().callWS<Answer>({
        type: `${PREFIX}/request`,
        entry_id: this.entryId,
        ...message,
      });
    } catch (error) {
      throw new ApiError(textOf(error), 0);
    }
    if (answer.error) {
      const { status, code, message: text, detail } = answer.error;
      throw new ApiError(text, status, code, detail ?? "");
    }
    return answer;
  }
}

/** Return the text of an error of Home Assistant's connection, which is no Error. */
export function textOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  return (error as { message?: string } | undefined)?.message ?? String(error);
}

async function encodeForm(form: FormData): Promise<Field[]> {
  const fields: Field[] = [];
  for (const [name, value] of form.entries()) {
    if (typeof value === "string") {
      fields.push({ name, value });
      continue;
    }
    const bytes = new Uint8Array(await value.arrayBuffer());
    let binary = "";
    for (const byte of bytes) binary += String.fromCharCode(byte);
    fields.push({ name, value: btoa(binary), filename: value.name, content_type: value.type });
  }
  return fields;
}

/** Return the locale of the user for numbers and times. */
export function localeOf(hass: Hass): { numbers?: string; hour12: boolean; timeZone: string } {
  const { locale } = hass;
  const formats: Record<string, string> = { comma_decimal: "en-US", decimal_comma: "de", space_comma: "fr" };
  const numbers = formats[locale.number_format];
  const tag = locale.time_format === "system" ? undefined : locale.language;
  const clock = { "12": true, "24": false }[locale.time_format];
  const hour12 = clock ?? new Intl.DateTimeFormat(tag, { hour: "numeric" }).resolvedOptions().hour12 ?? false;
  const local = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const timeZone = locale.time_zone === "local" ? local : hass.config.time_zone;
  return { ...(numbers ? { numbers } : {}), hour12, timeZone };
}

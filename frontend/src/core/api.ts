// Requests to the server. The page sends a cookie; Home Assistant's panel brings its own connection.

export interface Fault {
  path: string;
  message: string;
}

/** An error response of the server, or no response at all (status 0). */
export class ApiError extends Error {
  constructor(
    override readonly message: string,
    readonly status: number,
    readonly code = "",
    readonly detail = "",
    readonly faults: Fault[] = [],
  ) {
    super(message);
  }
}

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export type Stop = () => void;

export interface StreamListener {
  onMessage(data: Record<string, unknown>): void;
  onOpen?(): void;
  onLost?(): void;
}

export interface Connection {
  /** Whether the page is part of another application, which signs its users in. */
  readonly embedded: boolean;
  /** Send JSON and return the decoded response; undefined if it is empty. Throws ApiError. */
  request<T>(method: Method, path: string, body?: unknown): Promise<T>;
  /** Send anything and return the successful response. Throws ApiError. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Follow a stream of server-sent events; it reconnects by itself. */
  stream(path: string, listener: StreamListener): Stop;
  /** Open a WebSocket. */
  socket(path: string): WebSocket;
  /** URL of a resource, for links. */
  url(path: string): string;
  /** URL of a recording, for media elements. Throws ApiError. */
  media(path: string): Promise<string>;
}

export class CookieConnection implements Connection {
  readonly embedded = false;

  constructor(
    private readonly base: string,
    private readonly onSignedOut: () => void,
  ) {}

  url(path: string): string {
    return new URL(path.replace(/^\//, ""), this.base).href;
  }

  media(path: string): Promise<string> {
    return Promise.resolve(this.url(path));
  }

  async fetch(path: string, init?: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(this.url(path), { credentials: "same-origin", ...init });
    } catch (cause) {
      if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
      throw new ApiError("", 0, "UNREACHABLE");
    }
    if (response.ok) return response;
    const error = await readError(response);
    if (error.status === 401 && path !== "/sessions") this.onSignedOut();
    throw error;
  }

  async request<T>(method: Method, path: string, body?: unknown): Promise<T> {
    const init: RequestInit = { method };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { "Content-Type": "application/json" };
    }
    const response = await this.fetch(path, init);
    const text = await response.text();
    return (text ? JSON.parse(text) : undefined) as T;
  }

  stream(path: string, listener: StreamListener): Stop {
    let source: EventSource | undefined;
    let timer = 0;
    const open = (): void => {
      source = new EventSource(this.url(path));
      source.onopen = () => listener.onOpen?.();
      source.onerror = () => {
        listener.onLost?.();
        // A refused request ends the stream for good; browsers retry all other failures.
        if (source?.readyState === EventSource.CLOSED) timer = window.setTimeout(open, 3_000);
      };
      for (const type of EVENT_TYPES) {
        source.addEventListener(type, (event: MessageEvent<string>) => {
          listener.onMessage(JSON.parse(event.data) as Record<string, unknown>);
        });
      }
    };
    open();
    return () => {
      window.clearTimeout(timer);
      source?.close();
    };
  }

  socket(path: string): WebSocket {
    return new WebSocket(this.url(path).replace(/^http/, "ws"));
  }
}

/** Names of the events that the page uses: EventSource has no way to listen to all. */
export const EVENT_TYPES = [
  "stream_opened",
  "events_lost",
  "log_line",
  "config_changed",
  "model_state_changed",
  "model_waiting_for_gpu",
  "model_loading",
  "model_progress",
  "model_ready",
  "model_unloaded",
  "model_evicted",
  "model_failed",
  "model_installed",
  "model_removed",
  "model_fell_back",
  "memory_pressure",
  "request_finished",
  "request_recorded",
  "speech_started",
  "transcript_grew",
  "job_queued",
  "job_started",
  "job_progress",
  "job_finished",
] as const;

async function readError(response: Response): Promise<ApiError> {
  try {
    const body = (await response.json()) as {
      error?: string | { message?: string; code?: string };
      code?: string;
      detail?: string;
      faults?: Fault[] | null;
    };
    if (typeof body.error === "object") {
      return new ApiError(body.error.message ?? "", response.status, body.error.code ?? "");
    }
    return new ApiError(
      body.error ?? response.statusText,
      response.status,
      body.code ?? "",
      body.detail ?? "",
      body.faults ?? [],
    );
  } catch {
    return new ApiError(response.statusText || `HTTP ${response.status}`, response.status);
  }
}

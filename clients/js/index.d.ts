/**
 * State of a model. `waiting_for_gpu`: it is loaded as soon as there is enough memory. `unfit`: it
 * needs more memory than models may ever use.
 */
export type ModelState =
  | 'unloaded'
  | 'downloading'
  | 'waiting_for_gpu'
  | 'loading'
  | 'ready'
  | 'unloading'
  | 'failed'
  | 'unfit';

export interface RequestOptions {
  signal?: AbortSignal;
}

/** Every failure. `code` is stable: https://SERVER/docs/errors lists all codes. */
export class ConductorError extends Error {
  constructor(
    message: string,
    options?: Partial<
      Pick<
        ConductorError,
        'status' | 'code' | 'detail' | 'recoverable' | 'retryAfter' | 'attempt' | 'state'
      >
    >,
  );
  /** HTTP status; 0 if there was no response. */
  status: number;
  /** Such as `MODEL_MISSING`; `UNREACHABLE` and `TIMEOUT` come from this client. */
  code: string;
  /** What to do next. */
  detail: string;
  /** Whether the same request may succeed later. */
  recoverable: boolean;
  /** Seconds after which a retry can succeed; null if unknown. */
  retryAfter: number | null;
  /** Consecutive failures of the model. */
  attempt: number | null;
  /** State of the model that is not ready. */
  state: ModelState | null;
}

export interface Model {
  id: string;
  kind: 'asr' | 'tts' | 'wake';
  state: ModelState;
  languages: string[];
  device: string;
  memory_bytes: number;
  progress?: { phase: string; percent: number } | null;
  error?: { code: string; message: string } | null;
  unfit?: { device: string; needed_bytes: number; budget_bytes: number } | null;
  vram_needed_mb?: number | null;
  vram_free_mb?: number | null;
  retry_in_secs?: number | null;
  [field: string]: unknown;
}

export interface Word {
  text: string;
  start: number;
  end: number;
  probability: number;
}

/** Times in seconds from the start of the recording. */
export interface Segment {
  index: number;
  start: number;
  end: number;
  text: string;
  words: Word[];
}

export interface Job {
  id: string;
  status: 'draft' | 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
  task: 'transcribe' | 'translate' | 'speak';
  model: string;
  language?: string;
  /** Percent. */
  progress: number;
  duration_secs?: number;
  segments: Segment[];
  error?: string;
  error_code?: string;
  created_at: string;
  completed_at?: string;
  [field: string]: unknown;
}

export interface JobProgress {
  percent: number;
  chunk: number;
  chunks_total: number;
}

export interface ServerEvent {
  /** Such as `model_ready` or `job_finished`. */
  type: string;
  /** Number of the event, for `lastEventId`. */
  id: string | null;
  data: { type: string; [field: string]: unknown };
}

export interface WaitOptions extends RequestOptions {
  /** Milliseconds. Default: 120000. */
  timeout?: number;
  /** Called with the model whenever its state was read, also while it waits for memory. */
  onState?: (model: Model) => void;
}

export interface SubmitOptions extends RequestOptions {
  filename?: string;
  language?: string;
  task?: 'transcribe' | 'translate';
  model?: string;
  wordTimestamps?: boolean;
  /** Text that biases the spelling, such as a list of names. */
  prompt?: string;
  webhookUrl?: string;
  /** Accept the job although the model is not ready; otherwise this client waits for the model. */
  wait?: boolean;
  /** Requests until the error of a model that is not ready is thrown. Default: 20. */
  maxAttempts?: number;
  onWaiting?: (waiting: {
    state: ModelState | null;
    retryAfter: number | null;
    attempt: number;
  }) => void;
}

export interface TextOptions extends RequestOptions {
  /** Its suffix tells the format of the text: .txt, .srt, .vtt or .ass. */
  filename?: string;
  format?: 'wav' | 'flac' | 'mp3';
  voice?: string;
  speed?: number;
  webhookUrl?: string;
}

export class ConductorClient {
  /** `fetch` replaces the global one, for tests and for proxies. */
  constructor(options: { baseUrl: string | URL; token?: string | null; fetch?: typeof fetch });

  /** Send any request; throws ConductorError for an error status. */
  request(
    method: string,
    path: string,
    options?: RequestOptions & {
      json?: unknown;
      body?: BodyInit;
      query?: Record<string, unknown>;
      headers?: Record<string, string>;
    },
  ): Promise<Response>;

  info(options?: RequestOptions): Promise<Record<string, unknown>>;
  health(options?: RequestOptions): Promise<{
    ready: boolean;
    reasons: string[];
    model: string;
    model_state: ModelState | null;
    queue_depth: number;
    [field: string]: unknown;
  }>;
  /** Everything about the server in one answer; with `events` from then on, never poll. */
  snapshot(options?: RequestOptions): Promise<Record<string, unknown>>;
  config(options?: RequestOptions): Promise<Record<string, unknown>>;
  /** JSON Merge Patch; null resets a key. */
  patchConfig(
    patch: Record<string, unknown>,
    options?: RequestOptions,
  ): Promise<Record<string, unknown>>;

  models(options?: RequestOptions): Promise<Model[]>;
  model(id: string, options?: RequestOptions): Promise<Model>;
  /** State of the default speech-to-text model. */
  defaultModel(options?: RequestOptions): Promise<{ state: ModelState; [field: string]: unknown }>;
  loadModel(id: string, options?: RequestOptions): Promise<{ status: string }>;
  unloadModel(id: string, options?: RequestOptions): Promise<{ status: string }>;
  /** Load a model, or the default one, and wait until it is ready, through `waiting_for_gpu`. */
  waitForModel(id?: string | null, options?: WaitOptions): Promise<Model>;

  /** Make the server show six digits; returns the seconds for which they are valid. */
  requestPairingCode(options?: RequestOptions): Promise<number>;
  /** Exchange the six digits for a token. */
  pair(code: string, name: string, options?: RequestOptions): Promise<string>;

  /**
   * Follow an event stream. A broken connection is opened again, and continues after the last event
   * that arrived. End it with `break` or with `signal`.
   */
  events(
    options?: RequestOptions & { path?: string; lastEventId?: string | null; reconnect?: boolean },
  ): AsyncGenerator<ServerEvent, void, void>;
  /** Address with a ticket that opens a stream once, for EventSource and WebSocket in a browser. */
  ticketUrl(path: string, options?: RequestOptions): Promise<string>;

  /** Send a recording, after its model is ready; returns the id of the job. */
  submit(recording: Blob, options?: SubmitOptions): Promise<string>;
  /** Send a text or subtitles to speak; returns the id of the job. */
  submitText(text: string, options?: TextOptions): Promise<string>;
  job(id: string, options?: RequestOptions): Promise<Job>;
  jobs(options?: RequestOptions & { status?: Job['status']; limit?: number }): Promise<Job[]>;
  cancelJob(id: string, options?: RequestOptions): Promise<Job>;
  jobResult(
    id: string,
    format: 'json' | 'srt' | 'vtt' | 'txt' | 'wav' | 'flac' | 'mp3',
    options?: RequestOptions,
  ): Promise<Blob>;
  /** Wait until a job is done; throws its error, or one with the code `CANCELLED`. */
  waitForJob(
    id: string,
    options?: RequestOptions & { onProgress?: (progress: JobProgress) => void },
  ): Promise<Job>;
  /** `submit` and `waitForJob`; an abort by `signal` cancels the job. */
  transcribe(
    recording: Blob,
    options?: SubmitOptions & { onProgress?: (progress: JobProgress) => void },
  ): Promise<Job>;

  /** Synthesize a short text. */
  speak(
    text: string,
    options?: RequestOptions & {
      voice?: string;
      speed?: number;
      format?: 'mp3' | 'opus' | 'aac' | 'flac' | 'wav' | 'pcm';
    },
  ): Promise<Blob>;
}

/** Parse server-sent events; `onData` is called for everything that arrives. */
export function parseEvents(
  body: ReadableStream<Uint8Array>,
  onData?: () => void,
): AsyncGenerator<ServerEvent, void, void>;

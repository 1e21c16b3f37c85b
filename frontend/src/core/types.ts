// Responses of the API, as far as the page reads them.

export type Scope = "read" | "use" | "operate" | "admin";

export interface Session {
  required: boolean;
  signed_in: boolean;
  scope: Scope | null;
  id: string | null;
  version: string;
}

export interface SessionEntry {
  id: string;
  name: string;
  scope: Scope;
  created_at: string;
  last_used_at: string;
  current: boolean;
}

export interface Device {
  device: string;
  name: string;
  total_bytes: number;
  free_bytes: number;
  budget_bytes: number;
  reserved_bytes: number;
  committed_bytes: number;
  others_bytes: number;
  pressure: string;
  present: boolean;
  utilisation?: number | null;
  temperature?: number | null;
  power?: number | null;
}

export type ModelState =
  | "unloaded"
  | "downloading"
  | "waiting_for_gpu"
  | "loading"
  | "ready"
  | "unloading"
  | "unfit"
  | "failed";

export interface Offer {
  name: string;
  description: string;
  languages: string[];
  phrase: string;
  speakers: string[];
}

export interface Model {
  id: string;
  kind: "asr" | "tts" | "wake" | "turn" | "speaker";
  engine: string;
  description: string;
  state: ModelState;
  languages: string[];
  offers: Offer[];
  device: string;
  compute_type: string;
  memory_bytes: number;
  active_requests: number;
  queued_requests: number;
  keep_alive: number;
  pinned: boolean;
  last_used?: string;
  load_seconds?: number;
  installed: boolean;
  default_for: string[];
  progress?: { phase: string; percent: number; done_bytes?: number; total_bytes?: number };
  error?: { code: string; message: string; detail: string; retry_in_secs?: number };
  fallback_reason?: string;
  requests: number;
  errors: number;
  last_seconds?: number;
  real_time_factor?: number;
  unload_in_secs?: number;
  waiting?: {
    device: string;
    needed_bytes: number;
    free_bytes: number;
    held_by: { kind: "model" | "program"; name: string; bytes: number }[];
    retry_in_secs: number;
  };
  unfit?: { device: string; needed_bytes: number; budget_bytes: number };
}

export interface Snapshot {
  at: string;
  last_event: number;
  info: Info;
  health: { ready: boolean; reasons: string[]; accepting: boolean; uptime_secs: number };
  config: { revision: number; restart_needed: string[] };
  queue: { waiting_requests: number; active_requests: number };
  disk?: { total_bytes: number; free_bytes: number };
  devices: Device[];
  models: Model[];
}

export interface Info {
  version: string;
  uuid: string;
  instance: string;
  started_at: string;
  ports: Record<string, number>;
  features: string[];
  scope: Scope;
}

export interface Sample {
  at: number;
  devices: Record<
    string,
    { total_bytes: number; used_bytes: number; model_bytes: number; utilisation: number | null }
  >;
  active_requests: number;
  queue_depth: number;
}

export interface CachedModel {
  id: string;
  bytes: number;
  in_use: boolean;
}

export interface PhraseUsage {
  bytes: number;
  quota_bytes: number;
  memory_bytes: number;
  phrases: number;
  hits: number;
  misses: number;
  hit_rate: number | null;
}

export interface Cache {
  bytes: number;
  models: { bytes: number; quota_bytes: number; entries: CachedModel[] };
  phrases: PhraseUsage | null;
  jobs: {
    recordings_bytes: number;
    audio_bytes: number;
    phrases_bytes: number;
    quota_bytes: number;
  } | null;
}

export interface Phrase {
  key: string;
  voice: string;
  text: string;
  bytes: number;
  last_used: string;
  hits: number;
}

export interface ConfigKey {
  path: string;
  kind: string;
  default: unknown;
  description: string;
  choices: string[];
  minimum: number | null;
  maximum: number | null;
  nullable: boolean;
  applies: "live" | "reload" | "restart";
  admin: boolean;
}

export interface ConfigSchema {
  sections: Record<string, string>;
  keys: ConfigKey[];
}

export interface Config {
  config: Record<string, unknown>;
  effective: Record<string, unknown>;
  pending: Record<string, { effective: unknown; pending: unknown; applies: string }>;
  revision: number;
  sources: Record<string, string>;
  restart_needed: string[];
}

export interface ConfigChange {
  changed: string[];
  restart_needed: string[];
  shadowed: Record<string, string>;
  keys: Record<string, { note: string; applies: string; pending: boolean }>;
}

export interface LogLine {
  number: number;
  at: string;
  level: string;
  logger: string;
  text: string;
}

export interface Trace {
  id: string;
  kind: "asr" | "tts" | "wake";
  client: string;
  model: string;
  device: string;
  ended_at: string;
  seconds: number;
  code: string;
  message: string;
  stages: Record<string, number>;
}

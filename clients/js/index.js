// Client of the Wyoming Conductor HTTP API. index.d.ts describes every function.

const HEARTBEAT_MS = 40_000; // the server sends a comment every 15 s
const FIRST_RECONNECT_MS = 500;
const MAX_RECONNECT_MS = 30_000;
const DEFAULT_RETRY_SECONDS = 15;
const FINAL = new Set(['done', 'failed', 'cancelled']);

export class ConductorError extends Error {
  constructor(message, { status = 0, code = 'UNKNOWN', detail = '', ...rest } = {}) {
    super([message, detail].filter(Boolean).join(' '));
    this.name = 'ConductorError';
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.recoverable = rest.recoverable ?? false;
    this.retryAfter = rest.retryAfter ?? null;
    this.attempt = rest.attempt ?? null;
    this.state = rest.state ?? null;
  }
}

export class ConductorClient {
  #base;
  #token;
  #fetch;

  constructor({ baseUrl, token = null, fetch = globalThis.fetch }) {
    this.#base = String(baseUrl).replace(/\/+$/, '');
    this.#token = token;
    this.#fetch = fetch.bind(globalThis);
  }

  async request(method, path, { json, body, query, headers = {}, signal } = {}) {
    const url = new URL(this.#base + path);
    for (const [name, value] of Object.entries(query ?? {})) {
      if (value !== undefined && value !== null) url.searchParams.set(name, String(value));
    }
    const sent = { ...headers };
    if (this.#token) sent.Authorization = `Bearer ${this.#token}`;
    if (json !== undefined) sent['Content-Type'] = 'application/json';
    let response;
    try {
      response = await this.#fetch(url, {
        method,
        headers: sent,
        body: json === undefined ? body : JSON.stringify(json),
        signal,
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw new ConductorError(`${this.#base} cannot be reached: ${error.message}`, {
        code: 'UNREACHABLE',
        recoverable: true,
      });
    }
    if (!response.ok) throw await errorOf(response);
    return response;
  }

  async #json(method, path, options) {
    const response = await this.request(method, path, options);
    return response.status === 204 ? null : response.json();
  }

  info = (options) => this.#json('GET', '/info', options);
  health = (options) => this.#json('GET', '/health', options);
  snapshot = (options) => this.#json('GET', '/snapshot', options);
  config = (options) => this.#json('GET', '/config', options);
  patchConfig = (patch, options) => this.#json('PATCH', '/config', { ...options, json: patch });
  models = async (options) => (await this.#json('GET', '/models', options)).models;
  model = (id, options) => this.#json('GET', `/models/${modelPath(id)}`, options);
  defaultModel = (options) => this.#json('GET', '/model/status', options);
  loadModel = (id, options) => this.#json('POST', `/models/${modelPath(id)}/load`, options);
  unloadModel = (id, options) => this.#json('POST', `/models/${modelPath(id)}/unload`, options);
  requestPairingCode = async (options) =>
    (await this.#json('POST', '/pair/code', options)).expires_in_secs;
  pair = async (code, name, options) =>
    (await this.#json('POST', '/pair', { ...options, json: { code, name } })).token;

  async *events({ path = '/events', lastEventId = null, reconnect = true, signal } = {}) {
    let last = lastEventId;
    let pause = FIRST_RECONNECT_MS;
    for (;;) {
      try {
        for await (const event of this.#stream(path, last, signal)) {
          last = event.id ?? last;
          pause = FIRST_RECONNECT_MS;
          yield event;
        }
      } catch (error) {
        signal?.throwIfAborted();
        if (!reconnect || !(error instanceof ConductorError) || !error.recoverable) throw error;
      }
      if (!reconnect) return;
      await sleep(pause, signal);
      pause = Math.min(2 * pause, MAX_RECONNECT_MS);
    }
  }

  async *#stream(path, last, signal) {
    const stop = new AbortController();
    const abort = () => stop.abort(signal.reason);
    signal?.addEventListener('abort', abort, { once: true });
    const headers = { Accept: 'text/event-stream' };
    if (last !== null) headers['Last-Event-ID'] = last;
    let timer;
    const watch = () => {
      clearTimeout(timer);
      timer = setTimeout(() => stop.abort(new Error('no heartbeat')), HEARTBEAT_MS);
    };
    try {
      signal?.throwIfAborted();
      watch();
      const response = await this.request('GET', path, { headers, signal: stop.signal });
      yield* parseEvents(response.body, watch);
    } catch (error) {
      if (error instanceof ConductorError) throw error;
      signal?.throwIfAborted();
      throw new ConductorError(`the event stream broke: ${error.message}`, {
        code: 'UNREACHABLE',
        recoverable: true,
      });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      stop.abort();
    }
  }

  async ticketUrl(path, options) {
    const { ticket } = await this.#json('POST', '/tickets', options);
    const url = new URL(this.#base + path);
    url.searchParams.set('ticket', ticket);
    return url.href;
  }

  async waitForModel(id = null, { timeout = 120_000, signal, onState } = {}) {
    const limit = AbortSignal.timeout(timeout);
    const both = signal ? AbortSignal.any([signal, limit]) : limit;
    let wasRequested = false;
    try {
      const model = id ?? (await this.health({ signal: both })).model;
      for (;;) {
        // Opened before the state is read, so that no change is lost in between.
        const events = this.events({ signal: both, reconnect: false });
        try {
          await events.next();
          const status = await this.model(model, { signal: both });
          onState?.(status);
          if (status.state === 'ready') return status;
          if (status.state === 'unfit') throw unfitError(status);
          if (status.state === 'failed' && wasRequested) throw failureOf(status);
          if (status.state === 'unloaded' || status.state === 'failed') {
            wasRequested = true;
            await this.loadModel(model, { signal: both });
          }
          let event = await events.next();
          while (!event.done && !(event.value.data.model === model && changesState(event.value))) {
            event = await events.next();
          }
        } finally {
          await events.return();
        }
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (!limit.aborted) throw error;
      throw new ConductorError(`${id ?? 'the model'} was not ready within ${timeout / 1000} s`, {
        code: 'TIMEOUT',
        recoverable: true,
      });
    }
  }

  async submit(recording, options = {}) {
    const { filename = recording.name ?? 'recording', maxAttempts = 20, onWaiting, signal } = options;
    const fields = {
      wait: options.wait ? 'true' : undefined,
      language: options.language,
      task: options.task,
      model: options.model,
      word_timestamps: options.wordTimestamps ? 'true' : undefined,
      prompt: options.prompt,
      webhook_url: options.webhookUrl,
    };
    for (let attempt = 1; ; attempt += 1) {
      const form = new FormData();
      for (const [name, value] of Object.entries(fields)) {
        if (value !== undefined) form.append(name, value);
      }
      form.append('audio', recording, filename);
      try {
        return (await this.#json('POST', '/jobs', { body: form, signal })).job_id;
      } catch (error) {
        if (error.code !== 'BUSY' || attempt >= maxAttempts) throw error;
        onWaiting?.({ state: error.state, retryAfter: error.retryAfter, attempt });
        await this.#waitToRetry(options.model ?? null, error.retryAfter, signal);
      }
    }
  }

  // Until the model is ready, at most until the time that the server gave.
  async #waitToRetry(model, retryAfter, signal) {
    const timeout = 1000 * (retryAfter ?? DEFAULT_RETRY_SECONDS);
    try {
      await this.waitForModel(model, { timeout, signal });
    } catch (error) {
      signal?.throwIfAborted();
      if (error.code === 'TIMEOUT') return;
      await sleep(timeout, signal);
    }
  }

  async submitText(text, options = {}) {
    const { filename = 'text.txt', format = 'flac', voice, speed, webhookUrl, signal } = options;
    const form = new FormData();
    const fields = { format, voice, speed, webhook_url: webhookUrl };
    for (const [name, value] of Object.entries(fields)) {
      if (value !== undefined) form.append(name, String(value));
    }
    form.append('text', new Blob([text]), filename);
    return (await this.#json('POST', '/jobs/speech', { body: form, signal })).job_id;
  }

  job = (id, options) => this.#json('GET', `/jobs/${id}`, options);
  jobs = async ({ status, limit, signal } = {}) =>
    (await this.#json('GET', '/jobs', { query: { status, limit }, signal })).jobs;
  cancelJob = (id, options) => this.#json('DELETE', `/jobs/${id}`, options);
  jobResult = async (id, format, options) =>
    (await this.request('GET', `/jobs/${id}.${format}`, options)).blob();

  async waitForJob(id, { onProgress, signal } = {}) {
    for await (const event of this.events({ path: `/jobs/${id}/stream`, signal })) {
      if (event.type === 'progress') onProgress?.(event.data);
      // `error` of the stream itself has no data: the job goes on, and so does the stream.
      else if (event.type === 'done' || event.type === 'error') break;
    }
    const job = await this.job(id, { signal });
    if (job.status === 'done') return job;
    throw new ConductorError(job.error ?? `job ${id} was cancelled`, {
      code: job.error_code ?? (FINAL.has(job.status) ? 'CANCELLED' : 'UNKNOWN'),
    });
  }

  async transcribe(recording, options = {}) {
    const id = await this.submit(recording, options);
    try {
      return await this.waitForJob(id, options);
    } catch (error) {
      if (options.signal?.aborted) await this.cancelJob(id).catch(() => {});
      throw error;
    }
  }

  async speak(text, { voice, speed, format = 'mp3', signal } = {}) {
    const json = { input: text, voice, speed, response_format: format };
    return (await this.request('POST', '/v1/audio/speech', { json, signal })).blob();
  }
}

export async function* parseEvents(body, onData = () => {}) {
  const decoder = new TextDecoder();
  let text = '';
  let event = { type: 'message', id: null, data: [] };
  for await (const chunk of chunksOf(body)) {
    onData();
    text += decoder.decode(chunk, { stream: true });
    const lines = text.split(/\r\n|\n|\r(?!$)/);
    text = lines.pop();
    for (const line of lines) {
      if (line === '') {
        if (event.data.length) yield { ...event, data: JSON.parse(event.data.join('\n')) };
        event = { type: 'message', id: event.id, data: [] };
        continue;
      }
      const colon = line.indexOf(':');
      const name = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (name === 'data') event.data.push(value);
      else if (name === 'event') event.type = value;
      else if (name === 'id') event.id = value;
    }
  }
}

// Safari cannot iterate over a stream.
async function* chunksOf(body) {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

async function errorOf(response) {
  const seconds = Number.parseInt(response.headers.get('Retry-After') ?? '', 10);
  const retryAfter = Number.isNaN(seconds) ? null : seconds;
  let problem;
  try {
    problem = await response.json();
  } catch {
    const recoverable = response.status >= 502;
    const text = `unexpected status ${response.status}`;
    return new ConductorError(text, { status: response.status, recoverable, retryAfter });
  }
  const { error, ...rest } = problem;
  if (error !== null && typeof error === 'object') {
    // Below /v1 errors have the format of OpenAI's API.
    return new ConductorError(error.message, { status: response.status, code: error.code, retryAfter });
  }
  return new ConductorError(error, {
    ...rest,
    status: response.status,
    retryAfter: rest.retry_after_secs ?? retryAfter,
  });
}

function failureOf({ id, error }) {
  return new ConductorError(error?.message ?? `${id} cannot be loaded`, {
    code: error?.code ?? 'LOAD_FAILED',
  });
}

function unfitError({ id, unfit }) {
  const numbers = unfit && ` It needs ${mib(unfit.needed_bytes)}; models may use ${mib(unfit.budget_bytes)}.`;
  return new ConductorError(`${id} can never fit into ${unfit?.device ?? 'memory'}.${numbers ?? ''}`, {
    code: 'MODEL_TOO_LARGE',
    detail: 'Use a smaller model, or raise memory.budget.',
    state: 'unfit',
  });
}

function mib(bytes) {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}

function changesState({ type }) {
  return type.startsWith('model_') && type !== 'model_progress';
}

function modelPath(id) {
  return id.split('/').map(encodeURIComponent).join('/');
}

function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
  });
}

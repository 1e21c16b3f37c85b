// What a web application does with the API, as its guide tells it to; run by test_guide.py:
//   node --experimental-eventsource guide.ts BASE RECORDING
// It sends no token, uses fetch, FormData and EventSource as they are, and prints what it saw.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

type ModelState = 'unloaded' | 'loading' | 'waiting_for_gpu' | 'ready';

interface Segment {
  index: number;
  start: number;
  end: number;
  text: string;
  words: { text: string; start: number; end: number; probability: number }[];
}

interface Job {
  id: string;
  status: 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
  task: 'transcribe' | 'translate';
  language?: string;
  progress: number;
  duration_secs?: number;
  segments: Segment[];
  error?: string;
  created_at: string;
  completed_at?: string;
}

const [base, recording] = process.argv.slice(2) as [string, string];
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const json = async (path: string, init?: RequestInit) => (await fetch(`${base}${path}`, init)).json();

function following(path: string): { seen: string[]; ready: Promise<string>; close: () => void } {
  const source = new EventSource(`${base}${path}`);
  const seen: string[] = [];
  for (const name of ['model_loading', 'model_unloaded', 'model_waiting_for_gpu']) {
    source.addEventListener(name, () => seen.push(name));
  }
  const ready = new Promise<string>((resolve) => {
    source.addEventListener('model_ready', (event) => {
      seen.push('model_ready');
      resolve(JSON.parse(event.data).loaded_at);
    });
  });
  return { seen, ready, close: () => source.close() };
}

async function submit(audio: Blob, fields: Record<string, string> = {}): Promise<Response> {
  const form = new FormData();
  form.append('audio', audio, 'audio.wav');
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return fetch(`${base}/jobs`, { method: 'POST', body: form });
}

async function poll(id: string): Promise<Job> {
  for (;;) {
    const job: Job = await json(`/jobs/${id}`);
    if (job.status !== 'queued' && job.status !== 'running') return job;
    await sleep(100);
  }
}

function stream(id: string): Promise<{ percents: number[]; total: number; job: Job }> {
  return new Promise((resolve, reject) => {
    const source = new EventSource(`${base}/jobs/${id}/stream`);
    const percents: number[] = [];
    let total = 0;
    source.addEventListener('progress', (event) => {
      const data = JSON.parse(event.data);
      percents.push(data.percent);
      total = data.chunks_total;
    });
    source.addEventListener('done', (event) => {
      source.close();
      resolve({ percents, total, job: JSON.parse(event.data).job });
    });
    source.addEventListener('error', (event) => {
      source.close();
      reject(new Error('data' in event ? String((event as MessageEvent).data) : 'dropped'));
    });
  });
}

const hooks: Record<string, unknown>[] = [];
const receiver = createServer((request, response) => {
  let body = '';
  request.on('data', (piece) => (body += piece));
  request.on('end', () => {
    response.writeHead(200).end();
    hooks.push(JSON.parse(body));
  });
});
await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
const hook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/webhooks`;

const audio = new Blob([await readFile(recording)]);
const large = new Blob([await readFile(recording), new Uint8Array(24_000_000)]);
while ((await json('/model/status')).state !== 'ready') await sleep(50);
const model = following('/model/events');
const unloading = await json('/model/unload', { method: 'POST' });
while ((await json('/model/status')).state !== 'unloaded') await sleep(50);

const refused = await submit(large);
const refusal = await refused.json();
const retryAfter = refused.headers.get('Retry-After');
const loadedAt = await model.ready;
const state: ModelState = (await json('/model/status')).state;
const loading = await fetch(`${base}/model/load`, { method: 'POST' });

const taken = await submit(audio, { language: 'en', webhook_url: hook });
const { job_id } = await taken.json();
const streamed = await stream(job_id);
const polled = await poll(job_id);
const late = await stream(job_id);
const second = (await (await submit(audio, { task: 'transcribe' })).json()).job_id;
const cancelled = await fetch(`${base}/jobs/${second}`, { method: 'DELETE' });
const again = await fetch(`${base}/jobs/${job_id}`, { method: 'DELETE' });
const unknown = await fetch(`${base}/jobs/nobody`);
const empty = await fetch(`${base}/jobs`, { method: 'POST', body: new FormData() });
while (!hooks.some((body) => body.id === job_id)) await sleep(50);

model.close();
receiver.close();
receiver.closeAllConnections();
console.log(
  JSON.stringify({
    unloading,
    refused: { status: refused.status, retryAfter, ...refusal },
    loadedAt,
    state,
    loading: { code: loading.status, ...(await loading.json()) },
    seen: model.seen,
    taken: taken.status,
    percents: streamed.percents,
    total: streamed.total,
    done: streamed.job,
    polled,
    late: late.job.id,
    cancelled: { status: cancelled.status, job: await cancelled.json() },
    again: { status: again.status, ...(await again.json()) },
    unknown: { status: unknown.status, ...(await unknown.json()) },
    empty: { status: empty.status, ...(await empty.json()) },
    hook: hooks.find((body) => body.id === job_id),
    health: await json('/health'),
  }),
);

// What a web application does while the model waits for memory that other programs hold; run by
// test_guide.py:  node --experimental-eventsource waiting.ts BASE RECORDING
// It makes the memory scarce, submits with retries as the guide tells it to, and makes room again.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Refusal {
  error: string;
  state: string;
  retry_after_secs: number;
  header: string | null;
}

const [base, recording] = process.argv.slice(2) as [string, string];
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const json = async (path: string) => (await fetch(`${base}${path}`)).json();
const configure = (memory: object) =>
  fetch(`${base}/config`, {
    method: 'PATCH',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ memory }),
  });

const hooks: Record<string, unknown>[] = [];
const receiver = createServer((request, response) => {
  let body = '';
  request.on('data', (part) => (body += part));
  request.on('end', () => {
    response.writeHead(200).end();
    hooks.push(JSON.parse(body));
  });
});
await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
const hook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/webhooks`;

// Models may hold what the model needs, but other programs hold half of that already.
const { devices, models } = await json('/snapshot');
const host = devices.find((device: { device: string }) => device.device === 'cpu');
const model = models.find((each: { default_for: string[] }) => each.default_for.includes('asr'));
const reserve = host.total_bytes - model.memory_bytes - Math.floor(host.others_bytes / 2);
await configure({ reserve, gpu_poll_interval: 2 });

const events = new EventSource(`${base}/model/events`);
const waiting: Record<string, number>[] = [];
events.addEventListener('model_waiting_for_gpu', (event) => waiting.push(JSON.parse(event.data)));
await new Promise((resolve) => events.addEventListener('open', resolve));
await fetch(`${base}/model/load`, { method: 'POST' });

const refusals: Refusal[] = [];
let status: Record<string, unknown> = {};
let details: Record<string, unknown> = {};
let jobId = '';
for (let attempt = 1; attempt <= 20 && !jobId; attempt++) {
  const form = new FormData();
  form.append('audio', new Blob([await readFile(recording)]), 'audio.wav');
  form.append('webhook_url', hook);
  const answer = await fetch(`${base}/jobs`, { method: 'POST', body: form });
  const body = await answer.json();
  if (answer.status === 202) {
    jobId = body.job_id;
    break;
  }
  if (answer.status !== 503) throw new Error(`${answer.status} ${JSON.stringify(body)}`);
  const header = answer.headers.get('Retry-After');
  refusals.push({ ...body, header });
  if (refusals.length === 2) {
    status = await json('/model/status');
    details = (await json(`/models/${model.id}`)).waiting;
    await configure({ reserve: null });
  }
  await sleep((parseInt(header ?? '15') + 1) * 1000);
}
while (!hooks.some((body) => body.id === jobId)) await sleep(50);

events.close();
receiver.close();
receiver.closeAllConnections();
console.log(JSON.stringify({ refusals, status, details, waiting, hooks, jobId }));

// Run by tests/server/e2e/test_clients.py against a real server:
//   SERVER=http://… TOKEN=… RECORDING=file.wav node --test test/

import assert from 'node:assert/strict';
import { openAsBlob } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { test } from 'node:test';

import { ConductorClient, ConductorError, parseEvents } from '../index.js';
import { createHooks } from '../react.js';

const { SERVER, TOKEN, RECORDING } = process.env;
const MODEL = 'whisper/tiny.en';
const VOICE = 'piper/en_US-joe-medium';
const client = new ConductorClient({ baseUrl: SERVER, token: TOKEN });
const recording = await openAsBlob(RECORDING);

test('a recording is sent when its model is ready, and followed to its transcript', async () => {
  await client.unloadModel(MODEL);
  while ((await client.model(MODEL)).state !== 'unloaded') await pause();
  const waits = [];
  const percents = [];
  const job = await client.transcribe(recording, {
    filename: 'talk.wav',
    language: 'en',
    wordTimestamps: true,
    onWaiting: (waiting) => waits.push(waiting),
    onProgress: ({ percent }) => percents.push(percent),
  });
  assert.equal(job.status, 'done');
  assert.ok(waits.length >= 1 && waits[0].retryAfter >= 1, JSON.stringify(waits));
  assert.ok(['unloaded', 'loading', 'waiting_for_gpu'].includes(waits[0].state));
  assert.deepEqual(percents, percents.toSorted((a, b) => a - b));
  assert.ok(job.segments[0].words.length > 3);
  assert.match(await (await client.jobResult(job.id, 'srt')).text(), /-->/);
  assert.deepEqual((await client.jobs({ limit: 1 })).map(({ id }) => id), [job.id]);
});

test('waiting for a model goes on through waiting_for_gpu', async () => {
  await client.unloadModel(MODEL);
  while ((await client.model(MODEL)).state !== 'unloaded') await pause();
  // Enough for one of two models, and the other one may not be evicted.
  await client.waitForModel(VOICE);
  await client.patchConfig({ memory: { budget: '450MiB' }, models: { [VOICE]: { pinned: true } } });
  const states = [];
  const ready = client.waitForModel(MODEL, { onState: ({ state }) => states.push(state) });
  while (!states.includes('waiting_for_gpu') && !states.includes('failed')) await pause();
  await client.patchConfig({ memory: { budget: null }, models: { [VOICE]: { pinned: null } } });
  assert.equal((await ready).state, 'ready');
  assert.ok(states.includes('waiting_for_gpu'), states.join());

  await client.unloadModel(MODEL);
  await client.patchConfig({ memory: { budget: '1MiB' } });
  await assert.rejects(client.waitForModel(MODEL), { code: 'MODEL_TOO_LARGE' });
  await client.patchConfig({ memory: { budget: null } });
  await assert.rejects(client.waitForModel('no/such'), { code: 'MODEL_MISSING', status: 404 });
});

test('events continue where a broken connection ended', async () => {
  const proxy = await breakableProxy();
  const seen = [];
  const direct = new ConductorClient({ baseUrl: proxy.url, token: TOKEN });
  const stop = new AbortController();
  const following = (async () => {
    for await (const event of direct.events({ signal: stop.signal })) {
      seen.push(event.type);
      if (event.type === 'accepting_changed') proxy.cut();
    }
  })();
  while (!seen.length) await pause();
  await client.request('POST', '/pause');
  while (!seen.includes('accepting_changed')) await pause();
  await client.request('POST', '/resume');
  while (seen.filter((type) => type === 'accepting_changed').length < 2) await pause();
  stop.abort();
  await assert.rejects(following, { name: 'AbortError' });
  proxy.close();
});

test('a ticket opens a stream once', async () => {
  const url = await client.ticketUrl('/events');
  assert.ok(!url.includes(TOKEN));
  const first = await fetch(url);
  assert.equal(first.status, 200);
  await first.body.cancel();
  assert.equal((await fetch(url)).status, 401);
});

test('errors have code, advice and status', async () => {
  const stranger = new ConductorClient({ baseUrl: SERVER, token: 'wrong' });
  await assert.rejects(stranger.models(), (error) => error instanceof ConductorError && [401, 403].includes(error.status));
  await assert.rejects(client.job('nobody'), { code: 'NOT_FOUND', status: 404, recoverable: false });
  await assert.rejects(client.speak(''), { status: 400 });
  const silent = new ConductorClient({ baseUrl: 'http://127.0.0.1:9', token: TOKEN });
  await assert.rejects(silent.info(), { code: 'UNREACHABLE', recoverable: true });
  const id = await client.submit(new Blob(['no audio at all'.repeat(100)]), { wait: true });
  await assert.rejects(client.waitForJob(id), { code: 'BAD_REQUEST' });
  await assert.rejects(client.cancelJob(id), { code: 'CONFLICT', status: 409 });
});

test('an aborted transcription cancels its job', async () => {
  const stop = new AbortController();
  const long = new Blob([recording, ...Array(20).fill(recording.slice(44))]);
  const transcript = client.transcribe(long, {
    wait: true,
    signal: stop.signal,
    onProgress: () => stop.abort(),
  });
  await assert.rejects(transcript, { name: 'AbortError' });
  const [job] = await client.jobs({ limit: 1 });
  assert.equal(job.status, 'cancelled');
});

test('events are parsed across chunk boundaries', async () => {
  const whole = ': hello\n\nid: 7\nevent: a\ndata: {"n":\ndata: 1}\n\nretry: 5\n\ndata:{"n":2}\r\n\r\n';
  for (const size of [1, 3, whole.length]) {
    const chunks = [];
    for (let at = 0; at < whole.length; at += size) chunks.push(whole.slice(at, at + size));
    const body = ReadableStream.from(chunks.map((chunk) => new TextEncoder().encode(chunk)));
    const events = await Array.fromAsync(parseEvents(body));
    assert.deepEqual(events, [
      { type: 'a', id: '7', data: { n: 1 } },
      { type: 'message', id: '7', data: { n: 2 } },
    ]);
  }
});

test('hooks follow a transcription and the state of the model', async () => {
  const rendered = render((hooks) => {
    const status = hooks.useModelStatus(client, MODEL);
    return { status, ...hooks.useTranscribe(client) };
  });
  await rendered.last().submit(recording, { language: 'en' });
  while (!rendered.last().job && !rendered.last().error) await pause();
  const { job, error, progress, status, isSubmitting } = rendered.last();
  assert.equal(error, null);
  assert.equal(job.status, 'done');
  assert.equal(progress.percent, 100);
  assert.equal(status.state, 'ready');
  assert.equal(isSubmitting, false);
  rendered.unmount();
});

function pause() {
  return new Promise((resolve) => setTimeout(resolve, 20));
}

// A proxy whose connections can be cut.
async function breakableProxy() {
  const sockets = new Set();
  const server = createServer((incoming, outgoing) => {
    const { method, headers, url } = incoming;
    const forwarded = httpRequest(new URL(url, SERVER), { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      outgoing.flushHeaders();
      answer.pipe(outgoing);
    });
    outgoing.on('close', () => forwarded.destroy());
    forwarded.on('error', () => outgoing.destroy());
    incoming.pipe(forwarded);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => sockets.forEach((socket) => socket.destroy());
  const close = () => {
    cut();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, cut, close };
}

// The four hooks of React that are used, for one component.
function render(component) {
  const cells = [];
  let index = 0;
  let scheduled = false;
  let result;
  const same = (a, b) => a && b && a.length === b.length && a.every((item, i) => Object.is(item, b[i]));
  const cell = (initial) => (cells[index] ??= { value: initial });
  const react = {
    useState(initial) {
      const own = cell(initial);
      index += 1;
      const set = (next) => {
        own.value = typeof next === 'function' ? next(own.value) : next;
        if (!scheduled) {
          scheduled = true;
          queueMicrotask(update);
        }
      };
      return [own.value, set];
    },
    useRef(initial) {
      const own = cell({ current: initial });
      index += 1;
      return own.value;
    },
    useCallback(callback, deps) {
      const own = cell(null);
      index += 1;
      if (!same(own.deps, deps)) Object.assign(own, { value: callback, deps });
      return own.value;
    },
    useEffect(effect, deps) {
      const own = cell(null);
      index += 1;
      if (same(own.deps, deps)) return;
      own.deps = deps;
      queueMicrotask(() => {
        own.cleanup?.();
        own.cleanup = effect();
      });
    },
  };
  const hooks = createHooks(react);
  function update() {
    scheduled = false;
    index = 0;
    result = component(hooks);
  }
  update();
  return { last: () => result, unmount: () => cells.forEach((own) => own.cleanup?.()) };
}

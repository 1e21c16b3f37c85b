// The JavaScript clients of OpenAI's API; prints their results as JSON.
// usage: node clients.mjs BASE_URL TOKEN RECORDING.wav
import { createReadStream, readFileSync } from "node:fs";

import { createOpenAI } from "@ai-sdk/openai";
import { experimental_generateSpeech, experimental_transcribe, generateSpeech, transcribe } from "ai";
import OpenAI from "openai";

const [baseURL, apiKey, recording] = process.argv.slice(2);
const file = () => createReadStream(recording);
const openai = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const results = {};

const text = await openai.audio.transcriptions.create({ model: "gpt-transcribe", file: file() });
const verbose = await openai.audio.transcriptions.create({
  model: "whisper-1",
  file: file(),
  response_format: "verbose_json",
  timestamp_granularities: ["word"],
});
let streamed = "";
const stream = await openai.audio.transcriptions.create({ model: "gpt-4o-transcribe", file: file(), stream: true });
for await (const event of stream) if (event.type === "transcript.text.delta") streamed += event.delta;
const speech = await openai.audio.speech.create({
  model: "gpt-4o-mini-tts",
  voice: "marin",
  input: "Good morning.",
  response_format: "wav",
});
const models = [];
for await (const model of openai.models.list()) models.push(model.id);
results["openai (JavaScript)"] = {
  text: text.text,
  language: verbose.language,
  words: verbose.words.length,
  streamed,
  speech: (await speech.arrayBuffer()).byteLength,
  lists: models.includes("whisper-1"),
};

const vercel = createOpenAI({ baseURL, apiKey });
const transcript = await (transcribe ?? experimental_transcribe)({
  model: vercel.transcription("whisper-1"),
  audio: readFileSync(recording),
});
const spoken = await (generateSpeech ?? experimental_generateSpeech)({
  model: vercel.speech("tts-1"),
  voice: "alloy",
  text: "Good morning.",
});
results["Vercel AI SDK"] = {
  text: transcript.text,
  language: transcript.language,
  streamed: transcript.segments.map((segment) => segment.text).join(" "),
  speech: spoken.audio.uint8Array.byteLength,
};

console.log(JSON.stringify(results));

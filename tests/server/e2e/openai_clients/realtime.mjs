// A spoken conversation with the JavaScript client of OpenAI's API; prints its result as JSON.
// usage: node --experimental-websocket realtime.mjs BASE_URL TOKEN RECORDING.wav
import { readFileSync } from "node:fs";

import OpenAI from "openai";
import { OpenAIRealtimeWebSocket } from "openai/realtime/websocket";

const [baseURL, apiKey, recording] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey });
const realtime = new OpenAIRealtimeWebSocket({ model: "gpt-realtime" }, client);
const result = { text: "", heard: "", speech: 0, protocol: "" };

realtime.on("error", (error) => {
  console.error(error);
  process.exit(1);
});
realtime.on("session.created", () => {
  result.protocol = realtime.socket.protocol;
  realtime.send({
    type: "session.update",
    session: {
      type: "realtime",
      audio: {
        input: {
          format: { type: "audio/pcm", rate: 16000 },
          transcription: { model: "gpt-4o-transcribe" },
          turn_detection: { type: "semantic_vad" },
        },
      },
    },
  });
  // The recording without its header, and silence behind it.
  const audio = Buffer.concat([readFileSync(recording).subarray(44), Buffer.alloc(2 * 16000 * 2)]);
  realtime.send({ type: "input_audio_buffer.append", audio: audio.toString("base64") });
});
realtime.on("conversation.item.input_audio_transcription.completed", ({ transcript }) => (result.heard = transcript));
realtime.on("response.output_audio_transcript.delta", ({ delta }) => (result.text += delta));
realtime.on("response.output_audio.delta", ({ delta }) => (result.speech += Buffer.from(delta, "base64").length));
realtime.on("response.done", ({ response }) => {
  console.log(JSON.stringify({ ...result, status: response.status }));
  realtime.close();
});

// Runs in the audio thread: collects what the microphone hears and posts it in parts of 60 ms,
// as 16-bit PCM at the rate of the audio context.

const PART_SECONDS = 0.06;

class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.part = new Int16Array(Math.round(sampleRate * PART_SECONDS));
    this.filled = 0;
  }

  process(inputs) {
    const samples = inputs[0]?.[0];
    if (!samples) return true;
    for (const sample of samples) {
      this.part[this.filled++] = Math.max(-1, Math.min(1, sample)) * 32767;
      if (this.filled === this.part.length) {
        this.port.postMessage(this.part.slice().buffer);
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("recorder", Recorder);

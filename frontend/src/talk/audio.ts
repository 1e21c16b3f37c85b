// The microphone and the loudspeaker of the browser.

export const RATE = 16_000;

/** Speech at once, and room for the jitter of a wireless network. */
const LEAD_SECONDS = 0.08;

export class Microphone {
  private constructor(
    private readonly context: AudioContext,
    private readonly stream: MediaStream,
  ) {}

  /** Ask for the microphone; `onPart` gets 16-bit PCM at 16 kHz. Throws DOMException if refused. */
  static async open(onPart: (pcm: ArrayBuffer) => void): Promise<Microphone> {
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
    const context = new AudioContext({ sampleRate: RATE });
    await context.audioWorklet.addModule(new URL("./recorder-worklet.js", import.meta.url));
    const recorder = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
    recorder.port.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => onPart(data);
    context.createMediaStreamSource(stream).connect(recorder);
    await context.resume();
    return new Microphone(context, stream);
  }

  close(): void {
    for (const track of this.stream.getTracks()) track.stop();
    void this.context.close();
  }
}

export class Loudspeaker {
  private context: AudioContext | undefined;
  private sources = new Set<AudioBufferSourceNode>();
  private next = 0;
  private queued = 0;
  private ended = false;

  constructor(private readonly onSilent: () => void) {}

  get playing(): boolean {
    return this.sources.size > 0;
  }

  /** Seconds of the answer that were heard. */
  get position(): number {
    const left = Math.max(0, this.next - (this.context?.currentTime ?? 0));
    return Math.max(0, this.queued - left);
  }

  /** Play 16-bit mono PCM after what is playing. */
  play(pcm: ArrayBuffer, rate: number): void {
    const samples = new Int16Array(pcm);
    if (!samples.length) return;
    this.context ??= new AudioContext();
    const buffer = this.context.createBuffer(1, samples.length, rate);
    buffer.copyToChannel(Float32Array.from(samples, (sample) => sample / 32768), 0);
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.context.destination);
    this.next = Math.max(this.next, this.context.currentTime + LEAD_SECONDS);
    source.start(this.next);
    this.next += buffer.duration;
    this.queued += buffer.duration;
    this.sources.add(source);
    source.onended = () => {
      this.sources.delete(source);
      this.checkSilence();
    };
  }

  /** No more audio follows; `onSilent` is called when the last of it was played. */
  end(): void {
    this.ended = true;
    this.checkSilence();
  }

  /** Be silent at once. */
  stop(): void {
    for (const source of this.sources) {
      source.onended = null;
      source.stop();
    }
    this.sources.clear();
    this.next = 0;
    this.queued = 0;
    this.ended = false;
  }

  private checkSilence(): void {
    if (!this.ended || this.sources.size) return;
    this.ended = false;
    this.next = 0;
    this.queued = 0;
    this.onSilent();
  }
}

// One conversation over /v1/realtime: microphone → text → answer → voice, with barge-in.

import type { Connection } from "../core/api";
import { Loudspeaker, Microphone, RATE } from "./audio";
import { fromBase64, RealtimeSocket, toBase64, type RealtimeEvent } from "./realtime-socket";

export type Phase = "off" | "listening" | "hearing" | "thinking" | "speaking";

/** Sample rate of the answers. */
const OUTPUT_RATE = 24_000;

export interface Turn {
  /** Id of the user's message; empty until the server knows of it. */
  id: string;
  heard: string;
  /** Whether the text is complete. */
  complete: boolean;
  answer: string;
  /** Seconds from the end of the turn to the text, and to the first sound of the answer. */
  textSeconds?: number;
  soundSeconds?: number;
  /** Whether the person spoke into the answer. */
  interrupted?: boolean;
  error?: string;
}

export interface ConversationSettings {
  voice: string;
  model: string;
  /** Source of the answers; empty for the one in the settings. */
  agent: string;
}

export class Conversation {
  phase: Phase = "off";
  turns: Turn[] = [];
  handsFree = false;
  private microphone: Microphone | undefined;
  private socket: RealtimeSocket | undefined;
  private agent = "";
  private recording = false;
  private turnEnded = 0;
  /** The message that is spoken; empty while there is none. */
  private spoken = "";
  /** Whether the server is writing or speaking an answer. */
  private answering = false;
  private readonly loudspeaker = new Loudspeaker(() => this.onSilent());

  constructor(
    private readonly connection: Connection,
    private readonly settings: () => ConversationSettings,
    private readonly onChange: () => void,
  ) {}

  /** Open the microphone and listen. Throws DOMException if the microphone is refused. */
  async start(handsFree: boolean): Promise<void> {
    this.handsFree = handsFree;
    this.interrupt();
    this.connect();
    this.recording = true;
    this.microphone ??= await Microphone.open((pcm) => {
      if (this.recording) this.socket?.send("input_audio_buffer.append", { audio: toBase64(pcm) });
    });
    if (!this.isRecording()) this.closeMicrophone(); // released while the browser asked
    else this.setPhase("listening");
  }

  /** End the utterance; the answer follows. */
  release(): void {
    if (!this.recording || this.handsFree) return;
    this.recording = false;
    this.turnEnded = performance.now();
    this.turns = [...this.turns, { id: "", heard: "", complete: false, answer: "" }];
    this.socket?.send("input_audio_buffer.commit");
    this.socket?.send("response.create");
    this.setPhase("thinking");
    this.closeMicrophone();
  }

  /** Close the microphone and be silent. */
  stop(): void {
    this.handsFree = false;
    this.recording = false;
    this.interrupt();
    this.closeMicrophone();
    this.socket?.close();
    this.socket = undefined;
    this.turns = this.turns.filter((turn) => turn.complete);
    this.setPhase("off");
  }

  private isRecording(): boolean {
    return this.recording;
  }

  /** Connect, or bring the session up to date. */
  private connect(): void {
    const { voice, model, agent } = this.settings();
    if (this.socket && agent !== this.agent) {
      this.socket.close();
      this.socket = undefined;
    }
    if (!this.socket) {
      this.agent = agent;
      const socket = new RealtimeSocket(
        this.connection,
        agent,
        (event) => this.onEvent(event),
        (reason) => {
          if (this.socket !== socket) return;
          this.socket = undefined;
          if (this.phase !== "off") this.fail(reason);
        },
      );
      this.socket = socket;
    }
    this.socket.send("session.update", {
      session: {
        type: "realtime",
        audio: {
          input: {
            format: { type: "audio/pcm", rate: RATE },
            transcription: { model: model || null },
            turn_detection: this.handsFree ? { type: "semantic_vad" } : null,
          },
          output: { format: { type: "audio/pcm", rate: OUTPUT_RATE }, voice: voice || "alloy" },
        },
      },
    });
  }

  private onEvent(event: RealtimeEvent): void {
    const text = (field: string): string => (typeof event[field] === "string" ? event[field] : "");
    switch (event.type) {
      case "input_audio_buffer.speech_started":
        this.interrupt();
        this.turns = [...this.turns, { id: text("item_id"), heard: "", complete: false, answer: "" }];
        this.setPhase("hearing");
        break;
      case "input_audio_buffer.speech_stopped":
        this.turnEnded = performance.now();
        this.setPhase("thinking");
        break;
      case "input_audio_buffer.committed":
        if (!this.handsFree) this.change("", { id: text("item_id") });
        break;
      case "conversation.item.input_audio_transcription.delta": {
        const id = text("item_id");
        this.change(id, { heard: (this.find(id)?.heard ?? "") + text("delta") });
        break;
      }
      case "conversation.item.input_audio_transcription.completed":
        this.onTranscript(text("item_id"), text("transcript").trim());
        break;
      case "conversation.item.input_audio_transcription.failed":
        this.fail(messageOf(event["error"]));
        break;
      case "response.created":
        this.answering = true;
        break;
      case "response.output_audio_transcript.delta":
        this.changeLast({ answer: (this.turns.at(-1)?.answer ?? "") + text("delta") });
        break;
      case "response.output_audio.delta":
        this.play(text("item_id"), fromBase64(text("delta")));
        break;
      case "response.done":
        this.onAnswered(event["response"] as { status: string; status_details?: { error?: unknown } });
        break;
      case "error":
        this.onError(event["error"] as { code?: string });
        break;
    }
  }

  private onTranscript(id: string, heard: string): void {
    if (!heard) {
      // A cough: nothing to answer.
      this.turns = this.turns.filter((turn) => turn.id !== id);
      if (this.handsFree) this.setPhase("listening");
      else this.setPhase("off");
      return;
    }
    this.change(id, { heard, complete: true, textSeconds: this.sinceTurn() });
  }

  private play(item: string, pcm: ArrayBuffer): void {
    if (!this.answering) return; // on its way when the person interrupted
    this.spoken = item;
    if (this.turns.at(-1)?.soundSeconds === undefined) this.changeLast({ soundSeconds: this.sinceTurn() });
    this.loudspeaker.play(pcm, OUTPUT_RATE);
    if (this.phase !== "speaking") this.setPhase("speaking");
  }

  private onAnswered(response: { status: string; status_details?: { error?: unknown } | null }): void {
    const interrupted = !this.answering;
    this.answering = false;
    if (response.status === "failed") this.fail(messageOf(response.status_details?.error));
    else if (interrupted || response.status === "cancelled") return;
    else if (this.loudspeaker.playing) this.loudspeaker.end();
    else this.onSilent();
  }

  private onError(error: { code?: string }): void {
    // The answer that was to be stopped had just ended.
    if (error.code !== "NOT_FOUND") this.fail(messageOf(error));
  }

  private onSilent(): void {
    this.spoken = "";
    if (this.phase === "speaking" || this.phase === "thinking") this.setPhase(this.handsFree ? "listening" : "off");
  }

  /** Stop the answer that is playing, or on its way, and tell how much of it was heard. */
  private interrupt(): void {
    const active = this.answering || this.loudspeaker.playing;
    if (this.spoken) {
      const audio_end_ms = Math.round(1_000 * this.loudspeaker.position);
      this.socket?.send("conversation.item.truncate", { item_id: this.spoken, content_index: 0, audio_end_ms });
    }
    // With turn detection the server has stopped it already.
    if (this.answering && !this.handsFree) this.socket?.send("response.cancel");
    this.answering = false;
    this.spoken = "";
    this.loudspeaker.stop();
    if (active && this.turns.length) this.changeLast({ interrupted: true });
  }

  private fail(message: string): void {
    this.loudspeaker.stop();
    this.answering = false;
    this.recording = false;
    this.spoken = "";
    const last = this.turns.at(-1);
    if (!last || (last.complete && last.answer)) {
      this.turns = [...this.turns, { id: "", heard: "", complete: true, answer: "", error: message }];
    } else {
      this.changeLast({ error: message, complete: true });
    }
    this.handsFree = false;
    this.closeMicrophone();
    this.socket?.close();
    this.socket = undefined;
    this.setPhase("off");
  }

  private find(id: string): Turn | undefined {
    return this.turns.find((turn) => turn.id === id);
  }

  private change(id: string, change: Partial<Turn>): void {
    this.turns = this.turns.map((turn) => (turn.id === id ? { ...turn, ...change } : turn));
    this.onChange();
  }

  private changeLast(change: Partial<Turn>): void {
    this.turns = this.turns.map((turn, index) => (index === this.turns.length - 1 ? { ...turn, ...change } : turn));
    this.onChange();
  }

  private sinceTurn(): number {
    return (performance.now() - this.turnEnded) / 1_000;
  }

  private setPhase(phase: Phase): void {
    this.phase = phase;
    this.onChange();
  }

  private closeMicrophone(): void {
    if (this.handsFree) return;
    this.microphone?.close();
    this.microphone = undefined;
  }
}

function messageOf(error: unknown): string {
  return typeof error === "object" && error !== null && "message" in error ? String(error.message) : "";
}

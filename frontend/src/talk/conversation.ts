// One conversation: microphone → text → answer → voice, with barge-in.

import type { Connection } from "../core/api";
import { Loudspeaker, Microphone, RATE } from "./audio";
import { WyomingSocket, type WyomingEvent } from "./wyoming-socket";

export type Phase = "off" | "listening" | "hearing" | "thinking" | "speaking";

export interface Turn {
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
  /** Return the answer to a text. */
  answer: (text: string) => Promise<string>;
}

export class Conversation {
  phase: Phase = "off";
  turns: Turn[] = [];
  handsFree = false;
  private microphone: Microphone | undefined;
  private ears: WyomingSocket | undefined;
  private voice: WyomingSocket | undefined;
  private turnEnded = 0;
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
    this.microphone ??= await Microphone.open((pcm) => {
      this.ears?.send("audio-chunk", { rate: RATE, width: 2, channels: 1 }, pcm);
    });
    this.listen();
  }

  /** End the utterance; the answer follows. */
  release(): void {
    if (!this.ears) return;
    this.turnEnded = performance.now();
    this.ears.send("audio-stop");
    this.setPhase("thinking");
    this.closeMicrophone();
  }

  /** Close the microphone and be silent. */
  stop(): void {
    this.handsFree = false;
    this.closeEars();
    this.closeMicrophone();
    this.interrupt();
    this.setPhase("off");
  }

  private listen(): void {
    this.closeEars();
    const { model } = this.settings();
    const ears = new WyomingSocket(
      this.connection,
      "asr",
      (event) => void this.onEars(event),
      (reason) => {
        if (this.ears === ears && reason) this.fail(reason);
      },
    );
    this.ears = ears;
    ears.send("transcribe", { ...(model ? { name: model } : {}), context: { partials: true } });
    ears.send("audio-start", { rate: RATE, width: 2, channels: 1 });
    if (this.phase !== "speaking") this.setPhase("listening");
  }

  private async onEars({ type, data }: WyomingEvent): Promise<void> {
    const text = typeof data["text"] === "string" ? data["text"] : "";
    switch (type) {
      case "voice-started":
        // Speech while the answer plays stops it.
        if (this.phase === "speaking" || this.phase === "thinking") this.interrupt();
        this.turns = [...this.turns, { heard: "", complete: false, answer: "" }];
        this.setPhase("hearing");
        break;
      case "voice-stopped":
        this.turnEnded = performance.now();
        this.setPhase("thinking");
        break;
      case "transcript-chunk":
        this.change({ heard: this.turn().heard + text });
        break;
      case "transcript":
        this.closeEars();
        await this.onTranscript(text.trim());
        break;
      case "error":
        this.fail(text);
        break;
    }
  }

  private async onTranscript(text: string): Promise<void> {
    if (!text) {
      // A cough: nothing to answer.
      this.turns = this.turns.filter((turn) => turn.complete);
      if (this.phase === "speaking" && this.handsFree) this.listen();
      else this.afterTurn();
      return;
    }
    if (!this.turns.length || this.turn().complete) {
      this.turns = [...this.turns, { heard: "", complete: false, answer: "" }];
    }
    this.change({ heard: text, complete: true, textSeconds: this.sinceTurn() });
    try {
      const answer = await this.settings().answer(text);
      this.change({ answer });
      this.speak(answer);
    } catch (error) {
      this.fail(error instanceof Error ? error.message : String(error));
    }
  }

  private speak(text: string): void {
    const voice = new WyomingSocket(
      this.connection,
      "tts",
      ({ type, data, payload }) => {
        if (this.voice !== voice) return;
        if (type === "audio-chunk" && payload) {
          if (this.turn().soundSeconds === undefined) this.change({ soundSeconds: this.sinceTurn() });
          this.loudspeaker.play(payload, Number(data["rate"]));
        } else if (type === "audio-stop") {
          this.closeVoice();
          this.loudspeaker.end();
        } else if (type === "error") {
          this.fail(String(data["text"]));
        }
      },
      (reason) => {
        if (this.voice === voice && reason) this.fail(reason);
      },
    );
    this.voice = voice;
    const { voice: name } = this.settings();
    voice.send("synthesize", { text, ...(name ? { voice: { name } } : {}) });
    this.setPhase("speaking");
    // The microphone stays open, so that the person can interrupt.
    if (this.handsFree) this.listen();
  }

  private onSilent(): void {
    if (this.phase === "speaking") this.afterTurn();
  }

  private afterTurn(): void {
    if (this.handsFree) {
      if (!this.ears) this.listen();
      this.setPhase("listening");
    } else {
      this.setPhase("off");
    }
  }

  /** Stop the answer that is playing, or on its way. */
  private interrupt(): void {
    const active = this.voice !== undefined || this.loudspeaker.playing;
    this.closeVoice();
    this.loudspeaker.stop();
    if (active && this.turns.length) this.change({ interrupted: true });
  }

  private fail(message: string): void {
    this.closeEars();
    this.closeVoice();
    this.loudspeaker.stop();
    if (!this.turns.length || this.turn().complete) {
      this.turns = [...this.turns, { heard: "", complete: true, answer: "", error: message }];
    } else {
      this.change({ error: message, complete: true });
    }
    this.handsFree = false;
    this.closeMicrophone();
    this.setPhase("off");
  }

  private turn(): Turn {
    return this.turns.at(-1) ?? { heard: "", complete: false, answer: "" };
  }

  private change(change: Partial<Turn>): void {
    this.turns = [...this.turns.slice(0, -1), { ...this.turn(), ...change }];
    this.onChange();
  }

  private sinceTurn(): number {
    return (performance.now() - this.turnEnded) / 1_000;
  }

  private setPhase(phase: Phase): void {
    this.phase = phase;
    this.onChange();
  }

  private closeEars(): void {
    this.ears?.close();
    this.ears = undefined;
  }

  private closeVoice(): void {
    this.voice?.close();
    this.voice = undefined;
  }

  private closeMicrophone(): void {
    if (this.handsFree) return;
    this.microphone?.close();
    this.microphone = undefined;
  }
}

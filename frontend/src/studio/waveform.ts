// The waveform of a project, drawn from peaks of the server: no audio is decoded to show hours of it.
// wavesurfer.js needs inline styles, which the page's Content-Security-Policy does not allow.

import { mdiPause, mdiPlay } from "@mdi/js";
import { css, html, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { formatPosition } from "../core/format";
import { t } from "../core/localize";
import { WcElement } from "../ui/element";
import "../ui/icon";
import { sharedStyles } from "../ui/styles";

const HEIGHT = 72;
const BAR = 3;
const GAP = 1;
/** Peak that is drawn at full height at least, of 255: noise is not to look like speech. */
const QUIET = 40;
const STEP_SECONDS = 5;

/** Fires `position` with the position of the playback in seconds. */
@customElement("wc-waveform")
export class WcWaveform extends WcElement {
  static override styles = [
    sharedStyles,
    css`
      .player {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr);
        align-items: center;
        gap: 14px;
      }
      .track {
        position: relative;
        height: ${HEIGHT}px;
        border-radius: 8px;
        cursor: pointer;
        touch-action: none;
      }
      canvas {
        width: 100%;
        height: 100%;
        color: var(--wc-accent);
        outline-color: var(--wc-other);
      }
      .time {
        display: flex;
        justify-content: space-between;
        grid-column: 2;
        font-size: 13px;
        color: var(--wc-muted);
      }
      audio {
        display: none;
      }
    `,
  ];

  @property() url = "";
  @property({ attribute: false }) peaks: number[] = [];
  @property({ type: Number }) duration = 0;
  @query("audio") private audio!: HTMLAudioElement;
  @query("canvas") private canvas!: HTMLCanvasElement;
  @state() private playing = false;
  @state() private seconds = 0;
  @state() private failed = false;
  private until = Infinity;
  private observer = new ResizeObserver(() => this.draw());

  private onTheme = (): void => this.draw();
  private scheme = window.matchMedia("(prefers-color-scheme: dark)");

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener("wc-theme", this.onTheme);
    this.scheme.addEventListener("change", this.onTheme);
  }

  override firstUpdated(): void {
    this.observer.observe(this.canvas);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener("wc-theme", this.onTheme);
    this.scheme.removeEventListener("change", this.onTheme);
    this.observer.disconnect();
    this.audio.pause();
  }

  override updated(): void {
    this.draw();
  }

  /** Play from a time on, until another one if it is given. */
  play(start: number, until = Infinity): void {
    this.until = until;
    this.audio.currentTime = start;
    this.audio.play().catch(() => (this.failed = true));
  }

  private toggle(): void {
    this.until = Infinity;
    if (this.playing) this.audio.pause();
    else this.audio.play().catch(() => (this.failed = true));
  }

  private get length(): number {
    return this.duration || 1;
  }

  private onTime(): void {
    this.seconds = this.audio.currentTime;
    if (this.seconds >= this.until) {
      this.audio.pause();
      this.until = Infinity;
    }
    this.dispatchEvent(new CustomEvent("position", { detail: this.seconds }));
  }

  private seek(event: PointerEvent): void {
    const box = this.canvas.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    this.audio.currentTime = Math.min(1, Math.max(0, share)) * this.length;
    this.onTime();
  }

  private onKey(event: KeyboardEvent): void {
    const step = { ArrowRight: STEP_SECONDS, ArrowLeft: -STEP_SECONDS }[event.key];
    if (!step) return;
    event.preventDefault();
    this.audio.currentTime = Math.min(this.length, Math.max(0, this.seconds + step));
    this.onTime();
  }

  private draw(): void {
    const scale = window.devicePixelRatio;
    const width = this.canvas.clientWidth;
    const context = this.canvas.getContext("2d");
    if (!context || !width) return;
    this.canvas.width = width * scale;
    this.canvas.height = HEIGHT * scale;
    context.scale(scale, scale);
    // As properties of the canvas, the colors are those of the theme.
    const { color: played, outlineColor: rest } = getComputedStyle(this.canvas);
    const bars = Math.floor(width / (BAR + GAP));
    const loudest = Math.max(QUIET, ...this.peaks);
    const position = (this.seconds / this.length) * bars;
    for (let bar = 0; bar < bars; bar += 1) {
      const first = Math.floor((bar / bars) * this.peaks.length);
      const last = Math.max(first + 1, Math.floor(((bar + 1) / bars) * this.peaks.length));
      const peak = Math.max(0, ...this.peaks.slice(first, last));
      const height = Math.max(2, (peak / loudest) * HEIGHT);
      context.fillStyle = bar < position ? played : rest;
      context.fillRect(bar * (BAR + GAP), (HEIGHT - height) / 2, BAR, height);
    }
  }

  override render() {
    return html`<div class="player">
        <button
          class="icon primary"
          aria-label=${t(this.playing ? "studio.pause_audio" : "studio.play")}
          @click=${this.toggle}
        >
          <wc-icon .path=${this.playing ? mdiPause : mdiPlay}></wc-icon>
        </button>
        <div
          class="track"
          role="slider"
          tabindex="0"
          aria-label=${t("studio.position")}
          aria-valuemin="0"
          aria-valuemax=${Math.round(this.length)}
          aria-valuenow=${Math.round(this.seconds)}
          aria-valuetext=${formatPosition(this.seconds)}
          @pointerdown=${this.seek}
          @pointermove=${(event: PointerEvent) => (event.buttons ? this.seek(event) : undefined)}
          @keydown=${this.onKey}
        >
          <canvas></canvas>
        </div>
        <div class="time number">
          <span>${formatPosition(this.seconds)}</span><span>${formatPosition(this.duration)}</span>
        </div>
      </div>
      ${this.failed ? html`<p class="small error-text">${t("studio.cannot_play")}</p>` : nothing}
      <audio
        preload="metadata"
        src=${this.url}
        @timeupdate=${this.onTime}
        @play=${() => (this.playing = true)}
        @pause=${() => (this.playing = false)}
        @error=${() => (this.failed = true)}
        @loadeddata=${() => (this.failed = false)}
      ></audio>`;
  }
}

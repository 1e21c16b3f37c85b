// A mix of Kokoro voices: sliders, and a button to hear it.

import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { t } from "../core/localize";
import type { Server } from "../core/server";
import { WcElement } from "../ui/element";
import { sharedStyles } from "../ui/styles";
import { mixable, mixName, type Voice } from "./catalog";

const FIRST = 2;

@customElement("wc-voice-mix")
export class WcVoiceMix extends WcElement {
  static override styles = [
    sharedStyles,
    css`
      .part {
        display: grid;
        grid-template-columns: minmax(0, 220px) minmax(0, 1fr) 48px;
        align-items: center;
        gap: 14px;
        margin-top: 10px;
      }
      .part input {
        width: 100%;
      }
      .row {
        margin-top: 16px;
      }
    `,
  ];

  @property({ attribute: false }) server!: Server;
  @property({ attribute: false }) voices: Voice[] = [];
  @state() private parts: { name: string; weight: number }[] = [];
  private audio: HTMLAudioElement | undefined;


  private set(index: number, change: Partial<{ name: string; weight: number }>): void {
    this.parts = this.parts.map((part, at) => (at === index ? { ...part, ...change } : part));
  }

  private get name(): string {
    return mixName(Object.fromEntries(this.parts.map(({ name, weight }) => [name, weight])));
  }

  override render() {
    const names = mixable(this.voices);
    if (!this.parts.length) {
      this.parts = names.slice(0, FIRST).map((name, index) => ({ name, weight: index ? 0.3 : 0.7 }));
    }
    return html`<section class="card">
      <h2>${t("voices.mix")}</h2>
      ${this.parts.map(
        (part, index) =>
          html`<div class="part">
            <select
              aria-label=${t("voices.mix_voice")}
              @change=${(event: Event) => this.set(index, { name: (event.target as HTMLSelectElement).value })}
            >
              ${names.map((name) => html`<option value=${name} ?selected=${name === part.name}>${name}</option>`)}
            </select>
            <input
              type="range"
              min="0"
              max="1"
              step="0.1"
              aria-label="${t("voices.mix_weight")}: ${part.name}"
              .value=${String(part.weight)}
              @input=${(event: Event) => this.set(index, { weight: Number((event.target as HTMLInputElement).value) })}
            />
            <span class="number muted">${part.weight}</span>
          </div>`,
      )}
      <div class="row">
        <button class="primary" ?disabled=${!this.name} @click=${this.listen}>${t("voices.listen")}</button>
        ${this.server.canOperate
          ? html`<button ?disabled=${!this.name} @click=${this.use}>${t("voices.use")}</button>`
          : nothing}
        <code class="mono muted">${this.name}</code>
      </div>
    </section>`;
  }

  private async listen(): Promise<void> {
    this.audio?.pause();
    const play = async (): Promise<void> => {
      const path = `/voices/${encodeURIComponent(this.name)}/sample`;
      this.audio = new Audio(await this.server.connection.media(path));
      await this.audio.play();
    };
    await this.run(play());
  }

  private async use(): Promise<void> {
    const name = this.name;
    await this.run(
      this.server.connection.request("PATCH", "/config", { tts: { voice: name } }),
      t("voices.used_now", { name }),
    );
    this.dispatchEvent(new CustomEvent("changed"));
  }
}

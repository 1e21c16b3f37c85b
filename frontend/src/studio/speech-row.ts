// A line to speak, with its voice, speed and pause.

import { mdiPlaylistPlus } from "@mdi/js";
import { html } from "lit";
import { customElement, property } from "lit/decorators.js";
import { t } from "../core/localize";
import { SegmentRow } from "./row";

@customElement("wc-speech-row")
export class WcSpeechRow extends SegmentRow {
  @property({ attribute: false }) voices: string[] = [];
  /** The line has a time of its own, as a subtitle has. */
  @property({ type: Boolean }) timed = false;

  protected override renderInsert() {
    const { index, speaker = "" } = this.segment;
    return this.tool(mdiPlaylistPlus, "studio.insert_line", () => {
      this.edit(() => [{ index: index + 1, count: 0, segments: [{ text: "…", speaker }] }]);
    });
  }

  override render() {
    const { segment } = this;
    const number = segment.index + 1;
    const change = (name: "speed" | "pause") => (event: Event) => {
      const input = event.target as HTMLInputElement;
      if (input.value && input.checkValidity()) this.setFields({ [name]: Number(input.value) });
      else input.reportValidity();
    };
    return html`${this.renderLine(this.renderTextarea())}
      <div class="meta">
        ${segment.speaker ? html`<span class="chip accent">${segment.speaker}</span>` : ""}
        <label
          >${t("studio.voice")}
          <select
            aria-label=${t("studio.voice_of_line", { number })}
            ?disabled=${this.locked}
            @change=${(event: Event) => this.setFields({ voice: (event.target as HTMLSelectElement).value })}
          >
            <option value="" ?selected=${!segment.voice}>
              ${segment.speaker ? t("studio.as_speaker") : t("studio.as_project")}
            </option>
            ${this.voices.map(
              (voice) =>
                html`<option value=${voice} ?selected=${voice === segment.voice}>${voice}</option>`,
            )}
          </select>
        </label>
        <label
          >${t("studio.speed")}
          <input
            type="number"
            min="0.5"
            max="2"
            step="0.05"
            aria-label=${t("studio.speed_of_line", { number })}
            ?disabled=${this.locked}
            .value=${String(segment.speed ?? 1)}
            @change=${change("speed")}
          />
        </label>
        ${this.timed
          ? html`<span class="number">${segment.start.toFixed(1)} s</span>`
          : html`<label
              >${t("studio.pause")}
              <input
                type="number"
                min="0"
                max="60"
                step="0.1"
                aria-label=${t("studio.pause_of_line", { number })}
                ?disabled=${this.locked}
                .value=${String(segment.pause ?? 0)}
                @change=${change("pause")}
              />
            </label>`}
      </div>`;
  }
}

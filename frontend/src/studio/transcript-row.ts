// A segment of a transcript: words to hear, a text to correct, and the name of the speaker.

import { mdiPencil } from "@mdi/js";
import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { formatPosition } from "../core/format";
import { t } from "../core/localize";
import { newWords } from "../requests/model";
import "../ui/icon";
import { sharedStyles } from "../ui/styles";
import { rowStyles, SegmentRow } from "./row";

/** Words below were guessed rather than understood. */
const UNSURE = 0.5;

/** Words that a model may have to learn: names, numbers and long words, but not "to". */
const UNUSUAL = /[\p{Lu}\p{N}]|.{6}/u;

/** Fires `hear` with the start and the end of a word. */
@customElement("wc-transcript-row")
export class WcTranscriptRow extends SegmentRow {
  static override styles = [
    sharedStyles,
    rowStyles,
    css`
      p {
        padding: 6px 0;
        line-height: 1.7;
      }
      .word {
        border-radius: 4px;
        cursor: pointer;
      }
      .word:hover {
        background: var(--wc-raised);
      }
      .word.now {
        background: var(--wc-accent);
        color: var(--wc-on-accent);
      }
      .unsure {
        text-decoration: underline dotted var(--wc-warn);
        text-underline-offset: 4px;
      }
      .speaker {
        width: 150px;
      }
    `,
  ];

  /** Position of the playback in seconds; -1 outside of this segment. */
  @property({ type: Number }) position = -1;
  @property({ attribute: false }) speakers: string[] = [];
  @state() private editing = false;
  @state() private corrected: string[] = [];
  private uncorrected = "";

  private startEdit(): void {
    this.editing = true;
    this.uncorrected = this.segment.text;
    void this.updateComplete.then(() => this.textarea?.focus());
  }

  protected override onBlur(): void {
    const words = newWords(this.uncorrected, this.text).filter((word) => UNUSUAL.test(word));
    super.onBlur();
    this.editing = false;
    if (words.length) this.corrected = words;
  }

  protected override split(): void {
    if (this.editing) super.split();
    else this.startEdit(); // the caret says where to split
  }

  private hear(start: number, end: number): void {
    const detail = { start, end };
    this.dispatchEvent(new CustomEvent("hear", { detail, bubbles: true, composed: true }));
  }

  protected override listen(): void {
    this.hear(this.segment.start, this.segment.end);
  }

  private async expect(): Promise<void> {
    const words = this.corrected;
    const { connection } = this.server;
    const add = async (): Promise<void> => {
      const { names, terms } = await connection.request<{ names: string[]; terms: string[] }>("GET", "/vocabulary");
      await connection.request("PUT", "/vocabulary", { names, terms: [...words, ...terms] });
    };
    await this.run(add(), t("requests.words_added", { words: words.join(", ") }));
    this.corrected = [];
  }

  override render() {
    const { segment } = this;
    const number = segment.index + 1;
    return html`${this.renderLine(this.editing ? this.renderTextarea() : this.renderWords())}
      <div class="meta">
        <span class="number">${formatPosition(segment.start)}</span>
        <input
          class="speaker"
          list="speakers"
          placeholder=${t("studio.speaker")}
          aria-label=${t("studio.speaker_of_line", { number })}
          ?disabled=${this.locked}
          .value=${segment.speaker ?? ""}
          @change=${(event: Event) => this.setFields({ speaker: (event.target as HTMLInputElement).value.trim() })}
        />
        <datalist id="speakers">${this.speakers.map((name) => html`<option value=${name}></option>`)}</datalist>
        ${this.locked || this.editing
          ? nothing
          : html`<button class="quiet" aria-label=${t("studio.correct_line", { number })} @click=${this.startEdit}>
              <wc-icon .path=${mdiPencil}></wc-icon>${t("studio.correct")}
            </button>`}
        ${this.corrected.length && this.server.canOperate
          ? html`<button @click=${this.expect}>
              ${t("requests.add_words", { words: this.corrected.join(", ") })}
            </button>`
          : nothing}
      </div>`;
  }

  private renderWords() {
    const { segment, position } = this;
    if (!segment.words.length) return html`<p @dblclick=${this.startEdit}>${segment.text}</p>`;
    return html`<p @dblclick=${this.startEdit}>
      ${segment.words.map((word) => {
        const now = position >= word.start && position < word.end ? "now" : "";
        const unsure = word.probability < UNSURE ? "unsure" : "";
        return html`<span class="word ${now} ${unsure}" @click=${() => this.hear(word.start, word.end)}
            >${word.text}</span
          > `;
      })}
    </p>`;
  }
}

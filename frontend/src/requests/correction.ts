// "That is not what I said": a corrected text becomes vocabulary, a word gets a pronunciation, and
// other models try the same audio.

import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { t } from "../core/localize";
import type { Server } from "../core/server";
import { WcElement } from "../ui/element";
import { sharedStyles } from "../ui/styles";
import { newWords, type RequestEntry } from "./model";

interface Vocabulary {
  names: string[];
  terms: string[];
}

@customElement("wc-correction")
export class WcCorrection extends WcElement {
  static override styles = [
    sharedStyles,
    css`
      form {
        display: flex;
        flex-wrap: wrap;
        gap: 10px;
        align-items: end;
      }
      label {
        display: grid;
        gap: 4px;
        font-size: 13px;
        color: var(--wc-muted);
      }
      label.wide {
        flex: 1;
        min-width: min(280px, 100%);
      }
      .results {
        display: grid;
        gap: 6px;
      }
    `,
  ];

  @property({ attribute: false }) server!: Server;
  @property({ attribute: false }) request!: RequestEntry;
  @state() private correction = "";
  @state() private busy = false;
  @state() private results: { model: string; text: string }[] = [];

  override firstUpdated(): void {
    this.correction = this.request.text ?? "";
  }

  private async addWords(words: string[]): Promise<void> {
    const connection = this.server.connection;
    const add = async (): Promise<void> => {
      const { names, terms } = await connection.request<Vocabulary>("GET", "/vocabulary");
      await connection.request("PUT", "/vocabulary", { names, terms: [...words, ...terms] });
    };
    await this.run(add(), t("requests.words_added", { words: words.join(", ") }));
  }

  private async setPronunciation(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const [word, spoken] = [...(event.target as HTMLFormElement).querySelectorAll("input")].map((input) =>
      input.value.trim(),
    );
    if (!word || !spoken) return;
    await this.run(
      this.server.connection.request("PUT", `/lexicon/*/${encodeURIComponent(word)}`, { respelling: spoken }),
      t("requests.word_spoken", { word, spoken }),
    );
  }

  /** Let a model transcribe the kept audio again. */
  private async replay(model: string): Promise<void> {
    const { audio } = this.request;
    if (!audio || !model) return;
    this.busy = true;
    const transcribe = async (): Promise<string> => {
      const recording = await (await this.server.connection.fetch(audio)).blob();
      const form = new FormData();
      form.append("file", recording, "request.wav");
      form.append("model", model);
      form.append("response_format", "json");
      const response = await this.server.connection.fetch("/v1/audio/transcriptions", {
        method: "POST",
        body: form,
      });
      return ((await response.json()) as { text: string }).text;
    };
    const text = await this.run(transcribe());
    if (text !== undefined) {
      this.results = [...this.results.filter((one) => one.model !== model), { model, text }];
    }
    this.busy = false;
  }

  override render() {
    return this.request.kind === "tts" ? this.renderPronunciation() : this.renderTranscript();
  }

  private renderTranscript() {
    const { request } = this;
    if (request.kind !== "asr") return nothing;
    const words = newWords(request.text ?? "", this.correction);
    const models = (this.server.snapshot?.models ?? []).filter((model) => model.kind === "asr" && model.installed);
    return html`<div class="stack">
      ${request.text === null
        ? nothing
        : html`<form @submit=${(event: Event) => event.preventDefault()}>
            <label class="wide">
              ${t("requests.correction")}
              <input
                .value=${this.correction}
                @input=${(event: Event) => (this.correction = (event.target as HTMLInputElement).value)}
              />
            </label>
            <button class="primary" ?disabled=${!words.length} @click=${() => this.addWords(words)}>
              ${words.length ? t("requests.add_words", { words: words.join(", ") }) : t("requests.no_new_words")}
            </button>
          </form>`}
      ${request.audio
        ? html`<div class="results">
            <div class="row">
              <span class="small muted">${t("requests.replay")}</span>
              ${models.map(
                (model) =>
                  html`<button ?disabled=${this.busy} @click=${() => this.replay(model.id)}>${model.id}</button>`,
              )}
            </div>
            <div aria-live="polite">
              ${this.results.map((one) => html`<p><span class="muted">${one.model}:</span> ${one.text}</p>`)}
            </div>
          </div>`
        : nothing}
    </div>`;
  }

  private renderPronunciation() {
    if (this.request.text === null || !this.server.has("lexicon")) return nothing;
    return html`<form @submit=${this.setPronunciation}>
      <label class="wide">${t("requests.word")}<input name="word" required autocomplete="off" /></label>
      <label class="wide">${t("requests.spoken")}<input name="spoken" required autocomplete="off" /></label>
      <button class="primary">${t("requests.set_pronunciation")}</button>
    </form>`;
  }
}

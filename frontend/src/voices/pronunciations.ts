// Words that the voices would read wrongly, with a button to hear each.

import { mdiDelete, mdiPlay } from "@mdi/js";
import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { languageName } from "../core/format";
import { t } from "../core/localize";
import type { Server } from "../core/server";
import { errorText, WcElement } from "../ui/element";
import "../ui/icon";
import { sharedStyles } from "../ui/styles";

interface Word {
  language: string;
  word: string;
  respelling?: string;
  ipa?: string;
}

@customElement("wc-pronunciations")
export class WcPronunciations extends WcElement {
  static override styles = [
    sharedStyles,
    css`
      form {
        display: flex;
        flex-wrap: wrap;
        gap: 10px;
        align-items: end;
        margin-top: 14px;
      }
      label {
        display: grid;
        flex: 1;
        gap: 4px;
        min-width: 150px;
        font-size: 13px;
        color: var(--wc-muted);
      }
      li {
        display: flex;
        align-items: center;
        gap: 12px;
      }
    `,
  ];

  @property({ attribute: false }) server!: Server;
  @property() voice = "";
  @state() private words: Word[] | undefined;
  @state() private fault = "";
  private audio: HTMLAudioElement | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    void this.read();
  }

  private async read(): Promise<void> {
    try {
      const found = await this.server.connection.request<{ words: Word[]; fault?: string }>("GET", "/lexicon");
      this.words = found.words;
      this.fault = found.fault ?? "";
    } catch (error) {
      this.fault = errorText(error);
    }
  }

  private values(): string[] {
    return [...this.renderRoot.querySelectorAll<HTMLInputElement>("form input, form select")].map((one) =>
      one.value.trim(),
    );
  }

  /** Hear a text with the default voice. */
  private async listen(text: string): Promise<void> {
    const speak = async (): Promise<void> => {
      const response = await this.server.connection.fetch("/v1/audio/speech", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ model: "tts-1", voice: this.voice, input: text, response_format: "wav" }),
      });
      this.audio?.pause();
      this.audio = new Audio(URL.createObjectURL(await response.blob()));
      await this.audio.play();
    };
    await this.run(speak());
  }

  private async save(event: Event): Promise<void> {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement; // null after the first await
    const [word = "", spoken = "", language = "*"] = this.values();
    const ipa = /^\/.*\/$/.exec(spoken);
    const saved = await this.run(
      this.server.connection.request(
        "PUT",
        `/lexicon/${language}/${encodeURIComponent(word)}`,
        ipa ? { ipa: spoken.slice(1, -1) } : { respelling: spoken },
      ),
      t("requests.word_spoken", { word, spoken }),
    );
    if (saved === undefined) return;
    form.reset();
    await this.read();
  }

  private async removeWord(word: Word): Promise<void> {
    await this.run(
      this.server.connection.request("DELETE", `/lexicon/${word.language}/${encodeURIComponent(word.word)}`),
    );
    await this.read();
  }

  override render() {
    const languages = ["*", "en", "de", "fr", "es", "it", "nl"];
    return html`<section class="card">
      <h2>${t("voices.pronunciations")}</h2>
      <p class="small muted">${t("lexicon.help")}</p>
      ${this.fault ? html`<p class="note error">${this.fault}</p>` : nothing}
      ${this.server.canOperate
        ? html`<form @submit=${this.save}>
            <label>${t("lexicon.word")}<input required autocomplete="off" /></label>
            <label>${t("requests.spoken")}<input required autocomplete="off" /></label>
            <label>
              ${t("voices.language")}
              <select>
                ${languages.map(
                  (tag) =>
                    html`<option value=${tag}>${tag === "*" ? t("voices.every_language") : languageName(tag)}</option>`,
                )}
              </select>
            </label>
            <button type="button" @click=${() => this.listen(this.values()[1] ?? "")}>${t("voices.listen")}</button>
            <button class="primary">${t("action.save")}</button>
          </form>`
        : nothing}
      <ul class="list">
        ${(this.words ?? []).map(
          (word) =>
            html`<li>
              <button class="icon quiet" aria-label="${t("voices.listen")}: ${word.word}" @click=${() => this.listen(word.word)}>
                <wc-icon .path=${mdiPlay}></wc-icon>
              </button>
              <span class="grow">
                ${word.word} <span class="muted">→ ${word.respelling ?? `/${word.ipa ?? ""}/`}</span>
              </span>
              <span class="chip">${word.language === "*" ? t("voices.every_language") : languageName(word.language)}</span>
              ${this.server.canOperate
                ? html`<button
                    class="icon quiet danger"
                    aria-label="${t("action.delete")}: ${word.word}"
                    @click=${() => this.removeWord(word)}
                  >
                    <wc-icon .path=${mdiDelete}></wc-icon>
                  </button>`
                : nothing}
            </li>`,
        )}
      </ul>
      ${this.words?.length === 0 ? html`<p class="empty">${t("lexicon.none")}</p>` : nothing}
    </section>`;
  }
}

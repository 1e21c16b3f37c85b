// Names and words that are expected in speech.

import { css, html, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { t } from "../core/localize";
import type { Server } from "../core/server";
import { errorText, WcElement } from "../ui/element";
import { sharedStyles } from "../ui/styles";

@customElement("wc-names")
export class WcNames extends WcElement {
  static override styles = [
    sharedStyles,
    css`
      .two {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(320px, 100%), 1fr));
        gap: 16px;
        margin: 14px 0;
      }
      label {
        display: grid;
        gap: 6px;
        font-weight: 500;
      }
      textarea {
        min-height: 240px;
      }
    `,
  ];

  @property({ attribute: false }) server!: Server;
  @state() private names: string | undefined;
  @state() private terms = "";
  @state() private error = "";
  @property() voice = "";
  @query("textarea") private field!: HTMLTextAreaElement;
  private audio: HTMLAudioElement | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    void this.read();
  }

  private async read(): Promise<void> {
    try {
      const found = await this.server.connection.request<{ names: string[]; terms: string[] }>("GET", "/vocabulary");
      this.names = found.names.join("\n");
      this.terms = found.terms.join("\n");
    } catch (error) {
      this.error = errorText(error);
    }
  }

  private async save(event: Event): Promise<void> {
    event.preventDefault();
    const lines = (text: string): string[] => text.split("\n").map((line) => line.trim()).filter(Boolean);
    await this.run(
      this.server.connection.request("PUT", "/vocabulary", {
        names: lines(this.names ?? ""),
        terms: lines(this.terms),
      }),
      t("names.saved"),
    );
    await this.read();
  }

  /** Hear the name at the cursor, as the default voice reads it. */
  private async listen(): Promise<void> {
    const { value, selectionStart } = this.field;
    const first = value.lastIndexOf("\n", selectionStart - 1) + 1;
    const name = value.slice(first).split("\n")[0]?.trim();
    if (!name) return;
    const speak = async (): Promise<void> => {
      const response = await this.server.connection.fetch("/v1/audio/speech", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ model: "tts-1", voice: this.voice, input: name, response_format: "wav" }),
      });
      this.audio?.pause();
      this.audio = new Audio(URL.createObjectURL(await response.blob()));
      await this.audio.play();
    };
    await this.run(speak());
  }

  override render() {
    if (this.error) return html`<p class="note error">${this.error}</p>`;
    if (this.names === undefined) return nothing;
    const locked = !this.server.canOperate;
    return html`<form class="card" @submit=${this.save}>
      <h2>${t("voices.names")}</h2>
      <p class="small muted">${t("names.help")}</p>
      <div class="two">
        <label>
          ${t("names.names")}
          <textarea
            ?readonly=${locked}
            .value=${this.names}
            @input=${(event: Event) => (this.names = (event.target as HTMLTextAreaElement).value)}
          ></textarea>
        </label>
        <label>
          ${t("names.terms")}
          <textarea
            ?readonly=${locked}
            .value=${this.terms}
            @input=${(event: Event) => (this.terms = (event.target as HTMLTextAreaElement).value)}
          ></textarea>
        </label>
      </div>
      <div class="row">
        ${locked ? nothing : html`<button class="primary">${t("action.save")}</button>`}
        ${this.voice
          ? html`<button type="button" @click=${this.listen}>${t("names.listen")}</button>`
          : nothing}
      </div>
    </form>`;
  }
}

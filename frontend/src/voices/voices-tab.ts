// The tab "Voices & models": what is installed, what can be, names and pronunciations.

import { html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { t, type Key } from "../core/localize";
import { ServerController, type Server } from "../core/server";
import { errorText, WcElement } from "../ui/element";
import type { CatalogEntry, Voice } from "./catalog";
import "./catalog-list";
import "./names";
import "./pronunciations";

const PARTS = ["voices", "models", "names", "pronunciations"] as const;
const RENEW_MS = 250;

type Part = (typeof PARTS)[number];

@customElement("wc-voices-tab")
export class WcVoicesTab extends WcElement {
  @property({ attribute: false }) server!: Server;
  @state() private current: Part = "voices";
  @state() private voices: Voice[] | undefined;
  @state() private catalog: CatalogEntry[] | undefined;
  @state() private defaultVoice = "";
  @state() private error = "";
  private timer = 0;
  protected readonly controller = new ServerController(this, (event) => {
    const type = String(event["type"]);
    if (/^(model_(installed|removed|failed|ready|unloaded)|config_changed|stream_opened)$/.test(type)) {
      this.readSoon();
    }
  });

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener("hashchange", this.onHashChange);
    this.onHashChange();
    void this.read();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener("hashchange", this.onHashChange);
    window.clearTimeout(this.timer);
  }

  private onHashChange = (): void => {
    const part = location.hash.split("/")[2];
    this.current = PARTS.find((name) => name === part) ?? "voices";
  };

  private readSoon(): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.read(), RENEW_MS);
  }

  private async read(): Promise<void> {
    const connection = this.server.connection;
    try {
      const [voices, catalog] = await Promise.all([
        connection.request<{ default: string; voices: Voice[] }>("GET", "/voices"),
        connection.request<{ models: CatalogEntry[] }>("GET", "/catalog"),
      ]);
      this.voices = voices.voices;
      this.defaultVoice = voices.default;
      this.catalog = catalog.models;
      this.error = "";
    } catch (error) {
      this.error = errorText(error);
    }
  }

  override render() {
    return html`<div class="stack">
      <div class="subtabs" role="tablist" aria-label=${t("tab.voices")}>
        ${PARTS.map(
          (part) =>
            html`<button
              role="tab"
              id=${part}
              aria-selected=${part === this.current ? "true" : "false"}
              @click=${() => (location.hash = `#/voices/${part}`)}
            >
              ${t(`voices.${part}` as Key)}
            </button>`,
        )}
      </div>
      ${this.error ? html`<p class="note error">${this.error}</p>` : nothing}
      <div role="tabpanel" aria-labelledby=${this.current}>${this.renderPart()}</div>
    </div>`;
  }

  private renderPart() {
    switch (this.current) {
      case "names":
        return html`<wc-names .server=${this.server} .voice=${this.defaultVoice}></wc-names>`;
      case "pronunciations":
        return html`<wc-pronunciations .server=${this.server} .voice=${this.defaultVoice}></wc-pronunciations>`;
      default:
        return this.voices && this.catalog
          ? html`<wc-catalog-list
              .server=${this.server}
              .shows=${this.current}
              .voices=${this.voices}
              .catalog=${this.catalog}
              .defaultVoice=${this.defaultVoice}
              @changed=${this.read}
            ></wc-catalog-list>`
          : nothing;
    }
  }
}

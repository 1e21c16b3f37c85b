// The tab "Requests": what was asked, how long each stage took, and what went wrong.

import { mdiDownload, mdiTrashCanOutline } from "@mdi/js";
import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { t } from "../core/localize";
import { ServerController, type Server } from "../core/server";
import { ask } from "../ui/dialog";
import { errorText, WcElement } from "../ui/element";
import "../ui/icon";
import { sharedStyles } from "../ui/styles";
import type { RequestEntry, RequestList } from "./model";
import "./request-row";

const LIMIT = 100;
const RENEW_MS = 250;
const KINDS = ["all", "asr", "tts", "wake"] as const;

@customElement("wc-requests-tab")
export class WcRequestsTab extends WcElement {
  static override styles = [
    sharedStyles,
    css`
      .privacy label {
        display: inline-flex;
        align-items: center;
        gap: 8px;
      }
      .privacy .row {
        gap: 20px;
      }
      .list-card {
        padding: 4px 0;
      }
      input[type="search"] {
        flex: 1;
        min-width: 160px;
      }
    `,
  ];

  @property({ attribute: false }) server!: Server;
  @state() private list: RequestList | undefined;
  @state() private kind: (typeof KINDS)[number] = "all";
  @state() private failedOnly = false;
  @state() private search = "";
  @state() private error = "";
  private timer = 0;
  protected readonly controller = new ServerController(this, (event) => {
    const type = String(event["type"]);
    if (/^(request_finished|stream_opened|events_lost|config_changed)$/.test(type)) this.readSoon();
  });

  override connectedCallback(): void {
    super.connectedCallback();
    void this.read();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.clearTimeout(this.timer);
  }

  private readSoon(): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.read(), RENEW_MS);
  }

  private async read(): Promise<void> {
    const kind = this.kind === "all" ? "" : `&kind=${this.kind}`;
    const failed = this.failedOnly ? "&failed=true" : "";
    try {
      this.list = await this.server.connection.request<RequestList>(
        "GET",
        `/requests?limit=${LIMIT}${kind}${failed}`,
      );
      this.error = "";
    } catch (error) {
      this.error = errorText(error);
    }
  }

  private async setKept(name: "keep_text" | "keep_audio", on: boolean): Promise<void> {
    await this.run(this.server.connection.request("PATCH", "/config", { requests: { [name]: on } }));
    await this.read();
  }

  private async forget(): Promise<void> {
    const yes = await ask({
      title: t("requests.forget_title"),
      text: t("requests.forget_text"),
      confirm: t("requests.forget"),
      danger: true,
    });
    if (!yes) return;
    await this.run(this.server.connection.request("DELETE", "/requests"), t("requests.forgotten"));
    await this.read();
  }

  private export(shown: RequestEntry[]): void {
    const file = new Blob([JSON.stringify(shown, null, 1)], { type: "application/json" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = "requests.json";
    link.click();
    URL.revokeObjectURL(link.href);
  }

  override render() {
    if (!this.server.canOperate) return html`<p class="empty">${t("requests.not_allowed")}</p>`;
    if (this.error) return html`<p class="note error">${this.error}</p>`;
    const list = this.list;
    if (!list) return nothing;
    const words = this.search.toLowerCase();
    const shown = list.requests.filter((one) =>
      [one.text ?? "", one.client, one.model, one.code, one.message]
        .join(" ")
        .toLowerCase()
        .includes(words),
    );
    return html`<div class="stack">
      ${this.renderPrivacy(list)}
      <div class="row">
        <div class="subtabs" role="group" aria-label=${t("requests.kind")}>
          ${KINDS.map(
            (kind) =>
              html`<button
                aria-pressed=${kind === this.kind ? "true" : "false"}
                @click=${() => this.choose(kind)}
              >
                ${kind === "all" ? t("requests.all") : t(`kind.${kind}`)}
              </button>`,
          )}
          <button
            aria-pressed=${this.failedOnly ? "true" : "false"}
            @click=${() => {
              this.failedOnly = !this.failedOnly;
              void this.read();
            }}
          >
            ${t("requests.failed")}
          </button>
        </div>
        <input
          type="search"
          placeholder=${t("requests.search")}
          aria-label=${t("requests.search")}
          @input=${(event: Event) => (this.search = (event.target as HTMLInputElement).value)}
        />
        <button @click=${() => this.export(shown)} ?disabled=${!shown.length}>
          <wc-icon .path=${mdiDownload}></wc-icon>${t("requests.export")}
        </button>
      </div>
      <section class="card list-card" aria-label=${t("tab.requests")}>
        ${repeat(
          shown,
          (one) => one.id,
          (one) =>
            html`<wc-request-row
              .server=${this.server}
              .request=${one}
              .keepsText=${list.keep_text}
              @changed=${this.read}
            ></wc-request-row>`,
        )}
        ${shown.length ? nothing : html`<p class="empty">${t("requests.none")}</p>`}
      </section>
    </div>`;
  }

  private choose(kind: (typeof KINDS)[number]): void {
    this.kind = kind;
    void this.read();
  }

  private renderPrivacy(list: RequestList) {
    const kept = list.requests.some((one) => one.text !== null || one.audio !== null);
    const locked = !this.server.isAdmin;
    return html`<section class="card privacy">
      <div class="spread">
        <div class="row">
          <label>
            <input
              type="checkbox"
              .checked=${list.keep_text}
              ?disabled=${locked}
              @change=${(event: Event) => this.setKept("keep_text", (event.target as HTMLInputElement).checked)}
            />${t("requests.keep_text")}
          </label>
          <label>
            <input
              type="checkbox"
              .checked=${list.keep_audio}
              ?disabled=${locked}
              @change=${(event: Event) => this.setKept("keep_audio", (event.target as HTMLInputElement).checked)}
            />${t("requests.keep_audio")}
          </label>
        </div>
        ${kept
          ? html`<button class="danger" @click=${this.forget}>
              <wc-icon .path=${mdiTrashCanOutline}></wc-icon>${t("requests.forget")}
            </button>`
          : nothing}
      </div>
      <p class="small muted">${locked ? t("requests.keep_locked") : t("requests.keep_help")}</p>
    </section>`;
  }
}

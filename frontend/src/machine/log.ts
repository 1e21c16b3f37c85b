// The end of the log, as it grows.

import { css, html, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type { Stop } from "../core/api";
import { formatTime } from "../core/format";
import { t } from "../core/localize";
import type { Server } from "../core/server";
import type { LogLine } from "../core/types";
import { WcElement } from "../ui/element";
import { sharedStyles } from "../ui/styles";

const LEVELS = ["debug", "info", "warning", "error"];
const KEPT = 1_000;

@customElement("wc-log")
export class WcLog extends WcElement {
  static override styles = [
    sharedStyles,
    css`
      .bar {
        margin-bottom: 12px;
      }
      .lines {
        height: min(640px, calc(100dvh - 260px));
        min-height: 280px;
        padding: 12px 0;
        overflow: auto;
        overscroll-behavior: contain;
        font: 13px/1.55 var(--wc-mono);
      }
      .line {
        display: grid;
        grid-template-columns: 76px 150px minmax(0, 1fr);
        gap: 12px;
        padding: 1px 20px;
      }
      .line .text {
        white-space: pre-wrap;
        overflow-wrap: anywhere;
      }
      .line.warning {
        background: var(--wc-warn-soft);
      }
      .line.error,
      .line.critical {
        background: var(--wc-error-soft);
      }
      .card {
        padding: 0;
      }
      @media (max-width: 700px) {
        .line {
          grid-template-columns: 1fr;
          gap: 0;
          padding: 4px 14px;
        }
      }
    `,
  ];

  @property({ attribute: false }) server!: Server;
  @state() private lines: LogLine[] = [];
  @state() private level = "info";
  @state() private search = "";
  @state() private following = true;
  @query(".lines") private box: HTMLElement | undefined;
  private stop: Stop | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.stop = this.server.connection.stream("/logs/stream", {
      // The stream begins with all kept lines again after each reconnection.
      onOpen: () => (this.lines = []),
      onMessage: (data) => {
        this.lines = [...this.lines, data as unknown as LogLine].slice(-KEPT);
      },
    });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stop?.();
  }

  override updated(): void {
    if (this.following && this.box) this.box.scrollTop = this.box.scrollHeight;
  }

  private onScroll(): void {
    if (!this.box) return;
    this.following = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < 40;
  }

  override render() {
    const least = LEVELS.indexOf(this.level);
    const words = this.search.toLowerCase();
    const shown = this.lines.filter(
      (line) =>
        (LEVELS.indexOf(line.level) >= least || line.level === "critical") &&
        `${line.logger} ${line.text}`.toLowerCase().includes(words),
    );
    return html`<div class="row bar">
        <label class="visually-hidden" for="level">${t("log.level")}</label>
        <select id="level" @change=${(event: Event) => (this.level = (event.target as HTMLSelectElement).value)}>
          ${LEVELS.map((level) => html`<option value=${level} ?selected=${level === this.level}>${t(`log.${level}` as "log.info")}</option>`)}
        </select>
        <input
          class="grow"
          type="search"
          placeholder=${t("log.search")}
          aria-label=${t("log.search")}
          @input=${(event: Event) => (this.search = (event.target as HTMLInputElement).value)}
        />
        <button @click=${() => this.copy(shown)}>${t("action.copy")}</button>
      </div>
      <section class="card">
        <div class="lines" tabindex="0" role="log" aria-label=${t("machine.log")} @scroll=${this.onScroll}>
          ${shown.map(
            (line) =>
              html`<div class="line ${line.level}">
                <span class="muted">${formatTime(line.at)}</span>
                <span class="muted clip" title=${line.logger}>${line.logger}</span>
                <span class="text">${line.text}</span>
              </div>`,
          )}
          ${shown.length ? nothing : html`<p class="empty">${t("log.empty")}</p>`}
        </div>
      </section>`;
  }

  private async copy(lines: LogLine[]): Promise<void> {
    const text = lines.map((line) => `${line.at} ${line.level} ${line.logger}: ${line.text}`).join("\n");
    await this.run(navigator.clipboard.writeText(text), t("action.copied"));
  }
}

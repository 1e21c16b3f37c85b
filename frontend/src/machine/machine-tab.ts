// The tab "Machine": devices and models, storage, settings, the log, and who has signed in.

import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { t, type Key } from "../core/localize";
import type { Server } from "../core/server";
import { WcElement } from "../ui/element";
import { sharedStyles } from "../ui/styles";
import "./access";
import "./log";
import "./overview";
import "./settings";
import "./storage";

const PARTS = ["overview", "storage", "settings", "log", "access"] as const;

type Part = (typeof PARTS)[number];

@customElement("wc-machine-tab")
export class WcMachineTab extends WcElement {
  static override styles = [
    sharedStyles,
    css`
      .subtabs {
        margin: -4px 0 18px;
      }
    `,
  ];

  @property({ attribute: false }) server!: Server;
  @state() private current: Part = "overview";

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener("hashchange", this.onHashChange);
    this.onHashChange();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener("hashchange", this.onHashChange);
  }

  private onHashChange = (): void => {
    const part = location.hash.split("/")[2];
    this.current = PARTS.find((name) => name === part) ?? "overview";
  };

  override render() {
    const parts = PARTS.filter(
      (part) =>
        (this.server.canOperate || part === "overview" || part === "storage") &&
        !(part === "access" && this.server.connection.embedded),
    );
    return html`
      <div class="subtabs" role="tablist" aria-label=${t("tab.machine")}>
        ${parts.map(
          (part) =>
            html`<button
              role="tab"
              id=${part}
              aria-selected=${part === this.current ? "true" : "false"}
              tabindex=${part === this.current ? 0 : -1}
              @keydown=${this.onKey}
              @click=${() => (location.hash = `#/machine/${part}`)}
            >
              ${t(`machine.${part}` as Key)}
            </button>`,
        )}
      </div>
      <div role="tabpanel" aria-labelledby=${this.current}>${this.renderPart()}</div>
    `;
  }

  private onKey(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const tabs = [...this.renderRoot.querySelectorAll<HTMLButtonElement>("[role=tab]")];
    const next = tabs[(tabs.indexOf(event.target as HTMLButtonElement) + step + tabs.length) % tabs.length];
    next?.click();
    next?.focus();
  }

  private renderPart() {
    const server = this.server;
    switch (this.current) {
      case "overview":
        return html`<wc-overview .server=${server}></wc-overview>`;
      case "storage":
        return html`<wc-storage .server=${server}></wc-storage>`;
      case "settings":
        return html`<wc-settings .server=${server}></wc-settings>`;
      case "log":
        return html`<wc-log .server=${server}></wc-log>`;
      case "access":
        return html`<wc-access .server=${server}></wc-access>`;
      default:
        return nothing;
    }
  }
}

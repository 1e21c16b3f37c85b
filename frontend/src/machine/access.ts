// Who has signed in, and the file for bug reports.

import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { formatAgo, formatDate } from "../core/format";
import { t } from "../core/localize";
import type { Server } from "../core/server";
import type { SessionEntry } from "../core/types";
import { errorText, WcElement } from "../ui/element";
import { sharedStyles } from "../ui/styles";

@customElement("wc-access")
export class WcAccess extends WcElement {
  static override styles = [
    sharedStyles,
    css`
      li {
        display: flex;
        align-items: center;
        gap: 12px;
        flex-wrap: wrap;
      }
      .card > p {
        margin: 4px 0 14px;
        max-width: 70ch;
      }
    `,
  ];

  @property({ attribute: false }) server!: Server;
  @state() private sessions: SessionEntry[] = [];
  @state() private error = "";

  override connectedCallback(): void {
    super.connectedCallback();
    void this.read();
  }

  private async read(): Promise<void> {
    try {
      const answer = await this.server.connection.request<{ sessions: SessionEntry[] }>("GET", "/sessions");
      this.sessions = answer.sessions;
      this.error = "";
    } catch (error) {
      this.error = errorText(error);
    }
  }

  private async end(session: SessionEntry): Promise<void> {
    await this.run(this.server.connection.request("DELETE", `/sessions/${session.id}`));
    await this.read();
  }

  override render() {
    return html`<div class="stack">
      <section class="card">
        <h2>${t("access.sessions")}</h2>
        <p class="muted small">${t("access.sessions_help")}</p>
        ${this.error ? html`<p class="note error">${this.error}</p>` : nothing}
        <ul class="list">
          ${this.sessions.map(
            (session) =>
              html`<li>
                <div class="grow">
                  <span>${session.name}</span>
                  ${session.current ? html`<span class="chip accent">${t("access.this_browser")}</span>` : nothing}
                  <p class="small muted">
                    ${t("access.since", { time: formatDate(session.created_at) })} ·
                    ${t("access.used", { time: formatAgo(session.last_used_at) })} ·
                    ${t(`scope.${session.scope}`)}
                  </p>
                </div>
                <button class="quiet danger" aria-label="${t("access.end")}: ${session.name}" @click=${() => this.end(session)}>
                  ${t("access.end")}
                </button>
              </li>`,
          )}
        </ul>
        ${this.sessions.length ? nothing : html`<p class="empty">${t("access.none")}</p>`}
      </section>
      <section class="card">
        <h2>${t("access.diagnostics")}</h2>
        <p class="muted small">${t("access.diagnostics_help")}</p>
        <a class="button" href=${this.server.connection.url("/diagnostics")} download>${t("access.download")}</a>
      </section>
    </div>`;
  }
}

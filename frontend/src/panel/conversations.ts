// The tab "Conversations": what was said and how long it took.

import { html } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { ServerController, type Server } from "../core/server";
import type { Trace } from "../core/types";
import "../requests/requests-tab";
import { WcElement } from "../ui/element";
import { p } from "./strings";
import { summarize } from "./summary";

const RENEW_MS = 500;

@customElement("wc-conversations")
export class WcConversations extends WcElement {
  @property({ attribute: false }) server!: Server;
  @state() private traces: Trace[] | undefined;
  private timer = 0;
  protected readonly controller = new ServerController(this, (event) => {
    if (/^(request_finished|stream_opened)$/.test(String(event["type"]))) this.readSoon();
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
    const answer = await this.run(
      this.server.connection.request<{ traces: Trace[] }>("GET", "/traces?limit=500"),
    );
    if (answer) this.traces = answer.traces;
  }

  override render() {
    return html`<div class="stack">
      <section class="card spread">
        <p class="grow">${this.traces ? summarize(this.traces).join(" ") : ""}</p>
        <a class="button" href="/config/voice-assistants/debug">${p("debug")}</a>
      </section>
      <wc-requests-tab .server=${this.server}></wc-requests-tab>
    </div>`;
  }
}

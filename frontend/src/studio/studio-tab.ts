// The tab "Studio": texts become speech, recordings become transcripts, and both are edited.

import { mdiFileDocumentOutline, mdiTrayArrowUp, mdiWaveform } from "@mdi/js";
import { css, html, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { keyed } from "lit/directives/keyed.js";
import { formatDate, formatPosition } from "../core/format";
import { t } from "../core/localize";
import { ServerController, type Server } from "../core/server";
import { errorText, WcElement } from "../ui/element";
import "../ui/icon";
import { sharedStyles } from "../ui/styles";
import { isBusy, isText, type Job } from "./project";
import "./project-view";
import { sendForm } from "./upload";

const RENEW_MS = 250;

@customElement("wc-studio-tab")
export class WcStudioTab extends WcElement {
  static override styles = [
    sharedStyles,
    css`
      .new {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(340px, 100%), 1fr));
        gap: 16px;
      }
      .drop {
        display: grid;
        place-items: center;
        align-content: center;
        gap: 10px;
        min-height: 200px;
        padding: 20px;
        border: 2px dashed var(--wc-line);
        border-radius: 14px;
        background: var(--wc-card);
        text-align: center;
      }
      .drop.over {
        border-color: var(--wc-accent);
        background: var(--wc-soft);
      }
      .drop wc-icon {
        width: 34px;
        height: 34px;
        color: var(--wc-muted);
      }
      .drop progress {
        width: 100%;
      }
      form {
        display: grid;
        gap: 12px;
      }
      textarea {
        width: 100%;
        min-height: 108px;
      }
      label {
        display: grid;
        gap: 4px;
        font-size: 13px;
        color: var(--wc-muted);
      }
      .list {
        padding: 4px 20px;
      }
      .list a {
        display: grid;
        grid-template-columns: 24px minmax(0, 1fr) auto;
        align-items: center;
        gap: 14px;
        color: inherit;
        text-decoration: none;
      }
      .list wc-icon {
        color: var(--wc-muted);
      }
    `,
  ];

  @property({ attribute: false }) server!: Server;
  @query("input[type=file]") private fileInput!: HTMLInputElement;
  @state() private project = "";
  @state() private jobs: Job[] | undefined;
  @state() private voices: string[] = [];
  @state() private voice = "";
  @state() private error = "";
  @state() private sent: number | undefined;
  @state() private over = false;
  private timer = 0;
  protected readonly controller = new ServerController(this, (event) => {
    if (/^(stream_opened|job_)/.test(String(event["type"]))) this.readSoon();
  });

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener("hashchange", this.onHashChange);
    this.onHashChange();
    void this.readVoices();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener("hashchange", this.onHashChange);
    window.clearTimeout(this.timer);
  }

  private onHashChange = (): void => {
    this.project = location.hash.split("/")[2] ?? "";
    void this.read();
  };

  private readSoon(): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.read(), RENEW_MS);
  }

  private async read(): Promise<void> {
    if (this.project) return;
    try {
      const found = await this.server.connection.request<{ jobs: Job[] }>("GET", "/jobs?kept=true&limit=200");
      this.jobs = found.jobs;
      this.error = "";
    } catch (error) {
      this.error = errorText(error);
    }
  }

  private async readVoices(): Promise<void> {
    try {
      const found = await this.server.connection.request<{
        default: string;
        voices: { name: string; installed: boolean }[];
      }>("GET", "/voices");
      this.voices = found.voices.filter((voice) => voice.installed).map((voice) => voice.name);
      this.voice = found.default;
    } catch (error) {
      this.error = errorText(error);
    }
  }

  private async submitText(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    const created = await this.run(
      this.server.connection.request<{ job_id: string }>("POST", "/jobs/speech", {
        text: form.get("text"),
        voice: this.voice,
        format: "flac",
        draft: true,
      }),
    );
    if (created) location.hash = `#/studio/${created.job_id}`;
  }

  private async submitFile(file: File | undefined): Promise<void> {
    if (!file) return;
    const text = isText(file);
    const form = new FormData();
    // Fields first: the server reads them before the file.
    if (text) {
      form.append("voice", this.voice);
      form.append("format", "flac");
      form.append("draft", "true");
    } else {
      form.append("keep", "true");
    }
    form.append(text ? "text" : "audio", file, file.name);
    this.sent = 0;
    const created = await this.run(
      sendForm<{ job_id: string }>(
        this.server.connection,
        text ? "/jobs/speech" : "/jobs?wait=true",
        form,
        (share) => (this.sent = share),
      ),
    );
    this.sent = undefined;
    if (created) location.hash = `#/studio/${created.job_id}`;
  }

  private onDrop(event: DragEvent): void {
    event.preventDefault();
    this.over = false;
    void this.submitFile(event.dataTransfer?.files[0]);
  }

  override render() {
    if (this.project) {
      return keyed(
        this.project,
        html`<wc-project
          .server=${this.server}
          project-id=${this.project}
          .voices=${this.voices}
          @closed=${() => (location.hash = "#/studio")}
        ></wc-project>`,
      );
    }
    return html`<div class="stack">
      ${this.error ? html`<p class="note error">${this.error}</p>` : nothing}
      <div class="new">${this.renderDrop()} ${this.renderForm()}</div>
      <section class="card list" aria-label=${t("studio.projects")}>
        <ul class="list">
          ${(this.jobs ?? []).map((job) => this.renderJob(job))}
        </ul>
        ${this.jobs?.length === 0 ? html`<p class="empty">${t("studio.none")}</p>` : nothing}
      </section>
    </div>`;
  }

  private renderDrop() {
    return html`<div
      class="drop ${this.over ? "over" : ""}"
      @dragover=${(event: DragEvent) => {
        event.preventDefault();
        this.over = true;
      }}
      @dragleave=${() => (this.over = false)}
      @drop=${this.onDrop}
    >
      <wc-icon .path=${mdiTrayArrowUp}></wc-icon>
      <p>${t("studio.drop")}</p>
      <p class="small muted">${t("studio.drop_help")}</p>
      ${this.sent === undefined
        ? html`<button @click=${() => this.fileInput.click()}>${t("studio.choose_file")}</button>`
        : html`<progress max="1" .value=${this.sent} aria-label=${t("studio.uploading")}></progress>`}
      <input
        type="file"
        hidden
        aria-label=${t("studio.choose_file")}
        @change=${(event: Event) => {
          const input = event.target as HTMLInputElement;
          void this.submitFile(input.files?.[0]).then(() => (input.value = ""));
        }}
      />
    </div>`;
  }

  private renderForm() {
    return html`<form class="card" @submit=${this.submitText}>
      <label>${t("studio.text")}<textarea name="text" required></textarea></label>
      <div class="row">
        <label class="grow"
          >${t("studio.voice")}
          <select @change=${(event: Event) => (this.voice = (event.target as HTMLSelectElement).value)}>
            ${this.voices.map(
              (voice) => html`<option value=${voice} ?selected=${voice === this.voice}>${voice}</option>`,
            )}
          </select>
        </label>
        <button class="primary">${t("studio.create")}</button>
      </div>
    </form>`;
  }

  private renderJob(job: Job) {
    return html`<li>
      <a href="#/studio/${job.id}">
        <wc-icon .path=${job.speech ? mdiFileDocumentOutline : mdiWaveform}></wc-icon>
        <span>
          ${job.filename ?? t(job.speech ? "studio.untitled" : "studio.recording")}<br />
          <span class="small muted number"
            >${[formatDate(job.created_at), job.duration_secs ? formatPosition(job.duration_secs) : ""]
              .filter(Boolean)
              .join(" · ")}</span
          >
        </span>
        <span class="chip ${job.status === "failed" ? "error" : isBusy(job.status) ? "accent" : ""}"
          >${t(`studio.status.${job.status}`)}${isBusy(job.status) ? ` ${job.progress} %` : ""}</span
        >
      </a>
    </li>`;
  }
}

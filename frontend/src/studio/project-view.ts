// One project: its audio, its lines, and what is done with all of them.

import { mdiArrowLeft, mdiDownload, mdiFindReplace, mdiRedo, mdiTrashCanOutline, mdiUndo } from "@mdi/js";
import { css, html, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { t } from "../core/localize";
import { ServerController, type Server } from "../core/server";
import { ask } from "../ui/dialog";
import { errorText, WcElement } from "../ui/element";
import "../ui/icon";
import { sharedStyles } from "../ui/styles";
import { ProjectEditor, type Edit } from "./editor";
import {
  findSegments,
  isBusy,
  renameSpeaker,
  replaceAll,
  segmentAt,
  speakersOf,
  type Job,
  type Segment,
} from "./project";
import type { SegmentRow } from "./row";
import "./speech-row";
import "./transcript-row";
import "./waveform";
import type { WcWaveform } from "./waveform";

const PAGE = 100;
const AUDIO_FORMATS = ["wav", "flac", "mp3", "opus"];
const TEXT_FORMATS = ["srt", "vtt", "ass", "txt", "json"];

/** Fires `closed`. */
@customElement("wc-project")
export class WcProject extends WcElement {
  static override styles = [
    sharedStyles,
    css`
      .list-card {
        padding: 4px 0;
      }
      .options {
        display: flex;
        flex-wrap: wrap;
        gap: 12px 18px;
        align-items: end;
      }
      .options label,
      .replace label {
        display: grid;
        gap: 4px;
        font-size: 13px;
        color: var(--wc-muted);
      }
      .options input[type="number"] {
        width: 90px;
      }
      .replace {
        display: flex;
        flex-wrap: wrap;
        gap: 10px;
        align-items: end;
      }
      .replace .check {
        display: inline-flex;
        align-items: center;
        gap: 8px;
        min-height: 38px;
      }
      h2 {
        overflow-wrap: anywhere;
      }
      details {
        position: relative;
      }
      summary {
        list-style: none;
      }
      summary::-webkit-details-marker {
        display: none;
      }
      .menu {
        position: absolute;
        z-index: 5;
        right: 0;
        top: 42px;
        display: grid;
        min-width: 130px;
        padding: 6px;
        border: 1px solid var(--wc-line);
        border-radius: 12px;
        background: var(--wc-card);
        box-shadow: 0 12px 36px rgb(0 0 0 / 18%);
      }
      .menu a {
        padding: 8px 12px;
        border-radius: 8px;
        color: inherit;
        text-decoration: none;
      }
      .menu a:hover {
        background: var(--wc-raised);
      }
    `,
  ];

  @property({ attribute: false }) server!: Server;
  @property({ attribute: "project-id" }) projectId = "";
  @property({ attribute: false }) voices: string[] = [];
  @query("wc-waveform") private waveform!: WcWaveform | null;
  @state() private editor!: ProjectEditor;
  @state() private error = "";
  @state() private peaks: number[] = [];
  @state() private duration = 0;
  @state() private page = 0;
  @state() private position = -1;
  @state() private replacing = false;
  @state() private find = "";
  @state() private matchCase = false;
  private audioVersion = 0;
  private preview: HTMLAudioElement | undefined;
  protected readonly controller = new ServerController(this, (event) => this.onEvent(event));

  override connectedCallback(): void {
    super.connectedCallback();
    this.editor = new ProjectEditor(this.server.connection, this.projectId, () => this.requestUpdate());
    void this.read();
    window.addEventListener("beforeunload", this.onLeave);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener("beforeunload", this.onLeave);
    this.editor.close();
    this.preview?.pause();
  }

  private onLeave = (event: BeforeUnloadEvent): void => {
    if (this.editor.saveState !== "saved") event.preventDefault();
  };

  private async read(): Promise<void> {
    try {
      await this.editor.read();
      const audio = await this.server.connection.request<{ duration: number; peaks: number[] }>(
        "GET",
        `/jobs/${this.projectId}/peaks`,
      );
      this.peaks = audio.peaks;
      this.duration = audio.duration;
      this.audioVersion += 1;
      this.error = "";
    } catch (error) {
      this.error = errorText(error);
    }
  }

  private onEvent(event: Record<string, unknown>): void {
    const type = String(event["type"]);
    // After a restart of the server, events were missed.
    if (type === "stream_opened" || (type === "job_finished" && event["job"] === this.projectId)) {
      void this.read();
    } else if (event["job"] === this.projectId) {
      const { job } = this.editor;
      if (!job) return;
      this.editor.job = { ...job, status: "running", progress: Number(event["percent"] ?? job.progress) };
      this.requestUpdate();
    }
  }

  private get job(): Job | undefined {
    return this.editor.job;
  }

  private get locked(): boolean {
    return !this.job || isBusy(this.job.status);
  }

  private onEdit(event: CustomEvent<Edit>): void {
    const row = event.composedPath()[0] as SegmentRow;
    const stored = this.editor.edit(event.detail).catch((error: unknown) => {
      row.discard();
      throw error;
    });
    void this.run(stored);
  }

  /** Hear a line of a speech project as it is now, before it is synthesized with the others. */
  private async listen(event: CustomEvent<SegmentRow>): Promise<void> {
    const { segment, text } = event.detail;
    const speech = this.job?.speech;
    if (!speech) return;
    const speaker = segment.speaker ? speech.speakers?.[segment.speaker] : undefined;
    const voice = segment.voice ?? speaker ?? speech.voice;
    const own = voice === speech.voice && voice.includes("@") ? 1 : speech.speed;
    const speak = async (): Promise<void> => {
      const response = await this.server.connection.fetch("/v1/audio/speech", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({
          model: "tts-1",
          voice,
          input: text,
          speed: Math.min(2, Math.max(0.5, own * (segment.speed ?? 1))),
          response_format: "wav",
        }),
      });
      this.preview?.pause();
      this.preview = new Audio(URL.createObjectURL(await response.blob()));
      await this.preview.play();
    };
    await this.run(speak());
  }

  private onPosition(event: CustomEvent<number>): void {
    this.position = event.detail;
    const index = segmentAt(this.editor.segments, event.detail);
    if (index >= 0) this.page = Math.floor(index / PAGE);
  }

  private async replace(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const replacement = new FormData(event.target as HTMLFormElement).get("replacement") as string;
    const { find, matchCase } = this;
    await this.run(
      this.editor.edit((segments) => replaceAll(segments, find, replacement, matchCase)),
      t("studio.replaced"),
    );
  }

  private async deleteProject(): Promise<void> {
    const yes = await ask({
      title: t("studio.delete_title", { name: this.name }),
      text: t("studio.delete_text"),
      confirm: t("action.delete"),
      danger: true,
    });
    if (!yes) return;
    const deleted = this.server.connection.request("DELETE", `/jobs/${this.projectId}?forget=true`);
    if ((await this.run(deleted.then(() => true))) === true) this.close();
  }

  private close(): void {
    this.dispatchEvent(new CustomEvent("closed"));
  }

  private get name(): string {
    return this.job?.filename ?? this.editor.segments[0]?.text.slice(0, 60) ?? "";
  }

  override render() {
    if (this.error) {
      return html`<p class="note error">${this.error}</p>
        <button @click=${this.close}>${t("studio.all_projects")}</button>`;
    }
    const { job, editor } = this;
    if (!job) return nothing;
    return html`<div class="stack">
      <div class="spread">
        <div class="row grow">
          <button class="icon quiet" aria-label=${t("studio.all_projects")} @click=${this.close}>
            <wc-icon .path=${mdiArrowLeft}></wc-icon>
          </button>
          <h2>${this.name}</h2>
          <span class="chip ${job.status === "failed" ? "error" : ""}">${t(`studio.status.${job.status}`)}</span>
        </div>
        <span class="small muted" role="status">${t(`studio.${editor.saveState}`)}</span>
      </div>
      ${job.error ? html`<p class="note error">${job.error}</p>` : nothing}
      <section class="card stack">
        ${job.speech ? this.renderSpeechOptions(job) : nothing} ${this.renderTools(job)}
        ${isBusy(job.status)
          ? html`<progress max="100" .value=${job.progress} aria-label=${t(`studio.status.${job.status}`)}></progress>`
          : nothing}
        ${this.renderAudio(job)} ${this.replacing ? this.renderReplace() : nothing}
      </section>
      ${this.renderSegments(job)}
    </div>`;
  }

  private renderSpeechOptions(job: Job) {
    const { speech } = job;
    if (!speech) return nothing;
    const change = (options: Record<string, unknown>): unknown => this.run(this.editor.change(options));
    return html`<div class="options">
      ${this.renderVoice(t("studio.voice"), speech.voice, (voice) => change({ voice }))}
      <label
        >${t("studio.speed")}<input
          type="number"
          min="0.5"
          max="2"
          step="0.05"
          ?disabled=${this.locked}
          .value=${String(speech.speed)}
          @change=${(event: Event) => change({ speed: Number((event.target as HTMLInputElement).value) })}
      /></label>
      ${speakersOf(this.editor.segments).map((name) =>
        this.renderVoice(name, speech.speakers?.[name] ?? speech.voice, (voice) =>
          change({ speakers: { [name]: voice } }),
        ),
      )}
      <button class="primary" ?disabled=${this.locked} @click=${() => this.run(this.editor.synthesize())}>
        ${t("studio.synthesize")}
      </button>
    </div>`;
  }

  private renderVoice(label: string, chosen: string, choose: (voice: string) => unknown) {
    const voices = this.voices.includes(chosen) ? this.voices : [chosen, ...this.voices];
    return html`<label
      >${label}<select
        ?disabled=${this.locked}
        @change=${(event: Event) => choose((event.target as HTMLSelectElement).value)}
      >
        ${voices.map((voice) => html`<option value=${voice} ?selected=${voice === chosen}>${voice}</option>`)}
      </select></label
    >`;
  }

  private renderTools(job: Job) {
    const { editor } = this;
    const formats = [...(job.speech ? AUDIO_FORMATS : []), ...TEXT_FORMATS];
    return html`<div class="row">
      <button ?disabled=${this.locked || !editor.canUndo} @click=${() => this.run(editor.undo())}>
        <wc-icon .path=${mdiUndo}></wc-icon>${t("studio.undo")}
      </button>
      <button ?disabled=${this.locked || !editor.canRedo} @click=${() => this.run(editor.redo())}>
        <wc-icon .path=${mdiRedo}></wc-icon>${t("studio.redo")}
      </button>
      <button aria-expanded=${this.replacing ? "true" : "false"} @click=${() => (this.replacing = !this.replacing)}>
        <wc-icon .path=${mdiFindReplace}></wc-icon>${t("studio.replace")}
      </button>
      <details>
        <summary class="button" role="button"><wc-icon .path=${mdiDownload}></wc-icon>${t("studio.export")}</summary>
        <div class="menu">
          ${formats.map(
            (format) =>
              html`<a
                href=${this.server.connection.url(`/jobs/${job.id}.${format}`)}
                download="${this.name.replace(/\.[^.]*$/, "")}.${format}"
                >${format.toUpperCase()}</a
              >`,
          )}
        </div>
      </details>
      <button class="danger" @click=${this.deleteProject}>
        <wc-icon .path=${mdiTrashCanOutline}></wc-icon>${t("action.delete")}
      </button>
    </div>`;
  }

  private renderAudio(job: Job) {
    if (job.speech && (!this.peaks.length || isBusy(job.status))) {
      return isBusy(job.status) ? nothing : html`<p class="small muted">${t("studio.not_spoken")}</p>`;
    }
    const path = job.speech ? `/jobs/${job.id}.${job.speech.format}` : `/jobs/${job.id}/recording`;
    return html`<wc-waveform
        url="${this.server.connection.url(path)}?version=${this.audioVersion}"
        .peaks=${this.peaks}
        .duration=${this.duration}
        @position=${this.onPosition}
      ></wc-waveform>
      ${job.speech && job.status === "draft" ? html`<p class="small muted">${t("studio.changed")}</p>` : nothing}`;
  }

  private renderReplace() {
    const found = findSegments(this.editor.segments, this.find, this.matchCase).length;
    const names = speakersOf(this.editor.segments);
    return html`<form class="replace" @submit=${this.replace}>
        <label
          >${t("studio.find")}<input
            name="find"
            required
            autocomplete="off"
            .value=${this.find}
            @input=${(event: Event) => (this.find = (event.target as HTMLInputElement).value)}
        /></label>
        <label>${t("studio.replace_with")}<input name="replacement" autocomplete="off" /></label>
        <label class="check"
          ><input
            type="checkbox"
            .checked=${this.matchCase}
            @change=${(event: Event) => (this.matchCase = (event.target as HTMLInputElement).checked)}
          />${t("studio.match_case")}</label
        >
        <button class="primary" ?disabled=${this.locked || !found}>${t("studio.replace_all", { count: found })}</button>
      </form>
      ${names.length && !this.job?.speech
        ? html`<div class="replace">
            ${names.map(
              (name) =>
                html`<label
                  >${t("studio.rename", { name })}<input
                    .value=${name}
                    ?disabled=${this.locked}
                    @change=${(event: Event) => this.rename(name, (event.target as HTMLInputElement).value.trim())}
                /></label>`,
            )}
          </div>`
        : nothing}`;
  }

  private rename(from: string, to: string): void {
    void this.run(this.editor.edit((segments) => renameSpeaker(segments, from, to)));
  }

  private renderSegments(job: Job) {
    const { segments } = this.editor;
    const pages = Math.max(1, Math.ceil(segments.length / PAGE));
    const page = Math.min(this.page, pages - 1);
    const now = segmentAt(segments, this.position);
    const shown = segments.slice(page * PAGE, (page + 1) * PAGE);
    if (!segments.length) return html`<p class="empty">${t("studio.no_segments")}</p>`;
    return html`<section
        class="card list-card"
        aria-label=${t("studio.lines")}
        @edit=${this.onEdit}
        @listen=${this.listen}
        @hear=${(event: CustomEvent<{ start: number; end: number }>) =>
          this.waveform?.play(event.detail.start, event.detail.end)}
      >
        ${repeat(
          shown,
          (segment) => segment.key,
          (segment) => this.renderRow(job, segment, segment.index === now),
        )}
      </section>
      ${pages > 1
        ? html`<div class="row" role="navigation" aria-label=${t("studio.lines")}>
            <button ?disabled=${!page} @click=${() => (this.page = page - 1)}>${t("studio.previous")}</button>
            <span class="small muted number"
              >${t("studio.page", { first: page * PAGE + 1, last: page * PAGE + shown.length, count: segments.length })}</span
            >
            <button ?disabled=${page === pages - 1} @click=${() => (this.page = page + 1)}>${t("studio.next")}</button>
          </div>`
        : nothing}`;
  }

  private renderRow(job: Job, segment: Segment, current: boolean) {
    const last = segment.index === this.editor.segments.length - 1;
    return job.speech
      ? html`<wc-speech-row
          .server=${this.server}
          .segment=${segment}
          .voices=${this.voices}
          ?timed=${/^(srt|vtt|ass)$/.test(job.speech.input)}
          ?current=${current}
          ?last=${last}
          ?locked=${this.locked}
        ></wc-speech-row>`
      : html`<wc-transcript-row
          .server=${this.server}
          .segment=${segment}
          .speakers=${speakersOf(this.editor.segments)}
          .position=${current ? this.position : -1}
          ?current=${current}
          ?last=${last}
          ?locked=${this.locked}
        ></wc-transcript-row>`;
  }
}

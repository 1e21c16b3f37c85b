// One request: a line with its stages to scale, and details below it.

import { mdiAccountVoice, mdiChevronDown, mdiEarHearing, mdiMicrophone, mdiTrashCanOutline } from "@mdi/js";
import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { formatSeconds, formatTime } from "../core/format";
import { t, tMaybe } from "../core/localize";
import type { Server } from "../core/server";
import { WcElement } from "../ui/element";
import "../ui/icon";
import { sharedStyles } from "../ui/styles";
import "./correction";
import { bars, diagnose, largestIdle, type Cure, type Diagnosis, type RequestEntry } from "./model";

const ICONS = { asr: mdiMicrophone, tts: mdiAccountVoice, wake: mdiEarHearing };

@customElement("wc-request-row")
export class WcRequestRow extends WcElement {
  static override styles = [
    sharedStyles,
    css`
      :host {
        border-top: 1px solid var(--wc-line);
      }
      :host(:first-child) {
        border-top: 0;
      }
      .head {
        display: grid;
        grid-template-columns: 24px minmax(0, 1fr) 190px 76px 24px;
        align-items: center;
        gap: 14px;
        width: 100%;
        min-height: 60px;
        padding: 10px 20px;
        border: 0;
        border-radius: 0;
        background: transparent;
        text-align: left;
        font-weight: 400;
        line-height: 1.4;
        white-space: normal;
      }
      .head > wc-icon {
        color: var(--wc-muted);
      }
      .head[aria-expanded="true"] > wc-icon:last-child {
        transform: rotate(180deg);
      }
      .seconds {
        text-align: right;
        font-variant-numeric: tabular-nums;
      }
      .text {
        font-size: 15px;
        overflow-wrap: anywhere;
      }
      .time {
        display: block;
        position: relative;
        height: 10px;
        border-radius: 5px;
        overflow: hidden;
        background: var(--wc-raised);
      }
      .time.large {
        height: 22px;
        border-radius: 6px;
      }
      .time i {
        position: absolute;
        top: 0;
        bottom: 0;
      }
      .stage {
        background: var(--wc-2);
      }
      .stage.speech {
        background: var(--wc-other);
      }
      .stage.queue {
        background: var(--wc-5);
      }
      .stage.load {
        background: var(--wc-4);
      }
      .stage.inference {
        background: var(--wc-1);
      }
      .stage.first_audio {
        background: var(--wc-3);
        opacity: 0.45;
      }
      .details {
        display: grid;
        gap: 16px;
        padding: 4px 20px 20px 58px;
      }
      .key {
        margin-top: 8px;
        display: flex;
        flex-wrap: wrap;
        gap: 4px 18px;
        font-size: 13px;
      }
      .key i {
        display: inline-block;
        width: 10px;
        height: 10px;
        margin-right: 6px;
        border-radius: 3px;
      }
      .forget {
        justify-self: start;
      }
      audio {
        width: min(420px, 100%);
        height: 40px;
      }
      .note {
        flex-wrap: wrap;
        align-items: center;
      }
      @media (max-width: 700px) {
        .head {
          grid-template-columns: 24px minmax(0, 1fr) auto 24px;
          padding: 10px 14px;
        }
        .head .time {
          display: none;
        }
        .details {
          padding: 4px 14px 18px;
        }
      }
    `,
  ];

  @property({ attribute: false }) server!: Server;
  @property({ attribute: false }) request!: RequestEntry;
  @property({ type: Boolean }) keepsText = false;
  @state() private open = false;
  @state() private audio: string | undefined;

  override render() {
    const { request } = this;
    const diagnosis = diagnose(request);
    return html`<button
        class="head"
        aria-expanded=${this.open ? "true" : "false"}
        @click=${this.toggle}
      >
        <wc-icon .path=${ICONS[request.kind]}></wc-icon>
        <span>
          <span class="text">${request.text ?? t(`kind.${request.kind}`)}</span>
          ${request.code
            ? html`<span class="chip ${request.code === "CANCELLED" ? "" : "error"}">${tMaybe("code", request.code)}</span>`
            : diagnosis
              ? html`<span class="chip warn">${t("requests.slow")}</span>`
              : nothing}
          <br /><span class="small muted"
            >${[formatTime(request.ended_at), request.model, request.client].filter(Boolean).join(" · ")}</span
          >
        </span>
        ${this.renderTime("")}
        <span class="seconds">${formatSeconds(request.seconds)}</span>
        <wc-icon .path=${mdiChevronDown}></wc-icon>
      </button>
      ${this.open ? this.renderDetails(diagnosis) : nothing}`;
  }

  private async toggle(): Promise<void> {
    this.open = !this.open;
    const path = this.request.audio;
    if (this.open && path) this.audio ??= await this.run(this.server.connection.media(path));
  }

  private renderTime(size: string) {
    return html`<span class="time ${size}"
      >${bars(this.request.stages).map(
        (bar) =>
          html`<i
            class="stage ${bar.stage}"
            title="${tMaybe("stage", bar.stage)}: ${formatSeconds(bar.end - bar.start)}"
            .style=${`left: ${bar.left}%; width: ${bar.width}%`}
          ></i>`,
      )}</span
    >`;
  }

  private renderDetails(diagnosis: Diagnosis | undefined) {
    const { request } = this;
    return html`<div class="details">
      ${diagnosis ? this.renderDiagnosis(diagnosis) : nothing}
      ${request.stages.length
        ? html`<div>
            ${this.renderTime("large")}
            <ul class="key" aria-label=${t("requests.stages")}>
              ${request.stages.map(
                (one) =>
                  html`<li>
                    <i class="stage ${one.stage}"></i>${tMaybe("stage", one.stage)}
                    <span class="muted number">${formatSeconds(one.end - one.start)}</span>
                  </li>`,
              )}
            </ul>
          </div>`
        : nothing}
      ${request.audio
        ? html`<audio
            controls
            preload="none"
            src=${this.audio ?? nothing}
            aria-label=${t("requests.audio")}
          ></audio>`
        : nothing}
      ${request.text !== null || request.audio
        ? html`<button class="quiet danger forget" @click=${this.forget}>
            <wc-icon .path=${mdiTrashCanOutline}></wc-icon>${t("requests.forget_one")}
          </button>`
        : nothing}
      ${request.text === null && !request.audio
        ? html`<p class="small muted">${t(this.keepsText ? "requests.text_gone" : "requests.text_off")}</p>`
        : html`<wc-correction .server=${this.server} .request=${request}></wc-correction>`}
    </div>`;
  }

  /** Delete text and audio of this request; the times of its stages stay. */
  private async forget(): Promise<void> {
    const forgotten = this.server.connection.request("DELETE", `/requests/${this.request.id}`);
    await this.run(forgotten, t("requests.forgotten"));
    this.dispatchEvent(new CustomEvent("changed"));
  }

  private renderDiagnosis(diagnosis: Diagnosis) {
    const { request } = this;
    const idle = largestIdle(this.server.snapshot);
    return html`<div class="note ${request.code ? "error" : "warn"}">
      <span class="grow">
        ${t(`cause.${diagnosis.cause}`, { time: formatSeconds(diagnosis.seconds), model: request.model })}
        ${request.message}
      </span>
      ${diagnosis.cures
        .filter((cure) => cure !== "unload_idle" || idle)
        .map(
          (cure) =>
            html`<button @click=${() => this.cure(cure, idle)}>
              ${t(`cure.${cure}`, { model: cure === "unload_idle" ? (idle ?? "") : request.model })}
            </button>`,
        )}
    </div>`;
  }

  private async cure(cure: Cure, idle: string | undefined): Promise<void> {
    const connection = this.server.connection;
    const model = this.request.model;
    switch (cure) {
      case "keep_loaded":
        await this.run(
          connection.request("PATCH", "/config", { models: { [model]: { pinned: true } } }),
          t("machine.pinned", { model }),
        );
        break;
      case "unload_idle":
        if (idle) await this.run(connection.request("POST", `/models/${idle}/unload`));
        break;
      case "memory":
        location.hash = "#/machine";
        break;
      case "install":
        location.hash = "#/voices";
        break;
      case "settings":
        location.hash = "#/machine/settings";
        break;
      case "log":
        location.hash = "#/machine/log";
        break;
    }
  }
}

// The installed models: state, memory, and loading and unloading.

import {
  mdiAccountOutline,
  mdiAccountVoice,
  mdiChatProcessingOutline,
  mdiEarHearing,
  mdiMicrophone,
  mdiPin,
  mdiPinOutline,
  mdiRefresh,
} from "@mdi/js";
import { css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { formatAgo, formatBytes, formatPercent, formatSeconds } from "../core/format";
import { t, tMaybe } from "../core/localize";
import { ServerController, type Server } from "../core/server";
import type { Model } from "../core/types";
import { WcElement } from "../ui/element";
import "../ui/icon";
import { sharedStyles } from "../ui/styles";

const ICONS = {
  asr: mdiMicrophone,
  tts: mdiAccountVoice,
  wake: mdiEarHearing,
  turn: mdiChatProcessingOutline,
  speaker: mdiAccountOutline,
};

const CHIPS: Record<string, string> = {
  ready: "ok",
  failed: "error",
  unfit: "error",
  waiting_for_gpu: "warn",
  loading: "accent",
  downloading: "accent",
  unloading: "accent",
};

@customElement("wc-model-list")
export class WcModelList extends WcElement {
  static override styles = [
    sharedStyles,
    css`
      li.model {
        display: grid;
        grid-template-columns: 24px minmax(0, 1fr) auto;
        align-items: center;
        gap: 4px 14px;
      }
      .model > wc-icon {
        color: var(--wc-muted);
      }
      .name {
        font-weight: 500;
        overflow-wrap: anywhere;
      }
      .detail {
        grid-column: 2 / -1;
        max-width: 80ch;
      }
      .actions {
        display: flex;
        gap: 6px;
        align-items: center;
      }
      .actions button.icon {
        color: var(--wc-muted);
      }
      .actions button[aria-pressed="true"] {
        color: var(--wc-accent);
      }
      progress {
        max-width: 320px;
        margin-top: 4px;
      }
      @media (max-width: 560px) {
        li.model {
          grid-template-columns: 24px minmax(0, 1fr);
        }
        .actions {
          grid-column: 2;
        }
      }
    `,
  ];

  @property({ attribute: false }) server!: Server;
  protected readonly controller = new ServerController(this);

  private async change(model: Model, action: "load" | "unload"): Promise<void> {
    await this.run(this.server.connection.request("POST", `/models/${model.id}/${action}`));
    this.server.renewSoon(0);
  }

  private async pin(model: Model): Promise<void> {
    const patch = { models: { [model.id]: { pinned: model.pinned ? null : true } } };
    await this.run(
      this.server.connection.request("PATCH", "/config", patch),
      model.pinned ? t("machine.unpinned", { model: model.id }) : t("machine.pinned", { model: model.id }),
    );
    this.server.renewSoon(0);
  }

  override render() {
    const models = [...(this.server.snapshot?.models ?? [])].sort(compareModels);
    return html`<section class="card" aria-labelledby="title">
      <h2 id="title">${t("machine.models")}</h2>
      <ul class="list">
        ${models.map((model) => this.renderModel(model))}
      </ul>
      ${models.length ? nothing : html`<p class="empty">${t("machine.no_models")}</p>`}
    </section>`;
  }

  private renderModel(model: Model) {
    const loaded = ["ready", "loading", "unloading"].includes(model.state);
    const waits = model.state === "waiting_for_gpu";
    return html`<li class="model">
      <wc-icon .path=${ICONS[model.kind]}></wc-icon>
      <div class="row">
        <span class="name">${model.id}</span>
        <span class="chip ${CHIPS[model.state] ?? ""}">${tMaybe("state", model.state)}</span>
        ${model.active_requests
          ? html`<span class="chip accent">${t("machine.in_use", { count: model.active_requests })}</span>`
          : nothing}
      </div>
      ${this.server.canOperate
        ? html`<div class="actions">
            <button
              class="icon quiet"
              aria-pressed=${model.pinned ? "true" : "false"}
              title=${model.pinned ? t("machine.unpin") : t("machine.pin")}
              aria-label="${model.pinned ? t("machine.unpin") : t("machine.pin")}: ${model.id}"
              @click=${() => this.pin(model)}
            >
              <wc-icon .path=${model.pinned ? mdiPin : mdiPinOutline}></wc-icon>
            </button>
            <button
              ?disabled=${model.state === "unloading"}
              aria-label="${loaded || waits ? t("machine.unload") : t("machine.load_model")}: ${model.id}"
              @click=${() => this.change(model, loaded || waits ? "unload" : "load")}
            >
              ${model.state === "failed" ? html`<wc-icon .path=${mdiRefresh}></wc-icon>` : nothing}
              ${loaded || waits ? t("machine.unload") : t("machine.load_model")}
            </button>
          </div>`
        : nothing}
      <div class="detail small muted">
        ${this.renderDetail(model)}
        ${model.progress && model.state !== "ready"
          ? html`<progress
              max="100"
              .value=${Math.max(0, model.progress.percent)}
              aria-label=${tMaybe("phase", model.progress.phase)}
            ></progress>`
          : nothing}
      </div>
    </li>`;
  }

  private renderDetail(model: Model) {
    switch (model.state) {
      case "waiting_for_gpu":
        return html`${t("machine.waits", {
          needed: formatBytes(model.waiting?.needed_bytes ?? model.memory_bytes),
          free: formatBytes(model.waiting?.free_bytes ?? 0),
          device: model.device,
        })}
        ${model.waiting?.held_by.length
          ? t("machine.held_by", {
              holders: model.waiting.held_by
                .slice(0, HOLDERS)
                .map((holder) => `${holder.name} (${formatBytes(holder.bytes)})`)
                .join(", "),
            })
          : nothing}`;
      case "unfit":
        return html`<span class="error-text"
          >${t("machine.unfit", {
            needed: formatBytes(model.unfit?.needed_bytes ?? model.memory_bytes),
            budget: formatBytes(model.unfit?.budget_bytes ?? 0),
            device: model.device,
          })}</span
        >`;
      case "failed":
        return html`<span class="error-text">${model.error?.message ?? ""}</span>
          ${model.error?.detail ?? ""}
          ${model.error?.retry_in_secs === undefined
            ? nothing
            : t("machine.retry_in", { time: formatSeconds(model.error.retry_in_secs) })}`;
      case "loading":
      case "downloading":
        return progressText(model);
    }
    const facts = [
      model.device,
      model.compute_type === "auto" || model.compute_type === "default" ? "" : model.compute_type,
      model.state === "ready" ? formatBytes(model.memory_bytes) : t("machine.needs", { bytes: formatBytes(model.memory_bytes) }),
      model.last_used ? t("machine.used", { time: formatAgo(model.last_used) }) : "",
      model.requests ? t("machine.requests", { count: model.requests }) : "",
      model.unload_in_secs === undefined || model.unload_in_secs > 86_400
        ? ""
        : t("machine.unloads_in", { time: formatSeconds(model.unload_in_secs) }),
    ];
    return html`${facts.filter(Boolean).join(" · ")}
    ${model.fallback_reason ? html`<br />${model.fallback_reason}` : nothing}`;
  }
}

/** Shown holders of memory; the list of the overview has all of them. */
const HOLDERS = 3;

/** Return what a download or a load does, and how far it is. */
export function progressText(model: Model): string {
  const progress = model.progress;
  if (!progress) return t("machine.starting");
  const done = progress.total_bytes
    ? `${formatBytes(progress.done_bytes ?? 0)} / ${formatBytes(progress.total_bytes)}`
    : progress.percent >= 0
      ? formatPercent(progress.percent / 100)
      : "";
  return [tMaybe("phase", progress.phase), done].filter(Boolean).join(" · ");
}

const KINDS = ["asr", "tts", "wake"];

/** Models in memory first, then by kind and name. */
function compareModels(a: Model, b: Model): number {
  return (
    Number(a.state === "unloaded") - Number(b.state === "unloaded") ||
    KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) ||
    a.id.localeCompare(b.id)
  );
}

// Devices with their memory to scale, models, and graphs of the last hour.

import { css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { formatBytes, formatPercent, formatSeconds } from "../core/format";
import { t } from "../core/localize";
import { ServerController, type Server } from "../core/server";
import type { Device } from "../core/types";
import { ask } from "../ui/dialog";
import { WcElement } from "../ui/element";
import { sharedStyles } from "../ui/styles";
import "./graphs";
import { evictable, segments, type Segment } from "./memory";
import "./model-list";

@customElement("wc-overview")
export class WcOverview extends WcElement {
  static override styles = [
    sharedStyles,
    css`
      .devices {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr));
        gap: 16px;
      }
      .bar {
        display: flex;
        gap: 2px;
        height: 26px;
        margin: 14px 0 12px;
        border-radius: 8px;
        overflow: hidden;
        background: var(--wc-raised);
      }
      .bar span {
        min-width: 2px;
      }
      .model-1 {
        background: var(--wc-1);
      }
      .model-2 {
        background: var(--wc-2);
      }
      .model-3 {
        background: var(--wc-3);
      }
      .model-4 {
        background: var(--wc-4);
      }
      .model-5 {
        background: var(--wc-5);
      }
      .model-6 {
        background: var(--wc-6);
      }
      .reserved {
        background: repeating-linear-gradient(
          45deg,
          var(--wc-accent) 0 4px,
          var(--wc-soft) 4px 8px
        );
      }
      .other {
        background: var(--wc-other);
      }
      .free {
        background: var(--wc-raised);
      }
      .key {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(190px, 1fr));
        gap: 4px 20px;
        font-size: 13.5px;
      }
      .key li {
        display: flex;
        align-items: center;
        gap: 8px;
        min-width: 0;
      }
      .key i {
        width: 10px;
        height: 10px;
        flex: none;
        border-radius: 3px;
      }
      .key .free {
        border: 1px solid var(--wc-line);
      }
      .key span:last-child {
        margin-left: auto;
        white-space: nowrap;
      }
      .evict {
        margin-top: 12px;
        padding-top: 12px;
        border-top: 1px solid var(--wc-line);
      }
      .reasons {
        display: block;
        margin-top: 14px;
      }
    `,
  ];

  @property({ attribute: false }) server!: Server;
  protected readonly controller = new ServerController(this);

  private async setAccepting(accepting: boolean): Promise<void> {
    await this.run(this.server.connection.request("POST", accepting ? "/resume" : "/pause"));
    this.server.renewSoon(0);
  }

  private async restart(): Promise<void> {
    const yes = await ask({
      title: t("machine.restart_title"),
      text: t("machine.restart_text"),
      confirm: t("machine.restart"),
    });
    if (!yes) return;
    await this.run(
      this.server.connection.request("POST", "/restart"),
      t("machine.restarting"),
    );
  }

  override render() {
    const snapshot = this.server.snapshot;
    if (!snapshot) return nothing;
    const { health, queue } = snapshot;
    const operates = this.server.canOperate;
    return html`<div class="stack">
      <section class="card">
        <div class="spread">
          <div class="row">
            ${health.accepting
              ? html`<span class="chip ${health.ready ? "ok" : "warn"}"
                  >${health.ready ? t("machine.ready") : t("machine.not_ready")}</span
                >`
              : html`<span class="chip warn">${t("machine.paused")}</span>`}
            <span class="muted"
              >${t("machine.running_for", { time: formatSeconds(health.uptime_secs) })}</span
            >
            <span class="muted">
              ${t("machine.load", { active: queue.active_requests, waiting: queue.waiting_requests })}
            </span>
          </div>
          ${operates
            ? html`<div class="row">
                <button @click=${() => this.setAccepting(!health.accepting)}>
                  ${health.accepting ? t("machine.pause") : t("machine.resume")}
                </button>
                ${this.server.has("restart")
                  ? html`<button @click=${this.restart}>${t("machine.restart")}</button>`
                  : nothing}
              </div>`
            : nothing}
        </div>
        ${health.reasons.length
          ? html`<ul class="note warn reasons">
              ${health.reasons.map((reason) => html`<li>${reason}</li>`)}
            </ul>`
          : nothing}
      </section>
      <div class="devices">${snapshot.devices.map((device) => this.renderDevice(device))}</div>
      <wc-model-list .server=${this.server}></wc-model-list>
      <wc-graphs .server=${this.server}></wc-graphs>
    </div>`;
  }

  private renderDevice(device: Device) {
    const models = this.server.snapshot?.models ?? [];
    const parts = segments(device, models);
    const idle = evictable(device.device, models);
    const facts = [
      device.utilisation == null ? "" : t("machine.utilization", { value: formatPercent(device.utilisation) }),
      device.temperature == null ? "" : `${Math.round(device.temperature)} °C`,
      device.power == null ? "" : `${Math.round(device.power)} W`,
    ].filter(Boolean);
    return html`<section class="card" aria-label=${device.name}>
      <div class="spread">
        <h2>${device.name}</h2>
        ${device.present
          ? nothing
          : html`<span class="chip error">${t("machine.device_absent")}</span>`}
        ${device.pressure === "normal"
          ? nothing
          : html`<span class="chip ${device.pressure === "critical" ? "error" : "warn"}"
              >${t(device.pressure === "critical" ? "machine.pressure_critical" : "machine.pressure_warning")}</span
            >`}
      </div>
      <p class="muted small">
        ${[
          t("machine.free_of", {
            free: formatBytes(device.free_bytes),
            total: formatBytes(device.total_bytes),
          }),
          t("machine.budget", { budget: formatBytes(device.budget_bytes) }),
          ...facts,
        ].join(" · ")}
      </p>
      <div class="bar" role="img" aria-label=${t("machine.memory_of", { device: device.name })}>
        ${parts.map(
          (part) =>
            html`<span
              class=${partClass(part)}
              title="${partName(part)}: ${formatBytes(part.bytes)}"
              .style=${`flex: ${part.bytes} 0 0`}
            ></span>`,
        )}
      </div>
      <ul class="key">
        ${parts.map(
          (part) =>
            html`<li>
              <i class=${partClass(part)}></i><span class="clip">${partName(part)}</span>
              <span class="number muted">${formatBytes(part.bytes)}</span>
            </li>`,
        )}
      </ul>
      ${idle.length
        ? html`<p class="evict small muted">
            ${t("machine.evictable", { models: idle.map((model) => model.id).join(", ") })}
          </p>`
        : nothing}
    </section>`;
  }
}

function partClass(part: Segment): string {
  return part.kind === "model" ? `model-${part.color}` : part.kind;
}

function partName(part: Segment): string {
  return part.kind === "model" ? part.name : t(`machine.memory_${part.kind}`);
}

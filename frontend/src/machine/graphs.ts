// Memory, load and response times of the last hour.

import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { formatBytes, formatNumber, formatPercent, formatSeconds } from "../core/format";
import { t } from "../core/localize";
import { ServerController, type Server } from "../core/server";
import type { Sample, Trace } from "../core/types";
import "../ui/chart";
import { WcElement } from "../ui/element";
import { sharedStyles } from "../ui/styles";

const RENEW_MS = 10_000;
const HOUR_S = 3_600;
const COLORS = 6;

@customElement("wc-graphs")
export class WcGraphs extends WcElement {
  static override styles = [
    sharedStyles,
    css`
      .graphs {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr));
        gap: 16px;
      }
      h2 {
        margin-bottom: 8px;
      }
    `,
  ];

  @property({ attribute: false }) server!: Server;
  @state() private samples: Sample[] = [];
  @state() private traces: Trace[] = [];
  protected readonly controller = new ServerController(this);
  private timer = 0;

  override connectedCallback(): void {
    super.connectedCallback();
    void this.read();
    this.timer = window.setInterval(() => {
      if (!document.hidden) void this.read();
    }, RENEW_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.clearInterval(this.timer);
  }

  private async read(): Promise<void> {
    try {
      const [history, traces] = await Promise.all([
        this.server.connection.request<{ samples: Sample[] }>("GET", "/history"),
        this.server.connection.request<{ traces: Trace[] }>("GET", "/traces?limit=500"),
      ]);
      this.samples = history.samples;
      this.traces = traces.traces;
    } catch {
      // The next reading follows soon; the page says by itself when the server is unreachable.
    }
  }

  override render() {
    if (this.samples.length < 2) return nothing;
    const times = this.samples.map((sample) => sample.at);
    const devices = this.server.snapshot?.devices ?? [];
    return html`<div class="graphs">
      ${devices
        .filter((device) => device.present)
        .map((device) => {
          const values = this.samples.map((sample) => sample.devices[device.device]);
          return html`<section class="card">
            <h2>${t("machine.memory_of", { device: device.name })}</h2>
            <wc-chart
              .label=${t("machine.memory_of", { device: device.name })}
              .times=${times}
              .format=${formatBytes}
              .maximum=${device.total_bytes}
              .series=${[
                {
                  label: t("machine.memory_all"),
                  color: "--wc-other",
                  values: values.map((value) => value?.used_bytes ?? null),
                  fill: true,
                },
                {
                  label: t("machine.models"),
                  color: "--wc-1",
                  values: values.map((value) => value?.model_bytes ?? null),
                  fill: true,
                },
              ]}
            ></wc-chart>
          </section>`;
        })}
      ${this.renderUtilization(times)}
      <section class="card">
        <h2>${t("machine.load_graph")}</h2>
        <wc-chart
          .label=${t("machine.load_graph")}
          .times=${times}
          .format=${(value: number) => (Number.isInteger(value) ? formatNumber(value) : "")}
          .series=${[
            {
              label: t("machine.active"),
              color: "--wc-1",
              values: this.samples.map((sample) => sample.active_requests),
            },
            {
              label: t("machine.waiting"),
              color: "--wc-5",
              values: this.samples.map((sample) => sample.queue_depth),
            },
          ]}
        ></wc-chart>
      </section>
      ${this.renderLatency()}
    </div>`;
  }

  /** Devices that report how busy they are: GPUs. */
  private renderUtilization(times: number[]) {
    const devices = (this.server.snapshot?.devices ?? []).filter((device) =>
      this.samples.some((sample) => sample.devices[device.device]?.utilisation != null),
    );
    if (!devices.length) return nothing;
    return html`<section class="card">
      <h2>${t("machine.utilization_graph")}</h2>
      <wc-chart
        .label=${t("machine.utilization_graph")}
        .times=${times}
        .format=${formatPercent}
        .maximum=${1}
        .series=${devices.map((device, index) => ({
          label: device.name,
          color: `--wc-${(index % COLORS) + 1}`,
          values: this.samples.map((sample) => sample.devices[device.device]?.utilisation ?? null),
        }))}
      ></wc-chart>
    </section>`;
  }

  private renderLatency() {
    const since = Date.now() / 1_000 - HOUR_S;
    const recent = this.traces
      .map((trace) => ({ ...trace, at: new Date(trace.ended_at).getTime() / 1_000 }))
      .filter((trace) => trace.at >= since && !trace.code && trace.kind !== "wake")
      .reverse();
    if (!recent.length) return nothing;
    const kinds = [
      { kind: "asr", label: t("kind.asr"), color: "--wc-1" },
      { kind: "tts", label: t("machine.first_audio"), color: "--wc-4" },
    ];
    return html`<section class="card">
      <h2>${t("machine.latency")}</h2>
      <wc-chart
        .label=${t("machine.latency")}
        .times=${recent.map((trace) => trace.at)}
        .format=${formatSeconds}
        .series=${kinds.map(({ kind, label, color }) => ({
          label,
          color,
          points: true,
          values: recent.map((trace) =>
            trace.kind === kind
              ? ((kind === "tts" ? trace.stages["first_audio"] : undefined) ?? trace.seconds)
              : null,
          ),
        }))}
      ></wc-chart>
    </section>`;
  }
}

// A line chart over time.

import { css, html, unsafeCSS } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import uPlot from "uplot";
import uplotCss from "uplot/dist/uPlot.min.css?inline";
import { timeOptions } from "../core/format";
import { language } from "../core/localize";
import { WcElement } from "./element";
import { sharedStyles } from "./styles";

export interface Series {
  label: string;
  /** Name of a color, such as `--wc-1`. */
  color: string;
  values: (number | null)[];
  fill?: boolean;
  /** Draw single points and no line. */
  points?: boolean;
}

const HEIGHT = 170;

@customElement("wc-chart")
export class WcChart extends WcElement {
  static override styles = [
    sharedStyles,
    unsafeCSS(uplotCss),
    css`
      .plot {
        min-height: ${HEIGHT}px;
      }
      .legend {
        display: flex;
        flex-wrap: wrap;
        gap: 4px 16px;
        margin-top: 6px;
        font-size: 13px;
        color: var(--wc-muted);
      }
      .legend i {
        display: inline-block;
        width: 10px;
        height: 10px;
        margin-right: 6px;
        border-radius: 3px;
      }
    `,
  ];

  @property() label = "";
  @property({ attribute: false }) times: number[] = [];
  @property({ attribute: false }) series: Series[] = [];
  @property({ attribute: false }) format: (value: number) => string = String;
  @property({ type: Number }) maximum: number | undefined;
  @query(".plot") private plot!: HTMLElement;
  private chart: uPlot | undefined;
  private made = "";
  private observer = new ResizeObserver(() => this.resize());
  private onTheme = (): void => {
    this.made = "";
    this.requestUpdate();
  };
  private scheme = window.matchMedia("(prefers-color-scheme: dark)");

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener("wc-theme", this.onTheme);
    this.scheme.addEventListener("change", this.onTheme);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener("wc-theme", this.onTheme);
    this.scheme.removeEventListener("change", this.onTheme);
    this.observer.disconnect();
    this.chart?.destroy();
    this.chart = undefined;
    this.made = "";
  }

  private resize(): void {
    this.chart?.setSize({ width: this.plot.clientWidth || 300, height: HEIGHT });
  }

  /** Canvas knows no `var()` and no `light-dark()`. */
  private color(name: string): string {
    const probe = document.createElement("i");
    probe.style.color = `var(${name})`;
    this.plot.append(probe);
    const color = getComputedStyle(probe).color;
    probe.remove();
    return color;
  }

  override updated(): void {
    const shape = JSON.stringify(this.series.map(({ label, color }) => [label, color]));
    const data = [this.times, ...this.series.map((one) => one.values)] as uPlot.AlignedData;
    if (this.chart && shape === this.made) {
      this.chart.setData(data);
      return;
    }
    this.made = shape;
    this.chart?.destroy();
    const axis = { stroke: this.color("--wc-muted"), grid: { stroke: this.color("--wc-line"), width: 1 }, ticks: { show: false }, font: "12px sans-serif" };
    const time = new Intl.DateTimeFormat(language(), { hour: "2-digit", minute: "2-digit", ...timeOptions() });
    this.chart = new uPlot(
      {
        width: this.plot.clientWidth || 300,
        height: HEIGHT,
        padding: [8, 8, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false } },
        scales: { y: { range: (_, __, max) => [0, this.maximum ?? Math.max(max || 0, 1e-9) * 1.1] } },
        axes: [
          { ...axis, size: 30, values: (_, ticks) => ticks.map((tick) => time.format(tick * 1_000)) },
          { ...axis, size: 64, values: (_, ticks) => ticks.map((tick) => this.format(tick)) },
        ],
        series: [
          {},
          ...this.series.map((one) => {
            const stroke = this.color(one.color);
            return {
              label: one.label,
              stroke,
              width: 2,
              points: { show: one.points ?? false, size: 6, fill: stroke },
              ...(one.points ? { paths: () => null } : {}),
              ...(one.fill ? { fill: stroke.replace("rgb(", "rgba(").replace(")", ", 0.14)") } : {}),
            };
          }),
        ],
      },
      data,
      this.plot,
    );
    this.observer.observe(this.plot);
  }

  override render() {
    return html`<div class="plot" role="img" aria-label=${this.label}></div>
      ${this.series.length > 1
        ? html`<div class="legend">
            ${this.series.map(
              (one) =>
                html`<span><i .style=${`background: var(${one.color})`}></i>${one.label}</span>`,
            )}
          </div>`
        : ""}`;
  }
}

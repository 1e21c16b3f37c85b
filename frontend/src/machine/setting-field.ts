// One setting: its meaning, its value and how a change applies.

import { css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { t, tMaybe } from "../core/localize";
import { WcElement } from "../ui/element";
import { sharedStyles } from "../ui/styles";
import { fromText, mapPatch, toText, type Setting } from "./settings-model";

@customElement("wc-setting-field")
export class WcSettingField extends WcElement {
  static override styles = [
    sharedStyles,
    css`
      .field {
        display: grid;
        grid-template-columns: minmax(0, 1fr) minmax(220px, 300px);
        gap: 4px 24px;
        padding: 14px 0;
        border-top: 1px solid var(--wc-line);
      }
      .path {
        font-weight: 500;
        overflow-wrap: anywhere;
      }
      .control {
        display: grid;
        gap: 6px;
        align-content: start;
      }
      .control input:not([type="checkbox"]),
      .control select,
      .control textarea {
        width: 100%;
      }
      .control .row {
        justify-content: flex-end;
        gap: 6px;
      }
      .control .row.start {
        justify-content: flex-start;
      }
      button {
        min-height: 28px;
        padding: 0 8px;
        font-size: 13px;
      }
      label.switch {
        display: flex;
        align-items: center;
        gap: 10px;
        min-height: 38px;
      }
      @media (max-width: 700px) {
        .field {
          grid-template-columns: minmax(0, 1fr);
        }
        .control .row {
          justify-content: flex-start;
        }
      }
    `,
  ];

  @property({ attribute: false }) setting!: Setting;
  @property({ attribute: false }) value: unknown;
  @property({ attribute: false }) effective: unknown;
  @property() source = "default";
  @property({ type: Boolean }) pending = false;
  @property() error = "";
  @property({ type: Boolean }) locked = false;
  @property({ type: Boolean }) busy = false;
  @property({ attribute: false }) suggestions: string[] = [];

  private save(value: unknown): void {
    this.dispatchEvent(new CustomEvent("save", { detail: value }));
  }

  private onChange(event: Event): void {
    const text = (event.target as HTMLInputElement).value;
    const { key, isMap } = this.setting;
    if (text === this.text) return;
    const value = fromText(key, isMap, text);
    this.save(isMap ? mapPatch(this.value, value as Record<string, unknown>) : value);
  }

  private get text(): string {
    return toText(this.setting.key.kind, this.value);
  }

  override render() {
    const { key, path } = this.setting;
    const limits = [
      key.minimum === null ? "" : `≥ ${toText(key.kind, key.minimum)}`,
      key.maximum === null ? "" : `≤ ${toText(key.kind, key.maximum)}`,
    ].filter(Boolean);
    const fallback = toText(key.kind, key.default).replace(/\n/g, ", ");
    const facts = [
      this.setting.isMap ? t("settings.map_help") : tMaybe("settings.kind", key.kind),
      limits.join(", "),
      this.setting.isMap ? "" : t("settings.default", { value: fallback || "–" }),
      tMaybe("settings.applies", key.applies),
    ];
    return html`<div class="field">
      <div>
        <p class="path mono">${path.join(".")}</p>
        <p class="small" id="description">${key.description}</p>
        <p class="small muted">${facts.filter(Boolean).join(" · ")}</p>
      </div>
      <div class="control">
        ${this.renderInput()}
        ${this.error ? html`<p class="small error-text" role="alert">${this.error}</p>` : nothing}
        <div class="row">
          ${this.busy ? html`<span class="small muted">${t("settings.saving")}</span>` : nothing}
          ${this.locked ? html`<span class="chip">${t("settings.locked")}</span>` : nothing}
          ${this.pending
            ? html`<span class="chip warn"
                >${t("settings.pending", { value: toText(key.kind, this.effective) || "–" })}</span
              >`
            : nothing}
          ${this.source === "default" || this.source === "overrides"
            ? nothing
            : html`<span class="chip">${tMaybe("source", this.source.replace(" ", "_"))}</span>`}
          ${this.source === "overrides" && !this.locked
            ? html`<button class="quiet" @click=${() => this.save(null)}>${t("settings.reset")}</button>`
            : nothing}
        </div>
      </div>
    </div>`;
  }

  private renderInput() {
    const { key, isMap } = this.setting;
    const label = this.setting.path.join(".");
    const disabled = this.locked || this.busy;
    if (key.kind === "boolean" && !isMap && !key.nullable) {
      return html`<label class="switch">
        <input
          type="checkbox"
          aria-label=${label}
          aria-describedby="description"
          .checked=${live(this.value === true)}
          ?disabled=${disabled}
          @change=${(event: Event) => this.save((event.target as HTMLInputElement).checked)}
        />
        ${this.value === true ? t("settings.on") : t("settings.off")}
      </label>`;
    }
    if ((key.kind === "choice" || key.kind === "boolean") && !isMap) {
      const choices = key.kind === "boolean" ? ["true", "false"] : key.choices;
      return html`<select
        aria-label=${label}
        aria-describedby="description"
        ?disabled=${disabled}
        @change=${(event: Event) => this.onSelect((event.target as HTMLSelectElement).value)}
      >
        ${key.nullable ? html`<option value="" ?selected=${this.text === ""}>–</option>` : nothing}
        ${choices.map(
          (choice) =>
            html`<option value=${choice} ?selected=${choice === this.text}>${choice}</option>`,
        )}
      </select>`;
    }
    if (isMap || key.kind === "list" || key.kind === "preload") {
      return html`<textarea
        rows=${Math.min(8, this.text.split("\n").length + 1)}
        aria-label=${label}
        aria-describedby="description"
        spellcheck="false"
        .value=${live(this.text)}
        ?disabled=${disabled}
        @change=${this.onChange}
      ></textarea>`;
    }
    const options = this.suggestions.length ? this.suggestions : key.kind === "text" ? key.choices : [];
    return html`<input
        type="text"
        inputmode=${key.kind === "integer" || key.kind === "number" ? "decimal" : "text"}
        list=${options.length ? "options" : nothing}
        aria-label=${label}
        aria-describedby="description"
        autocomplete="off"
        spellcheck="false"
        .value=${this.text}
        ?disabled=${disabled}
        @change=${this.onChange}
      />
      ${options.length
        ? html`<datalist id="options">${options.map((one) => html`<option value=${one}></option>`)}</datalist>`
        : nothing}`;
  }

  private onSelect(text: string): void {
    if (text === "") this.save(null);
    else this.save(this.setting.key.kind === "boolean" ? text === "true" : text);
  }
}

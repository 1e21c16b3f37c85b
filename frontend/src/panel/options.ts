// The options of the integration: the form that Home Assistant shows for an integration without a panel.

import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { WcElement } from "../ui/element";
import { sharedStyles } from "../ui/styles";
import { toast } from "../ui/toasts";
import { textOf, type Hass } from "./hass";
import { p } from "./strings";

interface Field {
  name: string;
  default?: unknown;
  description?: { suggested_value?: unknown };
  selector?: Record<string, unknown>;
}

interface Step {
  flow_id: string;
  type: string;
  step_id: string;
  data_schema: Field[];
}

const FLOWS = "config/config_entries/options/flow";

@customElement("wc-options")
export class WcOptions extends WcElement {
  static override styles = [
    sharedStyles,
    css`
      .fields {
        display: grid;
        gap: 14px;
        margin: 14px 0;
      }
      label {
        display: grid;
        grid-template-columns: 28px minmax(0, 1fr);
      }
    `,
  ];

  @property({ attribute: false }) hass!: Hass;
  @property() entryId = "";
  @state() private step: Step | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    void this.start();
  }

  private async start(): Promise<void> {
    try {
      await this.hass.loadBackendTranslation("options", "wyoming_conductor");
      this.step = await this.hass.callApi<Step>("POST", FLOWS, { handler: this.entryId });
    } catch (error) {
      toast(textOf(error), "error");
    }
  }

  private async save(event: Event): Promise<void> {
    event.preventDefault();
    if (!this.step) return;
    const inputs = this.renderRoot.querySelectorAll<HTMLInputElement>("input");
    const values = Object.fromEntries([...inputs].map((input) => [input.name, input.checked]));
    try {
      await this.hass.callApi("POST", `${FLOWS}/${this.step.flow_id}`, values);
      toast(p("options.saved"));
    } catch (error) {
      toast(textOf(error), "error");
    }
    await this.start();
  }

  override render() {
    const fields = this.step?.data_schema.filter((field) => field.selector && "boolean" in field.selector) ?? [];
    if (!this.step || !fields.length) return nothing;
    return html`<section class="card">
      <h2>${p("options")}</h2>
      <form @submit=${this.save}>
        <div class="fields">
          ${fields.map(
            (field) =>
              html`<label>
                <input
                  type="checkbox"
                  name=${field.name}
                  .checked=${Boolean(field.description?.suggested_value ?? field.default)}
                />
                <span
                  >${this.text("data", field.name)}
                  <span class="small muted"><br />${this.text("data_description", field.name)}</span></span
                >
              </label>`,
          )}
        </div>
        <button class="primary">${p("save")}</button>
      </form>
    </section>`;
  }

  private text(kind: string, name: string): string {
    const step = this.step?.step_id ?? "init";
    return this.hass.localize(`component.wyoming_conductor.options.step.${step}.${kind}.${name}`);
  }
}

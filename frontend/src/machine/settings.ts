// All settings, by the schema of the server.

import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { t, type Key } from "../core/localize";
import { ServerController, type Server } from "../core/server";
import type { Config, ConfigChange, ConfigSchema } from "../core/types";
import { errorText, WcElement } from "../ui/element";
import { sharedStyles } from "../ui/styles";
import { toast } from "../ui/toasts";
import "./setting-field";
import { groupSettings, matches, patchOf, sourceOf, valueAt, type Group, type Setting } from "./settings-model";

const PARENTS: { parent: string; title?: Key }[] = [
  { parent: "" },
  { parent: "models", title: "settings.models" },
  { parent: "wake.word_settings", title: "settings.wake_words" },
];

@customElement("wc-settings")
export class WcSettings extends WcElement {
  static override styles = [
    sharedStyles,
    css`
      .search {
        width: 100%;
      }
      .card {
        padding: 4px 0;
      }
      h2 {
        margin: 8px 4px -4px;
      }
      details + details {
        border-top: 1px solid var(--wc-line);
      }
      summary {
        display: flex;
        align-items: baseline;
        gap: 12px;
        padding: 13px 20px;
        border-radius: 14px;
        cursor: pointer;
        font-weight: 500;
      }
      details[open] > summary {
        color: var(--wc-accent);
      }
      summary span {
        font-weight: 400;
      }
      .fields {
        padding: 0 20px 8px;
      }
    `,
  ];

  @property({ attribute: false }) server!: Server;
  @state() private schema: ConfigSchema | undefined;
  @state() private config: Config | undefined;
  @state() private search = "";
  @state() private error = "";
  @state() private errors: Record<string, string> = {};
  @state() private saving = "";
  protected readonly controller = new ServerController(this, (event) => {
    if (event["type"] === "config_changed") void this.read();
  });

  override connectedCallback(): void {
    super.connectedCallback();
    void this.read();
  }

  private async read(): Promise<void> {
    try {
      const connection = this.server.connection;
      this.schema ??= await connection.request<ConfigSchema>("GET", "/config/schema");
      this.config = await connection.request<Config>("GET", "/config");
      this.error = "";
    } catch (error) {
      this.error = errorText(error);
    }
  }

  private async save(setting: Setting, value: unknown): Promise<void> {
    const id = setting.path.join(".");
    this.saving = id;
    this.errors = { ...this.errors, [id]: "" };
    try {
      const change = await this.server.connection.request<ConfigChange>(
        "PATCH",
        "/config",
        patchOf(setting.path, value),
      );
      const shadow = change.shadowed[id];
      const note = change.keys[id]?.note;
      toast(
        shadow
          ? t("settings.shadowed", { source: t(`source.${shadow.replace(" ", "_")}` as "source.file") })
          : change.restart_needed.includes(id)
            ? t("settings.saved_restart")
            : [t("settings.saved"), note].filter(Boolean).join(" "),
      );
      await this.read();
    } catch (error) {
      this.errors = { ...this.errors, [id]: errorText(error) };
    } finally {
      this.saving = "";
    }
  }

  private groups(): Group[] {
    if (!this.schema) return [];
    const models = this.server.snapshot?.models ?? [];
    const words = models.flatMap((model) => (model.kind === "wake" ? model.offers.map((offer) => offer.name) : []));
    const groups = groupSettings(this.schema, {
      models: models.map((model) => model.id),
      "wake.word_settings": words,
    });
    if (!this.search) return groups;
    return groups
      .map((group) => ({ ...group, settings: group.settings.filter((one) => matches(one, this.search)) }))
      .filter((group) => group.settings.length);
  }

  override render() {
    if (this.error) return html`<p class="note error">${this.error}</p>`;
    const config = this.config;
    if (!config || !this.schema) return nothing;
    const groups = this.groups();
    return html`<div class="stack">
      <input
        class="search"
        type="search"
        placeholder=${t("settings.search")}
        aria-label=${t("settings.search")}
        .value=${this.search}
        @input=${(event: Event) => (this.search = (event.target as HTMLInputElement).value)}
      />
      ${config.restart_needed.length
        ? html`<p class="note warn">
            ${t("settings.restart_needed", { keys: config.restart_needed.join(", ") })}
          </p>`
        : nothing}
      ${PARENTS.map(({ parent, title }) => {
        const members = groups.filter((group) => group.parent === parent);
        return members.length
          ? html`${title ? html`<h2>${t(title)}</h2>` : nothing}
              <section class="card">${members.map((group) => this.renderGroup(group, config))}</section>`
          : nothing;
      })}
      ${groups.length ? nothing : html`<p class="empty">${t("settings.none")}</p>`}
    </div>`;
  }

  private renderGroup(group: Group, config: Config) {
    return html`<details ?open=${this.search !== ""}>
      <summary>
        ${group.id === "" ? t("settings.general") : group.title}
        <span class="small muted">${this.countChanged(group, config)}</span>
      </summary>
      <div class="fields">
        ${group.settings.map((setting) => {
          const id = setting.path.join(".");
          return html`<wc-setting-field
            .setting=${setting}
            .value=${valueAt(config.config, setting.path)}
            .effective=${valueAt(config.effective, setting.path)}
            .source=${sourceOf(config, setting)}
            .pending=${id in config.pending}
            .error=${this.errors[id] ?? ""}
            .locked=${setting.key.admin && !this.server.isAdmin}
            .busy=${this.saving === id}
            .suggestions=${this.suggestions(id)}
            @save=${(event: CustomEvent<unknown>) => this.save(setting, event.detail)}
          ></wc-setting-field>`;
        })}
      </div>
    </details>`;
  }

  private countChanged(group: Group, config: Config): string {
    const count = group.settings.filter((one) => sourceOf(config, one) !== "default").length;
    return count ? t("settings.changed", { count }) : "";
  }

  private suggestions(id: string): string[] {
    const models = this.server.snapshot?.models ?? [];
    if (id === "asr.model") return models.filter((model) => model.kind === "asr").map((model) => model.id);
    if (id === "tts.voice") {
      return models.flatMap((model) => (model.kind === "tts" ? model.offers.map((offer) => offer.name) : []));
    }
    return [];
  }
}

// Disk space of models and of the phrase cache, and deleting what is not needed.

import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { formatAgo, formatBytes, formatNumber, formatPercent } from "../core/format";
import { t } from "../core/localize";
import { ServerController, type Server } from "../core/server";
import type { Cache, CachedModel, Phrase } from "../core/types";
import { ask } from "../ui/dialog";
import { errorText, WcElement } from "../ui/element";
import { sharedStyles } from "../ui/styles";

const SHOWN_PHRASES = 50;

@customElement("wc-storage")
export class WcStorage extends WcElement {
  static override styles = [
    sharedStyles,
    css`
      .list > li {
        display: flex;
        align-items: center;
        gap: 12px;
      }
      .phrase {
        overflow-wrap: anywhere;
      }
      .total {
        font-size: 26px;
        font-weight: 600;
        letter-spacing: -0.01em;
      }
      .figures {
        display: flex;
        flex-wrap: wrap;
        gap: 16px 44px;
      }
    `,
  ];

  @property({ attribute: false }) server!: Server;
  @state() private cache: Cache | undefined;
  @state() private phrases: Phrase[] = [];
  @state() private error = "";
  protected readonly controller = new ServerController(this, (event) => {
    if (/^model_(installed|removed|ready|unloaded)$/.test(String(event["type"]))) void this.read();
  });

  override connectedCallback(): void {
    super.connectedCallback();
    void this.read();
  }

  private async read(): Promise<void> {
    try {
      const connection = this.server.connection;
      this.cache = await connection.request<Cache>("GET", "/cache");
      if (this.cache.phrases && this.server.canOperate) {
        const { entries } = await connection.request<{ entries: Phrase[] }>(
          "GET",
          `/cache/phrases?limit=${SHOWN_PHRASES}`,
        );
        this.phrases = entries;
      }
      this.error = "";
    } catch (error) {
      this.error = errorText(error);
    }
  }

  private async confirmDelete(path: string, title: string, text: string): Promise<void> {
    if (!(await ask({ title, text, confirm: t("action.delete"), danger: true }))) return;
    const result = await this.run(
      this.server.connection.request<{ freed_bytes: number }>("DELETE", path),
    );
    if (result) await this.run(Promise.resolve(), t("storage.freed", { bytes: formatBytes(result.freed_bytes) }));
    await this.read();
  }

  private removeUnused(unused: CachedModel[]): Promise<void> {
    const names = unused.map((model) => `${model.id} (${formatBytes(model.bytes)})`).join(", ");
    return this.confirmDelete("/cache/models", t("storage.clear_models"), t("storage.clear_models_text", { models: names }));
  }

  override render() {
    if (this.error) return html`<p class="note error">${this.error}</p>`;
    if (!this.cache) return nothing;
    const { models, phrases } = this.cache;
    const disk = this.server.snapshot?.disk;
    const unused = models.entries.filter((model) => !model.in_use);
    const operates = this.server.canOperate;
    return html`<div class="stack">
      <section class="card figures">
        <div>
          <p class="muted small">${t("storage.models")}</p>
          <p class="total number">${formatBytes(models.bytes)}</p>
        </div>
        ${phrases
          ? html`<div>
              <p class="muted small">${t("storage.phrases")}</p>
              <p class="total number">${formatBytes(phrases.bytes)}</p>
            </div>`
          : nothing}
        ${disk
          ? html`<div>
              <p class="muted small">${t("storage.disk_free")}</p>
              <p class="total number">${formatBytes(disk.free_bytes)}</p>
            </div>`
          : nothing}
      </section>
      <section class="card">
        <div class="spread">
          <h2>${t("storage.models")}</h2>
          ${operates && unused.length
            ? html`<button @click=${() => this.removeUnused(unused)}>${t("storage.clear_models")}</button>`
            : nothing}
        </div>
        <ul class="list">
          ${[...models.entries]
            .sort((a, b) => b.bytes - a.bytes)
            .map(
              (model) =>
                html`<li>
                  <span class="grow">${model.id}</span>
                  ${model.in_use ? html`<span class="chip ok">${t("storage.in_use")}</span>` : nothing}
                  <span class="number muted">${formatBytes(model.bytes)}</span>
                  ${operates
                    ? html`<button
                        class="quiet danger"
                        ?disabled=${model.in_use}
                        aria-label="${t("action.delete")}: ${model.id}"
                        @click=${() =>
                          this.confirmDelete(
                            `/models/${model.id}`,
                            t("storage.delete_model", { model: model.id }),
                            t("storage.delete_model_text"),
                          )}
                      >
                        ${t("action.delete")}
                      </button>`
                    : nothing}
                </li>`,
            )}
        </ul>
        ${models.entries.length ? nothing : html`<p class="empty">${t("storage.no_models")}</p>`}
      </section>
      ${this.renderProjects()} ${phrases ? this.renderPhrases() : nothing}
    </div>`;
  }

  private renderProjects() {
    const usage = this.cache?.jobs;
    if (!usage) return nothing;
    const facts = [
      t("storage.recordings", { bytes: formatBytes(usage.recordings_bytes) }),
      t("storage.speech", { bytes: formatBytes(usage.audio_bytes) }),
      t("storage.sentences", { bytes: formatBytes(usage.phrases_bytes) }),
    ];
    return html`<section class="card">
      <div class="spread">
        <h2>${t("storage.projects")}</h2>
        ${this.server.canOperate && usage.phrases_bytes
          ? html`<button
              @click=${() =>
                this.confirmDelete("/cache/jobs", t("storage.clear_sentences"), t("storage.clear_sentences_text"))}
            >
              ${t("storage.clear_sentences")}
            </button>`
          : nothing}
      </div>
      <p class="muted small">${facts.join(" · ")}</p>
      <p class="muted small">${t("storage.projects_help", { bytes: formatBytes(usage.quota_bytes) })}</p>
    </section>`;
  }

  private renderPhrases() {
    const usage = this.cache?.phrases;
    if (!usage) return nothing;
    return html`<section class="card">
      <div class="spread">
        <h2>${t("storage.phrases")}</h2>
        ${this.server.canOperate && usage.phrases
          ? html`<button
              @click=${() =>
                this.confirmDelete("/cache/phrases", t("storage.clear_phrases"), t("storage.clear_phrases_text"))}
            >
              ${t("storage.clear_phrases")}
            </button>`
          : nothing}
      </div>
      <p class="muted small">
        ${t("storage.phrase_usage", {
          count: formatNumber(usage.phrases),
          rate: usage.hit_rate === null ? "–" : formatPercent(usage.hit_rate),
        })}
      </p>
      <ul class="list">
        ${this.phrases.map(
          (phrase) =>
            html`<li>
              <div class="grow">
                <p class="phrase">${phrase.text}</p>
                <p class="small muted">
                  ${phrase.voice} · ${formatBytes(phrase.bytes)} ·
                  ${t("storage.hits", { count: phrase.hits })} · ${formatAgo(phrase.last_used)}
                </p>
              </div>
              <button
                class="quiet danger"
                aria-label="${t("action.delete")}: ${phrase.text}"
                @click=${() => this.removePhrase(phrase)}
              >
                ${t("action.delete")}
              </button>
            </li>`,
        )}
      </ul>
    </section>`;
  }

  private async removePhrase(phrase: Phrase): Promise<void> {
    await this.run(
      this.server.connection.request("DELETE", `/cache/phrases/${encodeURIComponent(phrase.key)}`),
    );
    await this.read();
  }
}

// Voices, or models of the other kinds: installed ones first, then those that can be installed.

import { mdiDelete, mdiDownload, mdiPlay, mdiStop } from "@mdi/js";
import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { formatBytes, formatNumber, languageName } from "../core/format";
import { t } from "../core/localize";
import { ServerController, type Server } from "../core/server";
import type { Model } from "../core/types";
import { progressText } from "../machine/model-list";
import { ask } from "../ui/dialog";
import { WcElement } from "../ui/element";
import "../ui/icon";
import { sharedStyles } from "../ui/styles";
import { languagesOf, matchesEntry, mixable, statusOf, type CatalogEntry, type Voice } from "./catalog";
import "./voice-mix";

const SHOWN = 60;

interface Item {
  key: string;
  title: string;
  subtitle: string;
  languages: string[];
  entry: CatalogEntry;
  voice?: Voice;
}

@customElement("wc-catalog-list")
export class WcCatalogList extends WcElement {
  static override styles = [
    sharedStyles,
    css`
      input[type="search"] {
        flex: 1;
        min-width: 180px;
      }
      li {
        display: grid;
        grid-template-columns: 40px minmax(0, 1fr) auto;
        align-items: center;
        gap: 4px 14px;
      }
      li.plain {
        grid-template-columns: minmax(0, 1fr) auto;
      }
      .title {
        font-weight: 500;
        overflow-wrap: anywhere;
      }
      .actions {
        display: flex;
        gap: 6px;
        flex-wrap: wrap;
        justify-content: flex-end;
      }
      .play {
        width: 40px;
        min-height: 40px;
        padding: 0;
        border-radius: 50%;
        color: var(--wc-accent);
      }
      progress {
        grid-column: 1 / -1;
      }
      form {
        display: flex;
        gap: 10px;
        flex-wrap: wrap;
        margin-top: 12px;
      }
      form input {
        flex: 1;
        min-width: 200px;
      }
      @media (max-width: 600px) {
        li,
        li.plain {
          grid-template-columns: 40px minmax(0, 1fr);
        }
        li.plain {
          grid-template-columns: minmax(0, 1fr);
        }
        .actions {
          grid-column: 1 / -1;
          justify-content: flex-start;
        }
      }
    `,
  ];

  @property({ attribute: false }) server!: Server;
  @property() shows: "voices" | "models" = "voices";
  @property({ attribute: false }) voices: Voice[] = [];
  @property({ attribute: false }) catalog: CatalogEntry[] = [];
  @property() defaultVoice = "";
  @state() private search = "";
  @state() private language = "";
  @state() private more = 1;
  @state() private playing = "";
  @state() private source = "";
  private audio: HTMLAudioElement | undefined;
  protected readonly controller = new ServerController(this);

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.audio?.pause();
  }

  private items(): Item[] {
    const entries = new Map(this.catalog.map((entry) => [entry.id, entry]));
    if (this.shows === "models") {
      return this.catalog
        .filter((entry) => entry.kind !== "tts")
        .map((entry) => ({
          key: entry.id,
          title: entry.id,
          subtitle: [t(`kind.${entry.kind}`), entry.title].filter(Boolean).join(" · "),
          languages: entry.languages,
          entry,
        }));
    }
    return this.voices.flatMap((voice) => {
      const entry = entries.get(voice.model);
      if (!entry) return [];
      const subtitle = voice.description === voice.name ? "" : voice.description;
      return [{ key: voice.name, title: voice.name, subtitle, languages: voice.languages, entry, voice }];
    });
  }

  override render() {
    const items = this.items();
    const found = items.filter((item) =>
      matchesEntry(item, `${item.title} ${item.subtitle} ${item.entry.id}`, this.language, this.search),
    );
    const here = found.filter((item) => item.entry.installed || item.entry.downloading);
    const available = found.filter((item) => !here.includes(item));
    const shown = available.slice(0, SHOWN * this.more);
    return html`<div class="stack">
      <div class="row">
        <input
          type="search"
          placeholder=${t("voices.search")}
          aria-label=${t("voices.search")}
          @input=${(event: Event) => (this.search = (event.target as HTMLInputElement).value)}
        />
        <label class="visually-hidden" for="language">${t("voices.language")}</label>
        <select
          id="language"
          @change=${(event: Event) => (this.language = (event.target as HTMLSelectElement).value)}
        >
          <option value="">${t("voices.every_language")}</option>
          ${languagesOf(items).map((tag) => html`<option value=${tag}>${languageName(tag)}</option>`)}
        </select>
      </div>
      <section class="card" aria-labelledby="installed">
        <h2 id="installed">${t("voices.installed")}</h2>
        <ul class="list">
          ${repeat(here, (item) => item.key, (item) => this.renderItem(item))}
        </ul>
        ${here.length ? nothing : html`<p class="empty">${t("voices.none")}</p>`}
      </section>
      ${this.shows === "voices" && mixable(this.voices).length > 1
        ? html`<wc-voice-mix .server=${this.server} .voices=${this.voices} @changed=${this.onChanged}></wc-voice-mix>`
        : nothing}
      ${available.length
        ? html`<section class="card" aria-labelledby="available">
            <h2 id="available">${t("voices.available", { count: available.length })}</h2>
            <ul class="list">
              ${repeat(shown, (item) => item.key, (item) => this.renderItem(item))}
            </ul>
            ${shown.length < available.length
              ? html`<button @click=${() => this.more++}>${t("voices.more")}</button>`
              : nothing}
          </section>`
        : nothing}
      ${this.server.canOperate ? this.renderAdd() : nothing}
    </div>`;
  }

  private renderItem(item: Item) {
    const { entry, voice } = item;
    const model = statusOf(this.server.snapshot, entry.id);
    const speed = model?.real_time_factor ? 1 / model.real_time_factor : 0;
    const facts = [
      item.subtitle,
      item.languages.map(languageName).slice(0, 4).join(", ") + (item.languages.length > 4 ? " …" : ""),
      voice?.quality ? t("voices.quality", { quality: voice.quality }) : "",
      entry.installed ? formatBytes(entry.disk_bytes) : entry.download_bytes ? formatBytes(entry.download_bytes) : "",
      speed ? t("voices.speed", { factor: formatNumber(speed, speed < 10 ? 1 : 0) }) : "",
      entry.licence,
    ];
    return html`<li class=${voice ? "" : "plain"}>
      ${voice
        ? html`<button
            class="play"
            ?disabled=${!voice.sample}
            aria-label="${this.playing === voice.name ? t("voices.stop") : t("voices.listen")}: ${voice.name}"
            @click=${() => this.play(voice)}
          >
            <wc-icon .path=${this.playing === voice.name ? mdiStop : mdiPlay}></wc-icon>
          </button>`
        : nothing}
      <div>
        <div class="row">
          <span class="title">${item.title}</span>
          ${voice && voice.name === this.defaultVoice
            ? html`<span class="chip accent">${t("voices.default")}</span>`
            : nothing}
          ${model?.default_for.length && !voice ? html`<span class="chip accent">${t("voices.default")}</span>` : nothing}
          ${voice?.non_commercial ? html`<span class="chip warn">${t("voices.non_commercial")}</span>` : nothing}
        </div>
        <p class="small muted">${facts.filter(Boolean).join(" · ")}</p>
        ${entry.uses.length
          ? html`<p class="small muted">${t("voices.used_by", { uses: entry.uses.map((use) => use.detail).join("; ") })}</p>`
          : nothing}
        ${model?.state === "failed" && !entry.installed
          ? html`<p class="small error-text" role="alert">${model.error?.message} ${model.error?.detail}</p>`
          : nothing}
      </div>
      ${this.server.canOperate ? html`<div class="actions">${this.renderActions(item, model)}</div>` : nothing}
      ${entry.downloading && model ? this.renderProgress(model) : nothing}
    </li>`;
  }

  private renderProgress(model: Model) {
    return html`<progress
      max="100"
      .value=${Math.max(0, model.progress?.percent ?? 0)}
      aria-label=${progressText(model)}
    ></progress>`;
  }

  private renderActions(item: Item, model: Model | undefined) {
    const { entry, voice } = item;
    if (entry.downloading) {
      return html`<span class="small muted">${model ? progressText(model) : t("state.downloading")}</span>
        <button aria-label="${t("action.cancel")}: ${entry.id}" @click=${() => this.cancel(entry)}>
          ${t("action.cancel")}
        </button>`;
    }
    if (!entry.installed) {
      return html`<button aria-label="${t("voices.install")}: ${item.title}" @click=${() => this.install(entry)}>
        <wc-icon .path=${mdiDownload}></wc-icon>${t("voices.install")}
      </button>`;
    }
    const isDefault = voice ? voice.name === this.defaultVoice : Boolean(model?.default_for.length);
    const canBeDefault = voice !== undefined || entry.kind === "asr";
    return html`${isDefault || !canBeDefault
        ? nothing
        : html`<button aria-label="${t("voices.use")}: ${item.title}" @click=${() => this.use(item)}>
            ${t("voices.use")}
          </button>`}
      <button
        class="icon quiet danger"
        ?disabled=${entry.in_use}
        title=${t("action.delete")}
        aria-label="${t("action.delete")}: ${item.title}"
        @click=${() => this.confirmDelete(entry)}
      >
        <wc-icon .path=${mdiDelete}></wc-icon>
      </button>`;
  }

  private renderAdd() {
    return html`<section class="card">
      <h2>${t("voices.add")}</h2>
      <p class="small muted">${t("voices.add_help")}</p>
      <form @submit=${this.add}>
        <input
          required
          placeholder="OWNER/NAME"
          aria-label=${t("voices.add_source")}
          .value=${this.source}
          @input=${(event: Event) => (this.source = (event.target as HTMLInputElement).value)}
        />
        <button class="primary">${t("voices.add_submit")}</button>
      </form>
    </section>`;
  }

  private onChanged(): void {
    this.dispatchEvent(new CustomEvent("changed"));
  }

  private play(voice: Voice): void {
    const playing = this.playing;
    this.audio?.pause();
    this.playing = "";
    if (playing === voice.name || !voice.sample) return;
    this.playing = voice.name;
    void this.run(this.playSample(voice.name, voice.sample));
  }

  private async playSample(name: string, path: string): Promise<void> {
    const audio = new Audio();
    this.audio = audio;
    audio.onended = () => (this.playing = "");
    try {
      audio.src = await this.server.connection.media(path);
      // Another voice may have been chosen, or this one stopped, before the audio arrived.
      if (this.audio === audio && this.playing === name) await audio.play();
    } catch (error) {
      if (this.audio === audio) this.playing = "";
      if (!(error instanceof DOMException && error.name === "AbortError")) throw new Error(t("voices.no_sample"));
    }
  }

  private async install(entry: CatalogEntry): Promise<void> {
    await this.run(this.server.connection.request("POST", `/models/${entry.id}/download`));
    this.server.renewSoon(0);
    this.onChanged();
  }

  private async cancel(entry: CatalogEntry): Promise<void> {
    await this.run(this.server.connection.request("DELETE", `/models/${entry.id}`), t("voices.canceled"));
    this.onChanged();
  }

  private async confirmDelete(entry: CatalogEntry): Promise<void> {
    const yes = await ask({
      title: t("storage.delete_model", { model: entry.id }),
      text: t("storage.delete_model_text"),
      confirm: t("action.delete"),
      danger: true,
    });
    if (!yes) return;
    await this.run(this.server.connection.request("DELETE", `/models/${entry.id}`));
    this.onChanged();
  }

  private async use(item: Item): Promise<void> {
    const patch = item.voice ? { tts: { voice: item.voice.name } } : { asr: { model: item.entry.id } };
    await this.run(
      this.server.connection.request("PATCH", "/config", patch),
      t("voices.used_now", { name: item.title }),
    );
    this.server.renewSoon(0);
    this.onChanged();
  }

  private async add(event: Event): Promise<void> {
    event.preventDefault();
    const added = await this.run(
      this.server.connection.request<{ models: string[] }>("POST", "/models", { source: this.source.trim() }),
    );
    if (!added) return;
    this.source = "";
    await this.run(Promise.resolve(), t("voices.added", { models: added.models.join(", ") }));
    this.server.renewSoon(0);
    this.onChanged();
  }
}

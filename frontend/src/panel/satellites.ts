// The tab "Satellites": each voice satellite with its assistant, wake words and tests.

import { mdiAccountVoice, mdiEarHearing, mdiMicrophone, mdiSpeaker } from "@mdi/js";
import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { formatAgo, formatNumber } from "../core/format";
import type { Server } from "../core/server";
import type { Config } from "../core/types";
import { WcElement } from "../ui/element";
import "../ui/icon";
import { sharedStyles } from "../ui/styles";
import { toast } from "../ui/toasts";
import { textOf, type EntityState, type Hass } from "./hass";
import { p } from "./strings";

interface Satellite {
  entity_id: string;
  device_id: string | null;
  assistant: string | null;
  uses_server: boolean;
  last_heard: string | null;
  settings: string[];
}

interface WakeWord {
  id: string;
  wake_word: string;
}

interface Configuration {
  available_wake_words: WakeWord[];
  active_wake_words: string[];
  max_active_wake_words: number;
}

/** Features of a satellite, as Home Assistant numbers them. */
const ANNOUNCE = 1;
const START_CONVERSATION = 2;

/** Seconds to wait for a wake word that is tested. */
const WAKE_WORD_SECONDS = 30;

@customElement("wc-satellites")
export class WcSatellites extends WcElement {
  static override styles = [
    sharedStyles,
    css`
      .cards {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(340px, 100%), 1fr));
        gap: 16px;
      }
      .card {
        display: grid;
        gap: 14px;
        align-content: start;
      }
      label.field {
        display: grid;
        gap: 4px;
        font-size: 13px;
        color: var(--wc-muted);
      }
      label.check {
        display: flex;
        align-items: center;
        gap: 10px;
        min-height: 32px;
      }
      .chips {
        display: flex;
        gap: 6px;
      }
      fieldset {
        margin: 0;
        padding: 0;
        border: 0;
      }
      legend {
        padding: 0 0 4px;
        font-size: 13px;
        color: var(--wc-muted);
      }
      input[type="range"] {
        width: 100%;
      }
    `,
  ];

  @property({ attribute: false }) server!: Server;
  @property({ attribute: false }) hass!: Hass;
  @property() entryId = "";
  @state() private satellites: Satellite[] | undefined;
  @state() private configurations: Record<string, Configuration | undefined> = {};
  @state() private threshold: number | undefined;
  @state() private busy = "";
  private shownStates = "";

  override connectedCallback(): void {
    super.connectedCallback();
    void this.read();
    void this.readThreshold();
  }

  private async read(): Promise<void> {
    const answer = await this.run(
      this.hass.callWS<{ satellites: Satellite[] }>({
        type: "wyoming_conductor/panel/satellites",
        entry_id: this.entryId,
      }),
    );
    if (!answer) return;
    this.satellites = answer.satellites;
    for (const { entity_id } of answer.satellites) void this.readConfiguration(entity_id);
  }

  private async readConfiguration(entity_id: string): Promise<void> {
    const request = this.hass.callWS<Configuration>({ type: "assist_satellite/get_configuration", entity_id });
    const configuration = await request.catch(() => undefined);
    this.configurations = { ...this.configurations, [entity_id]: configuration };
  }

  private async readThreshold(): Promise<void> {
    if (!this.server.canOperate || !this.server.has("config")) return;
    const config = await this.run(this.server.connection.request<Config>("GET", "/config"));
    const wake = config?.effective["wake"] as { threshold?: number } | undefined;
    this.threshold = wake?.threshold;
  }

  override willUpdate(): void {
    // The assistant of a satellite is known to Home Assistant; it changes with these entities.
    const states = (this.satellites ?? [])
      .flatMap((one) => one.settings)
      .map((id) => this.hass.states[id]?.state)
      .join();
    if (this.shownStates && states !== this.shownStates) void this.read();
    this.shownStates = states;
  }

  override render() {
    const { satellites } = this;
    if (!satellites) return nothing;
    return html`<div class="stack">
      ${satellites.length
        ? html`<div class="cards">${satellites.map((one) => this.renderSatellite(one))}</div>`
        : html`<p class="empty">${p("satellites.none")}</p>`}
      ${this.threshold === undefined ? nothing : this.renderThreshold(this.threshold)}
    </div>`;
  }

  private renderSatellite(satellite: Satellite) {
    const { hass } = this;
    const entity = hass.states[satellite.entity_id];
    if (!entity) return nothing;
    const name = this.nameOf(satellite, entity);
    const area = hass.areas[hass.devices[satellite.device_id ?? ""]?.area_id ?? ""]?.name;
    const heard = hass.states[satellite.last_heard ?? ""]?.state;
    const available = entity.state !== "unavailable";
    const features = Number(entity.attributes["supported_features"] ?? 0);
    return html`<section class="card" aria-label=${name}>
      <div class="spread">
        <div>
          <h2>${name}</h2>
          <p class="small muted">
            ${[
              area,
              heard && !["unknown", "unavailable"].includes(heard)
                ? p("satellites.last_heard", { time: formatAgo(heard) })
                : p("satellites.never"),
            ]
              .filter(Boolean)
              .join(" · ")}
          </p>
        </div>
        <div class="chips">
          ${satellite.uses_server ? nothing : html`<span class="chip">${p("satellites.other")}</span>`}
          <span class="chip ${available ? (entity.state === "idle" ? "ok" : "accent") : "error"}"
            >${hass.formatEntityState(entity)}</span
          >
        </div>
      </div>
      ${satellite.settings.map((id) => this.renderSetting(id))} ${this.renderWakeWords(satellite)}
      <div class="row">
        <button ?disabled=${!available || !(features & ANNOUNCE) || this.busy !== ""} @click=${() => this.testSpeaker(satellite, name)}>
          <wc-icon .path=${mdiSpeaker}></wc-icon>${p("satellites.test_speaker")}
        </button>
        <button
          ?disabled=${!available || !(features & START_CONVERSATION) || this.busy !== ""}
          @click=${() => this.testMicrophone(satellite, name)}
        >
          <wc-icon .path=${mdiMicrophone}></wc-icon>${p("satellites.test_microphone")}
        </button>
        <button ?disabled=${!available || this.busy !== ""} @click=${() => this.testWakeWord(satellite, name)}>
          <wc-icon .path=${mdiEarHearing}></wc-icon>${p("satellites.test_wake_word")}
        </button>
      </div>
    </section>`;
  }

  private nameOf(satellite: Satellite, entity: EntityState): string {
    const device = this.hass.devices[satellite.device_id ?? ""];
    return device?.name_by_user ?? device?.name ?? String(entity.attributes["friendly_name"]);
  }

  private renderSetting(id: string) {
    const entity = this.hass.states[id];
    const options = entity?.attributes["options"];
    if (!entity || !Array.isArray(options)) return nothing;
    const label = String(entity.attributes["friendly_name"]);
    return html`<label class="field">
      <span class="row"><wc-icon .path=${mdiAccountVoice}></wc-icon>${label}</span>
      <select
        ?disabled=${entity.state === "unavailable"}
        @change=${(event: Event) =>
          this.run(
            this.hass.callService("select", "select_option", { option: (event.target as HTMLSelectElement).value }, { entity_id: id }),
          )}
      >
        ${(options as string[]).map(
          (option) =>
            html`<option value=${option} ?selected=${option === entity.state}>
              ${this.hass.formatEntityState({ ...entity, state: option })}
            </option>`,
        )}
      </select>
    </label>`;
  }

  private renderWakeWords(satellite: Satellite) {
    const configuration = this.configurations[satellite.entity_id];
    if (!configuration?.available_wake_words.length) return nothing;
    const { available_wake_words, active_wake_words, max_active_wake_words } = configuration;
    return html`<fieldset>
      <legend>
        ${p("satellites.wake_words")} · ${p("satellites.max", { count: max_active_wake_words })}
      </legend>
      ${available_wake_words.map((word) => {
        const active = active_wake_words.includes(word.id);
        return html`<label class="check">
          <input
            type="checkbox"
            .checked=${active}
            ?disabled=${!active && active_wake_words.length >= max_active_wake_words}
            @change=${() => this.toggleWakeWord(satellite, configuration, word.id)}
          />${word.wake_word}
        </label>`;
      })}
    </fieldset>`;
  }

  private async toggleWakeWord(satellite: Satellite, configuration: Configuration, id: string): Promise<void> {
    const active = configuration.active_wake_words;
    const wake_word_ids = active.includes(id) ? active.filter((one) => one !== id) : [...active, id];
    const { entity_id } = satellite;
    await this.run(this.hass.callWS({ type: "assist_satellite/set_wake_words", entity_id, wake_word_ids }));
    await this.readConfiguration(entity_id);
  }

  private renderThreshold(threshold: number) {
    return html`<section class="card">
      <label class="field">
        <span class="spread"><span>${p("satellites.threshold")}</span><span class="number">${formatNumber(threshold, 2)}</span></span>
        <input
          type="range"
          min="0.05"
          max="0.95"
          step="0.05"
          .value=${String(threshold)}
          @change=${(event: Event) => this.setThreshold(Number((event.target as HTMLInputElement).value))}
        />
      </label>
      <p class="small muted">${p("satellites.threshold_help")}</p>
    </section>`;
  }

  private async setThreshold(threshold: number): Promise<void> {
    this.threshold = threshold;
    await this.run(this.server.connection.request("PATCH", "/config", { wake: { threshold } }));
    await this.readThreshold();
  }

  private async test(name: string, action: () => Promise<void>): Promise<void> {
    this.busy = name;
    try {
      await action();
    } catch (error) {
      toast(textOf(error), "error");
    } finally {
      this.busy = "";
    }
  }

  private testSpeaker({ entity_id }: Satellite, name: string): Promise<void> {
    return this.test(name, async () => {
      const message = p("satellites.announcement", { name });
      await this.hass.callService("assist_satellite", "announce", { message }, { entity_id });
    });
  }

  private testMicrophone({ entity_id }: Satellite, name: string): Promise<void> {
    return this.test(name, async () => {
      toast(p("satellites.listening", { name }));
      const { response } = await this.hass.callWS<{ response: { sentence?: string } }>({
        type: "call_service",
        domain: "assist_satellite",
        service: "ask_question",
        service_data: { entity_id, question: p("satellites.question") },
        return_response: true,
      });
      const text = response.sentence;
      toast(text ? p("satellites.heard", { text }) : p("satellites.heard_nothing"));
    });
  }

  private testWakeWord({ entity_id }: Satellite, name: string): Promise<void> {
    return this.test(name, async () => {
      toast(p("satellites.say_wake_word", { name }));
      let stop: (() => Promise<void>) | undefined;
      const word = await new Promise<string>((resolve, reject) => {
        const timer = window.setTimeout(() => resolve(""), WAKE_WORD_SECONDS * 1_000);
        this.hass.connection
          .subscribeMessage(
            (message: { wake_word_phrase: string }) => {
              window.clearTimeout(timer);
              resolve(message.wake_word_phrase);
            },
            { type: "assist_satellite/intercept_wake_word", entity_id },
          )
          .then((unsubscribe) => (stop = unsubscribe))
          .catch(reject);
      });
      await stop?.();
      toast(word ? p("satellites.heard_wake_word", { name, word }) : p("satellites.heard_nothing"));
    });
  }
}

// The page of one or several servers: subscribes to what Home Assistant knows and draws it anew.

import { STYLE } from "./style.js";
import { devicesCard, element, modelsCard, summary, tracesCard } from "./view.js";

const PREFIX = "wyoming_conductor/panel";
const LANGUAGES = ["de", "en", "es", "fr"];

/** Longest time without a look at the traces, while requests come and go. */
const TRACES_MS = 1000;

class ConductorPanel extends HTMLElement {
  #hass;
  #texts;
  #servers = [];
  #entry = null;
  #state = null;
  #traces = [];
  #failure = "";
  #stop = null;
  #tracesTimer = null;
  #seen = null;
  #narrow = false;
  #connected = false;
  #drawn = false;

  constructor() {
    super();
    this.attachShadow({ mode: "open" });
  }

  set hass(hass) {
    const first = !this.#hass;
    const other = !first && this.#hass.language !== hass.language;
    this.#hass = hass;
    if (first) this.#begin();
    else if (other) this.#speak();
  }

  set narrow(narrow) {
    this.#narrow = narrow;
    this.#draw();
  }

  connectedCallback() {
    this.#connected = true;
    if (this.#hass) this.#begin();
  }

  disconnectedCallback() {
    this.#connected = false;
    this.#leave();
  }

  async #begin() {
    if (!this.#connected || this.#stop) return;
    await this.#speak();
    try {
      const { servers } = await this.#ask("servers");
      this.#servers = servers;
      const chosen = servers.find((one) => one.entry_id === this.#entry);
      const next = chosen ?? servers.find((one) => one.loaded) ?? servers[0];
      if (next) await this.#choose(next.entry_id);
    } catch (error) {
      this.#failure = error.message ?? String(error);
    }
    this.#draw();
  }

  async #speak() {
    const language = (this.#hass.language ?? "en").split("-")[0];
    const name = LANGUAGES.includes(language) ? language : "en";
    const answer = await fetch(new URL(`./strings/${name}.json`, import.meta.url));
    this.#texts = await answer.json();
    this.#draw();
  }

  async #choose(entry) {
    this.#leave();
    this.#entry = entry;
    this.#state = null;
    this.#traces = [];
    this.#seen = null;
    this.#failure = "";
    try {
      this.#stop = await this.#hass.connection.subscribeMessage((state) => this.#take(state), {
        type: `${PREFIX}/subscribe`,
        entry_id: entry,
      });
      if (!this.#connected) this.#leave();
    } catch (error) {
      this.#failure = error.message ?? String(error);
    }
    this.#draw();
  }

  #leave() {
    clearTimeout(this.#tracesTimer);
    this.#tracesTimer = null;
    this.#stop?.();
    this.#stop = null;
  }

  #take(state) {
    this.#state = state;
    if (state.available && state.requests !== this.#seen) {
      this.#seen = state.requests;
      this.#tracesTimer ??= setTimeout(() => this.#look(), this.#traces.length ? TRACES_MS : 0);
    }
    this.#draw();
  }

  async #look() {
    this.#tracesTimer = null;
    try {
      const { traces } = await this.#ask("traces", { entry_id: this.#entry });
      this.#traces = traces;
    } catch (error) {
      this.#failure = error.message ?? String(error);
    }
    this.#draw();
  }

  async #steer(verb, model) {
    this.#failure = "";
    try {
      await this.#ask(verb, { entry_id: this.#entry, model });
    } catch (error) {
      this.#failure = error.message ?? String(error);
    }
    this.#draw();
  }

  #ask(command, data = {}) {
    return this.#hass.callWS({ type: `${PREFIX}/${command}`, ...data });
  }

  /** Draw once in a frame, however much has changed. */
  #draw() {
    if (!this.#texts || this.#drawn) return;
    this.#drawn = true;
    requestAnimationFrame(() => {
      this.#drawn = false;
      this.#render();
    });
  }

  #render() {
    const texts = this.#texts;
    const state = this.#state;
    const language = this.#hass.language;
    const parts = [element("style", { text: STYLE }), this.#header()];
    const main = element("main");
    if (this.#failure) main.append(element("p", { class: "banner", role: "alert", text: this.#failure }));
    if (!state) {
      const text = this.#servers.length || this.#failure ? texts.waiting : texts.none;
      if (!this.#failure) main.append(element("p", { class: "quiet", text }));
    } else {
      main.append(
        ...summary(state, texts, language),
        devicesCard(state, texts, language),
        modelsCard(state, texts, language, (verb, model) => this.#steer(verb, model)),
        tracesCard(this.#traces, texts, language),
      );
    }
    // A button that is drawn anew keeps the focus of the keyboard.
    const focused = this.shadowRoot.activeElement?.dataset?.key;
    this.shadowRoot.replaceChildren(...parts, main);
    if (focused) this.shadowRoot.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  #header() {
    const header = element("header");
    if (this.#narrow) {
      const menu = element("button", { class: "menu", "aria-label": this.#texts.menu, text: "☰" });
      menu.addEventListener("click", () =>
        this.dispatchEvent(new Event("hass-toggle-menu", { bubbles: true, composed: true })),
      );
      header.append(menu);
    }
    header.append(element("h1", { text: this.#state?.title ?? "Wyoming Conductor" }));
    if (this.#servers.length > 1) {
      const select = element("select", { "aria-label": this.#texts.server, "data-key": "server" });
      for (const server of this.#servers) {
        const option = element("option", { value: server.entry_id, text: server.title });
        option.selected = server.entry_id === this.#entry;
        select.append(option);
      }
      select.addEventListener("change", () => this.#choose(select.value));
      header.append(select);
    }
    return header;
  }
}

customElements.define("wyoming-conductor-panel", ConductorPanel);

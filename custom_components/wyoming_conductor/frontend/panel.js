// Panel element: subscribes to the status of a server and renders it.

import { STYLE } from "./style.js";
import { devicesCard, element, modelsCard, summary, tracesCard } from "./view.js";

const PREFIX = "wyoming_conductor/panel";
const LANGUAGES = ["de", "en", "es", "fr"];

/** Minimum time between two requests for traces, in milliseconds. */
const TRACES_INTERVAL_MS = 1000;

class ConductorPanel extends HTMLElement {
  #hass;
  #texts;
  #servers = [];
  #entryId = null;
  #state = null;
  #traces = [];
  #error = "";
  #unsubscribeServer = null;
  #tracesTimer = null;
  #lastRequestCount = null;
  #narrow = false;
  #connected = false;
  #renderScheduled = false;

  constructor() {
    super();
    this.attachShadow({ mode: "open" });
  }

  set hass(hass) {
    const first = !this.#hass;
    const languageChanged = !first && this.#hass.language !== hass.language;
    this.#hass = hass;
    if (first) this.#start();
    else if (languageChanged) this.#loadTexts();
  }

  set narrow(narrow) {
    this.#narrow = narrow;
    this.#scheduleRender();
  }

  connectedCallback() {
    this.#connected = true;
    if (this.#hass) this.#start();
  }

  disconnectedCallback() {
    this.#connected = false;
    this.#unsubscribe();
  }

  async #start() {
    if (!this.#connected || this.#unsubscribeServer) return;
    await this.#loadTexts();
    try {
      const { servers } = await this.#call("servers");
      this.#servers = servers;
      const current = servers.find((server) => server.entry_id === this.#entryId);
      const next = current ?? servers.find((server) => server.loaded) ?? servers[0];
      if (next) await this.#selectServer(next.entry_id);
    } catch (error) {
      this.#error = error.message ?? String(error);
    }
    this.#scheduleRender();
  }

  async #loadTexts() {
    const language = (this.#hass.language ?? "en").split("-")[0];
    const name = LANGUAGES.includes(language) ? language : "en";
    const response = await fetch(new URL(`./strings/${name}.json`, import.meta.url));
    this.#texts = await response.json();
    this.#scheduleRender();
  }

  async #selectServer(entryId) {
    this.#unsubscribe();
    this.#entryId = entryId;
    this.#state = null;
    this.#traces = [];
    this.#lastRequestCount = null;
    this.#error = "";
    try {
      const isCurrent = () => this.#connected && this.#entryId === entryId;
      const unsubscribe = await this.#hass.connection.subscribeMessage(
        (state) => isCurrent() && this.#handleState(state),
        { type: `${PREFIX}/subscribe`, entry_id: entryId },
      );
      // Another server may have been selected, or the panel closed, in the meantime.
      if (isCurrent()) this.#unsubscribeServer = unsubscribe;
      else unsubscribe();
    } catch (error) {
      this.#error = error.message ?? String(error);
    }
    this.#scheduleRender();
  }

  #unsubscribe() {
    clearTimeout(this.#tracesTimer);
    this.#tracesTimer = null;
    this.#unsubscribeServer?.();
    this.#unsubscribeServer = null;
  }

  #handleState(state) {
    // While the server is not set up, only its title is sent; the last known state remains.
    this.#state = state.models || !this.#state ? state : { ...this.#state, ...state };
    if (state.available && state.requests !== this.#lastRequestCount) {
      this.#lastRequestCount = state.requests;
      this.#tracesTimer ??= setTimeout(() => this.#loadTraces(), this.#traces.length ? TRACES_INTERVAL_MS : 0);
    }
    this.#scheduleRender();
  }

  async #loadTraces() {
    this.#tracesTimer = null;
    try {
      const { traces } = await this.#call("traces", { entry_id: this.#entryId });
      this.#traces = traces;
    } catch (error) {
      this.#error = error.message ?? String(error);
    }
    this.#scheduleRender();
  }

  async #callModel(command, model) {
    this.#error = "";
    try {
      await this.#call(command, { entry_id: this.#entryId, model });
    } catch (error) {
      this.#error = error.message ?? String(error);
    }
    this.#scheduleRender();
  }

  #call(command, data = {}) {
    return this.#hass.callWS({ type: `${PREFIX}/${command}`, ...data });
  }

  /** Render at most once per frame. */
  #scheduleRender() {
    if (!this.#texts || this.#renderScheduled) return;
    this.#renderScheduled = true;
    requestAnimationFrame(() => {
      this.#renderScheduled = false;
      this.#render();
    });
  }

  #render() {
    const texts = this.#texts;
    const state = this.#state;
    const language = this.#hass.language;
    const parts = [element("style", { text: STYLE }), this.#header()];
    const main = element("main");
    if (this.#error) main.append(element("p", { class: "banner", role: "alert", text: this.#error }));
    if (!state?.models) {
      const text = this.#servers.length || this.#error ? texts.waiting : texts.none;
      if (!this.#error) main.append(element("p", { class: "quiet", text }));
    } else {
      main.append(
        ...summary(state, texts, language),
        devicesCard(state, texts, language),
        modelsCard(state, texts, language, (command, model) => this.#callModel(command, model)),
        tracesCard(this.#traces, texts, language),
      );
    }
    // All elements are replaced, so restore the keyboard focus.
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
        option.selected = server.entry_id === this.#entryId;
        select.append(option);
      }
      select.addEventListener("change", () => this.#selectServer(select.value));
      header.append(select);
    }
    return header;
  }
}

customElements.define("wyoming-conductor-panel", ConductorPanel);

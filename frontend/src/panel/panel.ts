// The panel in Home Assistant: four tabs about one of the configured servers.

import { mdiAccountVoice, mdiForumOutline, mdiMenu, mdiServer, mdiSpeakerWireless } from "@mdi/js";
import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { setLocale } from "../core/format";
import { language, preferredLanguage, setLanguage, t } from "../core/localize";
import { Server } from "../core/server";
import { WcElement } from "../ui/element";
import "../ui/icon";
import { setOverlayRoot } from "../ui/overlay";
import { sharedStyles } from "../ui/styles";
import { HassConnection, localeOf, type Hass, type ServerEntry } from "./hass";
import { p } from "./strings";
import { themeStyles } from "./theme";

interface Tab {
  id: string;
  title: () => string;
  icon: string;
  load: () => Promise<unknown>;
  render: (panel: WyomingConductorPanel, server: Server) => TemplateResult;
}

/** Each tab is loaded when it is opened first. */
const TABS: Tab[] = [
  {
    id: "conversations",
    title: () => p("tab.conversations"),
    icon: mdiForumOutline,
    load: () => import("./conversations"),
    render: (_, server) => html`<wc-conversations .server=${server}></wc-conversations>`,
  },
  {
    id: "satellites",
    title: () => p("tab.satellites"),
    icon: mdiSpeakerWireless,
    load: () => import("./satellites"),
    render: (panel, server) =>
      html`<wc-satellites .server=${server} .hass=${panel.hass} .entryId=${panel.entryId}></wc-satellites>`,
  },
  {
    id: "voices",
    title: () => t("tab.voices"),
    icon: mdiAccountVoice,
    load: () => import("../voices/voices-tab"),
    render: (_, server) => html`<wc-voices-tab .server=${server}></wc-voices-tab>`,
  },
  {
    id: "machine",
    title: () => t("tab.machine"),
    icon: mdiServer,
    load: () => Promise.all([import("../machine/machine-tab"), import("./options")]),
    render: (panel, server) =>
      html`<wc-machine-tab .server=${server}></wc-machine-tab>
        <wc-options .hass=${panel.hass} .entryId=${panel.entryId}></wc-options>`,
  },
];

/** Home Assistant follows links itself, by the history: the browser then tells of no new hash. */
const LOCATION_EVENTS = ["hashchange", "popstate", "location-changed"];

@customElement("wyoming-conductor-panel")
export class WyomingConductorPanel extends WcElement {
  static override styles = [
    sharedStyles,
    themeStyles,
    css`
      header {
        position: sticky;
        z-index: 20;
        top: 0;
        background: var(--app-header-background-color, var(--primary-color));
        color: var(--app-header-text-color, var(--text-primary-color));
        border-bottom: var(--app-header-border-bottom, none);
      }
      .title {
        display: flex;
        align-items: center;
        gap: 8px;
        height: var(--header-height, 56px);
        padding: 0 16px;
        font-size: 20px;
      }
      .title h1 {
        flex: 1;
        font-size: inherit;
        font-weight: 400;
      }
      .title select {
        max-width: 45vw;
        border-color: currentcolor;
        background: transparent;
        color: inherit;
      }
      .title option {
        background: var(--wc-card);
        color: var(--wc-text);
      }
      .title button {
        width: 48px;
        min-height: 48px;
        margin-inline-start: -12px;
        border: 0;
        background: transparent;
        color: inherit;
      }
      nav {
        display: flex;
        overflow-x: auto;
        scrollbar-width: none;
        padding: 0 8px;
      }
      nav a {
        display: flex;
        align-items: center;
        gap: 8px;
        min-height: 48px;
        padding: 0 16px;
        border-bottom: 2px solid transparent;
        color: inherit;
        opacity: 0.8;
        font-weight: 500;
        text-decoration: none;
        white-space: nowrap;
      }
      nav a[aria-current="page"] {
        border-bottom-color: currentcolor;
        opacity: 1;
      }
      main {
        max-width: 1180px;
        margin: 0 auto;
        padding: 20px 16px 64px;
      }
      wc-options {
        margin-top: 16px;
      }
      @media (max-width: 700px) {
        nav {
          padding: 0;
        }
        nav a {
          flex: 1 0 auto;
          flex-direction: column;
          justify-content: center;
          gap: 2px;
          min-height: 56px;
          padding: 0 10px;
          font-size: 12px;
        }
      }
    `,
  ];

  @property({ attribute: false }) hass!: Hass;
  @property({ type: Boolean }) narrow = false;
  @state() entryId = "";
  @state() private servers: ServerEntry[] | undefined;
  @state() private server: Server | undefined;
  @state() private tab = TABS[0] as Tab;
  @state() private loaded = new Set<string>();
  @state() private shownLanguage = "";
  private serverKey = "";
  private stops: (() => void)[] = [];
  private stopServers: (() => Promise<void>) | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    for (const type of LOCATION_EVENTS) window.addEventListener(type, this.onLocation);
    this.onLocation();
    if (this.hasUpdated) void this.subscribe();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const type of LOCATION_EVENTS) window.removeEventListener(type, this.onLocation);
    this.stopServer();
    void this.stopServers?.();
    this.stopServers = undefined;
    setOverlayRoot(undefined);
  }

  override firstUpdated(): void {
    void this.subscribe();
  }

  private onLocation = (): void => {
    if (!location.pathname.startsWith("/wyoming-conductor")) return;
    const id = location.hash.replace(/^#\/?/, "").split("/")[0];
    this.tab = TABS.find((tab) => tab.id === id) ?? (TABS[0] as Tab);
    const { id: name, load } = this.tab;
    void load().then(() => (this.loaded = new Set(this.loaded).add(name)));
  };

  private async subscribe(): Promise<void> {
    setOverlayRoot(this.renderRoot.querySelector<HTMLElement>("#overlays") ?? undefined);
    const stop = await this.run(
      this.hass.connection.subscribeMessage(
        ({ servers }: { servers: ServerEntry[] }) => this.setServers(servers),
        { type: "wyoming_conductor/panel/servers" },
      ),
    );
    // The panel may have been left in the meantime.
    if (this.isConnected) this.stopServers = stop;
    else void stop?.();
  }

  private setServers(servers: ServerEntry[]): void {
    this.servers = servers;
    const wanted = this.entryId || new URLSearchParams(location.search).get("config_entry");
    const chosen =
      servers.find((one) => one.entry_id === wanted) ??
      servers.find((one) => one.state === "loaded") ??
      servers[0];
    this.chooseServer(chosen);
  }

  private chooseServer(entry: ServerEntry | undefined): void {
    this.entryId = entry?.entry_id ?? "";
    // While the entry of a server is not loaded, its last state is shown with a note.
    if (!entry || (entry.state !== "loaded" && this.serverKey.startsWith(entry.entry_id))) return;
    const key = `${entry.entry_id} ${entry.scope}`;
    if (key === this.serverKey) return;
    this.stopServer();
    if (entry.state !== "loaded") return;
    this.serverKey = key;
    const server = new Server(new HassConnection(() => this.hass, entry.entry_id), entry.scope);
    this.server = server;
    this.stops.push(
      server.listen((event) => {
        if (event === undefined) this.requestUpdate();
      }),
      () => server.stop(),
    );
    server.start();
  }

  private stopServer(): void {
    for (const stop of this.stops.splice(0)) stop();
    this.server = undefined;
    this.serverKey = "";
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (!changed.has("hass")) return;
    setLocale(localeOf(this.hass));
    this.style.colorScheme = this.hass.themes.darkMode ? "dark" : "light";
    const before = changed.get("hass") as Hass | undefined;
    if (before && before.themes.darkMode !== this.hass.themes.darkMode) {
      window.dispatchEvent(new Event("wc-theme"));
    }
    if (before?.language !== this.hass.language) {
      void setLanguage(preferredLanguage(this.hass.language, [])).then(() => (this.shownLanguage = language()));
    }
  }

  override render() {
    // The shadow root is there from the start: dialogs and messages are shown in it.
    return html`${this.shownLanguage ? this.renderPanel() : nothing}
      <div id="overlays"></div>`;
  }

  private renderPanel() {
    const { servers = [] } = this;
    return html`
      <header>
        <div class="title">
          ${this.narrow
            ? html`<button aria-label=${p("menu")} @click=${this.toggleMenu}>
                <wc-icon .path=${mdiMenu}></wc-icon>
              </button>`
            : nothing}
          <h1 class="clip">${servers.length > 1 ? "Conductor" : (servers[0]?.title ?? "Conductor")}</h1>
          ${servers.length > 1
            ? html`<select aria-label=${p("server")} @change=${this.onServerChosen}>
                ${servers.map(
                  (one) =>
                    html`<option value=${one.entry_id} ?selected=${one.entry_id === this.entryId}>${one.title}</option>`,
                )}
              </select>`
            : nothing}
        </div>
        <nav aria-label=${t("app.tabs")}>
          ${TABS.map(
            (tab) =>
              html`<a href="#/${tab.id}" aria-current=${tab === this.tab ? "page" : "false"}>
                <wc-icon .path=${tab.icon}></wc-icon>${tab.title()}
              </a>`,
          )}
        </nav>
      </header>
      <main>${this.renderNote()} ${this.renderTab()}</main>
    `;
  }

  private renderNote() {
    const entry = this.servers?.find((one) => one.entry_id === this.entryId);
    if (!this.servers) return nothing;
    if (!entry) {
      return html`<p class="empty">
        ${p("none")}<br /><br />
        <a href="/config/integrations/dashboard/add?domain=wyoming_conductor">${p("none.add")}</a>
      </p>`;
    }
    if (entry.state !== "loaded") {
      return html`<p class="note warn" role="status">
        <span class="grow">${p("not_loaded")} ${entry.reason ?? ""}</span>
        <a href="/config/integrations/integration/wyoming_conductor">${p("not_loaded.open")}</a>
      </p>`;
    }
    return this.server && !this.server.online
      ? html`<p class="note warn" role="status">${p("offline")}</p>`
      : nothing;
  }

  private renderTab() {
    const { server } = this;
    if (!server) return nothing;
    if (!server.snapshot) return server.online ? html`<p class="empty">${p("loading")}</p>` : nothing;
    return this.loaded.has(this.tab.id) ? this.tab.render(this, server) : nothing;
  }

  private onServerChosen(event: Event): void {
    const id = (event.target as HTMLSelectElement).value;
    const entry = this.servers?.find((one) => one.entry_id === id);
    history.replaceState(history.state, "", `?config_entry=${id}${location.hash}`);
    this.chooseServer(entry);
  }

  private toggleMenu(): void {
    this.dispatchEvent(new Event("hass-toggle-menu", { bubbles: true, composed: true }));
  }
}


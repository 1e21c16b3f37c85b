// The page: signing in, the tabs, and what is shown around them.

import {
  mdiAccountVoice,
  mdiCog,
  mdiFormatListBulletedSquare,
  mdiMessageTextOutline,
  mdiServer,
  mdiWaveform,
} from "@mdi/js";
import { css, html, nothing, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { CookieConnection } from "./core/api";
import { LANGUAGES, language, t, type Key } from "./core/localize";
import { applyTheme, readTheme, savePreference, type Theme } from "./core/preferences";
import { Server } from "./core/server";
import type { Session } from "./core/types";
import "./sign-in";
import "./ui/icon";
import { WcElement } from "./ui/element";
import { sharedStyles } from "./ui/styles";

interface Tab {
  id: string;
  title: Key;
  icon: string;
  load: () => Promise<unknown>;
  render: (server: Server) => TemplateResult;
}

/** Each tab is loaded when it is opened first. */
const TABS: Tab[] = [
  {
    id: "requests",
    title: "tab.requests",
    icon: mdiFormatListBulletedSquare,
    load: () => import("./requests/requests-tab"),
    render: (server) => html`<wc-requests-tab .server=${server}></wc-requests-tab>`,
  },
  {
    id: "talk",
    title: "tab.talk",
    icon: mdiMessageTextOutline,
    load: () => import("./talk/talk-tab"),
    render: (server) => html`<wc-talk-tab .server=${server}></wc-talk-tab>`,
  },
  {
    id: "voices",
    title: "tab.voices",
    icon: mdiAccountVoice,
    load: () => import("./voices/voices-tab"),
    render: (server) => html`<wc-voices-tab .server=${server}></wc-voices-tab>`,
  },
  {
    id: "studio",
    title: "tab.studio",
    icon: mdiWaveform,
    load: () => import("./studio/studio-tab"),
    render: (server) => html`<wc-studio-tab .server=${server}></wc-studio-tab>`,
  },
  {
    id: "machine",
    title: "tab.machine",
    icon: mdiServer,
    load: () => import("./machine/machine-tab"),
    render: (server) => html`<wc-machine-tab .server=${server}></wc-machine-tab>`,
  },
];

@customElement("wc-app")
export class WcApp extends WcElement {
  static override styles = [
    sharedStyles,
    css`
      .frame {
        display: grid;
        grid-template-columns: 232px minmax(0, 1fr);
        min-height: 100dvh;
      }
      aside {
        position: sticky;
        top: 0;
        height: 100dvh;
        display: flex;
        flex-direction: column;
        padding: 20px 12px;
        border-right: 1px solid var(--wc-line);
        background: var(--wc-card);
      }
      .brand {
        display: flex;
        align-items: center;
        gap: 12px;
        padding: 4px 10px 20px;
        font-size: 15px;
        font-weight: 600;
        line-height: 1.25;
      }
      .brand img {
        width: 34px;
        height: 34px;
      }
      nav {
        display: grid;
        gap: 2px;
      }
      nav a {
        display: flex;
        align-items: center;
        gap: 14px;
        padding: 10px 12px;
        border-radius: 10px;
        color: var(--wc-muted);
        font-weight: 500;
        text-decoration: none;
      }
      nav a:hover {
        background: var(--wc-raised);
      }
      nav a[aria-current="page"] {
        background: var(--wc-soft);
        color: var(--wc-accent);
      }
      .preferences {
        position: relative;
        margin-top: auto;
      }
      .preferences summary {
        display: flex;
        align-items: center;
        gap: 14px;
        padding: 10px 12px;
        border-radius: 10px;
        color: var(--wc-muted);
        font-weight: 500;
        cursor: pointer;
        list-style: none;
      }
      .preferences summary::-webkit-details-marker {
        display: none;
      }
      .preferences summary:hover {
        background: var(--wc-raised);
      }
      .menu {
        display: grid;
        gap: 14px;
        position: absolute;
        z-index: 20;
        bottom: 48px;
        left: 0;
        width: 250px;
        padding: 16px;
        border: 1px solid var(--wc-line);
        border-radius: 14px;
        background: var(--wc-card);
        box-shadow: 0 12px 36px rgb(0 0 0 / 18%);
      }
      .menu label {
        display: grid;
        gap: 4px;
        font-size: 13px;
        color: var(--wc-muted);
      }
      main {
        width: 100%;
        max-width: 1180px;
        padding: 28px 32px 64px;
      }
      h1 {
        margin-bottom: 20px;
        font-size: 26px;
        font-weight: 650;
        line-height: 1.25;
        letter-spacing: -0.015em;
      }
      .offline {
        position: sticky;
        z-index: 10;
        top: 12px;
        margin-bottom: 16px;
      }
      .skip {
        position: absolute;
        left: -999px;
      }
      .skip:focus {
        left: 12px;
        top: 12px;
        z-index: 50;
        padding: 8px 14px;
        background: var(--wc-card);
      }
      .head {
        display: none;
      }
      @media (max-width: 860px) {
        .frame {
          display: block;
        }
        .head {
          display: flex;
          align-items: center;
          gap: 12px;
          position: sticky;
          top: 0;
          z-index: 15;
          height: 56px;
          padding: 0 8px 0 16px;
          border-bottom: 1px solid var(--wc-line);
          background: var(--wc-card);
          font-weight: 600;
        }
        .head img {
          width: 28px;
          height: 28px;
        }
        .head .preferences {
          margin: 0 0 0 auto;
        }
        .head .menu {
          top: 48px;
          bottom: auto;
          right: 0;
          left: auto;
        }
        aside {
          position: fixed;
          z-index: 15;
          inset: auto 0 0;
          height: auto;
          display: block;
          padding: 4px 4px calc(4px + env(safe-area-inset-bottom));
          border: 0;
          border-top: 1px solid var(--wc-line);
        }
        aside .brand,
        aside .preferences {
          display: none;
        }
        nav {
          grid-auto-flow: column;
          grid-auto-columns: minmax(0, 1fr);
        }
        nav a {
          flex-direction: column;
          gap: 3px;
          padding: 7px 2px;
          font-size: 11.5px;
          line-height: 1.2;
          text-align: center;
        }
        main {
          padding: 20px 16px 96px;
        }
        h1 {
          font-size: 22px;
          margin-bottom: 16px;
        }
      }
    `,
  ];

  private connection = new CookieConnection(document.baseURI, () => this.onSignedOut());
  @state() private session: Session | undefined;
  @state() private server: Server | undefined;
  @state() private tab = TABS[0] as Tab;
  @state() private loaded = new Set<string>();
  @state() private failed = false;
  private stopListening: (() => void) | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener("hashchange", this.onHashChange);
    this.onHashChange();
    void this.readSession();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener("hashchange", this.onHashChange);
    this.server?.stop();
  }

  private onHashChange = (): void => {
    const id = location.hash.replace(/^#\/?/, "").split("/")[0];
    this.tab = TABS.find((tab) => tab.id === id) ?? (TABS[0] as Tab);
    document.title = `${t(this.tab.title)} – Wyoming Conductor`;
    const { id: name, load } = this.tab;
    void load().then(() => (this.loaded = new Set(this.loaded).add(name)));
  };

  private async readSession(): Promise<void> {
    try {
      this.start(await this.connection.request<Session>("GET", "/session"));
      this.failed = false;
    } catch {
      this.failed = true;
      window.setTimeout(() => void this.readSession(), 2_000);
    }
  }

  private start(session: Session): void {
    this.session = session;
    if (!session.scope) return;
    this.server = new Server(this.connection, session.scope);
    this.stopListening = this.server.listen((event) => {
      if (event === undefined) this.requestUpdate();
    });
    this.server.start();
  }

  private onSignedOut(): void {
    this.stopListening?.();
    this.server?.stop();
    this.server = undefined;
    if (this.session) this.session = { ...this.session, signed_in: false, scope: null };
  }

  private async signOut(): Promise<void> {
    await this.run(this.connection.request("DELETE", "/session"));
    this.onSignedOut();
  }

  private chooseLanguage(event: Event): void {
    savePreference("language", (event.target as HTMLSelectElement).value);
    location.reload();
  }

  override render() {
    if (!this.session) {
      return this.failed ? html`<p class="empty">${t("error.unreachable")}</p>` : nothing;
    }
    if (!this.server) {
      return html`<wc-sign-in
        .connection=${this.connection}
        @signed-in=${(event: CustomEvent<Session>) => this.start(event.detail)}
      ></wc-sign-in>`;
    }
    return html`
      <a class="skip" href="#main" @click=${this.focusMain}>${t("app.skip")}</a>
      <div class="head">${this.renderIcon()} Wyoming Conductor ${this.renderPreferences()}</div>
      <div class="frame">
        <aside>
          <div class="brand">${this.renderIcon()} Wyoming Conductor</div>
          <nav aria-label=${t("app.tabs")}>
            ${TABS.map(
              (tab) =>
                html`<a
                  href="#/${tab.id}"
                  aria-current=${tab === this.tab ? "page" : "false"}
                  ><wc-icon .path=${tab.icon}></wc-icon>${t(tab.title)}</a
                >`,
            )}
          </nav>
          ${this.renderPreferences()}
        </aside>
        <main id="main" tabindex="-1">
          ${this.server.online
            ? nothing
            : html`<p class="note warn offline" role="status">${t("app.offline")}</p>`}
          <h1>${t(this.tab.title)}</h1>
          ${this.loaded.has(this.tab.id) && this.server.snapshot
            ? this.tab.render(this.server)
            : nothing}
        </main>
      </div>
    `;
  }

  private renderIcon() {
    return html`<img src=${new URL("./icon.svg", import.meta.url).href} alt="" />`;
  }

  private focusMain(event: Event): void {
    event.preventDefault();
    this.renderRoot.querySelector<HTMLElement>("#main")?.focus();
  }

  private renderPreferences() {
    const themes: Theme[] = ["auto", "light", "dark"];
    return html`<details class="preferences" @focusout=${this.closeMenu} @keydown=${this.onMenuKey}>
      <summary aria-label=${t("app.preferences")}>
        <wc-icon .path=${mdiCog}></wc-icon>${t("app.preferences")}
      </summary>
      <div class="menu">
        <label>
          ${t("app.theme")}
          <select @change=${(event: Event) => applyTheme((event.target as HTMLSelectElement).value as Theme)}>
            ${themes.map(
              (theme) =>
                html`<option value=${theme} ?selected=${theme === readTheme()}>
                  ${t(`app.theme.${theme}`)}
                </option>`,
            )}
          </select>
        </label>
        <label>
          ${t("app.language")}
          <select @change=${this.chooseLanguage}>
            ${Object.entries(LANGUAGES).map(
              ([code, name]) =>
                html`<option value=${code} lang=${code} ?selected=${code === language()}>${name}</option>`,
            )}
          </select>
        </label>
        <span class="small muted">${t("app.version", { version: this.session?.version ?? "" })}</span>
        ${this.session?.signed_in
          ? html`<button @click=${this.signOut}>${t("app.sign_out")}</button>`
          : nothing}
      </div>
    </details>`;
  }

  private closeMenu(event: FocusEvent): void {
    const menu = event.currentTarget as HTMLDetailsElement;
    if (event.relatedTarget && !menu.contains(event.relatedTarget as Node)) menu.open = false;
  }

  private onMenuKey(event: KeyboardEvent): void {
    if (event.key !== "Escape") return;
    const menu = event.currentTarget as HTMLDetailsElement;
    menu.open = false;
    menu.querySelector("summary")?.focus();
  }
}


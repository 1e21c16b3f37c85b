import{D as e,T as t,f as n,l as r,v as i,y as a}from"./assets/icon-CCieYufY.js";import{_ as o,d as s,f as c,g as l,h as u,i as d,l as f,m as p,o as m,s as h,t as g,u as _,w as v,x as y,y as b}from"./assets/element-CzkuUGwN.js";import{t as x}from"./assets/server-BF0_uQv_.js";import{n as S,t as C}from"./assets/hass-BuTajfvc.js";import{t as w}from"./assets/strings-5y_UnJkn.js";var T=v`
  :host {
    display: block;
    min-height: 100%;
    --wc-bg: var(--primary-background-color);
    --wc-card: var(--ha-card-background, var(--card-background-color, #fff));
    --wc-raised: var(--secondary-background-color);
    --wc-text: var(--primary-text-color);
    --wc-muted: var(--secondary-text-color);
    --wc-line: var(--divider-color);
    --wc-accent: var(--primary-color);
    --wc-on-accent: var(--text-primary-color, #fff);
    --wc-soft: color-mix(in srgb, var(--wc-accent) 14%, var(--wc-card));
    /* Home Assistant's colors of states are too light for text; mixed with that of text they are not. */
    --wc-ok: color-mix(in srgb, var(--success-color) 65%, var(--wc-text));
    --wc-ok-soft: color-mix(in srgb, var(--success-color) 14%, var(--wc-card));
    --wc-warn: color-mix(in srgb, var(--warning-color) 60%, var(--wc-text));
    --wc-warn-soft: color-mix(in srgb, var(--warning-color) 14%, var(--wc-card));
    --wc-error: color-mix(in srgb, var(--error-color) 75%, var(--wc-text));
    --wc-error-soft: color-mix(in srgb, var(--error-color) 14%, var(--wc-card));
    --wc-1: light-dark(#1a86bd, #3d9fd3);
    --wc-2: light-dark(#6a58c9, #8c7ce6);
    --wc-3: light-dark(#1d9077, #35ad92);
    --wc-4: light-dark(#c2617f, #d97e9a);
    --wc-5: light-dark(#b57b17, #cf9633);
    --wc-6: light-dark(#5f7f2c, #86a94d);
    --wc-other: light-dark(#a3adb8, #5d6875);
    --wc-font: var(--ha-font-family-body, Roboto, Noto, sans-serif);
    --wc-mono: var(--ha-font-family-code, ui-monospace, monospace);
    --wc-shadow: var(--ha-card-box-shadow, none);
    background: var(--wc-bg);
    color: var(--wc-text);
    font: 15px/1.5 var(--wc-font);
  }
`,E=[{id:`conversations`,title:()=>w(`tab.conversations`),icon:i,load:()=>p(()=>import(`./assets/conversations-DXrLpvac.js`),[],import.meta.url),render:(e,t)=>y`<wc-conversations .server=${t}></wc-conversations>`},{id:`satellites`,title:()=>w(`tab.satellites`),icon:e,load:()=>p(()=>import(`./assets/satellites-CKSjcPxP.js`),[],import.meta.url),render:(e,t)=>y`<wc-satellites .server=${t} .hass=${e.hass} .entryId=${e.entryId}></wc-satellites>`},{id:`voices`,title:()=>c(`tab.voices`),icon:n,load:()=>p(()=>import(`./assets/voices-tab-hi2tRqiV.js`),[],import.meta.url),render:(e,t)=>y`<wc-voices-tab .server=${t}></wc-voices-tab>`},{id:`machine`,title:()=>c(`tab.machine`),icon:t,load:()=>Promise.all([p(()=>import(`./assets/machine-tab-DoL6JFFP.js`),[],import.meta.url),p(()=>import(`./assets/options-B1vkNQXy.js`),[],import.meta.url)]),render:(e,t)=>y`<wc-machine-tab .server=${t}></wc-machine-tab>
        <wc-options .hass=${e.hass} .entryId=${e.entryId}></wc-options>`}],D=[`hashchange`,`popstate`,`location-changed`],O=class extends g{constructor(...e){super(...e),this.narrow=!1,this.entryId=``,this.tab=E[0],this.loaded=new Set,this.shownLanguage=``,this.serverKey=``,this.stops=[],this.onLocation=()=>{if(!location.pathname.startsWith(`/wyoming-conductor`))return;let e=location.hash.replace(/^#\/?/,``).split(`/`)[0];this.tab=E.find(t=>t.id===e)??E[0];let{id:t,load:n}=this.tab;n().then(()=>this.loaded=new Set(this.loaded).add(t))}}static{this.styles=[h,T,v`
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
    `]}connectedCallback(){super.connectedCallback();for(let e of D)window.addEventListener(e,this.onLocation);this.onLocation(),this.hasUpdated&&this.subscribe()}disconnectedCallback(){super.disconnectedCallback();for(let e of D)window.removeEventListener(e,this.onLocation);this.stopServer(),this.stopServers?.(),this.stopServers=void 0,m(void 0)}firstUpdated(){this.subscribe()}async subscribe(){m(this.renderRoot.querySelector(`#overlays`)??void 0);let e=await this.run(this.hass.connection.subscribeMessage(({servers:e})=>this.setServers(e),{type:`wyoming_conductor/panel/servers`}));this.isConnected?this.stopServers=e:e?.()}setServers(e){this.servers=e;let t=this.entryId||new URLSearchParams(location.search).get(`config_entry`),n=e.find(e=>e.entry_id===t)??e.find(e=>e.state===`loaded`)??e[0];this.chooseServer(n)}chooseServer(e){if(this.entryId=e?.entry_id??``,!e||e.state!==`loaded`&&this.serverKey.startsWith(e.entry_id))return;let t=`${e.entry_id} ${e.scope}`;if(t===this.serverKey||(this.stopServer(),e.state!==`loaded`))return;this.serverKey=t;let n=new x(new C(()=>this.hass,e.entry_id),e.scope);this.server=n,this.stops.push(n.listen(e=>{e===void 0&&this.requestUpdate()}),()=>n.stop()),n.start()}stopServer(){for(let e of this.stops.splice(0))e();this.server=void 0,this.serverKey=``}willUpdate(e){if(!e.has(`hass`))return;r(S(this.hass)),this.style.colorScheme=this.hass.themes.darkMode?`dark`:`light`;let t=e.get(`hass`);t&&t.themes.darkMode!==this.hass.themes.darkMode&&window.dispatchEvent(new Event(`wc-theme`)),t?.language!==this.hass.language&&s(_(this.hass.language,[])).then(()=>this.shownLanguage=f())}render(){return y`${this.shownLanguage?this.renderPanel():b}
      <div id="overlays"></div>`}renderPanel(){let{servers:e=[]}=this;return y`
      <header>
        <div class="title">
          ${this.narrow?y`<button aria-label=${w(`menu`)} @click=${this.toggleMenu}>
                <wc-icon .path=${a}></wc-icon>
              </button>`:b}
          <h1 class="clip">${e.length>1?`Conductor`:e[0]?.title??`Conductor`}</h1>
          ${e.length>1?y`<select aria-label=${w(`server`)} @change=${this.onServerChosen}>
                ${e.map(e=>y`<option value=${e.entry_id} ?selected=${e.entry_id===this.entryId}>${e.title}</option>`)}
              </select>`:b}
        </div>
        <nav aria-label=${c(`app.tabs`)}>
          ${E.map(e=>y`<a href="#/${e.id}" aria-current=${e===this.tab?`page`:`false`}>
                <wc-icon .path=${e.icon}></wc-icon>${e.title()}
              </a>`)}
        </nav>
      </header>
      <main>${this.renderNote()} ${this.renderTab()}</main>
    `}renderNote(){let e=this.servers?.find(e=>e.entry_id===this.entryId);return this.servers?e?e.state===`loaded`?this.server&&!this.server.online?y`<p class="note warn" role="status">${w(`offline`)}</p>`:b:y`<p class="note warn" role="status">
        <span class="grow">${w(`not_loaded`)} ${e.reason??``}</span>
        <a href="/config/integrations/integration/wyoming_conductor">${w(`not_loaded.open`)}</a>
      </p>`:y`<p class="empty">
        ${w(`none`)}<br /><br />
        <a href="/config/integrations/dashboard/add?domain=wyoming_conductor">${w(`none.add`)}</a>
      </p>`:b}renderTab(){let{server:e}=this;return e?e.snapshot?this.loaded.has(this.tab.id)?this.tab.render(this,e):b:e.online?y`<p class="empty">${w(`loading`)}</p>`:b:b}onServerChosen(e){let t=e.target.value,n=this.servers?.find(e=>e.entry_id===t);history.replaceState(history.state,``,`?config_entry=${t}${location.hash}`),this.chooseServer(n)}toggleMenu(){this.dispatchEvent(new Event(`hass-toggle-menu`,{bubbles:!0,composed:!0}))}};d([l({attribute:!1})],O.prototype,`hass`,void 0),d([l({type:Boolean})],O.prototype,`narrow`,void 0),d([u()],O.prototype,`entryId`,void 0),d([u()],O.prototype,`servers`,void 0),d([u()],O.prototype,`server`,void 0),d([u()],O.prototype,`tab`,void 0),d([u()],O.prototype,`loaded`,void 0),d([u()],O.prototype,`shownLanguage`,void 0),O=d([o(`wyoming-conductor-panel`)],O);export{O as WyomingConductorPanel};
const __vite__mapDeps=(i,m=__vite__mapDeps,d=(m.f||(m.f=["./requests-tab-BGD9cRvS.js","./icon-CgDB_Qno.js","./localize-C6ttZHhD.js","./repeat-D6Z6ouX5.js","./directive-helpers-DiYb0vIA.js","./query-DDQkTGvL.js","./format-BTQftpua.js","./model-2aQX6AkU.js","./talk-tab-BLcPk1iq.js","./voices-tab-_5ovsioL.js","./model-list-Ts4cQIJ1.js","./studio-tab-DMPR9IyG.js","./machine-tab-Jzqxi_X3.js"])))=>i.map(i=>d[i]);
import{D as e,N as t,P as n,W as r,Y as i,d as a,f as o,g as s,i as c,l,m as u,n as d,o as f,p,s as m,t as h,u as g,v as _,x as v}from"./icon-CgDB_Qno.js";import{a as y,n as b,s as x,t as S}from"./localize-C6ttZHhD.js";import{i as C,r as w,t as T}from"./preferences-iBqroLOZ.js";import{t as E}from"./query-DDQkTGvL.js";var D=6,O=class extends h{constructor(...e){super(...e),this.mode=`code`,this.value=``,this.asked=!1,this.busy=!1,this.error=``}static{this.styles=[f,_`
      :host {
        display: grid;
        place-items: center;
        min-height: 100dvh;
        padding: 24px 16px;
      }
      main {
        width: min(420px, 100%);
        padding: 32px;
      }
      img {
        width: 56px;
        height: 56px;
      }
      h1 {
        margin: 16px 0 4px;
        font-size: 22px;
        font-weight: 600;
        letter-spacing: -0.01em;
      }
      form {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 14px;
        margin-top: 24px;
      }
      label {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 6px;
        font-size: 14px;
        font-weight: 500;
      }
      input {
        width: 100%;
        min-height: 46px;
      }
      input.code {
        font-size: 24px;
        letter-spacing: 0.35em;
        text-align: center;
        font-variant-numeric: tabular-nums;
      }
      button {
        min-height: 44px;
      }
      .error-text {
        font-size: 14px;
      }
      code {
        font-family: var(--wc-mono);
        font-size: 13px;
        overflow-wrap: anywhere;
      }
    `]}firstUpdated(){this.input.focus()}async askForCode(){this.error=``;try{await this.connection.request(`POST`,`/pair/code`),this.asked=!0}catch(e){this.error=d(e)}this.input.focus()}async signIn(e){if(e?.preventDefault(),!this.busy){this.busy=!0,this.error=``;try{let e=await this.connection.request(`POST`,`/sessions`,{[this.mode]:this.value.trim()});this.dispatchEvent(new CustomEvent(`signed-in`,{detail:e}))}catch(e){let t=e instanceof l&&e.status===400;this.error=t?y(`signin.six_digits`):d(e),this.value=this.mode===`code`?``:this.value}finally{this.busy=!1}await this.updateComplete,this.input.focus()}}onInput(e){let t=e.target.value;this.value=this.mode===`code`?t.replace(/\D/g,``).slice(0,D):t,this.mode===`code`&&(this.input.value=this.value),this.mode===`code`&&this.value.length===D&&this.signIn()}async switchMode(){this.mode=this.mode===`code`?`token`:`code`,this.value=this.error=``,await this.updateComplete,this.input.focus()}render(){let e=this.mode===`code`;return s`<main class="card">
      <img src=${new URL(new URL(`icon-CHEBDk2v.svg`,import.meta.url).href,``+import.meta.url).href} alt="" />
      <h1>Wyoming Conductor</h1>
      <p class="muted">${y(e?`signin.code_help`:`signin.token_help`)}</p>
      <form @submit=${this.signIn}>
        <label>
          ${y(e?`signin.code`:`signin.token`)}
          <input
            class=${e?`code`:``}
            type=${e?`text`:`password`}
            inputmode=${e?`numeric`:`text`}
            autocomplete=${e?`one-time-code`:`current-password`}
            aria-describedby="message"
            aria-invalid=${this.error?`true`:`false`}
            .value=${this.value}
            @input=${this.onInput}
          />
        </label>
        <p id="message" class=${this.error?`error-text`:`muted small`} role="alert">
          ${this.error||(e&&this.asked?y(`signin.code_shown`):``)}
        </p>
        ${e&&!this.asked?s`<button type="button" class="primary" @click=${this.askForCode}>
              ${y(`signin.show_code`)}
            </button>`:s`<button class="primary" ?disabled=${!this.value||this.busy}>
              ${y(`signin.submit`)}
            </button>`}
        <button type="button" class="quiet" @click=${this.switchMode}>
          ${y(e?`signin.use_token`:`signin.use_code`)}
        </button>
      </form>
    </main>`}};c([o({attribute:!1})],O.prototype,`connection`,void 0),c([a()],O.prototype,`mode`,void 0),c([a()],O.prototype,`value`,void 0),c([a()],O.prototype,`asked`,void 0),c([a()],O.prototype,`busy`,void 0),c([a()],O.prototype,`error`,void 0),c([E(`input`)],O.prototype,`input`,void 0),O=c([p(`wc-sign-in`)],O);var k=[{id:`requests`,title:`tab.requests`,icon:t,load:()=>x(()=>import(`./requests-tab-BGD9cRvS.js`),__vite__mapDeps([0,1,2,3,4,5,6,7]),import.meta.url),render:e=>s`<wc-requests-tab .server=${e}></wc-requests-tab>`},{id:`talk`,title:`tab.talk`,icon:n,load:()=>x(()=>import(`./talk-tab-BLcPk1iq.js`),__vite__mapDeps([8,1,2,6]),import.meta.url),render:e=>s`<wc-talk-tab .server=${e}></wc-talk-tab>`},{id:`voices`,title:`tab.voices`,icon:v,load:()=>x(()=>import(`./voices-tab-_5ovsioL.js`),__vite__mapDeps([9,1,2,5,3,4,6,10]),import.meta.url),render:e=>s`<wc-voices-tab .server=${e}></wc-voices-tab>`},{id:`studio`,title:`tab.studio`,icon:i,load:()=>x(()=>import(`./studio-tab-DMPR9IyG.js`),__vite__mapDeps([11,1,2,4,5,6,3,7]),import.meta.url),render:e=>s`<wc-studio-tab .server=${e}></wc-studio-tab>`},{id:`machine`,title:`tab.machine`,icon:r,load:()=>x(()=>import(`./machine-tab-Jzqxi_X3.js`),__vite__mapDeps([12,1,2,5,6,4,10]),import.meta.url),render:e=>s`<wc-machine-tab .server=${e}></wc-machine-tab>`}],A=class extends h{constructor(...e){super(...e),this.connection=new g(document.baseURI,()=>this.onSignedOut()),this.tab=k[0],this.loaded=new Set,this.failed=!1,this.onHashChange=()=>{let e=location.hash.replace(/^#\/?/,``).split(`/`)[0];this.tab=k.find(t=>t.id===e)??k[0],document.title=`${y(this.tab.title)} – Wyoming Conductor`;let{id:t,load:n}=this.tab;n().then(()=>this.loaded=new Set(this.loaded).add(t))}}static{this.styles=[f,_`
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
    `]}connectedCallback(){super.connectedCallback(),window.addEventListener(`hashchange`,this.onHashChange),this.onHashChange(),this.readSession()}disconnectedCallback(){super.disconnectedCallback(),window.removeEventListener(`hashchange`,this.onHashChange),this.server?.stop()}async readSession(){try{this.start(await this.connection.request(`GET`,`/session`)),this.failed=!1}catch{this.failed=!0,window.setTimeout(()=>void this.readSession(),2e3)}}start(e){this.session=e,e.scope&&(this.server=new m(this.connection,e.scope),this.stopListening=this.server.listen(e=>{e===void 0&&this.requestUpdate()}),this.server.start())}onSignedOut(){this.stopListening?.(),this.server?.stop(),this.server=void 0,this.session&&={...this.session,signed_in:!1,scope:null}}async signOut(){await this.run(this.connection.request(`DELETE`,`/session`)),this.onSignedOut()}chooseLanguage(e){C(`language`,e.target.value),location.reload()}render(){return this.session?this.server?s`
      <a class="skip" href="#main" @click=${this.focusMain}>${y(`app.skip`)}</a>
      <div class="head">${this.renderIcon()} Wyoming Conductor ${this.renderPreferences()}</div>
      <div class="frame">
        <aside>
          <div class="brand">${this.renderIcon()} Wyoming Conductor</div>
          <nav aria-label=${y(`app.tabs`)}>
            ${k.map(e=>s`<a
                  href="#/${e.id}"
                  aria-current=${e===this.tab?`page`:`false`}
                  ><wc-icon .path=${e.icon}></wc-icon>${y(e.title)}</a
                >`)}
          </nav>
          ${this.renderPreferences()}
        </aside>
        <main id="main" tabindex="-1">
          ${this.server.online?u:s`<p class="note warn offline" role="status">${y(`app.offline`)}</p>`}
          <h1>${y(this.tab.title)}</h1>
          ${this.loaded.has(this.tab.id)&&this.server.snapshot?this.tab.render(this.server):u}
        </main>
      </div>
    `:s`<wc-sign-in
        .connection=${this.connection}
        @signed-in=${e=>this.start(e.detail)}
      ></wc-sign-in>`:this.failed?s`<p class="empty">${y(`error.unreachable`)}</p>`:u}renderIcon(){return s`<img src=${new URL(new URL(`icon-CHEBDk2v.svg`,import.meta.url).href,``+import.meta.url).href} alt="" />`}focusMain(e){e.preventDefault(),this.renderRoot.querySelector(`#main`)?.focus()}renderPreferences(){return s`<details class="preferences" @focusout=${this.closeMenu} @keydown=${this.onMenuKey}>
      <summary aria-label=${y(`app.preferences`)}>
        <wc-icon .path=${e}></wc-icon>${y(`app.preferences`)}
      </summary>
      <div class="menu">
        <label>
          ${y(`app.theme`)}
          <select @change=${e=>T(e.target.value)}>
            ${[`auto`,`light`,`dark`].map(e=>s`<option value=${e} ?selected=${e===w()}>
                  ${y(`app.theme.${e}`)}
                </option>`)}
          </select>
        </label>
        <label>
          ${y(`app.language`)}
          <select @change=${this.chooseLanguage}>
            ${Object.entries(S).map(([e,t])=>s`<option value=${e} lang=${e} ?selected=${e===b()}>${t}</option>`)}
          </select>
        </label>
        <span class="small muted">${y(`app.version`,{version:this.session?.version??``})}</span>
        ${this.session?.signed_in?s`<button @click=${this.signOut}>${y(`app.sign_out`)}</button>`:u}
      </div>
    </details>`}closeMenu(e){let t=e.currentTarget;e.relatedTarget&&!t.contains(e.relatedTarget)&&(t.open=!1)}onMenuKey(e){if(e.key!==`Escape`)return;let t=e.currentTarget;t.open=!1,t.querySelector(`summary`)?.focus()}};c([a()],A.prototype,`session`,void 0),c([a()],A.prototype,`server`,void 0),c([a()],A.prototype,`tab`,void 0),c([a()],A.prototype,`loaded`,void 0),c([a()],A.prototype,`failed`,void 0),A=c([p(`wc-app`)],A);export{A as WcApp};
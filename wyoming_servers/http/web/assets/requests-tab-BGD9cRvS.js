import{A as e,E as t,F as n,K as r,c as i,d as a,f as o,g as s,i as c,k as l,m as u,n as d,o as f,p,t as m,v as h,x as g}from"./icon-CgDB_Qno.js";import{t as _}from"./repeat-D6Z6ouX5.js";import{a as v,o as y}from"./localize-C6ttZHhD.js";import{u as b}from"./directive-helpers-DiYb0vIA.js";import{c as x,s as S}from"./format-BTQftpua.js";import{i as C,n as w,r as T,t as E}from"./model-2aQX6AkU.js";var D=class extends m{constructor(...e){super(...e),this.correction=``,this.busy=!1,this.results=[]}static{this.styles=[f,h`
      form {
        display: flex;
        flex-wrap: wrap;
        gap: 10px;
        align-items: end;
      }
      label {
        display: grid;
        gap: 4px;
        font-size: 13px;
        color: var(--wc-muted);
      }
      label.wide {
        flex: 1;
        min-width: min(280px, 100%);
      }
      .results {
        display: grid;
        gap: 6px;
      }
    `]}firstUpdated(){this.correction=this.request.text??``}async addWords(e){let t=this.server.connection;await this.run((async()=>{let{names:n,terms:r}=await t.request(`GET`,`/vocabulary`);await t.request(`PUT`,`/vocabulary`,{names:n,terms:[...e,...r]})})(),v(`requests.words_added`,{words:e.join(`, `)}))}async setPronunciation(e){e.preventDefault();let[t,n]=[...e.target.querySelectorAll(`input`)].map(e=>e.value.trim());t&&n&&await this.run(this.server.connection.request(`PUT`,`/lexicon/*/${encodeURIComponent(t)}`,{respelling:n}),v(`requests.word_spoken`,{word:t,spoken:n}))}async replay(e){let{audio:t}=this.request;if(!t||!e)return;this.busy=!0;let n=await this.run((async()=>{let n=await(await this.server.connection.fetch(t)).blob(),r=new FormData;return r.append(`file`,n,`request.wav`),r.append(`model`,e),r.append(`response_format`,`json`),(await(await this.server.connection.fetch(`/v1/audio/transcriptions`,{method:`POST`,body:r})).json()).text})());n!==void 0&&(this.results=[...this.results.filter(t=>t.model!==e),{model:e,text:n}]),this.busy=!1}render(){return this.request.kind===`tts`?this.renderPronunciation():this.renderTranscript()}renderTranscript(){let{request:e}=this;if(e.kind!==`asr`)return u;let t=C(e.text??``,this.correction),n=(this.server.snapshot?.models??[]).filter(e=>e.kind===`asr`&&e.installed);return s`<div class="stack">
      ${e.text===null?u:s`<form @submit=${e=>e.preventDefault()}>
            <label class="wide">
              ${v(`requests.correction`)}
              <input
                .value=${this.correction}
                @input=${e=>this.correction=e.target.value}
              />
            </label>
            <button class="primary" ?disabled=${!t.length} @click=${()=>this.addWords(t)}>
              ${t.length?v(`requests.add_words`,{words:t.join(`, `)}):v(`requests.no_new_words`)}
            </button>
          </form>`}
      ${e.audio?s`<div class="results">
            <div class="row">
              <span class="small muted">${v(`requests.replay`)}</span>
              ${n.map(e=>s`<button ?disabled=${this.busy} @click=${()=>this.replay(e.id)}>${e.id}</button>`)}
            </div>
            <div aria-live="polite">
              ${this.results.map(e=>s`<p><span class="muted">${e.model}:</span> ${e.text}</p>`)}
            </div>
          </div>`:u}
    </div>`}renderPronunciation(){return this.request.text===null||!this.server.has(`lexicon`)?u:s`<form @submit=${this.setPronunciation}>
      <label class="wide">${v(`requests.word`)}<input name="word" required autocomplete="off" /></label>
      <label class="wide">${v(`requests.spoken`)}<input name="spoken" required autocomplete="off" /></label>
      <button class="primary">${v(`requests.set_pronunciation`)}</button>
    </form>`}};c([o({attribute:!1})],D.prototype,`server`,void 0),c([o({attribute:!1})],D.prototype,`request`,void 0),c([a()],D.prototype,`correction`,void 0),c([a()],D.prototype,`busy`,void 0),c([a()],D.prototype,`results`,void 0),D=c([p(`wc-correction`)],D);var O={asr:n,tts:g,wake:e},k=class extends m{constructor(...e){super(...e),this.keepsText=!1,this.open=!1}static{this.styles=[f,h`
      :host {
        border-top: 1px solid var(--wc-line);
      }
      :host(:first-child) {
        border-top: 0;
      }
      .head {
        display: grid;
        grid-template-columns: 24px minmax(0, 1fr) 190px 76px 24px;
        align-items: center;
        gap: 14px;
        width: 100%;
        min-height: 60px;
        padding: 10px 20px;
        border: 0;
        border-radius: 0;
        background: transparent;
        text-align: left;
        font-weight: 400;
        line-height: 1.4;
        white-space: normal;
      }
      .head > wc-icon {
        color: var(--wc-muted);
      }
      .head[aria-expanded="true"] > wc-icon:last-child {
        transform: rotate(180deg);
      }
      .seconds {
        text-align: right;
        font-variant-numeric: tabular-nums;
      }
      .text {
        font-size: 15px;
        overflow-wrap: anywhere;
      }
      .time {
        display: block;
        position: relative;
        height: 10px;
        border-radius: 5px;
        overflow: hidden;
        background: var(--wc-raised);
      }
      .time.large {
        height: 22px;
        border-radius: 6px;
      }
      .time i {
        position: absolute;
        top: 0;
        bottom: 0;
      }
      .stage {
        background: var(--wc-2);
      }
      .stage.speech {
        background: var(--wc-other);
      }
      .stage.queue {
        background: var(--wc-5);
      }
      .stage.load {
        background: var(--wc-4);
      }
      .stage.inference {
        background: var(--wc-1);
      }
      .stage.first_audio {
        background: var(--wc-3);
        opacity: 0.45;
      }
      .details {
        display: grid;
        gap: 16px;
        padding: 4px 20px 20px 58px;
      }
      .key {
        margin-top: 8px;
        display: flex;
        flex-wrap: wrap;
        gap: 4px 18px;
        font-size: 13px;
      }
      .key i {
        display: inline-block;
        width: 10px;
        height: 10px;
        margin-right: 6px;
        border-radius: 3px;
      }
      .forget {
        justify-self: start;
      }
      audio {
        width: min(420px, 100%);
        height: 40px;
      }
      .note {
        flex-wrap: wrap;
        align-items: center;
      }
      @media (max-width: 700px) {
        .head {
          grid-template-columns: 24px minmax(0, 1fr) auto 24px;
          padding: 10px 14px;
        }
        .head .time {
          display: none;
        }
        .details {
          padding: 4px 14px 18px;
        }
      }
    `]}render(){let{request:e}=this,n=w(e);return s`<button
        class="head"
        aria-expanded=${this.open?`true`:`false`}
        @click=${this.toggle}
      >
        <wc-icon .path=${O[e.kind]}></wc-icon>
        <span>
          <span class="text">${e.text??v(`kind.${e.kind}`)}</span>
          ${e.code?s`<span class="chip ${e.code===`CANCELLED`?``:`error`}">${y(`code`,e.code)}</span>`:n?s`<span class="chip warn">${v(`requests.slow`)}</span>`:u}
          <br /><span class="small muted"
            >${[x(e.ended_at),e.model,e.client].filter(Boolean).join(` · `)}</span
          >
        </span>
        ${this.renderTime(``)}
        <span class="seconds">${S(e.seconds)}</span>
        <wc-icon .path=${t}></wc-icon>
      </button>
      ${this.open?this.renderDetails(n):u}`}async toggle(){this.open=!this.open;let e=this.request.audio;this.open&&e&&(this.audio??=await this.run(this.server.connection.media(e)))}renderTime(e){return s`<span class="time ${e}"
      >${E(this.request.stages).map(e=>s`<i
            class="stage ${e.stage}"
            title="${y(`stage`,e.stage)}: ${S(e.end-e.start)}"
            .style=${`left: ${e.left}%; width: ${e.width}%`}
          ></i>`)}</span
    >`}renderDetails(e){let{request:t}=this;return s`<div class="details">
      ${e?this.renderDiagnosis(e):u}
      ${t.stages.length?s`<div>
            ${this.renderTime(`large`)}
            <ul class="key" aria-label=${v(`requests.stages`)}>
              ${t.stages.map(e=>s`<li>
                    <i class="stage ${e.stage}"></i>${y(`stage`,e.stage)}
                    <span class="muted number">${S(e.end-e.start)}</span>
                  </li>`)}
            </ul>
          </div>`:u}
      ${t.audio?s`<audio
            controls
            preload="none"
            src=${this.audio??u}
            aria-label=${v(`requests.audio`)}
          ></audio>`:u}
      ${t.text!==null||t.audio?s`<button class="quiet danger forget" @click=${this.forget}>
            <wc-icon .path=${r}></wc-icon>${v(`requests.forget_one`)}
          </button>`:u}
      ${t.text===null&&!t.audio?s`<p class="small muted">${v(this.keepsText?`requests.text_gone`:`requests.text_off`)}</p>`:s`<wc-correction .server=${this.server} .request=${t}></wc-correction>`}
    </div>`}async forget(){let e=this.server.connection.request(`DELETE`,`/requests/${this.request.id}`);await this.run(e,v(`requests.forgotten`)),this.dispatchEvent(new CustomEvent(`changed`))}renderDiagnosis(e){let{request:t}=this,n=T(this.server.snapshot);return s`<div class="note ${t.code?`error`:`warn`}">
      <span class="grow">
        ${v(`cause.${e.cause}`,{time:S(e.seconds),model:t.model})}
        ${t.message}
      </span>
      ${e.cures.filter(e=>e!==`unload_idle`||n).map(e=>s`<button @click=${()=>this.cure(e,n)}>
              ${v(`cure.${e}`,{model:e===`unload_idle`?n??``:t.model})}
            </button>`)}
    </div>`}async cure(e,t){let n=this.server.connection,r=this.request.model;switch(e){case`keep_loaded`:await this.run(n.request(`PATCH`,`/config`,{models:{[r]:{pinned:!0}}}),v(`machine.pinned`,{model:r}));break;case`unload_idle`:t&&await this.run(n.request(`POST`,`/models/${t}/unload`));break;case`memory`:location.hash=`#/machine`;break;case`install`:location.hash=`#/voices`;break;case`settings`:location.hash=`#/machine/settings`;break;case`log`:location.hash=`#/machine/log`}}};c([o({attribute:!1})],k.prototype,`server`,void 0),c([o({attribute:!1})],k.prototype,`request`,void 0),c([o({type:Boolean})],k.prototype,`keepsText`,void 0),c([a()],k.prototype,`open`,void 0),c([a()],k.prototype,`audio`,void 0),k=c([p(`wc-request-row`)],k);var A=100,j=250,M=[`all`,`asr`,`tts`,`wake`],N=class extends m{constructor(...e){super(...e),this.kind=`all`,this.failedOnly=!1,this.search=``,this.error=``,this.timer=0,this.controller=new i(this,e=>{let t=String(e.type);/^(request_finished|stream_opened|events_lost|config_changed)$/.test(t)&&this.readSoon()})}static{this.styles=[f,h`
      .privacy label {
        display: inline-flex;
        align-items: center;
        gap: 8px;
      }
      .privacy .row {
        gap: 20px;
      }
      .list-card {
        padding: 4px 0;
      }
      input[type="search"] {
        flex: 1;
        min-width: 160px;
      }
    `]}connectedCallback(){super.connectedCallback(),this.read()}disconnectedCallback(){super.disconnectedCallback(),window.clearTimeout(this.timer)}readSoon(){window.clearTimeout(this.timer),this.timer=window.setTimeout(()=>void this.read(),j)}async read(){let e=this.kind===`all`?``:`&kind=${this.kind}`,t=this.failedOnly?`&failed=true`:``;try{this.list=await this.server.connection.request(`GET`,`/requests?limit=${A}${e}${t}`),this.error=``}catch(e){this.error=d(e)}}async setKept(e,t){await this.run(this.server.connection.request(`PATCH`,`/config`,{requests:{[e]:t}})),await this.read()}async forget(){await b({title:v(`requests.forget_title`),text:v(`requests.forget_text`),confirm:v(`requests.forget`),danger:!0})&&(await this.run(this.server.connection.request(`DELETE`,`/requests`),v(`requests.forgotten`)),await this.read())}export(e){let t=new Blob([JSON.stringify(e,null,1)],{type:`application/json`}),n=document.createElement(`a`);n.href=URL.createObjectURL(t),n.download=`requests.json`,n.click(),URL.revokeObjectURL(n.href)}render(){if(!this.server.canOperate)return s`<p class="empty">${v(`requests.not_allowed`)}</p>`;if(this.error)return s`<p class="note error">${this.error}</p>`;let e=this.list;if(!e)return u;let t=this.search.toLowerCase(),n=e.requests.filter(e=>[e.text??``,e.client,e.model,e.code,e.message].join(` `).toLowerCase().includes(t));return s`<div class="stack">
      ${this.renderPrivacy(e)}
      <div class="row">
        <div class="subtabs" role="group" aria-label=${v(`requests.kind`)}>
          ${M.map(e=>s`<button
                aria-pressed=${e===this.kind?`true`:`false`}
                @click=${()=>this.choose(e)}
              >
                ${v(e===`all`?`requests.all`:`kind.${e}`)}
              </button>`)}
          <button
            aria-pressed=${this.failedOnly?`true`:`false`}
            @click=${()=>{this.failedOnly=!this.failedOnly,this.read()}}
          >
            ${v(`requests.failed`)}
          </button>
        </div>
        <input
          type="search"
          placeholder=${v(`requests.search`)}
          aria-label=${v(`requests.search`)}
          @input=${e=>this.search=e.target.value}
        />
        <button @click=${()=>this.export(n)} ?disabled=${!n.length}>
          <wc-icon .path=${l}></wc-icon>${v(`requests.export`)}
        </button>
      </div>
      <section class="card list-card" aria-label=${v(`tab.requests`)}>
        ${_(n,e=>e.id,t=>s`<wc-request-row
              .server=${this.server}
              .request=${t}
              .keepsText=${e.keep_text}
              @changed=${this.read}
            ></wc-request-row>`)}
        ${n.length?u:s`<p class="empty">${v(`requests.none`)}</p>`}
      </section>
    </div>`}choose(e){this.kind=e,this.read()}renderPrivacy(e){let t=e.requests.some(e=>e.text!==null||e.audio!==null),n=!this.server.isAdmin;return s`<section class="card privacy">
      <div class="spread">
        <div class="row">
          <label>
            <input
              type="checkbox"
              .checked=${e.keep_text}
              ?disabled=${n}
              @change=${e=>this.setKept(`keep_text`,e.target.checked)}
            />${v(`requests.keep_text`)}
          </label>
          <label>
            <input
              type="checkbox"
              .checked=${e.keep_audio}
              ?disabled=${n}
              @change=${e=>this.setKept(`keep_audio`,e.target.checked)}
            />${v(`requests.keep_audio`)}
          </label>
        </div>
        ${t?s`<button class="danger" @click=${this.forget}>
              <wc-icon .path=${r}></wc-icon>${v(`requests.forget`)}
            </button>`:u}
      </div>
      <p class="small muted">${v(n?`requests.keep_locked`:`requests.keep_help`)}</p>
    </section>`}};c([o({attribute:!1})],N.prototype,`server`,void 0),c([a()],N.prototype,`list`,void 0),c([a()],N.prototype,`kind`,void 0),c([a()],N.prototype,`failedOnly`,void 0),c([a()],N.prototype,`search`,void 0),c([a()],N.prototype,`error`,void 0),N=c([p(`wc-requests-tab`)],N);export{N as WcRequestsTab};
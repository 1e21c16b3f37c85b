import{_ as e,f as t,g as n,h as r,i,n as a,p as o,s,t as c,w as l,x as u,y as d}from"./element-CzkuUGwN.js";import{n as f}from"./server-BF0_uQv_.js";import{_ as p,b as m,f as h,g,k as _,m as v,o as y,s as b}from"./icon-CCieYufY.js";import{t as x}from"./repeat-DdosTdKp.js";import{u as S}from"./directive-helpers-D7QsL_TL.js";import{t as C}from"./strings-5y_UnJkn.js";var w=.6,T=[`first_audio`,`queue`];function E(e){let t=Math.max(...e.map(e=>e.end),0);return t<=0?[]:[...e].sort((e,t)=>Number(T.includes(t.stage))-Number(T.includes(e.stage))||e.start-t.start).map(e=>({...e,left:e.start/t*100,width:Math.max(w,(e.end-e.start)/t*100)}))}function D(e,t){return e.stages.filter(e=>e.stage===t).reduce((e,t)=>e+t.end-t.start,0)}var O=.5,k=.5,A=2,j={OOM:{cause:`memory`,seconds:0,cures:[`unload_idle`,`memory`]},MODEL_TOO_LARGE:{cause:`memory`,seconds:0,cures:[`memory`,`settings`]},MODEL_MISSING:{cause:`missing`,seconds:0,cures:[`install`]},BUSY:{cause:`busy`,seconds:0,cures:[`memory`,`settings`]},TIMEOUT:{cause:`timeout`,seconds:0,cures:[`memory`,`settings`]},UNSUPPORTED_LANGUAGE:{cause:`language`,seconds:0,cures:[`install`,`settings`]}};function M(e){if(e.code===`CANCELLED`)return;if(e.code)return j[e.code]??{cause:`failed`,seconds:0,cures:[`log`]};let t=D(e,`load`);if(t>=O)return{cause:`load`,seconds:t,cures:[`keep_loaded`]};let n=D(e,`queue`)-t;if(n>=k)return{cause:`queue`,seconds:n,cures:[`memory`]};let r=D(e,`inference`);if(e.kind===`asr`&&r>=A)return{cause:`inference`,seconds:r,cures:[`install`]}}function N(e){return[...e?.models??[]].filter(e=>e.state===`ready`&&!e.active_requests).sort((e,t)=>t.memory_bytes-e.memory_bytes)[0]?.id}function P(e,t){let n=e=>e.match(/[\p{L}\p{N}][\p{L}\p{N}'’-]*/gu)??[],r=new Set(n(e).map(e=>e.toLowerCase()));return[...new Set(n(t))].filter(e=>!r.has(e.toLowerCase()))}var F=class extends c{constructor(...e){super(...e),this.correction=``,this.busy=!1,this.results=[]}static{this.styles=[s,l`
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
    `]}firstUpdated(){this.correction=this.request.text??``}async addWords(e){let n=this.server.connection;await this.run((async()=>{let{names:t,terms:r}=await n.request(`GET`,`/vocabulary`);await n.request(`PUT`,`/vocabulary`,{names:t,terms:[...e,...r]})})(),t(`requests.words_added`,{words:e.join(`, `)}))}async setPronunciation(e){e.preventDefault();let[n,r]=[...e.target.querySelectorAll(`input`)].map(e=>e.value.trim());n&&r&&await this.run(this.server.connection.request(`PUT`,`/lexicon/*/${encodeURIComponent(n)}`,{respelling:r}),t(`requests.word_spoken`,{word:n,spoken:r}))}async replay(e){let{audio:t}=this.request;if(!t||!e)return;this.busy=!0;let n=await this.run((async()=>{let n=await(await this.server.connection.fetch(t)).blob(),r=new FormData;return r.append(`file`,n,`request.wav`),r.append(`model`,e),r.append(`response_format`,`json`),(await(await this.server.connection.fetch(`/v1/audio/transcriptions`,{method:`POST`,body:r})).json()).text})());n!==void 0&&(this.results=[...this.results.filter(t=>t.model!==e),{model:e,text:n}]),this.busy=!1}render(){return this.request.kind===`tts`?this.renderPronunciation():this.renderTranscript()}renderTranscript(){let{request:e}=this;if(e.kind!==`asr`)return d;let n=P(e.text??``,this.correction),r=(this.server.snapshot?.models??[]).filter(e=>e.kind===`asr`&&e.installed);return u`<div class="stack">
      ${e.text===null?d:u`<form @submit=${e=>e.preventDefault()}>
            <label class="wide">
              ${t(`requests.correction`)}
              <input
                .value=${this.correction}
                @input=${e=>this.correction=e.target.value}
              />
            </label>
            <button class="primary" ?disabled=${!n.length} @click=${()=>this.addWords(n)}>
              ${n.length?t(`requests.add_words`,{words:n.join(`, `)}):t(`requests.no_new_words`)}
            </button>
          </form>`}
      ${e.audio?u`<div class="results">
            <div class="row">
              <span class="small muted">${t(`requests.replay`)}</span>
              ${r.map(e=>u`<button ?disabled=${this.busy} @click=${()=>this.replay(e.id)}>${e.id}</button>`)}
            </div>
            <div aria-live="polite">
              ${this.results.map(e=>u`<p><span class="muted">${e.model}:</span> ${e.text}</p>`)}
            </div>
          </div>`:d}
    </div>`}renderPronunciation(){return this.request.text===null||!this.server.has(`lexicon`)?d:u`<form @submit=${this.setPronunciation}>
      <label class="wide">${t(`requests.word`)}<input name="word" required autocomplete="off" /></label>
      <label class="wide">${t(`requests.spoken`)}<input name="spoken" required autocomplete="off" /></label>
      <button class="primary">${t(`requests.set_pronunciation`)}</button>
    </form>`}};i([n({attribute:!1})],F.prototype,`server`,void 0),i([n({attribute:!1})],F.prototype,`request`,void 0),i([r()],F.prototype,`correction`,void 0),i([r()],F.prototype,`busy`,void 0),i([r()],F.prototype,`results`,void 0),F=i([e(`wc-correction`)],F);var I={asr:m,tts:h,wake:p},L=class extends c{constructor(...e){super(...e),this.keepsText=!1,this.open=!1}static{this.styles=[s,l`
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
    `]}render(){let{request:e}=this,n=M(e);return u`<button
        class="head"
        aria-expanded=${this.open?`true`:`false`}
        @click=${this.toggle}
      >
        <wc-icon .path=${I[e.kind]}></wc-icon>
        <span>
          <span class="text">${e.text??t(`kind.${e.kind}`)}</span>
          ${e.code?u`<span class="chip ${e.code===`CANCELLED`?``:`error`}">${o(`code`,e.code)}</span>`:n?u`<span class="chip warn">${t(`requests.slow`)}</span>`:d}
          <br /><span class="small muted"
            >${[b(e.ended_at),e.model,e.client].filter(Boolean).join(` · `)}</span
          >
        </span>
        ${this.renderTime(``)}
        <span class="seconds">${y(e.seconds)}</span>
        <wc-icon .path=${v}></wc-icon>
      </button>
      ${this.open?this.renderDetails(n):d}`}async toggle(){this.open=!this.open;let e=this.request.audio;this.open&&e&&(this.audio??=await this.run(this.server.connection.media(e)))}renderTime(e){return u`<span class="time ${e}"
      >${E(this.request.stages).map(e=>u`<i
            class="stage ${e.stage}"
            title="${o(`stage`,e.stage)}: ${y(e.end-e.start)}"
            .style=${`left: ${e.left}%; width: ${e.width}%`}
          ></i>`)}</span
    >`}renderDetails(e){let{request:n}=this;return u`<div class="details">
      ${e?this.renderDiagnosis(e):d}
      ${n.stages.length?u`<div>
            ${this.renderTime(`large`)}
            <ul class="key" aria-label=${t(`requests.stages`)}>
              ${n.stages.map(e=>u`<li>
                    <i class="stage ${e.stage}"></i>${o(`stage`,e.stage)}
                    <span class="muted number">${y(e.end-e.start)}</span>
                  </li>`)}
            </ul>
          </div>`:d}
      ${n.audio?u`<audio
            controls
            preload="none"
            src=${this.audio??d}
            aria-label=${t(`requests.audio`)}
          ></audio>`:d}
      ${n.text!==null||n.audio?u`<button class="quiet danger forget" @click=${this.forget}>
            <wc-icon .path=${_}></wc-icon>${t(`requests.forget_one`)}
          </button>`:d}
      ${n.text===null&&!n.audio?u`<p class="small muted">${t(this.keepsText?`requests.text_gone`:`requests.text_off`)}</p>`:u`<wc-correction .server=${this.server} .request=${n}></wc-correction>`}
    </div>`}async forget(){let e=this.server.connection.request(`DELETE`,`/requests/${this.request.id}`);await this.run(e,t(`requests.forgotten`)),this.dispatchEvent(new CustomEvent(`changed`))}renderDiagnosis(e){let{request:n}=this,r=N(this.server.snapshot);return u`<div class="note ${n.code?`error`:`warn`}">
      <span class="grow">
        ${t(`cause.${e.cause}`,{time:y(e.seconds),model:n.model})}
        ${n.message}
      </span>
      ${e.cures.filter(e=>e!==`unload_idle`||r).map(e=>u`<button @click=${()=>this.cure(e,r)}>
              ${t(`cure.${e}`,{model:e===`unload_idle`?r??``:n.model})}
            </button>`)}
    </div>`}async cure(e,n){let r=this.server.connection,i=this.request.model;switch(e){case`keep_loaded`:await this.run(r.request(`PATCH`,`/config`,{models:{[i]:{pinned:!0}}}),t(`machine.pinned`,{model:i}));break;case`unload_idle`:n&&await this.run(r.request(`POST`,`/models/${n}/unload`));break;case`memory`:location.hash=`#/machine`;break;case`install`:location.hash=`#/voices`;break;case`settings`:location.hash=`#/machine/settings`;break;case`log`:location.hash=`#/machine/log`}}};i([n({attribute:!1})],L.prototype,`server`,void 0),i([n({attribute:!1})],L.prototype,`request`,void 0),i([n({type:Boolean})],L.prototype,`keepsText`,void 0),i([r()],L.prototype,`open`,void 0),i([r()],L.prototype,`audio`,void 0),L=i([e(`wc-request-row`)],L);var R=100,z=250,B=[`all`,`asr`,`tts`,`wake`],V=class extends c{constructor(...e){super(...e),this.kind=`all`,this.failedOnly=!1,this.search=``,this.error=``,this.timer=0,this.controller=new f(this,e=>{let t=String(e.type);/^(request_finished|stream_opened|events_lost|config_changed)$/.test(t)&&this.readSoon()})}static{this.styles=[s,l`
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
    `]}connectedCallback(){super.connectedCallback(),this.read()}disconnectedCallback(){super.disconnectedCallback(),window.clearTimeout(this.timer)}readSoon(){window.clearTimeout(this.timer),this.timer=window.setTimeout(()=>void this.read(),z)}async read(){let e=this.kind===`all`?``:`&kind=${this.kind}`,t=this.failedOnly?`&failed=true`:``;try{this.list=await this.server.connection.request(`GET`,`/requests?limit=${R}${e}${t}`),this.error=``}catch(e){this.error=a(e)}}async setKept(e,t){await this.run(this.server.connection.request(`PATCH`,`/config`,{requests:{[e]:t}})),await this.read()}async forget(){await S({title:t(`requests.forget_title`),text:t(`requests.forget_text`),confirm:t(`requests.forget`),danger:!0})&&(await this.run(this.server.connection.request(`DELETE`,`/requests`),t(`requests.forgotten`)),await this.read())}export(e){let t=new Blob([JSON.stringify(e,null,1)],{type:`application/json`}),n=document.createElement(`a`);n.href=URL.createObjectURL(t),n.download=`requests.json`,n.click(),URL.revokeObjectURL(n.href)}render(){if(!this.server.canOperate)return u`<p class="empty">${t(`requests.not_allowed`)}</p>`;if(this.error)return u`<p class="note error">${this.error}</p>`;let e=this.list;if(!e)return d;let n=this.search.toLowerCase(),r=e.requests.filter(e=>[e.text??``,e.client,e.model,e.code,e.message].join(` `).toLowerCase().includes(n));return u`<div class="stack">
      ${this.renderPrivacy(e)}
      <div class="row">
        <div class="subtabs" role="group" aria-label=${t(`requests.kind`)}>
          ${B.map(e=>u`<button
                aria-pressed=${e===this.kind?`true`:`false`}
                @click=${()=>this.choose(e)}
              >
                ${t(e===`all`?`requests.all`:`kind.${e}`)}
              </button>`)}
          <button
            aria-pressed=${this.failedOnly?`true`:`false`}
            @click=${()=>{this.failedOnly=!this.failedOnly,this.read()}}
          >
            ${t(`requests.failed`)}
          </button>
        </div>
        <input
          type="search"
          placeholder=${t(`requests.search`)}
          aria-label=${t(`requests.search`)}
          @input=${e=>this.search=e.target.value}
        />
        <button @click=${()=>this.export(r)} ?disabled=${!r.length}>
          <wc-icon .path=${g}></wc-icon>${t(`requests.export`)}
        </button>
      </div>
      <section class="card list-card" aria-label=${t(`tab.requests`)}>
        ${x(r,e=>e.id,t=>u`<wc-request-row
              .server=${this.server}
              .request=${t}
              .keepsText=${e.keep_text}
              @changed=${this.read}
            ></wc-request-row>`)}
        ${r.length?d:u`<p class="empty">${t(`requests.none`)}</p>`}
      </section>
    </div>`}choose(e){this.kind=e,this.read()}renderPrivacy(e){let n=e.requests.some(e=>e.text!==null||e.audio!==null),r=!this.server.isAdmin;return u`<section class="card privacy">
      <div class="spread">
        <div class="row">
          <label>
            <input
              type="checkbox"
              .checked=${e.keep_text}
              ?disabled=${r}
              @change=${e=>this.setKept(`keep_text`,e.target.checked)}
            />${t(`requests.keep_text`)}
          </label>
          <label>
            <input
              type="checkbox"
              .checked=${e.keep_audio}
              ?disabled=${r}
              @change=${e=>this.setKept(`keep_audio`,e.target.checked)}
            />${t(`requests.keep_audio`)}
          </label>
        </div>
        ${n?u`<button class="danger" @click=${this.forget}>
              <wc-icon .path=${_}></wc-icon>${t(`requests.forget`)}
            </button>`:d}
      </div>
      <p class="small muted">${t(r?`requests.keep_locked`:`requests.keep_help`)}</p>
    </section>`}};i([n({attribute:!1})],V.prototype,`server`,void 0),i([r()],V.prototype,`list`,void 0),i([r()],V.prototype,`kind`,void 0),i([r()],V.prototype,`failedOnly`,void 0),i([r()],V.prototype,`search`,void 0),i([r()],V.prototype,`error`,void 0),V=i([e(`wc-requests-tab`)],V);function H(e,t){let n=[...e].sort((e,t)=>e-t);return n[Math.max(0,Math.ceil(t*n.length)-1)]}function U(e){let t=e.filter(e=>e.code!==`CANCELLED`&&e.kind!==`wake`);if(!t.length)return[C(`summary.none`)];let n=t.filter(e=>!e.code),r={stt:n.filter(e=>e.kind===`asr`).map(e=>e.seconds),tts:n.flatMap(e=>e.kind===`tts`?e.stages.first_audio??[]:[])},i=[`stt`,`tts`].flatMap(e=>{let t=H(r[e],.5),n=H(r[e],.95);return t===void 0||n===void 0?[]:[C(`summary.${e}`,{p50:y(t),p95:y(n)})]}),a=t.length-n.length;return[...i,C(`summary.failed`,{failed:a,count:t.length})]}var W=500,G=class extends c{constructor(...e){super(...e),this.timer=0,this.controller=new f(this,e=>{/^(request_finished|stream_opened)$/.test(String(e.type))&&this.readSoon()})}connectedCallback(){super.connectedCallback(),this.read()}disconnectedCallback(){super.disconnectedCallback(),window.clearTimeout(this.timer)}readSoon(){window.clearTimeout(this.timer),this.timer=window.setTimeout(()=>void this.read(),W)}async read(){let e=await this.run(this.server.connection.request(`GET`,`/traces?limit=500`));e&&(this.traces=e.traces)}render(){return u`<div class="stack">
      <section class="card spread">
        <p class="grow">${this.traces?U(this.traces).join(` `):``}</p>
        <a class="button" href="/config/voice-assistants/debug">${C(`debug`)}</a>
      </section>
      <wc-requests-tab .server=${this.server}></wc-requests-tab>
    </div>`}};i([n({attribute:!1})],G.prototype,`server`,void 0),i([r()],G.prototype,`traces`,void 0),G=i([e(`wc-conversations`)],G);export{G as WcConversations};
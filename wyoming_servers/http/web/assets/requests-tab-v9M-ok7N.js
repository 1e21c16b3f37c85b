import{C as e,D as t,P as n,_ as r,a as i,b as a,d as o,f as s,h as c,i as l,n as u,p as d,s as f,t as p,u as m,w as h,y as g}from"./icon-DJxPvbUh.js";import{t as _}from"./repeat-CaiT27uW.js";import{a as v,o as y}from"./localize-BRpWl2OS.js";import{u as b}from"./directive-helpers-BSQc3wCR.js";import{o as x,s as S}from"./format-Dx1nBf4h.js";var C=.6,w=[`first_audio`,`queue`];function T(e){let t=Math.max(...e.map(e=>e.end),0);return t<=0?[]:[...e].sort((e,t)=>Number(w.includes(t.stage))-Number(w.includes(e.stage))||e.start-t.start).map(e=>({...e,left:e.start/t*100,width:Math.max(C,(e.end-e.start)/t*100)}))}function E(e,t){return e.stages.filter(e=>e.stage===t).reduce((e,t)=>e+t.end-t.start,0)}var D=.5,O=.5,k=2,A={OOM:{cause:`memory`,seconds:0,cures:[`unload_idle`,`memory`]},MODEL_MISSING:{cause:`missing`,seconds:0,cures:[`install`]},BUSY:{cause:`busy`,seconds:0,cures:[`memory`,`settings`]},TIMEOUT:{cause:`timeout`,seconds:0,cures:[`memory`,`settings`]},UNSUPPORTED_LANGUAGE:{cause:`language`,seconds:0,cures:[`install`,`settings`]}};function j(e){if(e.code===`CANCELLED`)return;if(e.code)return A[e.code]??{cause:`failed`,seconds:0,cures:[`log`]};let t=E(e,`load`);if(t>=D)return{cause:`load`,seconds:t,cures:[`keep_loaded`]};let n=E(e,`queue`)-t;if(n>=O)return{cause:`queue`,seconds:n,cures:[`memory`]};let r=E(e,`inference`);if(e.kind===`asr`&&r>=k)return{cause:`inference`,seconds:r,cures:[`install`]}}function M(e){return[...e?.models??[]].filter(e=>e.state===`ready`&&!e.active_requests).sort((e,t)=>t.memory_bytes-e.memory_bytes)[0]?.id}function N(e,t){let n=e=>e.match(/[\p{L}\p{N}][\p{L}\p{N}'’-]*/gu)??[],r=new Set(n(e).map(e=>e.toLowerCase()));return[...new Set(n(t))].filter(e=>!r.has(e.toLowerCase()))}var P=class extends p{constructor(...e){super(...e),this.correction=``,this.busy=!1,this.results=[]}static{this.styles=[i,r`
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
    `]}firstUpdated(){this.correction=this.request.text??``}async addWords(e){let t=this.server.connection;await this.run((async()=>{let{names:n,terms:r}=await t.request(`GET`,`/vocabulary`);await t.request(`PUT`,`/vocabulary`,{names:n,terms:[...e,...r]})})(),v(`requests.words_added`,{words:e.join(`, `)}))}async setPronunciation(e){e.preventDefault();let[t,n]=[...e.target.querySelectorAll(`input`)].map(e=>e.value.trim());t&&n&&await this.run(this.server.connection.request(`PUT`,`/lexicon/*/${encodeURIComponent(t)}`,{respelling:n}),v(`requests.word_spoken`,{word:t,spoken:n}))}async replay(e){let{audio:t}=this.request;if(!t||!e)return;this.busy=!0;let n=await this.run((async()=>{let n=await(await this.server.connection.fetch(t)).blob(),r=new FormData;return r.append(`file`,n,`request.wav`),r.append(`model`,e),r.append(`response_format`,`json`),(await(await this.server.connection.fetch(`/v1/audio/transcriptions`,{method:`POST`,body:r})).json()).text})());n!==void 0&&(this.results=[...this.results.filter(t=>t.model!==e),{model:e,text:n}]),this.busy=!1}render(){return this.request.kind===`tts`?this.renderPronunciation():this.renderTranscript()}renderTranscript(){let{request:e}=this;if(e.kind!==`asr`)return d;let t=N(e.text??``,this.correction),n=(this.server.snapshot?.models??[]).filter(e=>e.kind===`asr`&&e.installed);return c`<div class="stack">
      ${e.text===null?d:c`<form @submit=${e=>e.preventDefault()}>
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
      ${e.audio?c`<div class="results">
            <div class="row">
              <span class="small muted">${v(`requests.replay`)}</span>
              ${n.map(e=>c`<button ?disabled=${this.busy} @click=${()=>this.replay(e.id)}>${e.id}</button>`)}
            </div>
            <div aria-live="polite">
              ${this.results.map(e=>c`<p><span class="muted">${e.model}:</span> ${e.text}</p>`)}
            </div>
          </div>`:d}
    </div>`}renderPronunciation(){return this.request.text===null||!this.server.has(`lexicon`)?d:c`<form @submit=${this.setPronunciation}>
      <label class="wide">${v(`requests.word`)}<input name="word" required autocomplete="off" /></label>
      <label class="wide">${v(`requests.spoken`)}<input name="spoken" required autocomplete="off" /></label>
      <button class="primary">${v(`requests.set_pronunciation`)}</button>
    </form>`}};l([o({attribute:!1})],P.prototype,`server`,void 0),l([o({attribute:!1})],P.prototype,`request`,void 0),l([m()],P.prototype,`correction`,void 0),l([m()],P.prototype,`busy`,void 0),l([m()],P.prototype,`results`,void 0),P=l([s(`wc-correction`)],P);var F={asr:t,tts:g,wake:h},I=class extends p{constructor(...e){super(...e),this.keepsText=!1,this.open=!1}static{this.styles=[i,r`
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
    `]}render(){let{request:e}=this,t=j(e);return c`<button
        class="head"
        aria-expanded=${this.open?`true`:`false`}
        @click=${()=>this.open=!this.open}
      >
        <wc-icon .path=${F[e.kind]}></wc-icon>
        <span>
          <span class="text">${e.text??v(`kind.${e.kind}`)}</span>
          ${e.code?c`<span class="chip ${e.code===`CANCELLED`?``:`error`}">${y(`code`,e.code)}</span>`:t?c`<span class="chip warn">${v(`requests.slow`)}</span>`:d}
          <br /><span class="small muted"
            >${[S(e.ended_at),e.model,e.client].filter(Boolean).join(` · `)}</span
          >
        </span>
        ${this.renderTime(``)}
        <span class="seconds">${x(e.seconds)}</span>
        <wc-icon .path=${a}></wc-icon>
      </button>
      ${this.open?this.renderDetails(t):d}`}renderTime(e){return c`<span class="time ${e}"
      >${T(this.request.stages).map(e=>c`<i
            class="stage ${e.stage}"
            title="${y(`stage`,e.stage)}: ${x(e.end-e.start)}"
            .style=${`left: ${e.left}%; width: ${e.width}%`}
          ></i>`)}</span
    >`}renderDetails(e){let{request:t}=this;return c`<div class="details">
      ${e?this.renderDiagnosis(e):d}
      ${t.stages.length?c`<div>
            ${this.renderTime(`large`)}
            <ul class="key" aria-label=${v(`requests.stages`)}>
              ${t.stages.map(e=>c`<li>
                    <i class="stage ${e.stage}"></i>${y(`stage`,e.stage)}
                    <span class="muted number">${x(e.end-e.start)}</span>
                  </li>`)}
            </ul>
          </div>`:d}
      ${t.audio?c`<audio
            controls
            preload="none"
            src=${this.server.connection.url(t.audio)}
            aria-label=${v(`requests.audio`)}
          ></audio>`:d}
      ${t.text===null&&!t.audio?c`<p class="small muted">${v(this.keepsText?`requests.text_gone`:`requests.text_off`)}</p>`:c`<wc-correction .server=${this.server} .request=${t}></wc-correction>`}
    </div>`}renderDiagnosis(e){let{request:t}=this,n=M(this.server.snapshot);return c`<div class="note ${t.code?`error`:`warn`}">
      <span class="grow">
        ${v(`cause.${e.cause}`,{time:x(e.seconds),model:t.model})}
        ${t.message}
      </span>
      ${e.cures.filter(e=>e!==`unload_idle`||n).map(e=>c`<button @click=${()=>this.cure(e,n)}>
              ${v(`cure.${e}`,{model:e===`unload_idle`?n??``:t.model})}
            </button>`)}
    </div>`}async cure(e,t){let n=this.server.connection,r=this.request.model;switch(e){case`keep_loaded`:await this.run(n.request(`PATCH`,`/config`,{models:{[r]:{pinned:!0}}}),v(`machine.pinned`,{model:r}));break;case`unload_idle`:t&&await this.run(n.request(`POST`,`/models/${t}/unload`));break;case`memory`:location.hash=`#/machine`;break;case`install`:location.hash=`#/voices`;break;case`settings`:location.hash=`#/machine/settings`;break;case`log`:location.hash=`#/machine/log`}}};l([o({attribute:!1})],I.prototype,`server`,void 0),l([o({attribute:!1})],I.prototype,`request`,void 0),l([o({type:Boolean})],I.prototype,`keepsText`,void 0),l([m()],I.prototype,`open`,void 0),I=l([s(`wc-request-row`)],I);var L=100,R=250,z=[`all`,`asr`,`tts`,`wake`],B=class extends p{constructor(...e){super(...e),this.kind=`all`,this.failedOnly=!1,this.search=``,this.error=``,this.timer=0,this.controller=new f(this,e=>{let t=String(e.type);/^(request_finished|stream_opened|events_lost|config_changed)$/.test(t)&&this.readSoon()})}static{this.styles=[i,r`
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
    `]}connectedCallback(){super.connectedCallback(),this.read()}disconnectedCallback(){super.disconnectedCallback(),window.clearTimeout(this.timer)}readSoon(){window.clearTimeout(this.timer),this.timer=window.setTimeout(()=>void this.read(),R)}async read(){let e=this.kind===`all`?``:`&kind=${this.kind}`,t=this.failedOnly?`&failed=true`:``;try{this.list=await this.server.connection.request(`GET`,`/requests?limit=${L}${e}${t}`),this.error=``}catch(e){this.error=u(e)}}async setKept(e,t){await this.run(this.server.connection.request(`PATCH`,`/config`,{requests:{[e]:t}})),await this.read()}async forget(){await b({title:v(`requests.forget_title`),text:v(`requests.forget_text`),confirm:v(`requests.forget`),danger:!0})&&(await this.run(this.server.connection.request(`DELETE`,`/requests`),v(`requests.forgotten`)),await this.read())}export(e){let t=new Blob([JSON.stringify(e,null,1)],{type:`application/json`}),n=document.createElement(`a`);n.href=URL.createObjectURL(t),n.download=`requests.json`,n.click(),URL.revokeObjectURL(n.href)}render(){if(!this.server.canOperate)return c`<p class="empty">${v(`requests.not_allowed`)}</p>`;if(this.error)return c`<p class="note error">${this.error}</p>`;let t=this.list;if(!t)return d;let n=this.search.toLowerCase(),r=t.requests.filter(e=>[e.text??``,e.client,e.model,e.code,e.message].join(` `).toLowerCase().includes(n));return c`<div class="stack">
      ${this.renderPrivacy(t)}
      <div class="row">
        <div class="subtabs" role="group" aria-label=${v(`requests.kind`)}>
          ${z.map(e=>c`<button
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
        <button @click=${()=>this.export(r)} ?disabled=${!r.length}>
          <wc-icon .path=${e}></wc-icon>${v(`requests.export`)}
        </button>
      </div>
      <section class="card list-card" aria-label=${v(`tab.requests`)}>
        ${_(r,e=>e.id,e=>c`<wc-request-row
              .server=${this.server}
              .request=${e}
              .keepsText=${t.keep_text}
              @changed=${this.read}
            ></wc-request-row>`)}
        ${r.length?d:c`<p class="empty">${v(`requests.none`)}</p>`}
      </section>
    </div>`}choose(e){this.kind=e,this.read()}renderPrivacy(e){let t=e.requests.some(e=>e.text!==null||e.audio!==null),r=!this.server.isAdmin;return c`<section class="card privacy">
      <div class="spread">
        <div class="row">
          <label>
            <input
              type="checkbox"
              .checked=${e.keep_text}
              ?disabled=${r}
              @change=${e=>this.setKept(`keep_text`,e.target.checked)}
            />${v(`requests.keep_text`)}
          </label>
          <label>
            <input
              type="checkbox"
              .checked=${e.keep_audio}
              ?disabled=${r}
              @change=${e=>this.setKept(`keep_audio`,e.target.checked)}
            />${v(`requests.keep_audio`)}
          </label>
        </div>
        ${t?c`<button class="danger" @click=${this.forget}>
              <wc-icon .path=${n}></wc-icon>${v(`requests.forget`)}
            </button>`:d}
      </div>
      <p class="small muted">${v(r?`requests.keep_locked`:`requests.keep_help`)}</p>
    </section>`}};l([o({attribute:!1})],B.prototype,`server`,void 0),l([m()],B.prototype,`list`,void 0),l([m()],B.prototype,`kind`,void 0),l([m()],B.prototype,`failedOnly`,void 0),l([m()],B.prototype,`search`,void 0),l([m()],B.prototype,`error`,void 0),B=l([s(`wc-requests-tab`)],B);export{B as WcRequestsTab};
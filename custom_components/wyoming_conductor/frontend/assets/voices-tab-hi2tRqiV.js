import{_ as e,f as t,g as n,h as r,i,n as a,s as o,t as s,w as c,x as l,y as u}from"./element-CzkuUGwN.js";import{n as d}from"./server-BF0_uQv_.js";import{C as f,O as p,c as m,g as h,h as g,i as _,n as v}from"./icon-CCieYufY.js";import{t as y}from"./repeat-DdosTdKp.js";import{t as b}from"./model-list--MXfXYJN.js";import{d as x,u as S}from"./directive-helpers-D7QsL_TL.js";function C(e){return e.split(/[-_]/)[0]?.toLowerCase()??e}function w(e){let t=new Map;for(let n of e)for(let e of new Set(n.languages.map(C)))t.set(e,(t.get(e)??0)+1);return[...t].sort((e,t)=>t[1]-e[1]||e[0].localeCompare(t[0])).map(([e])=>e)}function T(e,t,n,r){if(n&&!e.languages.some(e=>C(e)===n))return!1;let i=t.toLowerCase();return r.toLowerCase().split(/\s+/).every(e=>i.includes(e))}function E(e,t){return e?.models.find(e=>e.id===t)}function D(e){return e.filter(e=>e.installed&&e.model.startsWith(`kokoro`)&&!/[+*@]/.test(e.name)).map(e=>e.name)}function O(e){return Object.entries(e).filter(([,e])=>e>0).map(([e,t])=>t===1?e:`${e}*${t}`).join(`+`)}var k=2,A=class extends s{constructor(...e){super(...e),this.voices=[],this.parts=[]}static{this.styles=[o,c`
      .part {
        display: grid;
        grid-template-columns: minmax(0, 220px) minmax(0, 1fr) 48px;
        align-items: center;
        gap: 14px;
        margin-top: 10px;
      }
      .part input {
        width: 100%;
      }
      .row {
        margin-top: 16px;
      }
    `]}set(e,t){this.parts=this.parts.map((n,r)=>r===e?{...n,...t}:n)}get name(){return O(Object.fromEntries(this.parts.map(({name:e,weight:t})=>[e,t])))}render(){let e=D(this.voices);return this.parts.length||(this.parts=e.slice(0,k).map((e,t)=>({name:e,weight:t?.3:.7}))),l`<section class="card">
      <h2>${t(`voices.mix`)}</h2>
      ${this.parts.map((n,r)=>l`<div class="part">
            <select
              aria-label=${t(`voices.mix_voice`)}
              @change=${e=>this.set(r,{name:e.target.value})}
            >
              ${e.map(e=>l`<option value=${e} ?selected=${e===n.name}>${e}</option>`)}
            </select>
            <input
              type="range"
              min="0"
              max="1"
              step="0.1"
              aria-label="${t(`voices.mix_weight`)}: ${n.name}"
              .value=${String(n.weight)}
              @input=${e=>this.set(r,{weight:Number(e.target.value)})}
            />
            <span class="number muted">${n.weight}</span>
          </div>`)}
      <div class="row">
        <button class="primary" ?disabled=${!this.name} @click=${this.listen}>${t(`voices.listen`)}</button>
        ${this.server.canOperate?l`<button ?disabled=${!this.name} @click=${this.use}>${t(`voices.use`)}</button>`:u}
        <code class="mono muted">${this.name}</code>
      </div>
    </section>`}async listen(){this.audio?.pause(),await this.run((async()=>{let e=`/voices/${encodeURIComponent(this.name)}/sample`;this.audio=new Audio(await this.server.connection.media(e)),await this.audio.play()})())}async use(){let e=this.name;await this.run(this.server.connection.request(`PATCH`,`/config`,{tts:{voice:e}}),t(`voices.used_now`,{name:e})),this.dispatchEvent(new CustomEvent(`changed`))}};i([n({attribute:!1})],A.prototype,`server`,void 0),i([n({attribute:!1})],A.prototype,`voices`,void 0),i([r()],A.prototype,`parts`,void 0),A=i([e(`wc-voice-mix`)],A);var j=60,M=class extends s{constructor(...e){super(...e),this.shows=`voices`,this.voices=[],this.catalog=[],this.defaultVoice=``,this.search=``,this.language=``,this.more=1,this.playing=``,this.source=``,this.controller=new d(this)}static{this.styles=[o,c`
      input[type="search"] {
        flex: 1;
        min-width: 180px;
      }
      li {
        display: grid;
        grid-template-columns: 40px minmax(0, 1fr) auto;
        align-items: center;
        gap: 4px 14px;
      }
      li.plain {
        grid-template-columns: minmax(0, 1fr) auto;
      }
      .title {
        font-weight: 500;
        overflow-wrap: anywhere;
      }
      .actions {
        display: flex;
        gap: 6px;
        flex-wrap: wrap;
        justify-content: flex-end;
      }
      .play {
        width: 40px;
        min-height: 40px;
        padding: 0;
        border-radius: 50%;
        color: var(--wc-accent);
      }
      progress {
        grid-column: 1 / -1;
      }
      form {
        display: flex;
        gap: 10px;
        flex-wrap: wrap;
        margin-top: 12px;
      }
      form input {
        flex: 1;
        min-width: 200px;
      }
      @media (max-width: 600px) {
        li,
        li.plain {
          grid-template-columns: 40px minmax(0, 1fr);
        }
        li.plain {
          grid-template-columns: minmax(0, 1fr);
        }
        .actions {
          grid-column: 1 / -1;
          justify-content: flex-start;
        }
      }
    `]}disconnectedCallback(){super.disconnectedCallback(),this.audio?.pause()}items(){let e=new Map(this.catalog.map(e=>[e.id,e]));return this.shows===`models`?this.catalog.filter(e=>e.kind!==`tts`).map(e=>({key:e.id,title:e.id,subtitle:[t(`kind.${e.kind}`),e.title].filter(Boolean).join(` · `),languages:e.languages,entry:e})):this.voices.flatMap(t=>{let n=e.get(t.model);if(!n)return[];let r=t.description===t.name?``:t.description;return[{key:t.name,title:t.name,subtitle:r,languages:t.languages,entry:n,voice:t}]})}render(){let e=this.items(),n=e.filter(e=>T(e,`${e.title} ${e.subtitle} ${e.entry.id}`,this.language,this.search)),r=n.filter(e=>e.entry.installed||e.entry.downloading),i=n.filter(e=>!r.includes(e)),a=i.slice(0,j*this.more);return l`<div class="stack">
      <div class="row">
        <input
          type="search"
          placeholder=${t(`voices.search`)}
          aria-label=${t(`voices.search`)}
          @input=${e=>this.search=e.target.value}
        />
        <label class="visually-hidden" for="language">${t(`voices.language`)}</label>
        <select
          id="language"
          @change=${e=>this.language=e.target.value}
        >
          <option value="">${t(`voices.every_language`)}</option>
          ${w(e).map(e=>l`<option value=${e}>${m(e)}</option>`)}
        </select>
      </div>
      <section class="card" aria-labelledby="installed">
        <h2 id="installed">${t(`voices.installed`)}</h2>
        <ul class="list">
          ${y(r,e=>e.key,e=>this.renderItem(e))}
        </ul>
        ${r.length?u:l`<p class="empty">${t(`voices.none`)}</p>`}
      </section>
      ${this.shows===`voices`&&D(this.voices).length>1?l`<wc-voice-mix .server=${this.server} .voices=${this.voices} @changed=${this.onChanged}></wc-voice-mix>`:u}
      ${i.length?l`<section class="card" aria-labelledby="available">
            <h2 id="available">${t(`voices.available`,{count:i.length})}</h2>
            <ul class="list">
              ${y(a,e=>e.key,e=>this.renderItem(e))}
            </ul>
            ${a.length<i.length?l`<button @click=${()=>this.more++}>${t(`voices.more`)}</button>`:u}
          </section>`:u}
      ${this.server.canOperate?this.renderAdd():u}
    </div>`}renderItem(e){let{entry:n,voice:r}=e,i=E(this.server.snapshot,n.id),a=i?.real_time_factor?1/i.real_time_factor:0,o=[e.subtitle,e.languages.map(m).slice(0,4).join(`, `)+(e.languages.length>4?` …`:``),r?.quality?t(`voices.quality`,{quality:r.quality}):``,n.installed?v(n.disk_bytes):n.download_bytes?v(n.download_bytes):``,a?t(`voices.speed`,{factor:_(a,+(a<10))}):``,n.licence];return l`<li class=${r?``:`plain`}>
      ${r?l`<button
            class="play"
            ?disabled=${!r.sample}
            aria-label="${this.playing===r.name?t(`voices.stop`):t(`voices.listen`)}: ${r.name}"
            @click=${()=>this.play(r)}
          >
            <wc-icon .path=${this.playing===r.name?p:f}></wc-icon>
          </button>`:u}
      <div>
        <div class="row">
          <span class="title">${e.title}</span>
          ${r&&r.name===this.defaultVoice?l`<span class="chip accent">${t(`voices.default`)}</span>`:u}
          ${i?.default_for.length&&!r?l`<span class="chip accent">${t(`voices.default`)}</span>`:u}
          ${r?.non_commercial?l`<span class="chip warn">${t(`voices.non_commercial`)}</span>`:u}
        </div>
        <p class="small muted">${o.filter(Boolean).join(` · `)}</p>
        ${n.uses.length?l`<p class="small muted">${t(`voices.used_by`,{uses:n.uses.map(e=>e.detail).join(`; `)})}</p>`:u}
        ${i?.state===`failed`&&!n.installed?l`<p class="small error-text" role="alert">${i.error?.message} ${i.error?.detail}</p>`:u}
      </div>
      ${this.server.canOperate?l`<div class="actions">${this.renderActions(e,i)}</div>`:u}
      ${n.downloading&&i?this.renderProgress(i):u}
    </li>`}renderProgress(e){return l`<progress
      max="100"
      .value=${Math.max(0,e.progress?.percent??0)}
      aria-label=${b(e)}
    ></progress>`}renderActions(e,n){let{entry:r,voice:i}=e;if(r.downloading)return l`<span class="small muted">${n?b(n):t(`state.downloading`)}</span>
        <button aria-label="${t(`action.cancel`)}: ${r.id}" @click=${()=>this.cancel(r)}>
          ${t(`action.cancel`)}
        </button>`;if(!r.installed)return l`<button aria-label="${t(`voices.install`)}: ${e.title}" @click=${()=>this.install(r)}>
        <wc-icon .path=${h}></wc-icon>${t(`voices.install`)}
      </button>`;let a=i?i.name===this.defaultVoice:!!n?.default_for.length,o=i!==void 0||r.kind===`asr`;return l`${a||!o?u:l`<button aria-label="${t(`voices.use`)}: ${e.title}" @click=${()=>this.use(e)}>
            ${t(`voices.use`)}
          </button>`}
      <button
        class="icon quiet danger"
        ?disabled=${r.in_use}
        title=${t(`action.delete`)}
        aria-label="${t(`action.delete`)}: ${e.title}"
        @click=${()=>this.confirmDelete(r)}
      >
        <wc-icon .path=${g}></wc-icon>
      </button>`}renderAdd(){return l`<section class="card">
      <h2>${t(`voices.add`)}</h2>
      <p class="small muted">${t(`voices.add_help`)}</p>
      <form @submit=${this.add}>
        <input
          required
          placeholder="OWNER/NAME"
          aria-label=${t(`voices.add_source`)}
          .value=${this.source}
          @input=${e=>this.source=e.target.value}
        />
        <button class="primary">${t(`voices.add_submit`)}</button>
      </form>
    </section>`}onChanged(){this.dispatchEvent(new CustomEvent(`changed`))}play(e){let t=this.playing;this.audio?.pause(),this.playing=``,t!==e.name&&e.sample&&(this.playing=e.name,this.run(this.playSample(e.name,e.sample)))}async playSample(e,n){let r=new Audio;this.audio=r,r.onended=()=>this.playing=``;try{r.src=await this.server.connection.media(n),this.audio===r&&this.playing===e&&await r.play()}catch(e){if(this.audio===r&&(this.playing=``),!(e instanceof DOMException&&e.name===`AbortError`))throw Error(t(`voices.no_sample`))}}async install(e){await this.run(this.server.connection.request(`POST`,`/models/${e.id}/download`)),this.server.renewSoon(0),this.onChanged()}async cancel(e){await this.run(this.server.connection.request(`DELETE`,`/models/${e.id}`),t(`voices.canceled`)),this.onChanged()}async confirmDelete(e){await S({title:t(`storage.delete_model`,{model:e.id}),text:t(`storage.delete_model_text`),confirm:t(`action.delete`),danger:!0})&&(await this.run(this.server.connection.request(`DELETE`,`/models/${e.id}`)),this.onChanged())}async use(e){let n=e.voice?{tts:{voice:e.voice.name}}:{asr:{model:e.entry.id}};await this.run(this.server.connection.request(`PATCH`,`/config`,n),t(`voices.used_now`,{name:e.title})),this.server.renewSoon(0),this.onChanged()}async add(e){e.preventDefault();let n=await this.run(this.server.connection.request(`POST`,`/models`,{source:this.source.trim()}));n&&(this.source=``,await this.run(Promise.resolve(),t(`voices.added`,{models:n.models.join(`, `)})),this.server.renewSoon(0),this.onChanged())}};i([n({attribute:!1})],M.prototype,`server`,void 0),i([n()],M.prototype,`shows`,void 0),i([n({attribute:!1})],M.prototype,`voices`,void 0),i([n({attribute:!1})],M.prototype,`catalog`,void 0),i([n()],M.prototype,`defaultVoice`,void 0),i([r()],M.prototype,`search`,void 0),i([r()],M.prototype,`language`,void 0),i([r()],M.prototype,`more`,void 0),i([r()],M.prototype,`playing`,void 0),i([r()],M.prototype,`source`,void 0),M=i([e(`wc-catalog-list`)],M);var N=class extends s{constructor(...e){super(...e),this.terms=``,this.error=``,this.voice=``}static{this.styles=[o,c`
      .two {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(320px, 100%), 1fr));
        gap: 16px;
        margin: 14px 0;
      }
      label {
        display: grid;
        gap: 6px;
        font-weight: 500;
      }
      textarea {
        min-height: 240px;
      }
    `]}connectedCallback(){super.connectedCallback(),this.read()}async read(){try{let e=await this.server.connection.request(`GET`,`/vocabulary`);this.names=e.names.join(`
`),this.terms=e.terms.join(`
`)}catch(e){this.error=a(e)}}async save(e){e.preventDefault();let n=e=>e.split(`
`).map(e=>e.trim()).filter(Boolean);await this.run(this.server.connection.request(`PUT`,`/vocabulary`,{names:n(this.names??``),terms:n(this.terms)}),t(`names.saved`)),await this.read()}async listen(){let{value:e,selectionStart:t}=this.field,n=e.lastIndexOf(`
`,t-1)+1,r=e.slice(n).split(`
`)[0]?.trim();r&&await this.run((async()=>{let e=await this.server.connection.fetch(`/v1/audio/speech`,{method:`POST`,headers:{"Content-Type":`application/json`},body:JSON.stringify({model:`tts-1`,voice:this.voice,input:r,response_format:`wav`})});this.audio?.pause(),this.audio=new Audio(URL.createObjectURL(await e.blob())),await this.audio.play()})())}render(){if(this.error)return l`<p class="note error">${this.error}</p>`;if(this.names===void 0)return u;let e=!this.server.canOperate;return l`<form class="card" @submit=${this.save}>
      <h2>${t(`voices.names`)}</h2>
      <p class="small muted">${t(`names.help`)}</p>
      <div class="two">
        <label>
          ${t(`names.names`)}
          <textarea
            ?readonly=${e}
            .value=${this.names}
            @input=${e=>this.names=e.target.value}
          ></textarea>
        </label>
        <label>
          ${t(`names.terms`)}
          <textarea
            ?readonly=${e}
            .value=${this.terms}
            @input=${e=>this.terms=e.target.value}
          ></textarea>
        </label>
      </div>
      <div class="row">
        ${e?u:l`<button class="primary">${t(`action.save`)}</button>`}
        ${this.voice?l`<button type="button" @click=${this.listen}>${t(`names.listen`)}</button>`:u}
      </div>
    </form>`}};i([n({attribute:!1})],N.prototype,`server`,void 0),i([r()],N.prototype,`names`,void 0),i([r()],N.prototype,`terms`,void 0),i([r()],N.prototype,`error`,void 0),i([n()],N.prototype,`voice`,void 0),i([x(`textarea`)],N.prototype,`field`,void 0),N=i([e(`wc-names`)],N);var P=class extends s{constructor(...e){super(...e),this.voice=``,this.fault=``}static{this.styles=[o,c`
      form {
        display: flex;
        flex-wrap: wrap;
        gap: 10px;
        align-items: end;
        margin-top: 14px;
      }
      label {
        display: grid;
        flex: 1;
        gap: 4px;
        min-width: 150px;
        font-size: 13px;
        color: var(--wc-muted);
      }
      li {
        display: flex;
        align-items: center;
        gap: 12px;
      }
    `]}connectedCallback(){super.connectedCallback(),this.read()}async read(){try{let e=await this.server.connection.request(`GET`,`/lexicon`);this.words=e.words,this.fault=e.fault??``}catch(e){this.fault=a(e)}}values(){return[...this.renderRoot.querySelectorAll(`form input, form select`)].map(e=>e.value.trim())}async listen(e){await this.run((async()=>{let t=await this.server.connection.fetch(`/v1/audio/speech`,{method:`POST`,headers:{"Content-Type":`application/json`},body:JSON.stringify({model:`tts-1`,voice:this.voice,input:e,response_format:`wav`})});this.audio?.pause(),this.audio=new Audio(URL.createObjectURL(await t.blob())),await this.audio.play()})())}async save(e){e.preventDefault();let n=e.currentTarget,[r=``,i=``,a=`*`]=this.values(),o=/^\/.*\/$/.exec(i);await this.run(this.server.connection.request(`PUT`,`/lexicon/${a}/${encodeURIComponent(r)}`,o?{ipa:i.slice(1,-1)}:{respelling:i}),t(`requests.word_spoken`,{word:r,spoken:i}))!==void 0&&(n.reset(),await this.read())}async removeWord(e){await this.run(this.server.connection.request(`DELETE`,`/lexicon/${e.language}/${encodeURIComponent(e.word)}`)),await this.read()}render(){return l`<section class="card">
      <h2>${t(`voices.pronunciations`)}</h2>
      <p class="small muted">${t(`lexicon.help`)}</p>
      ${this.fault?l`<p class="note error">${this.fault}</p>`:u}
      ${this.server.canOperate?l`<form @submit=${this.save}>
            <label>${t(`lexicon.word`)}<input required autocomplete="off" /></label>
            <label>${t(`requests.spoken`)}<input required autocomplete="off" /></label>
            <label>
              ${t(`voices.language`)}
              <select>
                ${[`*`,`en`,`de`,`fr`,`es`,`it`,`nl`].map(e=>l`<option value=${e}>${e===`*`?t(`voices.every_language`):m(e)}</option>`)}
              </select>
            </label>
            <button type="button" @click=${()=>this.listen(this.values()[1]??``)}>${t(`voices.listen`)}</button>
            <button class="primary">${t(`action.save`)}</button>
          </form>`:u}
      <ul class="list">
        ${(this.words??[]).map(e=>l`<li>
              <button class="icon quiet" aria-label="${t(`voices.listen`)}: ${e.word}" @click=${()=>this.listen(e.word)}>
                <wc-icon .path=${f}></wc-icon>
              </button>
              <span class="grow">
                ${e.word} <span class="muted">→ ${e.respelling??`/${e.ipa??``}/`}</span>
              </span>
              <span class="chip">${e.language===`*`?t(`voices.every_language`):m(e.language)}</span>
              ${this.server.canOperate?l`<button
                    class="icon quiet danger"
                    aria-label="${t(`action.delete`)}: ${e.word}"
                    @click=${()=>this.removeWord(e)}
                  >
                    <wc-icon .path=${g}></wc-icon>
                  </button>`:u}
            </li>`)}
      </ul>
      ${this.words?.length===0?l`<p class="empty">${t(`lexicon.none`)}</p>`:u}
    </section>`}};i([n({attribute:!1})],P.prototype,`server`,void 0),i([n()],P.prototype,`voice`,void 0),i([r()],P.prototype,`words`,void 0),i([r()],P.prototype,`fault`,void 0),P=i([e(`wc-pronunciations`)],P);var F=[`voices`,`models`,`names`,`pronunciations`],I=250,L=class extends s{constructor(...e){super(...e),this.current=`voices`,this.defaultVoice=``,this.error=``,this.timer=0,this.controller=new d(this,e=>{let t=String(e.type);/^(model_(installed|removed|failed|ready|unloaded)|config_changed|stream_opened)$/.test(t)&&this.readSoon()}),this.onHashChange=()=>{let e=location.hash.split(`/`)[2];this.current=F.find(t=>t===e)??`voices`}}connectedCallback(){super.connectedCallback(),window.addEventListener(`hashchange`,this.onHashChange),this.onHashChange(),this.read()}disconnectedCallback(){super.disconnectedCallback(),window.removeEventListener(`hashchange`,this.onHashChange),window.clearTimeout(this.timer)}readSoon(){window.clearTimeout(this.timer),this.timer=window.setTimeout(()=>void this.read(),I)}async read(){let e=this.server.connection;try{let[t,n]=await Promise.all([e.request(`GET`,`/voices`),e.request(`GET`,`/catalog`)]);this.voices=t.voices,this.defaultVoice=t.default,this.catalog=n.models,this.error=``}catch(e){this.error=a(e)}}render(){return l`<div class="stack">
      <div class="subtabs" role="tablist" aria-label=${t(`tab.voices`)}>
        ${F.map(e=>l`<button
              role="tab"
              id=${e}
              aria-selected=${e===this.current?`true`:`false`}
              @click=${()=>location.hash=`#/voices/${e}`}
            >
              ${t(`voices.${e}`)}
            </button>`)}
      </div>
      ${this.error?l`<p class="note error">${this.error}</p>`:u}
      <div role="tabpanel" aria-labelledby=${this.current}>${this.renderPart()}</div>
    </div>`}renderPart(){switch(this.current){case`names`:return l`<wc-names .server=${this.server} .voice=${this.defaultVoice}></wc-names>`;case`pronunciations`:return l`<wc-pronunciations .server=${this.server} .voice=${this.defaultVoice}></wc-pronunciations>`;default:return this.voices&&this.catalog?l`<wc-catalog-list
              .server=${this.server}
              .shows=${this.current}
              .voices=${this.voices}
              .catalog=${this.catalog}
              .defaultVoice=${this.defaultVoice}
              @changed=${this.read}
            ></wc-catalog-list>`:u}}};i([n({attribute:!1})],L.prototype,`server`,void 0),i([r()],L.prototype,`current`,void 0),i([r()],L.prototype,`voices`,void 0),i([r()],L.prototype,`catalog`,void 0),i([r()],L.prototype,`defaultVoice`,void 0),i([r()],L.prototype,`error`,void 0),L=i([e(`wc-voices-tab`)],L);export{L as WcVoicesTab};
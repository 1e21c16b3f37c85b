import{B as e,G as t,O as n,c as r,d as i,f as a,g as o,i as s,k as c,m as l,n as u,o as d,p as f,t as p,v as m}from"./icon-CgDB_Qno.js";import{a as h}from"./localize-C6ttZHhD.js";import{t as g}from"./query-DDQkTGvL.js";import{t as _}from"./repeat-D6Z6ouX5.js";import{i as v,l as y,n as b}from"./format-BTQftpua.js";import{t as x}from"./model-list-Ts4cQIJ1.js";import{u as S}from"./directive-helpers-DiYb0vIA.js";function C(e){return e.split(/[-_]/)[0]?.toLowerCase()??e}function w(e){let t=new Map;for(let n of e)for(let e of new Set(n.languages.map(C)))t.set(e,(t.get(e)??0)+1);return[...t].sort((e,t)=>t[1]-e[1]||e[0].localeCompare(t[0])).map(([e])=>e)}function T(e,t,n,r){if(n&&!e.languages.some(e=>C(e)===n))return!1;let i=t.toLowerCase();return r.toLowerCase().split(/\s+/).every(e=>i.includes(e))}function E(e,t){return e?.models.find(e=>e.id===t)}function D(e){return e.filter(e=>e.installed&&e.model.startsWith(`kokoro`)&&!/[+*@]/.test(e.name)).map(e=>e.name)}function O(e){return Object.entries(e).filter(([,e])=>e>0).map(([e,t])=>t===1?e:`${e}*${t}`).join(`+`)}var k=2,A=class extends p{constructor(...e){super(...e),this.voices=[],this.parts=[]}static{this.styles=[d,m`
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
    `]}set(e,t){this.parts=this.parts.map((n,r)=>r===e?{...n,...t}:n)}get name(){return O(Object.fromEntries(this.parts.map(({name:e,weight:t})=>[e,t])))}render(){let e=D(this.voices);return this.parts.length||(this.parts=e.slice(0,k).map((e,t)=>({name:e,weight:t?.3:.7}))),o`<section class="card">
      <h2>${h(`voices.mix`)}</h2>
      ${this.parts.map((t,n)=>o`<div class="part">
            <select
              aria-label=${h(`voices.mix_voice`)}
              @change=${e=>this.set(n,{name:e.target.value})}
            >
              ${e.map(e=>o`<option value=${e} ?selected=${e===t.name}>${e}</option>`)}
            </select>
            <input
              type="range"
              min="0"
              max="1"
              step="0.1"
              aria-label="${h(`voices.mix_weight`)}: ${t.name}"
              .value=${String(t.weight)}
              @input=${e=>this.set(n,{weight:Number(e.target.value)})}
            />
            <span class="number muted">${t.weight}</span>
          </div>`)}
      <div class="row">
        <button class="primary" ?disabled=${!this.name} @click=${this.listen}>${h(`voices.listen`)}</button>
        ${this.server.canOperate?o`<button ?disabled=${!this.name} @click=${this.use}>${h(`voices.use`)}</button>`:l}
        <code class="mono muted">${this.name}</code>
      </div>
    </section>`}async listen(){this.audio?.pause(),await this.run((async()=>{let e=`/voices/${encodeURIComponent(this.name)}/sample`;this.audio=new Audio(await this.server.connection.media(e)),await this.audio.play()})())}async use(){let e=this.name;await this.run(this.server.connection.request(`PATCH`,`/config`,{tts:{voice:e}}),h(`voices.used_now`,{name:e})),this.dispatchEvent(new CustomEvent(`changed`))}};s([a({attribute:!1})],A.prototype,`server`,void 0),s([a({attribute:!1})],A.prototype,`voices`,void 0),s([i()],A.prototype,`parts`,void 0),A=s([f(`wc-voice-mix`)],A);var j=60,M=class extends p{constructor(...e){super(...e),this.shows=`voices`,this.voices=[],this.catalog=[],this.defaultVoice=``,this.search=``,this.language=``,this.more=1,this.playing=``,this.source=``,this.controller=new r(this)}static{this.styles=[d,m`
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
    `]}disconnectedCallback(){super.disconnectedCallback(),this.audio?.pause()}items(){let e=new Map(this.catalog.map(e=>[e.id,e]));return this.shows===`models`?this.catalog.filter(e=>e.kind!==`tts`).map(e=>({key:e.id,title:e.id,subtitle:[h(`kind.${e.kind}`),e.title].filter(Boolean).join(` · `),languages:e.languages,entry:e})):this.voices.flatMap(t=>{let n=e.get(t.model);if(!n)return[];let r=t.description===t.name?``:t.description;return[{key:t.name,title:t.name,subtitle:r,languages:t.languages,entry:n,voice:t}]})}render(){let e=this.items(),t=e.filter(e=>T(e,`${e.title} ${e.subtitle} ${e.entry.id}`,this.language,this.search)),n=t.filter(e=>e.entry.installed||e.entry.downloading),r=t.filter(e=>!n.includes(e)),i=r.slice(0,j*this.more);return o`<div class="stack">
      <div class="row">
        <input
          type="search"
          placeholder=${h(`voices.search`)}
          aria-label=${h(`voices.search`)}
          @input=${e=>this.search=e.target.value}
        />
        <label class="visually-hidden" for="language">${h(`voices.language`)}</label>
        <select
          id="language"
          @change=${e=>this.language=e.target.value}
        >
          <option value="">${h(`voices.every_language`)}</option>
          ${w(e).map(e=>o`<option value=${e}>${y(e)}</option>`)}
        </select>
      </div>
      <section class="card" aria-labelledby="installed">
        <h2 id="installed">${h(`voices.installed`)}</h2>
        <ul class="list">
          ${_(n,e=>e.key,e=>this.renderItem(e))}
        </ul>
        ${n.length?l:o`<p class="empty">${h(`voices.none`)}</p>`}
      </section>
      ${this.shows===`voices`&&D(this.voices).length>1?o`<wc-voice-mix .server=${this.server} .voices=${this.voices} @changed=${this.onChanged}></wc-voice-mix>`:l}
      ${r.length?o`<section class="card" aria-labelledby="available">
            <h2 id="available">${h(`voices.available`,{count:r.length})}</h2>
            <ul class="list">
              ${_(i,e=>e.key,e=>this.renderItem(e))}
            </ul>
            ${i.length<r.length?o`<button @click=${()=>this.more++}>${h(`voices.more`)}</button>`:l}
          </section>`:l}
      ${this.server.canOperate?this.renderAdd():l}
    </div>`}renderItem(n){let{entry:r,voice:i}=n,a=E(this.server.snapshot,r.id),s=a?.real_time_factor?1/a.real_time_factor:0,c=[n.subtitle,n.languages.map(y).slice(0,4).join(`, `)+(n.languages.length>4?` …`:``),i?.quality?h(`voices.quality`,{quality:i.quality}):``,r.installed?b(r.disk_bytes):r.download_bytes?b(r.download_bytes):``,s?h(`voices.speed`,{factor:v(s,+(s<10))}):``,r.licence];return o`<li class=${i?``:`plain`}>
      ${i?o`<button
            class="play"
            ?disabled=${!i.sample}
            aria-label="${this.playing===i.name?h(`voices.stop`):h(`voices.listen`)}: ${i.name}"
            @click=${()=>this.play(i)}
          >
            <wc-icon .path=${this.playing===i.name?t:e}></wc-icon>
          </button>`:l}
      <div>
        <div class="row">
          <span class="title">${n.title}</span>
          ${i&&i.name===this.defaultVoice?o`<span class="chip accent">${h(`voices.default`)}</span>`:l}
          ${a?.default_for.length&&!i?o`<span class="chip accent">${h(`voices.default`)}</span>`:l}
          ${i?.non_commercial?o`<span class="chip warn">${h(`voices.non_commercial`)}</span>`:l}
        </div>
        <p class="small muted">${c.filter(Boolean).join(` · `)}</p>
        ${r.uses.length?o`<p class="small muted">${h(`voices.used_by`,{uses:r.uses.map(e=>e.detail).join(`; `)})}</p>`:l}
        ${a?.state===`failed`&&!r.installed?o`<p class="small error-text" role="alert">${a.error?.message} ${a.error?.detail}</p>`:l}
      </div>
      ${this.server.canOperate?o`<div class="actions">${this.renderActions(n,a)}</div>`:l}
      ${r.downloading&&a?this.renderProgress(a):l}
    </li>`}renderProgress(e){return o`<progress
      max="100"
      .value=${Math.max(0,e.progress?.percent??0)}
      aria-label=${x(e)}
    ></progress>`}renderActions(e,t){let{entry:r,voice:i}=e;if(r.downloading)return o`<span class="small muted">${t?x(t):h(`state.downloading`)}</span>
        <button aria-label="${h(`action.cancel`)}: ${r.id}" @click=${()=>this.cancel(r)}>
          ${h(`action.cancel`)}
        </button>`;if(!r.installed)return o`<button aria-label="${h(`voices.install`)}: ${e.title}" @click=${()=>this.install(r)}>
        <wc-icon .path=${c}></wc-icon>${h(`voices.install`)}
      </button>`;let a=i?i.name===this.defaultVoice:!!t?.default_for.length,s=i!==void 0||r.kind===`asr`;return o`${a||!s?l:o`<button aria-label="${h(`voices.use`)}: ${e.title}" @click=${()=>this.use(e)}>
            ${h(`voices.use`)}
          </button>`}
      <button
        class="icon quiet danger"
        ?disabled=${r.in_use}
        title=${h(`action.delete`)}
        aria-label="${h(`action.delete`)}: ${e.title}"
        @click=${()=>this.confirmDelete(r)}
      >
        <wc-icon .path=${n}></wc-icon>
      </button>`}renderAdd(){return o`<section class="card">
      <h2>${h(`voices.add`)}</h2>
      <p class="small muted">${h(`voices.add_help`)}</p>
      <form @submit=${this.add}>
        <input
          required
          placeholder="OWNER/NAME"
          aria-label=${h(`voices.add_source`)}
          .value=${this.source}
          @input=${e=>this.source=e.target.value}
        />
        <button class="primary">${h(`voices.add_submit`)}</button>
      </form>
    </section>`}onChanged(){this.dispatchEvent(new CustomEvent(`changed`))}play(e){let t=this.playing;this.audio?.pause(),this.playing=``,t!==e.name&&e.sample&&(this.playing=e.name,this.run(this.playSample(e.name,e.sample)))}async playSample(e,t){let n=new Audio;this.audio=n,n.onended=()=>this.playing=``;try{n.src=await this.server.connection.media(t),this.audio===n&&this.playing===e&&await n.play()}catch(e){if(this.audio===n&&(this.playing=``),!(e instanceof DOMException&&e.name===`AbortError`))throw Error(h(`voices.no_sample`))}}async install(e){await this.run(this.server.connection.request(`POST`,`/models/${e.id}/download`)),this.server.renewSoon(0),this.onChanged()}async cancel(e){await this.run(this.server.connection.request(`DELETE`,`/models/${e.id}`),h(`voices.canceled`)),this.onChanged()}async confirmDelete(e){await S({title:h(`storage.delete_model`,{model:e.id}),text:h(`storage.delete_model_text`),confirm:h(`action.delete`),danger:!0})&&(await this.run(this.server.connection.request(`DELETE`,`/models/${e.id}`)),this.onChanged())}async use(e){let t=e.voice?{tts:{voice:e.voice.name}}:{asr:{model:e.entry.id}};await this.run(this.server.connection.request(`PATCH`,`/config`,t),h(`voices.used_now`,{name:e.title})),this.server.renewSoon(0),this.onChanged()}async add(e){e.preventDefault();let t=await this.run(this.server.connection.request(`POST`,`/models`,{source:this.source.trim()}));t&&(this.source=``,await this.run(Promise.resolve(),h(`voices.added`,{models:t.models.join(`, `)})),this.server.renewSoon(0),this.onChanged())}};s([a({attribute:!1})],M.prototype,`server`,void 0),s([a()],M.prototype,`shows`,void 0),s([a({attribute:!1})],M.prototype,`voices`,void 0),s([a({attribute:!1})],M.prototype,`catalog`,void 0),s([a()],M.prototype,`defaultVoice`,void 0),s([i()],M.prototype,`search`,void 0),s([i()],M.prototype,`language`,void 0),s([i()],M.prototype,`more`,void 0),s([i()],M.prototype,`playing`,void 0),s([i()],M.prototype,`source`,void 0),M=s([f(`wc-catalog-list`)],M);var N=class extends p{constructor(...e){super(...e),this.terms=``,this.error=``,this.voice=``}static{this.styles=[d,m`
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
`)}catch(e){this.error=u(e)}}async save(e){e.preventDefault();let t=e=>e.split(`
`).map(e=>e.trim()).filter(Boolean);await this.run(this.server.connection.request(`PUT`,`/vocabulary`,{names:t(this.names??``),terms:t(this.terms)}),h(`names.saved`)),await this.read()}async listen(){let{value:e,selectionStart:t}=this.field,n=e.lastIndexOf(`
`,t-1)+1,r=e.slice(n).split(`
`)[0]?.trim();r&&await this.run((async()=>{let e=await this.server.connection.fetch(`/v1/audio/speech`,{method:`POST`,headers:{"Content-Type":`application/json`},body:JSON.stringify({model:`tts-1`,voice:this.voice,input:r,response_format:`wav`})});this.audio?.pause(),this.audio=new Audio(URL.createObjectURL(await e.blob())),await this.audio.play()})())}render(){if(this.error)return o`<p class="note error">${this.error}</p>`;if(this.names===void 0)return l;let e=!this.server.canOperate;return o`<form class="card" @submit=${this.save}>
      <h2>${h(`voices.names`)}</h2>
      <p class="small muted">${h(`names.help`)}</p>
      <div class="two">
        <label>
          ${h(`names.names`)}
          <textarea
            ?readonly=${e}
            .value=${this.names}
            @input=${e=>this.names=e.target.value}
          ></textarea>
        </label>
        <label>
          ${h(`names.terms`)}
          <textarea
            ?readonly=${e}
            .value=${this.terms}
            @input=${e=>this.terms=e.target.value}
          ></textarea>
        </label>
      </div>
      <div class="row">
        ${e?l:o`<button class="primary">${h(`action.save`)}</button>`}
        ${this.voice?o`<button type="button" @click=${this.listen}>${h(`names.listen`)}</button>`:l}
      </div>
    </form>`}};s([a({attribute:!1})],N.prototype,`server`,void 0),s([i()],N.prototype,`names`,void 0),s([i()],N.prototype,`terms`,void 0),s([i()],N.prototype,`error`,void 0),s([a()],N.prototype,`voice`,void 0),s([g(`textarea`)],N.prototype,`field`,void 0),N=s([f(`wc-names`)],N);var P=class extends p{constructor(...e){super(...e),this.voice=``,this.fault=``}static{this.styles=[d,m`
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
    `]}connectedCallback(){super.connectedCallback(),this.read()}async read(){try{let e=await this.server.connection.request(`GET`,`/lexicon`);this.words=e.words,this.fault=e.fault??``}catch(e){this.fault=u(e)}}values(){return[...this.renderRoot.querySelectorAll(`form input, form select`)].map(e=>e.value.trim())}async listen(e){await this.run((async()=>{let t=await this.server.connection.fetch(`/v1/audio/speech`,{method:`POST`,headers:{"Content-Type":`application/json`},body:JSON.stringify({model:`tts-1`,voice:this.voice,input:e,response_format:`wav`})});this.audio?.pause(),this.audio=new Audio(URL.createObjectURL(await t.blob())),await this.audio.play()})())}async save(e){e.preventDefault();let t=e.currentTarget,[n=``,r=``,i=`*`]=this.values(),a=/^\/.*\/$/.exec(r);await this.run(this.server.connection.request(`PUT`,`/lexicon/${i}/${encodeURIComponent(n)}`,a?{ipa:r.slice(1,-1)}:{respelling:r}),h(`requests.word_spoken`,{word:n,spoken:r}))!==void 0&&(t.reset(),await this.read())}async removeWord(e){await this.run(this.server.connection.request(`DELETE`,`/lexicon/${e.language}/${encodeURIComponent(e.word)}`)),await this.read()}render(){return o`<section class="card">
      <h2>${h(`voices.pronunciations`)}</h2>
      <p class="small muted">${h(`lexicon.help`)}</p>
      ${this.fault?o`<p class="note error">${this.fault}</p>`:l}
      ${this.server.canOperate?o`<form @submit=${this.save}>
            <label>${h(`lexicon.word`)}<input required autocomplete="off" /></label>
            <label>${h(`requests.spoken`)}<input required autocomplete="off" /></label>
            <label>
              ${h(`voices.language`)}
              <select>
                ${[`*`,`en`,`de`,`fr`,`es`,`it`,`nl`].map(e=>o`<option value=${e}>${e===`*`?h(`voices.every_language`):y(e)}</option>`)}
              </select>
            </label>
            <button type="button" @click=${()=>this.listen(this.values()[1]??``)}>${h(`voices.listen`)}</button>
            <button class="primary">${h(`action.save`)}</button>
          </form>`:l}
      <ul class="list">
        ${(this.words??[]).map(t=>o`<li>
              <button class="icon quiet" aria-label="${h(`voices.listen`)}: ${t.word}" @click=${()=>this.listen(t.word)}>
                <wc-icon .path=${e}></wc-icon>
              </button>
              <span class="grow">
                ${t.word} <span class="muted">→ ${t.respelling??`/${t.ipa??``}/`}</span>
              </span>
              <span class="chip">${t.language===`*`?h(`voices.every_language`):y(t.language)}</span>
              ${this.server.canOperate?o`<button
                    class="icon quiet danger"
                    aria-label="${h(`action.delete`)}: ${t.word}"
                    @click=${()=>this.removeWord(t)}
                  >
                    <wc-icon .path=${n}></wc-icon>
                  </button>`:l}
            </li>`)}
      </ul>
      ${this.words?.length===0?o`<p class="empty">${h(`lexicon.none`)}</p>`:l}
    </section>`}};s([a({attribute:!1})],P.prototype,`server`,void 0),s([a()],P.prototype,`voice`,void 0),s([i()],P.prototype,`words`,void 0),s([i()],P.prototype,`fault`,void 0),P=s([f(`wc-pronunciations`)],P);var F=[`voices`,`models`,`names`,`pronunciations`],I=250,L=class extends p{constructor(...e){super(...e),this.current=`voices`,this.defaultVoice=``,this.error=``,this.timer=0,this.controller=new r(this,e=>{let t=String(e.type);/^(model_(installed|removed|failed|ready|unloaded)|config_changed|stream_opened)$/.test(t)&&this.readSoon()}),this.onHashChange=()=>{let e=location.hash.split(`/`)[2];this.current=F.find(t=>t===e)??`voices`}}connectedCallback(){super.connectedCallback(),window.addEventListener(`hashchange`,this.onHashChange),this.onHashChange(),this.read()}disconnectedCallback(){super.disconnectedCallback(),window.removeEventListener(`hashchange`,this.onHashChange),window.clearTimeout(this.timer)}readSoon(){window.clearTimeout(this.timer),this.timer=window.setTimeout(()=>void this.read(),I)}async read(){let e=this.server.connection;try{let[t,n]=await Promise.all([e.request(`GET`,`/voices`),e.request(`GET`,`/catalog`)]);this.voices=t.voices,this.defaultVoice=t.default,this.catalog=n.models,this.error=``}catch(e){this.error=u(e)}}render(){return o`<div class="stack">
      <div class="subtabs" role="tablist" aria-label=${h(`tab.voices`)}>
        ${F.map(e=>o`<button
              role="tab"
              id=${e}
              aria-selected=${e===this.current?`true`:`false`}
              @click=${()=>location.hash=`#/voices/${e}`}
            >
              ${h(`voices.${e}`)}
            </button>`)}
      </div>
      ${this.error?o`<p class="note error">${this.error}</p>`:l}
      <div role="tabpanel" aria-labelledby=${this.current}>${this.renderPart()}</div>
    </div>`}renderPart(){switch(this.current){case`names`:return o`<wc-names .server=${this.server} .voice=${this.defaultVoice}></wc-names>`;case`pronunciations`:return o`<wc-pronunciations .server=${this.server} .voice=${this.defaultVoice}></wc-pronunciations>`;default:return this.voices&&this.catalog?o`<wc-catalog-list
              .server=${this.server}
              .shows=${this.current}
              .voices=${this.voices}
              .catalog=${this.catalog}
              .defaultVoice=${this.defaultVoice}
              @changed=${this.read}
            ></wc-catalog-list>`:l}}};s([a({attribute:!1})],L.prototype,`server`,void 0),s([i()],L.prototype,`current`,void 0),s([i()],L.prototype,`voices`,void 0),s([i()],L.prototype,`catalog`,void 0),s([i()],L.prototype,`defaultVoice`,void 0),s([i()],L.prototype,`error`,void 0),L=s([f(`wc-voices-tab`)],L);export{L as WcVoicesTab};
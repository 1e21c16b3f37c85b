import{E as e,H as t,L as n,T as r,_ as i,a,d as o,f as s,h as c,i as l,n as u,p as d,s as f,t as p,u as m}from"./icon-YeD31nTw.js";import{a as h}from"./localize-wwYarUF5.js";import{t as g}from"./repeat-CofMznqE.js";import{i as _,l as v,n as y}from"./format-B53Dm0je.js";import{t as b}from"./model-list-DqLCqxGY.js";import{u as x}from"./directive-helpers-DYDCFHet.js";function S(e){return e.split(/[-_]/)[0]?.toLowerCase()??e}function C(e){let t=new Map;for(let n of e)for(let e of new Set(n.languages.map(S)))t.set(e,(t.get(e)??0)+1);return[...t].sort((e,t)=>t[1]-e[1]||e[0].localeCompare(t[0])).map(([e])=>e)}function w(e,t,n,r){if(n&&!e.languages.some(e=>S(e)===n))return!1;let i=t.toLowerCase();return r.toLowerCase().split(/\s+/).every(e=>i.includes(e))}function T(e,t){return e?.models.find(e=>e.id===t)}function E(e){return e.filter(e=>e.installed&&e.model.startsWith(`kokoro`)&&!/[+*@]/.test(e.name)).map(e=>e.name)}function D(e){return Object.entries(e).filter(([,e])=>e>0).map(([e,t])=>t===1?e:`${e}*${t}`).join(`+`)}var O=2,k=class extends p{constructor(...e){super(...e),this.voices=[],this.parts=[]}static{this.styles=[a,i`
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
    `]}set(e,t){this.parts=this.parts.map((n,r)=>r===e?{...n,...t}:n)}get name(){return D(Object.fromEntries(this.parts.map(({name:e,weight:t})=>[e,t])))}render(){let e=E(this.voices);return this.parts.length||(this.parts=e.slice(0,O).map((e,t)=>({name:e,weight:t?.3:.7}))),c`<section class="card">
      <h2>${h(`voices.mix`)}</h2>
      ${this.parts.map((t,n)=>c`<div class="part">
            <select
              aria-label=${h(`voices.mix_voice`)}
              @change=${e=>this.set(n,{name:e.target.value})}
            >
              ${e.map(e=>c`<option value=${e} ?selected=${e===t.name}>${e}</option>`)}
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
        ${this.server.canOperate?c`<button ?disabled=${!this.name} @click=${this.use}>${h(`voices.use`)}</button>`:d}
        <code class="mono muted">${this.name}</code>
      </div>
    </section>`}listen(){this.audio?.pause(),this.audio=new Audio(this.server.connection.url(`/voices/${encodeURIComponent(this.name)}/sample`)),this.run(this.audio.play())}async use(){let e=this.name;await this.run(this.server.connection.request(`PATCH`,`/config`,{tts:{voice:e}}),h(`voices.used_now`,{name:e})),this.dispatchEvent(new CustomEvent(`changed`))}};l([o({attribute:!1})],k.prototype,`server`,void 0),l([o({attribute:!1})],k.prototype,`voices`,void 0),l([m()],k.prototype,`parts`,void 0),k=l([s(`wc-voice-mix`)],k);var A=60,j=class extends p{constructor(...e){super(...e),this.shows=`voices`,this.voices=[],this.catalog=[],this.defaultVoice=``,this.search=``,this.language=``,this.more=1,this.playing=``,this.source=``,this.controller=new f(this)}static{this.styles=[a,i`
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
    `]}disconnectedCallback(){super.disconnectedCallback(),this.audio?.pause()}items(){let e=new Map(this.catalog.map(e=>[e.id,e]));return this.shows===`models`?this.catalog.filter(e=>e.kind!==`tts`).map(e=>({key:e.id,title:e.id,subtitle:[h(`kind.${e.kind}`),e.title].filter(Boolean).join(` · `),languages:e.languages,entry:e})):this.voices.flatMap(t=>{let n=e.get(t.model);if(!n)return[];let r=t.description===t.name?``:t.description;return[{key:t.name,title:t.name,subtitle:r,languages:t.languages,entry:n,voice:t}]})}render(){let e=this.items(),t=e.filter(e=>w(e,`${e.title} ${e.subtitle} ${e.entry.id}`,this.language,this.search)),n=t.filter(e=>e.entry.installed||e.entry.downloading),r=t.filter(e=>!n.includes(e)),i=r.slice(0,A*this.more);return c`<div class="stack">
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
          ${C(e).map(e=>c`<option value=${e}>${v(e)}</option>`)}
        </select>
      </div>
      <section class="card" aria-labelledby="installed">
        <h2 id="installed">${h(`voices.installed`)}</h2>
        <ul class="list">
          ${g(n,e=>e.key,e=>this.renderItem(e))}
        </ul>
        ${n.length?d:c`<p class="empty">${h(`voices.none`)}</p>`}
      </section>
      ${this.shows===`voices`&&E(this.voices).length>1?c`<wc-voice-mix .server=${this.server} .voices=${this.voices} @changed=${this.onChanged}></wc-voice-mix>`:d}
      ${r.length?c`<section class="card" aria-labelledby="available">
            <h2 id="available">${h(`voices.available`,{count:r.length})}</h2>
            <ul class="list">
              ${g(i,e=>e.key,e=>this.renderItem(e))}
            </ul>
            ${i.length<r.length?c`<button @click=${()=>this.more++}>${h(`voices.more`)}</button>`:d}
          </section>`:d}
      ${this.server.canOperate?this.renderAdd():d}
    </div>`}renderItem(e){let{entry:r,voice:i}=e,a=T(this.server.snapshot,r.id),o=a?.real_time_factor?1/a.real_time_factor:0,s=[e.subtitle,e.languages.map(v).slice(0,4).join(`, `)+(e.languages.length>4?` …`:``),i?.quality?h(`voices.quality`,{quality:i.quality}):``,r.installed?y(r.disk_bytes):r.download_bytes?y(r.download_bytes):``,o?h(`voices.speed`,{factor:_(o,+(o<10))}):``,r.licence];return c`<li class=${i?``:`plain`}>
      ${i?c`<button
            class="play"
            ?disabled=${!i.sample}
            aria-label="${this.playing===i.name?h(`voices.stop`):h(`voices.listen`)}: ${i.name}"
            @click=${()=>this.play(i)}
          >
            <wc-icon .path=${this.playing===i.name?t:n}></wc-icon>
          </button>`:d}
      <div>
        <div class="row">
          <span class="title">${e.title}</span>
          ${i&&i.name===this.defaultVoice?c`<span class="chip accent">${h(`voices.default`)}</span>`:d}
          ${a?.default_for.length&&!i?c`<span class="chip accent">${h(`voices.default`)}</span>`:d}
          ${i?.non_commercial?c`<span class="chip warn">${h(`voices.non_commercial`)}</span>`:d}
        </div>
        <p class="small muted">${s.filter(Boolean).join(` · `)}</p>
        ${r.uses.length?c`<p class="small muted">${h(`voices.used_by`,{uses:r.uses.map(e=>e.detail).join(`; `)})}</p>`:d}
        ${a?.state===`failed`&&!r.installed?c`<p class="small error-text" role="alert">${a.error?.message} ${a.error?.detail}</p>`:d}
      </div>
      ${this.server.canOperate?c`<div class="actions">${this.renderActions(e,a)}</div>`:d}
      ${r.downloading&&a?this.renderProgress(a):d}
    </li>`}renderProgress(e){return c`<progress
      max="100"
      .value=${Math.max(0,e.progress?.percent??0)}
      aria-label=${b(e)}
    ></progress>`}renderActions(t,n){let{entry:i,voice:a}=t;if(i.downloading)return c`<span class="small muted">${n?b(n):h(`state.downloading`)}</span>
        <button aria-label="${h(`action.cancel`)}: ${i.id}" @click=${()=>this.cancel(i)}>
          ${h(`action.cancel`)}
        </button>`;if(!i.installed)return c`<button aria-label="${h(`voices.install`)}: ${t.title}" @click=${()=>this.install(i)}>
        <wc-icon .path=${e}></wc-icon>${h(`voices.install`)}
      </button>`;let o=a?a.name===this.defaultVoice:!!n?.default_for.length,s=a!==void 0||i.kind===`asr`;return c`${o||!s?d:c`<button aria-label="${h(`voices.use`)}: ${t.title}" @click=${()=>this.use(t)}>
            ${h(`voices.use`)}
          </button>`}
      <button
        class="icon quiet danger"
        ?disabled=${i.in_use}
        title=${h(`action.delete`)}
        aria-label="${h(`action.delete`)}: ${t.title}"
        @click=${()=>this.confirmDelete(i)}
      >
        <wc-icon .path=${r}></wc-icon>
      </button>`}renderAdd(){return c`<section class="card">
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
    </section>`}onChanged(){this.dispatchEvent(new CustomEvent(`changed`))}play(e){let t=this.playing;this.audio?.pause(),this.playing=``,t!==e.name&&e.sample&&(this.audio=new Audio(this.server.connection.url(e.sample)),this.audio.onended=()=>this.playing=``,this.playing=e.name,this.run(this.audio.play().catch(e=>{if(!(e instanceof DOMException&&e.name===`AbortError`))throw Error(h(`voices.no_sample`))})))}async install(e){await this.run(this.server.connection.request(`POST`,`/models/${e.id}/download`)),this.server.renewSoon(0),this.onChanged()}async cancel(e){await this.run(this.server.connection.request(`DELETE`,`/models/${e.id}`),h(`voices.canceled`)),this.onChanged()}async confirmDelete(e){await x({title:h(`storage.delete_model`,{model:e.id}),text:h(`storage.delete_model_text`),confirm:h(`action.delete`),danger:!0})&&(await this.run(this.server.connection.request(`DELETE`,`/models/${e.id}`)),this.onChanged())}async use(e){let t=e.voice?{tts:{voice:e.voice.name}}:{asr:{model:e.entry.id}};await this.run(this.server.connection.request(`PATCH`,`/config`,t),h(`voices.used_now`,{name:e.title})),this.server.renewSoon(0),this.onChanged()}async add(e){e.preventDefault();let t=await this.run(this.server.connection.request(`POST`,`/models`,{source:this.source.trim()}));t&&(this.source=``,await this.run(Promise.resolve(),h(`voices.added`,{models:t.models.join(`, `)})),this.server.renewSoon(0),this.onChanged())}};l([o({attribute:!1})],j.prototype,`server`,void 0),l([o()],j.prototype,`shows`,void 0),l([o({attribute:!1})],j.prototype,`voices`,void 0),l([o({attribute:!1})],j.prototype,`catalog`,void 0),l([o()],j.prototype,`defaultVoice`,void 0),l([m()],j.prototype,`search`,void 0),l([m()],j.prototype,`language`,void 0),l([m()],j.prototype,`more`,void 0),l([m()],j.prototype,`playing`,void 0),l([m()],j.prototype,`source`,void 0),j=l([s(`wc-catalog-list`)],j);var M=class extends p{constructor(...e){super(...e),this.terms=``,this.error=``}static{this.styles=[a,i`
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
`).map(e=>e.trim()).filter(Boolean);await this.run(this.server.connection.request(`PUT`,`/vocabulary`,{names:t(this.names??``),terms:t(this.terms)}),h(`names.saved`)),await this.read()}render(){if(this.error)return c`<p class="note error">${this.error}</p>`;if(this.names===void 0)return d;let e=!this.server.canOperate;return c`<form class="card" @submit=${this.save}>
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
      ${e?d:c`<button class="primary">${h(`action.save`)}</button>`}
    </form>`}};l([o({attribute:!1})],M.prototype,`server`,void 0),l([m()],M.prototype,`names`,void 0),l([m()],M.prototype,`terms`,void 0),l([m()],M.prototype,`error`,void 0),M=l([s(`wc-names`)],M);var N=class extends p{constructor(...e){super(...e),this.voice=``,this.fault=``}static{this.styles=[a,i`
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
    `]}connectedCallback(){super.connectedCallback(),this.read()}async read(){try{let e=await this.server.connection.request(`GET`,`/lexicon`);this.words=e.words,this.fault=e.fault??``}catch(e){this.fault=u(e)}}values(){return[...this.renderRoot.querySelectorAll(`form input, form select`)].map(e=>e.value.trim())}async listen(e){await this.run((async()=>{let t=await this.server.connection.fetch(`/v1/audio/speech`,{method:`POST`,headers:{"Content-Type":`application/json`},body:JSON.stringify({model:`tts-1`,voice:this.voice,input:e,response_format:`wav`})});this.audio?.pause(),this.audio=new Audio(URL.createObjectURL(await t.blob())),await this.audio.play()})())}async save(e){e.preventDefault();let t=e.currentTarget,[n=``,r=``,i=`*`]=this.values(),a=/^\/.*\/$/.exec(r);await this.run(this.server.connection.request(`PUT`,`/lexicon/${i}/${encodeURIComponent(n)}`,a?{ipa:r.slice(1,-1)}:{respelling:r}),h(`requests.word_spoken`,{word:n,spoken:r}))!==void 0&&(t.reset(),await this.read())}async removeWord(e){await this.run(this.server.connection.request(`DELETE`,`/lexicon/${e.language}/${encodeURIComponent(e.word)}`)),await this.read()}render(){return c`<section class="card">
      <h2>${h(`voices.pronunciations`)}</h2>
      <p class="small muted">${h(`lexicon.help`)}</p>
      ${this.fault?c`<p class="note error">${this.fault}</p>`:d}
      ${this.server.canOperate?c`<form @submit=${this.save}>
            <label>${h(`lexicon.word`)}<input required autocomplete="off" /></label>
            <label>${h(`requests.spoken`)}<input required autocomplete="off" /></label>
            <label>
              ${h(`voices.language`)}
              <select>
                ${[`*`,`en`,`de`,`fr`,`es`,`it`,`nl`].map(e=>c`<option value=${e}>${e===`*`?h(`voices.every_language`):v(e)}</option>`)}
              </select>
            </label>
            <button type="button" @click=${()=>this.listen(this.values()[1]??``)}>${h(`voices.listen`)}</button>
            <button class="primary">${h(`action.save`)}</button>
          </form>`:d}
      <ul class="list">
        ${(this.words??[]).map(e=>c`<li>
              <button class="icon quiet" aria-label="${h(`voices.listen`)}: ${e.word}" @click=${()=>this.listen(e.word)}>
                <wc-icon .path=${n}></wc-icon>
              </button>
              <span class="grow">
                ${e.word} <span class="muted">→ ${e.respelling??`/${e.ipa??``}/`}</span>
              </span>
              <span class="chip">${e.language===`*`?h(`voices.every_language`):v(e.language)}</span>
              ${this.server.canOperate?c`<button
                    class="icon quiet danger"
                    aria-label="${h(`action.delete`)}: ${e.word}"
                    @click=${()=>this.removeWord(e)}
                  >
                    <wc-icon .path=${r}></wc-icon>
                  </button>`:d}
            </li>`)}
      </ul>
      ${this.words?.length===0?c`<p class="empty">${h(`lexicon.none`)}</p>`:d}
    </section>`}};l([o({attribute:!1})],N.prototype,`server`,void 0),l([o()],N.prototype,`voice`,void 0),l([m()],N.prototype,`words`,void 0),l([m()],N.prototype,`fault`,void 0),N=l([s(`wc-pronunciations`)],N);var P=[`voices`,`models`,`names`,`pronunciations`],F=250,I=class extends p{constructor(...e){super(...e),this.current=`voices`,this.defaultVoice=``,this.error=``,this.timer=0,this.controller=new f(this,e=>{let t=String(e.type);/^(model_(installed|removed|failed|ready|unloaded)|config_changed|stream_opened)$/.test(t)&&this.readSoon()}),this.onHashChange=()=>{let e=location.hash.split(`/`)[2];this.current=P.find(t=>t===e)??`voices`}}connectedCallback(){super.connectedCallback(),window.addEventListener(`hashchange`,this.onHashChange),this.onHashChange(),this.read()}disconnectedCallback(){super.disconnectedCallback(),window.removeEventListener(`hashchange`,this.onHashChange),window.clearTimeout(this.timer)}readSoon(){window.clearTimeout(this.timer),this.timer=window.setTimeout(()=>void this.read(),F)}async read(){let e=this.server.connection;try{let[t,n]=await Promise.all([e.request(`GET`,`/voices`),e.request(`GET`,`/catalog`)]);this.voices=t.voices,this.defaultVoice=t.default,this.catalog=n.models,this.error=``}catch(e){this.error=u(e)}}render(){return c`<div class="stack">
      <div class="subtabs" role="tablist" aria-label=${h(`tab.voices`)}>
        ${P.map(e=>c`<button
              role="tab"
              id=${e}
              aria-selected=${e===this.current?`true`:`false`}
              @click=${()=>location.hash=`#/voices/${e}`}
            >
              ${h(`voices.${e}`)}
            </button>`)}
      </div>
      ${this.error?c`<p class="note error">${this.error}</p>`:d}
      <div role="tabpanel" aria-labelledby=${this.current}>${this.renderPart()}</div>
    </div>`}renderPart(){switch(this.current){case`names`:return c`<wc-names .server=${this.server}></wc-names>`;case`pronunciations`:return c`<wc-pronunciations .server=${this.server} .voice=${this.defaultVoice}></wc-pronunciations>`;default:return this.voices&&this.catalog?c`<wc-catalog-list
              .server=${this.server}
              .shows=${this.current}
              .voices=${this.voices}
              .catalog=${this.catalog}
              .defaultVoice=${this.defaultVoice}
              @changed=${this.read}
            ></wc-catalog-list>`:d}}};l([o({attribute:!1})],I.prototype,`server`,void 0),l([m()],I.prototype,`current`,void 0),l([m()],I.prototype,`voices`,void 0),l([m()],I.prototype,`catalog`,void 0),l([m()],I.prototype,`defaultVoice`,void 0),l([m()],I.prototype,`error`,void 0),I=l([s(`wc-voices-tab`)],I);export{I as WcVoicesTab};
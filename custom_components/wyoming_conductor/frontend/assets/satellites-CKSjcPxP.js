import{E as e,_ as t,b as n,f as r,i,t as a}from"./icon-CCieYufY.js";import{_ as o,g as s,h as c,i as l,r as u,s as d,t as f,w as p,x as m,y as h}from"./element-CzkuUGwN.js";import{r as g}from"./hass-BuTajfvc.js";import{t as _}from"./strings-5y_UnJkn.js";var v=1,y=2,b=30,x=class extends f{constructor(...e){super(...e),this.entryId=``,this.configurations={},this.busy=``,this.shownStates=``}static{this.styles=[d,p`
      .cards {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(340px, 100%), 1fr));
        gap: 16px;
      }
      .card {
        display: grid;
        gap: 14px;
        align-content: start;
      }
      label.field {
        display: grid;
        gap: 4px;
        font-size: 13px;
        color: var(--wc-muted);
      }
      label.check {
        display: flex;
        align-items: center;
        gap: 10px;
        min-height: 32px;
      }
      .chips {
        display: flex;
        gap: 6px;
      }
      fieldset {
        margin: 0;
        padding: 0;
        border: 0;
      }
      legend {
        padding: 0 0 4px;
        font-size: 13px;
        color: var(--wc-muted);
      }
      input[type="range"] {
        width: 100%;
      }
    `]}connectedCallback(){super.connectedCallback(),this.read(),this.readThreshold()}async read(){let e=await this.run(this.hass.callWS({type:`wyoming_conductor/panel/satellites`,entry_id:this.entryId}));if(e){this.satellites=e.satellites;for(let{entity_id:t}of e.satellites)this.readConfiguration(t)}}async readConfiguration(e){let t=await this.hass.callWS({type:`assist_satellite/get_configuration`,entity_id:e}).catch(()=>void 0);this.configurations={...this.configurations,[e]:t}}async readThreshold(){if(!this.server.canOperate||!this.server.has(`config`))return;let e=(await this.run(this.server.connection.request(`GET`,`/config`)))?.effective.wake;this.threshold=e?.threshold}willUpdate(){let e=(this.satellites??[]).flatMap(e=>e.settings).map(e=>this.hass.states[e]?.state).join();this.shownStates&&e!==this.shownStates&&this.read(),this.shownStates=e}render(){let{satellites:e}=this;return e?m`<div class="stack">
      ${e.length?m`<div class="cards">${e.map(e=>this.renderSatellite(e))}</div>`:m`<p class="empty">${_(`satellites.none`)}</p>`}
      ${this.threshold===void 0?h:this.renderThreshold(this.threshold)}
    </div>`:h}renderSatellite(r){let{hass:i}=this,o=i.states[r.entity_id];if(!o)return h;let s=this.nameOf(r,o),c=i.areas[i.devices[r.device_id??``]?.area_id??``]?.name,l=i.states[r.last_heard??``]?.state,u=o.state!==`unavailable`,d=Number(o.attributes.supported_features??0);return m`<section class="card" aria-label=${s}>
      <div class="spread">
        <div>
          <h2>${s}</h2>
          <p class="small muted">
            ${[c,l&&![`unknown`,`unavailable`].includes(l)?_(`satellites.last_heard`,{time:a(l)}):_(`satellites.never`)].filter(Boolean).join(` · `)}
          </p>
        </div>
        <div class="chips">
          ${r.uses_server?h:m`<span class="chip">${_(`satellites.other`)}</span>`}
          <span class="chip ${u?o.state===`idle`?`ok`:`accent`:`error`}"
            >${i.formatEntityState(o)}</span
          >
        </div>
      </div>
      ${r.settings.map(e=>this.renderSetting(e))} ${this.renderWakeWords(r)}
      <div class="row">
        <button ?disabled=${!u||!(d&v)||this.busy!==``} @click=${()=>this.testSpeaker(r,s)}>
          <wc-icon .path=${e}></wc-icon>${_(`satellites.test_speaker`)}
        </button>
        <button
          ?disabled=${!u||!(d&y)||this.busy!==``}
          @click=${()=>this.testMicrophone(r,s)}
        >
          <wc-icon .path=${n}></wc-icon>${_(`satellites.test_microphone`)}
        </button>
        <button ?disabled=${!u||this.busy!==``} @click=${()=>this.testWakeWord(r,s)}>
          <wc-icon .path=${t}></wc-icon>${_(`satellites.test_wake_word`)}
        </button>
      </div>
    </section>`}nameOf(e,t){let n=this.hass.devices[e.device_id??``];return n?.name_by_user??n?.name??String(t.attributes.friendly_name)}renderSetting(e){let t=this.hass.states[e],n=t?.attributes.options;if(!t||!Array.isArray(n))return h;let i=String(t.attributes.friendly_name);return m`<label class="field">
      <span class="row"><wc-icon .path=${r}></wc-icon>${i}</span>
      <select
        ?disabled=${t.state===`unavailable`}
        @change=${t=>this.run(this.hass.callService(`select`,`select_option`,{option:t.target.value},{entity_id:e}))}
      >
        ${n.map(e=>m`<option value=${e} ?selected=${e===t.state}>
              ${this.hass.formatEntityState({...t,state:e})}
            </option>`)}
      </select>
    </label>`}renderWakeWords(e){let t=this.configurations[e.entity_id];if(!t?.available_wake_words.length)return h;let{available_wake_words:n,active_wake_words:r,max_active_wake_words:i}=t;return m`<fieldset>
      <legend>
        ${_(`satellites.wake_words`)} · ${_(`satellites.max`,{count:i})}
      </legend>
      ${n.map(n=>{let a=r.includes(n.id);return m`<label class="check">
          <input
            type="checkbox"
            .checked=${a}
            ?disabled=${!a&&r.length>=i}
            @change=${()=>this.toggleWakeWord(e,t,n.id)}
          />${n.wake_word}
        </label>`})}
    </fieldset>`}async toggleWakeWord(e,t,n){let r=t.active_wake_words,i=r.includes(n)?r.filter(e=>e!==n):[...r,n],{entity_id:a}=e;await this.run(this.hass.callWS({type:`assist_satellite/set_wake_words`,entity_id:a,wake_word_ids:i})),await this.readConfiguration(a)}renderThreshold(e){return m`<section class="card">
      <label class="field">
        <span class="spread"><span>${_(`satellites.threshold`)}</span><span class="number">${i(e,2)}</span></span>
        <input
          type="range"
          min="0.05"
          max="0.95"
          step="0.05"
          .value=${String(e)}
          @change=${e=>this.setThreshold(Number(e.target.value))}
        />
      </label>
      <p class="small muted">${_(`satellites.threshold_help`)}</p>
    </section>`}async setThreshold(e){this.threshold=e,await this.run(this.server.connection.request(`PATCH`,`/config`,{wake:{threshold:e}})),await this.readThreshold()}async test(e,t){this.busy=e;try{await t()}catch(e){u(g(e),`error`)}finally{this.busy=``}}testSpeaker({entity_id:e},t){return this.test(t,async()=>{let n=_(`satellites.announcement`,{name:t});await this.hass.callService(`assist_satellite`,`announce`,{message:n},{entity_id:e})})}testMicrophone({entity_id:e},t){return this.test(t,async()=>{u(_(`satellites.listening`,{name:t}));let{response:n}=await this.hass.callWS({type:`call_service`,domain:`assist_satellite`,service:`ask_question`,service_data:{entity_id:e,question:_(`satellites.question`)},return_response:!0}),r=n.sentence;u(r?_(`satellites.heard`,{text:r}):_(`satellites.heard_nothing`))})}testWakeWord({entity_id:e},t){return this.test(t,async()=>{u(_(`satellites.say_wake_word`,{name:t}));let n,r=await new Promise((t,r)=>{let i=window.setTimeout(()=>t(``),b*1e3);this.hass.connection.subscribeMessage(e=>{window.clearTimeout(i),t(e.wake_word_phrase)},{type:`assist_satellite/intercept_wake_word`,entity_id:e}).then(e=>n=e).catch(r)});await n?.(),u(r?_(`satellites.heard_wake_word`,{name:t,word:r}):_(`satellites.heard_nothing`))})}};l([s({attribute:!1})],x.prototype,`server`,void 0),l([s({attribute:!1})],x.prototype,`hass`,void 0),l([s()],x.prototype,`entryId`,void 0),l([c()],x.prototype,`satellites`,void 0),l([c()],x.prototype,`configurations`,void 0),l([c()],x.prototype,`threshold`,void 0),l([c()],x.prototype,`busy`,void 0),x=l([o(`wc-satellites`)],x);export{x as WcSatellites};
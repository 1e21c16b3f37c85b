import{A as e,F as t,R as n,T as r,U as i,b as a,c as o,f as s,g as c,i as l,m as u,o as d,p as f,t as p,v as m,x as h,z as g}from"./icon-CgDB_Qno.js";import{a as _,n as v,s as y,t as b}from"./format-BTQftpua.js";import{a as x,o as S}from"./localize-C6ttZHhD.js";var C={asr:t,tts:h,wake:e,turn:r,speaker:a},w={ready:`ok`,failed:`error`,unfit:`error`,waiting_for_gpu:`warn`,loading:`accent`,downloading:`accent`,unloading:`accent`},T=class extends p{constructor(...e){super(...e),this.controller=new o(this)}static{this.styles=[d,m`
      li.model {
        display: grid;
        grid-template-columns: 24px minmax(0, 1fr) auto;
        align-items: center;
        gap: 4px 14px;
      }
      .model > wc-icon {
        color: var(--wc-muted);
      }
      .name {
        font-weight: 500;
        overflow-wrap: anywhere;
      }
      .detail {
        grid-column: 2 / -1;
        max-width: 80ch;
      }
      .actions {
        display: flex;
        gap: 6px;
        align-items: center;
      }
      .actions button.icon {
        color: var(--wc-muted);
      }
      .actions button[aria-pressed="true"] {
        color: var(--wc-accent);
      }
      progress {
        max-width: 320px;
        margin-top: 4px;
      }
      @media (max-width: 560px) {
        li.model {
          grid-template-columns: 24px minmax(0, 1fr);
        }
        .actions {
          grid-column: 2;
        }
      }
    `]}async change(e,t){await this.run(this.server.connection.request(`POST`,`/models/${e.id}/${t}`)),this.server.renewSoon(0)}async pin(e){let t={models:{[e.id]:{pinned:!e.pinned||null}}};await this.run(this.server.connection.request(`PATCH`,`/config`,t),e.pinned?x(`machine.unpinned`,{model:e.id}):x(`machine.pinned`,{model:e.id})),this.server.renewSoon(0)}render(){let e=[...this.server.snapshot?.models??[]].sort(k);return c`<section class="card" aria-labelledby="title">
      <h2 id="title">${x(`machine.models`)}</h2>
      <ul class="list">
        ${e.map(e=>this.renderModel(e))}
      </ul>
      ${e.length?u:c`<p class="empty">${x(`machine.no_models`)}</p>`}
    </section>`}renderModel(e){let t=[`ready`,`loading`,`unloading`].includes(e.state),r=e.state===`waiting_for_gpu`;return c`<li class="model">
      <wc-icon .path=${C[e.kind]}></wc-icon>
      <div class="row">
        <span class="name">${e.id}</span>
        <span class="chip ${w[e.state]??``}">${S(`state`,e.state)}</span>
        ${e.active_requests?c`<span class="chip accent">${x(`machine.in_use`,{count:e.active_requests})}</span>`:u}
      </div>
      ${this.server.canOperate?c`<div class="actions">
            <button
              class="icon quiet"
              aria-pressed=${e.pinned?`true`:`false`}
              title=${e.pinned?x(`machine.unpin`):x(`machine.pin`)}
              aria-label="${e.pinned?x(`machine.unpin`):x(`machine.pin`)}: ${e.id}"
              @click=${()=>this.pin(e)}
            >
              <wc-icon .path=${e.pinned?n:g}></wc-icon>
            </button>
            <button
              ?disabled=${e.state===`unloading`}
              aria-label="${x(t||r?`machine.unload`:`machine.load_model`)}: ${e.id}"
              @click=${()=>this.change(e,t||r?`unload`:`load`)}
            >
              ${e.state===`failed`?c`<wc-icon .path=${i}></wc-icon>`:u}
              ${x(t||r?`machine.unload`:`machine.load_model`)}
            </button>
          </div>`:u}
      <div class="detail small muted">
        ${this.renderDetail(e)}
        ${e.progress&&e.state!==`ready`?c`<progress
              max="100"
              .value=${Math.max(0,e.progress.percent)}
              aria-label=${S(`phase`,e.progress.phase)}
            ></progress>`:u}
      </div>
    </li>`}renderDetail(e){switch(e.state){case`waiting_for_gpu`:return c`${x(`machine.waits`,{needed:v(e.waiting?.needed_bytes??e.memory_bytes),free:v(e.waiting?.free_bytes??0),device:e.device})}
        ${e.waiting?.held_by.length?x(`machine.held_by`,{holders:e.waiting.held_by.slice(0,E).map(e=>`${e.name} (${v(e.bytes)})`).join(`, `)}):u}`;case`unfit`:return c`<span class="error-text"
          >${x(`machine.unfit`,{needed:v(e.unfit?.needed_bytes??e.memory_bytes),budget:v(e.unfit?.budget_bytes??0),device:e.device})}</span
        >`;case`failed`:return c`<span class="error-text">${e.error?.message??``}</span>
          ${e.error?.detail??``}
          ${e.error?.retry_in_secs===void 0?u:x(`machine.retry_in`,{time:y(e.error.retry_in_secs)})}`;case`loading`:case`downloading`:return D(e)}let t=[e.device,e.compute_type===`auto`||e.compute_type==="default"?``:e.compute_type,e.state===`ready`?v(e.memory_bytes):x(`machine.needs`,{bytes:v(e.memory_bytes)}),e.last_used?x(`machine.used`,{time:b(e.last_used)}):``,e.requests?x(`machine.requests`,{count:e.requests}):``,e.unload_in_secs===void 0||e.unload_in_secs>86400?``:x(`machine.unloads_in`,{time:y(e.unload_in_secs)})];return c`${t.filter(Boolean).join(` · `)}
    ${e.fallback_reason?c`<br />${e.fallback_reason}`:u}`}};l([s({attribute:!1})],T.prototype,`server`,void 0),T=l([f(`wc-model-list`)],T);var E=3;function D(e){let t=e.progress;if(!t)return x(`machine.starting`);let n=t.total_bytes?`${v(t.done_bytes??0)} / ${v(t.total_bytes)}`:t.percent>=0?_(t.percent/100):``;return[S(`phase`,t.phase),n].filter(Boolean).join(` · `)}var O=[`asr`,`tts`,`wake`];function k(e,t){return Number(e.state===`unloaded`)-Number(t.state===`unloaded`)||O.indexOf(e.kind)-O.indexOf(t.kind)||e.id.localeCompare(t.id)}export{D as t};
import{S as e,_ as t,a as n,b as r,d as i,f as a,n as o,o as s,p as c,t as l,w as u,x as d}from"./icon-CCieYufY.js";import{_ as f,f as p,g as m,i as h,p as g,s as _,t as v,w as y,x as b,y as x}from"./element-CzkuUGwN.js";import{n as S}from"./server-BF0_uQv_.js";var C={asr:r,tts:a,wake:t,turn:c,speaker:i},w={ready:`ok`,failed:`error`,unfit:`error`,waiting_for_gpu:`warn`,loading:`accent`,downloading:`accent`,unloading:`accent`},T=class extends v{constructor(...e){super(...e),this.controller=new S(this)}static{this.styles=[_,y`
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
    `]}async change(e,t){await this.run(this.server.connection.request(`POST`,`/models/${e.id}/${t}`)),this.server.renewSoon(0)}async pin(e){let t={models:{[e.id]:{pinned:!e.pinned||null}}};await this.run(this.server.connection.request(`PATCH`,`/config`,t),e.pinned?p(`machine.unpinned`,{model:e.id}):p(`machine.pinned`,{model:e.id})),this.server.renewSoon(0)}render(){let e=[...this.server.snapshot?.models??[]].sort(k);return b`<section class="card" aria-labelledby="title">
      <h2 id="title">${p(`machine.models`)}</h2>
      <ul class="list">
        ${e.map(e=>this.renderModel(e))}
      </ul>
      ${e.length?x:b`<p class="empty">${p(`machine.no_models`)}</p>`}
    </section>`}renderModel(t){let n=[`ready`,`loading`,`unloading`].includes(t.state),r=t.state===`waiting_for_gpu`;return b`<li class="model">
      <wc-icon .path=${C[t.kind]}></wc-icon>
      <div class="row">
        <span class="name">${t.id}</span>
        <span class="chip ${w[t.state]??``}">${g(`state`,t.state)}</span>
        ${t.active_requests?b`<span class="chip accent">${p(`machine.in_use`,{count:t.active_requests})}</span>`:x}
      </div>
      ${this.server.canOperate?b`<div class="actions">
            <button
              class="icon quiet"
              aria-pressed=${t.pinned?`true`:`false`}
              title=${t.pinned?p(`machine.unpin`):p(`machine.pin`)}
              aria-label="${t.pinned?p(`machine.unpin`):p(`machine.pin`)}: ${t.id}"
              @click=${()=>this.pin(t)}
            >
              <wc-icon .path=${t.pinned?d:e}></wc-icon>
            </button>
            <button
              ?disabled=${t.state===`unloading`}
              aria-label="${p(n||r?`machine.unload`:`machine.load_model`)}: ${t.id}"
              @click=${()=>this.change(t,n||r?`unload`:`load`)}
            >
              ${t.state===`failed`?b`<wc-icon .path=${u}></wc-icon>`:x}
              ${p(n||r?`machine.unload`:`machine.load_model`)}
            </button>
          </div>`:x}
      <div class="detail small muted">
        ${this.renderDetail(t)}
        ${t.progress&&t.state!==`ready`?b`<progress
              max="100"
              .value=${Math.max(0,t.progress.percent)}
              aria-label=${g(`phase`,t.progress.phase)}
            ></progress>`:x}
      </div>
    </li>`}renderDetail(e){switch(e.state){case`waiting_for_gpu`:return b`${p(`machine.waits`,{needed:o(e.waiting?.needed_bytes??e.memory_bytes),free:o(e.waiting?.free_bytes??0),device:e.device})}
        ${e.waiting?.held_by.length?p(`machine.held_by`,{holders:e.waiting.held_by.slice(0,E).map(e=>`${e.name} (${o(e.bytes)})`).join(`, `)}):x}`;case`unfit`:return b`<span class="error-text"
          >${p(`machine.unfit`,{needed:o(e.unfit?.needed_bytes??e.memory_bytes),budget:o(e.unfit?.budget_bytes??0),device:e.device})}</span
        >`;case`failed`:return b`<span class="error-text">${e.error?.message??``}</span>
          ${e.error?.detail??``}
          ${e.error?.retry_in_secs===void 0?x:p(`machine.retry_in`,{time:s(e.error.retry_in_secs)})}`;case`loading`:case`downloading`:return D(e)}let t=[e.device,e.compute_type===`auto`||e.compute_type==="default"?``:e.compute_type,e.state===`ready`?o(e.memory_bytes):p(`machine.needs`,{bytes:o(e.memory_bytes)}),e.last_used?p(`machine.used`,{time:l(e.last_used)}):``,e.requests?p(`machine.requests`,{count:e.requests}):``,e.unload_in_secs===void 0||e.unload_in_secs>86400?``:p(`machine.unloads_in`,{time:s(e.unload_in_secs)})];return b`${t.filter(Boolean).join(` · `)}
    ${e.fallback_reason?b`<br />${e.fallback_reason}`:x}`}};h([m({attribute:!1})],T.prototype,`server`,void 0),T=h([f(`wc-model-list`)],T);var E=3;function D(e){let t=e.progress;if(!t)return p(`machine.starting`);let r=t.total_bytes?`${o(t.done_bytes??0)} / ${o(t.total_bytes)}`:t.percent>=0?n(t.percent/100):``;return[g(`phase`,t.phase),r].filter(Boolean).join(` · `)}var O=[`asr`,`tts`,`wake`];function k(e,t){return Number(e.state===`unloaded`)-Number(t.state===`unloaded`)||O.indexOf(e.kind)-O.indexOf(t.kind)||e.id.localeCompare(t.id)}export{D as t};
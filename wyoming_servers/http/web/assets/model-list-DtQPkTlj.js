import{D as e,O as t,_ as n,a as r,d as i,f as a,h as o,i as s,j as c,k as l,p as u,s as d,t as f,w as p,y as m}from"./icon-DJxPvbUh.js";import{a as h,n as g,o as _,t as v}from"./format-Dx1nBf4h.js";import{a as y,o as b}from"./localize-BRpWl2OS.js";var x={asr:e,tts:m,wake:p},S={ready:`ok`,failed:`error`,unfit:`error`,waiting_for_gpu:`warn`,loading:`accent`,downloading:`accent`,unloading:`accent`},C=class extends f{constructor(...e){super(...e),this.controller=new d(this)}static{this.styles=[r,n`
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
    `]}async change(e,t){await this.run(this.server.connection.request(`POST`,`/models/${e.id}/${t}`)),this.server.renewSoon(0)}async pin(e){let t={models:{[e.id]:{pinned:!e.pinned||null}}};await this.run(this.server.connection.request(`PATCH`,`/config`,t),e.pinned?y(`machine.unpinned`,{model:e.id}):y(`machine.pinned`,{model:e.id})),this.server.renewSoon(0)}render(){let e=[...this.server.snapshot?.models??[]].sort(D);return o`<section class="card" aria-labelledby="title">
      <h2 id="title">${y(`machine.models`)}</h2>
      <ul class="list">
        ${e.map(e=>this.renderModel(e))}
      </ul>
      ${e.length?u:o`<p class="empty">${y(`machine.no_models`)}</p>`}
    </section>`}renderModel(e){let n=[`ready`,`loading`,`unloading`].includes(e.state),r=e.state===`waiting_for_gpu`;return o`<li class="model">
      <wc-icon .path=${x[e.kind]}></wc-icon>
      <div class="row">
        <span class="name">${e.id}</span>
        <span class="chip ${S[e.state]??``}">${b(`state`,e.state)}</span>
        ${e.active_requests?o`<span class="chip accent">${y(`machine.in_use`,{count:e.active_requests})}</span>`:u}
      </div>
      ${this.server.canOperate?o`<div class="actions">
            <button
              class="icon quiet"
              aria-pressed=${e.pinned?`true`:`false`}
              title=${e.pinned?y(`machine.unpin`):y(`machine.pin`)}
              aria-label="${e.pinned?y(`machine.unpin`):y(`machine.pin`)}: ${e.id}"
              @click=${()=>this.pin(e)}
            >
              <wc-icon .path=${e.pinned?t:l}></wc-icon>
            </button>
            <button
              ?disabled=${e.state===`unloading`}
              aria-label="${y(n||r?`machine.unload`:`machine.load_model`)}: ${e.id}"
              @click=${()=>this.change(e,n||r?`unload`:`load`)}
            >
              ${e.state===`failed`?o`<wc-icon .path=${c}></wc-icon>`:u}
              ${y(n||r?`machine.unload`:`machine.load_model`)}
            </button>
          </div>`:u}
      <div class="detail small muted">
        ${this.renderDetail(e)}
        ${e.progress&&e.state!==`ready`?o`<progress
              max="100"
              .value=${Math.max(0,e.progress.percent)}
              aria-label=${b(`phase`,e.progress.phase)}
            ></progress>`:u}
      </div>
    </li>`}renderDetail(e){switch(e.state){case`waiting_for_gpu`:return o`${y(`machine.waits`,{needed:g(e.waiting?.needed_bytes??e.memory_bytes),free:g(e.waiting?.free_bytes??0),device:e.device})}
        ${e.waiting?.held_by.length?y(`machine.held_by`,{holders:e.waiting.held_by.slice(0,w).map(e=>`${e.name} (${g(e.bytes)})`).join(`, `)}):u}`;case`unfit`:return o`<span class="error-text"
          >${y(`machine.unfit`,{needed:g(e.unfit?.needed_bytes??e.memory_bytes),budget:g(e.unfit?.budget_bytes??0),device:e.device})}</span
        >`;case`failed`:return o`<span class="error-text">${e.error?.message??``}</span>
          ${e.error?.detail??``}
          ${e.error?.retry_in_secs===void 0?u:y(`machine.retry_in`,{time:_(e.error.retry_in_secs)})}`;case`loading`:case`downloading`:return T(e)}let t=[e.device,e.compute_type===`auto`||e.compute_type==="default"?``:e.compute_type,e.state===`ready`?g(e.memory_bytes):y(`machine.needs`,{bytes:g(e.memory_bytes)}),e.last_used?y(`machine.used`,{time:v(e.last_used)}):``,e.requests?y(`machine.requests`,{count:e.requests}):``,e.unload_in_secs===void 0||e.unload_in_secs>86400?``:y(`machine.unloads_in`,{time:_(e.unload_in_secs)})];return o`${t.filter(Boolean).join(` · `)}
    ${e.fallback_reason?o`<br />${e.fallback_reason}`:u}`}};s([i({attribute:!1})],C.prototype,`server`,void 0),C=s([a(`wc-model-list`)],C);var w=3;function T(e){let t=e.progress;if(!t)return y(`machine.starting`);let n=t.total_bytes?`${g(t.done_bytes??0)} / ${g(t.total_bytes)}`:t.percent>=0?h(t.percent/100):``;return[b(`phase`,t.phase),n].filter(Boolean).join(` · `)}var E=[`asr`,`tts`,`wake`];function D(e,t){return Number(e.state===`unloaded`)-Number(t.state===`unloaded`)||E.indexOf(e.kind)-E.indexOf(t.kind)||e.id.localeCompare(t.id)}export{T as t};
import{B as e,D as t,F as n,I as r,M as i,_ as a,a as o,d as s,f as c,h as l,i as u,p as d,s as f,t as p,y as m}from"./icon-YeD31nTw.js";import{a as h,n as g,s as _,t as v}from"./format-B53Dm0je.js";import{a as y,o as b}from"./localize-wwYarUF5.js";var x={asr:i,tts:m,wake:t},S={ready:`ok`,failed:`error`,unfit:`error`,waiting_for_gpu:`warn`,loading:`accent`,downloading:`accent`,unloading:`accent`},C=class extends p{constructor(...e){super(...e),this.controller=new f(this)}static{this.styles=[o,a`
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
    `]}async change(e,t){await this.run(this.server.connection.request(`POST`,`/models/${e.id}/${t}`)),this.server.renewSoon(0)}async pin(e){let t={models:{[e.id]:{pinned:!e.pinned||null}}};await this.run(this.server.connection.request(`PATCH`,`/config`,t),e.pinned?y(`machine.unpinned`,{model:e.id}):y(`machine.pinned`,{model:e.id})),this.server.renewSoon(0)}render(){let e=[...this.server.snapshot?.models??[]].sort(D);return l`<section class="card" aria-labelledby="title">
      <h2 id="title">${y(`machine.models`)}</h2>
      <ul class="list">
        ${e.map(e=>this.renderModel(e))}
      </ul>
      ${e.length?d:l`<p class="empty">${y(`machine.no_models`)}</p>`}
    </section>`}renderModel(t){let i=[`ready`,`loading`,`unloading`].includes(t.state),a=t.state===`waiting_for_gpu`;return l`<li class="model">
      <wc-icon .path=${x[t.kind]}></wc-icon>
      <div class="row">
        <span class="name">${t.id}</span>
        <span class="chip ${S[t.state]??``}">${b(`state`,t.state)}</span>
        ${t.active_requests?l`<span class="chip accent">${y(`machine.in_use`,{count:t.active_requests})}</span>`:d}
      </div>
      ${this.server.canOperate?l`<div class="actions">
            <button
              class="icon quiet"
              aria-pressed=${t.pinned?`true`:`false`}
              title=${t.pinned?y(`machine.unpin`):y(`machine.pin`)}
              aria-label="${t.pinned?y(`machine.unpin`):y(`machine.pin`)}: ${t.id}"
              @click=${()=>this.pin(t)}
            >
              <wc-icon .path=${t.pinned?n:r}></wc-icon>
            </button>
            <button
              ?disabled=${t.state===`unloading`}
              aria-label="${y(i||a?`machine.unload`:`machine.load_model`)}: ${t.id}"
              @click=${()=>this.change(t,i||a?`unload`:`load`)}
            >
              ${t.state===`failed`?l`<wc-icon .path=${e}></wc-icon>`:d}
              ${y(i||a?`machine.unload`:`machine.load_model`)}
            </button>
          </div>`:d}
      <div class="detail small muted">
        ${this.renderDetail(t)}
        ${t.progress&&t.state!==`ready`?l`<progress
              max="100"
              .value=${Math.max(0,t.progress.percent)}
              aria-label=${b(`phase`,t.progress.phase)}
            ></progress>`:d}
      </div>
    </li>`}renderDetail(e){switch(e.state){case`waiting_for_gpu`:return l`${y(`machine.waits`,{needed:g(e.waiting?.needed_bytes??e.memory_bytes),free:g(e.waiting?.free_bytes??0),device:e.device})}
        ${e.waiting?.held_by.length?y(`machine.held_by`,{holders:e.waiting.held_by.slice(0,w).map(e=>`${e.name} (${g(e.bytes)})`).join(`, `)}):d}`;case`unfit`:return l`<span class="error-text"
          >${y(`machine.unfit`,{needed:g(e.unfit?.needed_bytes??e.memory_bytes),budget:g(e.unfit?.budget_bytes??0),device:e.device})}</span
        >`;case`failed`:return l`<span class="error-text">${e.error?.message??``}</span>
          ${e.error?.detail??``}
          ${e.error?.retry_in_secs===void 0?d:y(`machine.retry_in`,{time:_(e.error.retry_in_secs)})}`;case`loading`:case`downloading`:return T(e)}let t=[e.device,e.compute_type===`auto`||e.compute_type==="default"?``:e.compute_type,e.state===`ready`?g(e.memory_bytes):y(`machine.needs`,{bytes:g(e.memory_bytes)}),e.last_used?y(`machine.used`,{time:v(e.last_used)}):``,e.requests?y(`machine.requests`,{count:e.requests}):``,e.unload_in_secs===void 0||e.unload_in_secs>86400?``:y(`machine.unloads_in`,{time:_(e.unload_in_secs)})];return l`${t.filter(Boolean).join(` · `)}
    ${e.fallback_reason?l`<br />${e.fallback_reason}`:d}`}};u([s({attribute:!1})],C.prototype,`server`,void 0),C=u([c(`wc-model-list`)],C);var w=3;function T(e){let t=e.progress;if(!t)return y(`machine.starting`);let n=t.total_bytes?`${g(t.done_bytes??0)} / ${g(t.total_bytes)}`:t.percent>=0?h(t.percent/100):``;return[b(`phase`,t.phase),n].filter(Boolean).join(` · `)}var E=[`asr`,`tts`,`wake`];function D(e,t){return Number(e.state===`unloaded`)-Number(t.state===`unloaded`)||E.indexOf(e.kind)-E.indexOf(t.kind)||e.id.localeCompare(t.id)}export{T as t};
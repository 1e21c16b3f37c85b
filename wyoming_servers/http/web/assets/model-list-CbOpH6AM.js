import{H as e,L as t,P as n,R as r,_ as i,a,b as o,d as s,f as c,h as l,i as u,k as d,p as f,s as p,t as m,w as h,y as g}from"./icon-CHmW7OzU.js";import{a as _,n as v,s as y,t as b}from"./format-b5hgKdRp.js";import{a as x,o as S}from"./localize-BVxEozFi.js";var C={asr:n,tts:o,wake:d,turn:h,speaker:g},w={ready:`ok`,failed:`error`,unfit:`error`,waiting_for_gpu:`warn`,loading:`accent`,downloading:`accent`,unloading:`accent`},T=class extends m{constructor(...e){super(...e),this.controller=new p(this)}static{this.styles=[a,i`
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
    `]}async change(e,t){await this.run(this.server.connection.request(`POST`,`/models/${e.id}/${t}`)),this.server.renewSoon(0)}async pin(e){let t={models:{[e.id]:{pinned:!e.pinned||null}}};await this.run(this.server.connection.request(`PATCH`,`/config`,t),e.pinned?x(`machine.unpinned`,{model:e.id}):x(`machine.pinned`,{model:e.id})),this.server.renewSoon(0)}render(){let e=[...this.server.snapshot?.models??[]].sort(k);return l`<section class="card" aria-labelledby="title">
      <h2 id="title">${x(`machine.models`)}</h2>
      <ul class="list">
        ${e.map(e=>this.renderModel(e))}
      </ul>
      ${e.length?f:l`<p class="empty">${x(`machine.no_models`)}</p>`}
    </section>`}renderModel(n){let i=[`ready`,`loading`,`unloading`].includes(n.state),a=n.state===`waiting_for_gpu`;return l`<li class="model">
      <wc-icon .path=${C[n.kind]}></wc-icon>
      <div class="row">
        <span class="name">${n.id}</span>
        <span class="chip ${w[n.state]??``}">${S(`state`,n.state)}</span>
        ${n.active_requests?l`<span class="chip accent">${x(`machine.in_use`,{count:n.active_requests})}</span>`:f}
      </div>
      ${this.server.canOperate?l`<div class="actions">
            <button
              class="icon quiet"
              aria-pressed=${n.pinned?`true`:`false`}
              title=${n.pinned?x(`machine.unpin`):x(`machine.pin`)}
              aria-label="${n.pinned?x(`machine.unpin`):x(`machine.pin`)}: ${n.id}"
              @click=${()=>this.pin(n)}
            >
              <wc-icon .path=${n.pinned?t:r}></wc-icon>
            </button>
            <button
              ?disabled=${n.state===`unloading`}
              aria-label="${x(i||a?`machine.unload`:`machine.load_model`)}: ${n.id}"
              @click=${()=>this.change(n,i||a?`unload`:`load`)}
            >
              ${n.state===`failed`?l`<wc-icon .path=${e}></wc-icon>`:f}
              ${x(i||a?`machine.unload`:`machine.load_model`)}
            </button>
          </div>`:f}
      <div class="detail small muted">
        ${this.renderDetail(n)}
        ${n.progress&&n.state!==`ready`?l`<progress
              max="100"
              .value=${Math.max(0,n.progress.percent)}
              aria-label=${S(`phase`,n.progress.phase)}
            ></progress>`:f}
      </div>
    </li>`}renderDetail(e){switch(e.state){case`waiting_for_gpu`:return l`${x(`machine.waits`,{needed:v(e.waiting?.needed_bytes??e.memory_bytes),free:v(e.waiting?.free_bytes??0),device:e.device})}
        ${e.waiting?.held_by.length?x(`machine.held_by`,{holders:e.waiting.held_by.slice(0,E).map(e=>`${e.name} (${v(e.bytes)})`).join(`, `)}):f}`;case`unfit`:return l`<span class="error-text"
          >${x(`machine.unfit`,{needed:v(e.unfit?.needed_bytes??e.memory_bytes),budget:v(e.unfit?.budget_bytes??0),device:e.device})}</span
        >`;case`failed`:return l`<span class="error-text">${e.error?.message??``}</span>
          ${e.error?.detail??``}
          ${e.error?.retry_in_secs===void 0?f:x(`machine.retry_in`,{time:y(e.error.retry_in_secs)})}`;case`loading`:case`downloading`:return D(e)}let t=[e.device,e.compute_type===`auto`||e.compute_type==="default"?``:e.compute_type,e.state===`ready`?v(e.memory_bytes):x(`machine.needs`,{bytes:v(e.memory_bytes)}),e.last_used?x(`machine.used`,{time:b(e.last_used)}):``,e.requests?x(`machine.requests`,{count:e.requests}):``,e.unload_in_secs===void 0||e.unload_in_secs>86400?``:x(`machine.unloads_in`,{time:y(e.unload_in_secs)})];return l`${t.filter(Boolean).join(` · `)}
    ${e.fallback_reason?l`<br />${e.fallback_reason}`:f}`}};u([s({attribute:!1})],T.prototype,`server`,void 0),T=u([c(`wc-model-list`)],T);var E=3;function D(e){let t=e.progress;if(!t)return x(`machine.starting`);let n=t.total_bytes?`${v(t.done_bytes??0)} / ${v(t.total_bytes)}`:t.percent>=0?_(t.percent/100):``;return[S(`phase`,t.phase),n].filter(Boolean).join(` · `)}var O=[`asr`,`tts`,`wake`];function k(e,t){return Number(e.state===`unloaded`)-Number(t.state===`unloaded`)||O.indexOf(e.kind)-O.indexOf(t.kind)||e.id.localeCompare(t.id)}export{D as t};
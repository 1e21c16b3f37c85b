import{S as e,a as t,b as n,d as r,h as i,n as a,o,t as s,v as c,y as l}from"./icon-DHgGfyeY.js";import{_ as u,f as d,g as f,i as p,p as m,s as h,t as g,w as _,x as v,y}from"./element-DayLbnnM.js";import{n as b}from"./server-BF0_uQv_.js";var x={asr:c,tts:r,wake:i},S={ready:`ok`,failed:`error`,unfit:`error`,waiting_for_gpu:`warn`,loading:`accent`,downloading:`accent`,unloading:`accent`},C=class extends g{constructor(...e){super(...e),this.controller=new b(this)}static{this.styles=[h,_`
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
    `]}async change(e,t){await this.run(this.server.connection.request(`POST`,`/models/${e.id}/${t}`)),this.server.renewSoon(0)}async pin(e){let t={models:{[e.id]:{pinned:!e.pinned||null}}};await this.run(this.server.connection.request(`PATCH`,`/config`,t),e.pinned?d(`machine.unpinned`,{model:e.id}):d(`machine.pinned`,{model:e.id})),this.server.renewSoon(0)}render(){let e=[...this.server.snapshot?.models??[]].sort(D);return v`<section class="card" aria-labelledby="title">
      <h2 id="title">${d(`machine.models`)}</h2>
      <ul class="list">
        ${e.map(e=>this.renderModel(e))}
      </ul>
      ${e.length?y:v`<p class="empty">${d(`machine.no_models`)}</p>`}
    </section>`}renderModel(t){let r=[`ready`,`loading`,`unloading`].includes(t.state),i=t.state===`waiting_for_gpu`;return v`<li class="model">
      <wc-icon .path=${x[t.kind]}></wc-icon>
      <div class="row">
        <span class="name">${t.id}</span>
        <span class="chip ${S[t.state]??``}">${m(`state`,t.state)}</span>
        ${t.active_requests?v`<span class="chip accent">${d(`machine.in_use`,{count:t.active_requests})}</span>`:y}
      </div>
      ${this.server.canOperate?v`<div class="actions">
            <button
              class="icon quiet"
              aria-pressed=${t.pinned?`true`:`false`}
              title=${t.pinned?d(`machine.unpin`):d(`machine.pin`)}
              aria-label="${t.pinned?d(`machine.unpin`):d(`machine.pin`)}: ${t.id}"
              @click=${()=>this.pin(t)}
            >
              <wc-icon .path=${t.pinned?l:n}></wc-icon>
            </button>
            <button
              ?disabled=${t.state===`unloading`}
              aria-label="${d(r||i?`machine.unload`:`machine.load_model`)}: ${t.id}"
              @click=${()=>this.change(t,r||i?`unload`:`load`)}
            >
              ${t.state===`failed`?v`<wc-icon .path=${e}></wc-icon>`:y}
              ${d(r||i?`machine.unload`:`machine.load_model`)}
            </button>
          </div>`:y}
      <div class="detail small muted">
        ${this.renderDetail(t)}
        ${t.progress&&t.state!==`ready`?v`<progress
              max="100"
              .value=${Math.max(0,t.progress.percent)}
              aria-label=${m(`phase`,t.progress.phase)}
            ></progress>`:y}
      </div>
    </li>`}renderDetail(e){switch(e.state){case`waiting_for_gpu`:return v`${d(`machine.waits`,{needed:a(e.waiting?.needed_bytes??e.memory_bytes),free:a(e.waiting?.free_bytes??0),device:e.device})}
        ${e.waiting?.held_by.length?d(`machine.held_by`,{holders:e.waiting.held_by.slice(0,w).map(e=>`${e.name} (${a(e.bytes)})`).join(`, `)}):y}`;case`unfit`:return v`<span class="error-text"
          >${d(`machine.unfit`,{needed:a(e.unfit?.needed_bytes??e.memory_bytes),budget:a(e.unfit?.budget_bytes??0),device:e.device})}</span
        >`;case`failed`:return v`<span class="error-text">${e.error?.message??``}</span>
          ${e.error?.detail??``}
          ${e.error?.retry_in_secs===void 0?y:d(`machine.retry_in`,{time:o(e.error.retry_in_secs)})}`;case`loading`:case`downloading`:return T(e)}let t=[e.device,e.compute_type===`auto`||e.compute_type==="default"?``:e.compute_type,e.state===`ready`?a(e.memory_bytes):d(`machine.needs`,{bytes:a(e.memory_bytes)}),e.last_used?d(`machine.used`,{time:s(e.last_used)}):``,e.requests?d(`machine.requests`,{count:e.requests}):``,e.unload_in_secs===void 0||e.unload_in_secs>86400?``:d(`machine.unloads_in`,{time:o(e.unload_in_secs)})];return v`${t.filter(Boolean).join(` · `)}
    ${e.fallback_reason?v`<br />${e.fallback_reason}`:y}`}};p([f({attribute:!1})],C.prototype,`server`,void 0),C=p([u(`wc-model-list`)],C);var w=3;function T(e){let n=e.progress;if(!n)return d(`machine.starting`);let r=n.total_bytes?`${a(n.done_bytes??0)} / ${a(n.total_bytes)}`:n.percent>=0?t(n.percent/100):``;return[m(`phase`,n.phase),r].filter(Boolean).join(` · `)}var E=[`asr`,`tts`,`wake`];function D(e,t){return Number(e.state===`unloaded`)-Number(t.state===`unloaded`)||E.indexOf(e.kind)-E.indexOf(t.kind)||e.id.localeCompare(t.id)}export{T as t};
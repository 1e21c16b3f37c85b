import{a as e}from"./localize-BVxEozFi.js";import{_ as t,a as n,d as r,f as i,g as a,h as o,i as s,t as c}from"./icon-CHmW7OzU.js";import{t as l}from"./query-DDQkTGvL.js";function u(e){return new Promise(t=>{let n=new d;n.question=e,n.addEventListener(`close`,e=>{n.remove(),t(e.detail)}),document.body.append(n)})}var d=class extends c{static{this.styles=[n,t`
      dialog {
        width: min(480px, calc(100vw - 32px));
        max-height: calc(100dvh - 48px);
        padding: 24px;
        border: 1px solid var(--wc-line);
        border-radius: 16px;
        background: var(--wc-card);
        color: var(--wc-text);
        box-shadow: 0 16px 48px rgb(0 0 0 / 25%);
      }
      dialog::backdrop {
        background: rgb(10 14 20 / 45%);
      }
      .text {
        margin: 12px 0 20px;
        color: var(--wc-muted);
        overflow-wrap: anywhere;
      }
      .actions {
        display: flex;
        justify-content: flex-end;
        gap: 10px;
        flex-wrap: wrap;
      }
    `]}firstUpdated(){this.dialog.showModal()}close(e){this.dispatchEvent(new CustomEvent(`close`,{detail:e}))}render(){let{title:t,text:n,confirm:r,danger:i}=this.question;return o`<dialog aria-labelledby="title" @cancel=${()=>this.close(!1)}>
      <h2 id="title">${t}</h2>
      <div class="text">${n}</div>
      <div class="actions">
        <button @click=${()=>this.close(!1)}>${e(`action.cancel`)}</button>
        <button class="primary ${i?`danger-fill`:``}" @click=${()=>this.close(!0)}>
          ${r}
        </button>
      </div>
    </dialog>`}};s([r({attribute:!1})],d.prototype,`question`,void 0),s([l(`dialog`)],d.prototype,`dialog`,void 0),d=s([i(`wc-dialog`)],d);var f={ATTRIBUTE:1,CHILD:2,PROPERTY:3,BOOLEAN_ATTRIBUTE:4,EVENT:5,ELEMENT:6},p=e=>(...t)=>({_$litDirective$:e,values:t}),m=class{constructor(e){}get _$AU(){return this._$AM._$AU}_$AT(e,t,n){this._$Ct=e,this._$AM=t,this._$Ci=n}_$AS(e,t){return this.update(e,t)}update(e,t){return this.render(...t)}},{I:h}=a,g=e=>e,_=e=>e.strings===void 0,v=()=>document.createComment(``),y=(e,t,n)=>{let r=e._$AA.parentNode,i=t===void 0?e._$AB:t._$AA;if(n===void 0)n=new h(r.insertBefore(v(),i),r.insertBefore(v(),i),e,e.options);else{let t=n._$AB.nextSibling,a=n._$AM,o=a!==e;if(o){let t;n._$AQ?.(e),n._$AM=e,n._$AP!==void 0&&(t=e._$AU)!==a._$AU&&n._$AP(t)}if(t!==i||o){let e=n._$AA;for(;e!==t;){let t=g(e).nextSibling;g(r).insertBefore(e,i),e=t}}}return n},b=(e,t,n=e)=>(e._$AI(t,n),e),x={},S=(e,t=x)=>e._$AH=t,C=e=>e._$AH,w=e=>{e._$AR(),e._$AA.remove()};export{b as a,m as c,_ as i,f as l,w as n,y as o,S as r,p as s,C as t,u};
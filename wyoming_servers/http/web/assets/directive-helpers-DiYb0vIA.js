import{a as e}from"./localize-C6ttZHhD.js";import{_ as t,a as n,f as r,g as i,i as a,o,p as s,t as c,v as l}from"./icon-CgDB_Qno.js";import{t as u}from"./query-DDQkTGvL.js";function d(e){return new Promise(t=>{let r=new f;r.question=e,r.addEventListener(`close`,e=>{r.remove(),t(e.detail)}),n().append(r)})}var f=class extends c{static{this.styles=[o,l`
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
    `]}firstUpdated(){this.dialog.showModal()}close(e){this.dispatchEvent(new CustomEvent(`close`,{detail:e}))}render(){let{title:t,text:n,confirm:r,danger:a}=this.question;return i`<dialog aria-labelledby="title" @cancel=${()=>this.close(!1)}>
      <h2 id="title">${t}</h2>
      <div class="text">${n}</div>
      <div class="actions">
        <button @click=${()=>this.close(!1)}>${e(`action.cancel`)}</button>
        <button class="primary ${a?`danger-fill`:``}" @click=${()=>this.close(!0)}>
          ${r}
        </button>
      </div>
    </dialog>`}};a([r({attribute:!1})],f.prototype,`question`,void 0),a([u(`dialog`)],f.prototype,`dialog`,void 0),f=a([s(`wc-dialog`)],f);var p={ATTRIBUTE:1,CHILD:2,PROPERTY:3,BOOLEAN_ATTRIBUTE:4,EVENT:5,ELEMENT:6},m=e=>(...t)=>({_$litDirective$:e,values:t}),h=class{constructor(e){}get _$AU(){return this._$AM._$AU}_$AT(e,t,n){this._$Ct=e,this._$AM=t,this._$Ci=n}_$AS(e,t){return this.update(e,t)}update(e,t){return this.render(...t)}},{I:g}=t,_=e=>e,v=e=>e.strings===void 0,y=()=>document.createComment(``),b=(e,t,n)=>{let r=e._$AA.parentNode,i=t===void 0?e._$AB:t._$AA;if(n===void 0)n=new g(r.insertBefore(y(),i),r.insertBefore(y(),i),e,e.options);else{let t=n._$AB.nextSibling,a=n._$AM,o=a!==e;if(o){let t;n._$AQ?.(e),n._$AM=e,n._$AP!==void 0&&(t=e._$AU)!==a._$AU&&n._$AP(t)}if(t!==i||o){let e=n._$AA;for(;e!==t;){let t=_(e).nextSibling;_(r).insertBefore(e,i),e=t}}}return n},x=(e,t,n=e)=>(e._$AI(t,n),e),S={},C=(e,t=S)=>e._$AH=t,w=e=>e._$AH,T=e=>{e._$AR(),e._$AA.remove()};export{x as a,h as c,v as i,p as l,T as n,b as o,C as r,m as s,w as t,d as u};
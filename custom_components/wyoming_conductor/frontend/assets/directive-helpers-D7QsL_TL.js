import{S as e,_ as t,a as n,f as r,g as i,i as a,s as o,t as s,w as c,x as l}from"./element-CzkuUGwN.js";var u=(e,t,n)=>(n.configurable=!0,n.enumerable=!0,Reflect.decorate&&typeof t!=`object`&&Object.defineProperty(e,t,n),n);function d(e,t){return(n,r,i)=>{let a=t=>t.renderRoot?.querySelector(e)??null;if(t){let{get:e,set:t}=typeof r==`object`?n:i??(()=>{let e=Symbol();return{get(){return this[e]},set(t){this[e]=t}}})();return u(n,r,{get(){let n=e.call(this);return n===void 0&&(n=a(this),(n!==null||this.hasUpdated)&&t.call(this,n)),n}})}return u(n,r,{get(){return a(this)}})}}function f(e){return new Promise(t=>{let r=new p;r.question=e,r.addEventListener(`close`,e=>{r.remove(),t(e.detail)}),n().append(r)})}var p=class extends s{static{this.styles=[o,c`
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
    `]}firstUpdated(){this.dialog.showModal()}close(e){this.dispatchEvent(new CustomEvent(`close`,{detail:e}))}render(){let{title:e,text:t,confirm:n,danger:i}=this.question;return l`<dialog aria-labelledby="title" @cancel=${()=>this.close(!1)}>
      <h2 id="title">${e}</h2>
      <div class="text">${t}</div>
      <div class="actions">
        <button @click=${()=>this.close(!1)}>${r(`action.cancel`)}</button>
        <button class="primary ${i?`danger-fill`:``}" @click=${()=>this.close(!0)}>
          ${n}
        </button>
      </div>
    </dialog>`}};a([i({attribute:!1})],p.prototype,`question`,void 0),a([d(`dialog`)],p.prototype,`dialog`,void 0),p=a([t(`wc-dialog`)],p);var m={ATTRIBUTE:1,CHILD:2,PROPERTY:3,BOOLEAN_ATTRIBUTE:4,EVENT:5,ELEMENT:6},h=e=>(...t)=>({_$litDirective$:e,values:t}),g=class{constructor(e){}get _$AU(){return this._$AM._$AU}_$AT(e,t,n){this._$Ct=e,this._$AM=t,this._$Ci=n}_$AS(e,t){return this.update(e,t)}update(e,t){return this.render(...t)}},{I:_}=e,v=e=>e,y=e=>e.strings===void 0,b=()=>document.createComment(``),x=(e,t,n)=>{let r=e._$AA.parentNode,i=t===void 0?e._$AB:t._$AA;if(n===void 0)n=new _(r.insertBefore(b(),i),r.insertBefore(b(),i),e,e.options);else{let t=n._$AB.nextSibling,a=n._$AM,o=a!==e;if(o){let t;n._$AQ?.(e),n._$AM=e,n._$AP!==void 0&&(t=e._$AU)!==a._$AU&&n._$AP(t)}if(t!==i||o){let e=n._$AA;for(;e!==t;){let t=v(e).nextSibling;v(r).insertBefore(e,i),e=t}}}return n},S=(e,t,n=e)=>(e._$AI(t,n),e),C={},w=(e,t=C)=>e._$AH=t,T=e=>e._$AH,E=e=>{e._$AR(),e._$AA.remove()};export{S as a,g as c,d,y as i,m as l,E as n,x as o,w as r,h as s,T as t,f as u};
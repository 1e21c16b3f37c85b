import{a as e,n as t}from"./localize-BELYRk71.js";import{_ as n,a as r,f as i,g as a,i as o,p as s,t as c,u as l,v as u}from"./icon-_dY1XJId.js";function d(e,n=0){return new Intl.NumberFormat(t(),{maximumFractionDigits:n,minimumFractionDigits:n}).format(e)}function f(e){return e>=1e9?`${d(e/1e9,e>=1e11?0:1)} GB`:e>=1e6?`${d(e/1e6)} MB`:e>=1e3?`${d(e/1e3)} kB`:`${d(e)} B`}function p(e){if(e<.9995)return`${d(e*1e3)} ms`;if(e<10)return`${d(e,1)} s`;if(e<90)return`${d(e)} s`;let t=Math.round(e/60);if(t<90)return`${d(t)} min`;let n=Math.floor(t/60);return n<48?t%60?`${n} h ${t%60} min`:`${n} h`:`${d(Math.round(n/24))} d`}function m(e){return new Intl.NumberFormat(t(),{style:`percent`}).format(e)}function h(e){return(typeof e==`number`?new Date(e*1e3):new Date(e)).toLocaleTimeString(t(),{hour:`2-digit`,minute:`2-digit`,second:`2-digit`,hourCycle:`h23`})}function g(e){return new Date(e).toLocaleString(t(),{dateStyle:`medium`,timeStyle:`short`})}function _(t,n=Date.now()){let r=(n-new Date(t).getTime())/1e3;return r<10?e(`time.now`):e(`time.ago`,{time:p(r)})}function v(e){try{return new Intl.DisplayNames([t()],{type:`language`}).of(e)??e}catch{return e}}function y(e){return new Promise(t=>{let n=new b;n.question=e,n.addEventListener(`close`,e=>{n.remove(),t(e.detail)}),document.body.append(n)})}var b=class extends c{static{this.styles=[r,u`
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
    `]}firstUpdated(){this.dialog.showModal()}close(e){this.dispatchEvent(new CustomEvent(`close`,{detail:e}))}render(){let{title:t,text:n,confirm:r,danger:i}=this.question;return a`<dialog aria-labelledby="title" @cancel=${()=>this.close(!1)}>
      <h2 id="title">${t}</h2>
      <div class="text">${n}</div>
      <div class="actions">
        <button @click=${()=>this.close(!1)}>${e(`action.cancel`)}</button>
        <button class="primary ${i?`danger-fill`:``}" @click=${()=>this.close(!0)}>
          ${r}
        </button>
      </div>
    </dialog>`}};o([i({attribute:!1})],b.prototype,`question`,void 0),o([l(`dialog`)],b.prototype,`dialog`,void 0),b=o([s(`wc-dialog`)],b);var x={ATTRIBUTE:1,CHILD:2,PROPERTY:3,BOOLEAN_ATTRIBUTE:4,EVENT:5,ELEMENT:6},S=e=>(...t)=>({_$litDirective$:e,values:t}),C=class{constructor(e){}get _$AU(){return this._$AM._$AU}_$AT(e,t,n){this._$Ct=e,this._$AM=t,this._$Ci=n}_$AS(e,t){return this.update(e,t)}update(e,t){return this.render(...t)}},{I:w}=n,T=e=>e,E=e=>e.strings===void 0,D=()=>document.createComment(``),O=(e,t,n)=>{let r=e._$AA.parentNode,i=t===void 0?e._$AB:t._$AA;if(n===void 0)n=new w(r.insertBefore(D(),i),r.insertBefore(D(),i),e,e.options);else{let t=n._$AB.nextSibling,a=n._$AM,o=a!==e;if(o){let t;n._$AQ?.(e),n._$AM=e,n._$AP!==void 0&&(t=e._$AU)!==a._$AU&&n._$AP(t)}if(t!==i||o){let e=n._$AA;for(;e!==t;){let t=T(e).nextSibling;T(r).insertBefore(e,i),e=t}}}return n},k=(e,t,n=e)=>(e._$AI(t,n),e),A={},j=(e,t=A)=>e._$AH=t,M=e=>e._$AH,N=e=>{e._$AR(),e._$AA.remove()};export{h as _,k as a,C as c,_ as d,f,p as g,m as h,E as i,x as l,d as m,N as n,O as o,g as p,j as r,S as s,M as t,y as u,v};
import{C as e,E as t,S as n,T as r,_ as i,a,b as o,d as s,f as c,g as l,h as u,i as d,m as f,n as p,p as m,r as h,s as g,t as _,u as v,v as y,w as b,y as x}from"./icon-cTRXzNGg.js";import{a as S,n as C,o as w}from"./localize-DhaYUQ7D.js";function T(e,t=0){return new Intl.NumberFormat(C(),{maximumFractionDigits:t,minimumFractionDigits:t}).format(e)}function E(e){return e>=1e9?`${T(e/1e9,e>=1e11?0:1)} GB`:e>=1e6?`${T(e/1e6)} MB`:e>=1e3?`${T(e/1e3)} kB`:`${T(e)} B`}function D(e){if(e<.9995)return`${T(e*1e3)} ms`;if(e<10)return`${T(e,1)} s`;if(e<90)return`${T(e)} s`;let t=Math.round(e/60);if(t<90)return`${T(t)} min`;let n=Math.floor(t/60);return n<48?t%60?`${n} h ${t%60} min`:`${n} h`:`${T(Math.round(n/24))} d`}function O(e){return new Intl.NumberFormat(C(),{style:`percent`}).format(e)}function k(e){return(typeof e==`number`?new Date(e*1e3):new Date(e)).toLocaleTimeString(C(),{hour:`2-digit`,minute:`2-digit`,second:`2-digit`,hourCycle:`h23`})}function ee(e){return new Date(e).toLocaleString(C(),{dateStyle:`medium`,timeStyle:`short`})}function A(e,t=Date.now()){let n=(t-new Date(e).getTime())/1e3;return n<10?S(`time.now`):S(`time.ago`,{time:D(n)})}var j=class extends _{constructor(...e){super(...e),this.sessions=[],this.error=``}static{this.styles=[a,y`
      li {
        display: flex;
        align-items: center;
        gap: 12px;
        flex-wrap: wrap;
      }
      .card > p {
        margin: 4px 0 14px;
        max-width: 70ch;
      }
    `]}connectedCallback(){super.connectedCallback(),this.read()}async read(){try{let e=await this.server.connection.request(`GET`,`/sessions`);this.sessions=e.sessions,this.error=``}catch(e){this.error=p(e)}}async end(e){await this.run(this.server.connection.request(`DELETE`,`/sessions/${e.id}`)),await this.read()}render(){return l`<div class="stack">
      <section class="card">
        <h2>${S(`access.sessions`)}</h2>
        <p class="muted small">${S(`access.sessions_help`)}</p>
        ${this.error?l`<p class="note error">${this.error}</p>`:f}
        <ul class="list">
          ${this.sessions.map(e=>l`<li>
                <div class="grow">
                  <span>${e.name}</span>
                  ${e.current?l`<span class="chip accent">${S(`access.this_browser`)}</span>`:f}
                  <p class="small muted">
                    ${S(`access.since`,{time:ee(e.created_at)})} ·
                    ${S(`access.used`,{time:A(e.last_used_at)})} ·
                    ${S(`scope.${e.scope}`)}
                  </p>
                </div>
                <button class="quiet danger" aria-label="${S(`access.end`)}: ${e.name}" @click=${()=>this.end(e)}>
                  ${S(`access.end`)}
                </button>
              </li>`)}
        </ul>
        ${this.sessions.length?f:l`<p class="empty">${S(`access.none`)}</p>`}
      </section>
      <section class="card">
        <h2>${S(`access.diagnostics`)}</h2>
        <p class="muted small">${S(`access.diagnostics_help`)}</p>
        <a class="button" href=${this.server.connection.url(`/diagnostics`)} download>${S(`access.download`)}</a>
      </section>
    </div>`}};d([c({attribute:!1})],j.prototype,`server`,void 0),d([s()],j.prototype,`sessions`,void 0),d([s()],j.prototype,`error`,void 0),j=d([m(`wc-access`)],j);var te=[`debug`,`info`,`warning`,`error`],ne=class extends _{constructor(...e){super(...e),this.lines=[],this.level=`info`,this.search=``,this.following=!0}static{this.styles=[a,y`
      .bar {
        margin-bottom: 12px;
      }
      .lines {
        height: min(640px, calc(100dvh - 260px));
        min-height: 280px;
        padding: 12px 0;
        overflow: auto;
        overscroll-behavior: contain;
        font: 13px/1.55 var(--wc-mono);
      }
      .line {
        display: grid;
        grid-template-columns: 76px 150px minmax(0, 1fr);
        gap: 12px;
        padding: 1px 20px;
      }
      .line .text {
        white-space: pre-wrap;
        overflow-wrap: anywhere;
      }
      .line.warning {
        background: var(--wc-warn-soft);
      }
      .line.error,
      .line.critical {
        background: var(--wc-error-soft);
      }
      .card {
        padding: 0;
      }
      @media (max-width: 700px) {
        .line {
          grid-template-columns: 1fr;
          gap: 0;
          padding: 4px 14px;
        }
      }
    `]}connectedCallback(){super.connectedCallback(),this.stop=this.server.connection.stream(`/logs/stream`,{onOpen:()=>this.lines=[],onMessage:e=>{this.lines=[...this.lines,e].slice(-1e3)}})}disconnectedCallback(){super.disconnectedCallback(),this.stop?.()}updated(){this.following&&this.box&&(this.box.scrollTop=this.box.scrollHeight)}onScroll(){this.box&&(this.following=this.box.scrollHeight-this.box.scrollTop-this.box.clientHeight<40)}render(){let e=te.indexOf(this.level),t=this.search.toLowerCase(),n=this.lines.filter(n=>(te.indexOf(n.level)>=e||n.level===`critical`)&&`${n.logger} ${n.text}`.toLowerCase().includes(t));return l`<div class="row bar">
        <label class="visually-hidden" for="level">${S(`log.level`)}</label>
        <select id="level" @change=${e=>this.level=e.target.value}>
          ${te.map(e=>l`<option value=${e} ?selected=${e===this.level}>${S(`log.${e}`)}</option>`)}
        </select>
        <input
          class="grow"
          type="search"
          placeholder=${S(`log.search`)}
          aria-label=${S(`log.search`)}
          @input=${e=>this.search=e.target.value}
        />
        <button @click=${()=>this.copy(n)}>${S(`action.copy`)}</button>
      </div>
      <section class="card">
        <div class="lines" tabindex="0" role="log" aria-label=${S(`machine.log`)} @scroll=${this.onScroll}>
          ${n.map(e=>l`<div class="line ${e.level}">
                <span class="muted">${k(e.at)}</span>
                <span class="muted clip" title=${e.logger}>${e.logger}</span>
                <span class="text">${e.text}</span>
              </div>`)}
          ${n.length?f:l`<p class="empty">${S(`log.empty`)}</p>`}
        </div>
      </section>`}async copy(e){let t=e.map(e=>`${e.at} ${e.level} ${e.logger}: ${e.text}`).join(`
`);await this.run(navigator.clipboard.writeText(t),S(`action.copied`))}};d([c({attribute:!1})],ne.prototype,`server`,void 0),d([s()],ne.prototype,`lines`,void 0),d([s()],ne.prototype,`level`,void 0),d([s()],ne.prototype,`search`,void 0),d([s()],ne.prototype,`following`,void 0),d([v(`.lines`)],ne.prototype,`box`,void 0),ne=d([m(`wc-log`)],ne);function re(e){return new Promise(t=>{let n=new ie;n.question=e,n.addEventListener(`close`,e=>{n.remove(),t(e.detail)}),document.body.append(n)})}var ie=class extends _{static{this.styles=[a,y`
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
    `]}firstUpdated(){this.dialog.showModal()}close(e){this.dispatchEvent(new CustomEvent(`close`,{detail:e}))}render(){let{title:e,text:t,confirm:n,danger:r}=this.question;return l`<dialog aria-labelledby="title" @cancel=${()=>this.close(!1)}>
      <h2 id="title">${e}</h2>
      <div class="text">${t}</div>
      <div class="actions">
        <button @click=${()=>this.close(!1)}>${S(`action.cancel`)}</button>
        <button class="primary ${r?`danger-fill`:``}" @click=${()=>this.close(!0)}>
          ${n}
        </button>
      </div>
    </dialog>`}};d([c({attribute:!1})],ie.prototype,`question`,void 0),d([v(`dialog`)],ie.prototype,`dialog`,void 0),ie=d([m(`wc-dialog`)],ie);var ae=!0,oe=`uplot`,se=`u-hz`,ce=`u-vt`,le=`u-title`,ue=`u-wrap`,de=`u-under`,fe=`u-over`,pe=`u-axis`,me=`u-off`,he=`u-select`,ge=`u-cursor-x`,_e=`u-cursor-y`,ve=`u-cursor-pt`,ye=`u-legend`,be=`u-live`,xe=`u-inline`,Se=`u-series`,Ce=`u-marker`,we=`u-label`,Te=`u-value`,Ee=`width`,De=`height`,Oe=`top`,ke=`bottom`,Ae=`left`,je=`right`,M=`#000`,Me=`#0000`,Ne=`mousemove`,Pe=`mousedown`,Fe=`mouseup`,Ie=`mouseenter`,Le=`mouseleave`,Re=`dblclick`,N=`resize`,ze=`scroll`,Be=`change`,Ve=`dppxchange`,He=`--`,P=typeof window<`u`,Ue=P?document:null,We=P?window:null,Ge=P?navigator:null,F,Ke;function qe(){let e=devicePixelRatio;F!=e&&(F=e,Ke&&st(Be,Ke,qe),Ke=matchMedia(`(min-resolution: ${F-.001}dppx) and (max-resolution: ${F+.001}dppx)`),ot(Be,Ke,qe),We.dispatchEvent(new CustomEvent(Ve)))}function Je(e,t){if(t!=null){let n=e.classList;!n.contains(t)&&n.add(t)}}function Ye(e,t){let n=e.classList;n.contains(t)&&n.remove(t)}function I(e,t,n){e.style[t]=n+`px`}function Xe(e,t,n,r){let i=Ue.createElement(e);return t!=null&&Je(i,t),n?.insertBefore(i,r),i}function Ze(e,t){return Xe(`div`,e,t)}var Qe=new WeakMap;function $e(e,t,n,r,i){let a=`translate(`+t+`px,`+n+`px)`;a!=Qe.get(e)&&(e.style.transform=a,Qe.set(e,a),t<0||n<0||t>r||n>i?Je(e,me):Ye(e,me))}var et=new WeakMap;function tt(e,t,n){let r=t+n;r!=et.get(e)&&(et.set(e,r),e.style.background=t,e.style.borderColor=n)}var nt=new WeakMap;function rt(e,t,n,r){let i=t+``+n;i!=nt.get(e)&&(nt.set(e,i),e.style.height=n+`px`,e.style.width=t+`px`,e.style.marginLeft=r?-t/2+`px`:0,e.style.marginTop=r?-n/2+`px`:0)}var it={passive:!0},at={...it,capture:!0};function ot(e,t,n,r){t.addEventListener(e,n,r?at:it)}function st(e,t,n,r){t.removeEventListener(e,n,it)}P&&qe();function ct(e,t,n,r){let i;n||=0,r||=t.length-1;let a=r<=0x7fffffff;for(;r-n>1;)i=a?n+r>>1:B((n+r)/2),t[i]<e?n=i:r=i;return e-t[n]<=t[r]-e?n:r}function lt(e){return(t,n,r)=>{let i=-1,a=-1;for(let a=n;a<=r;a++)if(e(t[a])){i=a;break}for(let i=r;i>=n;i--)if(e(t[i])){a=i;break}return[i,a]}}var ut=e=>e!=null,dt=e=>e!=null&&e>0,ft=lt(ut),pt=lt(dt);function mt(e,t,n,r=0,i=!1){let a=i?pt:ft,o=i?dt:ut;[t,n]=a(e,t,n);let s=e[t],c=e[t];if(t>-1){if(r==1)s=e[t],c=e[n];else if(r==-1)s=e[n],c=e[t];else for(let r=t;r<=n;r++){let t=e[r];o(t)&&(t<s?s=t:t>c&&(c=t))}}return[s??V,c??-V]}function ht(e,t,n,r){let i=Mt(e),a=Mt(t);e==t&&(i==-1?(e*=n,t/=n):(e/=n,t*=n));let o=n==10?Nt:Pt,s=i==1?B:Ot,c=a==1?Ot:B,l=s(o(Et(e))),u=c(o(Et(t))),d=jt(n,l),f=jt(n,u);return n==10&&(l<0&&(d=U(d,-l)),u<0&&(f=U(f,-u))),r||n==2?(e=d*i,t=f*a):(e=Xt(e,d),t=Yt(t,f)),[e,t]}function gt(e,t,n,r){let i=ht(e,t,n,r);return e==0&&(i[0]=0),t==0&&(i[1]=0),i}var _t=.1,vt={mode:3,pad:_t},yt={pad:0,soft:null,mode:0},bt={min:yt,max:yt};function xt(e,t,n,r){return cn(n)?Ct(e,t,n):(yt.pad=n,yt.soft=r?0:null,yt.mode=r?3:0,Ct(e,t,bt))}function L(e,t){return e??t}function St(e,t,n){for(t=L(t,0),n=L(n,e.length-1);t<=n;){if(e[t]!=null)return!0;t++}return!1}function Ct(e,t,n){let r=n.min,i=n.max,a=L(r.pad,0),o=L(i.pad,0),s=L(r.hard,-V),c=L(i.hard,V),l=L(r.soft,V),u=L(i.soft,-V),d=L(r.mode,0),f=L(i.mode,0),p=t-e,m=Nt(p),h=At(Et(e),Et(t)),g=Et(Nt(h)-m);(p<1e-24||g>10)&&(p=0,(e==0||t==0)&&(p=1e-24,d==2&&l!=V&&(a=0),f==2&&u!=-V&&(o=0)));let _=p||h||1e3,v=jt(10,B(Nt(_))),y=U(Xt(e-_*(p==0?e==0?.1:1:a),v/10),24),b=e>=l&&(d==1||d==3&&y<=l||d==2&&y>=l)?l:V,x=At(s,y<b&&e>=b?b:kt(b,y)),S=U(Yt(t+_*(p==0?t==0?.1:1:o),v/10),24),C=t<=u&&(f==1||f==3&&S>=u||f==2&&S<=u)?u:-V,w=kt(c,S>C&&t<=C?C:At(C,S));return x==w&&x==0&&(w=100),[x,w]}var wt=new Intl.NumberFormat(P?Ge.language:`en-US`),R=e=>wt.format(e),z=Math,Tt=z.PI,Et=z.abs,B=z.floor,Dt=z.round,Ot=z.ceil,kt=z.min,At=z.max,jt=z.pow,Mt=z.sign,Nt=z.log10,Pt=z.log2,Ft=(e,t=1)=>z.sinh(e)*t,It=(e,t=1)=>z.asinh(e/t),V=1/0;function Lt(e){return(Nt((e^e>>31)-(e>>31))|0)+1}function Rt(e,t,n){return kt(At(e,t),n)}function zt(e){return typeof e==`function`}function H(e){return zt(e)?e:()=>e}var Bt=()=>{},Vt=e=>e,Ht=(e,t)=>t,Ut=e=>null,Wt=e=>!0,Gt=(e,t)=>e==t,Kt=/\.\d*?(?=9{6,}|0{6,})/gm,qt=e=>{if(an(e)||Zt.has(e))return e;let t=`${e}`,n=t.match(Kt);if(n==null)return e;let r=n[0].length-1;if(t.indexOf(`e-`)!=-1){let[e,n]=t.split(`e`);return+`${qt(e)}e${n}`}return U(e,r)};function Jt(e,t){return qt(U(qt(e/t))*t)}function Yt(e,t){return qt(Ot(qt(e/t))*t)}function Xt(e,t){return qt(B(qt(e/t))*t)}function U(e,t=0){if(an(e))return e;let n=10**t;return Dt(e*n*(1+2**-52))/n}var Zt=new Map;function Qt(e){return((``+e).split(`.`)[1]||``).length}function $t(e,t,n,r){let i=[],a=r.map(Qt);for(let o=t;o<n;o++){let t=Et(o),n=U(jt(e,o),t);for(let s=0;s<r.length;s++){let c=e==10?+`${r[s]}e${o}`:r[s]*n,l=(o>=0?0:t)+(o>=a[s]?0:a[s]),u=e==10?c:U(c,l);i.push(u),Zt.set(u,l)}}return i}var en={},tn=[],nn=[null,null],rn=Array.isArray,an=Number.isInteger,on=e=>e===void 0;function sn(e){return typeof e==`string`}function cn(e){let t=!1;if(e!=null){let n=e.constructor;t=n==null||n==Object}return t}function ln(e){return typeof e==`object`&&!!e}var un=Object.getPrototypeOf(Uint8Array),dn=`__proto__`;function fn(e,t=cn){let n;if(rn(e)){let r=e.find(e=>e!=null);if(rn(r)||t(r)){n=Array(e.length);for(let r=0;r<e.length;r++)n[r]=fn(e[r],t)}else n=e.slice()}else if(e instanceof un)n=e.slice();else if(t(e)){n={};for(let r in e)r!=dn&&(n[r]=fn(e[r],t))}else n=e;return n}function W(e){let t=arguments;for(let n=1;n<t.length;n++){let r=t[n];for(let t in r)t!=dn&&(cn(e[t])?W(e[t],fn(r[t])):e[t]=fn(r[t]))}return e}var pn=0,mn=1,hn=2;function gn(e,t,n){for(let r=0,i,a=-1;r<t.length;r++){let o=t[r];if(o>a){for(i=o-1;i>=0&&e[i]==null;)e[i--]=null;for(i=o+1;i<n&&e[i]==null;)e[a=i++]=null}}}var _n=typeof queueMicrotask>`u`?e=>Promise.resolve().then(e):queueMicrotask;function vn(e){let t=e[0],n=t.length,r=Array(n);for(let e=0;e<r.length;e++)r[e]=e;r.sort((e,n)=>t[e]-t[n]);let i=[];for(let t=0;t<e.length;t++){let a=e[t],o=Array(n);for(let e=0;e<n;e++)o[e]=a[r[e]];i.push(o)}return i}function yn(e){let t=e[0][0],n=t.length;for(let r=1;r<e.length;r++){let i=e[r][0];if(i.length!=n)return!1;if(i!=t){for(let e=0;e<n;e++)if(i[e]!=t[e])return!1}}return!0}function bn(e,t=100){let n=e.length;if(n<=1)return!0;let r=0,i=n-1;for(;r<=i&&e[r]==null;)r++;for(;i>=r&&e[i]==null;)i--;if(i<=r)return!0;let a=At(1,B((i-r+1)/t));for(let t=e[r],n=r+a;n<=i;n+=a){let r=e[n];if(r!=null){if(r<=t)return!1;t=r}}return!0}var xn=[`January`,`February`,`March`,`April`,`May`,`June`,`July`,`August`,`September`,`October`,`November`,`December`],Sn=[`Sunday`,`Monday`,`Tuesday`,`Wednesday`,`Thursday`,`Friday`,`Saturday`];function Cn(e){return e.slice(0,3)}var wn=Sn.map(Cn),Tn={MMMM:xn,MMM:xn.map(Cn),WWWW:Sn,WWW:wn};function En(e){return(e<10?`0`:``)+e}function Dn(e){return(e<10?`00`:e<100?`0`:``)+e}var On={YYYY:e=>e.getFullYear(),YY:e=>(e.getFullYear()+``).slice(2),MMMM:(e,t)=>t.MMMM[e.getMonth()],MMM:(e,t)=>t.MMM[e.getMonth()],MM:e=>En(e.getMonth()+1),M:e=>e.getMonth()+1,DD:e=>En(e.getDate()),D:e=>e.getDate(),WWWW:(e,t)=>t.WWWW[e.getDay()],WWW:(e,t)=>t.WWW[e.getDay()],HH:e=>En(e.getHours()),H:e=>e.getHours(),h:e=>{let t=e.getHours();return t==0?12:t>12?t-12:t},AA:e=>e.getHours()>=12?`PM`:`AM`,aa:e=>e.getHours()>=12?`pm`:`am`,a:e=>e.getHours()>=12?`p`:`a`,mm:e=>En(e.getMinutes()),m:e=>e.getMinutes(),ss:e=>En(e.getSeconds()),s:e=>e.getSeconds(),fff:e=>Dn(e.getMilliseconds())};function kn(e,t){t||=Tn;let n=[],r=/\{([a-z]+)\}|[^{]+/gi,i;for(;i=r.exec(e);)n.push(i[0][0]==`{`?On[i[1]]:i[0]);return e=>{let r=``;for(let i=0;i<n.length;i++)r+=typeof n[i]==`string`?n[i]:n[i](e,t);return r}}var An=new Intl.DateTimeFormat().resolvedOptions().timeZone,jn=e=>e%1==0,Mn=[1,2,2.5,5],Nn=$t(10,-32,0,Mn),Pn=$t(10,0,32,Mn),Fn=Pn.filter(jn),In=Nn.concat(Pn),Ln=`
`,Rn=`{YYYY}`,zn=Ln+Rn,G=`{M}/{D}`,K=Ln+G,Bn=K+`/{YY}`,Vn=`{aa}`,Hn=`{h}:{mm}`+Vn,Un=Ln+Hn,Wn=`:{ss}`,q=null;function Gn(e){let t=e*1e3,n=t*60,r=n*60,i=r*24,a=i*30,o=i*365,s=(e==1?$t(10,0,3,Mn).filter(jn):$t(10,-3,0,Mn)).concat([t,t*5,t*10,t*15,t*30,n,n*5,n*10,n*15,n*30,r,r*2,r*3,r*4,r*6,r*8,r*12,i,i*2,i*3,i*4,i*5,i*6,i*7,i*8,i*9,i*10,i*15,a,a*2,a*3,a*4,a*6,o,o*2,o*5,o*10,o*25,o*50,o*100]),c=[[o,Rn,q,q,q,q,q,q,1],[i*28,`{MMM}`,zn,q,q,q,q,q,1],[i,G,zn,q,q,q,q,q,1],[r,`{h}`+Vn,Bn,q,K,q,q,q,1],[n,Hn,Bn,q,K,q,q,q,1],[t,Wn,Bn+` `+Hn,q,K+` `+Hn,q,Un,q,1],[e,Wn+`.{fff}`,Bn+` `+Hn,q,K+` `+Hn,q,Un,q,1]];function l(t){return(s,c,l,u,d,f)=>{let p=[],m=d>=o,h=d>=a&&d<o,g=t(l),_=U(g*e,3),v=tr(g.getFullYear(),m?0:g.getMonth(),h||m?1:g.getDate()),y=U(v*e,3);if(h||m){let n=h?d/a:0,r=m?d/o:0,i=_==y?_:U(tr(v.getFullYear()+r,v.getMonth()+n,1)*e,3),s=new Date(Dt(i/e)),c=s.getFullYear(),l=s.getMonth();for(let a=0;i<=u;a++){let o=tr(c+r*a,l+n*a,1),s=o-t(U(o*e,3));i=U((+o+s)*e,3),i<=u&&p.push(i)}}else{let a=d>=i?i:d,o=y+(B(l)-B(_))+Yt(_-y,a);p.push(o);let m=t(o),h=m.getHours()+m.getMinutes()/n+m.getSeconds()/r,g=d/r,v=f/s.axes[c]._space;for(;o=U(o+d,e==1?0:3),!(o>u);)if(g>1){let e=B(U(h+g,6))%24,n=t(o).getHours()-e;n>1&&(n=-1),o-=n*r,h=(h+g)%24;let i=p[p.length-1];U((o-i)/d,3)*v>=.7&&p.push(o)}else p.push(o)}return p}}return[s,c,l]}var[Kn,qn,Jn]=Gn(1),[Yn,Xn,Zn]=Gn(.001);$t(2,-53,53,[1]);function Qn(e,t){return e.map(e=>e.map((n,r)=>r==0||r==8||n==null?n:t(r==1||e[8]==0?n:e[1]+n)))}function $n(e,t){return(n,r,i,a,o)=>{let s=t.find(e=>o>=e[0])||t[t.length-1],c,l,u,d,f,p;return r.map(t=>{let n=e(t),r=n.getFullYear(),i=n.getMonth(),a=n.getDate(),o=n.getHours(),m=n.getMinutes(),h=n.getSeconds(),g=r!=c&&s[2]||i!=l&&s[3]||a!=u&&s[4]||o!=d&&s[5]||m!=f&&s[6]||h!=p&&s[7]||s[1];return c=r,l=i,u=a,d=o,f=m,p=h,g(n)})}}function er(e,t){let n=kn(t);return(t,r,i,a,o)=>r.map(t=>n(e(t)))}function tr(e,t,n){return new Date(e,t,n)}function nr(e,t){return t(e)}var rr=`{YYYY}-{MM}-{DD} {h}:{mm}{aa}`;function ir(e,t){return(n,r,i,a)=>a==null?He:t(e(r))}function ar(e,t){let n=e.series[t];return n.width?n.stroke(e,t):n.points.width?n.points.stroke(e,t):null}function or(e,t){return e.series[t].fill(e,t)}var sr={show:!0,live:!0,isolate:!1,mount:Bt,markers:{show:!0,width:2,stroke:ar,fill:or,dash:`solid`},idx:null,idxs:null,values:[]};function cr(e,t){let n=e.cursor.points,r=Ze(),i=n.size(e,t);I(r,Ee,i),I(r,De,i);let a=i/-2;I(r,`marginLeft`,a),I(r,`marginTop`,a);let o=n.width(e,t,i);return o&&I(r,`borderWidth`,o),r}function lr(e,t){let n=e.series[t].points;return n._fill||n._stroke}function ur(e,t){let n=e.series[t].points;return n._stroke||n._fill}function dr(e,t){return e.series[t].points.size}var fr=[0,0];function pr(e,t,n){return fr[0]=t,fr[1]=n,fr}function mr(e,t,n,r=!0){return e=>{e.button!=0||r&&e.target!=t||n(e)}}function hr(e,t,n,r=!0){return e=>{r&&e.target!=t||n(e)}}var gr={show:!0,x:!0,y:!0,lock:!1,move:pr,points:{one:!1,show:cr,size:dr,width:0,stroke:ur,fill:lr},bind:{mousedown:mr,mouseup:mr,click:mr,dblclick:mr,mousemove:hr,mouseleave:hr,mouseenter:hr},drag:{setScale:!0,x:!0,y:!1,dist:0,uni:null,click:(e,t)=>{t.stopPropagation(),t.stopImmediatePropagation()},_x:!1,_y:!1},focus:{dist:(e,t,n,r,i)=>r-i,prox:-1,bias:0},hover:{skip:[void 0],prox:null,bias:0},left:-10,top:-10,idx:null,dataIdx:null,idxs:null,event:null},_r={show:!0,stroke:`rgba(0,0,0,0.07)`,width:2},vr=W({},_r,{filter:Ht}),yr=W({},vr,{size:10}),br=W({},_r,{show:!1}),xr=`12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Noto Sans", sans-serif, "Apple Color Emoji", "Segoe UI Emoji", "Segoe UI Symbol", "Noto Color Emoji"`,Sr=`bold `+xr,Cr=1.5,wr={show:!0,scale:`x`,stroke:M,space:50,gap:5,alignTo:1,size:50,labelGap:0,labelSize:30,labelFont:Sr,side:2,grid:vr,ticks:yr,border:br,font:xr,lineGap:Cr,rotate:0},Tr=`Value`,Er=`Time`,Dr={show:!0,scale:`x`,auto:!1,sorted:1,min:V,max:-1/0,idxs:[]};function Or(e,t,n,r,i){return t.map(e=>e==null?``:R(e))}function kr(e,t,n,r,i,a,o){let s=[],c=Zt.get(i)||0;n=o?n:U(Yt(n,i),c);for(let e=n;e<=r;e=U(e+i,c))s.push(Object.is(e,-0)?0:e);return s}function Ar(e,t,n,r,i,a,o){let s=[],c=e.scales[e.axes[t].scale].log;i=jt(c,B((c==10?Nt:Pt)(n))),c==10&&(i=In[ct(i,In)]);let l=n,u=i*c;c==10&&(u=In[ct(u,In)]);do s.push(l),l+=i,c==10&&!Zt.has(l)&&(l=U(l,Zt.get(i))),l>=u&&(i=l,u=i*c,c==10&&(u=In[ct(u,In)]));while(l<=r);return s}function jr(e,t,n,r,i,a,o){let s=e.scales[e.axes[t].scale].asinh,c=r>s?Ar(e,t,At(s,n),r,i):[s],l=r>=0&&n<=0?[0]:[];return(n<-s?Ar(e,t,At(s,-r),-n,i):[s]).reverse().map(e=>-e).concat(l,c)}var Mr=/./,Nr=/[12357]/,Pr=/[125]/,Fr=/1/,Ir=(e,t,n,r)=>e.map((e,i)=>t==4&&e==0||i%r==0&&n.test(e.toExponential()[+(e<0)])?e:null);function Lr(e,t,n,r,i){let a=e.axes[n],o=a.scale,s=e.scales[o],c=e.valToPos,l=a._space,u=c(10,o),d=c(9,o)-u>=l?Mr:c(7,o)-u>=l?Nr:c(5,o)-u>=l?Pr:Fr;if(d==Fr){let e=Et(c(1,o)-u);if(e<l)return Ir(t.slice().reverse(),s.distr,d,Ot(l/e)).reverse()}return Ir(t,s.distr,d,1)}function Rr(e,t,n,r,i){let a=e.axes[n],o=a.scale,s=a._space,c=e.valToPos,l=Et(c(1,o)-c(2,o));return l<s?Ir(t.slice().reverse(),3,Mr,Ot(s/l)).reverse():t}function zr(e,t,n,r){return r==null?He:t==null?``:R(t)}var Br={show:!0,scale:`y`,stroke:M,space:30,gap:5,alignTo:1,size:50,labelGap:0,labelSize:30,labelFont:Sr,side:3,grid:vr,ticks:yr,border:br,font:xr,lineGap:Cr,rotate:0};function Vr(e,t){return U((3+(e||1)*2)*t,3)}function Hr(e,t){let{scale:n,idxs:r}=e.series[0],i=e._data[0],a=e.valToPos(i[r[0]],n,!0),o=Et(e.valToPos(i[r[1]],n,!0)-a)/(e.series[t].points.space*F);return r[1]-r[0]<=o}var Ur={scale:null,auto:!0,sorted:0,min:V,max:-1/0},Wr=(e,t,n,r,i)=>i,Gr={show:!0,auto:!0,sorted:0,gaps:Wr,alpha:1,facets:[W({},Ur,{scale:`x`}),W({},Ur,{scale:`y`})]},Kr={scale:`y`,auto:!0,sorted:0,show:!0,spanGaps:!1,gaps:Wr,alpha:1,points:{show:Hr,filter:null},values:null,min:V,max:-1/0,idxs:[],path:null,clip:null};function qr(e,t,n,r,i){return n/10}var Jr={time:ae,auto:!0,distr:1,log:10,asinh:1,min:null,max:null,dir:1,ori:0},Yr=W({},Jr,{time:!1,ori:1}),Xr={};function Zr(e,t){let n=Xr[e];return n||(n={key:e,plots:[],sub(e){n.plots.push(e)},unsub(e){n.plots=n.plots.filter(t=>t!=e)},pub(e,t,r,i,a,o,s){for(let c=0;c<n.plots.length;c++)n.plots[c]!=t&&n.plots[c].pub(e,t,r,i,a,o,s)}},e!=null&&(Xr[e]=n)),n}var Qr=1,$r=2;function ei(e,t,n){let r=e.mode,i=e.series[t],a=r==2?e._data[t]:e._data,o=e.scales,s=e.bbox,c=a[0],l=r==2?a[1]:a[t],u=r==2?o[i.facets[0].scale]:o[e.series[0].scale],d=r==2?o[i.facets[1].scale]:o[i.scale],f=s.left,p=s.top,m=s.width,h=s.height,g=e.valToPosH,_=e.valToPosV;return u.ori==0?n(i,c,l,u,d,g,_,f,p,m,h,li,di,pi,hi,_i):n(i,c,l,u,d,_,g,p,f,h,m,ui,fi,mi,gi,vi)}function ti(e,t){let n=0,r=0,i=L(e.bands,tn);for(let e=0;e<i.length;e++){let a=i[e];a.series[0]==t?n=a.dir:a.series[1]==t&&(a.dir==1?r|=1:r|=2)}return[n,r==1?-1:r==2?1:r==3?2:0]}function ni(e,t,n,r,i){let a=e.mode,o=e.series[t],s=a==2?o.facets[1].scale:o.scale,c=e.scales[s];return i==-1?c.min:i==1?c.max:c.distr==3?c.dir==1?c.min:c.max:0}function ri(e,t,n,r,i,a){return ei(e,t,(e,t,o,s,c,l,u,d,f,p,m)=>{let h=e.pxRound,g=s.dir*(s.ori==0?1:-1),_=s.ori==0?di:fi,v,y;g==1?(v=n,y=r):(v=r,y=n);let b=h(l(t[v],s,p,d)),x=h(u(o[v],c,m,f)),S=h(l(t[y],s,p,d)),C=h(u(a==1?c.max:c.min,c,m,f)),w=new Path2D(i);return _(w,S,C),_(w,b,C),_(w,b,x),w})}function ii(e,t,n,r,i,a){let o=null;if(e.length>0){o=new Path2D;let s=t==0?pi:mi,c=n;for(let t=0;t<e.length;t++){let n=e[t];if(n[1]>n[0]){let e=n[0]-c;e>0&&s(o,c,r,e,r+a),c=n[1]}}let l=n+i-c;l>0&&s(o,c,r-5,l,r+a+10)}return o}function ai(e,t,n){let r=e[e.length-1];r&&r[0]==t?r[1]=n:e.push([t,n])}function oi(e,t,n,r,i,a,o){let s=[],c=e.length;for(let l=i==1?n:r;l>=n&&l<=r;l+=i)if(t[l]===null){let u=l,d=l;if(i==1)for(;++l<=r&&t[l]===null;)d=l;else for(;--l>=n&&t[l]===null;)d=l;let f=a(e[u]),p=d==u?f:a(e[d]),m=u-i;f=o<=0&&m>=0&&m<c?a(e[m]):f;let h=d+i;p=o>=0&&h>=0&&h<c?a(e[h]):p,p>=f&&s.push([f,p])}return s}function si(e){return e==0?Vt:e==1?Dt:t=>Jt(t,e)}function ci(e){let t=e==0?li:ui,n=e==0?(e,t,n,r,i,a)=>{e.arcTo(t,n,r,i,a)}:(e,t,n,r,i,a)=>{e.arcTo(n,t,i,r,a)},r=e==0?(e,t,n,r,i)=>{e.rect(t,n,r,i)}:(e,t,n,r,i)=>{e.rect(n,t,i,r)};return(e,i,a,o,s,c=0,l=0)=>{c==0&&l==0?r(e,i,a,o,s):(c=kt(c,o/2,s/2),l=kt(l,o/2,s/2),t(e,i+c,a),n(e,i+o,a,i+o,a+s,c),n(e,i+o,a+s,i,a+s,l),n(e,i,a+s,i,a,l),n(e,i,a,i+o,a,c),e.closePath())}}var li=(e,t,n)=>{e.moveTo(t,n)},ui=(e,t,n)=>{e.moveTo(n,t)},di=(e,t,n)=>{e.lineTo(t,n)},fi=(e,t,n)=>{e.lineTo(n,t)},pi=ci(0),mi=ci(1),hi=(e,t,n,r,i,a)=>{e.arc(t,n,r,i,a)},gi=(e,t,n,r,i,a)=>{e.arc(n,t,r,i,a)},_i=(e,t,n,r,i,a,o)=>{e.bezierCurveTo(t,n,r,i,a,o)},vi=(e,t,n,r,i,a,o)=>{e.bezierCurveTo(n,t,i,r,o,a)};function J(e){return(e,t,n,r,i)=>ei(e,t,(t,a,o,s,c,l,u,d,f,p,m)=>{let{pxRound:h,points:g}=t,_,v;s.ori==0?(_=li,v=hi):(_=ui,v=gi);let y=U(g.width*F,3),b=(g.size-g.width)/2*F,x=U(b*2,3),S=new Path2D,C=new Path2D,{left:w,top:T,width:E,height:D}=e.bbox;pi(C,w-x,T-x,E+x*2,D+x*2);let O=e=>{if(o[e]!=null){let t=h(l(a[e],s,p,d)),n=h(u(o[e],c,m,f));_(S,t+b,n),v(S,t,n,b,0,Tt*2)}};if(i)i.forEach(O);else for(let e=n;e<=r;e++)O(e);return{stroke:y>0?S:null,fill:S,clip:C,flags:3}})}function Y(e){return(t,n,r,i,a,o)=>{r!=i&&(a!=r&&o!=r&&e(t,n,r),a!=i&&o!=i&&e(t,n,i),e(t,n,o))}}var yi=Y(di),bi=Y(fi);function X(e){let t=L(e?.alignGaps,0);return(e,n,r,i)=>ei(e,n,(a,o,s,c,l,u,d,f,p,m,h)=>{[r,i]=ft(s,r,i);let g=a.pxRound,_=e=>g(u(e,c,m,f)),v=e=>g(d(e,l,h,p)),y,b;c.ori==0?(y=di,b=yi):(y=fi,b=bi);let x=c.dir*(c.ori==0?1:-1),S={stroke:new Path2D,fill:null,clip:null,band:null,gaps:null,flags:Qr},C=S.stroke,w=!1;if(i-r>=m*4){let t=t=>e.posToVal(t,c.key,!0),n=null,a=null,l,u,d,f=_(o[x==1?r:i]),p=_(o[r]),m=_(o[i]),h=t(x==1?p+1:m-1);for(let e=x==1?r:i;e>=r&&e<=i;e+=x){let r=o[e],i=(x==1?r<h:r>h)?f:_(r),c=s[e];i==f?c==null?c===null&&(w=!0):(u=c,n==null?(y(C,i,v(u)),l=n=a=u):u<n?n=u:u>a&&(a=u)):(n!=null&&b(C,f,v(n),v(a),v(l),v(u)),c==null?(n=a=null,c===null&&(w=!0)):(u=c,y(C,i,v(u)),n=a=l=u),f=i,h=t(f+x))}n!=null&&n!=a&&d!=f&&b(C,f,v(n),v(a),v(l),v(u))}else for(let e=x==1?r:i;e>=r&&e<=i;e+=x){let t=s[e];t===null?w=!0:t!=null&&y(C,_(o[e]),v(t))}let[T,E]=ti(e,n);if(a.fill!=null||T!=0){let t=S.fill=new Path2D(C),s=v(a.fillTo(e,n,a.min,a.max,T)),c=_(o[r]),l=_(o[i]);x==-1&&([l,c]=[c,l]),y(t,l,s),y(t,c,s)}if(!a.spanGaps){let l=[];w&&l.push(...oi(o,s,r,i,x,_,t)),S.gaps=l=a.gaps(e,n,r,i,l),S.clip=ii(l,c.ori,f,p,m,h)}return E!=0&&(S.band=E==2?[ri(e,n,r,i,C,-1),ri(e,n,r,i,C,1)]:ri(e,n,r,i,C,E)),S})}function xi(e){let t=L(e.align,1),n=L(e.ascDesc,!1),r=L(e.alignGaps,0),i=L(e.extend,!1);return(e,a,o,s)=>ei(e,a,(c,l,u,d,f,p,m,h,g,_,v)=>{[o,s]=ft(u,o,s);let y=c.pxRound,{left:b,width:x}=e.bbox,S=e=>y(p(e,d,_,h)),C=e=>y(m(e,f,v,g)),w=d.ori==0?di:fi,T={stroke:new Path2D,fill:null,clip:null,band:null,gaps:null,flags:Qr},E=T.stroke,D=d.dir*(d.ori==0?1:-1),O=C(u[D==1?o:s]),k=S(l[D==1?o:s]),ee=k,A=k;i&&t==-1&&(A=b,w(E,A,O)),w(E,k,O);for(let e=D==1?o:s;e>=o&&e<=s;e+=D){let n=u[e];if(n==null)continue;let r=S(l[e]),i=C(n);t==1?w(E,r,O):w(E,ee,i),w(E,r,i),O=i,ee=r}let j=ee;i&&t==1&&(j=b+x,w(E,j,O));let[te,ne]=ti(e,a);if(c.fill!=null||te!=0){let t=T.fill=new Path2D(E),n=C(c.fillTo(e,a,c.min,c.max,te));w(t,j,n),w(t,A,n)}if(!c.spanGaps){let i=[];i.push(...oi(l,u,o,s,D,S,r));let f=c.width*F/2,p=n||t==1?f:-f,m=n||t==-1?-f:f;i.forEach(e=>{e[0]+=p,e[1]+=m}),T.gaps=i=c.gaps(e,a,o,s,i),T.clip=ii(i,d.ori,h,g,_,v)}return ne!=0&&(T.band=ne==2?[ri(e,a,o,s,E,-1),ri(e,a,o,s,E,1)]:ri(e,a,o,s,E,ne)),T})}function Z(e,t,n,r,i,a,o=V){if(e.length>1){let s=null;for(let c=0,l=1/0;c<e.length;c++)if(t[c]!==void 0){if(s!=null){let t=Et(e[c]-e[s]);t<l&&(l=t,o=Et(n(e[c],r,i,a)-n(e[s],r,i,a)))}s=c}}return o}function Si(e){e||=en;let t=L(e.size,[.6,V,1]),n=e.align||0,r=e.gap||0,i=e.radius;i=i==null?[0,0]:typeof i==`number`?[i,0]:i;let a=H(i),o=1-t[0],s=L(t[1],V),c=L(t[2],1),l=L(e.disp,en),u=L(e.each,e=>{}),{fill:d,stroke:f}=l;return(e,t,i,p)=>ei(e,t,(m,h,g,_,v,y,b,x,S,C,w)=>{let T=m.pxRound,E=n,D=r*F,O=s*F,k=c*F,ee,A;_.ori==0?[ee,A]=a(e,t):[A,ee]=a(e,t);let j=_.dir*(_.ori==0?1:-1),te=_.ori==0?pi:mi,ne=_.ori==0?u:(e,t,n,r,i,a,o)=>{u(e,t,n,i,r,o,a)},re=L(e.bands,tn).find(e=>e.series[0]==t),ie=re==null?0:re.dir,ae=m.fillTo(e,t,m.min,m.max,ie),oe=T(b(ae,v,w,S)),se,ce,le,ue=C,de=T(m.width*F),fe=!1,pe=null,me=null,he=null,ge=null;d!=null&&(de==0||f!=null)&&(fe=!0,pe=d.values(e,t,i,p),me=new Map,new Set(pe).forEach(e=>{e!=null&&me.set(e,new Path2D)}),de>0&&(he=f.values(e,t,i,p),ge=new Map,new Set(he).forEach(e=>{e!=null&&ge.set(e,new Path2D)})));let{x0:_e,size:ve}=l;if(_e!=null&&ve!=null){E=1,h=_e.values(e,t,i,p),_e.unit==2&&(h=h.map(t=>e.posToVal(x+t*C,_.key,!0)));let n=ve.values(e,t,i,p);ce=ve.unit==2?n[0]*C:y(n[0],_,C,x)-y(0,_,C,x),ue=Z(h,g,y,_,C,x,ue),le=ue-ce+D}else ue=Z(h,g,y,_,C,x,ue),le=ue*o+D,ce=ue-le;le<1&&(le=0),de>=ce/2&&(de=0),le<5&&(T=Vt);let ye=le>0,be=ue-le-(ye?de:0);ce=T(Rt(be,k,O)),se=(E==0?ce/2:E==j?0:ce)-E*j*((E==0?D/2:0)+(ye?de/2:0));let xe={stroke:null,fill:null,clip:null,band:null,gaps:null,flags:0},Se=fe?null:new Path2D,Ce=null;if(re!=null)Ce=e.data[re.series[1]];else{let{y0:n,y1:r}=l;n!=null&&r!=null&&(g=r.values(e,t,i,p),Ce=n.values(e,t,i,p))}let we=ee*ce,Te=A*ce;for(let n=j==1?i:p;n>=i&&n<=p;n+=j){let r=g[n];if(r==null)continue;if(Ce!=null){let e=Ce[n]??0;if(r-e==0)continue;oe=b(e,v,w,S)}let i=y(_.distr!=2||l!=null?h[n]:n,_,C,x),a=b(L(r,ae),v,w,S),o=T(i-se),s=T(At(a,oe)),c=T(kt(a,oe)),u=s-c;if(r!=null){let i=r<0?Te:we,a=r<0?we:Te;fe?(de>0&&he[n]!=null&&te(ge.get(he[n]),o,c+B(de/2),ce,At(0,u-de),i,a),pe[n]!=null&&te(me.get(pe[n]),o,c+B(de/2),ce,At(0,u-de),i,a)):te(Se,o,c+B(de/2),ce,At(0,u-de),i,a),ne(e,t,n,o-de/2,c,ce+de,u)}}return de>0?xe.stroke=fe?ge:Se:fe||(xe._fill=m.width==0?m._fill:m._stroke??m._fill,xe.width=0),xe.fill=fe?me:Se,xe})}function Ci(e,t){let n=L(t?.alignGaps,0);return(t,r,i,a)=>ei(t,r,(o,s,c,l,u,d,f,p,m,h,g)=>{[i,a]=ft(c,i,a);let _=o.pxRound,v=e=>_(d(e,l,h,p)),y=e=>_(f(e,u,g,m)),b,x,S;l.ori==0?(b=li,S=di,x=_i):(b=ui,S=fi,x=vi);let C=l.dir*(l.ori==0?1:-1),w=v(s[C==1?i:a]),T=w,E=[],D=[];for(let e=C==1?i:a;e>=i&&e<=a;e+=C)if(c[e]!=null){let t=v(s[e]);E.push(T=t),D.push(y(c[e]))}let O={stroke:e(E,D,b,S,x,_),fill:null,clip:null,band:null,gaps:null,flags:Qr},k=O.stroke,[ee,A]=ti(t,r);if(o.fill!=null||ee!=0){let e=O.fill=new Path2D(k),n=y(o.fillTo(t,r,o.min,o.max,ee));S(e,T,n),S(e,w,n)}if(!o.spanGaps){let e=[];e.push(...oi(s,c,i,a,C,v,n)),O.gaps=e=o.gaps(t,r,i,a,e),O.clip=ii(e,l.ori,p,m,h,g)}return A!=0&&(O.band=A==2?[ri(t,r,i,a,k,-1),ri(t,r,i,a,k,1)]:ri(t,r,i,a,k,A)),O})}function wi(e){return Ci(Ti,e)}function Ti(e,t,n,r,i,a){let o=e.length;if(o<2)return null;let s=new Path2D;if(n(s,e[0],t[0]),o==2)r(s,e[1],t[1]);else{let n=Array(o),r=Array(o-1),a=Array(o-1),c=Array(o-1);for(let n=0;n<o-1;n++)a[n]=t[n+1]-t[n],c[n]=e[n+1]-e[n],r[n]=a[n]/c[n];n[0]=r[0];for(let e=1;e<o-1;e++)r[e]===0||r[e-1]===0||r[e-1]>0!=r[e]>0?n[e]=0:(n[e]=3*(c[e-1]+c[e])/((2*c[e]+c[e-1])/r[e-1]+(c[e]+2*c[e-1])/r[e]),isFinite(n[e])||(n[e]=0));n[o-1]=r[o-2];for(let r=0;r<o-1;r++)i(s,e[r]+c[r]/3,t[r]+n[r]*c[r]/3,e[r+1]-c[r]/3,t[r+1]-n[r+1]*c[r]/3,e[r+1],t[r+1])}return s}var Ei=new Set;function Di(){for(let e of Ei)e.syncRect(!0)}P&&(ot(N,We,Di),ot(ze,We,Di,!0),ot(Ve,We,()=>{Ui.pxRatio=F}));var Oi=X(),ki=J();function Ai(e,t,n,r){return(r?[e[0],e[1]].concat(e.slice(2)):[e[0]].concat(e.slice(1))).map((e,r)=>Mi(e,r,t,n))}function ji(e,t){return e.map((e,n)=>n==0?{}:W({},t,e))}function Mi(e,t,n,r){return W({},t==0?n:r,e)}function Ni(e,t,n){return t==null?nn:[t,n]}var Pi=Ni;function Fi(e,t,n){return t==null?nn:xt(t,n,_t,!0)}function Ii(e,t,n,r){return t==null?nn:ht(t,n,e.scales[r].log,!1)}var Li=Ii;function Ri(e,t,n,r){return t==null?nn:gt(t,n,e.scales[r].log,!1)}var zi=Ri;function Bi(e,t,n,r,i){let a=At(Lt(e),Lt(t)),o=t-e,s=ct(i/r*o,n);do{let e=n[s],t=r*e/o;if(t>=i&&a+(e<5?Zt.get(e):0)<=17)return[e,t]}while(++s<n.length);return[0,0]}function Vi(e){let t,n;return e=e.replace(/(\d+)px/,(e,r)=>(t=Dt((n=+r)*F))+`px`),[e,t,n]}function Hi(e){e.show&&[e.font,e.labelFont].forEach(e=>{let t=U(e[2]*F,1);e[0]=e[0].replace(/[0-9.]+px/,t+`px`),e[1]=t})}function Ui(e,t,n){let r={mode:L(e.mode,1)},i=r.mode;function a(e,t,n,r){let i=t.valToPct(e);return r+n*(t.dir==-1?1-i:i)}function o(e,t,n,r){let i=t.valToPct(e);return r+n*(t.dir==-1?i:1-i)}function s(e,t,n,r){return t.ori==0?a(e,t,n,r):o(e,t,n,r)}r.valToPosH=a,r.valToPosV=o;let c=!1;r.status=0;let l=r.root=Ze(oe);if(e.id!=null&&(l.id=e.id),Je(l,e.class),e.title){let t=Ze(le,l);t.textContent=e.title}let u=Xe(`canvas`),d=r.ctx=u.getContext(`2d`),f=Ze(ue,l);ot(`click`,f,e=>{e.target===m&&(J!=hi||Y!=gi)&&bi.click(r,e)},!0);let p=r.under=Ze(de,f);f.appendChild(u);let m=r.over=Ze(fe,f);e=fn(e);let h=+L(e.pxAlign,1),g=si(h);(e.plugins||[]).forEach(t=>{t.opts&&(e=t.opts(r,e)||e)});let _=e.ms||.001,v=r.series=i==1?Ai(e.series||[],Dr,Kr,!1):ji(e.series||[null],Gr),y=r.axes=Ai(e.axes||[],wr,Br,!0),b=r.scales={},x=r.bands=e.bands||[];x.forEach(e=>{e.fill=H(e.fill||null),e.dir=L(e.dir,-1)});let S=i==2?v[1].facets[0].scale:v[0].scale,C={axes:Wr,series:br},w=(e.drawOrder||[`axes`,`series`]).map(e=>C[e]);function T(e){let t=e.distr==3?t=>Nt(t>0?t:e.clamp(r,t,e.min,e.max,e.key)):e.distr==4?t=>It(t,e.asinh):e.distr==100?t=>e.fwd(t):e=>e;return n=>{let r=t(n),{_min:i,_max:a}=e,o=a-i;return(r-i)/o}}function E(t){let n=b[t];if(n==null){let r=(e.scales||en)[t]||en;if(r.from!=null){E(r.from);let e=W({},b[r.from],r,{key:t});e.valToPct=T(e),b[t]=e}else{n=b[t]=W({},t==S?Jr:Yr,r),n.key=t;let e=n.time,a=n.range,o=rn(a);if((t!=S||i==2&&!e)&&(o&&(a[0]==null||a[1]==null)&&(a={min:a[0]==null?vt:{mode:1,hard:a[0],soft:a[0]},max:a[1]==null?vt:{mode:1,hard:a[1],soft:a[1]}},o=!1),!o&&cn(a))){let e=a;a=(t,n,r)=>n==null?nn:xt(n,r,e)}n.range=H(a||(e?Pi:t==S?n.distr==3?Li:n.distr==4?zi:Ni:n.distr==3?Ii:n.distr==4?Ri:Fi)),n.auto=H(!o&&n.auto),n.clamp=H(n.clamp||qr),n._min=n._max=null,n.valToPct=T(n)}}}E(`x`),E(`y`),i==1&&v.forEach(e=>{E(e.scale)}),y.forEach(e=>{E(e.scale)});for(let t in e.scales)E(t);let D=b[S],O=D.distr,k,ee;D.ori==0?(Je(l,se),k=a,ee=o):(Je(l,ce),k=o,ee=a);let A={};for(let e in b){let t=b[e];(t.min!=null||t.max!=null)&&(A[e]={min:t.min,max:t.max},t.min=t.max=null)}let j=e.tzDate||(e=>new Date(Dt(e/_))),te=e.fmtDate||kn,ne=_==1?Jn(j):Zn(j),re=$n(j,Qn(_==1?qn:Xn,te)),ie=ir(j,nr(rr,te)),ae=[],M=r.legend=W({},sr,e.legend),N=r.cursor=W({},gr,{drag:{y:i==2}},e.cursor),ze=M.show,Be=N.show,P=M.markers;M.idxs=ae,P.width=H(P.width),P.dash=H(P.dash),P.stroke=H(P.stroke),P.fill=H(P.fill);let Ge,Ke,qe,Qe=[],et=[],nt,it=!1,at={};if(M.live){let e=v[1]?v[1].values:null;it=e!=null,nt=it?e(r,1,0):{_:0};for(let e in nt)at[e]=He}if(ze){if(Ge=Xe(`table`,ye,l),qe=Xe(`tbody`,null,Ge),M.mount(r,Ge),it){Ke=Xe(`thead`,null,Ge,qe);let e=Xe(`tr`,null,Ke);for(var lt in Xe(`th`,null,e),nt)Xe(`th`,we,e).textContent=lt}else Je(Ge,xe),M.live&&Je(Ge,be)}let ut={show:!0},dt={show:!1};function ft(e,t){if(t==0&&(it||!M.live||i==2))return nn;let n=[],a=Xe(`tr`,Se,qe,qe.childNodes[t]);Je(a,e.class),e.show||Je(a,me);let o=Xe(`th`,null,a);if(P.show){let e=Ze(Ce,o);if(t>0){let n=P.width(r,t);n&&(e.style.border=n+`px `+P.dash(r,t)+` `+P.stroke(r,t)),e.style.background=P.fill(r,t)}}let s=Ze(we,o);for(var c in e.label instanceof HTMLElement?s.appendChild(e.label):s.textContent=e.label,t>0&&(P.show||(s.style.color=e.width>0?P.stroke(r,t):P.fill(r,t)),yt(`click`,o,t=>{if(N._lock)return;xn(t);let n=v.indexOf(e);if((t.ctrlKey||t.metaKey)!=M.isolate){let e=v.some((e,t)=>t>0&&t!=n&&e.show);v.forEach((t,r)=>{r>0&&Di(r,e?r==n?ut:dt:ut,!0,$.setSeries)})}else Di(n,{show:!e.show},!0,$.setSeries)},!1),wn&&yt(Ie,o,t=>{N._lock||(xn(t),Di(v.indexOf(e),qi,!0,$.setSeries))},!1)),nt){let e=Xe(`td`,Te,a);e.textContent=`--`,n.push(e)}return[a,n]}let pt=new Map;function yt(e,t,n,i=!0){let a=pt.get(t)||{},o=N.bind[e](r,t,n,i);o&&(ot(e,t,a[e]=o),pt.set(t,a))}function bt(e,t,n){let r=pt.get(t)||{};for(let n in r)(e==null||n==e)&&(st(n,t,r[n]),delete r[n]);e??pt.delete(t)}let Ct=0,wt=0,R=0,z=0,B=0,Mt=0,Pt=B,Lt=Mt,Bt=R,Vt=z,Kt=0,qt=0,Yt=0,Xt=0;r.bbox={};let $t=!1,an=!1,un=!1,dn=!1,pn=!1,mn=!1;function hn(e,t,n){(n||e!=r.width||t!=r.height)&&gn(e,t),Xr(!1),un=!0,an=!0,ai()}function gn(e,t){r.width=Ct=R=e,r.height=wt=z=t,B=Mt=0,yn(),bn();let n=r.bbox;Kt=n.left=Jt(B*F,.5),qt=n.top=Jt(Mt*F,.5),Yt=n.width=Jt(R*F,.5),Xt=n.height=Jt(z*F,.5)}function vn(){let e=!1,t=0;for(;!e;){t++;let n=Hr(t),i=Ur(t);e=t==3||n&&i,e||(gn(r.width,r.height),an=!0)}}r.setSize=function({width:e,height:t}){hn(e,t)};function yn(){let e=!1,t=!1,n=!1,r=!1;y.forEach((i,a)=>{if(i.show&&i._show){let{side:a,_size:o}=i,s=a%2,c=o+(i.label==null?0:i.labelSize);c>0&&(s?(R-=c,a==3?(B+=c,r=!0):n=!0):(z-=c,a==0?(Mt+=c,e=!0):t=!0))}}),Mn[0]=e,Mn[1]=n,Mn[2]=t,Mn[3]=r,R-=Rn[1]+Rn[3],B+=Rn[3],z-=Rn[2]+Rn[0],Mt+=Rn[0]}function bn(){let e=B+R,t=Mt+z,n=B,r=Mt;function i(i,a){switch(i){case 1:return e+=a,e-a;case 2:return t+=a,t-a;case 3:return n-=a,n+a;case 0:return r-=a,r+a}}y.forEach((e,t)=>{if(e.show&&e._show){let t=e.side;e._pos=i(t,e._size),e.label!=null&&(e._lpos=i(t,e.labelSize))}})}if(N.dataIdx==null){let e=N.hover,n=e.skip=new Set(e.skip??[]);n.add(void 0);let r=e.prox=H(e.prox),i=e.bias??=0;N.dataIdx=(e,a,o,s)=>{if(a==0)return o;let c=o,l=r(e,a,o,s)??V,u=l>=0&&l<V,d=D.ori==0?R:z,f=N.left,p=t[0],m=t[a];if(n.has(m[o])){c=null;let e=null,t=null,r;if(i==0||i==-1)for(r=o;e==null&&r-->0;)n.has(m[r])||(e=r);if(i==0||i==1)for(r=o;t==null&&r++<m.length;)n.has(m[r])||(t=r);if(e!=null||t!=null){if(u){let n=e==null?-1/0:k(p[e],D,d,0),r=t==null?1/0:k(p[t],D,d,0),i=f-n,a=r-f;i<=a?i<=l&&(c=e):a<=l&&(c=t)}else c=t==null?e:e==null?t:o-e<=t-o?e:t}}else u&&Et(f-k(p[o],D,d,0))>l&&(c=null);return c}}let xn=e=>{N.event=e};N.idxs=ae,N._lock=!1;let Sn=N.points;Sn.show=H(Sn.show),Sn.size=H(Sn.size),Sn.stroke=H(Sn.stroke),Sn.width=H(Sn.width),Sn.fill=H(Sn.fill);let Cn=r.focus=W({},e.focus||{alpha:.3},N.focus),wn=Cn.prox>=0,Tn=wn&&Sn.one,En=[],Dn=[],On=[];function An(e,t){let n=Sn.show(r,t);if(n instanceof HTMLElement)return Je(n,ve),Je(n,e.class),$e(n,-10,-10,R,z),m.insertBefore(n,En[t]),n}function jn(e,t){if(i==1||t>0){let t=i==1&&b[e.scale].time,n=e.value;e.value=t?sn(n)?ir(j,nr(n,te)):n||ie:n||zr,e.label=e.label||(t?Er:Tr)}if(Tn||t>0){e.width=e.width==null?1:e.width,e.paths=e.paths||Oi||Ut,e.fillTo=H(e.fillTo||ni),e.pxAlign=+L(e.pxAlign,h),e.pxRound=si(e.pxAlign),e.stroke=H(e.stroke||null),e.fill=H(e.fill||null),e._stroke=e._fill=e._paths=e._focus=null;let t=Vr(At(1,e.width),1),n=e.points=W({},{size:t,width:At(1,t*.2),stroke:e.stroke,space:t*2,paths:ki,_stroke:null,_fill:null},e.points);n.show=H(n.show),n.filter=H(n.filter),n.fill=H(n.fill),n.stroke=H(n.stroke),n.paths=H(n.paths),n.pxAlign=e.pxAlign}if(ze){let n=ft(e,t);Qe.splice(t,0,n[0]),et.splice(t,0,n[1]),M.values.push(null)}if(Be){ae.splice(t,0,null);let n=null;Tn?t==0&&(n=An(e,t)):t>0&&(n=An(e,t)),En.splice(t,0,n),Dn.splice(t,0,0),On.splice(t,0,0)}Q(`addSeries`,t)}r.addSeries=function(e,t){t??=v.length,e=i==1?Mi(e,t,Dr,Kr):Mi(e,t,{},Gr),v.splice(t,0,e),jn(v[t],t)},r.delSeries=function(e){if(v.splice(e,1),ze){M.values.splice(e,1),et.splice(e,1);let t=Qe.splice(e,1)[0];bt(null,t.firstChild),t.remove()}Be&&(ae.splice(e,1),En.splice(e,1)[0].remove(),Dn.splice(e,1),On.splice(e,1)),Q(`delSeries`,e)};let Mn=[!1,!1,!1,!1];function Nn(e,t){if(e._show=e.show,e.show){let n=e.side%2,i=b[e.scale];i??=(e.scale=n?v[1].scale:S,b[e.scale]);let a=i.time;e.size=H(e.size),e.space=H(e.space),e.rotate=H(e.rotate),rn(e.incrs)&&e.incrs.forEach(e=>{!Zt.has(e)&&Zt.set(e,Qt(e))}),e.incrs=H(e.incrs||(i.distr==2?Fn:a?_==1?Kn:Yn:In)),e.splits=H(e.splits||(a&&i.distr==1?ne:i.distr==3?Ar:i.distr==4?jr:kr)),e.stroke=H(e.stroke),e.grid.stroke=H(e.grid.stroke),e.ticks.stroke=H(e.ticks.stroke),e.border.stroke=H(e.border.stroke);let o=e.values;e.values=rn(o)&&!rn(o[0])?H(o):a?rn(o)?$n(j,Qn(o,te)):sn(o)?er(j,o):o||re:o||Or,e.filter=H(e.filter||(i.distr>=3&&i.log==10?Lr:i.distr==3&&i.log==2?Rr:Ht)),e.font=Vi(e.font),e.labelFont=Vi(e.labelFont),e._size=e.size(r,null,t,0),e._space=e._rotate=e._incrs=e._found=e._splits=e._values=null,e._size>0&&(Mn[t]=!0,e._el=Ze(pe,f))}}function Pn(e,t,n,r){let[i,a,o,s]=n,c=t%2,l=0;return c==0&&(s||a)&&(l=t==0&&!i||t==2&&!o?Dt(wr.size/3):0),c==1&&(i||o)&&(l=t==1&&!a||t==3&&!s?Dt(Br.size/2):0),l}let Ln=r.padding=(e.padding||[Pn,Pn,Pn,Pn]).map(e=>H(L(e,Pn))),Rn=r._padding=Ln.map((e,t)=>e(r,t,Mn,0)),zn,G=null,K=null,Bn=i==1?v[0].idxs:null,Vn=null,Hn=!1;function Un(e,n){if(t=e??[],r.data=r._data=t,i==2){zn=0;for(let e=1;e<v.length;e++)zn+=t[e][0].length}else{t.length==0&&(r.data=r._data=t=[[]]),Vn=t[0],zn=Vn.length;let e=t;if(O==2){e=t.slice();let n=e[0]=Array(zn);for(let e=0;e<zn;e++)n[e]=e}r._data=t=e}if(Xr(!0),Q(`setData`),O==2&&(un=!0),n!==!1){let e=D;e.auto(r,Hn)?Wn():Ti(S,e.min,e.max),dn||=N.left>=0,mn=!0,ai()}}r.setData=Un;function Wn(){Hn=!0;let e,n;i==1&&(zn>0?(G=Bn[0]=0,K=Bn[1]=zn-1,e=t[0][G],n=t[0][K],O==2?(e=G,n=K):e==n&&(O==3?[e,n]=ht(e,e,D.log,!1):O==4?[e,n]=gt(e,e,D.log,!1):D.time?n=e+Dt(86400/_):[e,n]=xt(e,n,_t,!0))):(G=Bn[0]=e=null,K=Bn[1]=n=null)),Ti(S,e,n)}let q,Gn,tr,ar,or,cr,lr,ur,dr,fr;function pr(e,t,n,r,i,a){e??=Me,n??=tn,r??=`butt`,i??=Me,a??=`round`,e!=q&&(d.strokeStyle=q=e),i!=Gn&&(d.fillStyle=Gn=i),t!=tr&&(d.lineWidth=tr=t),a!=or&&(d.lineJoin=or=a),r!=cr&&(d.lineCap=cr=r),n!=ar&&d.setLineDash(ar=n)}function mr(e,t,n,r){t!=Gn&&(d.fillStyle=Gn=t),e!=lr&&(d.font=lr=e),n!=ur&&(d.textAlign=ur=n),r!=dr&&(d.textBaseline=dr=r)}function hr(e,t,n,i,a=0){if(i.length>0&&e.auto(r,Hn)&&(t==null||t.min==null)){let t=L(G,0),r=L(K,i.length-1),o=n.min==null?mt(i,t,r,a,e.distr==3):[n.min,n.max];e.min=kt(e.min,n.min=o[0]),e.max=At(e.max,n.max=o[1])}}let _r={min:null,max:null};function vr(){for(let e in b){let t=b[e];A[e]==null&&(t.min==null||A[S]!=null&&t.auto(r,Hn))&&(A[e]=_r)}for(let e in b){let t=b[e];A[e]==null&&t.from!=null&&A[t.from]!=null&&(A[e]=_r)}A[S]!=null&&Xr(!0);let e={};for(let t in A){let n=A[t];if(n!=null){let a=e[t]=fn(b[t],ln);if(n.min!=null)W(a,n);else if(t!=S||i==2){if(zn==0&&a.from==null){let e=a.range(r,null,null,t);a.min=e[0],a.max=e[1]}else a.min=V,a.max=-1/0}}}if(zn>0){v.forEach((n,a)=>{if(i==1){let i=n.scale,o=A[i];if(o==null)return;let s=e[i];if(a==0){let e=s.range(r,s.min,s.max,i);s.min=e[0],s.max=e[1],G=ct(s.min,t[0]),K=ct(s.max,t[0]),K-G>1&&(t[0][G]<s.min&&G++,t[0][K]>s.max&&K--),n.min=Vn[G],n.max=Vn[K]}else n.show&&n.auto&&hr(s,o,n,t[a],n.sorted);n.idxs[0]=G,n.idxs[1]=K}else if(a>0&&n.show&&n.auto){let[r,i]=n.facets,o=r.scale,s=i.scale,[c,l]=t[a],u=e[o],d=e[s];u!=null&&hr(u,A[o],r,c,r.sorted),d!=null&&hr(d,A[s],i,l,i.sorted),n.min=i.min,n.max=i.max}});for(let t in e){let n=e[t],i=A[t];if(n.from==null&&(i==null||i.min==null)){let e=n.range(r,n.min==V?null:n.min,n.max==-1/0?null:n.max,t);n.min=e[0],n.max=e[1]}}}for(let t in e){let n=e[t];if(n.from!=null){let i=e[n.from];if(i.min==null)n.min=n.max=null;else{let e=n.range(r,i.min,i.max,t);n.min=e[0],n.max=e[1]}}}let n={},a=!1;for(let t in e){let r=e[t],i=b[t];if(i.min!=r.min||i.max!=r.max){i.min=r.min,i.max=r.max;let e=i.distr;i._min=e==3?Nt(i.min):e==4?It(i.min,i.asinh):e==100?i.fwd(i.min):i.min,i._max=e==3?Nt(i.max):e==4?It(i.max,i.asinh):e==100?i.fwd(i.max):i.max,n[t]=a=!0}}if(a){v.forEach((e,t)=>{i==2?t>0&&n.y&&(e._paths=null):n[e.scale]&&(e._paths=null)});for(let e in n)un=!0,Q(`setScale`,e);Be&&N.left>=0&&(dn=mn=!0)}for(let e in A)A[e]=null}function yr(e){let t=Rt(G-1,0,zn-1),n=Rt(K+1,0,zn-1);for(;e[t]==null&&t>0;)t--;for(;e[n]==null&&n<zn-1;)n++;return[t,n]}function br(){if(zn>0){let e=v.some(e=>e._focus)&&fr!=Cn.alpha;e&&(d.globalAlpha=fr=Cn.alpha),v.forEach((e,n)=>{if(n>0&&e.show&&(xr(n,!1),xr(n,!0),e._paths==null)){let a=fr;fr!=e.alpha&&(d.globalAlpha=fr=e.alpha);let o=i==2?[0,t[n][0].length-1]:yr(t[n]);e._paths=e.paths(r,n,o[0],o[1]),fr!=a&&(d.globalAlpha=fr=a)}}),v.forEach((e,t)=>{if(t>0&&e.show){let n=fr;fr!=e.alpha&&(d.globalAlpha=fr=e.alpha),e._paths!=null&&Sr(t,!1);{let n=e._paths==null?null:e._paths.gaps,i=e.points.show(r,t,G,K,n),a=e.points.filter(r,t,i,n);(i||a)&&(e.points._paths=e.points.paths(r,t,G,K,a),Sr(t,!0))}fr!=n&&(d.globalAlpha=fr=n),Q(`drawSeries`,t)}}),e&&(d.globalAlpha=fr=1)}}function xr(e,t){let n=t?v[e].points:v[e];n._stroke=n.stroke(r,e),n._fill=n.fill(r,e)}function Sr(e,t){let n=t?v[e].points:v[e],{stroke:r,fill:i,clip:a,flags:o,_stroke:s=n._stroke,_fill:c=n._fill,_width:l=n.width}=n._paths;l=U(l*F,3);let u=null,f=l%2/2;t&&c==null&&(c=l>0?`#fff`:s);let p=n.pxAlign==1&&f>0;if(p&&d.translate(f,f),!t){let e=Kt-l/2,t=qt-l/2,n=Yt+l,r=Xt+l;u=new Path2D,u.rect(e,t,n,r)}t?Mr(s,l,n.dash,n.cap,c,r,i,o,a):Cr(e,s,l,n.dash,n.cap,c,r,i,o,u,a),p&&d.translate(-f,-f)}function Cr(e,n,i,a,o,s,c,l,u,d,f){let p=!1;u!=0&&x.forEach((m,h)=>{if(m.series[0]==e){let e=v[m.series[1]],g=t[m.series[1]],_=(e._paths||en).band;rn(_)&&(_=m.dir==1?_[0]:_[1]);let y,b=null;e.show&&_&&St(g,G,K)?(b=m.fill(r,h)||s,y=e._paths.clip):_=null,Mr(n,i,a,o,b,c,l,u,d,f,y,_),p=!0}}),p||Mr(n,i,a,o,s,c,l,u,d,f)}function Mr(e,t,n,r,i,a,o,s,c,l,u,f){pr(e,t,n,r,i),(c||l||f)&&(d.save(),c&&d.clip(c),l&&d.clip(l)),f?(s&3)==3?(d.clip(f),u&&d.clip(u),Pr(i,o),Nr(e,a,t)):s&$r?(Pr(i,o),d.clip(f),Nr(e,a,t)):s&Qr&&(d.save(),d.clip(f),u&&d.clip(u),Pr(i,o),d.restore(),Nr(e,a,t)):(Pr(i,o),Nr(e,a,t)),(c||l||f)&&d.restore()}function Nr(e,t,n){n>0&&(t instanceof Map?t.forEach((e,t)=>{d.strokeStyle=q=t,d.stroke(e)}):t!=null&&e&&d.stroke(t))}function Pr(e,t){t instanceof Map?t.forEach((e,t)=>{d.fillStyle=Gn=t,d.fill(e)}):t!=null&&e&&d.fill(t)}function Fr(e,t,n,i){let a=y[e],o;if(i<=0)o=[0,0];else{let s=a._space=a.space(r,e,t,n,i);o=Bi(t,n,a._incrs=a.incrs(r,e,t,n,i,s),i,s)}return a._found=o}function Ir(e,t,n,r,i,a,o,s,c,l){let u=o%2/2;h==1&&d.translate(u,u),pr(s,o,c,l,s),d.beginPath();let f,p,m,g,_=i+(r==0||r==3?-a:a);n==0?(p=i,g=_):(f=i,m=_);for(let r=0;r<e.length;r++)t[r]!=null&&(n==0?f=m=e[r]:p=g=e[r],d.moveTo(f,p),d.lineTo(m,g));d.stroke(),h==1&&d.translate(-u,-u)}function Hr(e){let t=!0;return y.forEach((n,i)=>{if(!n.show)return;let a=b[n.scale];if(a.min==null){n._show&&(t=!1,n._show=!1,Xr(!1));return}n._show||(t=!1,n._show=!0,Xr(!1));let o=n.side,s=o%2,{min:c,max:l}=a,[u,d]=Fr(i,c,l,s==0?R:z);if(d==0)return;let f=a.distr==2,p=n._splits=n.splits(r,i,c,l,u,d,f),m=a.distr==2?p.map(e=>Vn[e]):p,h=a.distr==2?Vn[p[1]]-Vn[p[0]]:u,g=n._values=n.values(r,n.filter(r,m,i,d,h),i,d,h);n._rotate=o==2?n.rotate(r,g,i,d):0;let _=n._size;n._size=Ot(n.size(r,g,i,e)),_!=null&&n._size!=_&&(t=!1)}),t}function Ur(e){let t=!0;return Ln.forEach((n,i)=>{let a=n(r,i,Mn,e);a!=Rn[i]&&(t=!1),Rn[i]=a}),t}function Wr(){for(let e=0;e<y.length;e++){let t=y[e];if(!t.show||!t._show)continue;let n=t.side,i=n%2,a,o,c=t.stroke(r,e),l=n==0||n==3?-1:1,[u,f]=t._found;if(t.label!=null){let s=t.labelGap*l,p=Dt((t._lpos+s)*F);mr(t.labelFont[0],c,`center`,n==2?Oe:ke),d.save(),i==1?(a=o=0,d.translate(p,Dt(qt+Xt/2)),d.rotate((n==3?-Tt:Tt)/2)):(a=Dt(Kt+Yt/2),o=p);let m=zt(t.label)?t.label(r,e,u,f):t.label;d.fillText(m,a,o),d.restore()}if(f==0)continue;let p=b[t.scale],m=i==0?Yt:Xt,h=i==0?Kt:qt,_=t._splits,v=p.distr==2?_.map(e=>Vn[e]):_,x=p.distr==2?Vn[_[1]]-Vn[_[0]]:u,S=t.ticks,C=t.border,w=S.show?S.size:0,T=Dt(w*F),E=Dt((t.alignTo==2?t._size-w-t.gap:t.gap)*F),D=t._rotate*-Tt/180,O=g(t._pos*F),k=O+(T+E)*l;o=i==0?k:0,a=i==1?k:0,mr(t.font[0],c,t.align==1?Ae:t.align==2?je:D>0?Ae:D<0?je:i==0?`center`:n==3?je:Ae,D||i==1?`middle`:n==2?Oe:ke);let ee=t.font[1]*t.lineGap,A=_.map(e=>g(s(e,p,m,h))),j=t._values;for(let e=0;e<j.length;e++){let t=j[e];if(t!=null){i==0?a=A[e]:o=A[e],t=``+t;let n=t.indexOf(`
`)==-1?[t]:t.split(/\n/gm);for(let e=0;e<n.length;e++){let t=n[e];D?(d.save(),d.translate(a,o+e*ee),d.rotate(D),d.fillText(t,0,0),d.restore()):d.fillText(t,a,o+e*ee)}}}S.show&&Ir(A,S.filter(r,v,e,f,x),i,n,O,T,U(S.width*F,3),S.stroke(r,e),S.dash,S.cap);let te=t.grid;te.show&&Ir(A,te.filter(r,v,e,f,x),i,i==0?2:1,i==0?qt:Kt,i==0?Xt:Yt,U(te.width*F,3),te.stroke(r,e),te.dash,te.cap),C.show&&Ir([O],[1],+(i==0),i==0?1:2,i==1?qt:Kt,i==1?Xt:Yt,U(C.width*F,3),C.stroke(r,e),C.dash,C.cap)}Q(`drawAxes`)}function Xr(e){v.forEach((t,n)=>{n>0&&(t._paths=null,e&&(i==1?(t.min=null,t.max=null):t.facets.forEach(e=>{e.min=null,e.max=null})))})}let ei=!1,ti=!1,ri=[];function ii(){ti=!1;for(let e=0;e<ri.length;e++)Q(...ri[e]);ri.length=0}function ai(){ei||=(_n(oi),!0)}r.batch=function(e,t=!1){ei=!0,ti=t,e(r),oi(),t&&ri.length>0&&queueMicrotask(ii)};function oi(){if($t&&=(vr(),!1),un&&=(vn(),!1),an){if(I(p,Ae,B),I(p,Oe,Mt),I(p,Ee,R),I(p,De,z),I(m,Ae,B),I(m,Oe,Mt),I(m,Ee,R),I(m,De,z),I(f,Ee,Ct),I(f,De,wt),u.width=Dt(Ct*F),u.height=Dt(wt*F),y.forEach(({_el:e,_show:t,_size:n,_pos:r,side:i})=>{if(e!=null){if(t){let t=i===3||i===0?n:0,a=i%2==1;I(e,a?`left`:`top`,r-t),I(e,a?`width`:`height`,n),I(e,a?`top`:`left`,a?Mt:B),I(e,a?`height`:`width`,a?z:R),Ye(e,me)}else Je(e,me)}}),q=Gn=tr=or=cr=lr=ur=dr=ar=null,fr=1,aa(!0),B!=Pt||Mt!=Lt||R!=Bt||z!=Vt){Xr(!1);let e=R/Bt,t=z/Vt;if(Be&&!dn&&N.left>=0){N.left*=e,N.top*=t,di&&$e(di,Dt(N.left),0,R,z),fi&&$e(fi,0,Dt(N.top),R,z);for(let n=0;n<En.length;n++){let r=En[n];r!=null&&(Dn[n]*=e,On[n]*=t,$e(r,Ot(Dn[n]),Ot(On[n]),R,z))}}if(Z.show&&!pn&&Z.left>=0&&Z.width>0){Z.left*=e,Z.width*=e,Z.top*=t,Z.height*=t;for(let e in ca)I(Si,e,Z[e])}Pt=B,Lt=Mt,Bt=R,Vt=z}Q(`setSize`),an=!1}Ct>0&&wt>0&&(d.clearRect(0,0,u.width,u.height),Q(`drawClear`),w.forEach(e=>e()),Q(`draw`)),Z.show&&pn&&(Ci(Z),pn=!1),Be&&dn&&(ra(null,!0,!1),dn=!1),M.show&&M.live&&mn&&(ta(),mn=!1),c||(c=!0,r.status=1,Q(`ready`)),Hn=!1,ei=!1}r.redraw=(e,t)=>{un=t||!1,e===!1?ai():Ti(S,D.min,D.max)};function ci(e,n){let i=b[e];if(i.from==null){if(zn==0){let t=i.range(r,n.min,n.max,e);n.min=t[0],n.max=t[1]}if(n.min>n.max){let e=n.min;n.min=n.max,n.max=e}if(zn>1&&n.min!=null&&n.max!=null&&n.max-n.min<1e-16)return;e==S&&i.distr==2&&zn>0&&(n.min=ct(n.min,t[0]),n.max=ct(n.max,t[0]),n.min==n.max&&n.max++),A[e]=n,$t=!0,ai()}}r.setScale=ci;let li,ui,di,fi,pi,mi,hi,gi,_i,vi,J,Y,yi=!1,bi=N.drag,X=bi.x,xi=bi.y;Be&&(N.x&&(li=Ze(ge,m)),N.y&&(ui=Ze(_e,m)),D.ori==0?(di=li,fi=ui):(di=ui,fi=li),J=N.left,Y=N.top);let Z=r.select=W({show:!0,over:!0,left:0,width:0,top:0,height:0},e.select),Si=Z.show?Ze(he,Z.over?m:p):null;function Ci(e,t){if(Z.show){for(let t in e)Z[t]=e[t],t in ca&&I(Si,t,e[t]);t!==!1&&Q(`setSelect`)}}r.setSelect=Ci;function wi(e){if(v[e].show)ze&&Ye(Qe[e],me);else if(ze&&Je(Qe[e],me),Be){let t=Tn?En[0]:En[e];t!=null&&$e(t,-10,-10,R,z)}}function Ti(e,t,n){ci(e,{min:t,max:n})}function Di(e,t,n,a){t.focus!=null&&Ji(e),t.show!=null&&v.forEach((n,r)=>{r>0&&(e==r||e==null)&&(n.show=t.show,wi(r),i==2?(Ti(n.facets[0].scale,null,null),Ti(n.facets[1].scale,null,null)):Ti(n.scale,null,null),ai())}),n!==!1&&Q(`setSeries`,e,t),a&&wa(`setSeries`,r,e,t)}r.setSeries=Di,r.addBand=function(e,t){e.fill=H(e.fill||null),e.dir=L(e.dir,-1),t??=x.length,x.splice(t,0,e)},r.setBand=function(e,t){W(x[e],t)},r.delBand=function(e){e==null?x.length=0:x.splice(e,1)};function Ui(e,t){v[e].alpha=t,Be&&En[e]!=null&&(En[e].style.opacity=t),ze&&Qe[e]&&(Qe[e].style.opacity=t)}let Wi,Gi,Ki,qi={focus:!0};function Ji(e){if(e!=Ki){let t=e==null,n=Cn.alpha!=1;v.forEach((r,a)=>{if(i==1||a>0){let i=t||a==0||a==e;r._focus=t?null:i,n&&Ui(a,i?1:Cn.alpha)}}),Ki=e,n&&ai()}}ze&&wn&&yt(Le,Ge,e=>{N._lock||(xn(e),Ki!=null&&Di(null,qi,!0,$.setSeries))});function Yi(e,t,n){let r=b[t];n&&(e=e/F-(r.ori==1?Mt:B));let i=R;r.ori==1&&(i=z,e=i-e),r.dir==-1&&(e=i-e);let a=r._min,o=r._max,s=e/i,c=a+(o-a)*s,l=r.distr;return l==3?jt(10,c):l==4?Ft(c,r.asinh):l==100?r.bwd(c):c}r.valToIdx=e=>ct(e,t[0]),r.posToIdx=function(e,n){return ct(Yi(e,S,n),t[0],G,K)},r.posToVal=Yi,r.valToPos=(e,t,n)=>b[t].ori==0?a(e,b[t],n?Yt:R,n?Kt:0):o(e,b[t],n?Xt:z,n?qt:0),r.setCursor=(e,t,n)=>{J=e.left,Y=e.top,ra(null,t,n)};function Xi(e,t){I(Si,Ae,Z.left=e),I(Si,Ee,Z.width=t)}function Zi(e,t){I(Si,Oe,Z.top=e),I(Si,De,Z.height=t)}let Qi=D.ori==0?Xi:Zi,$i=D.ori==1?Xi:Zi;function ea(){if(ze&&M.live)for(let e=+(i==2);e<v.length;e++){if(e==0&&it)continue;let t=M.values[e],n=0;for(let r in t)et[e][n++].firstChild.nodeValue=t[r]}}function ta(e,t){if(e!=null&&(e.idxs?e.idxs.forEach((e,t)=>{ae[t]=e}):on(e.idx)||ae.fill(e.idx),M.idx=ae[0]),ze&&M.live){for(let e=0;e<v.length;e++)(e>0||i==1&&!it)&&na(e,ae[e]);ea()}mn=!1,t!==!1&&Q(`setLegend`)}r.setLegend=ta;function na(e,n){let i=v[e],a=e==0&&O==2?Vn:t[e],o;it?o=i.values(r,e,n)??at:(o=i.value(r,n==null?null:a[n],e,n),o=o==null?at:{_:o}),M.values[e]=o}function ra(e,n,a){_i=J,vi=Y,[J,Y]=N.move(r,J,Y),N.left=J,N.top=Y,Be&&(di&&$e(di,Dt(J),0,R,z),fi&&$e(fi,0,Dt(Y),R,z));let o,s=G>K;Wi=V,Gi=null;let c=D.ori==0?R:z,l=D.ori==1?R:z;if(J<0||zn==0||s){o=N.idx=null;for(let e=0;e<v.length;e++){let t=En[e];t!=null&&$e(t,-10,-10,R,z)}wn&&Di(null,qi,!0,e==null&&$.setSeries),M.live&&(ae.fill(o),mn=!0)}else{let e,n,a;i==1&&(e=D.ori==0?J:Y,n=Yi(e,S),o=N.idx=ct(n,t[0],G,K),a=k(t[0][o],D,c,0));let s=-10,u=-10,d=0,f=0,p=!0,m=``,h=``;for(let e=+(i==2);e<v.length;e++){let g=v[e],_=ae[e],y=_==null?null:i==1?t[e][_]:t[e][1][_],x=N.dataIdx(r,e,o,n),S=x==null?null:i==1?t[e][x]:t[e][1][x];if(mn=mn||S!=y||x!=_,ae[e]=x,e>0&&g.show){let n=x==null?-10:x==o?a:k(i==1?t[0][x]:t[e][0][x],D,c,0),_=S==null?-10:ee(S,i==1?b[g.scale]:b[g.facets[1].scale],l,0);if(wn&&S!=null){let t=D.ori==1?J:Y,n=Et(Cn.dist(r,e,x,_,t));if(n<Wi){let r=Cn.bias;if(r!=0){let i=Yi(t,g.scale),a=S>=0?1:-1,o=i>=0?1:-1;o==a&&(o==1?r==1?S>=i:S<=i:r==1?S<=i:S>=i)&&(Wi=n,Gi=e)}else Wi=n,Gi=e}}if(mn||Tn){let t,i;D.ori==0?(t=n,i=_):(t=_,i=n);let a,o,c,l,g,v,y=!0,b=Sn.bbox;if(b!=null){y=!1;let t=b(r,e);c=t.left,l=t.top,a=t.width,o=t.height}else c=t,l=i,a=o=Sn.size(r,e);if(v=Sn.fill(r,e),g=Sn.stroke(r,e),Tn)e==Gi&&Wi<=Cn.prox&&(s=c,u=l,d=a,f=o,p=y,m=v,h=g);else{let t=En[e];t!=null&&(Dn[e]=c,On[e]=l,rt(t,a,o,y),tt(t,v,g),$e(t,Ot(c),Ot(l),R,z))}}}}if(Tn){let e=Cn.prox;if(mn||(Ki==null?Wi<=e:Wi>e||Gi!=Ki)){let e=En[0];e!=null&&(Dn[0]=s,On[0]=u,rt(e,d,f,p),tt(e,m,h),$e(e,Ot(s),Ot(u),R,z))}}}if(Z.show&&yi){if(e!=null){let[t,n]=$.scales,[r,i]=$.match,[a,o]=e.cursor.sync.scales,s=e.cursor.drag;if(X=s._x,xi=s._y,X||xi){let{left:s,top:u,width:d,height:f}=e.select,p=e.scales[a].ori,m=e.posToVal,h,g,_,v,y,x=t!=null&&r(t,a),S=n!=null&&i(n,o);x&&X?(p==0?(h=s,g=d):(h=u,g=f),_=b[t],v=k(m(h,a),_,c,0),y=k(m(h+g,a),_,c,0),Qi(kt(v,y),Et(y-v))):Qi(0,c),S&&xi?(p==1?(h=s,g=d):(h=u,g=f),_=b[n],v=ee(m(h,o),_,l,0),y=ee(m(h+g,o),_,l,0),$i(kt(v,y),Et(y-v))):$i(0,l)}else la()}else{let e=Et(_i-pi),t=Et(vi-mi);if(D.ori==1){let n=e;e=t,t=n}X=bi.x&&e>=bi.dist,xi=bi.y&&t>=bi.dist;let n=bi.uni;n==null?bi.x&&bi.y&&(X||xi)&&(X=xi=!0):X&&xi&&(X=e>=n,xi=t>=n,!X&&!xi&&(t>e?xi=!0:X=!0));let r,i;X&&(D.ori==0?(r=hi,i=J):(r=gi,i=Y),Qi(kt(r,i),Et(i-r)),xi||$i(0,l)),xi&&(D.ori==1?(r=hi,i=J):(r=gi,i=Y),$i(kt(r,i),Et(i-r)),X||Qi(0,c)),!X&&!xi&&(Qi(0,0),$i(0,0))}}if(bi._x=X,bi._y=xi,e==null){if(a){if(Sa!=null){let[e,t]=$.scales;$.values[0]=e==null?null:Yi(D.ori==0?J:Y,e),$.values[1]=t==null?null:Yi(D.ori==1?J:Y,t)}wa(Ne,r,J,Y,R,z,o)}if(wn){let e=a&&$.setSeries,t=Cn.prox;Ki==null?Wi<=t&&Di(Gi,qi,!0,e):Wi>t?Di(null,qi,!0,e):Gi!=Ki&&Di(Gi,qi,!0,e)}}mn&&(M.idx=o,ta()),n!==!1&&Q(`setCursor`)}let ia=null;Object.defineProperty(r,"rect",{get(){return ia??aa(!1),ia}});function aa(e=!1){e?ia=null:(ia=m.getBoundingClientRect(),Q(`syncRect`,ia))}function oa(e,t,n,r,i,a,o){N._lock||yi&&e!=null&&e.movementX==0&&e.movementY==0||(sa(e,t,n,r,i,a,o,!1,e!=null),e==null?ra(t,!0,!1):ra(null,!0,!0))}function sa(e,t,n,i,a,o,c,l,u){if(ia??aa(!1),xn(e),e!=null)n=e.clientX-ia.left,i=e.clientY-ia.top;else{if(n<0||i<0){J=-10,Y=-10;return}let[e,r]=$.scales,c=t.cursor.sync,[l,u]=c.values,[d,f]=c.scales,[p,m]=$.match,h=t.axes[0].side%2==1,g=D.ori==0?R:z,_=D.ori==1?R:z,v=h?o:a,y=h?a:o,x=h?i:n,S=h?n:i;if(n=d==null?x/v*g:p(e,d)?s(l,b[e],g,0):-10,i=f==null?S/y*_:m(r,f)?s(u,b[r],_,0):-10,D.ori==1){let e=n;n=i,i=e}}u&&(t==null||t.cursor.event.type==Ne)&&((n<=1||n>=R-1)&&(n=Jt(n,R)),(i<=1||i>=z-1)&&(i=Jt(i,z))),l?(pi=n,mi=i,[hi,gi]=N.move(r,n,i)):(J=n,Y=i)}let ca={width:0,height:0,left:0,top:0};function la(){Ci(ca,!1)}let ua,da,fa,pa;function ma(e,t,n,i,a,o,s){yi=!0,X=xi=bi._x=bi._y=!1,sa(e,t,n,i,a,o,s,!0,!1),e!=null&&(yt(Fe,Ue,ha,!1),wa(Pe,r,hi,gi,R,z,null));let{left:c,top:l,width:u,height:d}=Z;ua=c,da=l,fa=u,pa=d}function ha(e,t,n,i,a,o,s){yi=bi._x=bi._y=!1,sa(e,t,n,i,a,o,s,!1,!0);let{left:c,top:l,width:u,height:d}=Z,f=u>0||d>0,p=ua!=c||da!=l||fa!=u||pa!=d;if(f&&p&&Ci(Z),bi.setScale&&f&&p){let e=c,t=u,n=l,r=d;if(D.ori==1&&(e=l,t=d,n=c,r=u),X&&Ti(S,Yi(e,S),Yi(e+t,S)),xi)for(let e in b){let t=b[e];e!=S&&t.from==null&&t.min!=V&&Ti(e,Yi(n+r,e),Yi(n,e))}la()}else N.lock&&(N._lock=!N._lock,ra(t,!0,e!=null));e!=null&&(bt(Fe,Ue),wa(Fe,r,J,Y,R,z,null))}function ga(e,t,n,r,i,a,o){if(N._lock)return;xn(e);let s=yi;if(yi){let e=!0,t=!0,n,r;D.ori==0?(n=X,r=xi):(n=xi,r=X),n&&r&&(e=J<=10||J>=R-10,t=Y<=10||Y>=z-10),n&&e&&(J=J<hi?0:R),r&&t&&(Y=Y<gi?0:z),ra(null,!0,!0),yi=!1}J=-10,Y=-10,ae.fill(null),ra(null,!0,!0),s&&(yi=s)}function _a(e,t,n,i,a,o,s){N._lock||(xn(e),Wn(),la(),e!=null&&wa(Re,r,J,Y,R,z,null))}function va(){y.forEach(Hi),hn(r.width,r.height,!0)}ot(Ve,We,va);let ya={};ya.mousedown=ma,ya.mousemove=oa,ya.mouseup=ha,ya.dblclick=_a,ya.setSeries=(e,t,n,i)=>{n=(0,$.match[2])(r,t,n),n!=-1&&Di(n,i,!0,!1)},Be&&(yt(Pe,m,ma),yt(Ne,m,oa),yt(Ie,m,e=>{xn(e),aa(!1)}),yt(Le,m,ga),yt(Re,m,_a),Ei.add(r),r.syncRect=aa);let ba=r.hooks=e.hooks||{};function Q(e,t,n){ti?ri.push([e,t,n]):e in ba&&ba[e].forEach(e=>{e.call(null,r,t,n)})}(e.plugins||[]).forEach(e=>{for(let t in e.hooks)ba[t]=(ba[t]||[]).concat(e.hooks[t])});let xa=(e,t,n)=>n,$=W({key:null,setSeries:!1,filters:{pub:Wt,sub:Wt},scales:[S,v[1]?v[1].scale:null],match:[Gt,Gt,xa],values:[null,null]},N.sync);$.match.length==2&&$.match.push(xa),N.sync=$;let Sa=$.key,Ca=Zr(Sa);function wa(e,t,n,r,i,a,o){$.filters.pub(e,t,n,r,i,a,o)&&Ca.pub(e,t,n,r,i,a,o)}Ca.sub(r),r.pub=function(e,t,n,r,i,a,o){$.filters.sub(e,t,n,r,i,a,o)&&ya[e](null,t,n,r,i,a,o)},r.destroy=function(){Ca.unsub(r),Ei.delete(r),pt.clear(),st(Ve,We,va),l.remove(),Ge?.remove(),Q(`destroy`)};function Ta(){Q(`init`,e,t),Un(t||e.data,!1),A[S]?ci(S,A[S]):Wn(),pn=Z.show&&(Z.width>0||Z.height>0),dn=mn=!0,hn(e.width,e.height)}return v.forEach(jn),y.forEach(Nn),n?n instanceof HTMLElement?(n.appendChild(l),Ta()):n(r,Ta):Ta(),r}Ui.assign=W,Ui.fmtNum=R,Ui.rangeNum=xt,Ui.rangeLog=ht,Ui.rangeAsinh=gt,Ui.orient=ei,Ui.pxRatio=F,Ui.join=function(e,t){if(yn(e)){let t=e[0].slice();for(let n=1;n<e.length;n++)t.push(...e[n].slice(1));return bn(t[0])||(t=vn(t)),t}let n=new Set;for(let t=0;t<e.length;t++){let r=e[t][0],i=r.length;for(let e=0;e<i;e++)n.add(r[e])}let r=[Array.from(n).sort((e,t)=>e-t)],i=r[0].length,a=new Map;for(let e=0;e<i;e++)a.set(r[0][e],e);for(let n=0;n<e.length;n++){let o=e[n],s=o[0];for(let e=1;e<o.length;e++){let c=o[e],l=Array(i).fill(void 0),u=t?t[n][e]:mn,d=[];for(let e=0;e<c.length;e++){let t=c[e],n=a.get(s[e]);t===null?u!=pn&&(l[n]=t,u==hn&&d.push(n)):l[n]=t}gn(l,d,i),r.push(l)}}return r},Ui.fmtDate=kn,Ui.tzDate=function(e,t){let n;return t==`UTC`||t==`Etc/UTC`?n=new Date(+e+e.getTimezoneOffset()*6e4):t==An?n=e:(n=new Date(e.toLocaleString(`en-US`,{timeZone:t})),n.setMilliseconds(e.getMilliseconds())),n},Ui.sync=Zr;{Ui.addGap=ai,Ui.clipGaps=ii;let e=Ui.paths={points:J};e.linear=X,e.stepped=xi,e.bars=Si,e.spline=wi}var Wi=`.uplot,.uplot *,.uplot :before,.uplot :after{box-sizing:border-box}.uplot{width:min-content;font-family:system-ui,-apple-system,Segoe UI,Roboto,Helvetica Neue,Arial,Noto Sans,sans-serif,Apple Color Emoji,Segoe UI Emoji,Segoe UI Symbol,Noto Color Emoji;line-height:1.5}.u-title{text-align:center;font-size:18px;font-weight:700}.u-wrap{-webkit-user-select:none;user-select:none;position:relative}.u-over,.u-under{position:absolute}.u-under{overflow:hidden}.uplot canvas{width:100%;height:100%;display:block;position:relative}.u-axis{position:absolute}.u-legend{text-align:center;margin:auto;font-size:14px}.u-inline{display:block}.u-inline *{display:inline-block}.u-inline tr{margin-right:16px}.u-legend th{font-weight:600}.u-legend th>*{vertical-align:middle;display:inline-block}.u-legend .u-marker{width:1em;height:1em;margin-right:4px;background-clip:padding-box!important}.u-inline.u-live th:after{content:":";vertical-align:middle}.u-inline:not(.u-live) .u-value{display:none}.u-series>*{padding:4px}.u-series th{cursor:pointer}.u-legend .u-off>*{opacity:.3}.u-select{pointer-events:none;background:#00000012;position:absolute}.u-cursor-x,.u-cursor-y{pointer-events:none;will-change:transform;position:absolute;top:0;left:0}.u-hz .u-cursor-x,.u-vt .u-cursor-y{border-right:1px dashed #607d8b;height:100%}.u-hz .u-cursor-y,.u-vt .u-cursor-x{border-bottom:1px dashed #607d8b;width:100%}.u-cursor-pt{pointer-events:none;will-change:transform;border:0 solid;border-radius:50%;position:absolute;top:0;left:0;background-clip:padding-box!important}.u-axis.u-off,.u-select.u-off,.u-cursor-x.u-off,.u-cursor-y.u-off,.u-cursor-pt.u-off{display:none}`,Gi=170,Ki=class extends _{constructor(...e){super(...e),this.label=``,this.times=[],this.series=[],this.format=String,this.made=``,this.observer=new ResizeObserver(()=>this.resize()),this.onTheme=()=>{this.made=``,this.requestUpdate()},this.scheme=window.matchMedia(`(prefers-color-scheme: dark)`)}static{this.styles=[a,x(Wi),y`
      .plot {
        min-height: ${Gi}px;
      }
      .legend {
        display: flex;
        flex-wrap: wrap;
        gap: 4px 16px;
        margin-top: 6px;
        font-size: 13px;
        color: var(--wc-muted);
      }
      .legend i {
        display: inline-block;
        width: 10px;
        height: 10px;
        margin-right: 6px;
        border-radius: 3px;
      }
    `]}connectedCallback(){super.connectedCallback(),window.addEventListener(`wc-theme`,this.onTheme),this.scheme.addEventListener(`change`,this.onTheme)}disconnectedCallback(){super.disconnectedCallback(),window.removeEventListener(`wc-theme`,this.onTheme),this.scheme.removeEventListener(`change`,this.onTheme),this.observer.disconnect(),this.chart?.destroy(),this.chart=void 0,this.made=``}resize(){this.chart?.setSize({width:this.plot.clientWidth||300,height:Gi})}color(e){let t=document.createElement(`i`);t.style.color=`var(${e})`,this.plot.append(t);let n=getComputedStyle(t).color;return t.remove(),n}updated(){let e=JSON.stringify(this.series.map(({label:e,color:t})=>[e,t])),t=[this.times,...this.series.map(e=>e.values)];if(this.chart&&e===this.made){this.chart.setData(t);return}this.made=e,this.chart?.destroy();let n={stroke:this.color(`--wc-muted`),grid:{stroke:this.color(`--wc-line`),width:1},ticks:{show:!1},font:`12px sans-serif`},r=new Intl.DateTimeFormat(C(),{hour:`2-digit`,minute:`2-digit`,hourCycle:`h23`});this.chart=new Ui({width:this.plot.clientWidth||300,height:Gi,padding:[8,8,0,0],legend:{show:!1},cursor:{y:!1,drag:{x:!1,y:!1}},scales:{y:{range:(e,t,n)=>[0,this.maximum??Math.max(n||0,1e-9)*1.1]}},axes:[{...n,size:30,values:(e,t)=>t.map(e=>r.format(e*1e3))},{...n,size:64,values:(e,t)=>t.map(e=>this.format(e))}],series:[{},...this.series.map(e=>{let t=this.color(e.color);return{label:e.label,stroke:t,width:2,points:{show:e.points??!1,size:6,fill:t},...e.points?{paths:()=>null}:{},...e.fill?{fill:t.replace(`rgb(`,`rgba(`).replace(`)`,`, 0.14)`)}:{}}})]},t,this.plot),this.observer.observe(this.plot)}render(){return l`<div class="plot" role="img" aria-label=${this.label}></div>
      ${this.series.length>1?l`<div class="legend">
            ${this.series.map(e=>l`<span><i .style=${`background: var(${e.color})`}></i>${e.label}</span>`)}
          </div>`:``}`}};d([c()],Ki.prototype,`label`,void 0),d([c({attribute:!1})],Ki.prototype,`times`,void 0),d([c({attribute:!1})],Ki.prototype,`series`,void 0),d([c({attribute:!1})],Ki.prototype,`format`,void 0),d([c({type:Number})],Ki.prototype,`maximum`,void 0),d([v(`.plot`)],Ki.prototype,`plot`,void 0),Ki=d([m(`wc-chart`)],Ki);var qi=1e4,Ji=3600,Yi=class extends _{constructor(...e){super(...e),this.samples=[],this.traces=[],this.controller=new g(this),this.timer=0}static{this.styles=[a,y`
      .graphs {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr));
        gap: 16px;
      }
      h2 {
        margin-bottom: 8px;
      }
    `]}connectedCallback(){super.connectedCallback(),this.read(),this.timer=window.setInterval(()=>{document.hidden||this.read()},qi)}disconnectedCallback(){super.disconnectedCallback(),window.clearInterval(this.timer)}async read(){try{let[e,t]=await Promise.all([this.server.connection.request(`GET`,`/history`),this.server.connection.request(`GET`,`/traces?limit=500`)]);this.samples=e.samples,this.traces=t.traces}catch{}}render(){if(this.samples.length<2)return f;let e=this.samples.map(e=>e.at),t=this.server.snapshot?.devices??[];return l`<div class="graphs">
      ${t.filter(e=>e.present).map(t=>{let n=this.samples.map(e=>e.devices[t.device]);return l`<section class="card">
            <h2>${S(`machine.memory_of`,{device:t.name})}</h2>
            <wc-chart
              .label=${S(`machine.memory_of`,{device:t.name})}
              .times=${e}
              .format=${E}
              .maximum=${t.total_bytes}
              .series=${[{label:S(`machine.memory_all`),color:`--wc-other`,values:n.map(e=>e?.used_bytes??null),fill:!0},{label:S(`machine.models`),color:`--wc-1`,values:n.map(e=>e?.model_bytes??null),fill:!0}]}
            ></wc-chart>
          </section>`})}
      <section class="card">
        <h2>${S(`machine.load_graph`)}</h2>
        <wc-chart
          .label=${S(`machine.load_graph`)}
          .times=${e}
          .format=${e=>Number.isInteger(e)?T(e):``}
          .series=${[{label:S(`machine.active`),color:`--wc-1`,values:this.samples.map(e=>e.active_requests)},{label:S(`machine.waiting`),color:`--wc-5`,values:this.samples.map(e=>e.queue_depth)}]}
        ></wc-chart>
      </section>
      ${this.renderLatency()}
    </div>`}renderLatency(){let e=Date.now()/1e3-Ji,t=this.traces.map(e=>({...e,at:new Date(e.ended_at).getTime()/1e3})).filter(t=>t.at>=e&&!t.code&&t.kind!==`wake`).reverse();if(!t.length)return f;let n=[{kind:`asr`,label:S(`kind.asr`),color:`--wc-1`},{kind:`tts`,label:S(`machine.first_audio`),color:`--wc-4`}];return l`<section class="card">
      <h2>${S(`machine.latency`)}</h2>
      <wc-chart
        .label=${S(`machine.latency`)}
        .times=${t.map(e=>e.at)}
        .format=${D}
        .series=${n.map(({kind:e,label:n,color:r})=>({label:n,color:r,points:!0,values:t.map(t=>t.kind===e?(e===`tts`?t.stages.first_audio:void 0)??t.seconds:null)}))}
      ></wc-chart>
    </section>`}};d([c({attribute:!1})],Yi.prototype,`server`,void 0),d([s()],Yi.prototype,`samples`,void 0),d([s()],Yi.prototype,`traces`,void 0),Yi=d([m(`wc-graphs`)],Yi);var Xi=6;function Zi(e,t){return t.filter(t=>t.device===e&&[`ready`,`unloading`].includes(t.state)).sort((e,t)=>t.memory_bytes-e.memory_bytes)}function Qi(e,t){let n=Zi(e.device,t),r=n.map((e,t)=>({kind:`model`,name:e.id,bytes:e.memory_bytes,color:t%Xi+1})),i=n.reduce((e,t)=>e+t.memory_bytes,0),a=Math.max(0,Math.min(e.free_bytes,e.total_bytes-i)),o=Math.min(e.reserved_bytes,a),s=Math.max(0,e.total_bytes-i-a);return o>0&&r.push({kind:`reserved`,name:``,bytes:o,color:0}),s>0&&r.push({kind:`other`,name:``,bytes:s,color:0}),r.push({kind:`free`,name:``,bytes:a-o,color:0}),r}function $i(e,t){return Zi(e,t).filter(e=>!e.pinned&&!e.active_requests&&e.state===`ready`).sort((e,t)=>(e.last_used??``).localeCompare(t.last_used??``))}var ea={asr:e,tts:o,wake:n},ta={ready:`ok`,failed:`error`,unfit:`error`,waiting_for_gpu:`warn`,loading:`accent`,downloading:`accent`,unloading:`accent`},na=class extends _{constructor(...e){super(...e),this.controller=new g(this)}static{this.styles=[a,y`
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
    `]}async change(e,t){await this.run(this.server.connection.request(`POST`,`/models/${e.id}/${t}`)),this.server.renewSoon(0)}async pin(e){let t={models:{[e.id]:{pinned:!e.pinned||null}}};await this.run(this.server.connection.request(`PATCH`,`/config`,t),e.pinned?S(`machine.unpinned`,{model:e.id}):S(`machine.pinned`,{model:e.id})),this.server.renewSoon(0)}render(){let e=[...this.server.snapshot?.models??[]].sort(oa);return l`<section class="card" aria-labelledby="title">
      <h2 id="title">${S(`machine.models`)}</h2>
      <ul class="list">
        ${e.map(e=>this.renderModel(e))}
      </ul>
      ${e.length?f:l`<p class="empty">${S(`machine.no_models`)}</p>`}
    </section>`}renderModel(e){let n=[`ready`,`loading`,`unloading`].includes(e.state),i=e.state===`waiting_for_gpu`;return l`<li class="model">
      <wc-icon .path=${ea[e.kind]}></wc-icon>
      <div class="row">
        <span class="name">${e.id}</span>
        <span class="chip ${ta[e.state]??``}">${w(`state`,e.state)}</span>
        ${e.active_requests?l`<span class="chip accent">${S(`machine.in_use`,{count:e.active_requests})}</span>`:f}
      </div>
      ${this.server.canOperate?l`<div class="actions">
            <button
              class="icon quiet"
              aria-pressed=${e.pinned?`true`:`false`}
              title=${e.pinned?S(`machine.unpin`):S(`machine.pin`)}
              aria-label="${e.pinned?S(`machine.unpin`):S(`machine.pin`)}: ${e.id}"
              @click=${()=>this.pin(e)}
            >
              <wc-icon .path=${e.pinned?b:r}></wc-icon>
            </button>
            <button
              ?disabled=${e.state===`unloading`}
              aria-label="${S(n||i?`machine.unload`:`machine.load_model`)}: ${e.id}"
              @click=${()=>this.change(e,n||i?`unload`:`load`)}
            >
              ${e.state===`failed`?l`<wc-icon .path=${t}></wc-icon>`:f}
              ${S(n||i?`machine.unload`:`machine.load_model`)}
            </button>
          </div>`:f}
      <div class="detail small muted">
        ${this.renderDetail(e)}
        ${e.progress&&e.state!==`ready`?l`<progress
              max="100"
              .value=${Math.max(0,e.progress.percent)}
              aria-label=${w(`phase`,e.progress.phase)}
            ></progress>`:f}
      </div>
    </li>`}renderDetail(e){switch(e.state){case`waiting_for_gpu`:return l`${S(`machine.waits`,{needed:E(e.waiting?.needed_bytes??e.memory_bytes),free:E(e.waiting?.free_bytes??0),device:e.device})}
        ${e.waiting?.held_by.length?S(`machine.held_by`,{holders:e.waiting.held_by.slice(0,ra).map(e=>`${e.name} (${E(e.bytes)})`).join(`, `)}):f}`;case`unfit`:return l`<span class="error-text"
          >${S(`machine.unfit`,{needed:E(e.unfit?.needed_bytes??e.memory_bytes),budget:E(e.unfit?.budget_bytes??0),device:e.device})}</span
        >`;case`failed`:return l`<span class="error-text">${e.error?.message??``}</span>
          ${e.error?.detail??``}
          ${e.error?.retry_in_secs===void 0?f:S(`machine.retry_in`,{time:D(e.error.retry_in_secs)})}`;case`loading`:case`downloading`:return ia(e)}let t=[e.device,e.compute_type===`auto`||e.compute_type==="default"?``:e.compute_type,e.state===`ready`?E(e.memory_bytes):S(`machine.needs`,{bytes:E(e.memory_bytes)}),e.last_used?S(`machine.used`,{time:A(e.last_used)}):``,e.requests?S(`machine.requests`,{count:e.requests}):``,e.unload_in_secs===void 0||e.unload_in_secs>86400?``:S(`machine.unloads_in`,{time:D(e.unload_in_secs)})];return l`${t.filter(Boolean).join(` · `)}
    ${e.fallback_reason?l`<br />${e.fallback_reason}`:f}`}};d([c({attribute:!1})],na.prototype,`server`,void 0),na=d([m(`wc-model-list`)],na);var ra=3;function ia(e){let t=e.progress;if(!t)return S(`machine.starting`);let n=t.total_bytes?`${E(t.done_bytes??0)} / ${E(t.total_bytes)}`:t.percent>=0?O(t.percent/100):``;return[w(`phase`,t.phase),n].filter(Boolean).join(` · `)}var aa=[`asr`,`tts`,`wake`];function oa(e,t){return Number(e.state===`unloaded`)-Number(t.state===`unloaded`)||aa.indexOf(e.kind)-aa.indexOf(t.kind)||e.id.localeCompare(t.id)}var sa=class extends _{constructor(...e){super(...e),this.controller=new g(this)}static{this.styles=[a,y`
      .devices {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr));
        gap: 16px;
      }
      .bar {
        display: flex;
        gap: 2px;
        height: 26px;
        margin: 14px 0 12px;
        border-radius: 8px;
        overflow: hidden;
        background: var(--wc-raised);
      }
      .bar span {
        min-width: 2px;
      }
      .model-1 {
        background: var(--wc-1);
      }
      .model-2 {
        background: var(--wc-2);
      }
      .model-3 {
        background: var(--wc-3);
      }
      .model-4 {
        background: var(--wc-4);
      }
      .model-5 {
        background: var(--wc-5);
      }
      .model-6 {
        background: var(--wc-6);
      }
      .reserved {
        background: repeating-linear-gradient(
          45deg,
          var(--wc-accent) 0 4px,
          var(--wc-soft) 4px 8px
        );
      }
      .other {
        background: var(--wc-other);
      }
      .free {
        background: var(--wc-raised);
      }
      .key {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(190px, 1fr));
        gap: 4px 20px;
        font-size: 13.5px;
      }
      .key li {
        display: flex;
        align-items: center;
        gap: 8px;
        min-width: 0;
      }
      .key i {
        width: 10px;
        height: 10px;
        flex: none;
        border-radius: 3px;
      }
      .key .free {
        border: 1px solid var(--wc-line);
      }
      .key span:last-child {
        margin-left: auto;
        white-space: nowrap;
      }
      .evict {
        margin-top: 12px;
        padding-top: 12px;
        border-top: 1px solid var(--wc-line);
      }
      .reasons {
        display: block;
        margin-top: 14px;
      }
    `]}async setAccepting(e){await this.run(this.server.connection.request(`POST`,e?`/resume`:`/pause`)),this.server.renewSoon(0)}async restart(){await re({title:S(`machine.restart_title`),text:S(`machine.restart_text`),confirm:S(`machine.restart`)})&&await this.run(this.server.connection.request(`POST`,`/restart`),S(`machine.restarting`))}render(){let e=this.server.snapshot;if(!e)return f;let{health:t,queue:n}=e,r=this.server.canOperate;return l`<div class="stack">
      <section class="card">
        <div class="spread">
          <div class="row">
            ${t.accepting?l`<span class="chip ${t.ready?`ok`:`warn`}"
                  >${t.ready?S(`machine.ready`):S(`machine.not_ready`)}</span
                >`:l`<span class="chip warn">${S(`machine.paused`)}</span>`}
            <span class="muted"
              >${S(`machine.running_for`,{time:D(t.uptime_secs)})}</span
            >
            <span class="muted">
              ${S(`machine.load`,{active:n.active_requests,waiting:n.waiting_requests})}
            </span>
          </div>
          ${r?l`<div class="row">
                <button @click=${()=>this.setAccepting(!t.accepting)}>
                  ${t.accepting?S(`machine.pause`):S(`machine.resume`)}
                </button>
                ${this.server.has(`restart`)?l`<button @click=${this.restart}>${S(`machine.restart`)}</button>`:f}
              </div>`:f}
        </div>
        ${t.reasons.length?l`<ul class="note warn reasons">
              ${t.reasons.map(e=>l`<li>${e}</li>`)}
            </ul>`:f}
      </section>
      <div class="devices">${e.devices.map(e=>this.renderDevice(e))}</div>
      <wc-model-list .server=${this.server}></wc-model-list>
      <wc-graphs .server=${this.server}></wc-graphs>
    </div>`}renderDevice(e){let t=this.server.snapshot?.models??[],n=Qi(e,t),r=$i(e.device,t),i=[e.utilisation==null?``:S(`machine.utilization`,{value:O(e.utilisation)}),e.temperature==null?``:`${Math.round(e.temperature)} °C`,e.power==null?``:`${Math.round(e.power)} W`].filter(Boolean);return l`<section class="card" aria-label=${e.name}>
      <div class="spread">
        <h2>${e.name}</h2>
        ${e.present?f:l`<span class="chip error">${S(`machine.device_absent`)}</span>`}
        ${e.pressure===`normal`?f:l`<span class="chip ${e.pressure===`critical`?`error`:`warn`}"
              >${S(e.pressure===`critical`?`machine.pressure_critical`:`machine.pressure_warning`)}</span
            >`}
      </div>
      <p class="muted small">
        ${[S(`machine.free_of`,{free:E(e.free_bytes),total:E(e.total_bytes)}),S(`machine.budget`,{budget:E(e.budget_bytes)}),...i].join(` · `)}
      </p>
      <div class="bar" role="img" aria-label=${S(`machine.memory_of`,{device:e.name})}>
        ${n.map(e=>l`<span
              class=${ca(e)}
              title="${la(e)}: ${E(e.bytes)}"
              .style=${`flex: ${e.bytes} 0 0`}
            ></span>`)}
      </div>
      <ul class="key">
        ${n.map(e=>l`<li>
              <i class=${ca(e)}></i><span class="clip">${la(e)}</span>
              <span class="number muted">${E(e.bytes)}</span>
            </li>`)}
      </ul>
      ${r.length?l`<p class="evict small muted">
            ${S(`machine.evictable`,{models:r.map(e=>e.id).join(`, `)})}
          </p>`:f}
    </section>`}};d([c({attribute:!1})],sa.prototype,`server`,void 0),sa=d([m(`wc-overview`)],sa);function ca(e){return e.kind===`model`?`model-${e.color}`:e.kind}function la(e){return e.kind===`model`?e.name:S(`machine.memory_${e.kind}`)}var ua={ATTRIBUTE:1,CHILD:2,PROPERTY:3,BOOLEAN_ATTRIBUTE:4,EVENT:5,ELEMENT:6},da=e=>(...t)=>({_$litDirective$:e,values:t}),fa=class{constructor(e){}get _$AU(){return this._$AM._$AU}_$AT(e,t,n){this._$Ct=e,this._$AM=t,this._$Ci=n}_$AS(e,t){return this.update(e,t)}update(e,t){return this.render(...t)}},{I:pa}=i,ma=e=>e.strings===void 0,ha={},ga=(e,t=ha)=>e._$AH=t,_a=da(class extends fa{constructor(e){if(super(e),e.type!==ua.PROPERTY&&e.type!==ua.ATTRIBUTE&&e.type!==ua.BOOLEAN_ATTRIBUTE)throw Error("The `live` directive is not allowed on child or event bindings");if(!ma(e))throw Error("`live` bindings can only contain a single expression")}render(e){return e}update(e,[t]){if(t===u||t===f)return t;let n=e.element,r=e.name;if(e.type===ua.PROPERTY){if(t===n[r])return u}else if(e.type===ua.BOOLEAN_ATTRIBUTE){if(!!t===n.hasAttribute(r))return u}else if(e.type===ua.ATTRIBUTE&&n.getAttribute(r)===t+``)return u;return ga(e),t}}),va=``;function ya(e,t){let n=new Map,r=(e,t,r,i=``)=>{let a=n.get(e)??{id:e,parent:i,title:t,settings:[]};a.settings.push(r),n.set(e,a)};for(let n of e.keys){let i=n.path.split(`.`),a=i.indexOf(`*`);if(a===i.length-1){let t=i.slice(0,-1);t.includes(`*`)||r(ba(t),Q(e,t),{path:t,key:n,isMap:!0})}else if(a>0&&i.lastIndexOf(`*`)===a){let e=i.slice(0,a).join(`.`);for(let o of t[e]??[]){let t=[...i.slice(0,a),o,...i.slice(a+1)];r(`${e}.${o}`,o,{path:t,key:n,isMap:!1},e)}}else a<0&&r(ba(i),Q(e,i),{path:i,key:n,isMap:!1})}return[...n.values()]}function ba(e){return e.length>1?e[0]??va:va}function Q(e,t){let n=ba(t);return(e.sections[n]??n).replace(/\.$/,``).split(/[:.] /)[0]??n}function xa(e,t){let n=e;for(let e of t){if(typeof n!=`object`||!n)return;n=n[e]}return n}function $(e,t){return[...e].reverse().reduce((e,t)=>({[t]:e}),t)}var Sa=1024**2,Ca=1024**3;function wa(e,t){if(t==null)return``;if(typeof t==`string`)return t;if(Array.isArray(t))return t.join(`
`);if(typeof t==`object`)return Object.entries(t).map(([e,t])=>`${e} = ${String(t)}`).join(`
`);if(e===`size`&&typeof t==`number`&&t>0){if(t%Ca===0)return`${t/Ca}GiB`;if(t%Sa===0)return`${t/Sa}MiB`}return JSON.stringify(t)}function Ta(e,t,n){let r=n.trim();if(t)return Da(e,n);if(!r&&e.nullable)return null;switch(e.kind){case`list`:return Oa(n);case`integer`:case`number`:return ka(r);case`duration`:case`size`:return ka(r.replace(/^([\d.]+)\s*(\w+)$/,`$1$2`));case`preload`:return/^(true|false)$/.test(r)?r===`true`:Oa(n);case`scalar`:return/^(true|false)$/.test(r)?r===`true`:ka(r);default:return r}}function Ea(e,t){let n=Object.keys(e??{}).filter(e=>!(e in t));return{...t,...Object.fromEntries(n.map(e=>[e,null]))}}function Da(e,t){return Object.fromEntries(Oa(t).map(t=>{let n=t.lastIndexOf(`=`),[r,i]=n<0?[t,``]:[t.slice(0,n),t.slice(n+1)];return[r.trim(),Ta(e,!1,i)]}))}function Oa(e){return e.split(`
`).map(e=>e.trim()).filter(Boolean)}function ka(e){let t=Number(e);return e&&Number.isFinite(t)?t:e}function Aa(e,t){let n=`${e.path.join(`.`)} ${e.key.description}`.toLowerCase();return t.toLowerCase().split(/\s+/).every(e=>n.includes(e))}function ja(e,t){return e.sources[t.path.join(`.`)]??`default`}var Ma=class extends _{constructor(...e){super(...e),this.source=`default`,this.pending=!1,this.error=``,this.locked=!1,this.busy=!1,this.suggestions=[]}static{this.styles=[a,y`
      .field {
        display: grid;
        grid-template-columns: minmax(0, 1fr) minmax(220px, 300px);
        gap: 4px 24px;
        padding: 14px 0;
        border-top: 1px solid var(--wc-line);
      }
      .path {
        font-weight: 500;
        overflow-wrap: anywhere;
      }
      .control {
        display: grid;
        gap: 6px;
        align-content: start;
      }
      .control input:not([type="checkbox"]),
      .control select,
      .control textarea {
        width: 100%;
      }
      .control .row {
        justify-content: flex-end;
        gap: 6px;
      }
      .control .row.start {
        justify-content: flex-start;
      }
      button {
        min-height: 28px;
        padding: 0 8px;
        font-size: 13px;
      }
      label.switch {
        display: flex;
        align-items: center;
        gap: 10px;
        min-height: 38px;
      }
      @media (max-width: 700px) {
        .field {
          grid-template-columns: minmax(0, 1fr);
        }
        .control .row {
          justify-content: flex-start;
        }
      }
    `]}save(e){this.dispatchEvent(new CustomEvent(`save`,{detail:e}))}onChange(e){let t=e.target.value,{key:n,isMap:r}=this.setting;if(t===this.text)return;let i=Ta(n,r,t);this.save(r?Ea(this.value,i):i)}get text(){return wa(this.setting.key.kind,this.value)}render(){let{key:e,path:t}=this.setting,n=[e.minimum===null?``:`≥ ${wa(e.kind,e.minimum)}`,e.maximum===null?``:`≤ ${wa(e.kind,e.maximum)}`].filter(Boolean),r=wa(e.kind,e.default).replace(/\n/g,`, `),i=[this.setting.isMap?S(`settings.map_help`):w(`settings.kind`,e.kind),n.join(`, `),this.setting.isMap?``:S(`settings.default`,{value:r||`–`}),w(`settings.applies`,e.applies)];return l`<div class="field">
      <div>
        <p class="path mono">${t.join(`.`)}</p>
        <p class="small" id="description">${e.description}</p>
        <p class="small muted">${i.filter(Boolean).join(` · `)}</p>
      </div>
      <div class="control">
        ${this.renderInput()}
        ${this.error?l`<p class="small error-text" role="alert">${this.error}</p>`:f}
        <div class="row">
          ${this.busy?l`<span class="small muted">${S(`settings.saving`)}</span>`:f}
          ${this.locked?l`<span class="chip">${S(`settings.locked`)}</span>`:f}
          ${this.pending?l`<span class="chip warn"
                >${S(`settings.pending`,{value:wa(e.kind,this.effective)||`–`})}</span
              >`:f}
          ${this.source==="default"||this.source===`overrides`?f:l`<span class="chip">${w(`source`,this.source.replace(` `,`_`))}</span>`}
          ${this.source===`overrides`&&!this.locked?l`<button class="quiet" @click=${()=>this.save(null)}>${S(`settings.reset`)}</button>`:f}
        </div>
      </div>
    </div>`}renderInput(){let{key:e,isMap:t}=this.setting,n=this.setting.path.join(`.`),r=this.locked||this.busy;if(e.kind===`boolean`&&!t&&!e.nullable)return l`<label class="switch">
        <input
          type="checkbox"
          aria-label=${n}
          aria-describedby="description"
          .checked=${_a(this.value===!0)}
          ?disabled=${r}
          @change=${e=>this.save(e.target.checked)}
        />
        ${this.value===!0?S(`settings.on`):S(`settings.off`)}
      </label>`;if((e.kind===`choice`||e.kind===`boolean`)&&!t){let t=e.kind===`boolean`?[`true`,`false`]:e.choices;return l`<select
        aria-label=${n}
        aria-describedby="description"
        ?disabled=${r}
        @change=${e=>this.onSelect(e.target.value)}
      >
        ${e.nullable?l`<option value="" ?selected=${this.text===``}>–</option>`:f}
        ${t.map(e=>l`<option value=${e} ?selected=${e===this.text}>${e}</option>`)}
      </select>`}if(t||e.kind===`list`||e.kind===`preload`)return l`<textarea
        rows=${Math.min(8,this.text.split(`
`).length+1)}
        aria-label=${n}
        aria-describedby="description"
        spellcheck="false"
        .value=${_a(this.text)}
        ?disabled=${r}
        @change=${this.onChange}
      ></textarea>`;let i=this.suggestions.length?this.suggestions:e.kind===`text`?e.choices:[];return l`<input
        type="text"
        inputmode=${e.kind===`integer`||e.kind===`number`?`decimal`:`text`}
        list=${i.length?`options`:f}
        aria-label=${n}
        aria-describedby="description"
        autocomplete="off"
        spellcheck="false"
        .value=${this.text}
        ?disabled=${r}
        @change=${this.onChange}
      />
      ${i.length?l`<datalist id="options">${i.map(e=>l`<option value=${e}></option>`)}</datalist>`:f}`}onSelect(e){e===``?this.save(null):this.save(this.setting.key.kind===`boolean`?e===`true`:e)}};d([c({attribute:!1})],Ma.prototype,`setting`,void 0),d([c({attribute:!1})],Ma.prototype,`value`,void 0),d([c({attribute:!1})],Ma.prototype,`effective`,void 0),d([c()],Ma.prototype,`source`,void 0),d([c({type:Boolean})],Ma.prototype,`pending`,void 0),d([c()],Ma.prototype,`error`,void 0),d([c({type:Boolean})],Ma.prototype,`locked`,void 0),d([c({type:Boolean})],Ma.prototype,`busy`,void 0),d([c({attribute:!1})],Ma.prototype,`suggestions`,void 0),Ma=d([m(`wc-setting-field`)],Ma);var Na=[{parent:``},{parent:`models`,title:`settings.models`},{parent:`wake.word_settings`,title:`settings.wake_words`}],Pa=class extends _{constructor(...e){super(...e),this.search=``,this.error=``,this.errors={},this.saving=``,this.controller=new g(this,e=>{e.type===`config_changed`&&this.read()})}static{this.styles=[a,y`
      .search {
        width: 100%;
      }
      .card {
        padding: 4px 0;
      }
      h2 {
        margin: 8px 4px -4px;
      }
      details + details {
        border-top: 1px solid var(--wc-line);
      }
      summary {
        display: flex;
        align-items: baseline;
        gap: 12px;
        padding: 13px 20px;
        border-radius: 14px;
        cursor: pointer;
        font-weight: 500;
      }
      details[open] > summary {
        color: var(--wc-accent);
      }
      summary span {
        font-weight: 400;
      }
      .fields {
        padding: 0 20px 8px;
      }
    `]}connectedCallback(){super.connectedCallback(),this.read()}async read(){try{let e=this.server.connection;this.schema??=await e.request(`GET`,`/config/schema`),this.config=await e.request(`GET`,`/config`),this.error=``}catch(e){this.error=p(e)}}async save(e,t){let n=e.path.join(`.`);this.saving=n,this.errors={...this.errors,[n]:``};try{let r=await this.server.connection.request(`PATCH`,`/config`,$(e.path,t)),i=r.shadowed[n],a=r.keys[n]?.note;h(i?S(`settings.shadowed`,{source:S(`source.${i.replace(` `,`_`)}`)}):r.restart_needed.includes(n)?S(`settings.saved_restart`):[S(`settings.saved`),a].filter(Boolean).join(` `)),await this.read()}catch(e){this.errors={...this.errors,[n]:p(e)}}finally{this.saving=``}}groups(){if(!this.schema)return[];let e=this.server.snapshot?.models??[],t=e.flatMap(e=>e.kind===`wake`?e.offers.map(e=>e.name):[]),n=ya(this.schema,{models:e.map(e=>e.id),"wake.word_settings":t});return this.search?n.map(e=>({...e,settings:e.settings.filter(e=>Aa(e,this.search))})).filter(e=>e.settings.length):n}render(){if(this.error)return l`<p class="note error">${this.error}</p>`;let e=this.config;if(!e||!this.schema)return f;let t=this.groups();return l`<div class="stack">
      <input
        class="search"
        type="search"
        placeholder=${S(`settings.search`)}
        aria-label=${S(`settings.search`)}
        .value=${this.search}
        @input=${e=>this.search=e.target.value}
      />
      ${e.restart_needed.length?l`<p class="note warn">
            ${S(`settings.restart_needed`,{keys:e.restart_needed.join(`, `)})}
          </p>`:f}
      ${Na.map(({parent:n,title:r})=>{let i=t.filter(e=>e.parent===n);return i.length?l`${r?l`<h2>${S(r)}</h2>`:f}
              <section class="card">${i.map(t=>this.renderGroup(t,e))}</section>`:f})}
      ${t.length?f:l`<p class="empty">${S(`settings.none`)}</p>`}
    </div>`}renderGroup(e,t){return l`<details ?open=${this.search!==``}>
      <summary>
        ${e.id===``?S(`settings.general`):e.title}
        <span class="small muted">${this.countChanged(e,t)}</span>
      </summary>
      <div class="fields">
        ${e.settings.map(e=>{let n=e.path.join(`.`);return l`<wc-setting-field
            .setting=${e}
            .value=${xa(t.config,e.path)}
            .effective=${xa(t.effective,e.path)}
            .source=${ja(t,e)}
            .pending=${n in t.pending}
            .error=${this.errors[n]??``}
            .locked=${e.key.admin&&!this.server.isAdmin}
            .busy=${this.saving===n}
            .suggestions=${this.suggestions(n)}
            @save=${t=>this.save(e,t.detail)}
          ></wc-setting-field>`})}
      </div>
    </details>`}countChanged(e,t){let n=e.settings.filter(e=>ja(t,e)!=="default").length;return n?S(`settings.changed`,{count:n}):``}suggestions(e){let t=this.server.snapshot?.models??[];return e===`asr.model`?t.filter(e=>e.kind===`asr`).map(e=>e.id):e===`tts.voice`?t.flatMap(e=>e.kind===`tts`?e.offers.map(e=>e.name):[]):[]}};d([c({attribute:!1})],Pa.prototype,`server`,void 0),d([s()],Pa.prototype,`schema`,void 0),d([s()],Pa.prototype,`config`,void 0),d([s()],Pa.prototype,`search`,void 0),d([s()],Pa.prototype,`error`,void 0),d([s()],Pa.prototype,`errors`,void 0),d([s()],Pa.prototype,`saving`,void 0),Pa=d([m(`wc-settings`)],Pa);var Fa=50,Ia=class extends _{constructor(...e){super(...e),this.phrases=[],this.error=``,this.controller=new g(this,e=>{/^model_(installed|removed|ready|unloaded)$/.test(String(e.type))&&this.read()})}static{this.styles=[a,y`
      .list > li {
        display: flex;
        align-items: center;
        gap: 12px;
      }
      .phrase {
        overflow-wrap: anywhere;
      }
      .total {
        font-size: 26px;
        font-weight: 600;
        letter-spacing: -0.01em;
      }
      .figures {
        display: flex;
        flex-wrap: wrap;
        gap: 16px 44px;
      }
    `]}connectedCallback(){super.connectedCallback(),this.read()}async read(){try{let e=this.server.connection;if(this.cache=await e.request(`GET`,`/cache`),this.cache.phrases&&this.server.canOperate){let{entries:t}=await e.request(`GET`,`/cache/phrases?limit=${Fa}`);this.phrases=t}this.error=``}catch(e){this.error=p(e)}}async confirmDelete(e,t,n){if(!await re({title:t,text:n,confirm:S(`action.delete`),danger:!0}))return;let r=await this.run(this.server.connection.request(`DELETE`,e));r&&await this.run(Promise.resolve(),S(`storage.freed`,{bytes:E(r.freed_bytes)})),await this.read()}removeUnused(e){let t=e.map(e=>`${e.id} (${E(e.bytes)})`).join(`, `);return this.confirmDelete(`/cache/models`,S(`storage.clear_models`),S(`storage.clear_models_text`,{models:t}))}render(){if(this.error)return l`<p class="note error">${this.error}</p>`;if(!this.cache)return f;let{models:e,phrases:t}=this.cache,n=this.server.snapshot?.disk,r=e.entries.filter(e=>!e.in_use),i=this.server.canOperate;return l`<div class="stack">
      <section class="card figures">
        <div>
          <p class="muted small">${S(`storage.models`)}</p>
          <p class="total number">${E(e.bytes)}</p>
        </div>
        ${t?l`<div>
              <p class="muted small">${S(`storage.phrases`)}</p>
              <p class="total number">${E(t.bytes)}</p>
            </div>`:f}
        ${n?l`<div>
              <p class="muted small">${S(`storage.disk_free`)}</p>
              <p class="total number">${E(n.free_bytes)}</p>
            </div>`:f}
      </section>
      <section class="card">
        <div class="spread">
          <h2>${S(`storage.models`)}</h2>
          ${i&&r.length?l`<button @click=${()=>this.removeUnused(r)}>${S(`storage.clear_models`)}</button>`:f}
        </div>
        <ul class="list">
          ${[...e.entries].sort((e,t)=>t.bytes-e.bytes).map(e=>l`<li>
                  <span class="grow">${e.id}</span>
                  ${e.in_use?l`<span class="chip ok">${S(`storage.in_use`)}</span>`:f}
                  <span class="number muted">${E(e.bytes)}</span>
                  ${i?l`<button
                        class="quiet danger"
                        ?disabled=${e.in_use}
                        aria-label="${S(`action.delete`)}: ${e.id}"
                        @click=${()=>this.confirmDelete(`/models/${e.id}`,S(`storage.delete_model`,{model:e.id}),S(`storage.delete_model_text`))}
                      >
                        ${S(`action.delete`)}
                      </button>`:f}
                </li>`)}
        </ul>
        ${e.entries.length?f:l`<p class="empty">${S(`storage.no_models`)}</p>`}
      </section>
      ${t?this.renderPhrases():f}
    </div>`}renderPhrases(){let e=this.cache?.phrases;return e?l`<section class="card">
      <div class="spread">
        <h2>${S(`storage.phrases`)}</h2>
        ${this.server.canOperate&&e.phrases?l`<button
              @click=${()=>this.confirmDelete(`/cache/phrases`,S(`storage.clear_phrases`),S(`storage.clear_phrases_text`))}
            >
              ${S(`storage.clear_phrases`)}
            </button>`:f}
      </div>
      <p class="muted small">
        ${S(`storage.phrase_usage`,{count:T(e.phrases),rate:e.hit_rate===null?`–`:O(e.hit_rate)})}
      </p>
      <ul class="list">
        ${this.phrases.map(e=>l`<li>
              <div class="grow">
                <p class="phrase">${e.text}</p>
                <p class="small muted">
                  ${e.voice} · ${E(e.bytes)} ·
                  ${S(`storage.hits`,{count:e.hits})} · ${A(e.last_used)}
                </p>
              </div>
              <button
                class="quiet danger"
                aria-label="${S(`action.delete`)}: ${e.text}"
                @click=${()=>this.removePhrase(e)}
              >
                ${S(`action.delete`)}
              </button>
            </li>`)}
      </ul>
    </section>`:f}async removePhrase(e){await this.run(this.server.connection.request(`DELETE`,`/cache/phrases/${encodeURIComponent(e.key)}`)),await this.read()}};d([c({attribute:!1})],Ia.prototype,`server`,void 0),d([s()],Ia.prototype,`cache`,void 0),d([s()],Ia.prototype,`phrases`,void 0),d([s()],Ia.prototype,`error`,void 0),Ia=d([m(`wc-storage`)],Ia);var La=[`overview`,`storage`,`settings`,`log`,`access`],Ra=class extends _{constructor(...e){super(...e),this.current=`overview`,this.onHashChange=()=>{let e=location.hash.split(`/`)[2];this.current=La.find(t=>t===e)??`overview`}}static{this.styles=[a,y`
      .subtabs {
        margin: -4px 0 18px;
      }
    `]}connectedCallback(){super.connectedCallback(),window.addEventListener(`hashchange`,this.onHashChange),this.onHashChange()}disconnectedCallback(){super.disconnectedCallback(),window.removeEventListener(`hashchange`,this.onHashChange)}render(){let e=this.server.canOperate?La:La.slice(0,2);return l`
      <div class="subtabs" role="tablist" aria-label=${S(`tab.machine`)}>
        ${e.map(e=>l`<button
              role="tab"
              id=${e}
              aria-selected=${e===this.current?`true`:`false`}
              tabindex=${e===this.current?0:-1}
              @keydown=${this.onKey}
              @click=${()=>location.hash=`#/machine/${e}`}
            >
              ${S(`machine.${e}`)}
            </button>`)}
      </div>
      <div role="tabpanel" aria-labelledby=${this.current}>${this.renderPart()}</div>
    `}onKey(e){let t={ArrowRight:1,ArrowLeft:-1}[e.key];if(!t)return;let n=[...this.renderRoot.querySelectorAll(`[role=tab]`)],r=n[(n.indexOf(e.target)+t+n.length)%n.length];r?.click(),r?.focus()}renderPart(){let e=this.server;switch(this.current){case`overview`:return l`<wc-overview .server=${e}></wc-overview>`;case`storage`:return l`<wc-storage .server=${e}></wc-storage>`;case`settings`:return l`<wc-settings .server=${e}></wc-settings>`;case`log`:return l`<wc-log .server=${e}></wc-log>`;case`access`:return l`<wc-access .server=${e}></wc-access>`;default:return f}}};d([c({attribute:!1})],Ra.prototype,`server`,void 0),d([s()],Ra.prototype,`current`,void 0),Ra=d([m(`wc-machine-tab`)],Ra);export{Ra as WcMachineTab};
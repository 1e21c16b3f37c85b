import{_ as e,a as t,d as n,f as r,h as i,i as a,m as o,n as s,p as c,r as l,s as u,t as d,u as f,v as p}from"./icon-CHmW7OzU.js";import{a as m,n as h,o as g}from"./localize-BVxEozFi.js";import{t as _}from"./query-DDQkTGvL.js";import{a as v,c as y,i as b,n as x,r as S,s as C,t as w}from"./format-b5hgKdRp.js";import{c as T,i as E,l as D,r as O,s as k,u as ee}from"./directive-helpers-CJoxWJer.js";import"./model-list-CbOpH6AM.js";var A=class extends d{constructor(...e){super(...e),this.sessions=[],this.error=``}static{this.styles=[t,e`
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
    `]}connectedCallback(){super.connectedCallback(),this.read()}async read(){try{let e=await this.server.connection.request(`GET`,`/sessions`);this.sessions=e.sessions,this.error=``}catch(e){this.error=s(e)}}async end(e){await this.run(this.server.connection.request(`DELETE`,`/sessions/${e.id}`)),await this.read()}render(){return i`<div class="stack">
      <section class="card">
        <h2>${m(`access.sessions`)}</h2>
        <p class="muted small">${m(`access.sessions_help`)}</p>
        ${this.error?i`<p class="note error">${this.error}</p>`:c}
        <ul class="list">
          ${this.sessions.map(e=>i`<li>
                <div class="grow">
                  <span>${e.name}</span>
                  ${e.current?i`<span class="chip accent">${m(`access.this_browser`)}</span>`:c}
                  <p class="small muted">
                    ${m(`access.since`,{time:S(e.created_at)})} ·
                    ${m(`access.used`,{time:w(e.last_used_at)})} ·
                    ${m(`scope.${e.scope}`)}
                  </p>
                </div>
                <button class="quiet danger" aria-label="${m(`access.end`)}: ${e.name}" @click=${()=>this.end(e)}>
                  ${m(`access.end`)}
                </button>
              </li>`)}
        </ul>
        ${this.sessions.length?c:i`<p class="empty">${m(`access.none`)}</p>`}
      </section>
      <section class="card">
        <h2>${m(`access.diagnostics`)}</h2>
        <p class="muted small">${m(`access.diagnostics_help`)}</p>
        <a class="button" href=${this.server.connection.url(`/diagnostics`)} download>${m(`access.download`)}</a>
      </section>
    </div>`}};a([n({attribute:!1})],A.prototype,`server`,void 0),a([f()],A.prototype,`sessions`,void 0),a([f()],A.prototype,`error`,void 0),A=a([r(`wc-access`)],A);var j=[`debug`,`info`,`warning`,`error`],M=class extends d{constructor(...e){super(...e),this.lines=[],this.level=`info`,this.search=``,this.following=!0}static{this.styles=[t,e`
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
    `]}connectedCallback(){super.connectedCallback(),this.stop=this.server.connection.stream(`/logs/stream`,{onOpen:()=>this.lines=[],onMessage:e=>{this.lines=[...this.lines,e].slice(-1e3)}})}disconnectedCallback(){super.disconnectedCallback(),this.stop?.()}updated(){this.following&&this.box&&(this.box.scrollTop=this.box.scrollHeight)}onScroll(){this.box&&(this.following=this.box.scrollHeight-this.box.scrollTop-this.box.clientHeight<40)}render(){let e=j.indexOf(this.level),t=this.search.toLowerCase(),n=this.lines.filter(n=>(j.indexOf(n.level)>=e||n.level===`critical`)&&`${n.logger} ${n.text}`.toLowerCase().includes(t));return i`<div class="row bar">
        <label class="visually-hidden" for="level">${m(`log.level`)}</label>
        <select id="level" @change=${e=>this.level=e.target.value}>
          ${j.map(e=>i`<option value=${e} ?selected=${e===this.level}>${m(`log.${e}`)}</option>`)}
        </select>
        <input
          class="grow"
          type="search"
          placeholder=${m(`log.search`)}
          aria-label=${m(`log.search`)}
          @input=${e=>this.search=e.target.value}
        />
        <button @click=${()=>this.copy(n)}>${m(`action.copy`)}</button>
      </div>
      <section class="card">
        <div class="lines" tabindex="0" role="log" aria-label=${m(`machine.log`)} @scroll=${this.onScroll}>
          ${n.map(e=>i`<div class="line ${e.level}">
                <span class="muted">${y(e.at)}</span>
                <span class="muted clip" title=${e.logger}>${e.logger}</span>
                <span class="text">${e.text}</span>
              </div>`)}
          ${n.length?c:i`<p class="empty">${m(`log.empty`)}</p>`}
        </div>
      </section>`}async copy(e){let t=e.map(e=>`${e.at} ${e.level} ${e.logger}: ${e.text}`).join(`
`);await this.run(navigator.clipboard.writeText(t),m(`action.copied`))}};a([n({attribute:!1})],M.prototype,`server`,void 0),a([f()],M.prototype,`lines`,void 0),a([f()],M.prototype,`level`,void 0),a([f()],M.prototype,`search`,void 0),a([f()],M.prototype,`following`,void 0),a([_(`.lines`)],M.prototype,`box`,void 0),M=a([r(`wc-log`)],M);var te=!0,ne=`uplot`,re=`u-hz`,ie=`u-vt`,ae=`u-title`,oe=`u-wrap`,se=`u-under`,ce=`u-over`,le=`u-axis`,N=`u-off`,ue=`u-select`,de=`u-cursor-x`,fe=`u-cursor-y`,pe=`u-cursor-pt`,me=`u-legend`,he=`u-live`,ge=`u-inline`,_e=`u-series`,ve=`u-marker`,ye=`u-label`,be=`u-value`,xe=`width`,Se=`height`,Ce=`top`,we=`bottom`,Te=`left`,Ee=`right`,De=`#000`,Oe=`#0000`,ke=`mousemove`,Ae=`mousedown`,je=`mouseup`,Me=`mouseenter`,Ne=`mouseleave`,Pe=`dblclick`,Fe=`resize`,Ie=`scroll`,P=`change`,Le=`dppxchange`,Re=`--`,F=typeof window<`u`,ze=F?document:null,Be=F?window:null,Ve=F?navigator:null,I,He;function Ue(){let e=devicePixelRatio;I!=e&&(I=e,He&&rt(P,He,Ue),He=matchMedia(`(min-resolution: ${I-.001}dppx) and (max-resolution: ${I+.001}dppx)`),nt(P,He,Ue),Be.dispatchEvent(new CustomEvent(Le)))}function We(e,t){if(t!=null){let n=e.classList;!n.contains(t)&&n.add(t)}}function Ge(e,t){let n=e.classList;n.contains(t)&&n.remove(t)}function L(e,t,n){e.style[t]=n+`px`}function Ke(e,t,n,r){let i=ze.createElement(e);return t!=null&&We(i,t),n?.insertBefore(i,r),i}function qe(e,t){return Ke(`div`,e,t)}var Je=new WeakMap;function Ye(e,t,n,r,i){let a=`translate(`+t+`px,`+n+`px)`;a!=Je.get(e)&&(e.style.transform=a,Je.set(e,a),t<0||n<0||t>r||n>i?We(e,N):Ge(e,N))}var Xe=new WeakMap;function Ze(e,t,n){let r=t+n;r!=Xe.get(e)&&(Xe.set(e,r),e.style.background=t,e.style.borderColor=n)}var Qe=new WeakMap;function $e(e,t,n,r){let i=t+``+n;i!=Qe.get(e)&&(Qe.set(e,i),e.style.height=n+`px`,e.style.width=t+`px`,e.style.marginLeft=r?-t/2+`px`:0,e.style.marginTop=r?-n/2+`px`:0)}var et={passive:!0},tt={...et,capture:!0};function nt(e,t,n,r){t.addEventListener(e,n,r?tt:et)}function rt(e,t,n,r){t.removeEventListener(e,n,et)}F&&Ue();function it(e,t,n,r){let i;n||=0,r||=t.length-1;let a=r<=0x7fffffff;for(;r-n>1;)i=a?n+r>>1:Tt((n+r)/2),t[i]<e?n=i:r=i;return e-t[n]<=t[r]-e?n:r}function at(e){return(t,n,r)=>{let i=-1,a=-1;for(let a=n;a<=r;a++)if(e(t[a])){i=a;break}for(let i=r;i>=n;i--)if(e(t[i])){a=i;break}return[i,a]}}var ot=e=>e!=null,st=e=>e!=null&&e>0,ct=at(ot),lt=at(st);function ut(e,t,n,r=0,i=!1){let a=i?lt:ct,o=i?st:ot;[t,n]=a(e,t,n);let s=e[t],c=e[t];if(t>-1){if(r==1)s=e[t],c=e[n];else if(r==-1)s=e[n],c=e[t];else for(let r=t;r<=n;r++){let t=e[r];o(t)&&(t<s?s=t:t>c&&(c=t))}}return[s??V,c??-V]}function dt(e,t,n,r){let i=z(e),a=z(t);e==t&&(i==-1?(e*=n,t/=n):(e/=n,t*=n));let o=n==10?jt:B,s=i==1?Tt:Dt,c=a==1?Dt:Tt,l=s(o(wt(e))),u=c(o(wt(t))),d=At(n,l),f=At(n,u);return n==10&&(l<0&&(d=U(d,-l)),u<0&&(f=U(f,-u))),r||n==2?(e=d*i,t=f*a):(e=qt(e,d),t=Kt(t,f)),[e,t]}function ft(e,t,n,r){let i=dt(e,t,n,r);return e==0&&(i[0]=0),t==0&&(i[1]=0),i}var pt=.1,mt={mode:3,pad:pt},ht={pad:0,soft:null,mode:0},gt={min:ht,max:ht};function _t(e,t,n,r){return an(n)?yt(e,t,n):(ht.pad=n,ht.soft=r?0:null,ht.mode=r?3:0,yt(e,t,gt))}function R(e,t){return e??t}function vt(e,t,n){for(t=R(t,0),n=R(n,e.length-1);t<=n;){if(e[t]!=null)return!0;t++}return!1}function yt(e,t,n){let r=n.min,i=n.max,a=R(r.pad,0),o=R(i.pad,0),s=R(r.hard,-V),c=R(i.hard,V),l=R(r.soft,V),u=R(i.soft,-V),d=R(r.mode,0),f=R(i.mode,0),p=t-e,m=jt(p),h=kt(wt(e),wt(t)),g=wt(jt(h)-m);(p<1e-24||g>10)&&(p=0,(e==0||t==0)&&(p=1e-24,d==2&&l!=V&&(a=0),f==2&&u!=-V&&(o=0)));let _=p||h||1e3,v=At(10,Tt(jt(_))),y=U(qt(e-_*(p==0?e==0?.1:1:a),v/10),24),b=e>=l&&(d==1||d==3&&y<=l||d==2&&y>=l)?l:V,x=kt(s,y<b&&e>=b?b:Ot(b,y)),S=U(Kt(t+_*(p==0?t==0?.1:1:o),v/10),24),C=t<=u&&(f==1||f==3&&S>=u||f==2&&S<=u)?u:-V,w=Ot(c,S>C&&t<=C?C:kt(C,S));return x==w&&x==0&&(w=100),[x,w]}var bt=new Intl.NumberFormat(F?Ve.language:`en-US`),xt=e=>bt.format(e),St=Math,Ct=St.PI,wt=St.abs,Tt=St.floor,Et=St.round,Dt=St.ceil,Ot=St.min,kt=St.max,At=St.pow,z=St.sign,jt=St.log10,B=St.log2,Mt=(e,t=1)=>St.sinh(e)*t,Nt=(e,t=1)=>St.asinh(e/t),V=1/0;function Pt(e){return(jt((e^e>>31)-(e>>31))|0)+1}function Ft(e,t,n){return Ot(kt(e,t),n)}function It(e){return typeof e==`function`}function H(e){return It(e)?e:()=>e}var Lt=()=>{},Rt=e=>e,zt=(e,t)=>t,Bt=e=>null,Vt=e=>!0,Ht=(e,t)=>e==t,Ut=/\.\d*?(?=9{6,}|0{6,})/gm,Wt=e=>{if(tn(e)||Jt.has(e))return e;let t=`${e}`,n=t.match(Ut);if(n==null)return e;let r=n[0].length-1;if(t.indexOf(`e-`)!=-1){let[e,n]=t.split(`e`);return+`${Wt(e)}e${n}`}return U(e,r)};function Gt(e,t){return Wt(U(Wt(e/t))*t)}function Kt(e,t){return Wt(Dt(Wt(e/t))*t)}function qt(e,t){return Wt(Tt(Wt(e/t))*t)}function U(e,t=0){if(tn(e))return e;let n=10**t;return Et(e*n*(1+2**-52))/n}var Jt=new Map;function Yt(e){return((``+e).split(`.`)[1]||``).length}function Xt(e,t,n,r){let i=[],a=r.map(Yt);for(let o=t;o<n;o++){let t=wt(o),n=U(At(e,o),t);for(let s=0;s<r.length;s++){let c=e==10?+`${r[s]}e${o}`:r[s]*n,l=(o>=0?0:t)+(o>=a[s]?0:a[s]),u=e==10?c:U(c,l);i.push(u),Jt.set(u,l)}}return i}var Zt={},Qt=[],$t=[null,null],en=Array.isArray,tn=Number.isInteger,nn=e=>e===void 0;function rn(e){return typeof e==`string`}function an(e){let t=!1;if(e!=null){let n=e.constructor;t=n==null||n==Object}return t}function on(e){return typeof e==`object`&&!!e}var sn=Object.getPrototypeOf(Uint8Array),cn=`__proto__`;function ln(e,t=an){let n;if(en(e)){let r=e.find(e=>e!=null);if(en(r)||t(r)){n=Array(e.length);for(let r=0;r<e.length;r++)n[r]=ln(e[r],t)}else n=e.slice()}else if(e instanceof sn)n=e.slice();else if(t(e)){n={};for(let r in e)r!=cn&&(n[r]=ln(e[r],t))}else n=e;return n}function W(e){let t=arguments;for(let n=1;n<t.length;n++){let r=t[n];for(let t in r)t!=cn&&(an(e[t])?W(e[t],ln(r[t])):e[t]=ln(r[t]))}return e}var un=0,dn=1,fn=2;function pn(e,t,n){for(let r=0,i,a=-1;r<t.length;r++){let o=t[r];if(o>a){for(i=o-1;i>=0&&e[i]==null;)e[i--]=null;for(i=o+1;i<n&&e[i]==null;)e[a=i++]=null}}}var mn=typeof queueMicrotask>`u`?e=>Promise.resolve().then(e):queueMicrotask;function hn(e){let t=e[0],n=t.length,r=Array(n);for(let e=0;e<r.length;e++)r[e]=e;r.sort((e,n)=>t[e]-t[n]);let i=[];for(let t=0;t<e.length;t++){let a=e[t],o=Array(n);for(let e=0;e<n;e++)o[e]=a[r[e]];i.push(o)}return i}function gn(e){let t=e[0][0],n=t.length;for(let r=1;r<e.length;r++){let i=e[r][0];if(i.length!=n)return!1;if(i!=t){for(let e=0;e<n;e++)if(i[e]!=t[e])return!1}}return!0}function _n(e,t=100){let n=e.length;if(n<=1)return!0;let r=0,i=n-1;for(;r<=i&&e[r]==null;)r++;for(;i>=r&&e[i]==null;)i--;if(i<=r)return!0;let a=kt(1,Tt((i-r+1)/t));for(let t=e[r],n=r+a;n<=i;n+=a){let r=e[n];if(r!=null){if(r<=t)return!1;t=r}}return!0}var vn=[`January`,`February`,`March`,`April`,`May`,`June`,`July`,`August`,`September`,`October`,`November`,`December`],yn=[`Sunday`,`Monday`,`Tuesday`,`Wednesday`,`Thursday`,`Friday`,`Saturday`];function bn(e){return e.slice(0,3)}var xn=yn.map(bn),Sn={MMMM:vn,MMM:vn.map(bn),WWWW:yn,WWW:xn};function Cn(e){return(e<10?`0`:``)+e}function wn(e){return(e<10?`00`:e<100?`0`:``)+e}var Tn={YYYY:e=>e.getFullYear(),YY:e=>(e.getFullYear()+``).slice(2),MMMM:(e,t)=>t.MMMM[e.getMonth()],MMM:(e,t)=>t.MMM[e.getMonth()],MM:e=>Cn(e.getMonth()+1),M:e=>e.getMonth()+1,DD:e=>Cn(e.getDate()),D:e=>e.getDate(),WWWW:(e,t)=>t.WWWW[e.getDay()],WWW:(e,t)=>t.WWW[e.getDay()],HH:e=>Cn(e.getHours()),H:e=>e.getHours(),h:e=>{let t=e.getHours();return t==0?12:t>12?t-12:t},AA:e=>e.getHours()>=12?`PM`:`AM`,aa:e=>e.getHours()>=12?`pm`:`am`,a:e=>e.getHours()>=12?`p`:`a`,mm:e=>Cn(e.getMinutes()),m:e=>e.getMinutes(),ss:e=>Cn(e.getSeconds()),s:e=>e.getSeconds(),fff:e=>wn(e.getMilliseconds())};function En(e,t){t||=Sn;let n=[],r=/\{([a-z]+)\}|[^{]+/gi,i;for(;i=r.exec(e);)n.push(i[0][0]==`{`?Tn[i[1]]:i[0]);return e=>{let r=``;for(let i=0;i<n.length;i++)r+=typeof n[i]==`string`?n[i]:n[i](e,t);return r}}var Dn=new Intl.DateTimeFormat().resolvedOptions().timeZone,On=e=>e%1==0,kn=[1,2,2.5,5],An=Xt(10,-32,0,kn),jn=Xt(10,0,32,kn),Mn=jn.filter(On),Nn=An.concat(jn),Pn=`
`,Fn=`{YYYY}`,In=Pn+Fn,Ln=`{M}/{D}`,Rn=Pn+Ln,G=Rn+`/{YY}`,K=`{aa}`,q=`{h}:{mm}`+K,zn=Pn+q,Bn=`:{ss}`,J=null;function Vn(e){let t=e*1e3,n=t*60,r=n*60,i=r*24,a=i*30,o=i*365,s=(e==1?Xt(10,0,3,kn).filter(On):Xt(10,-3,0,kn)).concat([t,t*5,t*10,t*15,t*30,n,n*5,n*10,n*15,n*30,r,r*2,r*3,r*4,r*6,r*8,r*12,i,i*2,i*3,i*4,i*5,i*6,i*7,i*8,i*9,i*10,i*15,a,a*2,a*3,a*4,a*6,o,o*2,o*5,o*10,o*25,o*50,o*100]),c=[[o,Fn,J,J,J,J,J,J,1],[i*28,`{MMM}`,In,J,J,J,J,J,1],[i,Ln,In,J,J,J,J,J,1],[r,`{h}`+K,G,J,Rn,J,J,J,1],[n,q,G,J,Rn,J,J,J,1],[t,Bn,G+` `+q,J,Rn+` `+q,J,zn,J,1],[e,Bn+`.{fff}`,G+` `+q,J,Rn+` `+q,J,zn,J,1]];function l(t){return(s,c,l,u,d,f)=>{let p=[],m=d>=o,h=d>=a&&d<o,g=t(l),_=U(g*e,3),v=Zn(g.getFullYear(),m?0:g.getMonth(),h||m?1:g.getDate()),y=U(v*e,3);if(h||m){let n=h?d/a:0,r=m?d/o:0,i=_==y?_:U(Zn(v.getFullYear()+r,v.getMonth()+n,1)*e,3),s=new Date(Et(i/e)),c=s.getFullYear(),l=s.getMonth();for(let a=0;i<=u;a++){let o=Zn(c+r*a,l+n*a,1),s=o-t(U(o*e,3));i=U((+o+s)*e,3),i<=u&&p.push(i)}}else{let a=d>=i?i:d,o=y+(Tt(l)-Tt(_))+Kt(_-y,a);p.push(o);let m=t(o),h=m.getHours()+m.getMinutes()/n+m.getSeconds()/r,g=d/r,v=f/s.axes[c]._space;for(;o=U(o+d,e==1?0:3),!(o>u);)if(g>1){let e=Tt(U(h+g,6))%24,n=t(o).getHours()-e;n>1&&(n=-1),o-=n*r,h=(h+g)%24;let i=p[p.length-1];U((o-i)/d,3)*v>=.7&&p.push(o)}else p.push(o)}return p}}return[s,c,l]}var[Hn,Un,Wn]=Vn(1),[Gn,Kn,qn]=Vn(.001);Xt(2,-53,53,[1]);function Jn(e,t){return e.map(e=>e.map((n,r)=>r==0||r==8||n==null?n:t(r==1||e[8]==0?n:e[1]+n)))}function Yn(e,t){return(n,r,i,a,o)=>{let s=t.find(e=>o>=e[0])||t[t.length-1],c,l,u,d,f,p;return r.map(t=>{let n=e(t),r=n.getFullYear(),i=n.getMonth(),a=n.getDate(),o=n.getHours(),m=n.getMinutes(),h=n.getSeconds(),g=r!=c&&s[2]||i!=l&&s[3]||a!=u&&s[4]||o!=d&&s[5]||m!=f&&s[6]||h!=p&&s[7]||s[1];return c=r,l=i,u=a,d=o,f=m,p=h,g(n)})}}function Xn(e,t){let n=En(t);return(t,r,i,a,o)=>r.map(t=>n(e(t)))}function Zn(e,t,n){return new Date(e,t,n)}function Qn(e,t){return t(e)}var $n=`{YYYY}-{MM}-{DD} {h}:{mm}{aa}`;function er(e,t){return(n,r,i,a)=>a==null?Re:t(e(r))}function tr(e,t){let n=e.series[t];return n.width?n.stroke(e,t):n.points.width?n.points.stroke(e,t):null}function nr(e,t){return e.series[t].fill(e,t)}var rr={show:!0,live:!0,isolate:!1,mount:Lt,markers:{show:!0,width:2,stroke:tr,fill:nr,dash:`solid`},idx:null,idxs:null,values:[]};function ir(e,t){let n=e.cursor.points,r=qe(),i=n.size(e,t);L(r,xe,i),L(r,Se,i);let a=i/-2;L(r,`marginLeft`,a),L(r,`marginTop`,a);let o=n.width(e,t,i);return o&&L(r,`borderWidth`,o),r}function ar(e,t){let n=e.series[t].points;return n._fill||n._stroke}function or(e,t){let n=e.series[t].points;return n._stroke||n._fill}function sr(e,t){return e.series[t].points.size}var cr=[0,0];function lr(e,t,n){return cr[0]=t,cr[1]=n,cr}function ur(e,t,n,r=!0){return e=>{e.button!=0||r&&e.target!=t||n(e)}}function dr(e,t,n,r=!0){return e=>{r&&e.target!=t||n(e)}}var fr={show:!0,x:!0,y:!0,lock:!1,move:lr,points:{one:!1,show:ir,size:sr,width:0,stroke:or,fill:ar},bind:{mousedown:ur,mouseup:ur,click:ur,dblclick:ur,mousemove:dr,mouseleave:dr,mouseenter:dr},drag:{setScale:!0,x:!0,y:!1,dist:0,uni:null,click:(e,t)=>{t.stopPropagation(),t.stopImmediatePropagation()},_x:!1,_y:!1},focus:{dist:(e,t,n,r,i)=>r-i,prox:-1,bias:0},hover:{skip:[void 0],prox:null,bias:0},left:-10,top:-10,idx:null,dataIdx:null,idxs:null,event:null},pr={show:!0,stroke:`rgba(0,0,0,0.07)`,width:2},mr=W({},pr,{filter:zt}),hr=W({},mr,{size:10}),gr=W({},pr,{show:!1}),_r=`12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Noto Sans", sans-serif, "Apple Color Emoji", "Segoe UI Emoji", "Segoe UI Symbol", "Noto Color Emoji"`,vr=`bold `+_r,yr=1.5,br={show:!0,scale:`x`,stroke:De,space:50,gap:5,alignTo:1,size:50,labelGap:0,labelSize:30,labelFont:vr,side:2,grid:mr,ticks:hr,border:gr,font:_r,lineGap:yr,rotate:0},xr=`Value`,Sr=`Time`,Cr={show:!0,scale:`x`,auto:!1,sorted:1,min:V,max:-1/0,idxs:[]};function wr(e,t,n,r,i){return t.map(e=>e==null?``:xt(e))}function Tr(e,t,n,r,i,a,o){let s=[],c=Jt.get(i)||0;n=o?n:U(Kt(n,i),c);for(let e=n;e<=r;e=U(e+i,c))s.push(Object.is(e,-0)?0:e);return s}function Er(e,t,n,r,i,a,o){let s=[],c=e.scales[e.axes[t].scale].log;i=At(c,Tt((c==10?jt:B)(n))),c==10&&(i=Nn[it(i,Nn)]);let l=n,u=i*c;c==10&&(u=Nn[it(u,Nn)]);do s.push(l),l+=i,c==10&&!Jt.has(l)&&(l=U(l,Jt.get(i))),l>=u&&(i=l,u=i*c,c==10&&(u=Nn[it(u,Nn)]));while(l<=r);return s}function Dr(e,t,n,r,i,a,o){let s=e.scales[e.axes[t].scale].asinh,c=r>s?Er(e,t,kt(s,n),r,i):[s],l=r>=0&&n<=0?[0]:[];return(n<-s?Er(e,t,kt(s,-r),-n,i):[s]).reverse().map(e=>-e).concat(l,c)}var Or=/./,kr=/[12357]/,Ar=/[125]/,jr=/1/,Mr=(e,t,n,r)=>e.map((e,i)=>t==4&&e==0||i%r==0&&n.test(e.toExponential()[+(e<0)])?e:null);function Nr(e,t,n,r,i){let a=e.axes[n],o=a.scale,s=e.scales[o],c=e.valToPos,l=a._space,u=c(10,o),d=c(9,o)-u>=l?Or:c(7,o)-u>=l?kr:c(5,o)-u>=l?Ar:jr;if(d==jr){let e=wt(c(1,o)-u);if(e<l)return Mr(t.slice().reverse(),s.distr,d,Dt(l/e)).reverse()}return Mr(t,s.distr,d,1)}function Pr(e,t,n,r,i){let a=e.axes[n],o=a.scale,s=a._space,c=e.valToPos,l=wt(c(1,o)-c(2,o));return l<s?Mr(t.slice().reverse(),3,Or,Dt(s/l)).reverse():t}function Fr(e,t,n,r){return r==null?Re:t==null?``:xt(t)}var Ir={show:!0,scale:`y`,stroke:De,space:30,gap:5,alignTo:1,size:50,labelGap:0,labelSize:30,labelFont:vr,side:3,grid:mr,ticks:hr,border:gr,font:_r,lineGap:yr,rotate:0};function Lr(e,t){return U((3+(e||1)*2)*t,3)}function Rr(e,t){let{scale:n,idxs:r}=e.series[0],i=e._data[0],a=e.valToPos(i[r[0]],n,!0),o=wt(e.valToPos(i[r[1]],n,!0)-a)/(e.series[t].points.space*I);return r[1]-r[0]<=o}var zr={scale:null,auto:!0,sorted:0,min:V,max:-1/0},Br=(e,t,n,r,i)=>i,Vr={show:!0,auto:!0,sorted:0,gaps:Br,alpha:1,facets:[W({},zr,{scale:`x`}),W({},zr,{scale:`y`})]},Hr={scale:`y`,auto:!0,sorted:0,show:!0,spanGaps:!1,gaps:Br,alpha:1,points:{show:Rr,filter:null},values:null,min:V,max:-1/0,idxs:[],path:null,clip:null};function Ur(e,t,n,r,i){return n/10}var Wr={time:te,auto:!0,distr:1,log:10,asinh:1,min:null,max:null,dir:1,ori:0},Gr=W({},Wr,{time:!1,ori:1}),Kr={};function qr(e,t){let n=Kr[e];return n||(n={key:e,plots:[],sub(e){n.plots.push(e)},unsub(e){n.plots=n.plots.filter(t=>t!=e)},pub(e,t,r,i,a,o,s){for(let c=0;c<n.plots.length;c++)n.plots[c]!=t&&n.plots[c].pub(e,t,r,i,a,o,s)}},e!=null&&(Kr[e]=n)),n}var Jr=1,Yr=2;function Xr(e,t,n){let r=e.mode,i=e.series[t],a=r==2?e._data[t]:e._data,o=e.scales,s=e.bbox,c=a[0],l=r==2?a[1]:a[t],u=r==2?o[i.facets[0].scale]:o[e.series[0].scale],d=r==2?o[i.facets[1].scale]:o[i.scale],f=s.left,p=s.top,m=s.width,h=s.height,g=e.valToPosH,_=e.valToPosV;return u.ori==0?n(i,c,l,u,d,g,_,f,p,m,h,ai,si,li,di,pi):n(i,c,l,u,d,_,g,p,f,h,m,oi,ci,ui,fi,mi)}function Zr(e,t){let n=0,r=0,i=R(e.bands,Qt);for(let e=0;e<i.length;e++){let a=i[e];a.series[0]==t?n=a.dir:a.series[1]==t&&(a.dir==1?r|=1:r|=2)}return[n,r==1?-1:r==2?1:r==3?2:0]}function Qr(e,t,n,r,i){let a=e.mode,o=e.series[t],s=a==2?o.facets[1].scale:o.scale,c=e.scales[s];return i==-1?c.min:i==1?c.max:c.distr==3?c.dir==1?c.min:c.max:0}function $r(e,t,n,r,i,a){return Xr(e,t,(e,t,o,s,c,l,u,d,f,p,m)=>{let h=e.pxRound,g=s.dir*(s.ori==0?1:-1),_=s.ori==0?si:ci,v,y;g==1?(v=n,y=r):(v=r,y=n);let b=h(l(t[v],s,p,d)),x=h(u(o[v],c,m,f)),S=h(l(t[y],s,p,d)),C=h(u(a==1?c.max:c.min,c,m,f)),w=new Path2D(i);return _(w,S,C),_(w,b,C),_(w,b,x),w})}function ei(e,t,n,r,i,a){let o=null;if(e.length>0){o=new Path2D;let s=t==0?li:ui,c=n;for(let t=0;t<e.length;t++){let n=e[t];if(n[1]>n[0]){let e=n[0]-c;e>0&&s(o,c,r,e,r+a),c=n[1]}}let l=n+i-c;l>0&&s(o,c,r-5,l,r+a+10)}return o}function ti(e,t,n){let r=e[e.length-1];r&&r[0]==t?r[1]=n:e.push([t,n])}function ni(e,t,n,r,i,a,o){let s=[],c=e.length;for(let l=i==1?n:r;l>=n&&l<=r;l+=i)if(t[l]===null){let u=l,d=l;if(i==1)for(;++l<=r&&t[l]===null;)d=l;else for(;--l>=n&&t[l]===null;)d=l;let f=a(e[u]),p=d==u?f:a(e[d]),m=u-i;f=o<=0&&m>=0&&m<c?a(e[m]):f;let h=d+i;p=o>=0&&h>=0&&h<c?a(e[h]):p,p>=f&&s.push([f,p])}return s}function ri(e){return e==0?Rt:e==1?Et:t=>Gt(t,e)}function ii(e){let t=e==0?ai:oi,n=e==0?(e,t,n,r,i,a)=>{e.arcTo(t,n,r,i,a)}:(e,t,n,r,i,a)=>{e.arcTo(n,t,i,r,a)},r=e==0?(e,t,n,r,i)=>{e.rect(t,n,r,i)}:(e,t,n,r,i)=>{e.rect(n,t,i,r)};return(e,i,a,o,s,c=0,l=0)=>{c==0&&l==0?r(e,i,a,o,s):(c=Ot(c,o/2,s/2),l=Ot(l,o/2,s/2),t(e,i+c,a),n(e,i+o,a,i+o,a+s,c),n(e,i+o,a+s,i,a+s,l),n(e,i,a+s,i,a,l),n(e,i,a,i+o,a,c),e.closePath())}}var ai=(e,t,n)=>{e.moveTo(t,n)},oi=(e,t,n)=>{e.moveTo(n,t)},si=(e,t,n)=>{e.lineTo(t,n)},ci=(e,t,n)=>{e.lineTo(n,t)},li=ii(0),ui=ii(1),di=(e,t,n,r,i,a)=>{e.arc(t,n,r,i,a)},fi=(e,t,n,r,i,a)=>{e.arc(n,t,r,i,a)},pi=(e,t,n,r,i,a,o)=>{e.bezierCurveTo(t,n,r,i,a,o)},mi=(e,t,n,r,i,a,o)=>{e.bezierCurveTo(n,t,i,r,o,a)};function hi(e){return(e,t,n,r,i)=>Xr(e,t,(t,a,o,s,c,l,u,d,f,p,m)=>{let{pxRound:h,points:g}=t,_,v;s.ori==0?(_=ai,v=di):(_=oi,v=fi);let y=U(g.width*I,3),b=(g.size-g.width)/2*I,x=U(b*2,3),S=new Path2D,C=new Path2D,{left:w,top:T,width:E,height:D}=e.bbox;li(C,w-x,T-x,E+x*2,D+x*2);let O=e=>{if(o[e]!=null){let t=h(l(a[e],s,p,d)),n=h(u(o[e],c,m,f));_(S,t+b,n),v(S,t,n,b,0,Ct*2)}};if(i)i.forEach(O);else for(let e=n;e<=r;e++)O(e);return{stroke:y>0?S:null,fill:S,clip:C,flags:3}})}function gi(e){return(t,n,r,i,a,o)=>{r!=i&&(a!=r&&o!=r&&e(t,n,r),a!=i&&o!=i&&e(t,n,i),e(t,n,o))}}var _i=gi(si),Y=gi(ci);function X(e){let t=R(e?.alignGaps,0);return(e,n,r,i)=>Xr(e,n,(a,o,s,c,l,u,d,f,p,m,h)=>{[r,i]=ct(s,r,i);let g=a.pxRound,_=e=>g(u(e,c,m,f)),v=e=>g(d(e,l,h,p)),y,b;c.ori==0?(y=si,b=_i):(y=ci,b=Y);let x=c.dir*(c.ori==0?1:-1),S={stroke:new Path2D,fill:null,clip:null,band:null,gaps:null,flags:Jr},C=S.stroke,w=!1;if(i-r>=m*4){let t=t=>e.posToVal(t,c.key,!0),n=null,a=null,l,u,d,f=_(o[x==1?r:i]),p=_(o[r]),m=_(o[i]),h=t(x==1?p+1:m-1);for(let e=x==1?r:i;e>=r&&e<=i;e+=x){let r=o[e],i=(x==1?r<h:r>h)?f:_(r),c=s[e];i==f?c==null?c===null&&(w=!0):(u=c,n==null?(y(C,i,v(u)),l=n=a=u):u<n?n=u:u>a&&(a=u)):(n!=null&&b(C,f,v(n),v(a),v(l),v(u)),c==null?(n=a=null,c===null&&(w=!0)):(u=c,y(C,i,v(u)),n=a=l=u),f=i,h=t(f+x))}n!=null&&n!=a&&d!=f&&b(C,f,v(n),v(a),v(l),v(u))}else for(let e=x==1?r:i;e>=r&&e<=i;e+=x){let t=s[e];t===null?w=!0:t!=null&&y(C,_(o[e]),v(t))}let[T,E]=Zr(e,n);if(a.fill!=null||T!=0){let t=S.fill=new Path2D(C),s=v(a.fillTo(e,n,a.min,a.max,T)),c=_(o[r]),l=_(o[i]);x==-1&&([l,c]=[c,l]),y(t,l,s),y(t,c,s)}if(!a.spanGaps){let l=[];w&&l.push(...ni(o,s,r,i,x,_,t)),S.gaps=l=a.gaps(e,n,r,i,l),S.clip=ei(l,c.ori,f,p,m,h)}return E!=0&&(S.band=E==2?[$r(e,n,r,i,C,-1),$r(e,n,r,i,C,1)]:$r(e,n,r,i,C,E)),S})}function vi(e){let t=R(e.align,1),n=R(e.ascDesc,!1),r=R(e.alignGaps,0),i=R(e.extend,!1);return(e,a,o,s)=>Xr(e,a,(c,l,u,d,f,p,m,h,g,_,v)=>{[o,s]=ct(u,o,s);let y=c.pxRound,{left:b,width:x}=e.bbox,S=e=>y(p(e,d,_,h)),C=e=>y(m(e,f,v,g)),w=d.ori==0?si:ci,T={stroke:new Path2D,fill:null,clip:null,band:null,gaps:null,flags:Jr},E=T.stroke,D=d.dir*(d.ori==0?1:-1),O=C(u[D==1?o:s]),k=S(l[D==1?o:s]),ee=k,A=k;i&&t==-1&&(A=b,w(E,A,O)),w(E,k,O);for(let e=D==1?o:s;e>=o&&e<=s;e+=D){let n=u[e];if(n==null)continue;let r=S(l[e]),i=C(n);t==1?w(E,r,O):w(E,ee,i),w(E,r,i),O=i,ee=r}let j=ee;i&&t==1&&(j=b+x,w(E,j,O));let[M,te]=Zr(e,a);if(c.fill!=null||M!=0){let t=T.fill=new Path2D(E),n=C(c.fillTo(e,a,c.min,c.max,M));w(t,j,n),w(t,A,n)}if(!c.spanGaps){let i=[];i.push(...ni(l,u,o,s,D,S,r));let f=c.width*I/2,p=n||t==1?f:-f,m=n||t==-1?-f:f;i.forEach(e=>{e[0]+=p,e[1]+=m}),T.gaps=i=c.gaps(e,a,o,s,i),T.clip=ei(i,d.ori,h,g,_,v)}return te!=0&&(T.band=te==2?[$r(e,a,o,s,E,-1),$r(e,a,o,s,E,1)]:$r(e,a,o,s,E,te)),T})}function yi(e,t,n,r,i,a,o=V){if(e.length>1){let s=null;for(let c=0,l=1/0;c<e.length;c++)if(t[c]!==void 0){if(s!=null){let t=wt(e[c]-e[s]);t<l&&(l=t,o=wt(n(e[c],r,i,a)-n(e[s],r,i,a)))}s=c}}return o}function Z(e){e||=Zt;let t=R(e.size,[.6,V,1]),n=e.align||0,r=e.gap||0,i=e.radius;i=i==null?[0,0]:typeof i==`number`?[i,0]:i;let a=H(i),o=1-t[0],s=R(t[1],V),c=R(t[2],1),l=R(e.disp,Zt),u=R(e.each,e=>{}),{fill:d,stroke:f}=l;return(e,t,i,p)=>Xr(e,t,(m,h,g,_,v,y,b,x,S,C,w)=>{let T=m.pxRound,E=n,D=r*I,O=s*I,k=c*I,ee,A;_.ori==0?[ee,A]=a(e,t):[A,ee]=a(e,t);let j=_.dir*(_.ori==0?1:-1),M=_.ori==0?li:ui,te=_.ori==0?u:(e,t,n,r,i,a,o)=>{u(e,t,n,i,r,o,a)},ne=R(e.bands,Qt).find(e=>e.series[0]==t),re=ne==null?0:ne.dir,ie=m.fillTo(e,t,m.min,m.max,re),ae=T(b(ie,v,w,S)),oe,se,ce,le=C,N=T(m.width*I),ue=!1,de=null,fe=null,pe=null,me=null;d!=null&&(N==0||f!=null)&&(ue=!0,de=d.values(e,t,i,p),fe=new Map,new Set(de).forEach(e=>{e!=null&&fe.set(e,new Path2D)}),N>0&&(pe=f.values(e,t,i,p),me=new Map,new Set(pe).forEach(e=>{e!=null&&me.set(e,new Path2D)})));let{x0:he,size:ge}=l;if(he!=null&&ge!=null){E=1,h=he.values(e,t,i,p),he.unit==2&&(h=h.map(t=>e.posToVal(x+t*C,_.key,!0)));let n=ge.values(e,t,i,p);se=ge.unit==2?n[0]*C:y(n[0],_,C,x)-y(0,_,C,x),le=yi(h,g,y,_,C,x,le),ce=le-se+D}else le=yi(h,g,y,_,C,x,le),ce=le*o+D,se=le-ce;ce<1&&(ce=0),N>=se/2&&(N=0),ce<5&&(T=Rt);let _e=ce>0,ve=le-ce-(_e?N:0);se=T(Ft(ve,k,O)),oe=(E==0?se/2:E==j?0:se)-E*j*((E==0?D/2:0)+(_e?N/2:0));let ye={stroke:null,fill:null,clip:null,band:null,gaps:null,flags:0},be=ue?null:new Path2D,xe=null;if(ne!=null)xe=e.data[ne.series[1]];else{let{y0:n,y1:r}=l;n!=null&&r!=null&&(g=r.values(e,t,i,p),xe=n.values(e,t,i,p))}let Se=ee*se,Ce=A*se;for(let n=j==1?i:p;n>=i&&n<=p;n+=j){let r=g[n];if(r==null)continue;if(xe!=null){let e=xe[n]??0;if(r-e==0)continue;ae=b(e,v,w,S)}let i=y(_.distr!=2||l!=null?h[n]:n,_,C,x),a=b(R(r,ie),v,w,S),o=T(i-oe),s=T(kt(a,ae)),c=T(Ot(a,ae)),u=s-c;if(r!=null){let i=r<0?Ce:Se,a=r<0?Se:Ce;ue?(N>0&&pe[n]!=null&&M(me.get(pe[n]),o,c+Tt(N/2),se,kt(0,u-N),i,a),de[n]!=null&&M(fe.get(de[n]),o,c+Tt(N/2),se,kt(0,u-N),i,a)):M(be,o,c+Tt(N/2),se,kt(0,u-N),i,a),te(e,t,n,o-N/2,c,se+N,u)}}return N>0?ye.stroke=ue?me:be:ue||(ye._fill=m.width==0?m._fill:m._stroke??m._fill,ye.width=0),ye.fill=ue?fe:be,ye})}function bi(e,t){let n=R(t?.alignGaps,0);return(t,r,i,a)=>Xr(t,r,(o,s,c,l,u,d,f,p,m,h,g)=>{[i,a]=ct(c,i,a);let _=o.pxRound,v=e=>_(d(e,l,h,p)),y=e=>_(f(e,u,g,m)),b,x,S;l.ori==0?(b=ai,S=si,x=pi):(b=oi,S=ci,x=mi);let C=l.dir*(l.ori==0?1:-1),w=v(s[C==1?i:a]),T=w,E=[],D=[];for(let e=C==1?i:a;e>=i&&e<=a;e+=C)if(c[e]!=null){let t=v(s[e]);E.push(T=t),D.push(y(c[e]))}let O={stroke:e(E,D,b,S,x,_),fill:null,clip:null,band:null,gaps:null,flags:Jr},k=O.stroke,[ee,A]=Zr(t,r);if(o.fill!=null||ee!=0){let e=O.fill=new Path2D(k),n=y(o.fillTo(t,r,o.min,o.max,ee));S(e,T,n),S(e,w,n)}if(!o.spanGaps){let e=[];e.push(...ni(s,c,i,a,C,v,n)),O.gaps=e=o.gaps(t,r,i,a,e),O.clip=ei(e,l.ori,p,m,h,g)}return A!=0&&(O.band=A==2?[$r(t,r,i,a,k,-1),$r(t,r,i,a,k,1)]:$r(t,r,i,a,k,A)),O})}function Q(e){return bi(xi,e)}function xi(e,t,n,r,i,a){let o=e.length;if(o<2)return null;let s=new Path2D;if(n(s,e[0],t[0]),o==2)r(s,e[1],t[1]);else{let n=Array(o),r=Array(o-1),a=Array(o-1),c=Array(o-1);for(let n=0;n<o-1;n++)a[n]=t[n+1]-t[n],c[n]=e[n+1]-e[n],r[n]=a[n]/c[n];n[0]=r[0];for(let e=1;e<o-1;e++)r[e]===0||r[e-1]===0||r[e-1]>0!=r[e]>0?n[e]=0:(n[e]=3*(c[e-1]+c[e])/((2*c[e]+c[e-1])/r[e-1]+(c[e]+2*c[e-1])/r[e]),isFinite(n[e])||(n[e]=0));n[o-1]=r[o-2];for(let r=0;r<o-1;r++)i(s,e[r]+c[r]/3,t[r]+n[r]*c[r]/3,e[r+1]-c[r]/3,t[r+1]-n[r+1]*c[r]/3,e[r+1],t[r+1])}return s}var Si=new Set;function Ci(){for(let e of Si)e.syncRect(!0)}F&&(nt(Fe,Be,Ci),nt(Ie,Be,Ci,!0),nt(Le,Be,()=>{zi.pxRatio=I}));var wi=X(),Ti=hi();function Ei(e,t,n,r){return(r?[e[0],e[1]].concat(e.slice(2)):[e[0]].concat(e.slice(1))).map((e,r)=>Oi(e,r,t,n))}function Di(e,t){return e.map((e,n)=>n==0?{}:W({},t,e))}function Oi(e,t,n,r){return W({},t==0?n:r,e)}function ki(e,t,n){return t==null?$t:[t,n]}var Ai=ki;function ji(e,t,n){return t==null?$t:_t(t,n,pt,!0)}function Mi(e,t,n,r){return t==null?$t:dt(t,n,e.scales[r].log,!1)}var Ni=Mi;function Pi(e,t,n,r){return t==null?$t:ft(t,n,e.scales[r].log,!1)}var Fi=Pi;function Ii(e,t,n,r,i){let a=kt(Pt(e),Pt(t)),o=t-e,s=it(i/r*o,n);do{let e=n[s],t=r*e/o;if(t>=i&&a+(e<5?Jt.get(e):0)<=17)return[e,t]}while(++s<n.length);return[0,0]}function Li(e){let t,n;return e=e.replace(/(\d+)px/,(e,r)=>(t=Et((n=+r)*I))+`px`),[e,t,n]}function Ri(e){e.show&&[e.font,e.labelFont].forEach(e=>{let t=U(e[2]*I,1);e[0]=e[0].replace(/[0-9.]+px/,t+`px`),e[1]=t})}function zi(e,t,n){let r={mode:R(e.mode,1)},i=r.mode;function a(e,t,n,r){let i=t.valToPct(e);return r+n*(t.dir==-1?1-i:i)}function o(e,t,n,r){let i=t.valToPct(e);return r+n*(t.dir==-1?i:1-i)}function s(e,t,n,r){return t.ori==0?a(e,t,n,r):o(e,t,n,r)}r.valToPosH=a,r.valToPosV=o;let c=!1;r.status=0;let l=r.root=qe(ne);if(e.id!=null&&(l.id=e.id),We(l,e.class),e.title){let t=qe(ae,l);t.textContent=e.title}let u=Ke(`canvas`),d=r.ctx=u.getContext(`2d`),f=qe(oe,l);nt(`click`,f,e=>{e.target===m&&(Y!=mi||X!=hi)&&yi.click(r,e)},!0);let p=r.under=qe(se,f);f.appendChild(u);let m=r.over=qe(ce,f);e=ln(e);let h=+R(e.pxAlign,1),g=ri(h);(e.plugins||[]).forEach(t=>{t.opts&&(e=t.opts(r,e)||e)});let _=e.ms||.001,v=r.series=i==1?Ei(e.series||[],Cr,Hr,!1):Di(e.series||[null],Vr),y=r.axes=Ei(e.axes||[],br,Ir,!0),b=r.scales={},x=r.bands=e.bands||[];x.forEach(e=>{e.fill=H(e.fill||null),e.dir=R(e.dir,-1)});let S=i==2?v[1].facets[0].scale:v[0].scale,C={axes:Zr,series:yr},w=(e.drawOrder||[`axes`,`series`]).map(e=>C[e]);function T(e){let t=e.distr==3?t=>jt(t>0?t:e.clamp(r,t,e.min,e.max,e.key)):e.distr==4?t=>Nt(t,e.asinh):e.distr==100?t=>e.fwd(t):e=>e;return n=>{let r=t(n),{_min:i,_max:a}=e,o=a-i;return(r-i)/o}}function E(t){let n=b[t];if(n==null){let r=(e.scales||Zt)[t]||Zt;if(r.from!=null){E(r.from);let e=W({},b[r.from],r,{key:t});e.valToPct=T(e),b[t]=e}else{n=b[t]=W({},t==S?Wr:Gr,r),n.key=t;let e=n.time,a=n.range,o=en(a);if((t!=S||i==2&&!e)&&(o&&(a[0]==null||a[1]==null)&&(a={min:a[0]==null?mt:{mode:1,hard:a[0],soft:a[0]},max:a[1]==null?mt:{mode:1,hard:a[1],soft:a[1]}},o=!1),!o&&an(a))){let e=a;a=(t,n,r)=>n==null?$t:_t(n,r,e)}n.range=H(a||(e?Ai:t==S?n.distr==3?Ni:n.distr==4?Fi:ki:n.distr==3?Mi:n.distr==4?Pi:ji)),n.auto=H(!o&&n.auto),n.clamp=H(n.clamp||Ur),n._min=n._max=null,n.valToPct=T(n)}}}E(`x`),E(`y`),i==1&&v.forEach(e=>{E(e.scale)}),y.forEach(e=>{E(e.scale)});for(let t in e.scales)E(t);let D=b[S],O=D.distr,k,ee;D.ori==0?(We(l,re),k=a,ee=o):(We(l,ie),k=o,ee=a);let A={};for(let e in b){let t=b[e];(t.min!=null||t.max!=null)&&(A[e]={min:t.min,max:t.max},t.min=t.max=null)}let j=e.tzDate||(e=>new Date(Et(e/_))),M=e.fmtDate||En,te=_==1?Wn(j):qn(j),De=Yn(j,Jn(_==1?Un:Kn,M)),Fe=er(j,Qn($n,M)),Ie=[],P=r.legend=W({},rr,e.legend),F=r.cursor=W({},fr,{drag:{y:i==2}},e.cursor),Ve=P.show,He=F.show,Ue=P.markers;P.idxs=Ie,Ue.width=H(Ue.width),Ue.dash=H(Ue.dash),Ue.stroke=H(Ue.stroke),Ue.fill=H(Ue.fill);let Je,Xe,Qe,et=[],tt=[],at,ot=!1,st={};if(P.live){let e=v[1]?v[1].values:null;ot=e!=null,at=ot?e(r,1,0):{_:0};for(let e in at)st[e]=Re}if(Ve){if(Je=Ke(`table`,me,l),Qe=Ke(`tbody`,null,Je),P.mount(r,Je),ot){Xe=Ke(`thead`,null,Je,Qe);let e=Ke(`tr`,null,Xe);for(var ct in Ke(`th`,null,e),at)Ke(`th`,ye,e).textContent=ct}else We(Je,ge),P.live&&We(Je,he)}let lt={show:!0},ht={show:!1};function gt(e,t){if(t==0&&(ot||!P.live||i==2))return $t;let n=[],a=Ke(`tr`,_e,Qe,Qe.childNodes[t]);We(a,e.class),e.show||We(a,N);let o=Ke(`th`,null,a);if(Ue.show){let e=qe(ve,o);if(t>0){let n=Ue.width(r,t);n&&(e.style.border=n+`px `+Ue.dash(r,t)+` `+Ue.stroke(r,t)),e.style.background=Ue.fill(r,t)}}let s=qe(ye,o);for(var c in e.label instanceof HTMLElement?s.appendChild(e.label):s.textContent=e.label,t>0&&(Ue.show||(s.style.color=e.width>0?Ue.stroke(r,t):Ue.fill(r,t)),bt(`click`,o,t=>{if(F._lock)return;xn(t);let n=v.indexOf(e);if((t.ctrlKey||t.metaKey)!=P.isolate){let e=v.some((e,t)=>t>0&&t!=n&&e.show);v.forEach((t,r)=>{r>0&&Vi(r,e?r==n?lt:ht:lt,!0,$.setSeries)})}else Vi(n,{show:!e.show},!0,$.setSeries)},!1),wn&&bt(Me,o,t=>{F._lock||(xn(t),Vi(v.indexOf(e),Ki,!0,$.setSeries))},!1)),at){let e=Ke(`td`,be,a);e.textContent=`--`,n.push(e)}return[a,n]}let yt=new Map;function bt(e,t,n,i=!0){let a=yt.get(t)||{},o=F.bind[e](r,t,n,i);o&&(nt(e,t,a[e]=o),yt.set(t,a))}function xt(e,t,n){let r=yt.get(t)||{};for(let n in r)(e==null||n==e)&&(rt(n,t,r[n]),delete r[n]);e??yt.delete(t)}let St=0,Tt=0,z=0,B=0,Pt=0,Lt=0,Rt=Pt,Ut=Lt,Wt=z,Kt=B,qt=0,Xt=0,tn=0,sn=0;r.bbox={};let cn=!1,un=!1,dn=!1,fn=!1,pn=!1,hn=!1;function gn(e,t,n){(n||e!=r.width||t!=r.height)&&_n(e,t),$r(!1),dn=!0,un=!0,ai()}function _n(e,t){r.width=St=z=e,r.height=Tt=B=t,Pt=Lt=0,yn(),bn();let n=r.bbox;qt=n.left=Gt(Pt*I,.5),Xt=n.top=Gt(Lt*I,.5),tn=n.width=Gt(z*I,.5),sn=n.height=Gt(B*I,.5)}function vn(){let e=!1,t=0;for(;!e;){t++;let n=Kr(t),i=Xr(t);e=t==3||n&&i,e||(_n(r.width,r.height),un=!0)}}r.setSize=function({width:e,height:t}){gn(e,t)};function yn(){let e=!1,t=!1,n=!1,r=!1;y.forEach((i,a)=>{if(i.show&&i._show){let{side:a,_size:o}=i,s=a%2,c=o+(i.label==null?0:i.labelSize);c>0&&(s?(z-=c,a==3?(Pt+=c,r=!0):n=!0):(B-=c,a==0?(Lt+=c,e=!0):t=!0))}}),Pn[0]=e,Pn[1]=n,Pn[2]=t,Pn[3]=r,z-=Rn[1]+Rn[3],Pt+=Rn[3],B-=Rn[2]+Rn[0],Lt+=Rn[0]}function bn(){let e=Pt+z,t=Lt+B,n=Pt,r=Lt;function i(i,a){switch(i){case 1:return e+=a,e-a;case 2:return t+=a,t-a;case 3:return n-=a,n+a;case 0:return r-=a,r+a}}y.forEach((e,t)=>{if(e.show&&e._show){let t=e.side;e._pos=i(t,e._size),e.label!=null&&(e._lpos=i(t,e.labelSize))}})}if(F.dataIdx==null){let e=F.hover,n=e.skip=new Set(e.skip??[]);n.add(void 0);let r=e.prox=H(e.prox),i=e.bias??=0;F.dataIdx=(e,a,o,s)=>{if(a==0)return o;let c=o,l=r(e,a,o,s)??V,u=l>=0&&l<V,d=D.ori==0?z:B,f=F.left,p=t[0],m=t[a];if(n.has(m[o])){c=null;let e=null,t=null,r;if(i==0||i==-1)for(r=o;e==null&&r-->0;)n.has(m[r])||(e=r);if(i==0||i==1)for(r=o;t==null&&r++<m.length;)n.has(m[r])||(t=r);if(e!=null||t!=null){if(u){let n=e==null?-1/0:k(p[e],D,d,0),r=t==null?1/0:k(p[t],D,d,0),i=f-n,a=r-f;i<=a?i<=l&&(c=e):a<=l&&(c=t)}else c=t==null?e:e==null?t:o-e<=t-o?e:t}}else u&&wt(f-k(p[o],D,d,0))>l&&(c=null);return c}}let xn=e=>{F.event=e};F.idxs=Ie,F._lock=!1;let Sn=F.points;Sn.show=H(Sn.show),Sn.size=H(Sn.size),Sn.stroke=H(Sn.stroke),Sn.width=H(Sn.width),Sn.fill=H(Sn.fill);let Cn=r.focus=W({},e.focus||{alpha:.3},F.focus),wn=Cn.prox>=0,Tn=wn&&Sn.one,Dn=[],On=[],kn=[];function An(e,t){let n=Sn.show(r,t);if(n instanceof HTMLElement)return We(n,pe),We(n,e.class),Ye(n,-10,-10,z,B),m.insertBefore(n,Dn[t]),n}function jn(e,t){if(i==1||t>0){let t=i==1&&b[e.scale].time,n=e.value;e.value=t?rn(n)?er(j,Qn(n,M)):n||Fe:n||Fr,e.label=e.label||(t?Sr:xr)}if(Tn||t>0){e.width=e.width==null?1:e.width,e.paths=e.paths||wi||Bt,e.fillTo=H(e.fillTo||Qr),e.pxAlign=+R(e.pxAlign,h),e.pxRound=ri(e.pxAlign),e.stroke=H(e.stroke||null),e.fill=H(e.fill||null),e._stroke=e._fill=e._paths=e._focus=null;let t=Lr(kt(1,e.width),1),n=e.points=W({},{size:t,width:kt(1,t*.2),stroke:e.stroke,space:t*2,paths:Ti,_stroke:null,_fill:null},e.points);n.show=H(n.show),n.filter=H(n.filter),n.fill=H(n.fill),n.stroke=H(n.stroke),n.paths=H(n.paths),n.pxAlign=e.pxAlign}if(Ve){let n=gt(e,t);et.splice(t,0,n[0]),tt.splice(t,0,n[1]),P.values.push(null)}if(He){Ie.splice(t,0,null);let n=null;Tn?t==0&&(n=An(e,t)):t>0&&(n=An(e,t)),Dn.splice(t,0,n),On.splice(t,0,0),kn.splice(t,0,0)}ba(`addSeries`,t)}r.addSeries=function(e,t){t??=v.length,e=i==1?Oi(e,t,Cr,Hr):Oi(e,t,{},Vr),v.splice(t,0,e),jn(v[t],t)},r.delSeries=function(e){if(v.splice(e,1),Ve){P.values.splice(e,1),tt.splice(e,1);let t=et.splice(e,1)[0];xt(null,t.firstChild),t.remove()}He&&(Ie.splice(e,1),Dn.splice(e,1)[0].remove(),On.splice(e,1),kn.splice(e,1)),ba(`delSeries`,e)};let Pn=[!1,!1,!1,!1];function Fn(e,t){if(e._show=e.show,e.show){let n=e.side%2,i=b[e.scale];i??=(e.scale=n?v[1].scale:S,b[e.scale]);let a=i.time;e.size=H(e.size),e.space=H(e.space),e.rotate=H(e.rotate),en(e.incrs)&&e.incrs.forEach(e=>{!Jt.has(e)&&Jt.set(e,Yt(e))}),e.incrs=H(e.incrs||(i.distr==2?Mn:a?_==1?Hn:Gn:Nn)),e.splits=H(e.splits||(a&&i.distr==1?te:i.distr==3?Er:i.distr==4?Dr:Tr)),e.stroke=H(e.stroke),e.grid.stroke=H(e.grid.stroke),e.ticks.stroke=H(e.ticks.stroke),e.border.stroke=H(e.border.stroke);let o=e.values;e.values=en(o)&&!en(o[0])?H(o):a?en(o)?Yn(j,Jn(o,M)):rn(o)?Xn(j,o):o||De:o||wr,e.filter=H(e.filter||(i.distr>=3&&i.log==10?Nr:i.distr==3&&i.log==2?Pr:zt)),e.font=Li(e.font),e.labelFont=Li(e.labelFont),e._size=e.size(r,null,t,0),e._space=e._rotate=e._incrs=e._found=e._splits=e._values=null,e._size>0&&(Pn[t]=!0,e._el=qe(le,f))}}function In(e,t,n,r){let[i,a,o,s]=n,c=t%2,l=0;return c==0&&(s||a)&&(l=t==0&&!i||t==2&&!o?Et(br.size/3):0),c==1&&(i||o)&&(l=t==1&&!a||t==3&&!s?Et(Ir.size/2):0),l}let Ln=r.padding=(e.padding||[In,In,In,In]).map(e=>H(R(e,In))),Rn=r._padding=Ln.map((e,t)=>e(r,t,Pn,0)),G,K=null,q=null,zn=i==1?v[0].idxs:null,Bn=null,J=!1;function Vn(e,n){if(t=e??[],r.data=r._data=t,i==2){G=0;for(let e=1;e<v.length;e++)G+=t[e][0].length}else{t.length==0&&(r.data=r._data=t=[[]]),Bn=t[0],G=Bn.length;let e=t;if(O==2){e=t.slice();let n=e[0]=Array(G);for(let e=0;e<G;e++)n[e]=e}r._data=t=e}if($r(!0),ba(`setData`),O==2&&(dn=!0),n!==!1){let e=D;e.auto(r,J)?Zn():Bi(S,e.min,e.max),fn||=F.left>=0,hn=!0,ai()}}r.setData=Vn;function Zn(){J=!0;let e,n;i==1&&(G>0?(K=zn[0]=0,q=zn[1]=G-1,e=t[0][K],n=t[0][q],O==2?(e=K,n=q):e==n&&(O==3?[e,n]=dt(e,e,D.log,!1):O==4?[e,n]=ft(e,e,D.log,!1):D.time?n=e+Et(86400/_):[e,n]=_t(e,n,pt,!0))):(K=zn[0]=e=null,q=zn[1]=n=null)),Bi(S,e,n)}let tr,nr,ir,ar,or,sr,cr,lr,ur,dr;function pr(e,t,n,r,i,a){e??=Oe,n??=Qt,r??=`butt`,i??=Oe,a??=`round`,e!=tr&&(d.strokeStyle=tr=e),i!=nr&&(d.fillStyle=nr=i),t!=ir&&(d.lineWidth=ir=t),a!=or&&(d.lineJoin=or=a),r!=sr&&(d.lineCap=sr=r),n!=ar&&d.setLineDash(ar=n)}function mr(e,t,n,r){t!=nr&&(d.fillStyle=nr=t),e!=cr&&(d.font=cr=e),n!=lr&&(d.textAlign=lr=n),r!=ur&&(d.textBaseline=ur=r)}function hr(e,t,n,i,a=0){if(i.length>0&&e.auto(r,J)&&(t==null||t.min==null)){let t=R(K,0),r=R(q,i.length-1),o=n.min==null?ut(i,t,r,a,e.distr==3):[n.min,n.max];e.min=Ot(e.min,n.min=o[0]),e.max=kt(e.max,n.max=o[1])}}let gr={min:null,max:null};function _r(){for(let e in b){let t=b[e];A[e]==null&&(t.min==null||A[S]!=null&&t.auto(r,J))&&(A[e]=gr)}for(let e in b){let t=b[e];A[e]==null&&t.from!=null&&A[t.from]!=null&&(A[e]=gr)}A[S]!=null&&$r(!0);let e={};for(let t in A){let n=A[t];if(n!=null){let a=e[t]=ln(b[t],on);if(n.min!=null)W(a,n);else if(t!=S||i==2){if(G==0&&a.from==null){let e=a.range(r,null,null,t);a.min=e[0],a.max=e[1]}else a.min=V,a.max=-1/0}}}if(G>0){v.forEach((n,a)=>{if(i==1){let i=n.scale,o=A[i];if(o==null)return;let s=e[i];if(a==0){let e=s.range(r,s.min,s.max,i);s.min=e[0],s.max=e[1],K=it(s.min,t[0]),q=it(s.max,t[0]),q-K>1&&(t[0][K]<s.min&&K++,t[0][q]>s.max&&q--),n.min=Bn[K],n.max=Bn[q]}else n.show&&n.auto&&hr(s,o,n,t[a],n.sorted);n.idxs[0]=K,n.idxs[1]=q}else if(a>0&&n.show&&n.auto){let[r,i]=n.facets,o=r.scale,s=i.scale,[c,l]=t[a],u=e[o],d=e[s];u!=null&&hr(u,A[o],r,c,r.sorted),d!=null&&hr(d,A[s],i,l,i.sorted),n.min=i.min,n.max=i.max}});for(let t in e){let n=e[t],i=A[t];if(n.from==null&&(i==null||i.min==null)){let e=n.range(r,n.min==V?null:n.min,n.max==-1/0?null:n.max,t);n.min=e[0],n.max=e[1]}}}for(let t in e){let n=e[t];if(n.from!=null){let i=e[n.from];if(i.min==null)n.min=n.max=null;else{let e=n.range(r,i.min,i.max,t);n.min=e[0],n.max=e[1]}}}let n={},a=!1;for(let t in e){let r=e[t],i=b[t];if(i.min!=r.min||i.max!=r.max){i.min=r.min,i.max=r.max;let e=i.distr;i._min=e==3?jt(i.min):e==4?Nt(i.min,i.asinh):e==100?i.fwd(i.min):i.min,i._max=e==3?jt(i.max):e==4?Nt(i.max,i.asinh):e==100?i.fwd(i.max):i.max,n[t]=a=!0}}if(a){v.forEach((e,t)=>{i==2?t>0&&n.y&&(e._paths=null):n[e.scale]&&(e._paths=null)});for(let e in n)dn=!0,ba(`setScale`,e);He&&F.left>=0&&(fn=hn=!0)}for(let e in A)A[e]=null}function vr(e){let t=Ft(K-1,0,G-1),n=Ft(q+1,0,G-1);for(;e[t]==null&&t>0;)t--;for(;e[n]==null&&n<G-1;)n++;return[t,n]}function yr(){if(G>0){let e=v.some(e=>e._focus)&&dr!=Cn.alpha;e&&(d.globalAlpha=dr=Cn.alpha),v.forEach((e,n)=>{if(n>0&&e.show&&(Or(n,!1),Or(n,!0),e._paths==null)){let a=dr;dr!=e.alpha&&(d.globalAlpha=dr=e.alpha);let o=i==2?[0,t[n][0].length-1]:vr(t[n]);e._paths=e.paths(r,n,o[0],o[1]),dr!=a&&(d.globalAlpha=dr=a)}}),v.forEach((e,t)=>{if(t>0&&e.show){let n=dr;dr!=e.alpha&&(d.globalAlpha=dr=e.alpha),e._paths!=null&&kr(t,!1);{let n=e._paths==null?null:e._paths.gaps,i=e.points.show(r,t,K,q,n),a=e.points.filter(r,t,i,n);(i||a)&&(e.points._paths=e.points.paths(r,t,K,q,a),kr(t,!0))}dr!=n&&(d.globalAlpha=dr=n),ba(`drawSeries`,t)}}),e&&(d.globalAlpha=dr=1)}}function Or(e,t){let n=t?v[e].points:v[e];n._stroke=n.stroke(r,e),n._fill=n.fill(r,e)}function kr(e,t){let n=t?v[e].points:v[e],{stroke:r,fill:i,clip:a,flags:o,_stroke:s=n._stroke,_fill:c=n._fill,_width:l=n.width}=n._paths;l=U(l*I,3);let u=null,f=l%2/2;t&&c==null&&(c=l>0?`#fff`:s);let p=n.pxAlign==1&&f>0;if(p&&d.translate(f,f),!t){let e=qt-l/2,t=Xt-l/2,n=tn+l,r=sn+l;u=new Path2D,u.rect(e,t,n,r)}t?jr(s,l,n.dash,n.cap,c,r,i,o,a):Ar(e,s,l,n.dash,n.cap,c,r,i,o,u,a),p&&d.translate(-f,-f)}function Ar(e,n,i,a,o,s,c,l,u,d,f){let p=!1;u!=0&&x.forEach((m,h)=>{if(m.series[0]==e){let e=v[m.series[1]],g=t[m.series[1]],_=(e._paths||Zt).band;en(_)&&(_=m.dir==1?_[0]:_[1]);let y,b=null;e.show&&_&&vt(g,K,q)?(b=m.fill(r,h)||s,y=e._paths.clip):_=null,jr(n,i,a,o,b,c,l,u,d,f,y,_),p=!0}}),p||jr(n,i,a,o,s,c,l,u,d,f)}function jr(e,t,n,r,i,a,o,s,c,l,u,f){pr(e,t,n,r,i),(c||l||f)&&(d.save(),c&&d.clip(c),l&&d.clip(l)),f?(s&3)==3?(d.clip(f),u&&d.clip(u),Rr(i,o),Mr(e,a,t)):s&Yr?(Rr(i,o),d.clip(f),Mr(e,a,t)):s&Jr&&(d.save(),d.clip(f),u&&d.clip(u),Rr(i,o),d.restore(),Mr(e,a,t)):(Rr(i,o),Mr(e,a,t)),(c||l||f)&&d.restore()}function Mr(e,t,n){n>0&&(t instanceof Map?t.forEach((e,t)=>{d.strokeStyle=tr=t,d.stroke(e)}):t!=null&&e&&d.stroke(t))}function Rr(e,t){t instanceof Map?t.forEach((e,t)=>{d.fillStyle=nr=t,d.fill(e)}):t!=null&&e&&d.fill(t)}function zr(e,t,n,i){let a=y[e],o;if(i<=0)o=[0,0];else{let s=a._space=a.space(r,e,t,n,i);o=Ii(t,n,a._incrs=a.incrs(r,e,t,n,i,s),i,s)}return a._found=o}function Br(e,t,n,r,i,a,o,s,c,l){let u=o%2/2;h==1&&d.translate(u,u),pr(s,o,c,l,s),d.beginPath();let f,p,m,g,_=i+(r==0||r==3?-a:a);n==0?(p=i,g=_):(f=i,m=_);for(let r=0;r<e.length;r++)t[r]!=null&&(n==0?f=m=e[r]:p=g=e[r],d.moveTo(f,p),d.lineTo(m,g));d.stroke(),h==1&&d.translate(-u,-u)}function Kr(e){let t=!0;return y.forEach((n,i)=>{if(!n.show)return;let a=b[n.scale];if(a.min==null){n._show&&(t=!1,n._show=!1,$r(!1));return}n._show||(t=!1,n._show=!0,$r(!1));let o=n.side,s=o%2,{min:c,max:l}=a,[u,d]=zr(i,c,l,s==0?z:B);if(d==0)return;let f=a.distr==2,p=n._splits=n.splits(r,i,c,l,u,d,f),m=a.distr==2?p.map(e=>Bn[e]):p,h=a.distr==2?Bn[p[1]]-Bn[p[0]]:u,g=n._values=n.values(r,n.filter(r,m,i,d,h),i,d,h);n._rotate=o==2?n.rotate(r,g,i,d):0;let _=n._size;n._size=Dt(n.size(r,g,i,e)),_!=null&&n._size!=_&&(t=!1)}),t}function Xr(e){let t=!0;return Ln.forEach((n,i)=>{let a=n(r,i,Pn,e);a!=Rn[i]&&(t=!1),Rn[i]=a}),t}function Zr(){for(let e=0;e<y.length;e++){let t=y[e];if(!t.show||!t._show)continue;let n=t.side,i=n%2,a,o,c=t.stroke(r,e),l=n==0||n==3?-1:1,[u,f]=t._found;if(t.label!=null){let s=t.labelGap*l,p=Et((t._lpos+s)*I);mr(t.labelFont[0],c,`center`,n==2?Ce:we),d.save(),i==1?(a=o=0,d.translate(p,Et(Xt+sn/2)),d.rotate((n==3?-Ct:Ct)/2)):(a=Et(qt+tn/2),o=p);let m=It(t.label)?t.label(r,e,u,f):t.label;d.fillText(m,a,o),d.restore()}if(f==0)continue;let p=b[t.scale],m=i==0?tn:sn,h=i==0?qt:Xt,_=t._splits,v=p.distr==2?_.map(e=>Bn[e]):_,x=p.distr==2?Bn[_[1]]-Bn[_[0]]:u,S=t.ticks,C=t.border,w=S.show?S.size:0,T=Et(w*I),E=Et((t.alignTo==2?t._size-w-t.gap:t.gap)*I),D=t._rotate*-Ct/180,O=g(t._pos*I),k=O+(T+E)*l;o=i==0?k:0,a=i==1?k:0,mr(t.font[0],c,t.align==1?Te:t.align==2?Ee:D>0?Te:D<0?Ee:i==0?`center`:n==3?Ee:Te,D||i==1?`middle`:n==2?Ce:we);let ee=t.font[1]*t.lineGap,A=_.map(e=>g(s(e,p,m,h))),j=t._values;for(let e=0;e<j.length;e++){let t=j[e];if(t!=null){i==0?a=A[e]:o=A[e],t=``+t;let n=t.indexOf(`
`)==-1?[t]:t.split(/\n/gm);for(let e=0;e<n.length;e++){let t=n[e];D?(d.save(),d.translate(a,o+e*ee),d.rotate(D),d.fillText(t,0,0),d.restore()):d.fillText(t,a,o+e*ee)}}}S.show&&Br(A,S.filter(r,v,e,f,x),i,n,O,T,U(S.width*I,3),S.stroke(r,e),S.dash,S.cap);let M=t.grid;M.show&&Br(A,M.filter(r,v,e,f,x),i,i==0?2:1,i==0?Xt:qt,i==0?sn:tn,U(M.width*I,3),M.stroke(r,e),M.dash,M.cap),C.show&&Br([O],[1],+(i==0),i==0?1:2,i==1?Xt:qt,i==1?sn:tn,U(C.width*I,3),C.stroke(r,e),C.dash,C.cap)}ba(`drawAxes`)}function $r(e){v.forEach((t,n)=>{n>0&&(t._paths=null,e&&(i==1?(t.min=null,t.max=null):t.facets.forEach(e=>{e.min=null,e.max=null})))})}let ei=!1,ti=!1,ni=[];function ii(){ti=!1;for(let e=0;e<ni.length;e++)ba(...ni[e]);ni.length=0}function ai(){ei||=(mn(oi),!0)}r.batch=function(e,t=!1){ei=!0,ti=t,e(r),oi(),t&&ni.length>0&&queueMicrotask(ii)};function oi(){if(cn&&=(_r(),!1),dn&&=(vn(),!1),un){if(L(p,Te,Pt),L(p,Ce,Lt),L(p,xe,z),L(p,Se,B),L(m,Te,Pt),L(m,Ce,Lt),L(m,xe,z),L(m,Se,B),L(f,xe,St),L(f,Se,Tt),u.width=Et(St*I),u.height=Et(Tt*I),y.forEach(({_el:e,_show:t,_size:n,_pos:r,side:i})=>{if(e!=null){if(t){let t=i===3||i===0?n:0,a=i%2==1;L(e,a?`left`:`top`,r-t),L(e,a?`width`:`height`,n),L(e,a?`top`:`left`,a?Lt:Pt),L(e,a?`height`:`width`,a?B:z),Ge(e,N)}else We(e,N)}}),tr=nr=ir=or=sr=cr=lr=ur=ar=null,dr=1,ia(!0),Pt!=Rt||Lt!=Ut||z!=Wt||B!=Kt){$r(!1);let e=z/Wt,t=B/Kt;if(He&&!fn&&F.left>=0){F.left*=e,F.top*=t,ui&&Ye(ui,Et(F.left),0,z,B),di&&Ye(di,0,Et(F.top),z,B);for(let n=0;n<Dn.length;n++){let r=Dn[n];r!=null&&(On[n]*=e,kn[n]*=t,Ye(r,Dt(On[n]),Dt(kn[n]),z,B))}}if(Q.show&&!pn&&Q.left>=0&&Q.width>0){Q.left*=e,Q.width*=e,Q.top*=t,Q.height*=t;for(let e in sa)L(xi,e,Q[e])}Rt=Pt,Ut=Lt,Wt=z,Kt=B}ba(`setSize`),un=!1}St>0&&Tt>0&&(d.clearRect(0,0,u.width,u.height),ba(`drawClear`),w.forEach(e=>e()),ba(`draw`)),Q.show&&pn&&(Ci(Q),pn=!1),He&&fn&&(na(null,!0,!1),fn=!1),P.show&&P.live&&hn&&(ea(),hn=!1),c||(c=!0,r.status=1,ba(`ready`)),J=!1,ei=!1}r.redraw=(e,t)=>{dn=t||!1,e===!1?ai():Bi(S,D.min,D.max)};function si(e,n){let i=b[e];if(i.from==null){if(G==0){let t=i.range(r,n.min,n.max,e);n.min=t[0],n.max=t[1]}if(n.min>n.max){let e=n.min;n.min=n.max,n.max=e}if(G>1&&n.min!=null&&n.max!=null&&n.max-n.min<1e-16)return;e==S&&i.distr==2&&G>0&&(n.min=it(n.min,t[0]),n.max=it(n.max,t[0]),n.min==n.max&&n.max++),A[e]=n,cn=!0,ai()}}r.setScale=si;let ci,li,ui,di,fi,pi,mi,hi,gi,_i,Y,X,vi=!1,yi=F.drag,Z=yi.x,bi=yi.y;He&&(F.x&&(ci=qe(de,m)),F.y&&(li=qe(fe,m)),D.ori==0?(ui=ci,di=li):(ui=li,di=ci),Y=F.left,X=F.top);let Q=r.select=W({show:!0,over:!0,left:0,width:0,top:0,height:0},e.select),xi=Q.show?qe(ue,Q.over?m:p):null;function Ci(e,t){if(Q.show){for(let t in e)Q[t]=e[t],t in sa&&L(xi,t,e[t]);t!==!1&&ba(`setSelect`)}}r.setSelect=Ci;function zi(e){if(v[e].show)Ve&&Ge(et[e],N);else if(Ve&&We(et[e],N),He){let t=Tn?Dn[0]:Dn[e];t!=null&&Ye(t,-10,-10,z,B)}}function Bi(e,t,n){si(e,{min:t,max:n})}function Vi(e,t,n,a){t.focus!=null&&qi(e),t.show!=null&&v.forEach((n,r)=>{r>0&&(e==r||e==null)&&(n.show=t.show,zi(r),i==2?(Bi(n.facets[0].scale,null,null),Bi(n.facets[1].scale,null,null)):Bi(n.scale,null,null),ai())}),n!==!1&&ba(`setSeries`,e,t),a&&wa(`setSeries`,r,e,t)}r.setSeries=Vi,r.addBand=function(e,t){e.fill=H(e.fill||null),e.dir=R(e.dir,-1),t??=x.length,x.splice(t,0,e)},r.setBand=function(e,t){W(x[e],t)},r.delBand=function(e){e==null?x.length=0:x.splice(e,1)};function Hi(e,t){v[e].alpha=t,He&&Dn[e]!=null&&(Dn[e].style.opacity=t),Ve&&et[e]&&(et[e].style.opacity=t)}let Ui,Wi,Gi,Ki={focus:!0};function qi(e){if(e!=Gi){let t=e==null,n=Cn.alpha!=1;v.forEach((r,a)=>{if(i==1||a>0){let i=t||a==0||a==e;r._focus=t?null:i,n&&Hi(a,i?1:Cn.alpha)}}),Gi=e,n&&ai()}}Ve&&wn&&bt(Ne,Je,e=>{F._lock||(xn(e),Gi!=null&&Vi(null,Ki,!0,$.setSeries))});function Ji(e,t,n){let r=b[t];n&&(e=e/I-(r.ori==1?Lt:Pt));let i=z;r.ori==1&&(i=B,e=i-e),r.dir==-1&&(e=i-e);let a=r._min,o=r._max,s=e/i,c=a+(o-a)*s,l=r.distr;return l==3?At(10,c):l==4?Mt(c,r.asinh):l==100?r.bwd(c):c}r.valToIdx=e=>it(e,t[0]),r.posToIdx=function(e,n){return it(Ji(e,S,n),t[0],K,q)},r.posToVal=Ji,r.valToPos=(e,t,n)=>b[t].ori==0?a(e,b[t],n?tn:z,n?qt:0):o(e,b[t],n?sn:B,n?Xt:0),r.setCursor=(e,t,n)=>{Y=e.left,X=e.top,na(null,t,n)};function Yi(e,t){L(xi,Te,Q.left=e),L(xi,xe,Q.width=t)}function Xi(e,t){L(xi,Ce,Q.top=e),L(xi,Se,Q.height=t)}let Zi=D.ori==0?Yi:Xi,Qi=D.ori==1?Yi:Xi;function $i(){if(Ve&&P.live)for(let e=+(i==2);e<v.length;e++){if(e==0&&ot)continue;let t=P.values[e],n=0;for(let r in t)tt[e][n++].firstChild.nodeValue=t[r]}}function ea(e,t){if(e!=null&&(e.idxs?e.idxs.forEach((e,t)=>{Ie[t]=e}):nn(e.idx)||Ie.fill(e.idx),P.idx=Ie[0]),Ve&&P.live){for(let e=0;e<v.length;e++)(e>0||i==1&&!ot)&&ta(e,Ie[e]);$i()}hn=!1,t!==!1&&ba(`setLegend`)}r.setLegend=ea;function ta(e,n){let i=v[e],a=e==0&&O==2?Bn:t[e],o;ot?o=i.values(r,e,n)??st:(o=i.value(r,n==null?null:a[n],e,n),o=o==null?st:{_:o}),P.values[e]=o}function na(e,n,a){gi=Y,_i=X,[Y,X]=F.move(r,Y,X),F.left=Y,F.top=X,He&&(ui&&Ye(ui,Et(Y),0,z,B),di&&Ye(di,0,Et(X),z,B));let o,s=K>q;Ui=V,Wi=null;let c=D.ori==0?z:B,l=D.ori==1?z:B;if(Y<0||G==0||s){o=F.idx=null;for(let e=0;e<v.length;e++){let t=Dn[e];t!=null&&Ye(t,-10,-10,z,B)}wn&&Vi(null,Ki,!0,e==null&&$.setSeries),P.live&&(Ie.fill(o),hn=!0)}else{let e,n,a;i==1&&(e=D.ori==0?Y:X,n=Ji(e,S),o=F.idx=it(n,t[0],K,q),a=k(t[0][o],D,c,0));let s=-10,u=-10,d=0,f=0,p=!0,m=``,h=``;for(let e=+(i==2);e<v.length;e++){let g=v[e],_=Ie[e],y=_==null?null:i==1?t[e][_]:t[e][1][_],x=F.dataIdx(r,e,o,n),S=x==null?null:i==1?t[e][x]:t[e][1][x];if(hn=hn||S!=y||x!=_,Ie[e]=x,e>0&&g.show){let n=x==null?-10:x==o?a:k(i==1?t[0][x]:t[e][0][x],D,c,0),_=S==null?-10:ee(S,i==1?b[g.scale]:b[g.facets[1].scale],l,0);if(wn&&S!=null){let t=D.ori==1?Y:X,n=wt(Cn.dist(r,e,x,_,t));if(n<Ui){let r=Cn.bias;if(r!=0){let i=Ji(t,g.scale),a=S>=0?1:-1,o=i>=0?1:-1;o==a&&(o==1?r==1?S>=i:S<=i:r==1?S<=i:S>=i)&&(Ui=n,Wi=e)}else Ui=n,Wi=e}}if(hn||Tn){let t,i;D.ori==0?(t=n,i=_):(t=_,i=n);let a,o,c,l,g,v,y=!0,b=Sn.bbox;if(b!=null){y=!1;let t=b(r,e);c=t.left,l=t.top,a=t.width,o=t.height}else c=t,l=i,a=o=Sn.size(r,e);if(v=Sn.fill(r,e),g=Sn.stroke(r,e),Tn)e==Wi&&Ui<=Cn.prox&&(s=c,u=l,d=a,f=o,p=y,m=v,h=g);else{let t=Dn[e];t!=null&&(On[e]=c,kn[e]=l,$e(t,a,o,y),Ze(t,v,g),Ye(t,Dt(c),Dt(l),z,B))}}}}if(Tn){let e=Cn.prox;if(hn||(Gi==null?Ui<=e:Ui>e||Wi!=Gi)){let e=Dn[0];e!=null&&(On[0]=s,kn[0]=u,$e(e,d,f,p),Ze(e,m,h),Ye(e,Dt(s),Dt(u),z,B))}}}if(Q.show&&vi){if(e!=null){let[t,n]=$.scales,[r,i]=$.match,[a,o]=e.cursor.sync.scales,s=e.cursor.drag;if(Z=s._x,bi=s._y,Z||bi){let{left:s,top:u,width:d,height:f}=e.select,p=e.scales[a].ori,m=e.posToVal,h,g,_,v,y,x=t!=null&&r(t,a),S=n!=null&&i(n,o);x&&Z?(p==0?(h=s,g=d):(h=u,g=f),_=b[t],v=k(m(h,a),_,c,0),y=k(m(h+g,a),_,c,0),Zi(Ot(v,y),wt(y-v))):Zi(0,c),S&&bi?(p==1?(h=s,g=d):(h=u,g=f),_=b[n],v=ee(m(h,o),_,l,0),y=ee(m(h+g,o),_,l,0),Qi(Ot(v,y),wt(y-v))):Qi(0,l)}else ca()}else{let e=wt(gi-fi),t=wt(_i-pi);if(D.ori==1){let n=e;e=t,t=n}Z=yi.x&&e>=yi.dist,bi=yi.y&&t>=yi.dist;let n=yi.uni;n==null?yi.x&&yi.y&&(Z||bi)&&(Z=bi=!0):Z&&bi&&(Z=e>=n,bi=t>=n,!Z&&!bi&&(t>e?bi=!0:Z=!0));let r,i;Z&&(D.ori==0?(r=mi,i=Y):(r=hi,i=X),Zi(Ot(r,i),wt(i-r)),bi||Qi(0,l)),bi&&(D.ori==1?(r=mi,i=Y):(r=hi,i=X),Qi(Ot(r,i),wt(i-r)),Z||Zi(0,c)),!Z&&!bi&&(Zi(0,0),Qi(0,0))}}if(yi._x=Z,yi._y=bi,e==null){if(a){if(Sa!=null){let[e,t]=$.scales;$.values[0]=e==null?null:Ji(D.ori==0?Y:X,e),$.values[1]=t==null?null:Ji(D.ori==1?Y:X,t)}wa(ke,r,Y,X,z,B,o)}if(wn){let e=a&&$.setSeries,t=Cn.prox;Gi==null?Ui<=t&&Vi(Wi,Ki,!0,e):Ui>t?Vi(null,Ki,!0,e):Wi!=Gi&&Vi(Wi,Ki,!0,e)}}hn&&(P.idx=o,ea()),n!==!1&&ba(`setCursor`)}let ra=null;Object.defineProperty(r,"rect",{get(){return ra??ia(!1),ra}});function ia(e=!1){e?ra=null:(ra=m.getBoundingClientRect(),ba(`syncRect`,ra))}function aa(e,t,n,r,i,a,o){F._lock||vi&&e!=null&&e.movementX==0&&e.movementY==0||(oa(e,t,n,r,i,a,o,!1,e!=null),e==null?na(t,!0,!1):na(null,!0,!0))}function oa(e,t,n,i,a,o,c,l,u){if(ra??ia(!1),xn(e),e!=null)n=e.clientX-ra.left,i=e.clientY-ra.top;else{if(n<0||i<0){Y=-10,X=-10;return}let[e,r]=$.scales,c=t.cursor.sync,[l,u]=c.values,[d,f]=c.scales,[p,m]=$.match,h=t.axes[0].side%2==1,g=D.ori==0?z:B,_=D.ori==1?z:B,v=h?o:a,y=h?a:o,x=h?i:n,S=h?n:i;if(n=d==null?x/v*g:p(e,d)?s(l,b[e],g,0):-10,i=f==null?S/y*_:m(r,f)?s(u,b[r],_,0):-10,D.ori==1){let e=n;n=i,i=e}}u&&(t==null||t.cursor.event.type==ke)&&((n<=1||n>=z-1)&&(n=Gt(n,z)),(i<=1||i>=B-1)&&(i=Gt(i,B))),l?(fi=n,pi=i,[mi,hi]=F.move(r,n,i)):(Y=n,X=i)}let sa={width:0,height:0,left:0,top:0};function ca(){Ci(sa,!1)}let la,ua,da,fa;function pa(e,t,n,i,a,o,s){vi=!0,Z=bi=yi._x=yi._y=!1,oa(e,t,n,i,a,o,s,!0,!1),e!=null&&(bt(je,ze,ma,!1),wa(Ae,r,mi,hi,z,B,null));let{left:c,top:l,width:u,height:d}=Q;la=c,ua=l,da=u,fa=d}function ma(e,t,n,i,a,o,s){vi=yi._x=yi._y=!1,oa(e,t,n,i,a,o,s,!1,!0);let{left:c,top:l,width:u,height:d}=Q,f=u>0||d>0,p=la!=c||ua!=l||da!=u||fa!=d;if(f&&p&&Ci(Q),yi.setScale&&f&&p){let e=c,t=u,n=l,r=d;if(D.ori==1&&(e=l,t=d,n=c,r=u),Z&&Bi(S,Ji(e,S),Ji(e+t,S)),bi)for(let e in b){let t=b[e];e!=S&&t.from==null&&t.min!=V&&Bi(e,Ji(n+r,e),Ji(n,e))}ca()}else F.lock&&(F._lock=!F._lock,na(t,!0,e!=null));e!=null&&(xt(je,ze),wa(je,r,Y,X,z,B,null))}function ha(e,t,n,r,i,a,o){if(F._lock)return;xn(e);let s=vi;if(vi){let e=!0,t=!0,n,r;D.ori==0?(n=Z,r=bi):(n=bi,r=Z),n&&r&&(e=Y<=10||Y>=z-10,t=X<=10||X>=B-10),n&&e&&(Y=Y<mi?0:z),r&&t&&(X=X<hi?0:B),na(null,!0,!0),vi=!1}Y=-10,X=-10,Ie.fill(null),na(null,!0,!0),s&&(vi=s)}function ga(e,t,n,i,a,o,s){F._lock||(xn(e),Zn(),ca(),e!=null&&wa(Pe,r,Y,X,z,B,null))}function _a(){y.forEach(Ri),gn(r.width,r.height,!0)}nt(Le,Be,_a);let va={};va.mousedown=pa,va.mousemove=aa,va.mouseup=ma,va.dblclick=ga,va.setSeries=(e,t,n,i)=>{n=(0,$.match[2])(r,t,n),n!=-1&&Vi(n,i,!0,!1)},He&&(bt(Ae,m,pa),bt(ke,m,aa),bt(Me,m,e=>{xn(e),ia(!1)}),bt(Ne,m,ha),bt(Pe,m,ga),Si.add(r),r.syncRect=ia);let ya=r.hooks=e.hooks||{};function ba(e,t,n){ti?ni.push([e,t,n]):e in ya&&ya[e].forEach(e=>{e.call(null,r,t,n)})}(e.plugins||[]).forEach(e=>{for(let t in e.hooks)ya[t]=(ya[t]||[]).concat(e.hooks[t])});let xa=(e,t,n)=>n,$=W({key:null,setSeries:!1,filters:{pub:Vt,sub:Vt},scales:[S,v[1]?v[1].scale:null],match:[Ht,Ht,xa],values:[null,null]},F.sync);$.match.length==2&&$.match.push(xa),F.sync=$;let Sa=$.key,Ca=qr(Sa);function wa(e,t,n,r,i,a,o){$.filters.pub(e,t,n,r,i,a,o)&&Ca.pub(e,t,n,r,i,a,o)}Ca.sub(r),r.pub=function(e,t,n,r,i,a,o){$.filters.sub(e,t,n,r,i,a,o)&&va[e](null,t,n,r,i,a,o)},r.destroy=function(){Ca.unsub(r),Si.delete(r),yt.clear(),rt(Le,Be,_a),l.remove(),Je?.remove(),ba(`destroy`)};function Ta(){ba(`init`,e,t),Vn(t||e.data,!1),A[S]?si(S,A[S]):Zn(),pn=Q.show&&(Q.width>0||Q.height>0),fn=hn=!0,gn(e.width,e.height)}return v.forEach(jn),y.forEach(Fn),n?n instanceof HTMLElement?(n.appendChild(l),Ta()):n(r,Ta):Ta(),r}zi.assign=W,zi.fmtNum=xt,zi.rangeNum=_t,zi.rangeLog=dt,zi.rangeAsinh=ft,zi.orient=Xr,zi.pxRatio=I,zi.join=function(e,t){if(gn(e)){let t=e[0].slice();for(let n=1;n<e.length;n++)t.push(...e[n].slice(1));return _n(t[0])||(t=hn(t)),t}let n=new Set;for(let t=0;t<e.length;t++){let r=e[t][0],i=r.length;for(let e=0;e<i;e++)n.add(r[e])}let r=[Array.from(n).sort((e,t)=>e-t)],i=r[0].length,a=new Map;for(let e=0;e<i;e++)a.set(r[0][e],e);for(let n=0;n<e.length;n++){let o=e[n],s=o[0];for(let e=1;e<o.length;e++){let c=o[e],l=Array(i).fill(void 0),u=t?t[n][e]:dn,d=[];for(let e=0;e<c.length;e++){let t=c[e],n=a.get(s[e]);t===null?u!=un&&(l[n]=t,u==fn&&d.push(n)):l[n]=t}pn(l,d,i),r.push(l)}}return r},zi.fmtDate=En,zi.tzDate=function(e,t){let n;return t==`UTC`||t==`Etc/UTC`?n=new Date(+e+e.getTimezoneOffset()*6e4):t==Dn?n=e:(n=new Date(e.toLocaleString(`en-US`,{timeZone:t})),n.setMilliseconds(e.getMilliseconds())),n},zi.sync=qr;{zi.addGap=ti,zi.clipGaps=ei;let e=zi.paths={points:hi};e.linear=X,e.stepped=vi,e.bars=Z,e.spline=Q}var Bi=`.uplot,.uplot *,.uplot :before,.uplot :after{box-sizing:border-box}.uplot{width:min-content;font-family:system-ui,-apple-system,Segoe UI,Roboto,Helvetica Neue,Arial,Noto Sans,sans-serif,Apple Color Emoji,Segoe UI Emoji,Segoe UI Symbol,Noto Color Emoji;line-height:1.5}.u-title{text-align:center;font-size:18px;font-weight:700}.u-wrap{-webkit-user-select:none;user-select:none;position:relative}.u-over,.u-under{position:absolute}.u-under{overflow:hidden}.uplot canvas{width:100%;height:100%;display:block;position:relative}.u-axis{position:absolute}.u-legend{text-align:center;margin:auto;font-size:14px}.u-inline{display:block}.u-inline *{display:inline-block}.u-inline tr{margin-right:16px}.u-legend th{font-weight:600}.u-legend th>*{vertical-align:middle;display:inline-block}.u-legend .u-marker{width:1em;height:1em;margin-right:4px;background-clip:padding-box!important}.u-inline.u-live th:after{content:":";vertical-align:middle}.u-inline:not(.u-live) .u-value{display:none}.u-series>*{padding:4px}.u-series th{cursor:pointer}.u-legend .u-off>*{opacity:.3}.u-select{pointer-events:none;background:#00000012;position:absolute}.u-cursor-x,.u-cursor-y{pointer-events:none;will-change:transform;position:absolute;top:0;left:0}.u-hz .u-cursor-x,.u-vt .u-cursor-y{border-right:1px dashed #607d8b;height:100%}.u-hz .u-cursor-y,.u-vt .u-cursor-x{border-bottom:1px dashed #607d8b;width:100%}.u-cursor-pt{pointer-events:none;will-change:transform;border:0 solid;border-radius:50%;position:absolute;top:0;left:0;background-clip:padding-box!important}.u-axis.u-off,.u-select.u-off,.u-cursor-x.u-off,.u-cursor-y.u-off,.u-cursor-pt.u-off{display:none}`,Vi=170,Hi=class extends d{constructor(...e){super(...e),this.label=``,this.times=[],this.series=[],this.format=String,this.made=``,this.observer=new ResizeObserver(()=>this.resize()),this.onTheme=()=>{this.made=``,this.requestUpdate()},this.scheme=window.matchMedia(`(prefers-color-scheme: dark)`)}static{this.styles=[t,p(Bi),e`
      .plot {
        min-height: ${Vi}px;
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
    `]}connectedCallback(){super.connectedCallback(),window.addEventListener(`wc-theme`,this.onTheme),this.scheme.addEventListener(`change`,this.onTheme)}disconnectedCallback(){super.disconnectedCallback(),window.removeEventListener(`wc-theme`,this.onTheme),this.scheme.removeEventListener(`change`,this.onTheme),this.observer.disconnect(),this.chart?.destroy(),this.chart=void 0,this.made=``}resize(){this.chart?.setSize({width:this.plot.clientWidth||300,height:Vi})}color(e){let t=document.createElement(`i`);t.style.color=`var(${e})`,this.plot.append(t);let n=getComputedStyle(t).color;return t.remove(),n}updated(){let e=JSON.stringify(this.series.map(({label:e,color:t})=>[e,t])),t=[this.times,...this.series.map(e=>e.values)];if(this.chart&&e===this.made){this.chart.setData(t);return}this.made=e,this.chart?.destroy();let n={stroke:this.color(`--wc-muted`),grid:{stroke:this.color(`--wc-line`),width:1},ticks:{show:!1},font:`12px sans-serif`},r=new Intl.DateTimeFormat(h(),{hour:`2-digit`,minute:`2-digit`,hourCycle:`h23`});this.chart=new zi({width:this.plot.clientWidth||300,height:Vi,padding:[8,8,0,0],legend:{show:!1},cursor:{y:!1,drag:{x:!1,y:!1}},scales:{y:{range:(e,t,n)=>[0,this.maximum??Math.max(n||0,1e-9)*1.1]}},axes:[{...n,size:30,values:(e,t)=>t.map(e=>r.format(e*1e3))},{...n,size:64,values:(e,t)=>t.map(e=>this.format(e))}],series:[{},...this.series.map(e=>{let t=this.color(e.color);return{label:e.label,stroke:t,width:2,points:{show:e.points??!1,size:6,fill:t},...e.points?{paths:()=>null}:{},...e.fill?{fill:t.replace(`rgb(`,`rgba(`).replace(`)`,`, 0.14)`)}:{}}})]},t,this.plot),this.observer.observe(this.plot)}render(){return i`<div class="plot" role="img" aria-label=${this.label}></div>
      ${this.series.length>1?i`<div class="legend">
            ${this.series.map(e=>i`<span><i .style=${`background: var(${e.color})`}></i>${e.label}</span>`)}
          </div>`:``}`}};a([n()],Hi.prototype,`label`,void 0),a([n({attribute:!1})],Hi.prototype,`times`,void 0),a([n({attribute:!1})],Hi.prototype,`series`,void 0),a([n({attribute:!1})],Hi.prototype,`format`,void 0),a([n({type:Number})],Hi.prototype,`maximum`,void 0),a([_(`.plot`)],Hi.prototype,`plot`,void 0),Hi=a([r(`wc-chart`)],Hi);var Ui=1e4,Wi=3600,Gi=6,Ki=class extends d{constructor(...e){super(...e),this.samples=[],this.traces=[],this.controller=new u(this),this.timer=0}static{this.styles=[t,e`
      .graphs {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr));
        gap: 16px;
      }
      h2 {
        margin-bottom: 8px;
      }
    `]}connectedCallback(){super.connectedCallback(),this.read(),this.timer=window.setInterval(()=>{document.hidden||this.read()},Ui)}disconnectedCallback(){super.disconnectedCallback(),window.clearInterval(this.timer)}async read(){try{let[e,t]=await Promise.all([this.server.connection.request(`GET`,`/history`),this.server.connection.request(`GET`,`/traces?limit=500`)]);this.samples=e.samples,this.traces=t.traces}catch{}}render(){if(this.samples.length<2)return c;let e=this.samples.map(e=>e.at),t=this.server.snapshot?.devices??[];return i`<div class="graphs">
      ${t.filter(e=>e.present).map(t=>{let n=this.samples.map(e=>e.devices[t.device]);return i`<section class="card">
            <h2>${m(`machine.memory_of`,{device:t.name})}</h2>
            <wc-chart
              .label=${m(`machine.memory_of`,{device:t.name})}
              .times=${e}
              .format=${x}
              .maximum=${t.total_bytes}
              .series=${[{label:m(`machine.memory_all`),color:`--wc-other`,values:n.map(e=>e?.used_bytes??null),fill:!0},{label:m(`machine.models`),color:`--wc-1`,values:n.map(e=>e?.model_bytes??null),fill:!0}]}
            ></wc-chart>
          </section>`})}
      ${this.renderUtilization(e)}
      <section class="card">
        <h2>${m(`machine.load_graph`)}</h2>
        <wc-chart
          .label=${m(`machine.load_graph`)}
          .times=${e}
          .format=${e=>Number.isInteger(e)?b(e):``}
          .series=${[{label:m(`machine.active`),color:`--wc-1`,values:this.samples.map(e=>e.active_requests)},{label:m(`machine.waiting`),color:`--wc-5`,values:this.samples.map(e=>e.queue_depth)}]}
        ></wc-chart>
      </section>
      ${this.renderLatency()}
    </div>`}renderUtilization(e){let t=(this.server.snapshot?.devices??[]).filter(e=>this.samples.some(t=>t.devices[e.device]?.utilisation!=null));return t.length?i`<section class="card">
      <h2>${m(`machine.utilization_graph`)}</h2>
      <wc-chart
        .label=${m(`machine.utilization_graph`)}
        .times=${e}
        .format=${v}
        .maximum=${1}
        .series=${t.map((e,t)=>({label:e.name,color:`--wc-${t%Gi+1}`,values:this.samples.map(t=>t.devices[e.device]?.utilisation??null)}))}
      ></wc-chart>
    </section>`:c}renderLatency(){let e=Date.now()/1e3-Wi,t=this.traces.map(e=>({...e,at:new Date(e.ended_at).getTime()/1e3})).filter(t=>t.at>=e&&!t.code&&t.kind!==`wake`).reverse();if(!t.length)return c;let n=[{kind:`asr`,label:m(`kind.asr`),color:`--wc-1`},{kind:`tts`,label:m(`machine.first_audio`),color:`--wc-4`}];return i`<section class="card">
      <h2>${m(`machine.latency`)}</h2>
      <wc-chart
        .label=${m(`machine.latency`)}
        .times=${t.map(e=>e.at)}
        .format=${C}
        .series=${n.map(({kind:e,label:n,color:r})=>({label:n,color:r,points:!0,values:t.map(t=>t.kind===e?(e===`tts`?t.stages.first_audio:void 0)??t.seconds:null)}))}
      ></wc-chart>
    </section>`}};a([n({attribute:!1})],Ki.prototype,`server`,void 0),a([f()],Ki.prototype,`samples`,void 0),a([f()],Ki.prototype,`traces`,void 0),Ki=a([r(`wc-graphs`)],Ki);var qi=6;function Ji(e,t){return t.filter(t=>t.device===e&&[`ready`,`unloading`].includes(t.state)).sort((e,t)=>t.memory_bytes-e.memory_bytes)}function Yi(e,t){let n=Ji(e.device,t),r=n.map((e,t)=>({kind:`model`,name:e.id,bytes:e.memory_bytes,color:t%qi+1})),i=n.reduce((e,t)=>e+t.memory_bytes,0),a=Math.max(0,Math.min(e.free_bytes,e.total_bytes-i)),o=Math.min(e.reserved_bytes,a),s=Math.max(0,e.total_bytes-i-a);return o>0&&r.push({kind:`reserved`,name:``,bytes:o,color:0}),s>0&&r.push({kind:`other`,name:``,bytes:s,color:0}),r.push({kind:`free`,name:``,bytes:a-o,color:0}),r}function Xi(e,t){return Ji(e,t).filter(e=>!e.pinned&&!e.active_requests&&e.state===`ready`).sort((e,t)=>(e.last_used??``).localeCompare(t.last_used??``))}var Zi=class extends d{constructor(...e){super(...e),this.controller=new u(this)}static{this.styles=[t,e`
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
    `]}async setAccepting(e){await this.run(this.server.connection.request(`POST`,e?`/resume`:`/pause`)),this.server.renewSoon(0)}async restart(){await ee({title:m(`machine.restart_title`),text:m(`machine.restart_text`),confirm:m(`machine.restart`)})&&await this.run(this.server.connection.request(`POST`,`/restart`),m(`machine.restarting`))}render(){let e=this.server.snapshot;if(!e)return c;let{health:t,queue:n}=e,r=this.server.canOperate;return i`<div class="stack">
      <section class="card">
        <div class="spread">
          <div class="row">
            ${t.accepting?i`<span class="chip ${t.ready?`ok`:`warn`}"
                  >${t.ready?m(`machine.ready`):m(`machine.not_ready`)}</span
                >`:i`<span class="chip warn">${m(`machine.paused`)}</span>`}
            <span class="muted"
              >${m(`machine.running_for`,{time:C(t.uptime_secs)})}</span
            >
            <span class="muted">
              ${m(`machine.load`,{active:n.active_requests,waiting:n.waiting_requests})}
            </span>
          </div>
          ${r?i`<div class="row">
                <button @click=${()=>this.setAccepting(!t.accepting)}>
                  ${t.accepting?m(`machine.pause`):m(`machine.resume`)}
                </button>
                ${this.server.has(`restart`)?i`<button @click=${this.restart}>${m(`machine.restart`)}</button>`:c}
              </div>`:c}
        </div>
        ${t.reasons.length?i`<ul class="note warn reasons">
              ${t.reasons.map(e=>i`<li>${e}</li>`)}
            </ul>`:c}
      </section>
      <div class="devices">${e.devices.map(e=>this.renderDevice(e))}</div>
      <wc-model-list .server=${this.server}></wc-model-list>
      <wc-graphs .server=${this.server}></wc-graphs>
    </div>`}renderDevice(e){let t=this.server.snapshot?.models??[],n=Yi(e,t),r=Xi(e.device,t),a=[e.utilisation==null?``:m(`machine.utilization`,{value:v(e.utilisation)}),e.temperature==null?``:`${Math.round(e.temperature)} °C`,e.power==null?``:`${Math.round(e.power)} W`].filter(Boolean);return i`<section class="card" aria-label=${e.name}>
      <div class="spread">
        <h2>${e.name}</h2>
        ${e.present?c:i`<span class="chip error">${m(`machine.device_absent`)}</span>`}
        ${e.pressure===`normal`?c:i`<span class="chip ${e.pressure===`critical`?`error`:`warn`}"
              >${m(e.pressure===`critical`?`machine.pressure_critical`:`machine.pressure_warning`)}</span
            >`}
      </div>
      <p class="muted small">
        ${[m(`machine.free_of`,{free:x(e.free_bytes),total:x(e.total_bytes)}),m(`machine.budget`,{budget:x(e.budget_bytes)}),...a].join(` · `)}
      </p>
      <div class="bar" role="img" aria-label=${m(`machine.memory_of`,{device:e.name})}>
        ${n.map(e=>i`<span
              class=${Qi(e)}
              title="${$i(e)}: ${x(e.bytes)}"
              .style=${`flex: ${e.bytes} 0 0`}
            ></span>`)}
      </div>
      <ul class="key">
        ${n.map(e=>i`<li>
              <i class=${Qi(e)}></i><span class="clip">${$i(e)}</span>
              <span class="number muted">${x(e.bytes)}</span>
            </li>`)}
      </ul>
      ${r.length?i`<p class="evict small muted">
            ${m(`machine.evictable`,{models:r.map(e=>e.id).join(`, `)})}
          </p>`:c}
    </section>`}};a([n({attribute:!1})],Zi.prototype,`server`,void 0),Zi=a([r(`wc-overview`)],Zi);function Qi(e){return e.kind===`model`?`model-${e.color}`:e.kind}function $i(e){return e.kind===`model`?e.name:m(`machine.memory_${e.kind}`)}var ea=k(class extends T{constructor(e){if(super(e),e.type!==D.PROPERTY&&e.type!==D.ATTRIBUTE&&e.type!==D.BOOLEAN_ATTRIBUTE)throw Error("The `live` directive is not allowed on child or event bindings");if(!E(e))throw Error("`live` bindings can only contain a single expression")}render(e){return e}update(e,[t]){if(t===o||t===c)return t;let n=e.element,r=e.name;if(e.type===D.PROPERTY){if(t===n[r])return o}else if(e.type===D.BOOLEAN_ATTRIBUTE){if(!!t===n.hasAttribute(r))return o}else if(e.type===D.ATTRIBUTE&&n.getAttribute(r)===t+``)return o;return O(e),t}}),ta=``;function na(e,t){let n=new Map,r=(e,t,r,i=``)=>{let a=n.get(e)??{id:e,parent:i,title:t,settings:[]};a.settings.push(r),n.set(e,a)};for(let n of e.keys){let i=n.path.split(`.`),a=i.indexOf(`*`);if(a===i.length-1){let t=i.slice(0,-1);t.includes(`*`)||r(ra(t),ia(e,t),{path:t,key:n,isMap:!0})}else if(a>0&&i.lastIndexOf(`*`)===a){let e=i.slice(0,a).join(`.`);for(let o of t[e]??[]){let t=[...i.slice(0,a),o,...i.slice(a+1)];r(`${e}.${o}`,o,{path:t,key:n,isMap:!1},e)}}else a<0&&r(ra(i),ia(e,i),{path:i,key:n,isMap:!1})}return[...n.values()]}function ra(e){return e.length>1?e[0]??ta:ta}function ia(e,t){let n=ra(t);return(e.sections[n]??n).replace(/\.$/,``).split(/[:.] /)[0]??n}function aa(e,t){let n=e;for(let e of t){if(typeof n!=`object`||!n)return;n=n[e]}return n}function oa(e,t){return[...e].reverse().reduce((e,t)=>({[t]:e}),t)}var sa=1024**2,ca=1024**3;function la(e,t){if(t==null)return``;if(typeof t==`string`)return t;if(Array.isArray(t))return t.join(`
`);if(typeof t==`object`)return Object.entries(t).map(([e,t])=>`${e} = ${String(t)}`).join(`
`);if(e===`size`&&typeof t==`number`&&t>0){if(t%ca===0)return`${t/ca}GiB`;if(t%sa===0)return`${t/sa}MiB`}return JSON.stringify(t)}function ua(e,t,n){let r=n.trim();if(t)return fa(e,n);if(!r&&e.nullable)return null;switch(e.kind){case`list`:return pa(n);case`integer`:case`number`:return ma(r);case`duration`:case`size`:return ma(r.replace(/^([\d.]+)\s*(\w+)$/,`$1$2`));case`preload`:return/^(true|false)$/.test(r)?r===`true`:pa(n);case`scalar`:return/^(true|false)$/.test(r)?r===`true`:ma(r);default:return r}}function da(e,t){let n=Object.keys(e??{}).filter(e=>!(e in t));return{...t,...Object.fromEntries(n.map(e=>[e,null]))}}function fa(e,t){return Object.fromEntries(pa(t).map(t=>{let n=t.lastIndexOf(`=`),[r,i]=n<0?[t,``]:[t.slice(0,n),t.slice(n+1)];return[r.trim(),ua(e,!1,i)]}))}function pa(e){return e.split(`
`).map(e=>e.trim()).filter(Boolean)}function ma(e){let t=Number(e);return e&&Number.isFinite(t)?t:e}function ha(e,t){let n=`${e.path.join(`.`)} ${e.key.description}`.toLowerCase();return t.toLowerCase().split(/\s+/).every(e=>n.includes(e))}function ga(e,t){return e.sources[t.path.join(`.`)]??`default`}var _a=class extends d{constructor(...e){super(...e),this.source=`default`,this.pending=!1,this.error=``,this.locked=!1,this.busy=!1,this.suggestions=[]}static{this.styles=[t,e`
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
    `]}save(e){this.dispatchEvent(new CustomEvent(`save`,{detail:e}))}onChange(e){let t=e.target.value,{key:n,isMap:r}=this.setting;if(t===this.text)return;let i=ua(n,r,t);this.save(r?da(this.value,i):i)}get text(){return la(this.setting.key.kind,this.value)}render(){let{key:e,path:t}=this.setting,n=[e.minimum===null?``:`≥ ${la(e.kind,e.minimum)}`,e.maximum===null?``:`≤ ${la(e.kind,e.maximum)}`].filter(Boolean),r=la(e.kind,e.default).replace(/\n/g,`, `),a=[this.setting.isMap?m(`settings.map_help`):g(`settings.kind`,e.kind),n.join(`, `),this.setting.isMap?``:m(`settings.default`,{value:r||`–`}),g(`settings.applies`,e.applies)];return i`<div class="field">
      <div>
        <p class="path mono">${t.join(`.`)}</p>
        <p class="small" id="description">${e.description}</p>
        <p class="small muted">${a.filter(Boolean).join(` · `)}</p>
      </div>
      <div class="control">
        ${this.renderInput()}
        ${this.error?i`<p class="small error-text" role="alert">${this.error}</p>`:c}
        <div class="row">
          ${this.busy?i`<span class="small muted">${m(`settings.saving`)}</span>`:c}
          ${this.locked?i`<span class="chip">${m(`settings.locked`)}</span>`:c}
          ${this.pending?i`<span class="chip warn"
                >${m(`settings.pending`,{value:la(e.kind,this.effective)||`–`})}</span
              >`:c}
          ${this.source==="default"||this.source===`overrides`?c:i`<span class="chip">${g(`source`,this.source.replace(` `,`_`))}</span>`}
          ${this.source===`overrides`&&!this.locked?i`<button class="quiet" @click=${()=>this.save(null)}>${m(`settings.reset`)}</button>`:c}
        </div>
      </div>
    </div>`}renderInput(){let{key:e,isMap:t}=this.setting,n=this.setting.path.join(`.`),r=this.locked||this.busy;if(e.kind===`boolean`&&!t&&!e.nullable)return i`<label class="switch">
        <input
          type="checkbox"
          aria-label=${n}
          aria-describedby="description"
          .checked=${ea(this.value===!0)}
          ?disabled=${r}
          @change=${e=>this.save(e.target.checked)}
        />
        ${this.value===!0?m(`settings.on`):m(`settings.off`)}
      </label>`;if((e.kind===`choice`||e.kind===`boolean`)&&!t){let t=e.kind===`boolean`?[`true`,`false`]:e.choices;return i`<select
        aria-label=${n}
        aria-describedby="description"
        ?disabled=${r}
        @change=${e=>this.onSelect(e.target.value)}
      >
        ${e.nullable?i`<option value="" ?selected=${this.text===``}>–</option>`:c}
        ${t.map(e=>i`<option value=${e} ?selected=${e===this.text}>${e}</option>`)}
      </select>`}if(t||e.kind===`list`||e.kind===`preload`)return i`<textarea
        rows=${Math.min(8,this.text.split(`
`).length+1)}
        aria-label=${n}
        aria-describedby="description"
        spellcheck="false"
        .value=${ea(this.text)}
        ?disabled=${r}
        @change=${this.onChange}
      ></textarea>`;let a=this.suggestions.length?this.suggestions:e.kind===`text`?e.choices:[];return i`<input
        type="text"
        inputmode=${e.kind===`integer`||e.kind===`number`?`decimal`:`text`}
        list=${a.length?`options`:c}
        aria-label=${n}
        aria-describedby="description"
        autocomplete="off"
        spellcheck="false"
        .value=${this.text}
        ?disabled=${r}
        @change=${this.onChange}
      />
      ${a.length?i`<datalist id="options">${a.map(e=>i`<option value=${e}></option>`)}</datalist>`:c}`}onSelect(e){e===``?this.save(null):this.save(this.setting.key.kind===`boolean`?e===`true`:e)}};a([n({attribute:!1})],_a.prototype,`setting`,void 0),a([n({attribute:!1})],_a.prototype,`value`,void 0),a([n({attribute:!1})],_a.prototype,`effective`,void 0),a([n()],_a.prototype,`source`,void 0),a([n({type:Boolean})],_a.prototype,`pending`,void 0),a([n()],_a.prototype,`error`,void 0),a([n({type:Boolean})],_a.prototype,`locked`,void 0),a([n({type:Boolean})],_a.prototype,`busy`,void 0),a([n({attribute:!1})],_a.prototype,`suggestions`,void 0),_a=a([r(`wc-setting-field`)],_a);var va=[{parent:``},{parent:`models`,title:`settings.models`},{parent:`wake.word_settings`,title:`settings.wake_words`}],ya=class extends d{constructor(...e){super(...e),this.search=``,this.error=``,this.errors={},this.saving=``,this.controller=new u(this,e=>{e.type===`config_changed`&&this.read()})}static{this.styles=[t,e`
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
    `]}connectedCallback(){super.connectedCallback(),this.read()}async read(){try{let e=this.server.connection;this.schema??=await e.request(`GET`,`/config/schema`),this.config=await e.request(`GET`,`/config`),this.error=``}catch(e){this.error=s(e)}}async save(e,t){let n=e.path.join(`.`);this.saving=n,this.errors={...this.errors,[n]:``};try{let r=await this.server.connection.request(`PATCH`,`/config`,oa(e.path,t)),i=r.shadowed[n],a=r.keys[n]?.note;l(i?m(`settings.shadowed`,{source:m(`source.${i.replace(` `,`_`)}`)}):r.restart_needed.includes(n)?m(`settings.saved_restart`):[m(`settings.saved`),a].filter(Boolean).join(` `)),await this.read()}catch(e){this.errors={...this.errors,[n]:s(e)}}finally{this.saving=``}}groups(){if(!this.schema)return[];let e=this.server.snapshot?.models??[],t=e.flatMap(e=>e.kind===`wake`?e.offers.map(e=>e.name):[]),n=na(this.schema,{models:e.map(e=>e.id),"wake.word_settings":t});return this.search?n.map(e=>({...e,settings:e.settings.filter(e=>ha(e,this.search))})).filter(e=>e.settings.length):n}render(){if(this.error)return i`<p class="note error">${this.error}</p>`;let e=this.config;if(!e||!this.schema)return c;let t=this.groups();return i`<div class="stack">
      <input
        class="search"
        type="search"
        placeholder=${m(`settings.search`)}
        aria-label=${m(`settings.search`)}
        .value=${this.search}
        @input=${e=>this.search=e.target.value}
      />
      ${e.restart_needed.length?i`<p class="note warn">
            ${m(`settings.restart_needed`,{keys:e.restart_needed.join(`, `)})}
          </p>`:c}
      ${va.map(({parent:n,title:r})=>{let a=t.filter(e=>e.parent===n);return a.length?i`${r?i`<h2>${m(r)}</h2>`:c}
              <section class="card">${a.map(t=>this.renderGroup(t,e))}</section>`:c})}
      ${t.length?c:i`<p class="empty">${m(`settings.none`)}</p>`}
    </div>`}renderGroup(e,t){return i`<details ?open=${this.search!==``}>
      <summary>
        ${e.id===``?m(`settings.general`):e.title}
        <span class="small muted">${this.countChanged(e,t)}</span>
      </summary>
      <div class="fields">
        ${e.settings.map(e=>{let n=e.path.join(`.`);return i`<wc-setting-field
            .setting=${e}
            .value=${aa(t.config,e.path)}
            .effective=${aa(t.effective,e.path)}
            .source=${ga(t,e)}
            .pending=${n in t.pending}
            .error=${this.errors[n]??``}
            .locked=${e.key.admin&&!this.server.isAdmin}
            .busy=${this.saving===n}
            .suggestions=${this.suggestions(n)}
            @save=${t=>this.save(e,t.detail)}
          ></wc-setting-field>`})}
      </div>
    </details>`}countChanged(e,t){let n=e.settings.filter(e=>ga(t,e)!=="default").length;return n?m(`settings.changed`,{count:n}):``}suggestions(e){let t=this.server.snapshot?.models??[];return e===`asr.model`?t.filter(e=>e.kind===`asr`).map(e=>e.id):e===`tts.voice`?t.flatMap(e=>e.kind===`tts`?e.offers.map(e=>e.name):[]):[]}};a([n({attribute:!1})],ya.prototype,`server`,void 0),a([f()],ya.prototype,`schema`,void 0),a([f()],ya.prototype,`config`,void 0),a([f()],ya.prototype,`search`,void 0),a([f()],ya.prototype,`error`,void 0),a([f()],ya.prototype,`errors`,void 0),a([f()],ya.prototype,`saving`,void 0),ya=a([r(`wc-settings`)],ya);var ba=50,xa=class extends d{constructor(...e){super(...e),this.phrases=[],this.error=``,this.controller=new u(this,e=>{/^model_(installed|removed|ready|unloaded)$/.test(String(e.type))&&this.read()})}static{this.styles=[t,e`
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
    `]}connectedCallback(){super.connectedCallback(),this.read()}async read(){try{let e=this.server.connection;if(this.cache=await e.request(`GET`,`/cache`),this.cache.phrases&&this.server.canOperate){let{entries:t}=await e.request(`GET`,`/cache/phrases?limit=${ba}`);this.phrases=t}this.error=``}catch(e){this.error=s(e)}}async confirmDelete(e,t,n){if(!await ee({title:t,text:n,confirm:m(`action.delete`),danger:!0}))return;let r=await this.run(this.server.connection.request(`DELETE`,e));r&&await this.run(Promise.resolve(),m(`storage.freed`,{bytes:x(r.freed_bytes)})),await this.read()}removeUnused(e){let t=e.map(e=>`${e.id} (${x(e.bytes)})`).join(`, `);return this.confirmDelete(`/cache/models`,m(`storage.clear_models`),m(`storage.clear_models_text`,{models:t}))}render(){if(this.error)return i`<p class="note error">${this.error}</p>`;if(!this.cache)return c;let{models:e,phrases:t}=this.cache,n=this.server.snapshot?.disk,r=e.entries.filter(e=>!e.in_use),a=this.server.canOperate;return i`<div class="stack">
      <section class="card figures">
        <div>
          <p class="muted small">${m(`storage.models`)}</p>
          <p class="total number">${x(e.bytes)}</p>
        </div>
        ${t?i`<div>
              <p class="muted small">${m(`storage.phrases`)}</p>
              <p class="total number">${x(t.bytes)}</p>
            </div>`:c}
        ${n?i`<div>
              <p class="muted small">${m(`storage.disk_free`)}</p>
              <p class="total number">${x(n.free_bytes)}</p>
            </div>`:c}
      </section>
      <section class="card">
        <div class="spread">
          <h2>${m(`storage.models`)}</h2>
          ${a&&r.length?i`<button @click=${()=>this.removeUnused(r)}>${m(`storage.clear_models`)}</button>`:c}
        </div>
        <ul class="list">
          ${[...e.entries].sort((e,t)=>t.bytes-e.bytes).map(e=>i`<li>
                  <span class="grow">${e.id}</span>
                  ${e.in_use?i`<span class="chip ok">${m(`storage.in_use`)}</span>`:c}
                  <span class="number muted">${x(e.bytes)}</span>
                  ${a?i`<button
                        class="quiet danger"
                        ?disabled=${e.in_use}
                        aria-label="${m(`action.delete`)}: ${e.id}"
                        @click=${()=>this.confirmDelete(`/models/${e.id}`,m(`storage.delete_model`,{model:e.id}),m(`storage.delete_model_text`))}
                      >
                        ${m(`action.delete`)}
                      </button>`:c}
                </li>`)}
        </ul>
        ${e.entries.length?c:i`<p class="empty">${m(`storage.no_models`)}</p>`}
      </section>
      ${this.renderProjects()} ${t?this.renderPhrases():c}
    </div>`}renderProjects(){let e=this.cache?.jobs;if(!e)return c;let t=[m(`storage.recordings`,{bytes:x(e.recordings_bytes)}),m(`storage.speech`,{bytes:x(e.audio_bytes)}),m(`storage.sentences`,{bytes:x(e.phrases_bytes)})];return i`<section class="card">
      <div class="spread">
        <h2>${m(`storage.projects`)}</h2>
        ${this.server.canOperate&&e.phrases_bytes?i`<button
              @click=${()=>this.confirmDelete(`/cache/jobs`,m(`storage.clear_sentences`),m(`storage.clear_sentences_text`))}
            >
              ${m(`storage.clear_sentences`)}
            </button>`:c}
      </div>
      <p class="muted small">${t.join(` · `)}</p>
      <p class="muted small">${m(`storage.projects_help`,{bytes:x(e.quota_bytes)})}</p>
    </section>`}renderPhrases(){let e=this.cache?.phrases;return e?i`<section class="card">
      <div class="spread">
        <h2>${m(`storage.phrases`)}</h2>
        ${this.server.canOperate&&e.phrases?i`<button
              @click=${()=>this.confirmDelete(`/cache/phrases`,m(`storage.clear_phrases`),m(`storage.clear_phrases_text`))}
            >
              ${m(`storage.clear_phrases`)}
            </button>`:c}
      </div>
      <p class="muted small">
        ${m(`storage.phrase_usage`,{count:b(e.phrases),rate:e.hit_rate===null?`–`:v(e.hit_rate)})}
      </p>
      <ul class="list">
        ${this.phrases.map(e=>i`<li>
              <div class="grow">
                <p class="phrase">${e.text}</p>
                <p class="small muted">
                  ${e.voice} · ${x(e.bytes)} ·
                  ${m(`storage.hits`,{count:e.hits})} · ${w(e.last_used)}
                </p>
              </div>
              <button
                class="quiet danger"
                aria-label="${m(`action.delete`)}: ${e.text}"
                @click=${()=>this.removePhrase(e)}
              >
                ${m(`action.delete`)}
              </button>
            </li>`)}
      </ul>
    </section>`:c}async removePhrase(e){await this.run(this.server.connection.request(`DELETE`,`/cache/phrases/${encodeURIComponent(e.key)}`)),await this.read()}};a([n({attribute:!1})],xa.prototype,`server`,void 0),a([f()],xa.prototype,`cache`,void 0),a([f()],xa.prototype,`phrases`,void 0),a([f()],xa.prototype,`error`,void 0),xa=a([r(`wc-storage`)],xa);var $=[`overview`,`storage`,`settings`,`log`,`access`],Sa=class extends d{constructor(...e){super(...e),this.current=`overview`,this.onHashChange=()=>{let e=location.hash.split(`/`)[2];this.current=$.find(t=>t===e)??`overview`}}static{this.styles=[t,e`
      .subtabs {
        margin: -4px 0 18px;
      }
    `]}connectedCallback(){super.connectedCallback(),window.addEventListener(`hashchange`,this.onHashChange),this.onHashChange()}disconnectedCallback(){super.disconnectedCallback(),window.removeEventListener(`hashchange`,this.onHashChange)}render(){let e=this.server.canOperate?$:$.slice(0,2);return i`
      <div class="subtabs" role="tablist" aria-label=${m(`tab.machine`)}>
        ${e.map(e=>i`<button
              role="tab"
              id=${e}
              aria-selected=${e===this.current?`true`:`false`}
              tabindex=${e===this.current?0:-1}
              @keydown=${this.onKey}
              @click=${()=>location.hash=`#/machine/${e}`}
            >
              ${m(`machine.${e}`)}
            </button>`)}
      </div>
      <div role="tabpanel" aria-labelledby=${this.current}>${this.renderPart()}</div>
    `}onKey(e){let t={ArrowRight:1,ArrowLeft:-1}[e.key];if(!t)return;let n=[...this.renderRoot.querySelectorAll(`[role=tab]`)],r=n[(n.indexOf(e.target)+t+n.length)%n.length];r?.click(),r?.focus()}renderPart(){let e=this.server;switch(this.current){case`overview`:return i`<wc-overview .server=${e}></wc-overview>`;case`storage`:return i`<wc-storage .server=${e}></wc-storage>`;case`settings`:return i`<wc-settings .server=${e}></wc-settings>`;case`log`:return i`<wc-log .server=${e}></wc-log>`;case`access`:return i`<wc-access .server=${e}></wc-access>`;default:return c}}};a([n({attribute:!1})],Sa.prototype,`server`,void 0),a([f()],Sa.prototype,`current`,void 0),Sa=a([r(`wc-machine-tab`)],Sa);export{Sa as WcMachineTab};
import{c as e,d as t,f as n,g as r,h as i,i as a,m as o,n as s,o as c,p as l,r as u,t as d,v as f,y as p}from"./icon-CgDB_Qno.js";import{a as m,n as h,o as g}from"./localize-C6ttZHhD.js";import{t as _}from"./query-DDQkTGvL.js";import{a as v,c as y,i as b,n as x,r as S,s as C,t as w,u as T}from"./format-BTQftpua.js";import{c as E,i as D,l as O,r as k,s as ee,u as A}from"./directive-helpers-DiYb0vIA.js";import"./model-list-Ts4cQIJ1.js";var j=class extends d{constructor(...e){super(...e),this.sessions=[],this.error=``}static{this.styles=[c,f`
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
    `]}connectedCallback(){super.connectedCallback(),this.read()}async read(){try{let e=await this.server.connection.request(`GET`,`/sessions`);this.sessions=e.sessions,this.error=``}catch(e){this.error=s(e)}}async end(e){await this.run(this.server.connection.request(`DELETE`,`/sessions/${e.id}`)),await this.read()}render(){return r`<div class="stack">
      <section class="card">
        <h2>${m(`access.sessions`)}</h2>
        <p class="muted small">${m(`access.sessions_help`)}</p>
        ${this.error?r`<p class="note error">${this.error}</p>`:o}
        <ul class="list">
          ${this.sessions.map(e=>r`<li>
                <div class="grow">
                  <span>${e.name}</span>
                  ${e.current?r`<span class="chip accent">${m(`access.this_browser`)}</span>`:o}
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
        ${this.sessions.length?o:r`<p class="empty">${m(`access.none`)}</p>`}
      </section>
      <section class="card">
        <h2>${m(`access.diagnostics`)}</h2>
        <p class="muted small">${m(`access.diagnostics_help`)}</p>
        <a class="button" href=${this.server.connection.url(`/diagnostics`)} download>${m(`access.download`)}</a>
      </section>
    </div>`}};a([n({attribute:!1})],j.prototype,`server`,void 0),a([t()],j.prototype,`sessions`,void 0),a([t()],j.prototype,`error`,void 0),j=a([l(`wc-access`)],j);var te=[`debug`,`info`,`warning`,`error`],ne=class extends d{constructor(...e){super(...e),this.lines=[],this.level=`info`,this.search=``,this.following=!0}static{this.styles=[c,f`
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
    `]}connectedCallback(){super.connectedCallback(),this.stop=this.server.connection.stream(`/logs/stream`,{onOpen:()=>this.lines=[],onMessage:e=>{this.lines=[...this.lines,e].slice(-1e3)}})}disconnectedCallback(){super.disconnectedCallback(),this.stop?.()}updated(){this.following&&this.box&&(this.box.scrollTop=this.box.scrollHeight)}onScroll(){this.box&&(this.following=this.box.scrollHeight-this.box.scrollTop-this.box.clientHeight<40)}render(){let e=te.indexOf(this.level),t=this.search.toLowerCase(),n=this.lines.filter(n=>(te.indexOf(n.level)>=e||n.level===`critical`)&&`${n.logger} ${n.text}`.toLowerCase().includes(t));return r`<div class="row bar">
        <label class="visually-hidden" for="level">${m(`log.level`)}</label>
        <select id="level" @change=${e=>this.level=e.target.value}>
          ${te.map(e=>r`<option value=${e} ?selected=${e===this.level}>${m(`log.${e}`)}</option>`)}
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
          ${n.map(e=>r`<div class="line ${e.level}">
                <span class="muted">${y(e.at)}</span>
                <span class="muted clip" title=${e.logger}>${e.logger}</span>
                <span class="text">${e.text}</span>
              </div>`)}
          ${n.length?o:r`<p class="empty">${m(`log.empty`)}</p>`}
        </div>
      </section>`}async copy(e){let t=e.map(e=>`${e.at} ${e.level} ${e.logger}: ${e.text}`).join(`
`);await this.run(navigator.clipboard.writeText(t),m(`action.copied`))}};a([n({attribute:!1})],ne.prototype,`server`,void 0),a([t()],ne.prototype,`lines`,void 0),a([t()],ne.prototype,`level`,void 0),a([t()],ne.prototype,`search`,void 0),a([t()],ne.prototype,`following`,void 0),a([_(`.lines`)],ne.prototype,`box`,void 0),ne=a([l(`wc-log`)],ne);var re=!0,ie=`uplot`,ae=`u-hz`,oe=`u-vt`,se=`u-title`,ce=`u-wrap`,le=`u-under`,ue=`u-over`,de=`u-axis`,fe=`u-off`,pe=`u-select`,me=`u-cursor-x`,he=`u-cursor-y`,ge=`u-cursor-pt`,_e=`u-legend`,ve=`u-live`,ye=`u-inline`,be=`u-series`,xe=`u-marker`,Se=`u-label`,Ce=`u-value`,we=`width`,Te=`height`,Ee=`top`,De=`bottom`,Oe=`left`,ke=`right`,Ae=`#000`,je=`#0000`,Me=`mousemove`,Ne=`mousedown`,Pe=`mouseup`,Fe=`mouseenter`,Ie=`mouseleave`,Le=`dblclick`,Re=`resize`,M=`scroll`,N=`change`,ze=`dppxchange`,Be=`--`,Ve=typeof window<`u`,He=Ve?document:null,Ue=Ve?window:null,We=Ve?navigator:null,P,F;function Ge(){let e=devicePixelRatio;P!=e&&(P=e,F&&at(N,F,Ge),F=matchMedia(`(min-resolution: ${P-.001}dppx) and (max-resolution: ${P+.001}dppx)`),it(N,F,Ge),Ue.dispatchEvent(new CustomEvent(ze)))}function Ke(e,t){if(t!=null){let n=e.classList;!n.contains(t)&&n.add(t)}}function qe(e,t){let n=e.classList;n.contains(t)&&n.remove(t)}function I(e,t,n){e.style[t]=n+`px`}function Je(e,t,n,r){let i=He.createElement(e);return t!=null&&Ke(i,t),n?.insertBefore(i,r),i}function Ye(e,t){return Je(`div`,e,t)}var Xe=new WeakMap;function Ze(e,t,n,r,i){let a=`translate(`+t+`px,`+n+`px)`;a!=Xe.get(e)&&(e.style.transform=a,Xe.set(e,a),t<0||n<0||t>r||n>i?Ke(e,fe):qe(e,fe))}var Qe=new WeakMap;function $e(e,t,n){let r=t+n;r!=Qe.get(e)&&(Qe.set(e,r),e.style.background=t,e.style.borderColor=n)}var et=new WeakMap;function tt(e,t,n,r){let i=t+``+n;i!=et.get(e)&&(et.set(e,i),e.style.height=n+`px`,e.style.width=t+`px`,e.style.marginLeft=r?-t/2+`px`:0,e.style.marginTop=r?-n/2+`px`:0)}var nt={passive:!0},rt={...nt,capture:!0};function it(e,t,n,r){t.addEventListener(e,n,r?rt:nt)}function at(e,t,n,r){t.removeEventListener(e,n,nt)}Ve&&Ge();function ot(e,t,n,r){let i;n||=0,r||=t.length-1;let a=r<=0x7fffffff;for(;r-n>1;)i=a?n+r>>1:R((n+r)/2),t[i]<e?n=i:r=i;return e-t[n]<=t[r]-e?n:r}function st(e){return(t,n,r)=>{let i=-1,a=-1;for(let a=n;a<=r;a++)if(e(t[a])){i=a;break}for(let i=r;i>=n;i--)if(e(t[i])){a=i;break}return[i,a]}}var ct=e=>e!=null,lt=e=>e!=null&&e>0,ut=st(ct),dt=st(lt);function ft(e,t,n,r=0,i=!1){let a=i?dt:ut,o=i?lt:ct;[t,n]=a(e,t,n);let s=e[t],c=e[t];if(t>-1){if(r==1)s=e[t],c=e[n];else if(r==-1)s=e[n],c=e[t];else for(let r=t;r<=n;r++){let t=e[r];o(t)&&(t<s?s=t:t>c&&(c=t))}}return[s??B,c??-B]}function pt(e,t,n,r){let i=z(e),a=z(t);e==t&&(i==-1?(e*=n,t/=n):(e/=n,t*=n));let o=n==10?Mt:Nt,s=i==1?R:Ot,c=a==1?Ot:R,l=s(o(Et(e))),u=c(o(Et(t))),d=jt(n,l),f=jt(n,u);return n==10&&(l<0&&(d=H(d,-l)),u<0&&(f=H(f,-u))),r||n==2?(e=d*i,t=f*a):(e=Yt(e,d),t=Jt(t,f)),[e,t]}function mt(e,t,n,r){let i=pt(e,t,n,r);return e==0&&(i[0]=0),t==0&&(i[1]=0),i}var ht=.1,gt={mode:3,pad:ht},_t={pad:0,soft:null,mode:0},vt={min:_t,max:_t};function yt(e,t,n,r){return sn(n)?xt(e,t,n):(_t.pad=n,_t.soft=r?0:null,_t.mode=r?3:0,xt(e,t,vt))}function L(e,t){return e??t}function bt(e,t,n){for(t=L(t,0),n=L(n,e.length-1);t<=n;){if(e[t]!=null)return!0;t++}return!1}function xt(e,t,n){let r=n.min,i=n.max,a=L(r.pad,0),o=L(i.pad,0),s=L(r.hard,-B),c=L(i.hard,B),l=L(r.soft,B),u=L(i.soft,-B),d=L(r.mode,0),f=L(i.mode,0),p=t-e,m=Mt(p),h=At(Et(e),Et(t)),g=Et(Mt(h)-m);(p<1e-24||g>10)&&(p=0,(e==0||t==0)&&(p=1e-24,d==2&&l!=B&&(a=0),f==2&&u!=-B&&(o=0)));let _=p||h||1e3,v=jt(10,R(Mt(_))),y=H(Yt(e-_*(p==0?e==0?.1:1:a),v/10),24),b=e>=l&&(d==1||d==3&&y<=l||d==2&&y>=l)?l:B,x=At(s,y<b&&e>=b?b:kt(b,y)),S=H(Jt(t+_*(p==0?t==0?.1:1:o),v/10),24),C=t<=u&&(f==1||f==3&&S>=u||f==2&&S<=u)?u:-B,w=kt(c,S>C&&t<=C?C:At(C,S));return x==w&&x==0&&(w=100),[x,w]}var St=new Intl.NumberFormat(Ve?We.language:`en-US`),Ct=e=>St.format(e),wt=Math,Tt=wt.PI,Et=wt.abs,R=wt.floor,Dt=wt.round,Ot=wt.ceil,kt=wt.min,At=wt.max,jt=wt.pow,z=wt.sign,Mt=wt.log10,Nt=wt.log2,Pt=(e,t=1)=>wt.sinh(e)*t,Ft=(e,t=1)=>wt.asinh(e/t),B=1/0;function It(e){return(Mt((e^e>>31)-(e>>31))|0)+1}function Lt(e,t,n){return kt(At(e,t),n)}function Rt(e){return typeof e==`function`}function V(e){return Rt(e)?e:()=>e}var zt=()=>{},Bt=e=>e,Vt=(e,t)=>t,Ht=e=>null,Ut=e=>!0,Wt=(e,t)=>e==t,Gt=/\.\d*?(?=9{6,}|0{6,})/gm,Kt=e=>{if(rn(e)||Xt.has(e))return e;let t=`${e}`,n=t.match(Gt);if(n==null)return e;let r=n[0].length-1;if(t.indexOf(`e-`)!=-1){let[e,n]=t.split(`e`);return+`${Kt(e)}e${n}`}return H(e,r)};function qt(e,t){return Kt(H(Kt(e/t))*t)}function Jt(e,t){return Kt(Ot(Kt(e/t))*t)}function Yt(e,t){return Kt(R(Kt(e/t))*t)}function H(e,t=0){if(rn(e))return e;let n=10**t;return Dt(e*n*(1+2**-52))/n}var Xt=new Map;function Zt(e){return((``+e).split(`.`)[1]||``).length}function Qt(e,t,n,r){let i=[],a=r.map(Zt);for(let o=t;o<n;o++){let t=Et(o),n=H(jt(e,o),t);for(let s=0;s<r.length;s++){let c=e==10?+`${r[s]}e${o}`:r[s]*n,l=(o>=0?0:t)+(o>=a[s]?0:a[s]),u=e==10?c:H(c,l);i.push(u),Xt.set(u,l)}}return i}var $t={},en=[],tn=[null,null],nn=Array.isArray,rn=Number.isInteger,an=e=>e===void 0;function on(e){return typeof e==`string`}function sn(e){let t=!1;if(e!=null){let n=e.constructor;t=n==null||n==Object}return t}function cn(e){return typeof e==`object`&&!!e}var ln=Object.getPrototypeOf(Uint8Array),un=`__proto__`;function dn(e,t=sn){let n;if(nn(e)){let r=e.find(e=>e!=null);if(nn(r)||t(r)){n=Array(e.length);for(let r=0;r<e.length;r++)n[r]=dn(e[r],t)}else n=e.slice()}else if(e instanceof ln)n=e.slice();else if(t(e)){n={};for(let r in e)r!=un&&(n[r]=dn(e[r],t))}else n=e;return n}function U(e){let t=arguments;for(let n=1;n<t.length;n++){let r=t[n];for(let t in r)t!=un&&(sn(e[t])?U(e[t],dn(r[t])):e[t]=dn(r[t]))}return e}var fn=0,pn=1,mn=2;function hn(e,t,n){for(let r=0,i,a=-1;r<t.length;r++){let o=t[r];if(o>a){for(i=o-1;i>=0&&e[i]==null;)e[i--]=null;for(i=o+1;i<n&&e[i]==null;)e[a=i++]=null}}}var gn=typeof queueMicrotask>`u`?e=>Promise.resolve().then(e):queueMicrotask;function _n(e){let t=e[0],n=t.length,r=Array(n);for(let e=0;e<r.length;e++)r[e]=e;r.sort((e,n)=>t[e]-t[n]);let i=[];for(let t=0;t<e.length;t++){let a=e[t],o=Array(n);for(let e=0;e<n;e++)o[e]=a[r[e]];i.push(o)}return i}function vn(e){let t=e[0][0],n=t.length;for(let r=1;r<e.length;r++){let i=e[r][0];if(i.length!=n)return!1;if(i!=t){for(let e=0;e<n;e++)if(i[e]!=t[e])return!1}}return!0}function yn(e,t=100){let n=e.length;if(n<=1)return!0;let r=0,i=n-1;for(;r<=i&&e[r]==null;)r++;for(;i>=r&&e[i]==null;)i--;if(i<=r)return!0;let a=At(1,R((i-r+1)/t));for(let t=e[r],n=r+a;n<=i;n+=a){let r=e[n];if(r!=null){if(r<=t)return!1;t=r}}return!0}var bn=[`January`,`February`,`March`,`April`,`May`,`June`,`July`,`August`,`September`,`October`,`November`,`December`],xn=[`Sunday`,`Monday`,`Tuesday`,`Wednesday`,`Thursday`,`Friday`,`Saturday`];function Sn(e){return e.slice(0,3)}var Cn=xn.map(Sn),wn={MMMM:bn,MMM:bn.map(Sn),WWWW:xn,WWW:Cn};function Tn(e){return(e<10?`0`:``)+e}function En(e){return(e<10?`00`:e<100?`0`:``)+e}var Dn={YYYY:e=>e.getFullYear(),YY:e=>(e.getFullYear()+``).slice(2),MMMM:(e,t)=>t.MMMM[e.getMonth()],MMM:(e,t)=>t.MMM[e.getMonth()],MM:e=>Tn(e.getMonth()+1),M:e=>e.getMonth()+1,DD:e=>Tn(e.getDate()),D:e=>e.getDate(),WWWW:(e,t)=>t.WWWW[e.getDay()],WWW:(e,t)=>t.WWW[e.getDay()],HH:e=>Tn(e.getHours()),H:e=>e.getHours(),h:e=>{let t=e.getHours();return t==0?12:t>12?t-12:t},AA:e=>e.getHours()>=12?`PM`:`AM`,aa:e=>e.getHours()>=12?`pm`:`am`,a:e=>e.getHours()>=12?`p`:`a`,mm:e=>Tn(e.getMinutes()),m:e=>e.getMinutes(),ss:e=>Tn(e.getSeconds()),s:e=>e.getSeconds(),fff:e=>En(e.getMilliseconds())};function On(e,t){t||=wn;let n=[],r=/\{([a-z]+)\}|[^{]+/gi,i;for(;i=r.exec(e);)n.push(i[0][0]==`{`?Dn[i[1]]:i[0]);return e=>{let r=``;for(let i=0;i<n.length;i++)r+=typeof n[i]==`string`?n[i]:n[i](e,t);return r}}var kn=new Intl.DateTimeFormat().resolvedOptions().timeZone,An=e=>e%1==0,jn=[1,2,2.5,5],Mn=Qt(10,-32,0,jn),Nn=Qt(10,0,32,jn),Pn=Nn.filter(An),Fn=Mn.concat(Nn),In=`
`,Ln=`{YYYY}`,Rn=In+Ln,zn=`{M}/{D}`,W=In+zn,G=W+`/{YY}`,K=`{aa}`,Bn=`{h}:{mm}`+K,Vn=In+Bn,Hn=`:{ss}`,q=null;function Un(e){let t=e*1e3,n=t*60,r=n*60,i=r*24,a=i*30,o=i*365,s=(e==1?Qt(10,0,3,jn).filter(An):Qt(10,-3,0,jn)).concat([t,t*5,t*10,t*15,t*30,n,n*5,n*10,n*15,n*30,r,r*2,r*3,r*4,r*6,r*8,r*12,i,i*2,i*3,i*4,i*5,i*6,i*7,i*8,i*9,i*10,i*15,a,a*2,a*3,a*4,a*6,o,o*2,o*5,o*10,o*25,o*50,o*100]),c=[[o,Ln,q,q,q,q,q,q,1],[i*28,`{MMM}`,Rn,q,q,q,q,q,1],[i,zn,Rn,q,q,q,q,q,1],[r,`{h}`+K,G,q,W,q,q,q,1],[n,Bn,G,q,W,q,q,q,1],[t,Hn,G+` `+Bn,q,W+` `+Bn,q,Vn,q,1],[e,Hn+`.{fff}`,G+` `+Bn,q,W+` `+Bn,q,Vn,q,1]];function l(t){return(s,c,l,u,d,f)=>{let p=[],m=d>=o,h=d>=a&&d<o,g=t(l),_=H(g*e,3),v=$n(g.getFullYear(),m?0:g.getMonth(),h||m?1:g.getDate()),y=H(v*e,3);if(h||m){let n=h?d/a:0,r=m?d/o:0,i=_==y?_:H($n(v.getFullYear()+r,v.getMonth()+n,1)*e,3),s=new Date(Dt(i/e)),c=s.getFullYear(),l=s.getMonth();for(let a=0;i<=u;a++){let o=$n(c+r*a,l+n*a,1),s=o-t(H(o*e,3));i=H((+o+s)*e,3),i<=u&&p.push(i)}}else{let a=d>=i?i:d,o=y+(R(l)-R(_))+Jt(_-y,a);p.push(o);let m=t(o),h=m.getHours()+m.getMinutes()/n+m.getSeconds()/r,g=d/r,v=f/s.axes[c]._space;for(;o=H(o+d,e==1?0:3),!(o>u);)if(g>1){let e=R(H(h+g,6))%24,n=t(o).getHours()-e;n>1&&(n=-1),o-=n*r,h=(h+g)%24;let i=p[p.length-1];H((o-i)/d,3)*v>=.7&&p.push(o)}else p.push(o)}return p}}return[s,c,l]}var[Wn,Gn,Kn]=Un(1),[qn,Jn,Yn]=Un(.001);Qt(2,-53,53,[1]);function Xn(e,t){return e.map(e=>e.map((n,r)=>r==0||r==8||n==null?n:t(r==1||e[8]==0?n:e[1]+n)))}function Zn(e,t){return(n,r,i,a,o)=>{let s=t.find(e=>o>=e[0])||t[t.length-1],c,l,u,d,f,p;return r.map(t=>{let n=e(t),r=n.getFullYear(),i=n.getMonth(),a=n.getDate(),o=n.getHours(),m=n.getMinutes(),h=n.getSeconds(),g=r!=c&&s[2]||i!=l&&s[3]||a!=u&&s[4]||o!=d&&s[5]||m!=f&&s[6]||h!=p&&s[7]||s[1];return c=r,l=i,u=a,d=o,f=m,p=h,g(n)})}}function Qn(e,t){let n=On(t);return(t,r,i,a,o)=>r.map(t=>n(e(t)))}function $n(e,t,n){return new Date(e,t,n)}function er(e,t){return t(e)}var tr=`{YYYY}-{MM}-{DD} {h}:{mm}{aa}`;function nr(e,t){return(n,r,i,a)=>a==null?Be:t(e(r))}function rr(e,t){let n=e.series[t];return n.width?n.stroke(e,t):n.points.width?n.points.stroke(e,t):null}function ir(e,t){return e.series[t].fill(e,t)}var ar={show:!0,live:!0,isolate:!1,mount:zt,markers:{show:!0,width:2,stroke:rr,fill:ir,dash:`solid`},idx:null,idxs:null,values:[]};function or(e,t){let n=e.cursor.points,r=Ye(),i=n.size(e,t);I(r,we,i),I(r,Te,i);let a=i/-2;I(r,`marginLeft`,a),I(r,`marginTop`,a);let o=n.width(e,t,i);return o&&I(r,`borderWidth`,o),r}function sr(e,t){let n=e.series[t].points;return n._fill||n._stroke}function cr(e,t){let n=e.series[t].points;return n._stroke||n._fill}function lr(e,t){return e.series[t].points.size}var ur=[0,0];function dr(e,t,n){return ur[0]=t,ur[1]=n,ur}function fr(e,t,n,r=!0){return e=>{e.button!=0||r&&e.target!=t||n(e)}}function pr(e,t,n,r=!0){return e=>{r&&e.target!=t||n(e)}}var mr={show:!0,x:!0,y:!0,lock:!1,move:dr,points:{one:!1,show:or,size:lr,width:0,stroke:cr,fill:sr},bind:{mousedown:fr,mouseup:fr,click:fr,dblclick:fr,mousemove:pr,mouseleave:pr,mouseenter:pr},drag:{setScale:!0,x:!0,y:!1,dist:0,uni:null,click:(e,t)=>{t.stopPropagation(),t.stopImmediatePropagation()},_x:!1,_y:!1},focus:{dist:(e,t,n,r,i)=>r-i,prox:-1,bias:0},hover:{skip:[void 0],prox:null,bias:0},left:-10,top:-10,idx:null,dataIdx:null,idxs:null,event:null},hr={show:!0,stroke:`rgba(0,0,0,0.07)`,width:2},gr=U({},hr,{filter:Vt}),_r=U({},gr,{size:10}),vr=U({},hr,{show:!1}),yr=`12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Noto Sans", sans-serif, "Apple Color Emoji", "Segoe UI Emoji", "Segoe UI Symbol", "Noto Color Emoji"`,br=`bold `+yr,xr=1.5,Sr={show:!0,scale:`x`,stroke:Ae,space:50,gap:5,alignTo:1,size:50,labelGap:0,labelSize:30,labelFont:br,side:2,grid:gr,ticks:_r,border:vr,font:yr,lineGap:xr,rotate:0},Cr=`Value`,wr=`Time`,Tr={show:!0,scale:`x`,auto:!1,sorted:1,min:B,max:-1/0,idxs:[]};function Er(e,t,n,r,i){return t.map(e=>e==null?``:Ct(e))}function Dr(e,t,n,r,i,a,o){let s=[],c=Xt.get(i)||0;n=o?n:H(Jt(n,i),c);for(let e=n;e<=r;e=H(e+i,c))s.push(Object.is(e,-0)?0:e);return s}function Or(e,t,n,r,i,a,o){let s=[],c=e.scales[e.axes[t].scale].log;i=jt(c,R((c==10?Mt:Nt)(n))),c==10&&(i=Fn[ot(i,Fn)]);let l=n,u=i*c;c==10&&(u=Fn[ot(u,Fn)]);do s.push(l),l+=i,c==10&&!Xt.has(l)&&(l=H(l,Xt.get(i))),l>=u&&(i=l,u=i*c,c==10&&(u=Fn[ot(u,Fn)]));while(l<=r);return s}function kr(e,t,n,r,i,a,o){let s=e.scales[e.axes[t].scale].asinh,c=r>s?Or(e,t,At(s,n),r,i):[s],l=r>=0&&n<=0?[0]:[];return(n<-s?Or(e,t,At(s,-r),-n,i):[s]).reverse().map(e=>-e).concat(l,c)}var Ar=/./,jr=/[12357]/,Mr=/[125]/,Nr=/1/,Pr=(e,t,n,r)=>e.map((e,i)=>t==4&&e==0||i%r==0&&n.test(e.toExponential()[+(e<0)])?e:null);function Fr(e,t,n,r,i){let a=e.axes[n],o=a.scale,s=e.scales[o],c=e.valToPos,l=a._space,u=c(10,o),d=c(9,o)-u>=l?Ar:c(7,o)-u>=l?jr:c(5,o)-u>=l?Mr:Nr;if(d==Nr){let e=Et(c(1,o)-u);if(e<l)return Pr(t.slice().reverse(),s.distr,d,Ot(l/e)).reverse()}return Pr(t,s.distr,d,1)}function Ir(e,t,n,r,i){let a=e.axes[n],o=a.scale,s=a._space,c=e.valToPos,l=Et(c(1,o)-c(2,o));return l<s?Pr(t.slice().reverse(),3,Ar,Ot(s/l)).reverse():t}function Lr(e,t,n,r){return r==null?Be:t==null?``:Ct(t)}var Rr={show:!0,scale:`y`,stroke:Ae,space:30,gap:5,alignTo:1,size:50,labelGap:0,labelSize:30,labelFont:br,side:3,grid:gr,ticks:_r,border:vr,font:yr,lineGap:xr,rotate:0};function zr(e,t){return H((3+(e||1)*2)*t,3)}function Br(e,t){let{scale:n,idxs:r}=e.series[0],i=e._data[0],a=e.valToPos(i[r[0]],n,!0),o=Et(e.valToPos(i[r[1]],n,!0)-a)/(e.series[t].points.space*P);return r[1]-r[0]<=o}var Vr={scale:null,auto:!0,sorted:0,min:B,max:-1/0},Hr=(e,t,n,r,i)=>i,Ur={show:!0,auto:!0,sorted:0,gaps:Hr,alpha:1,facets:[U({},Vr,{scale:`x`}),U({},Vr,{scale:`y`})]},Wr={scale:`y`,auto:!0,sorted:0,show:!0,spanGaps:!1,gaps:Hr,alpha:1,points:{show:Br,filter:null},values:null,min:B,max:-1/0,idxs:[],path:null,clip:null};function Gr(e,t,n,r,i){return n/10}var Kr={time:re,auto:!0,distr:1,log:10,asinh:1,min:null,max:null,dir:1,ori:0},qr=U({},Kr,{time:!1,ori:1}),Jr={};function Yr(e,t){let n=Jr[e];return n||(n={key:e,plots:[],sub(e){n.plots.push(e)},unsub(e){n.plots=n.plots.filter(t=>t!=e)},pub(e,t,r,i,a,o,s){for(let c=0;c<n.plots.length;c++)n.plots[c]!=t&&n.plots[c].pub(e,t,r,i,a,o,s)}},e!=null&&(Jr[e]=n)),n}var Xr=1,Zr=2;function Qr(e,t,n){let r=e.mode,i=e.series[t],a=r==2?e._data[t]:e._data,o=e.scales,s=e.bbox,c=a[0],l=r==2?a[1]:a[t],u=r==2?o[i.facets[0].scale]:o[e.series[0].scale],d=r==2?o[i.facets[1].scale]:o[i.scale],f=s.left,p=s.top,m=s.width,h=s.height,g=e.valToPosH,_=e.valToPosV;return u.ori==0?n(i,c,l,u,d,g,_,f,p,m,h,si,li,di,pi,hi):n(i,c,l,u,d,_,g,p,f,h,m,ci,ui,fi,mi,gi)}function $r(e,t){let n=0,r=0,i=L(e.bands,en);for(let e=0;e<i.length;e++){let a=i[e];a.series[0]==t?n=a.dir:a.series[1]==t&&(a.dir==1?r|=1:r|=2)}return[n,r==1?-1:r==2?1:r==3?2:0]}function ei(e,t,n,r,i){let a=e.mode,o=e.series[t],s=a==2?o.facets[1].scale:o.scale,c=e.scales[s];return i==-1?c.min:i==1?c.max:c.distr==3?c.dir==1?c.min:c.max:0}function ti(e,t,n,r,i,a){return Qr(e,t,(e,t,o,s,c,l,u,d,f,p,m)=>{let h=e.pxRound,g=s.dir*(s.ori==0?1:-1),_=s.ori==0?li:ui,v,y;g==1?(v=n,y=r):(v=r,y=n);let b=h(l(t[v],s,p,d)),x=h(u(o[v],c,m,f)),S=h(l(t[y],s,p,d)),C=h(u(a==1?c.max:c.min,c,m,f)),w=new Path2D(i);return _(w,S,C),_(w,b,C),_(w,b,x),w})}function ni(e,t,n,r,i,a){let o=null;if(e.length>0){o=new Path2D;let s=t==0?di:fi,c=n;for(let t=0;t<e.length;t++){let n=e[t];if(n[1]>n[0]){let e=n[0]-c;e>0&&s(o,c,r,e,r+a),c=n[1]}}let l=n+i-c;l>0&&s(o,c,r-5,l,r+a+10)}return o}function ri(e,t,n){let r=e[e.length-1];r&&r[0]==t?r[1]=n:e.push([t,n])}function ii(e,t,n,r,i,a,o){let s=[],c=e.length;for(let l=i==1?n:r;l>=n&&l<=r;l+=i)if(t[l]===null){let u=l,d=l;if(i==1)for(;++l<=r&&t[l]===null;)d=l;else for(;--l>=n&&t[l]===null;)d=l;let f=a(e[u]),p=d==u?f:a(e[d]),m=u-i;f=o<=0&&m>=0&&m<c?a(e[m]):f;let h=d+i;p=o>=0&&h>=0&&h<c?a(e[h]):p,p>=f&&s.push([f,p])}return s}function ai(e){return e==0?Bt:e==1?Dt:t=>qt(t,e)}function oi(e){let t=e==0?si:ci,n=e==0?(e,t,n,r,i,a)=>{e.arcTo(t,n,r,i,a)}:(e,t,n,r,i,a)=>{e.arcTo(n,t,i,r,a)},r=e==0?(e,t,n,r,i)=>{e.rect(t,n,r,i)}:(e,t,n,r,i)=>{e.rect(n,t,i,r)};return(e,i,a,o,s,c=0,l=0)=>{c==0&&l==0?r(e,i,a,o,s):(c=kt(c,o/2,s/2),l=kt(l,o/2,s/2),t(e,i+c,a),n(e,i+o,a,i+o,a+s,c),n(e,i+o,a+s,i,a+s,l),n(e,i,a+s,i,a,l),n(e,i,a,i+o,a,c),e.closePath())}}var si=(e,t,n)=>{e.moveTo(t,n)},ci=(e,t,n)=>{e.moveTo(n,t)},li=(e,t,n)=>{e.lineTo(t,n)},ui=(e,t,n)=>{e.lineTo(n,t)},di=oi(0),fi=oi(1),pi=(e,t,n,r,i,a)=>{e.arc(t,n,r,i,a)},mi=(e,t,n,r,i,a)=>{e.arc(n,t,r,i,a)},hi=(e,t,n,r,i,a,o)=>{e.bezierCurveTo(t,n,r,i,a,o)},gi=(e,t,n,r,i,a,o)=>{e.bezierCurveTo(n,t,i,r,o,a)};function _i(e){return(e,t,n,r,i)=>Qr(e,t,(t,a,o,s,c,l,u,d,f,p,m)=>{let{pxRound:h,points:g}=t,_,v;s.ori==0?(_=si,v=pi):(_=ci,v=mi);let y=H(g.width*P,3),b=(g.size-g.width)/2*P,x=H(b*2,3),S=new Path2D,C=new Path2D,{left:w,top:T,width:E,height:D}=e.bbox;di(C,w-x,T-x,E+x*2,D+x*2);let O=e=>{if(o[e]!=null){let t=h(l(a[e],s,p,d)),n=h(u(o[e],c,m,f));_(S,t+b,n),v(S,t,n,b,0,Tt*2)}};if(i)i.forEach(O);else for(let e=n;e<=r;e++)O(e);return{stroke:y>0?S:null,fill:S,clip:C,flags:3}})}function vi(e){return(t,n,r,i,a,o)=>{r!=i&&(a!=r&&o!=r&&e(t,n,r),a!=i&&o!=i&&e(t,n,i),e(t,n,o))}}var J=vi(li),Y=vi(ui);function yi(e){let t=L(e?.alignGaps,0);return(e,n,r,i)=>Qr(e,n,(a,o,s,c,l,u,d,f,p,m,h)=>{[r,i]=ut(s,r,i);let g=a.pxRound,_=e=>g(u(e,c,m,f)),v=e=>g(d(e,l,h,p)),y,b;c.ori==0?(y=li,b=J):(y=ui,b=Y);let x=c.dir*(c.ori==0?1:-1),S={stroke:new Path2D,fill:null,clip:null,band:null,gaps:null,flags:Xr},C=S.stroke,w=!1;if(i-r>=m*4){let t=t=>e.posToVal(t,c.key,!0),n=null,a=null,l,u,d,f=_(o[x==1?r:i]),p=_(o[r]),m=_(o[i]),h=t(x==1?p+1:m-1);for(let e=x==1?r:i;e>=r&&e<=i;e+=x){let r=o[e],i=(x==1?r<h:r>h)?f:_(r),c=s[e];i==f?c==null?c===null&&(w=!0):(u=c,n==null?(y(C,i,v(u)),l=n=a=u):u<n?n=u:u>a&&(a=u)):(n!=null&&b(C,f,v(n),v(a),v(l),v(u)),c==null?(n=a=null,c===null&&(w=!0)):(u=c,y(C,i,v(u)),n=a=l=u),f=i,h=t(f+x))}n!=null&&n!=a&&d!=f&&b(C,f,v(n),v(a),v(l),v(u))}else for(let e=x==1?r:i;e>=r&&e<=i;e+=x){let t=s[e];t===null?w=!0:t!=null&&y(C,_(o[e]),v(t))}let[T,E]=$r(e,n);if(a.fill!=null||T!=0){let t=S.fill=new Path2D(C),s=v(a.fillTo(e,n,a.min,a.max,T)),c=_(o[r]),l=_(o[i]);x==-1&&([l,c]=[c,l]),y(t,l,s),y(t,c,s)}if(!a.spanGaps){let l=[];w&&l.push(...ii(o,s,r,i,x,_,t)),S.gaps=l=a.gaps(e,n,r,i,l),S.clip=ni(l,c.ori,f,p,m,h)}return E!=0&&(S.band=E==2?[ti(e,n,r,i,C,-1),ti(e,n,r,i,C,1)]:ti(e,n,r,i,C,E)),S})}function bi(e){let t=L(e.align,1),n=L(e.ascDesc,!1),r=L(e.alignGaps,0),i=L(e.extend,!1);return(e,a,o,s)=>Qr(e,a,(c,l,u,d,f,p,m,h,g,_,v)=>{[o,s]=ut(u,o,s);let y=c.pxRound,{left:b,width:x}=e.bbox,S=e=>y(p(e,d,_,h)),C=e=>y(m(e,f,v,g)),w=d.ori==0?li:ui,T={stroke:new Path2D,fill:null,clip:null,band:null,gaps:null,flags:Xr},E=T.stroke,D=d.dir*(d.ori==0?1:-1),O=C(u[D==1?o:s]),k=S(l[D==1?o:s]),ee=k,A=k;i&&t==-1&&(A=b,w(E,A,O)),w(E,k,O);for(let e=D==1?o:s;e>=o&&e<=s;e+=D){let n=u[e];if(n==null)continue;let r=S(l[e]),i=C(n);t==1?w(E,r,O):w(E,ee,i),w(E,r,i),O=i,ee=r}let j=ee;i&&t==1&&(j=b+x,w(E,j,O));let[te,ne]=$r(e,a);if(c.fill!=null||te!=0){let t=T.fill=new Path2D(E),n=C(c.fillTo(e,a,c.min,c.max,te));w(t,j,n),w(t,A,n)}if(!c.spanGaps){let i=[];i.push(...ii(l,u,o,s,D,S,r));let f=c.width*P/2,p=n||t==1?f:-f,m=n||t==-1?-f:f;i.forEach(e=>{e[0]+=p,e[1]+=m}),T.gaps=i=c.gaps(e,a,o,s,i),T.clip=ni(i,d.ori,h,g,_,v)}return ne!=0&&(T.band=ne==2?[ti(e,a,o,s,E,-1),ti(e,a,o,s,E,1)]:ti(e,a,o,s,E,ne)),T})}function xi(e,t,n,r,i,a,o=B){if(e.length>1){let s=null;for(let c=0,l=1/0;c<e.length;c++)if(t[c]!==void 0){if(s!=null){let t=Et(e[c]-e[s]);t<l&&(l=t,o=Et(n(e[c],r,i,a)-n(e[s],r,i,a)))}s=c}}return o}function Si(e){e||=$t;let t=L(e.size,[.6,B,1]),n=e.align||0,r=e.gap||0,i=e.radius;i=i==null?[0,0]:typeof i==`number`?[i,0]:i;let a=V(i),o=1-t[0],s=L(t[1],B),c=L(t[2],1),l=L(e.disp,$t),u=L(e.each,e=>{}),{fill:d,stroke:f}=l;return(e,t,i,p)=>Qr(e,t,(m,h,g,_,v,y,b,x,S,C,w)=>{let T=m.pxRound,E=n,D=r*P,O=s*P,k=c*P,ee,A;_.ori==0?[ee,A]=a(e,t):[A,ee]=a(e,t);let j=_.dir*(_.ori==0?1:-1),te=_.ori==0?di:fi,ne=_.ori==0?u:(e,t,n,r,i,a,o)=>{u(e,t,n,i,r,o,a)},re=L(e.bands,en).find(e=>e.series[0]==t),ie=re==null?0:re.dir,ae=m.fillTo(e,t,m.min,m.max,ie),oe=T(b(ae,v,w,S)),se,ce,le,ue=C,de=T(m.width*P),fe=!1,pe=null,me=null,he=null,ge=null;d!=null&&(de==0||f!=null)&&(fe=!0,pe=d.values(e,t,i,p),me=new Map,new Set(pe).forEach(e=>{e!=null&&me.set(e,new Path2D)}),de>0&&(he=f.values(e,t,i,p),ge=new Map,new Set(he).forEach(e=>{e!=null&&ge.set(e,new Path2D)})));let{x0:_e,size:ve}=l;if(_e!=null&&ve!=null){E=1,h=_e.values(e,t,i,p),_e.unit==2&&(h=h.map(t=>e.posToVal(x+t*C,_.key,!0)));let n=ve.values(e,t,i,p);ce=ve.unit==2?n[0]*C:y(n[0],_,C,x)-y(0,_,C,x),ue=xi(h,g,y,_,C,x,ue),le=ue-ce+D}else ue=xi(h,g,y,_,C,x,ue),le=ue*o+D,ce=ue-le;le<1&&(le=0),de>=ce/2&&(de=0),le<5&&(T=Bt);let ye=le>0,be=ue-le-(ye?de:0);ce=T(Lt(be,k,O)),se=(E==0?ce/2:E==j?0:ce)-E*j*((E==0?D/2:0)+(ye?de/2:0));let xe={stroke:null,fill:null,clip:null,band:null,gaps:null,flags:0},Se=fe?null:new Path2D,Ce=null;if(re!=null)Ce=e.data[re.series[1]];else{let{y0:n,y1:r}=l;n!=null&&r!=null&&(g=r.values(e,t,i,p),Ce=n.values(e,t,i,p))}let we=ee*ce,Te=A*ce;for(let n=j==1?i:p;n>=i&&n<=p;n+=j){let r=g[n];if(r==null)continue;if(Ce!=null){let e=Ce[n]??0;if(r-e==0)continue;oe=b(e,v,w,S)}let i=y(_.distr!=2||l!=null?h[n]:n,_,C,x),a=b(L(r,ae),v,w,S),o=T(i-se),s=T(At(a,oe)),c=T(kt(a,oe)),u=s-c;if(r!=null){let i=r<0?Te:we,a=r<0?we:Te;fe?(de>0&&he[n]!=null&&te(ge.get(he[n]),o,c+R(de/2),ce,At(0,u-de),i,a),pe[n]!=null&&te(me.get(pe[n]),o,c+R(de/2),ce,At(0,u-de),i,a)):te(Se,o,c+R(de/2),ce,At(0,u-de),i,a),ne(e,t,n,o-de/2,c,ce+de,u)}}return de>0?xe.stroke=fe?ge:Se:fe||(xe._fill=m.width==0?m._fill:m._stroke??m._fill,xe.width=0),xe.fill=fe?me:Se,xe})}function X(e,t){let n=L(t?.alignGaps,0);return(t,r,i,a)=>Qr(t,r,(o,s,c,l,u,d,f,p,m,h,g)=>{[i,a]=ut(c,i,a);let _=o.pxRound,v=e=>_(d(e,l,h,p)),y=e=>_(f(e,u,g,m)),b,x,S;l.ori==0?(b=si,S=li,x=hi):(b=ci,S=ui,x=gi);let C=l.dir*(l.ori==0?1:-1),w=v(s[C==1?i:a]),T=w,E=[],D=[];for(let e=C==1?i:a;e>=i&&e<=a;e+=C)if(c[e]!=null){let t=v(s[e]);E.push(T=t),D.push(y(c[e]))}let O={stroke:e(E,D,b,S,x,_),fill:null,clip:null,band:null,gaps:null,flags:Xr},k=O.stroke,[ee,A]=$r(t,r);if(o.fill!=null||ee!=0){let e=O.fill=new Path2D(k),n=y(o.fillTo(t,r,o.min,o.max,ee));S(e,T,n),S(e,w,n)}if(!o.spanGaps){let e=[];e.push(...ii(s,c,i,a,C,v,n)),O.gaps=e=o.gaps(t,r,i,a,e),O.clip=ni(e,l.ori,p,m,h,g)}return A!=0&&(O.band=A==2?[ti(t,r,i,a,k,-1),ti(t,r,i,a,k,1)]:ti(t,r,i,a,k,A)),O})}function Ci(e){return X(wi,e)}function wi(e,t,n,r,i,a){let o=e.length;if(o<2)return null;let s=new Path2D;if(n(s,e[0],t[0]),o==2)r(s,e[1],t[1]);else{let n=Array(o),r=Array(o-1),a=Array(o-1),c=Array(o-1);for(let n=0;n<o-1;n++)a[n]=t[n+1]-t[n],c[n]=e[n+1]-e[n],r[n]=a[n]/c[n];n[0]=r[0];for(let e=1;e<o-1;e++)r[e]===0||r[e-1]===0||r[e-1]>0!=r[e]>0?n[e]=0:(n[e]=3*(c[e-1]+c[e])/((2*c[e]+c[e-1])/r[e-1]+(c[e]+2*c[e-1])/r[e]),isFinite(n[e])||(n[e]=0));n[o-1]=r[o-2];for(let r=0;r<o-1;r++)i(s,e[r]+c[r]/3,t[r]+n[r]*c[r]/3,e[r+1]-c[r]/3,t[r+1]-n[r+1]*c[r]/3,e[r+1],t[r+1])}return s}var Ti=new Set;function Ei(){for(let e of Ti)e.syncRect(!0)}Ve&&(it(Re,Ue,Ei),it(M,Ue,Ei,!0),it(ze,Ue,()=>{Z.pxRatio=P}));var Di=yi(),Oi=_i();function ki(e,t,n,r){return(r?[e[0],e[1]].concat(e.slice(2)):[e[0]].concat(e.slice(1))).map((e,r)=>ji(e,r,t,n))}function Ai(e,t){return e.map((e,n)=>n==0?{}:U({},t,e))}function ji(e,t,n,r){return U({},t==0?n:r,e)}function Mi(e,t,n){return t==null?tn:[t,n]}var Ni=Mi;function Pi(e,t,n){return t==null?tn:yt(t,n,ht,!0)}function Fi(e,t,n,r){return t==null?tn:pt(t,n,e.scales[r].log,!1)}var Ii=Fi;function Li(e,t,n,r){return t==null?tn:mt(t,n,e.scales[r].log,!1)}var Ri=Li;function zi(e,t,n,r,i){let a=At(It(e),It(t)),o=t-e,s=ot(i/r*o,n);do{let e=n[s],t=r*e/o;if(t>=i&&a+(e<5?Xt.get(e):0)<=17)return[e,t]}while(++s<n.length);return[0,0]}function Bi(e){let t,n;return e=e.replace(/(\d+)px/,(e,r)=>(t=Dt((n=+r)*P))+`px`),[e,t,n]}function Vi(e){e.show&&[e.font,e.labelFont].forEach(e=>{let t=H(e[2]*P,1);e[0]=e[0].replace(/[0-9.]+px/,t+`px`),e[1]=t})}function Z(e,t,n){let r={mode:L(e.mode,1)},i=r.mode;function a(e,t,n,r){let i=t.valToPct(e);return r+n*(t.dir==-1?1-i:i)}function o(e,t,n,r){let i=t.valToPct(e);return r+n*(t.dir==-1?i:1-i)}function s(e,t,n,r){return t.ori==0?a(e,t,n,r):o(e,t,n,r)}r.valToPosH=a,r.valToPosV=o;let c=!1;r.status=0;let l=r.root=Ye(ie);if(e.id!=null&&(l.id=e.id),Ke(l,e.class),e.title){let t=Ye(se,l);t.textContent=e.title}let u=Je(`canvas`),d=r.ctx=u.getContext(`2d`),f=Ye(ce,l);it(`click`,f,e=>{e.target===m&&(J!=hi||Y!=gi)&&bi.click(r,e)},!0);let p=r.under=Ye(le,f);f.appendChild(u);let m=r.over=Ye(ue,f);e=dn(e);let h=+L(e.pxAlign,1),g=ai(h);(e.plugins||[]).forEach(t=>{t.opts&&(e=t.opts(r,e)||e)});let _=e.ms||.001,v=r.series=i==1?ki(e.series||[],Tr,Wr,!1):Ai(e.series||[null],Ur),y=r.axes=ki(e.axes||[],Sr,Rr,!0),b=r.scales={},x=r.bands=e.bands||[];x.forEach(e=>{e.fill=V(e.fill||null),e.dir=L(e.dir,-1)});let S=i==2?v[1].facets[0].scale:v[0].scale,C={axes:Qr,series:br},w=(e.drawOrder||[`axes`,`series`]).map(e=>C[e]);function T(e){let t=e.distr==3?t=>Mt(t>0?t:e.clamp(r,t,e.min,e.max,e.key)):e.distr==4?t=>Ft(t,e.asinh):e.distr==100?t=>e.fwd(t):e=>e;return n=>{let r=t(n),{_min:i,_max:a}=e,o=a-i;return(r-i)/o}}function E(t){let n=b[t];if(n==null){let r=(e.scales||$t)[t]||$t;if(r.from!=null){E(r.from);let e=U({},b[r.from],r,{key:t});e.valToPct=T(e),b[t]=e}else{n=b[t]=U({},t==S?Kr:qr,r),n.key=t;let e=n.time,a=n.range,o=nn(a);if((t!=S||i==2&&!e)&&(o&&(a[0]==null||a[1]==null)&&(a={min:a[0]==null?gt:{mode:1,hard:a[0],soft:a[0]},max:a[1]==null?gt:{mode:1,hard:a[1],soft:a[1]}},o=!1),!o&&sn(a))){let e=a;a=(t,n,r)=>n==null?tn:yt(n,r,e)}n.range=V(a||(e?Ni:t==S?n.distr==3?Ii:n.distr==4?Ri:Mi:n.distr==3?Fi:n.distr==4?Li:Pi)),n.auto=V(!o&&n.auto),n.clamp=V(n.clamp||Gr),n._min=n._max=null,n.valToPct=T(n)}}}E(`x`),E(`y`),i==1&&v.forEach(e=>{E(e.scale)}),y.forEach(e=>{E(e.scale)});for(let t in e.scales)E(t);let D=b[S],O=D.distr,k,ee;D.ori==0?(Ke(l,ae),k=a,ee=o):(Ke(l,oe),k=o,ee=a);let A={};for(let e in b){let t=b[e];(t.min!=null||t.max!=null)&&(A[e]={min:t.min,max:t.max},t.min=t.max=null)}let j=e.tzDate||(e=>new Date(Dt(e/_))),te=e.fmtDate||On,ne=_==1?Kn(j):Yn(j),re=Zn(j,Xn(_==1?Gn:Jn,te)),Ae=nr(j,er(tr,te)),Re=[],M=r.legend=U({},ar,e.legend),N=r.cursor=U({},mr,{drag:{y:i==2}},e.cursor),Ve=M.show,We=N.show,F=M.markers;M.idxs=Re,F.width=V(F.width),F.dash=V(F.dash),F.stroke=V(F.stroke),F.fill=V(F.fill);let Ge,Xe,Qe,et=[],nt=[],rt,st=!1,ct={};if(M.live){let e=v[1]?v[1].values:null;st=e!=null,rt=st?e(r,1,0):{_:0};for(let e in rt)ct[e]=Be}if(Ve){if(Ge=Je(`table`,_e,l),Qe=Je(`tbody`,null,Ge),M.mount(r,Ge),st){Xe=Je(`thead`,null,Ge,Qe);let e=Je(`tr`,null,Xe);for(var lt in Je(`th`,null,e),rt)Je(`th`,Se,e).textContent=lt}else Ke(Ge,ye),M.live&&Ke(Ge,ve)}let ut={show:!0},dt={show:!1};function _t(e,t){if(t==0&&(st||!M.live||i==2))return tn;let n=[],a=Je(`tr`,be,Qe,Qe.childNodes[t]);Ke(a,e.class),e.show||Ke(a,fe);let o=Je(`th`,null,a);if(F.show){let e=Ye(xe,o);if(t>0){let n=F.width(r,t);n&&(e.style.border=n+`px `+F.dash(r,t)+` `+F.stroke(r,t)),e.style.background=F.fill(r,t)}}let s=Ye(Se,o);for(var c in e.label instanceof HTMLElement?s.appendChild(e.label):s.textContent=e.label,t>0&&(F.show||(s.style.color=e.width>0?F.stroke(r,t):F.fill(r,t)),xt(`click`,o,t=>{if(N._lock)return;Sn(t);let n=v.indexOf(e);if((t.ctrlKey||t.metaKey)!=M.isolate){let e=v.some((e,t)=>t>0&&t!=n&&e.show);v.forEach((t,r)=>{r>0&&Hi(r,e?r==n?ut:dt:ut,!0,$.setSeries)})}else Hi(n,{show:!e.show},!0,$.setSeries)},!1),Tn&&xt(Fe,o,t=>{N._lock||(Sn(t),Hi(v.indexOf(e),qi,!0,$.setSeries))},!1)),rt){let e=Je(`td`,Ce,a);e.textContent=`--`,n.push(e)}return[a,n]}let vt=new Map;function xt(e,t,n,i=!0){let a=vt.get(t)||{},o=N.bind[e](r,t,n,i);o&&(it(e,t,a[e]=o),vt.set(t,a))}function St(e,t,n){let r=vt.get(t)||{};for(let n in r)(e==null||n==e)&&(at(n,t,r[n]),delete r[n]);e??vt.delete(t)}let Ct=0,wt=0,R=0,z=0,Nt=0,It=0,zt=Nt,Bt=It,Gt=R,Kt=z,Jt=0,Yt=0,Qt=0,rn=0;r.bbox={};let ln=!1,un=!1,fn=!1,pn=!1,mn=!1,hn=!1;function _n(e,t,n){(n||e!=r.width||t!=r.height)&&vn(e,t),$r(!1),fn=!0,un=!0,oi()}function vn(e,t){r.width=Ct=R=e,r.height=wt=z=t,Nt=It=0,bn(),xn();let n=r.bbox;Jt=n.left=qt(Nt*P,.5),Yt=n.top=qt(It*P,.5),Qt=n.width=qt(R*P,.5),rn=n.height=qt(z*P,.5)}function yn(){let e=!1,t=0;for(;!e;){t++;let n=Hr(t),i=Jr(t);e=t==3||n&&i,e||(vn(r.width,r.height),un=!0)}}r.setSize=function({width:e,height:t}){_n(e,t)};function bn(){let e=!1,t=!1,n=!1,r=!1;y.forEach((i,a)=>{if(i.show&&i._show){let{side:a,_size:o}=i,s=a%2,c=o+(i.label==null?0:i.labelSize);c>0&&(s?(R-=c,a==3?(Nt+=c,r=!0):n=!0):(z-=c,a==0?(It+=c,e=!0):t=!0))}}),Nn[0]=e,Nn[1]=n,Nn[2]=t,Nn[3]=r,R-=zn[1]+zn[3],Nt+=zn[3],z-=zn[2]+zn[0],It+=zn[0]}function xn(){let e=Nt+R,t=It+z,n=Nt,r=It;function i(i,a){switch(i){case 1:return e+=a,e-a;case 2:return t+=a,t-a;case 3:return n-=a,n+a;case 0:return r-=a,r+a}}y.forEach((e,t)=>{if(e.show&&e._show){let t=e.side;e._pos=i(t,e._size),e.label!=null&&(e._lpos=i(t,e.labelSize))}})}if(N.dataIdx==null){let e=N.hover,n=e.skip=new Set(e.skip??[]);n.add(void 0);let r=e.prox=V(e.prox),i=e.bias??=0;N.dataIdx=(e,a,o,s)=>{if(a==0)return o;let c=o,l=r(e,a,o,s)??B,u=l>=0&&l<B,d=D.ori==0?R:z,f=N.left,p=t[0],m=t[a];if(n.has(m[o])){c=null;let e=null,t=null,r;if(i==0||i==-1)for(r=o;e==null&&r-->0;)n.has(m[r])||(e=r);if(i==0||i==1)for(r=o;t==null&&r++<m.length;)n.has(m[r])||(t=r);if(e!=null||t!=null){if(u){let n=e==null?-1/0:k(p[e],D,d,0),r=t==null?1/0:k(p[t],D,d,0),i=f-n,a=r-f;i<=a?i<=l&&(c=e):a<=l&&(c=t)}else c=t==null?e:e==null?t:o-e<=t-o?e:t}}else u&&Et(f-k(p[o],D,d,0))>l&&(c=null);return c}}let Sn=e=>{N.event=e};N.idxs=Re,N._lock=!1;let Cn=N.points;Cn.show=V(Cn.show),Cn.size=V(Cn.size),Cn.stroke=V(Cn.stroke),Cn.width=V(Cn.width),Cn.fill=V(Cn.fill);let wn=r.focus=U({},e.focus||{alpha:.3},N.focus),Tn=wn.prox>=0,En=Tn&&Cn.one,Dn=[],kn=[],An=[];function jn(e,t){let n=Cn.show(r,t);if(n instanceof HTMLElement)return Ke(n,ge),Ke(n,e.class),Ze(n,-10,-10,R,z),m.insertBefore(n,Dn[t]),n}function Mn(e,t){if(i==1||t>0){let t=i==1&&b[e.scale].time,n=e.value;e.value=t?on(n)?nr(j,er(n,te)):n||Ae:n||Lr,e.label=e.label||(t?wr:Cr)}if(En||t>0){e.width=e.width==null?1:e.width,e.paths=e.paths||Di||Ht,e.fillTo=V(e.fillTo||ei),e.pxAlign=+L(e.pxAlign,h),e.pxRound=ai(e.pxAlign),e.stroke=V(e.stroke||null),e.fill=V(e.fill||null),e._stroke=e._fill=e._paths=e._focus=null;let t=zr(At(1,e.width),1),n=e.points=U({},{size:t,width:At(1,t*.2),stroke:e.stroke,space:t*2,paths:Oi,_stroke:null,_fill:null},e.points);n.show=V(n.show),n.filter=V(n.filter),n.fill=V(n.fill),n.stroke=V(n.stroke),n.paths=V(n.paths),n.pxAlign=e.pxAlign}if(Ve){let n=_t(e,t);et.splice(t,0,n[0]),nt.splice(t,0,n[1]),M.values.push(null)}if(We){Re.splice(t,0,null);let n=null;En?t==0&&(n=jn(e,t)):t>0&&(n=jn(e,t)),Dn.splice(t,0,n),kn.splice(t,0,0),An.splice(t,0,0)}Q(`addSeries`,t)}r.addSeries=function(e,t){t??=v.length,e=i==1?ji(e,t,Tr,Wr):ji(e,t,{},Ur),v.splice(t,0,e),Mn(v[t],t)},r.delSeries=function(e){if(v.splice(e,1),Ve){M.values.splice(e,1),nt.splice(e,1);let t=et.splice(e,1)[0];St(null,t.firstChild),t.remove()}We&&(Re.splice(e,1),Dn.splice(e,1)[0].remove(),kn.splice(e,1),An.splice(e,1)),Q(`delSeries`,e)};let Nn=[!1,!1,!1,!1];function In(e,t){if(e._show=e.show,e.show){let n=e.side%2,i=b[e.scale];i??=(e.scale=n?v[1].scale:S,b[e.scale]);let a=i.time;e.size=V(e.size),e.space=V(e.space),e.rotate=V(e.rotate),nn(e.incrs)&&e.incrs.forEach(e=>{!Xt.has(e)&&Xt.set(e,Zt(e))}),e.incrs=V(e.incrs||(i.distr==2?Pn:a?_==1?Wn:qn:Fn)),e.splits=V(e.splits||(a&&i.distr==1?ne:i.distr==3?Or:i.distr==4?kr:Dr)),e.stroke=V(e.stroke),e.grid.stroke=V(e.grid.stroke),e.ticks.stroke=V(e.ticks.stroke),e.border.stroke=V(e.border.stroke);let o=e.values;e.values=nn(o)&&!nn(o[0])?V(o):a?nn(o)?Zn(j,Xn(o,te)):on(o)?Qn(j,o):o||re:o||Er,e.filter=V(e.filter||(i.distr>=3&&i.log==10?Fr:i.distr==3&&i.log==2?Ir:Vt)),e.font=Bi(e.font),e.labelFont=Bi(e.labelFont),e._size=e.size(r,null,t,0),e._space=e._rotate=e._incrs=e._found=e._splits=e._values=null,e._size>0&&(Nn[t]=!0,e._el=Ye(de,f))}}function Ln(e,t,n,r){let[i,a,o,s]=n,c=t%2,l=0;return c==0&&(s||a)&&(l=t==0&&!i||t==2&&!o?Dt(Sr.size/3):0),c==1&&(i||o)&&(l=t==1&&!a||t==3&&!s?Dt(Rr.size/2):0),l}let Rn=r.padding=(e.padding||[Ln,Ln,Ln,Ln]).map(e=>V(L(e,Ln))),zn=r._padding=Rn.map((e,t)=>e(r,t,Nn,0)),W,G=null,K=null,Bn=i==1?v[0].idxs:null,Vn=null,Hn=!1;function q(e,n){if(t=e??[],r.data=r._data=t,i==2){W=0;for(let e=1;e<v.length;e++)W+=t[e][0].length}else{t.length==0&&(r.data=r._data=t=[[]]),Vn=t[0],W=Vn.length;let e=t;if(O==2){e=t.slice();let n=e[0]=Array(W);for(let e=0;e<W;e++)n[e]=e}r._data=t=e}if($r(!0),Q(`setData`),O==2&&(fn=!0),n!==!1){let e=D;e.auto(r,Hn)?Un():Z(S,e.min,e.max),pn||=N.left>=0,hn=!0,oi()}}r.setData=q;function Un(){Hn=!0;let e,n;i==1&&(W>0?(G=Bn[0]=0,K=Bn[1]=W-1,e=t[0][G],n=t[0][K],O==2?(e=G,n=K):e==n&&(O==3?[e,n]=pt(e,e,D.log,!1):O==4?[e,n]=mt(e,e,D.log,!1):D.time?n=e+Dt(86400/_):[e,n]=yt(e,n,ht,!0))):(G=Bn[0]=e=null,K=Bn[1]=n=null)),Z(S,e,n)}let $n,rr,ir,or,sr,cr,lr,ur,dr,fr;function pr(e,t,n,r,i,a){e??=je,n??=en,r??=`butt`,i??=je,a??=`round`,e!=$n&&(d.strokeStyle=$n=e),i!=rr&&(d.fillStyle=rr=i),t!=ir&&(d.lineWidth=ir=t),a!=sr&&(d.lineJoin=sr=a),r!=cr&&(d.lineCap=cr=r),n!=or&&d.setLineDash(or=n)}function hr(e,t,n,r){t!=rr&&(d.fillStyle=rr=t),e!=lr&&(d.font=lr=e),n!=ur&&(d.textAlign=ur=n),r!=dr&&(d.textBaseline=dr=r)}function gr(e,t,n,i,a=0){if(i.length>0&&e.auto(r,Hn)&&(t==null||t.min==null)){let t=L(G,0),r=L(K,i.length-1),o=n.min==null?ft(i,t,r,a,e.distr==3):[n.min,n.max];e.min=kt(e.min,n.min=o[0]),e.max=At(e.max,n.max=o[1])}}let _r={min:null,max:null};function vr(){for(let e in b){let t=b[e];A[e]==null&&(t.min==null||A[S]!=null&&t.auto(r,Hn))&&(A[e]=_r)}for(let e in b){let t=b[e];A[e]==null&&t.from!=null&&A[t.from]!=null&&(A[e]=_r)}A[S]!=null&&$r(!0);let e={};for(let t in A){let n=A[t];if(n!=null){let a=e[t]=dn(b[t],cn);if(n.min!=null)U(a,n);else if(t!=S||i==2){if(W==0&&a.from==null){let e=a.range(r,null,null,t);a.min=e[0],a.max=e[1]}else a.min=B,a.max=-1/0}}}if(W>0){v.forEach((n,a)=>{if(i==1){let i=n.scale,o=A[i];if(o==null)return;let s=e[i];if(a==0){let e=s.range(r,s.min,s.max,i);s.min=e[0],s.max=e[1],G=ot(s.min,t[0]),K=ot(s.max,t[0]),K-G>1&&(t[0][G]<s.min&&G++,t[0][K]>s.max&&K--),n.min=Vn[G],n.max=Vn[K]}else n.show&&n.auto&&gr(s,o,n,t[a],n.sorted);n.idxs[0]=G,n.idxs[1]=K}else if(a>0&&n.show&&n.auto){let[r,i]=n.facets,o=r.scale,s=i.scale,[c,l]=t[a],u=e[o],d=e[s];u!=null&&gr(u,A[o],r,c,r.sorted),d!=null&&gr(d,A[s],i,l,i.sorted),n.min=i.min,n.max=i.max}});for(let t in e){let n=e[t],i=A[t];if(n.from==null&&(i==null||i.min==null)){let e=n.range(r,n.min==B?null:n.min,n.max==-1/0?null:n.max,t);n.min=e[0],n.max=e[1]}}}for(let t in e){let n=e[t];if(n.from!=null){let i=e[n.from];if(i.min==null)n.min=n.max=null;else{let e=n.range(r,i.min,i.max,t);n.min=e[0],n.max=e[1]}}}let n={},a=!1;for(let t in e){let r=e[t],i=b[t];if(i.min!=r.min||i.max!=r.max){i.min=r.min,i.max=r.max;let e=i.distr;i._min=e==3?Mt(i.min):e==4?Ft(i.min,i.asinh):e==100?i.fwd(i.min):i.min,i._max=e==3?Mt(i.max):e==4?Ft(i.max,i.asinh):e==100?i.fwd(i.max):i.max,n[t]=a=!0}}if(a){v.forEach((e,t)=>{i==2?t>0&&n.y&&(e._paths=null):n[e.scale]&&(e._paths=null)});for(let e in n)fn=!0,Q(`setScale`,e);We&&N.left>=0&&(pn=hn=!0)}for(let e in A)A[e]=null}function yr(e){let t=Lt(G-1,0,W-1),n=Lt(K+1,0,W-1);for(;e[t]==null&&t>0;)t--;for(;e[n]==null&&n<W-1;)n++;return[t,n]}function br(){if(W>0){let e=v.some(e=>e._focus)&&fr!=wn.alpha;e&&(d.globalAlpha=fr=wn.alpha),v.forEach((e,n)=>{if(n>0&&e.show&&(xr(n,!1),xr(n,!0),e._paths==null)){let a=fr;fr!=e.alpha&&(d.globalAlpha=fr=e.alpha);let o=i==2?[0,t[n][0].length-1]:yr(t[n]);e._paths=e.paths(r,n,o[0],o[1]),fr!=a&&(d.globalAlpha=fr=a)}}),v.forEach((e,t)=>{if(t>0&&e.show){let n=fr;fr!=e.alpha&&(d.globalAlpha=fr=e.alpha),e._paths!=null&&Ar(t,!1);{let n=e._paths==null?null:e._paths.gaps,i=e.points.show(r,t,G,K,n),a=e.points.filter(r,t,i,n);(i||a)&&(e.points._paths=e.points.paths(r,t,G,K,a),Ar(t,!0))}fr!=n&&(d.globalAlpha=fr=n),Q(`drawSeries`,t)}}),e&&(d.globalAlpha=fr=1)}}function xr(e,t){let n=t?v[e].points:v[e];n._stroke=n.stroke(r,e),n._fill=n.fill(r,e)}function Ar(e,t){let n=t?v[e].points:v[e],{stroke:r,fill:i,clip:a,flags:o,_stroke:s=n._stroke,_fill:c=n._fill,_width:l=n.width}=n._paths;l=H(l*P,3);let u=null,f=l%2/2;t&&c==null&&(c=l>0?`#fff`:s);let p=n.pxAlign==1&&f>0;if(p&&d.translate(f,f),!t){let e=Jt-l/2,t=Yt-l/2,n=Qt+l,r=rn+l;u=new Path2D,u.rect(e,t,n,r)}t?Mr(s,l,n.dash,n.cap,c,r,i,o,a):jr(e,s,l,n.dash,n.cap,c,r,i,o,u,a),p&&d.translate(-f,-f)}function jr(e,n,i,a,o,s,c,l,u,d,f){let p=!1;u!=0&&x.forEach((m,h)=>{if(m.series[0]==e){let e=v[m.series[1]],g=t[m.series[1]],_=(e._paths||$t).band;nn(_)&&(_=m.dir==1?_[0]:_[1]);let y,b=null;e.show&&_&&bt(g,G,K)?(b=m.fill(r,h)||s,y=e._paths.clip):_=null,Mr(n,i,a,o,b,c,l,u,d,f,y,_),p=!0}}),p||Mr(n,i,a,o,s,c,l,u,d,f)}function Mr(e,t,n,r,i,a,o,s,c,l,u,f){pr(e,t,n,r,i),(c||l||f)&&(d.save(),c&&d.clip(c),l&&d.clip(l)),f?(s&3)==3?(d.clip(f),u&&d.clip(u),Pr(i,o),Nr(e,a,t)):s&Zr?(Pr(i,o),d.clip(f),Nr(e,a,t)):s&Xr&&(d.save(),d.clip(f),u&&d.clip(u),Pr(i,o),d.restore(),Nr(e,a,t)):(Pr(i,o),Nr(e,a,t)),(c||l||f)&&d.restore()}function Nr(e,t,n){n>0&&(t instanceof Map?t.forEach((e,t)=>{d.strokeStyle=$n=t,d.stroke(e)}):t!=null&&e&&d.stroke(t))}function Pr(e,t){t instanceof Map?t.forEach((e,t)=>{d.fillStyle=rr=t,d.fill(e)}):t!=null&&e&&d.fill(t)}function Br(e,t,n,i){let a=y[e],o;if(i<=0)o=[0,0];else{let s=a._space=a.space(r,e,t,n,i);o=zi(t,n,a._incrs=a.incrs(r,e,t,n,i,s),i,s)}return a._found=o}function Vr(e,t,n,r,i,a,o,s,c,l){let u=o%2/2;h==1&&d.translate(u,u),pr(s,o,c,l,s),d.beginPath();let f,p,m,g,_=i+(r==0||r==3?-a:a);n==0?(p=i,g=_):(f=i,m=_);for(let r=0;r<e.length;r++)t[r]!=null&&(n==0?f=m=e[r]:p=g=e[r],d.moveTo(f,p),d.lineTo(m,g));d.stroke(),h==1&&d.translate(-u,-u)}function Hr(e){let t=!0;return y.forEach((n,i)=>{if(!n.show)return;let a=b[n.scale];if(a.min==null){n._show&&(t=!1,n._show=!1,$r(!1));return}n._show||(t=!1,n._show=!0,$r(!1));let o=n.side,s=o%2,{min:c,max:l}=a,[u,d]=Br(i,c,l,s==0?R:z);if(d==0)return;let f=a.distr==2,p=n._splits=n.splits(r,i,c,l,u,d,f),m=a.distr==2?p.map(e=>Vn[e]):p,h=a.distr==2?Vn[p[1]]-Vn[p[0]]:u,g=n._values=n.values(r,n.filter(r,m,i,d,h),i,d,h);n._rotate=o==2?n.rotate(r,g,i,d):0;let _=n._size;n._size=Ot(n.size(r,g,i,e)),_!=null&&n._size!=_&&(t=!1)}),t}function Jr(e){let t=!0;return Rn.forEach((n,i)=>{let a=n(r,i,Nn,e);a!=zn[i]&&(t=!1),zn[i]=a}),t}function Qr(){for(let e=0;e<y.length;e++){let t=y[e];if(!t.show||!t._show)continue;let n=t.side,i=n%2,a,o,c=t.stroke(r,e),l=n==0||n==3?-1:1,[u,f]=t._found;if(t.label!=null){let s=t.labelGap*l,p=Dt((t._lpos+s)*P);hr(t.labelFont[0],c,`center`,n==2?Ee:De),d.save(),i==1?(a=o=0,d.translate(p,Dt(Yt+rn/2)),d.rotate((n==3?-Tt:Tt)/2)):(a=Dt(Jt+Qt/2),o=p);let m=Rt(t.label)?t.label(r,e,u,f):t.label;d.fillText(m,a,o),d.restore()}if(f==0)continue;let p=b[t.scale],m=i==0?Qt:rn,h=i==0?Jt:Yt,_=t._splits,v=p.distr==2?_.map(e=>Vn[e]):_,x=p.distr==2?Vn[_[1]]-Vn[_[0]]:u,S=t.ticks,C=t.border,w=S.show?S.size:0,T=Dt(w*P),E=Dt((t.alignTo==2?t._size-w-t.gap:t.gap)*P),D=t._rotate*-Tt/180,O=g(t._pos*P),k=O+(T+E)*l;o=i==0?k:0,a=i==1?k:0,hr(t.font[0],c,t.align==1?Oe:t.align==2?ke:D>0?Oe:D<0?ke:i==0?`center`:n==3?ke:Oe,D||i==1?`middle`:n==2?Ee:De);let ee=t.font[1]*t.lineGap,A=_.map(e=>g(s(e,p,m,h))),j=t._values;for(let e=0;e<j.length;e++){let t=j[e];if(t!=null){i==0?a=A[e]:o=A[e],t=``+t;let n=t.indexOf(`
`)==-1?[t]:t.split(/\n/gm);for(let e=0;e<n.length;e++){let t=n[e];D?(d.save(),d.translate(a,o+e*ee),d.rotate(D),d.fillText(t,0,0),d.restore()):d.fillText(t,a,o+e*ee)}}}S.show&&Vr(A,S.filter(r,v,e,f,x),i,n,O,T,H(S.width*P,3),S.stroke(r,e),S.dash,S.cap);let te=t.grid;te.show&&Vr(A,te.filter(r,v,e,f,x),i,i==0?2:1,i==0?Yt:Jt,i==0?rn:Qt,H(te.width*P,3),te.stroke(r,e),te.dash,te.cap),C.show&&Vr([O],[1],+(i==0),i==0?1:2,i==1?Yt:Jt,i==1?rn:Qt,H(C.width*P,3),C.stroke(r,e),C.dash,C.cap)}Q(`drawAxes`)}function $r(e){v.forEach((t,n)=>{n>0&&(t._paths=null,e&&(i==1?(t.min=null,t.max=null):t.facets.forEach(e=>{e.min=null,e.max=null})))})}let ti=!1,ni=!1,ri=[];function ii(){ni=!1;for(let e=0;e<ri.length;e++)Q(...ri[e]);ri.length=0}function oi(){ti||=(gn(si),!0)}r.batch=function(e,t=!1){ti=!0,ni=t,e(r),si(),t&&ri.length>0&&queueMicrotask(ii)};function si(){if(ln&&=(vr(),!1),fn&&=(yn(),!1),un){if(I(p,Oe,Nt),I(p,Ee,It),I(p,we,R),I(p,Te,z),I(m,Oe,Nt),I(m,Ee,It),I(m,we,R),I(m,Te,z),I(f,we,Ct),I(f,Te,wt),u.width=Dt(Ct*P),u.height=Dt(wt*P),y.forEach(({_el:e,_show:t,_size:n,_pos:r,side:i})=>{if(e!=null){if(t){let t=i===3||i===0?n:0,a=i%2==1;I(e,a?`left`:`top`,r-t),I(e,a?`width`:`height`,n),I(e,a?`top`:`left`,a?It:Nt),I(e,a?`height`:`width`,a?z:R),qe(e,fe)}else Ke(e,fe)}}),$n=rr=ir=sr=cr=lr=ur=dr=or=null,fr=1,aa(!0),Nt!=zt||It!=Bt||R!=Gt||z!=Kt){$r(!1);let e=R/Gt,t=z/Kt;if(We&&!pn&&N.left>=0){N.left*=e,N.top*=t,di&&Ze(di,Dt(N.left),0,R,z),fi&&Ze(fi,0,Dt(N.top),R,z);for(let n=0;n<Dn.length;n++){let r=Dn[n];r!=null&&(kn[n]*=e,An[n]*=t,Ze(r,Ot(kn[n]),Ot(An[n]),R,z))}}if(X.show&&!mn&&X.left>=0&&X.width>0){X.left*=e,X.width*=e,X.top*=t,X.height*=t;for(let e in ca)I(Ci,e,X[e])}zt=Nt,Bt=It,Gt=R,Kt=z}Q(`setSize`),un=!1}Ct>0&&wt>0&&(d.clearRect(0,0,u.width,u.height),Q(`drawClear`),w.forEach(e=>e()),Q(`draw`)),X.show&&mn&&(wi(X),mn=!1),We&&pn&&(ra(null,!0,!1),pn=!1),M.show&&M.live&&hn&&(ta(),hn=!1),c||(c=!0,r.status=1,Q(`ready`)),Hn=!1,ti=!1}r.redraw=(e,t)=>{fn=t||!1,e===!1?oi():Z(S,D.min,D.max)};function ci(e,n){let i=b[e];if(i.from==null){if(W==0){let t=i.range(r,n.min,n.max,e);n.min=t[0],n.max=t[1]}if(n.min>n.max){let e=n.min;n.min=n.max,n.max=e}if(W>1&&n.min!=null&&n.max!=null&&n.max-n.min<1e-16)return;e==S&&i.distr==2&&W>0&&(n.min=ot(n.min,t[0]),n.max=ot(n.max,t[0]),n.min==n.max&&n.max++),A[e]=n,ln=!0,oi()}}r.setScale=ci;let li,ui,di,fi,pi,mi,hi,gi,_i,vi,J,Y,yi=!1,bi=N.drag,xi=bi.x,Si=bi.y;We&&(N.x&&(li=Ye(me,m)),N.y&&(ui=Ye(he,m)),D.ori==0?(di=li,fi=ui):(di=ui,fi=li),J=N.left,Y=N.top);let X=r.select=U({show:!0,over:!0,left:0,width:0,top:0,height:0},e.select),Ci=X.show?Ye(pe,X.over?m:p):null;function wi(e,t){if(X.show){for(let t in e)X[t]=e[t],t in ca&&I(Ci,t,e[t]);t!==!1&&Q(`setSelect`)}}r.setSelect=wi;function Ei(e){if(v[e].show)Ve&&qe(et[e],fe);else if(Ve&&Ke(et[e],fe),We){let t=En?Dn[0]:Dn[e];t!=null&&Ze(t,-10,-10,R,z)}}function Z(e,t,n){ci(e,{min:t,max:n})}function Hi(e,t,n,a){t.focus!=null&&Ji(e),t.show!=null&&v.forEach((n,r)=>{r>0&&(e==r||e==null)&&(n.show=t.show,Ei(r),i==2?(Z(n.facets[0].scale,null,null),Z(n.facets[1].scale,null,null)):Z(n.scale,null,null),oi())}),n!==!1&&Q(`setSeries`,e,t),a&&wa(`setSeries`,r,e,t)}r.setSeries=Hi,r.addBand=function(e,t){e.fill=V(e.fill||null),e.dir=L(e.dir,-1),t??=x.length,x.splice(t,0,e)},r.setBand=function(e,t){U(x[e],t)},r.delBand=function(e){e==null?x.length=0:x.splice(e,1)};function Ui(e,t){v[e].alpha=t,We&&Dn[e]!=null&&(Dn[e].style.opacity=t),Ve&&et[e]&&(et[e].style.opacity=t)}let Wi,Gi,Ki,qi={focus:!0};function Ji(e){if(e!=Ki){let t=e==null,n=wn.alpha!=1;v.forEach((r,a)=>{if(i==1||a>0){let i=t||a==0||a==e;r._focus=t?null:i,n&&Ui(a,i?1:wn.alpha)}}),Ki=e,n&&oi()}}Ve&&Tn&&xt(Ie,Ge,e=>{N._lock||(Sn(e),Ki!=null&&Hi(null,qi,!0,$.setSeries))});function Yi(e,t,n){let r=b[t];n&&(e=e/P-(r.ori==1?It:Nt));let i=R;r.ori==1&&(i=z,e=i-e),r.dir==-1&&(e=i-e);let a=r._min,o=r._max,s=e/i,c=a+(o-a)*s,l=r.distr;return l==3?jt(10,c):l==4?Pt(c,r.asinh):l==100?r.bwd(c):c}r.valToIdx=e=>ot(e,t[0]),r.posToIdx=function(e,n){return ot(Yi(e,S,n),t[0],G,K)},r.posToVal=Yi,r.valToPos=(e,t,n)=>b[t].ori==0?a(e,b[t],n?Qt:R,n?Jt:0):o(e,b[t],n?rn:z,n?Yt:0),r.setCursor=(e,t,n)=>{J=e.left,Y=e.top,ra(null,t,n)};function Xi(e,t){I(Ci,Oe,X.left=e),I(Ci,we,X.width=t)}function Zi(e,t){I(Ci,Ee,X.top=e),I(Ci,Te,X.height=t)}let Qi=D.ori==0?Xi:Zi,$i=D.ori==1?Xi:Zi;function ea(){if(Ve&&M.live)for(let e=+(i==2);e<v.length;e++){if(e==0&&st)continue;let t=M.values[e],n=0;for(let r in t)nt[e][n++].firstChild.nodeValue=t[r]}}function ta(e,t){if(e!=null&&(e.idxs?e.idxs.forEach((e,t)=>{Re[t]=e}):an(e.idx)||Re.fill(e.idx),M.idx=Re[0]),Ve&&M.live){for(let e=0;e<v.length;e++)(e>0||i==1&&!st)&&na(e,Re[e]);ea()}hn=!1,t!==!1&&Q(`setLegend`)}r.setLegend=ta;function na(e,n){let i=v[e],a=e==0&&O==2?Vn:t[e],o;st?o=i.values(r,e,n)??ct:(o=i.value(r,n==null?null:a[n],e,n),o=o==null?ct:{_:o}),M.values[e]=o}function ra(e,n,a){_i=J,vi=Y,[J,Y]=N.move(r,J,Y),N.left=J,N.top=Y,We&&(di&&Ze(di,Dt(J),0,R,z),fi&&Ze(fi,0,Dt(Y),R,z));let o,s=G>K;Wi=B,Gi=null;let c=D.ori==0?R:z,l=D.ori==1?R:z;if(J<0||W==0||s){o=N.idx=null;for(let e=0;e<v.length;e++){let t=Dn[e];t!=null&&Ze(t,-10,-10,R,z)}Tn&&Hi(null,qi,!0,e==null&&$.setSeries),M.live&&(Re.fill(o),hn=!0)}else{let e,n,a;i==1&&(e=D.ori==0?J:Y,n=Yi(e,S),o=N.idx=ot(n,t[0],G,K),a=k(t[0][o],D,c,0));let s=-10,u=-10,d=0,f=0,p=!0,m=``,h=``;for(let e=+(i==2);e<v.length;e++){let g=v[e],_=Re[e],y=_==null?null:i==1?t[e][_]:t[e][1][_],x=N.dataIdx(r,e,o,n),S=x==null?null:i==1?t[e][x]:t[e][1][x];if(hn=hn||S!=y||x!=_,Re[e]=x,e>0&&g.show){let n=x==null?-10:x==o?a:k(i==1?t[0][x]:t[e][0][x],D,c,0),_=S==null?-10:ee(S,i==1?b[g.scale]:b[g.facets[1].scale],l,0);if(Tn&&S!=null){let t=D.ori==1?J:Y,n=Et(wn.dist(r,e,x,_,t));if(n<Wi){let r=wn.bias;if(r!=0){let i=Yi(t,g.scale),a=S>=0?1:-1,o=i>=0?1:-1;o==a&&(o==1?r==1?S>=i:S<=i:r==1?S<=i:S>=i)&&(Wi=n,Gi=e)}else Wi=n,Gi=e}}if(hn||En){let t,i;D.ori==0?(t=n,i=_):(t=_,i=n);let a,o,c,l,g,v,y=!0,b=Cn.bbox;if(b!=null){y=!1;let t=b(r,e);c=t.left,l=t.top,a=t.width,o=t.height}else c=t,l=i,a=o=Cn.size(r,e);if(v=Cn.fill(r,e),g=Cn.stroke(r,e),En)e==Gi&&Wi<=wn.prox&&(s=c,u=l,d=a,f=o,p=y,m=v,h=g);else{let t=Dn[e];t!=null&&(kn[e]=c,An[e]=l,tt(t,a,o,y),$e(t,v,g),Ze(t,Ot(c),Ot(l),R,z))}}}}if(En){let e=wn.prox;if(hn||(Ki==null?Wi<=e:Wi>e||Gi!=Ki)){let e=Dn[0];e!=null&&(kn[0]=s,An[0]=u,tt(e,d,f,p),$e(e,m,h),Ze(e,Ot(s),Ot(u),R,z))}}}if(X.show&&yi){if(e!=null){let[t,n]=$.scales,[r,i]=$.match,[a,o]=e.cursor.sync.scales,s=e.cursor.drag;if(xi=s._x,Si=s._y,xi||Si){let{left:s,top:u,width:d,height:f}=e.select,p=e.scales[a].ori,m=e.posToVal,h,g,_,v,y,x=t!=null&&r(t,a),S=n!=null&&i(n,o);x&&xi?(p==0?(h=s,g=d):(h=u,g=f),_=b[t],v=k(m(h,a),_,c,0),y=k(m(h+g,a),_,c,0),Qi(kt(v,y),Et(y-v))):Qi(0,c),S&&Si?(p==1?(h=s,g=d):(h=u,g=f),_=b[n],v=ee(m(h,o),_,l,0),y=ee(m(h+g,o),_,l,0),$i(kt(v,y),Et(y-v))):$i(0,l)}else la()}else{let e=Et(_i-pi),t=Et(vi-mi);if(D.ori==1){let n=e;e=t,t=n}xi=bi.x&&e>=bi.dist,Si=bi.y&&t>=bi.dist;let n=bi.uni;n==null?bi.x&&bi.y&&(xi||Si)&&(xi=Si=!0):xi&&Si&&(xi=e>=n,Si=t>=n,!xi&&!Si&&(t>e?Si=!0:xi=!0));let r,i;xi&&(D.ori==0?(r=hi,i=J):(r=gi,i=Y),Qi(kt(r,i),Et(i-r)),Si||$i(0,l)),Si&&(D.ori==1?(r=hi,i=J):(r=gi,i=Y),$i(kt(r,i),Et(i-r)),xi||Qi(0,c)),!xi&&!Si&&(Qi(0,0),$i(0,0))}}if(bi._x=xi,bi._y=Si,e==null){if(a){if(Sa!=null){let[e,t]=$.scales;$.values[0]=e==null?null:Yi(D.ori==0?J:Y,e),$.values[1]=t==null?null:Yi(D.ori==1?J:Y,t)}wa(Me,r,J,Y,R,z,o)}if(Tn){let e=a&&$.setSeries,t=wn.prox;Ki==null?Wi<=t&&Hi(Gi,qi,!0,e):Wi>t?Hi(null,qi,!0,e):Gi!=Ki&&Hi(Gi,qi,!0,e)}}hn&&(M.idx=o,ta()),n!==!1&&Q(`setCursor`)}let ia=null;Object.defineProperty(r,"rect",{get(){return ia??aa(!1),ia}});function aa(e=!1){e?ia=null:(ia=m.getBoundingClientRect(),Q(`syncRect`,ia))}function oa(e,t,n,r,i,a,o){N._lock||yi&&e!=null&&e.movementX==0&&e.movementY==0||(sa(e,t,n,r,i,a,o,!1,e!=null),e==null?ra(t,!0,!1):ra(null,!0,!0))}function sa(e,t,n,i,a,o,c,l,u){if(ia??aa(!1),Sn(e),e!=null)n=e.clientX-ia.left,i=e.clientY-ia.top;else{if(n<0||i<0){J=-10,Y=-10;return}let[e,r]=$.scales,c=t.cursor.sync,[l,u]=c.values,[d,f]=c.scales,[p,m]=$.match,h=t.axes[0].side%2==1,g=D.ori==0?R:z,_=D.ori==1?R:z,v=h?o:a,y=h?a:o,x=h?i:n,S=h?n:i;if(n=d==null?x/v*g:p(e,d)?s(l,b[e],g,0):-10,i=f==null?S/y*_:m(r,f)?s(u,b[r],_,0):-10,D.ori==1){let e=n;n=i,i=e}}u&&(t==null||t.cursor.event.type==Me)&&((n<=1||n>=R-1)&&(n=qt(n,R)),(i<=1||i>=z-1)&&(i=qt(i,z))),l?(pi=n,mi=i,[hi,gi]=N.move(r,n,i)):(J=n,Y=i)}let ca={width:0,height:0,left:0,top:0};function la(){wi(ca,!1)}let ua,da,fa,pa;function ma(e,t,n,i,a,o,s){yi=!0,xi=Si=bi._x=bi._y=!1,sa(e,t,n,i,a,o,s,!0,!1),e!=null&&(xt(Pe,He,ha,!1),wa(Ne,r,hi,gi,R,z,null));let{left:c,top:l,width:u,height:d}=X;ua=c,da=l,fa=u,pa=d}function ha(e,t,n,i,a,o,s){yi=bi._x=bi._y=!1,sa(e,t,n,i,a,o,s,!1,!0);let{left:c,top:l,width:u,height:d}=X,f=u>0||d>0,p=ua!=c||da!=l||fa!=u||pa!=d;if(f&&p&&wi(X),bi.setScale&&f&&p){let e=c,t=u,n=l,r=d;if(D.ori==1&&(e=l,t=d,n=c,r=u),xi&&Z(S,Yi(e,S),Yi(e+t,S)),Si)for(let e in b){let t=b[e];e!=S&&t.from==null&&t.min!=B&&Z(e,Yi(n+r,e),Yi(n,e))}la()}else N.lock&&(N._lock=!N._lock,ra(t,!0,e!=null));e!=null&&(St(Pe,He),wa(Pe,r,J,Y,R,z,null))}function ga(e,t,n,r,i,a,o){if(N._lock)return;Sn(e);let s=yi;if(yi){let e=!0,t=!0,n,r;D.ori==0?(n=xi,r=Si):(n=Si,r=xi),n&&r&&(e=J<=10||J>=R-10,t=Y<=10||Y>=z-10),n&&e&&(J=J<hi?0:R),r&&t&&(Y=Y<gi?0:z),ra(null,!0,!0),yi=!1}J=-10,Y=-10,Re.fill(null),ra(null,!0,!0),s&&(yi=s)}function _a(e,t,n,i,a,o,s){N._lock||(Sn(e),Un(),la(),e!=null&&wa(Le,r,J,Y,R,z,null))}function va(){y.forEach(Vi),_n(r.width,r.height,!0)}it(ze,Ue,va);let ya={};ya.mousedown=ma,ya.mousemove=oa,ya.mouseup=ha,ya.dblclick=_a,ya.setSeries=(e,t,n,i)=>{n=(0,$.match[2])(r,t,n),n!=-1&&Hi(n,i,!0,!1)},We&&(xt(Ne,m,ma),xt(Me,m,oa),xt(Fe,m,e=>{Sn(e),aa(!1)}),xt(Ie,m,ga),xt(Le,m,_a),Ti.add(r),r.syncRect=aa);let ba=r.hooks=e.hooks||{};function Q(e,t,n){ni?ri.push([e,t,n]):e in ba&&ba[e].forEach(e=>{e.call(null,r,t,n)})}(e.plugins||[]).forEach(e=>{for(let t in e.hooks)ba[t]=(ba[t]||[]).concat(e.hooks[t])});let xa=(e,t,n)=>n,$=U({key:null,setSeries:!1,filters:{pub:Ut,sub:Ut},scales:[S,v[1]?v[1].scale:null],match:[Wt,Wt,xa],values:[null,null]},N.sync);$.match.length==2&&$.match.push(xa),N.sync=$;let Sa=$.key,Ca=Yr(Sa);function wa(e,t,n,r,i,a,o){$.filters.pub(e,t,n,r,i,a,o)&&Ca.pub(e,t,n,r,i,a,o)}Ca.sub(r),r.pub=function(e,t,n,r,i,a,o){$.filters.sub(e,t,n,r,i,a,o)&&ya[e](null,t,n,r,i,a,o)},r.destroy=function(){Ca.unsub(r),Ti.delete(r),vt.clear(),at(ze,Ue,va),l.remove(),Ge?.remove(),Q(`destroy`)};function Ta(){Q(`init`,e,t),q(t||e.data,!1),A[S]?ci(S,A[S]):Un(),mn=X.show&&(X.width>0||X.height>0),pn=hn=!0,_n(e.width,e.height)}return v.forEach(Mn),y.forEach(In),n?n instanceof HTMLElement?(n.appendChild(l),Ta()):n(r,Ta):Ta(),r}Z.assign=U,Z.fmtNum=Ct,Z.rangeNum=yt,Z.rangeLog=pt,Z.rangeAsinh=mt,Z.orient=Qr,Z.pxRatio=P,Z.join=function(e,t){if(vn(e)){let t=e[0].slice();for(let n=1;n<e.length;n++)t.push(...e[n].slice(1));return yn(t[0])||(t=_n(t)),t}let n=new Set;for(let t=0;t<e.length;t++){let r=e[t][0],i=r.length;for(let e=0;e<i;e++)n.add(r[e])}let r=[Array.from(n).sort((e,t)=>e-t)],i=r[0].length,a=new Map;for(let e=0;e<i;e++)a.set(r[0][e],e);for(let n=0;n<e.length;n++){let o=e[n],s=o[0];for(let e=1;e<o.length;e++){let c=o[e],l=Array(i).fill(void 0),u=t?t[n][e]:pn,d=[];for(let e=0;e<c.length;e++){let t=c[e],n=a.get(s[e]);t===null?u!=fn&&(l[n]=t,u==mn&&d.push(n)):l[n]=t}hn(l,d,i),r.push(l)}}return r},Z.fmtDate=On,Z.tzDate=function(e,t){let n;return t==`UTC`||t==`Etc/UTC`?n=new Date(+e+e.getTimezoneOffset()*6e4):t==kn?n=e:(n=new Date(e.toLocaleString(`en-US`,{timeZone:t})),n.setMilliseconds(e.getMilliseconds())),n},Z.sync=Yr;{Z.addGap=ri,Z.clipGaps=ni;let e=Z.paths={points:_i};e.linear=yi,e.stepped=bi,e.bars=Si,e.spline=Ci}var Hi=`.uplot,.uplot *,.uplot :before,.uplot :after{box-sizing:border-box}.uplot{width:min-content;font-family:system-ui,-apple-system,Segoe UI,Roboto,Helvetica Neue,Arial,Noto Sans,sans-serif,Apple Color Emoji,Segoe UI Emoji,Segoe UI Symbol,Noto Color Emoji;line-height:1.5}.u-title{text-align:center;font-size:18px;font-weight:700}.u-wrap{-webkit-user-select:none;user-select:none;position:relative}.u-over,.u-under{position:absolute}.u-under{overflow:hidden}.uplot canvas{width:100%;height:100%;display:block;position:relative}.u-axis{position:absolute}.u-legend{text-align:center;margin:auto;font-size:14px}.u-inline{display:block}.u-inline *{display:inline-block}.u-inline tr{margin-right:16px}.u-legend th{font-weight:600}.u-legend th>*{vertical-align:middle;display:inline-block}.u-legend .u-marker{width:1em;height:1em;margin-right:4px;background-clip:padding-box!important}.u-inline.u-live th:after{content:":";vertical-align:middle}.u-inline:not(.u-live) .u-value{display:none}.u-series>*{padding:4px}.u-series th{cursor:pointer}.u-legend .u-off>*{opacity:.3}.u-select{pointer-events:none;background:#00000012;position:absolute}.u-cursor-x,.u-cursor-y{pointer-events:none;will-change:transform;position:absolute;top:0;left:0}.u-hz .u-cursor-x,.u-vt .u-cursor-y{border-right:1px dashed #607d8b;height:100%}.u-hz .u-cursor-y,.u-vt .u-cursor-x{border-bottom:1px dashed #607d8b;width:100%}.u-cursor-pt{pointer-events:none;will-change:transform;border:0 solid;border-radius:50%;position:absolute;top:0;left:0;background-clip:padding-box!important}.u-axis.u-off,.u-select.u-off,.u-cursor-x.u-off,.u-cursor-y.u-off,.u-cursor-pt.u-off{display:none}`,Ui=170,Wi=class extends d{constructor(...e){super(...e),this.label=``,this.times=[],this.series=[],this.format=String,this.made=``,this.observer=new ResizeObserver(()=>this.resize()),this.onTheme=()=>{this.made=``,this.requestUpdate()},this.scheme=window.matchMedia(`(prefers-color-scheme: dark)`)}static{this.styles=[c,p(Hi),f`
      .plot {
        min-height: ${Ui}px;
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
    `]}connectedCallback(){super.connectedCallback(),window.addEventListener(`wc-theme`,this.onTheme),this.scheme.addEventListener(`change`,this.onTheme)}disconnectedCallback(){super.disconnectedCallback(),window.removeEventListener(`wc-theme`,this.onTheme),this.scheme.removeEventListener(`change`,this.onTheme),this.observer.disconnect(),this.chart?.destroy(),this.chart=void 0,this.made=``}resize(){this.chart?.setSize({width:this.plot.clientWidth||300,height:Ui})}color(e){let t=document.createElement(`i`);t.style.color=`var(${e})`,this.plot.append(t);let n=getComputedStyle(t).color;return t.remove(),n}updated(){let e=JSON.stringify(this.series.map(({label:e,color:t})=>[e,t])),t=[this.times,...this.series.map(e=>e.values)];if(this.chart&&e===this.made){this.chart.setData(t);return}this.made=e,this.chart?.destroy();let n={stroke:this.color(`--wc-muted`),grid:{stroke:this.color(`--wc-line`),width:1},ticks:{show:!1},font:`12px sans-serif`},r=new Intl.DateTimeFormat(h(),{hour:`2-digit`,minute:`2-digit`,...T()});this.chart=new Z({width:this.plot.clientWidth||300,height:Ui,padding:[8,8,0,0],legend:{show:!1},cursor:{y:!1,drag:{x:!1,y:!1}},scales:{y:{range:(e,t,n)=>[0,this.maximum??Math.max(n||0,1e-9)*1.1]}},axes:[{...n,size:30,values:(e,t)=>t.map(e=>r.format(e*1e3))},{...n,size:64,values:(e,t)=>t.map(e=>this.format(e))}],series:[{},...this.series.map(e=>{let t=this.color(e.color);return{label:e.label,stroke:t,width:2,points:{show:e.points??!1,size:6,fill:t},...e.points?{paths:()=>null}:{},...e.fill?{fill:t.replace(`rgb(`,`rgba(`).replace(`)`,`, 0.14)`)}:{}}})]},t,this.plot),this.observer.observe(this.plot)}render(){return r`<div class="plot" role="img" aria-label=${this.label}></div>
      ${this.series.length>1?r`<div class="legend">
            ${this.series.map(e=>r`<span><i .style=${`background: var(${e.color})`}></i>${e.label}</span>`)}
          </div>`:``}`}};a([n()],Wi.prototype,`label`,void 0),a([n({attribute:!1})],Wi.prototype,`times`,void 0),a([n({attribute:!1})],Wi.prototype,`series`,void 0),a([n({attribute:!1})],Wi.prototype,`format`,void 0),a([n({type:Number})],Wi.prototype,`maximum`,void 0),a([_(`.plot`)],Wi.prototype,`plot`,void 0),Wi=a([l(`wc-chart`)],Wi);var Gi=1e4,Ki=3600,qi=6,Ji=class extends d{constructor(...t){super(...t),this.samples=[],this.traces=[],this.controller=new e(this),this.timer=0}static{this.styles=[c,f`
      .graphs {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr));
        gap: 16px;
      }
      h2 {
        margin-bottom: 8px;
      }
    `]}connectedCallback(){super.connectedCallback(),this.read(),this.timer=window.setInterval(()=>{document.hidden||this.read()},Gi)}disconnectedCallback(){super.disconnectedCallback(),window.clearInterval(this.timer)}async read(){try{let[e,t]=await Promise.all([this.server.connection.request(`GET`,`/history`),this.server.connection.request(`GET`,`/traces?limit=500`)]);this.samples=e.samples,this.traces=t.traces}catch{}}render(){if(this.samples.length<2)return o;let e=this.samples.map(e=>e.at),t=this.server.snapshot?.devices??[];return r`<div class="graphs">
      ${t.filter(e=>e.present).map(t=>{let n=this.samples.map(e=>e.devices[t.device]);return r`<section class="card">
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
    </div>`}renderUtilization(e){let t=(this.server.snapshot?.devices??[]).filter(e=>this.samples.some(t=>t.devices[e.device]?.utilisation!=null));return t.length?r`<section class="card">
      <h2>${m(`machine.utilization_graph`)}</h2>
      <wc-chart
        .label=${m(`machine.utilization_graph`)}
        .times=${e}
        .format=${v}
        .maximum=${1}
        .series=${t.map((e,t)=>({label:e.name,color:`--wc-${t%qi+1}`,values:this.samples.map(t=>t.devices[e.device]?.utilisation??null)}))}
      ></wc-chart>
    </section>`:o}renderLatency(){let e=Date.now()/1e3-Ki,t=this.traces.map(e=>({...e,at:new Date(e.ended_at).getTime()/1e3})).filter(t=>t.at>=e&&!t.code&&t.kind!==`wake`).reverse();if(!t.length)return o;let n=[{kind:`asr`,label:m(`kind.asr`),color:`--wc-1`},{kind:`tts`,label:m(`machine.first_audio`),color:`--wc-4`}];return r`<section class="card">
      <h2>${m(`machine.latency`)}</h2>
      <wc-chart
        .label=${m(`machine.latency`)}
        .times=${t.map(e=>e.at)}
        .format=${C}
        .series=${n.map(({kind:e,label:n,color:r})=>({label:n,color:r,points:!0,values:t.map(t=>t.kind===e?(e===`tts`?t.stages.first_audio:void 0)??t.seconds:null)}))}
      ></wc-chart>
    </section>`}};a([n({attribute:!1})],Ji.prototype,`server`,void 0),a([t()],Ji.prototype,`samples`,void 0),a([t()],Ji.prototype,`traces`,void 0),Ji=a([l(`wc-graphs`)],Ji);var Yi=6;function Xi(e,t){return t.filter(t=>t.device===e&&[`ready`,`unloading`].includes(t.state)).sort((e,t)=>t.memory_bytes-e.memory_bytes)}function Zi(e,t){let n=Xi(e.device,t),r=n.map((e,t)=>({kind:`model`,name:e.id,bytes:e.memory_bytes,color:t%Yi+1})),i=n.reduce((e,t)=>e+t.memory_bytes,0),a=Math.max(0,Math.min(e.free_bytes,e.total_bytes-i)),o=Math.min(e.reserved_bytes,a),s=Math.max(0,e.total_bytes-i-a);return o>0&&r.push({kind:`reserved`,name:``,bytes:o,color:0}),s>0&&r.push({kind:`other`,name:``,bytes:s,color:0}),r.push({kind:`free`,name:``,bytes:a-o,color:0}),r}function Qi(e,t){return Xi(e,t).filter(e=>!e.pinned&&!e.active_requests&&e.state===`ready`).sort((e,t)=>(e.last_used??``).localeCompare(t.last_used??``))}var $i=class extends d{constructor(...t){super(...t),this.controller=new e(this)}static{this.styles=[c,f`
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
    `]}async setAccepting(e){await this.run(this.server.connection.request(`POST`,e?`/resume`:`/pause`)),this.server.renewSoon(0)}async restart(){await A({title:m(`machine.restart_title`),text:m(`machine.restart_text`),confirm:m(`machine.restart`)})&&await this.run(this.server.connection.request(`POST`,`/restart`),m(`machine.restarting`))}render(){let e=this.server.snapshot;if(!e)return o;let{health:t,queue:n}=e,i=this.server.canOperate;return r`<div class="stack">
      <section class="card">
        <div class="spread">
          <div class="row">
            ${t.accepting?r`<span class="chip ${t.ready?`ok`:`warn`}"
                  >${t.ready?m(`machine.ready`):m(`machine.not_ready`)}</span
                >`:r`<span class="chip warn">${m(`machine.paused`)}</span>`}
            <span class="muted"
              >${m(`machine.running_for`,{time:C(t.uptime_secs)})}</span
            >
            <span class="muted">
              ${m(`machine.load`,{active:n.active_requests,waiting:n.waiting_requests})}
            </span>
          </div>
          ${i?r`<div class="row">
                <button @click=${()=>this.setAccepting(!t.accepting)}>
                  ${t.accepting?m(`machine.pause`):m(`machine.resume`)}
                </button>
                ${this.server.has(`restart`)?r`<button @click=${this.restart}>${m(`machine.restart`)}</button>`:o}
              </div>`:o}
        </div>
        ${t.reasons.length?r`<ul class="note warn reasons">
              ${t.reasons.map(e=>r`<li>${e}</li>`)}
            </ul>`:o}
      </section>
      <div class="devices">${e.devices.map(e=>this.renderDevice(e))}</div>
      <wc-model-list .server=${this.server}></wc-model-list>
      <wc-graphs .server=${this.server}></wc-graphs>
    </div>`}renderDevice(e){let t=this.server.snapshot?.models??[],n=Zi(e,t),i=Qi(e.device,t),a=[e.utilisation==null?``:m(`machine.utilization`,{value:v(e.utilisation)}),e.temperature==null?``:`${Math.round(e.temperature)} °C`,e.power==null?``:`${Math.round(e.power)} W`].filter(Boolean);return r`<section class="card" aria-label=${e.name}>
      <div class="spread">
        <h2>${e.name}</h2>
        ${e.present?o:r`<span class="chip error">${m(`machine.device_absent`)}</span>`}
        ${e.pressure===`normal`?o:r`<span class="chip ${e.pressure===`critical`?`error`:`warn`}"
              >${m(e.pressure===`critical`?`machine.pressure_critical`:`machine.pressure_warning`)}</span
            >`}
      </div>
      <p class="muted small">
        ${[m(`machine.free_of`,{free:x(e.free_bytes),total:x(e.total_bytes)}),m(`machine.budget`,{budget:x(e.budget_bytes)}),...a].join(` · `)}
      </p>
      <div class="bar" role="img" aria-label=${m(`machine.memory_of`,{device:e.name})}>
        ${n.map(e=>r`<span
              class=${ea(e)}
              title="${ta(e)}: ${x(e.bytes)}"
              .style=${`flex: ${e.bytes} 0 0`}
            ></span>`)}
      </div>
      <ul class="key">
        ${n.map(e=>r`<li>
              <i class=${ea(e)}></i><span class="clip">${ta(e)}</span>
              <span class="number muted">${x(e.bytes)}</span>
            </li>`)}
      </ul>
      ${i.length?r`<p class="evict small muted">
            ${m(`machine.evictable`,{models:i.map(e=>e.id).join(`, `)})}
          </p>`:o}
    </section>`}};a([n({attribute:!1})],$i.prototype,`server`,void 0),$i=a([l(`wc-overview`)],$i);function ea(e){return e.kind===`model`?`model-${e.color}`:e.kind}function ta(e){return e.kind===`model`?e.name:m(`machine.memory_${e.kind}`)}var na=ee(class extends E{constructor(e){if(super(e),e.type!==O.PROPERTY&&e.type!==O.ATTRIBUTE&&e.type!==O.BOOLEAN_ATTRIBUTE)throw Error("The `live` directive is not allowed on child or event bindings");if(!D(e))throw Error("`live` bindings can only contain a single expression")}render(e){return e}update(e,[t]){if(t===i||t===o)return t;let n=e.element,r=e.name;if(e.type===O.PROPERTY){if(t===n[r])return i}else if(e.type===O.BOOLEAN_ATTRIBUTE){if(!!t===n.hasAttribute(r))return i}else if(e.type===O.ATTRIBUTE&&n.getAttribute(r)===t+``)return i;return k(e),t}}),ra=``;function ia(e,t){let n=new Map,r=(e,t,r,i=``)=>{let a=n.get(e)??{id:e,parent:i,title:t,settings:[]};a.settings.push(r),n.set(e,a)};for(let n of e.keys){let i=n.path.split(`.`),a=i.indexOf(`*`);if(a===i.length-1){let t=i.slice(0,-1);t.includes(`*`)||r(aa(t),oa(e,t),{path:t,key:n,isMap:!0})}else if(a>0&&i.lastIndexOf(`*`)===a){let e=i.slice(0,a).join(`.`);for(let o of t[e]??[]){let t=[...i.slice(0,a),o,...i.slice(a+1)];r(`${e}.${o}`,o,{path:t,key:n,isMap:!1},e)}}else a<0&&r(aa(i),oa(e,i),{path:i,key:n,isMap:!1})}return[...n.values()]}function aa(e){return e.length>1?e[0]??ra:ra}function oa(e,t){let n=aa(t);return(e.sections[n]??n).replace(/\.$/,``).split(/[:.] /)[0]??n}function sa(e,t){let n=e;for(let e of t){if(typeof n!=`object`||!n)return;n=n[e]}return n}function ca(e,t){return[...e].reverse().reduce((e,t)=>({[t]:e}),t)}var la=1024**2,ua=1024**3;function da(e,t){if(t==null)return``;if(typeof t==`string`)return t;if(Array.isArray(t))return t.join(`
`);if(typeof t==`object`)return Object.entries(t).map(([e,t])=>`${e} = ${String(t)}`).join(`
`);if(e===`size`&&typeof t==`number`&&t>0){if(t%ua===0)return`${t/ua}GiB`;if(t%la===0)return`${t/la}MiB`}return JSON.stringify(t)}function fa(e,t,n){let r=n.trim();if(t)return ma(e,n);if(!r&&e.nullable)return null;switch(e.kind){case`list`:return ha(n);case`integer`:case`number`:return ga(r);case`duration`:case`size`:return ga(r.replace(/^([\d.]+)\s*(\w+)$/,`$1$2`));case`preload`:return/^(true|false)$/.test(r)?r===`true`:ha(n);case`scalar`:return/^(true|false)$/.test(r)?r===`true`:ga(r);default:return r}}function pa(e,t){let n=Object.keys(e??{}).filter(e=>!(e in t));return{...t,...Object.fromEntries(n.map(e=>[e,null]))}}function ma(e,t){return Object.fromEntries(ha(t).map(t=>{let n=t.lastIndexOf(`=`),[r,i]=n<0?[t,``]:[t.slice(0,n),t.slice(n+1)];return[r.trim(),fa(e,!1,i)]}))}function ha(e){return e.split(`
`).map(e=>e.trim()).filter(Boolean)}function ga(e){let t=Number(e);return e&&Number.isFinite(t)?t:e}function _a(e,t){let n=`${e.path.join(`.`)} ${e.key.description}`.toLowerCase();return t.toLowerCase().split(/\s+/).every(e=>n.includes(e))}function va(e,t){return e.sources[t.path.join(`.`)]??`default`}var ya=class extends d{constructor(...e){super(...e),this.source=`default`,this.pending=!1,this.error=``,this.locked=!1,this.busy=!1,this.suggestions=[]}static{this.styles=[c,f`
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
    `]}save(e){this.dispatchEvent(new CustomEvent(`save`,{detail:e}))}onChange(e){let t=e.target.value,{key:n,isMap:r}=this.setting;if(t===this.text)return;let i=fa(n,r,t);this.save(r?pa(this.value,i):i)}get text(){return da(this.setting.key.kind,this.value)}render(){let{key:e,path:t}=this.setting,n=[e.minimum===null?``:`≥ ${da(e.kind,e.minimum)}`,e.maximum===null?``:`≤ ${da(e.kind,e.maximum)}`].filter(Boolean),i=da(e.kind,e.default).replace(/\n/g,`, `),a=[this.setting.isMap?m(`settings.map_help`):g(`settings.kind`,e.kind),n.join(`, `),this.setting.isMap?``:m(`settings.default`,{value:i||`–`}),g(`settings.applies`,e.applies)];return r`<div class="field">
      <div>
        <p class="path mono">${t.join(`.`)}</p>
        <p class="small" id="description">${e.description}</p>
        <p class="small muted">${a.filter(Boolean).join(` · `)}</p>
      </div>
      <div class="control">
        ${this.renderInput()}
        ${this.error?r`<p class="small error-text" role="alert">${this.error}</p>`:o}
        <div class="row">
          ${this.busy?r`<span class="small muted">${m(`settings.saving`)}</span>`:o}
          ${this.locked?r`<span class="chip">${m(`settings.locked`)}</span>`:o}
          ${this.pending?r`<span class="chip warn"
                >${m(`settings.pending`,{value:da(e.kind,this.effective)||`–`})}</span
              >`:o}
          ${this.source==="default"||this.source===`overrides`?o:r`<span class="chip">${g(`source`,this.source.replace(` `,`_`))}</span>`}
          ${this.source===`overrides`&&!this.locked?r`<button class="quiet" @click=${()=>this.save(null)}>${m(`settings.reset`)}</button>`:o}
        </div>
      </div>
    </div>`}renderInput(){let{key:e,isMap:t}=this.setting,n=this.setting.path.join(`.`),i=this.locked||this.busy;if(e.kind===`boolean`&&!t&&!e.nullable)return r`<label class="switch">
        <input
          type="checkbox"
          aria-label=${n}
          aria-describedby="description"
          .checked=${na(this.value===!0)}
          ?disabled=${i}
          @change=${e=>this.save(e.target.checked)}
        />
        ${this.value===!0?m(`settings.on`):m(`settings.off`)}
      </label>`;if((e.kind===`choice`||e.kind===`boolean`)&&!t){let t=e.kind===`boolean`?[`true`,`false`]:e.choices;return r`<select
        aria-label=${n}
        aria-describedby="description"
        ?disabled=${i}
        @change=${e=>this.onSelect(e.target.value)}
      >
        ${e.nullable?r`<option value="" ?selected=${this.text===``}>–</option>`:o}
        ${t.map(e=>r`<option value=${e} ?selected=${e===this.text}>${e}</option>`)}
      </select>`}if(t||e.kind===`list`||e.kind===`preload`)return r`<textarea
        rows=${Math.min(8,this.text.split(`
`).length+1)}
        aria-label=${n}
        aria-describedby="description"
        spellcheck="false"
        .value=${na(this.text)}
        ?disabled=${i}
        @change=${this.onChange}
      ></textarea>`;let a=this.suggestions.length?this.suggestions:e.kind===`text`?e.choices:[];return r`<input
        type="text"
        inputmode=${e.kind===`integer`||e.kind===`number`?`decimal`:`text`}
        list=${a.length?`options`:o}
        aria-label=${n}
        aria-describedby="description"
        autocomplete="off"
        spellcheck="false"
        .value=${this.text}
        ?disabled=${i}
        @change=${this.onChange}
      />
      ${a.length?r`<datalist id="options">${a.map(e=>r`<option value=${e}></option>`)}</datalist>`:o}`}onSelect(e){e===``?this.save(null):this.save(this.setting.key.kind===`boolean`?e===`true`:e)}};a([n({attribute:!1})],ya.prototype,`setting`,void 0),a([n({attribute:!1})],ya.prototype,`value`,void 0),a([n({attribute:!1})],ya.prototype,`effective`,void 0),a([n()],ya.prototype,`source`,void 0),a([n({type:Boolean})],ya.prototype,`pending`,void 0),a([n()],ya.prototype,`error`,void 0),a([n({type:Boolean})],ya.prototype,`locked`,void 0),a([n({type:Boolean})],ya.prototype,`busy`,void 0),a([n({attribute:!1})],ya.prototype,`suggestions`,void 0),ya=a([l(`wc-setting-field`)],ya);var ba=[{parent:``},{parent:`models`,title:`settings.models`},{parent:`wake.word_settings`,title:`settings.wake_words`}],Q=class extends d{constructor(...t){super(...t),this.search=``,this.error=``,this.errors={},this.saving=``,this.controller=new e(this,e=>{e.type===`config_changed`&&this.read()})}static{this.styles=[c,f`
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
    `]}connectedCallback(){super.connectedCallback(),this.read()}async read(){try{let e=this.server.connection;this.schema??=await e.request(`GET`,`/config/schema`),this.config=await e.request(`GET`,`/config`),this.error=``}catch(e){this.error=s(e)}}async save(e,t){let n=e.path.join(`.`);this.saving=n,this.errors={...this.errors,[n]:``};try{let r=await this.server.connection.request(`PATCH`,`/config`,ca(e.path,t)),i=r.shadowed[n],a=r.keys[n]?.note;u(i?m(`settings.shadowed`,{source:m(`source.${i.replace(` `,`_`)}`)}):r.restart_needed.includes(n)?m(`settings.saved_restart`):[m(`settings.saved`),a].filter(Boolean).join(` `)),await this.read()}catch(e){this.errors={...this.errors,[n]:s(e)}}finally{this.saving=``}}groups(){if(!this.schema)return[];let e=this.server.snapshot?.models??[],t=e.flatMap(e=>e.kind===`wake`?e.offers.map(e=>e.name):[]),n=ia(this.schema,{models:e.map(e=>e.id),"wake.word_settings":t});return this.search?n.map(e=>({...e,settings:e.settings.filter(e=>_a(e,this.search))})).filter(e=>e.settings.length):n}render(){if(this.error)return r`<p class="note error">${this.error}</p>`;let e=this.config;if(!e||!this.schema)return o;let t=this.groups();return r`<div class="stack">
      <input
        class="search"
        type="search"
        placeholder=${m(`settings.search`)}
        aria-label=${m(`settings.search`)}
        .value=${this.search}
        @input=${e=>this.search=e.target.value}
      />
      ${e.restart_needed.length?r`<p class="note warn">
            ${m(`settings.restart_needed`,{keys:e.restart_needed.join(`, `)})}
          </p>`:o}
      ${ba.map(({parent:n,title:i})=>{let a=t.filter(e=>e.parent===n);return a.length?r`${i?r`<h2>${m(i)}</h2>`:o}
              <section class="card">${a.map(t=>this.renderGroup(t,e))}</section>`:o})}
      ${t.length?o:r`<p class="empty">${m(`settings.none`)}</p>`}
    </div>`}renderGroup(e,t){return r`<details ?open=${this.search!==``}>
      <summary>
        ${e.id===``?m(`settings.general`):e.title}
        <span class="small muted">${this.countChanged(e,t)}</span>
      </summary>
      <div class="fields">
        ${e.settings.map(e=>{let n=e.path.join(`.`);return r`<wc-setting-field
            .setting=${e}
            .value=${sa(t.config,e.path)}
            .effective=${sa(t.effective,e.path)}
            .source=${va(t,e)}
            .pending=${n in t.pending}
            .error=${this.errors[n]??``}
            .locked=${e.key.admin&&!this.server.isAdmin}
            .busy=${this.saving===n}
            .suggestions=${this.suggestions(n)}
            @save=${t=>this.save(e,t.detail)}
          ></wc-setting-field>`})}
      </div>
    </details>`}countChanged(e,t){let n=e.settings.filter(e=>va(t,e)!=="default").length;return n?m(`settings.changed`,{count:n}):``}suggestions(e){let t=this.server.snapshot?.models??[];return e===`asr.model`?t.filter(e=>e.kind===`asr`).map(e=>e.id):e===`tts.voice`?t.flatMap(e=>e.kind===`tts`?e.offers.map(e=>e.name):[]):[]}};a([n({attribute:!1})],Q.prototype,`server`,void 0),a([t()],Q.prototype,`schema`,void 0),a([t()],Q.prototype,`config`,void 0),a([t()],Q.prototype,`search`,void 0),a([t()],Q.prototype,`error`,void 0),a([t()],Q.prototype,`errors`,void 0),a([t()],Q.prototype,`saving`,void 0),Q=a([l(`wc-settings`)],Q);var xa=50,$=class extends d{constructor(...t){super(...t),this.phrases=[],this.error=``,this.controller=new e(this,e=>{/^model_(installed|removed|ready|unloaded)$/.test(String(e.type))&&this.read()})}static{this.styles=[c,f`
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
    `]}connectedCallback(){super.connectedCallback(),this.read()}async read(){try{let e=this.server.connection;if(this.cache=await e.request(`GET`,`/cache`),this.cache.phrases&&this.server.canOperate){let{entries:t}=await e.request(`GET`,`/cache/phrases?limit=${xa}`);this.phrases=t}this.error=``}catch(e){this.error=s(e)}}async confirmDelete(e,t,n){if(!await A({title:t,text:n,confirm:m(`action.delete`),danger:!0}))return;let r=await this.run(this.server.connection.request(`DELETE`,e));r&&await this.run(Promise.resolve(),m(`storage.freed`,{bytes:x(r.freed_bytes)})),await this.read()}removeUnused(e){let t=e.map(e=>`${e.id} (${x(e.bytes)})`).join(`, `);return this.confirmDelete(`/cache/models`,m(`storage.clear_models`),m(`storage.clear_models_text`,{models:t}))}render(){if(this.error)return r`<p class="note error">${this.error}</p>`;if(!this.cache)return o;let{models:e,phrases:t}=this.cache,n=this.server.snapshot?.disk,i=e.entries.filter(e=>!e.in_use),a=this.server.canOperate;return r`<div class="stack">
      <section class="card figures">
        <div>
          <p class="muted small">${m(`storage.models`)}</p>
          <p class="total number">${x(e.bytes)}</p>
        </div>
        ${t?r`<div>
              <p class="muted small">${m(`storage.phrases`)}</p>
              <p class="total number">${x(t.bytes)}</p>
            </div>`:o}
        ${n?r`<div>
              <p class="muted small">${m(`storage.disk_free`)}</p>
              <p class="total number">${x(n.free_bytes)}</p>
            </div>`:o}
      </section>
      <section class="card">
        <div class="spread">
          <h2>${m(`storage.models`)}</h2>
          ${a&&i.length?r`<button @click=${()=>this.removeUnused(i)}>${m(`storage.clear_models`)}</button>`:o}
        </div>
        <ul class="list">
          ${[...e.entries].sort((e,t)=>t.bytes-e.bytes).map(e=>r`<li>
                  <span class="grow">${e.id}</span>
                  ${e.in_use?r`<span class="chip ok">${m(`storage.in_use`)}</span>`:o}
                  <span class="number muted">${x(e.bytes)}</span>
                  ${a?r`<button
                        class="quiet danger"
                        ?disabled=${e.in_use}
                        aria-label="${m(`action.delete`)}: ${e.id}"
                        @click=${()=>this.confirmDelete(`/models/${e.id}`,m(`storage.delete_model`,{model:e.id}),m(`storage.delete_model_text`))}
                      >
                        ${m(`action.delete`)}
                      </button>`:o}
                </li>`)}
        </ul>
        ${e.entries.length?o:r`<p class="empty">${m(`storage.no_models`)}</p>`}
      </section>
      ${this.renderProjects()} ${t?this.renderPhrases():o}
    </div>`}renderProjects(){let e=this.cache?.jobs;if(!e)return o;let t=[m(`storage.recordings`,{bytes:x(e.recordings_bytes)}),m(`storage.speech`,{bytes:x(e.audio_bytes)}),m(`storage.sentences`,{bytes:x(e.phrases_bytes)})];return r`<section class="card">
      <div class="spread">
        <h2>${m(`storage.projects`)}</h2>
        ${this.server.canOperate&&e.phrases_bytes?r`<button
              @click=${()=>this.confirmDelete(`/cache/jobs`,m(`storage.clear_sentences`),m(`storage.clear_sentences_text`))}
            >
              ${m(`storage.clear_sentences`)}
            </button>`:o}
      </div>
      <p class="muted small">${t.join(` · `)}</p>
      <p class="muted small">${m(`storage.projects_help`,{bytes:x(e.quota_bytes)})}</p>
    </section>`}renderPhrases(){let e=this.cache?.phrases;return e?r`<section class="card">
      <div class="spread">
        <h2>${m(`storage.phrases`)}</h2>
        ${this.server.canOperate&&e.phrases?r`<button
              @click=${()=>this.confirmDelete(`/cache/phrases`,m(`storage.clear_phrases`),m(`storage.clear_phrases_text`))}
            >
              ${m(`storage.clear_phrases`)}
            </button>`:o}
      </div>
      <p class="muted small">
        ${m(`storage.phrase_usage`,{count:b(e.phrases),rate:e.hit_rate===null?`–`:v(e.hit_rate)})}
      </p>
      <ul class="list">
        ${this.phrases.map(e=>r`<li>
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
    </section>`:o}async removePhrase(e){await this.run(this.server.connection.request(`DELETE`,`/cache/phrases/${encodeURIComponent(e.key)}`)),await this.read()}};a([n({attribute:!1})],$.prototype,`server`,void 0),a([t()],$.prototype,`cache`,void 0),a([t()],$.prototype,`phrases`,void 0),a([t()],$.prototype,`error`,void 0),$=a([l(`wc-storage`)],$);var Sa=[`overview`,`storage`,`settings`,`log`,`access`],Ca=class extends d{constructor(...e){super(...e),this.current=`overview`,this.onHashChange=()=>{let e=location.hash.split(`/`)[2];this.current=Sa.find(t=>t===e)??`overview`}}static{this.styles=[c,f`
      .subtabs {
        margin: -4px 0 18px;
      }
    `]}connectedCallback(){super.connectedCallback(),window.addEventListener(`hashchange`,this.onHashChange),this.onHashChange()}disconnectedCallback(){super.disconnectedCallback(),window.removeEventListener(`hashchange`,this.onHashChange)}render(){let e=Sa.filter(e=>(this.server.canOperate||e===`overview`||e===`storage`)&&!(e===`access`&&this.server.connection.embedded));return r`
      <div class="subtabs" role="tablist" aria-label=${m(`tab.machine`)}>
        ${e.map(e=>r`<button
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
    `}onKey(e){let t={ArrowRight:1,ArrowLeft:-1}[e.key];if(!t)return;let n=[...this.renderRoot.querySelectorAll(`[role=tab]`)],r=n[(n.indexOf(e.target)+t+n.length)%n.length];r?.click(),r?.focus()}renderPart(){let e=this.server;switch(this.current){case`overview`:return r`<wc-overview .server=${e}></wc-overview>`;case`storage`:return r`<wc-storage .server=${e}></wc-storage>`;case`settings`:return r`<wc-settings .server=${e}></wc-settings>`;case`log`:return r`<wc-log .server=${e}></wc-log>`;case`access`:return r`<wc-access .server=${e}></wc-access>`;default:return o}}};a([n({attribute:!1})],Ca.prototype,`server`,void 0),a([t()],Ca.prototype,`current`,void 0),Ca=a([l(`wc-machine-tab`)],Ca);export{Ca as WcMachineTab};
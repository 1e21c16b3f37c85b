var e=globalThis,t=e.ShadowRoot&&(e.ShadyCSS===void 0||e.ShadyCSS.nativeShadow)&&`adoptedStyleSheets`in Document.prototype&&`replace`in CSSStyleSheet.prototype,n=Symbol(),r=new WeakMap,i=class{constructor(e,t,r){if(this._$cssResult$=!0,r!==n)throw Error("CSSResult is not constructable. Use `unsafeCSS` or `css` instead.");this.cssText=e,this.t=t}get styleSheet(){let e=this.o,n=this.t;if(t&&e===void 0){let t=n!==void 0&&n.length===1;t&&(e=r.get(n)),e===void 0&&((this.o=e=new CSSStyleSheet).replaceSync(this.cssText),t&&r.set(n,e))}return e}toString(){return this.cssText}},a=e=>new i(typeof e==`string`?e:e+``,void 0,n),o=(e,...t)=>new i(e.length===1?e[0]:t.reduce((t,n,r)=>t+(e=>{if(!0===e._$cssResult$)return e.cssText;if(typeof e==`number`)return e;throw Error(`Value passed to 'css' function must be a 'css' function result: `+e+`. Use 'unsafeCSS' to pass non-literal values, but take care to ensure page security.`)})(n)+e[r+1],e[0]),e,n),s=(n,r)=>{if(t)n.adoptedStyleSheets=r.map(e=>e instanceof CSSStyleSheet?e:e.styleSheet);else for(let t of r){let r=document.createElement(`style`),i=e.litNonce;i!==void 0&&r.setAttribute(`nonce`,i),r.textContent=t.cssText,n.appendChild(r)}},c=t?e=>e:e=>e instanceof CSSStyleSheet?(e=>{let t=``;for(let n of e.cssRules)t+=n.cssText;return a(t)})(e):e,{is:l,defineProperty:u,getOwnPropertyDescriptor:d,getOwnPropertyNames:ee,getOwnPropertySymbols:te,getPrototypeOf:ne}=Object,f=globalThis,re=f.trustedTypes,ie=re?re.emptyScript:``,ae=f.reactiveElementPolyfillSupport,p=(e,t)=>e,m={toAttribute(e,t){switch(t){case Boolean:e=e?ie:null;break;case Object:case Array:e=e==null?e:JSON.stringify(e)}return e},fromAttribute(e,t){let n=e;switch(t){case Boolean:n=e!==null;break;case Number:n=e===null?null:Number(e);break;case Object:case Array:try{n=JSON.parse(e)}catch{n=null}}return n}},h=(e,t)=>!l(e,t),g={attribute:!0,type:String,converter:m,reflect:!1,useDefault:!1,hasChanged:h};Symbol.metadata??=Symbol(`metadata`),f.litPropertyMetadata??=new WeakMap;var _=class extends HTMLElement{static addInitializer(e){this._$Ei(),(this.l??=[]).push(e)}static get observedAttributes(){return this.finalize(),this._$Eh&&[...this._$Eh.keys()]}static createProperty(e,t=g){if(t.state&&(t.attribute=!1),this._$Ei(),this.prototype.hasOwnProperty(e)&&((t=Object.create(t)).wrapped=!0),this.elementProperties.set(e,t),!t.noAccessor){let n=Symbol(),r=this.getPropertyDescriptor(e,n,t);r!==void 0&&u(this.prototype,e,r)}}static getPropertyDescriptor(e,t,n){let{get:r,set:i}=d(this.prototype,e)??{get(){return this[t]},set(e){this[t]=e}};return{get:r,set(t){let a=r?.call(this);i?.call(this,t),this.requestUpdate(e,a,n)},configurable:!0,enumerable:!0}}static getPropertyOptions(e){return this.elementProperties.get(e)??g}static _$Ei(){if(this.hasOwnProperty(p(`elementProperties`)))return;let e=ne(this);e.finalize(),e.l!==void 0&&(this.l=[...e.l]),this.elementProperties=new Map(e.elementProperties)}static finalize(){if(this.hasOwnProperty(p(`finalized`)))return;if(this.finalized=!0,this._$Ei(),this.hasOwnProperty(p(`properties`))){let e=this.properties,t=[...ee(e),...te(e)];for(let n of t)this.createProperty(n,e[n])}let e=this[Symbol.metadata];if(e!==null){let t=litPropertyMetadata.get(e);if(t!==void 0)for(let[e,n]of t)this.elementProperties.set(e,n)}this._$Eh=new Map;for(let[e,t]of this.elementProperties){let n=this._$Eu(e,t);n!==void 0&&this._$Eh.set(n,e)}this.elementStyles=this.finalizeStyles(this.styles)}static finalizeStyles(e){let t=[];if(Array.isArray(e)){let n=new Set(e.flat(1/0).reverse());for(let e of n)t.unshift(c(e))}else e!==void 0&&t.push(c(e));return t}static _$Eu(e,t){let n=t.attribute;return!1===n?void 0:typeof n==`string`?n:typeof e==`string`?e.toLowerCase():void 0}constructor(){super(),this._$Ep=void 0,this.isUpdatePending=!1,this.hasUpdated=!1,this._$Em=null,this._$Ev()}_$Ev(){this._$ES=new Promise(e=>this.enableUpdating=e),this._$AL=new Map,this._$E_(),this.requestUpdate(),this.constructor.l?.forEach(e=>e(this))}addController(e){(this._$EO??=new Set).add(e),this.renderRoot!==void 0&&this.isConnected&&e.hostConnected?.()}removeController(e){this._$EO?.delete(e)}_$E_(){let e=new Map,t=this.constructor.elementProperties;for(let n of t.keys())this.hasOwnProperty(n)&&(e.set(n,this[n]),delete this[n]);e.size>0&&(this._$Ep=e)}createRenderRoot(){let e=this.shadowRoot??this.attachShadow(this.constructor.shadowRootOptions);return s(e,this.constructor.elementStyles),e}connectedCallback(){this.renderRoot??=this.createRenderRoot(),this.enableUpdating(!0),this._$EO?.forEach(e=>e.hostConnected?.())}enableUpdating(e){}disconnectedCallback(){this._$EO?.forEach(e=>e.hostDisconnected?.())}attributeChangedCallback(e,t,n){this._$AK(e,n)}_$ET(e,t){let n=this.constructor.elementProperties.get(e),r=this.constructor._$Eu(e,n);if(r!==void 0&&!0===n.reflect){let i=(n.converter?.toAttribute===void 0?m:n.converter).toAttribute(t,n.type);this._$Em=e,i==null?this.removeAttribute(r):this.setAttribute(r,i),this._$Em=null}}_$AK(e,t){let n=this.constructor,r=n._$Eh.get(e);if(r!==void 0&&this._$Em!==r){let e=n.getPropertyOptions(r),i=typeof e.converter==`function`?{fromAttribute:e.converter}:e.converter?.fromAttribute===void 0?m:e.converter;this._$Em=r;let a=i.fromAttribute(t,e.type);this[r]=a??this._$Ej?.get(r)??a,this._$Em=null}}requestUpdate(e,t,n,r=!1,i){if(e!==void 0){let a=this.constructor;if(!1===r&&(i=this[e]),n??=a.getPropertyOptions(e),!((n.hasChanged??h)(i,t)||n.useDefault&&n.reflect&&i===this._$Ej?.get(e)&&!this.hasAttribute(a._$Eu(e,n))))return;this.C(e,t,n)}!1===this.isUpdatePending&&(this._$ES=this._$EP())}C(e,t,{useDefault:n,reflect:r,wrapped:i},a){n&&!(this._$Ej??=new Map).has(e)&&(this._$Ej.set(e,a??t??this[e]),!0!==i||a!==void 0)||(this._$AL.has(e)||(this.hasUpdated||n||(t=void 0),this._$AL.set(e,t)),!0===r&&this._$Em!==e&&(this._$Eq??=new Set).add(e))}async _$EP(){this.isUpdatePending=!0;try{await this._$ES}catch(e){Promise.reject(e)}let e=this.scheduleUpdate();return e!=null&&await e,!this.isUpdatePending}scheduleUpdate(){return this.performUpdate()}performUpdate(){if(!this.isUpdatePending)return;if(!this.hasUpdated){if(this.renderRoot??=this.createRenderRoot(),this._$Ep){for(let[e,t]of this._$Ep)this[e]=t;this._$Ep=void 0}let e=this.constructor.elementProperties;if(e.size>0)for(let[t,n]of e){let{wrapped:e}=n,r=this[t];!0!==e||this._$AL.has(t)||r===void 0||this.C(t,void 0,n,r)}}let e=!1,t=this._$AL;try{e=this.shouldUpdate(t),e?(this.willUpdate(t),this._$EO?.forEach(e=>e.hostUpdate?.()),this.update(t)):this._$EM()}catch(t){throw e=!1,this._$EM(),t}e&&this._$AE(t)}willUpdate(e){}_$AE(e){this._$EO?.forEach(e=>e.hostUpdated?.()),this.hasUpdated||(this.hasUpdated=!0,this.firstUpdated(e)),this.updated(e)}_$EM(){this._$AL=new Map,this.isUpdatePending=!1}get updateComplete(){return this.getUpdateComplete()}getUpdateComplete(){return this._$ES}shouldUpdate(e){return!0}update(e){this._$Eq&&=this._$Eq.forEach(e=>this._$ET(e,this[e])),this._$EM()}updated(e){}firstUpdated(e){}};_.elementStyles=[],_.shadowRootOptions={mode:`open`},_[p(`elementProperties`)]=new Map,_[p(`finalized`)]=new Map,ae?.({ReactiveElement:_}),(f.reactiveElementVersions??=[]).push(`2.1.2`);var v=globalThis,oe=e=>e,y=v.trustedTypes,b=y?y.createPolicy(`lit-html`,{createHTML:e=>e}):void 0,x=`$lit$`,S=`lit$${Math.random().toFixed(9).slice(2)}$`,C=`?`+S,se=`<${C}>`,w=document,T=()=>w.createComment(``),E=e=>e===null||typeof e!=`object`&&typeof e!=`function`,D=Array.isArray,ce=e=>D(e)||typeof e?.[Symbol.iterator]==`function`,O=`[ 	
\f\r]`,k=/<(?:(!--|\/[^a-zA-Z])|(\/?[a-zA-Z][^>\s]*)|(\/?$))/g,le=/-->/g,ue=/>/g,A=RegExp(`>|${O}(?:([^\\s"'>=/]+)(${O}*=${O}*(?:[^ \t\n\f\r"'\`<>=]|("|')|))|$)`,`g`),de=/'/g,fe=/"/g,pe=/^(?:script|style|textarea|title)$/i,me=e=>(t,...n)=>({_$litType$:e,strings:t,values:n}),j=me(1),he=me(2),M=Symbol.for(`lit-noChange`),N=Symbol.for(`lit-nothing`),ge=new WeakMap,P=w.createTreeWalker(w,129);function F(e,t){if(!D(e)||!e.hasOwnProperty(`raw`))throw Error(`invalid template strings array`);return b===void 0?t:b.createHTML(t)}var I=(e,t)=>{let n=e.length-1,r=[],i,a=t===2?`<svg>`:t===3?`<math>`:``,o=k;for(let t=0;t<n;t++){let n=e[t],s,c,l=-1,u=0;for(;u<n.length&&(o.lastIndex=u,c=o.exec(n),c!==null);)u=o.lastIndex,o===k?c[1]===`!--`?o=le:c[1]===void 0?c[2]===void 0?c[3]!==void 0&&(o=A):(pe.test(c[2])&&(i=RegExp(`</`+c[2],`g`)),o=A):o=ue:o===A?c[0]===`>`?(o=i??k,l=-1):c[1]===void 0?l=-2:(l=o.lastIndex-c[2].length,s=c[1],o=c[3]===void 0?A:c[3]===`"`?fe:de):o===fe||o===de?o=A:o===le||o===ue?o=k:(o=A,i=void 0);let d=o===A&&e[t+1].startsWith(`/>`)?` `:``;a+=o===k?n+se:l>=0?(r.push(s),n.slice(0,l)+x+n.slice(l)+S+d):n+S+(l===-2?t:d)}return[F(e,a+(e[n]||`<?>`)+(t===2?`</svg>`:t===3?`</math>`:``)),r]},L=class e{constructor({strings:t,_$litType$:n},r){let i;this.parts=[];let a=0,o=0,s=t.length-1,c=this.parts,[l,u]=I(t,n);if(this.el=e.createElement(l,r),P.currentNode=this.el.content,n===2||n===3){let e=this.el.content.firstChild;e.replaceWith(...e.childNodes)}for(;(i=P.nextNode())!==null&&c.length<s;){if(i.nodeType===1){if(i.hasAttributes())for(let e of i.getAttributeNames())if(e.endsWith(x)){let t=u[o++],n=i.getAttribute(e).split(S),r=/([.?@])?(.*)/.exec(t);c.push({type:1,index:a,name:r[2],strings:n,ctor:r[1]===`.`?ve:r[1]===`?`?ye:r[1]===`@`?V:B}),i.removeAttribute(e)}else e.startsWith(S)&&(c.push({type:6,index:a}),i.removeAttribute(e));if(pe.test(i.tagName)){let e=i.textContent.split(S),t=e.length-1;if(t>0){i.textContent=y?y.emptyScript:``;for(let n=0;n<t;n++)i.append(e[n],T()),P.nextNode(),c.push({type:2,index:++a});i.append(e[t],T())}}}else if(i.nodeType===8){if(i.data===C)c.push({type:2,index:a});else{let e=-1;for(;(e=i.data.indexOf(S,e+1))!==-1;)c.push({type:7,index:a}),e+=S.length-1}}a++}}static createElement(e,t){let n=w.createElement(`template`);return n.innerHTML=e,n}};function R(e,t,n=e,r){if(t===M)return t;let i=r===void 0?n._$Cl:n._$Co?.[r],a=E(t)?void 0:t._$litDirective$;return i?.constructor!==a&&(i?._$AO?.(!1),a===void 0?i=void 0:(i=new a(e),i._$AT(e,n,r)),r===void 0?n._$Cl=i:(n._$Co??=[])[r]=i),i!==void 0&&(t=R(e,i._$AS(e,t.values),i,r)),t}var _e=class{constructor(e,t){this._$AV=[],this._$AN=void 0,this._$AD=e,this._$AM=t}get parentNode(){return this._$AM.parentNode}get _$AU(){return this._$AM._$AU}u(e){let{el:{content:t},parts:n}=this._$AD,r=(e?.creationScope??w).importNode(t,!0);P.currentNode=r;let i=P.nextNode(),a=0,o=0,s=n[0];for(;s!==void 0;){if(a===s.index){let t;s.type===2?t=new z(i,i.nextSibling,this,e):s.type===1?t=new s.ctor(i,s.name,s.strings,this,e):s.type===6&&(t=new be(i,this,e)),this._$AV.push(t),s=n[++o]}a!==s?.index&&(i=P.nextNode(),a++)}return P.currentNode=w,r}p(e){let t=0;for(let n of this._$AV)n!==void 0&&(n.strings===void 0?n._$AI(e[t]):(n._$AI(e,n,t),t+=n.strings.length-2)),t++}},z=class e{get _$AU(){return this._$AM?._$AU??this._$Cv}constructor(e,t,n,r){this.type=2,this._$AH=N,this._$AN=void 0,this._$AA=e,this._$AB=t,this._$AM=n,this.options=r,this._$Cv=r?.isConnected??!0}get parentNode(){let e=this._$AA.parentNode,t=this._$AM;return t!==void 0&&e?.nodeType===11&&(e=t.parentNode),e}get startNode(){return this._$AA}get endNode(){return this._$AB}_$AI(e,t=this){e=R(this,e,t),E(e)?e===N||e==null||e===``?(this._$AH!==N&&this._$AR(),this._$AH=N):e!==this._$AH&&e!==M&&this._(e):e._$litType$===void 0?e.nodeType===void 0?ce(e)?this.k(e):this._(e):this.T(e):this.$(e)}O(e){return this._$AA.parentNode.insertBefore(e,this._$AB)}T(e){this._$AH!==e&&(this._$AR(),this._$AH=this.O(e))}_(e){this._$AH!==N&&E(this._$AH)?this._$AA.nextSibling.data=e:this.T(w.createTextNode(e)),this._$AH=e}$(e){let{values:t,_$litType$:n}=e,r=typeof n==`number`?this._$AC(e):(n.el===void 0&&(n.el=L.createElement(F(n.h,n.h[0]),this.options)),n);if(this._$AH?._$AD===r)this._$AH.p(t);else{let e=new _e(r,this),n=e.u(this.options);e.p(t),this.T(n),this._$AH=e}}_$AC(e){let t=ge.get(e.strings);return t===void 0&&ge.set(e.strings,t=new L(e)),t}k(t){D(this._$AH)||(this._$AH=[],this._$AR());let n=this._$AH,r,i=0;for(let a of t)i===n.length?n.push(r=new e(this.O(T()),this.O(T()),this,this.options)):r=n[i],r._$AI(a),i++;i<n.length&&(this._$AR(r&&r._$AB.nextSibling,i),n.length=i)}_$AR(e=this._$AA.nextSibling,t){for(this._$AP?.(!1,!0,t);e!==this._$AB;){let t=oe(e).nextSibling;oe(e).remove(),e=t}}setConnected(e){this._$AM===void 0&&(this._$Cv=e,this._$AP?.(e))}},B=class{get tagName(){return this.element.tagName}get _$AU(){return this._$AM._$AU}constructor(e,t,n,r,i){this.type=1,this._$AH=N,this._$AN=void 0,this.element=e,this.name=t,this._$AM=r,this.options=i,n.length>2||n[0]!==``||n[1]!==``?(this._$AH=Array(n.length-1).fill(new String),this.strings=n):this._$AH=N}_$AI(e,t=this,n,r){let i=this.strings,a=!1;if(i===void 0)e=R(this,e,t,0),a=!E(e)||e!==this._$AH&&e!==M,a&&(this._$AH=e);else{let r=e,o,s;for(e=i[0],o=0;o<i.length-1;o++)s=R(this,r[n+o],t,o),s===M&&(s=this._$AH[o]),a||=!E(s)||s!==this._$AH[o],s===N?e=N:e!==N&&(e+=(s??``)+i[o+1]),this._$AH[o]=s}a&&!r&&this.j(e)}j(e){e===N?this.element.removeAttribute(this.name):this.element.setAttribute(this.name,e??``)}},ve=class extends B{constructor(){super(...arguments),this.type=3}j(e){this.element[this.name]=e===N?void 0:e}},ye=class extends B{constructor(){super(...arguments),this.type=4}j(e){this.element.toggleAttribute(this.name,!!e&&e!==N)}},V=class extends B{constructor(e,t,n,r,i){super(e,t,n,r,i),this.type=5}_$AI(e,t=this){if((e=R(this,e,t,0)??N)===M)return;let n=this._$AH,r=e===N&&n!==N||e.capture!==n.capture||e.once!==n.once||e.passive!==n.passive,i=e!==N&&(n===N||r);r&&this.element.removeEventListener(this.name,this,n),i&&this.element.addEventListener(this.name,this,e),this._$AH=e}handleEvent(e){typeof this._$AH==`function`?this._$AH.call(this.options?.host??this.element,e):this._$AH.handleEvent(e)}},be=class{constructor(e,t,n){this.element=e,this.type=6,this._$AN=void 0,this._$AM=t,this.options=n}get _$AU(){return this._$AM._$AU}_$AI(e){R(this,e)}},xe={M:x,P:S,A:C,C:1,L:I,R:_e,D:ce,V:R,I:z,H:B,N:ye,U:V,B:ve,F:be};(0,v.litHtmlPolyfillSupport)?.(L,z),(v.litHtmlVersions??=[]).push(`3.3.3`);var Se=(e,t,n)=>{let r=n?.renderBefore??t,i=r._$litPart$;if(i===void 0){let e=n?.renderBefore??null;r._$litPart$=i=new z(t.insertBefore(T(),e),e,void 0,n??{})}return i._$AI(e),i},H=globalThis,U=class extends _{constructor(){super(...arguments),this.renderOptions={host:this},this._$Do=void 0}createRenderRoot(){let e=super.createRenderRoot();return this.renderOptions.renderBefore??=e.firstChild,e}update(e){let t=this.render();this.hasUpdated||(this.renderOptions.isConnected=this.isConnected),super.update(e),this._$Do=Se(t,this.renderRoot,this.renderOptions)}connectedCallback(){super.connectedCallback(),this._$Do?.setConnected(!0)}disconnectedCallback(){super.disconnectedCallback(),this._$Do?.setConnected(!1)}render(){return M}};U._$litElement$=!0,U.finalized=!0,H.litElementHydrateSupport?.({LitElement:U}),(0,H.litElementPolyfillSupport)?.({LitElement:U}),(H.litElementVersions??=[]).push(`4.2.2`);var Ce=e=>(t,n)=>{n===void 0?customElements.define(e,t):n.addInitializer(()=>{customElements.define(e,t)})},we={attribute:!0,type:String,converter:m,reflect:!1,hasChanged:h},Te=(e=we,t,n)=>{let{kind:r,metadata:i}=n,a=globalThis.litPropertyMetadata.get(i);if(a===void 0&&globalThis.litPropertyMetadata.set(i,a=new Map),r===`setter`&&((e=Object.create(e)).wrapped=!0),a.set(n.name,e),r===`accessor`){let{name:r}=n;return{set(n){let i=t.get.call(this);t.set.call(this,n),this.requestUpdate(r,i,e,!0,n)},init(t){return t!==void 0&&this.C(r,void 0,e,t),t}}}if(r===`setter`){let{name:r}=n;return function(n){let i=this[r];t.call(this,n),this.requestUpdate(r,i,e,!0,n)}}throw Error(`Unsupported decorator location: `+r)};function Ee(e){return(t,n)=>typeof n==`object`?Te(e,t,n):((e,t,n)=>{let r=t.hasOwnProperty(n);return t.constructor.createProperty(n,e),r?Object.getOwnPropertyDescriptor(t,n):void 0})(e,t,n)}function De(e){return Ee({...e,state:!0,attribute:!1})}var Oe={"action.cancel":`Cancel`,"action.close":`Close`,"action.copied":`Copied.`,"action.copy":`Copy`,"action.delete":`Delete`,"error.unreachable":`The server does not answer. Trying again…`,"time.now":`just now`,"time.ago":`{time} ago`,"app.skip":`Skip to content`,"app.tabs":`Pages`,"app.offline":`The connection to the server is lost. Trying again…`,"app.preferences":`Preferences`,"app.theme":`Appearance`,"app.theme.auto":`Same as the system`,"app.theme.light":`Light`,"app.theme.dark":`Dark`,"app.language":`Language`,"app.version":`Version {version}`,"app.sign_out":`Sign out`,"tab.machine":`Machine`,"signin.code_help":`Enter the six digits that the server shows: in its log, or with “wyoming-conductor pair”.`,"signin.token_help":`Enter the token from the file api-token in the data directory of the server.`,"signin.code":`Code`,"signin.token":`Token`,"signin.show_code":`Show a code on the server`,"signin.code_shown":`The code is now in the log of the server. It is valid for five minutes.`,"signin.six_digits":`The code has six digits.`,"signin.submit":`Sign in`,"signin.use_token":`Use a token instead`,"signin.use_code":`Use a code instead`,"kind.asr":`Speech-to-text`,"kind.tts":`Text-to-speech`,"kind.wake":`Wake word`,"kind.turn":`End of a turn`,"kind.speaker":`Speaker recognition`,"scope.read":`can look`,"scope.use":`can speak and transcribe`,"scope.operate":`can operate`,"scope.admin":`can do everything`,"state.unloaded":`Not loaded`,"state.downloading":`Downloading`,"state.waiting_for_gpu":`Waiting for memory`,"state.loading":`Loading`,"state.ready":`Ready`,"state.unloading":`Unloading`,"state.unfit":`Does not fit`,"state.failed":`Failed`,"phase.queued":`In the queue`,"phase.download":`Downloading`,"phase.verify":`Checking the files`,"phase.prepare":`Preparing the files`,"phase.load":`Loading into memory`,"phase.warmup":`Warming up`,"machine.overview":`Overview`,"machine.storage":`Storage`,"machine.settings":`Settings`,"machine.log":`Log`,"machine.access":`Access`,"machine.ready":`Ready`,"machine.not_ready":`Not ready`,"machine.paused":`Paused`,"machine.running_for":`Running for {time}`,"machine.load":`{active} active, {waiting} waiting`,"machine.pause":`Pause`,"machine.resume":`Resume`,"machine.restart":`Restart`,"machine.restart_title":`Restart the server?`,"machine.restart_text":`Running requests can finish first. The server is back within seconds.`,"machine.restarting":`The server restarts.`,"machine.utilization":`{value} busy`,"machine.device_absent":`Not readable`,"machine.pressure_warning":`Memory runs low`,"machine.pressure_critical":`Memory is nearly full`,"machine.free_of":`{free} of {total} free`,"machine.budget":`models may use {budget}`,"machine.memory_of":`Memory of {device}`,"machine.memory_all":`All programs`,"machine.memory_reserved":`Reserved for loading`,"machine.memory_other":`Other programs`,"machine.memory_free":`Free`,"machine.evictable":`Idle and unloaded first if another model needs the memory: {models}`,"machine.models":`Models`,"machine.no_models":`No model is installed yet.`,"machine.in_use":`{count} in use`,"machine.load_model":`Load`,"machine.unload":`Unload`,"machine.pin":`Keep in memory`,"machine.unpin":`Do not keep in memory`,"machine.pinned":`{model} stays in memory.`,"machine.unpinned":`{model} leaves memory when it is idle.`,"machine.starting":`Starting`,"machine.waits":`Needs {needed}; {free} could be used on {device} now. It loads as soon as there is enough.`,"machine.held_by":`Held by {holders}.`,"machine.unfit":`Needs {needed}, but models may use at most {budget} on {device}.`,"machine.retry_in":`Next try in {time}.`,"machine.needs":`needs {bytes}`,"machine.used":`used {time}`,"machine.requests":`{count} requests`,"machine.unloads_in":`unloads in {time}`,"machine.load_graph":`Requests`,"machine.utilization_graph":`Utilization`,"machine.active":`Active`,"machine.waiting":`Waiting`,"machine.latency":`Response times`,"machine.first_audio":`First audio of an answer`,"storage.models":`Models on disk`,"storage.phrases":`Phrase cache`,"storage.disk_free":`Free on this disk`,"storage.in_use":`In use`,"storage.no_models":`No model is stored in the data directory.`,"storage.clear_models":`Delete unused models`,"storage.clear_models_text":`These models are not in use. They can be downloaded again: {models}`,"storage.delete_model":`Delete {model}?`,"storage.delete_model_text":`Its files are deleted. It can be downloaded again.`,"storage.clear_phrases":`Clear the phrase cache`,"storage.clear_phrases_text":`The sentences are synthesized again when they are needed.`,"storage.phrase_usage":`{count} sentences that were spoken before; {rate} of all sentences came from here.`,"storage.hits":`used {count} times`,"storage.freed":`{bytes} freed.`,"storage.projects":`Projects and jobs`,"storage.recordings":`{bytes} recordings`,"storage.speech":`{bytes} speech`,"storage.sentences":`{bytes} sentences for later edits`,"storage.projects_help":`Projects stay until you delete them in the studio. Recordings may take {bytes}, and speech the same.`,"storage.clear_sentences":`Delete sentences for edits`,"storage.clear_sentences_text":`Projects and their audio stay. After the next edit, the whole text is synthesized again.`,"settings.search":`Search settings`,"settings.none":`No setting matches.`,"settings.general":`General`,"settings.models":`Single models`,"settings.wake_words":`Single wake words`,"settings.changed":`{count} changed`,"settings.on":`On`,"settings.off":`Off`,"settings.default":`default: {value}`,"settings.kind.duration":`seconds, or a text such as 30s, 5m, 1h`,"settings.kind.size":`bytes, or a text such as 512MiB, 2GiB`,"settings.kind.integer":`whole number`,"settings.kind.number":`number`,"settings.kind.list":`one per line`,"settings.kind.preload":`true, false, or one per line`,"settings.kind.text":`text`,"settings.kind.path":`path`,"settings.kind.boolean":`on or off`,"settings.kind.choice":`choice`,"settings.kind.scalar":`text, number, true or false`,"settings.map_help":`one “name = value” per line`,"settings.applies.live":`applies at once`,"settings.applies.reload":`applies when its models were loaded again`,"settings.applies.restart":`applies after a restart`,"settings.saving":`Saving…`,"settings.saved":`Saved. It applies now.`,"settings.saved_restart":`Saved. It applies after a restart.`,"settings.shadowed":`Saved, but the value of the {source} takes precedence.`,"settings.restart_needed":`A restart is needed for: {keys}`,"settings.pending":`still {value}`,"settings.locked":`needs the token of the owner`,"settings.reset":`Reset`,"source.file":`configuration file`,"source.environment":`environment`,"source.command_line":`command line`,"source.overrides":`page`,"source.default":`default`,"log.level":`Lowest level`,"log.debug":`Debug`,"log.info":`Info`,"log.warning":`Warnings`,"log.error":`Errors`,"log.search":`Search the log`,"log.empty":`No line matches.`,"access.sessions":`Browsers that have signed in`,"access.sessions_help":`A session ends after 30 days without a visit, or when its token is revoked.`,"access.this_browser":`This browser`,"access.since":`since {time}`,"access.used":`opened {time}`,"access.end":`Sign out`,"access.none":`No browser has signed in.`,"access.diagnostics":`Diagnostics`,"access.diagnostics_help":`One file for a bug report: versions, settings, models, recent requests and the log. It contains no tokens, no texts of requests and no names of your home.`,"access.download":`Download diagnostics`,"tab.requests":`Requests`,"requests.not_allowed":`Your token may not see requests. Sign in with a code, or with a token of scope operate.`,"requests.kind":`Kind`,"requests.all":`All`,"requests.failed":`Failed`,"requests.search":`Search requests`,"requests.export":`Export`,"requests.none":`No request yet. Speak to a satellite, or try the microphone.`,"requests.keep_text":`Keep texts`,"requests.keep_audio":`Keep audio`,"requests.keep_help":`Texts and audio stay in the memory of this server and are forgotten after a day, with a restart, or when you switch this off.`,"requests.keep_locked":`Only the owner of the server can switch this on: sign in with the token of the owner.`,"requests.forget":`Forget all`,"requests.forget_title":`Forget what was said?`,"requests.forget_text":`All kept texts and audio are deleted. The times stay.`,"requests.forgotten":`Forgotten.`,"requests.forget_one":`Forget this request`,"requests.slow":`Slow`,"requests.stages":`Stages`,"requests.audio":`Audio of the request`,"requests.text_off":`What was said is not kept. Switch on “Keep texts” or “Keep audio” above.`,"requests.text_gone":`What was said in this request is no longer kept.`,"requests.correction":`That is not what was said? Correct it:`,"requests.add_words":`Expect from now on: {words}`,"requests.no_new_words":`No new words`,"requests.words_added":`Expected from now on: {words}`,"requests.replay":`Transcribe again with`,"requests.word":`Word that sounds wrong`,"requests.spoken":`Spell it as it sounds`,"requests.set_pronunciation":`Set pronunciation`,"requests.word_spoken":`“{word}” is spoken “{spoken}” from now on.`,"stage.speech":`Speech`,"stage.queue":`Waiting`,"stage.load":`Loading the model`,"stage.inference":`Model`,"stage.first_audio":`Until the first audio`,"code.OOM":`No memory`,"code.MODEL_TOO_LARGE":`Does not fit`,"code.BUSY":`Busy`,"code.TIMEOUT":`Timeout`,"code.MODEL_MISSING":`Model missing`,"code.CANCELLED":`Canceled`,"code.UNSUPPORTED_LANGUAGE":`Language`,"code.INFERENCE_FAILED":`Model failed`,"code.LOAD_FAILED":`Not loaded`,"code.BAD_REQUEST":`Invalid`,"code.SHUTTING_DOWN":`Stopped`,"code.DEVICE_LOST":`GPU lost`,"code.UNKNOWN":`Bug`,"cause.load":`Waited {time} for {model} to be loaded.`,"cause.queue":`Waited {time} for its turn.`,"cause.inference":`{model} needed {time}. A smaller model answers sooner.`,"cause.memory":`There was no memory for {model}.`,"cause.missing":`The model is not installed.`,"cause.busy":`The server was busy.`,"cause.timeout":`The answer took too long.`,"cause.language":`No installed model knows this language.`,"cause.failed":`The request failed.`,"cure.keep_loaded":`Keep {model} in memory`,"cure.unload_idle":`Unload {model}`,"cure.memory":`Show memory`,"cure.install":`Show models`,"cure.settings":`Show settings`,"cure.log":`Show the log`,"tab.voices":`Voices & models`,"action.save":`Save`,"voices.voices":`Voices`,"voices.models":`Models`,"voices.names":`Names`,"voices.pronunciations":`Pronunciation`,"voices.search":`Search`,"voices.language":`Language`,"voices.every_language":`Every language`,"voices.installed":`Installed`,"voices.none":`Nothing is installed that matches.`,"voices.available":`Available ({count})`,"voices.more":`Show more`,"voices.listen":`Listen`,"voices.stop":`Stop`,"voices.default":`Default`,"voices.non_commercial":`Not for commercial use`,"voices.quality":`quality {quality}`,"voices.speed":`{factor} times faster than speech here`,"voices.used_by":`Used by: {uses}`,"voices.install":`Install`,"voices.canceled":`The download was canceled.`,"voices.use":`Use as default`,"voices.used_now":`{name} is the default now.`,"voices.no_sample":`The sample cannot be played.`,"voices.mix":`Mix voices`,"voices.mix_voice":`Voice`,"voices.mix_weight":`Weight`,"voices.add":`Add your own`,"voices.add_help":`A path on the server or a repository on Hugging Face: a Whisper model for CTranslate2, a Piper voice, or an export of Kokoro.`,"voices.add_source":`Path or repository`,"voices.add_submit":`Add`,"voices.added":`Being installed: {models}`,"names.help":`Speech-to-text prefers these words, one per line, the most important first. Home Assistant sends the names of your devices and rooms by itself.`,"names.names":`Names of devices, rooms and people`,"names.terms":`Other words`,"names.saved":`Saved. They apply to the next utterance.`,"names.listen":`Listen to the name at the cursor`,"lexicon.help":`Spell a word as it sounds, or write its pronunciation in IPA between slashes: /ˈriːoʊlɪŋk/.`,"lexicon.word":`Word`,"lexicon.none":`Every word is read as it is written.`,"tab.studio":`Studio`,"studio.drop":`Drop a file here`,"studio.drop_help":`A text, Markdown, EPUB or subtitles are read aloud. Audio and video are transcribed.`,"studio.choose_file":`Choose a file`,"studio.uploading":`Uploading`,"studio.text":`Text to read aloud`,"studio.create":`Create`,"studio.projects":`Projects`,"studio.none":`No project yet. Drop a book or a recording above.`,"studio.untitled":`Text`,"studio.recording":`Recording`,"studio.all_projects":`All projects`,"studio.status.draft":`Draft`,"studio.status.queued":`In the queue`,"studio.status.running":`In progress`,"studio.status.done":`Done`,"studio.status.failed":`Failed`,"studio.status.cancelled":`Canceled`,"studio.saved":`Saved`,"studio.saving":`Saving…`,"studio.unreachable":`Not saved yet: the server does not answer. Trying again…`,"studio.voice":`Voice`,"studio.voice_of_line":`Voice of line {number}`,"studio.as_project":`As the project`,"studio.as_speaker":`As the speaker`,"studio.speed":`Speed`,"studio.speed_of_line":`Speed of line {number}`,"studio.pause":`Pause before, s`,"studio.pause_of_line":`Pause before line {number}, in seconds`,"studio.synthesize":`Synthesize`,"studio.not_spoken":`Nothing is spoken yet. Listen to single lines, then press Synthesize.`,"studio.changed":`Changed since: only the changed lines are synthesized again.`,"studio.undo":`Undo`,"studio.redo":`Redo`,"studio.replace":`Find and replace`,"studio.find":`Find`,"studio.replace_with":`Replace with`,"studio.match_case":`Match case`,"studio.replace_all":`Replace in {count} lines`,"studio.replaced":`Replaced.`,"studio.rename":`Name of {name}`,"studio.export":`Export`,"studio.delete_title":`Delete “{name}”?`,"studio.delete_text":`The project is deleted with its audio and all edits.`,"studio.play":`Play`,"studio.pause_audio":`Pause`,"studio.position":`Position in the audio`,"studio.cannot_play":`The browser cannot play this file. The transcript can be edited anyway.`,"studio.lines":`Lines`,"studio.line":`Line {number}`,"studio.listen_line":`Listen to line {number}`,"studio.split":`Split line {number} at the cursor (Ctrl+Enter)`,"studio.merge":`Merge line {number} with the next`,"studio.delete_line":`Delete line {number}`,"studio.insert_line":`Insert a line after line {number}`,"studio.speaker":`Speaker`,"studio.speaker_of_line":`Speaker of line {number}`,"studio.correct":`Correct`,"studio.correct_line":`Correct line {number}`,"studio.no_segments":`Nothing was understood yet.`,"studio.previous":`Previous`,"studio.next":`Next`,"studio.page":`Lines {first}–{last} of {count}`,"tab.talk":`Talk`,"talk.hold":`Hold and speak`,"talk.stop":`Stop`,"talk.hands_free":`Hands-free`,"talk.off":`Hold the button, or the space bar, and speak.`,"talk.listening":`Listening…`,"talk.hearing":`I hear you…`,"talk.thinking":`One moment…`,"talk.speaking":`Speaking. Interrupt whenever you like.`,"talk.agent":`Answers from`,"talk.agent_default":`as in the settings`,"talk.agent_echo":`Echo`,"talk.agent_openai":`Language model`,"talk.agent_home_assistant":`Home Assistant`,"talk.agent_help":`Echo repeats what was understood: a test of microphone, speech-to-text and voice. Set up a language model or Home Assistant under Machine, in the settings of conversation.`,"talk.transcript":`Conversation`,"talk.text_after":`text after {time}`,"talk.sound_after":`answer after {time}`,"talk.interrupted":`interrupted`,"talk.refused":`The browser does not allow the microphone. Allow it in the address bar.`,"talk.no_microphone":`No microphone was found.`,"talk.needs_https":`Browsers give the microphone to HTTPS pages only. Set api.tls, or open the page on the server itself.`},ke=(function(){let e=typeof document<`u`&&document.createElement(`link`).relList;return e&&e.supports&&e.supports(`modulepreload`)?`modulepreload`:`preload`})(),Ae=function(e,t){return new URL(e,t).href},je={},W={},Me=function(e){return e.pathname.endsWith(`.css`)},Ne=function(e,t,n){if(t in e)return e[t];let r=n();if(!r){e[t]=void 0;return}let i=r.then(()=>{e[t]=void 0},n=>{throw delete e[t],n});return e[t]=i,i},G=function(e,t,n){let r=Promise.resolve();if(t&&t.length>0){let e,i=document.querySelector(`meta[property=csp-nonce]`),a=i?.nonce||i?.getAttribute(`nonce`);function o(e){return Promise.all(e.map(e=>Promise.resolve(e).then(e=>({status:`fulfilled`,value:e}),e=>({status:`rejected`,reason:e}))))}function s(e){return import.meta.resolve?new URL(import.meta.resolve(e)):new URL(e,import.meta.url)}r=o(t.map(t=>{t=Ae(t,n);let r=s(t),i=Me(r);return Ne(je,r.href,()=>{if(e===void 0){e={all:new Set,styles:new Set};let t=document.getElementsByTagName(`link`);for(let n=t.length-1;n>=0;n--){let r=t[n];e.all.add(r.href),r.rel===`stylesheet`&&e.styles.add(r.href)}}let t=i?e.styles:e.all,n=i?W[r.href]:void 0;if(!n&&t.has(r.href))return;let o=document.createElement(`link`);if(o.rel=i?`stylesheet`:ke,i||(o.as=`script`),o.crossOrigin=``,o.href=r.href,a&&o.setAttribute(`nonce`,a),n&&delete W[r.href],n?.isConnected?n.replaceWith(o):document.head.appendChild(o),i)return new Promise((e,t)=>{let n=i=>{o.removeEventListener(`load`,n),o.removeEventListener(`error`,n),i.type===`error`?(W[r.href]=o,t(Error(`Unable to preload CSS for ${r}`))):e(i)};o.addEventListener(`load`,n),o.addEventListener(`error`,n)})})}).filter(e=>e!==void 0))}function i(e){let t=new Event(`vite:preloadError`,{cancelable:!0});if(t.payload=e,window.dispatchEvent(t),!t.defaultPrevented)throw e}return r.then(t=>{for(let e of t||[])e.status===`rejected`&&i(e.reason);return e().catch(i)})},Pe={en:`English`,de:`Deutsch`,fr:`Français`,es:`Español`},K=Oe,Fe=`en`;function q(e,t={}){return K[e].replace(/\{(\w+)\}/g,(e,n)=>String(t[n]??e))}function Ie(e,t){let n=`${e}.${t}`;return n in K?K[n]:t}function Le(){return Fe}function Re(e,t){return[e??``,...t].map(e=>e.slice(0,2).toLowerCase()).find(e=>e in Pe)??`en`}async function ze(e){K=(await{en:()=>Promise.resolve({default:Oe}),de:()=>G(()=>import(`./de-DWHSxVHF.js`),[],import.meta.url),fr:()=>G(()=>import(`./fr-CCXART6Z.js`),[],import.meta.url),es:()=>G(()=>import(`./es-fm3KbasH.js`),[],import.meta.url)}[e]()).default,Fe=e}var Be=class extends Error{constructor(e,t,n=``,r=``,i=[]){super(e),this.message=e,this.status=t,this.code=n,this.detail=r,this.faults=i}},J=o`
  :host {
    display: block;
    color: var(--wc-text);
  }
  :host([hidden]) {
    display: none;
  }
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  h1,
  h2,
  h3,
  p,
  dl,
  dd,
  ul,
  ol {
    margin: 0;
    padding: 0;
  }
  h2 {
    font-size: 17px;
    font-weight: 600;
    line-height: 1.35;
    letter-spacing: -0.005em;
  }
  h3 {
    font-size: 14px;
    font-weight: 600;
  }
  ul,
  ol {
    list-style: none;
  }
  a {
    color: var(--wc-accent);
  }
  .muted {
    color: var(--wc-muted);
  }
  .small {
    font-size: 13px;
  }
  .number {
    font-variant-numeric: tabular-nums;
  }
  .mono {
    font-family: var(--wc-mono);
    font-size: 13px;
  }
  .clip {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .error-text {
    color: var(--wc-error);
  }
  .card {
    background: var(--wc-card);
    border: 1px solid var(--wc-line);
    border-radius: 14px;
    box-shadow: var(--wc-shadow);
    padding: 20px;
  }
  .stack {
    display: grid;
    gap: 16px;
    grid-template-columns: minmax(0, 1fr);
  }
  .row {
    display: flex;
    align-items: center;
    gap: 10px;
    flex-wrap: wrap;
  }
  .spread {
    display: flex;
    align-items: center;
    justify-content: space-between;
    gap: 8px 16px;
    flex-wrap: wrap;
  }
  .grow {
    flex: 1;
    min-width: 0;
  }
  .visually-hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  button,
  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 8px;
    min-height: 36px;
    padding: 0 14px;
    border: 1px solid var(--wc-line);
    border-radius: 10px;
    background: var(--wc-card);
    color: var(--wc-text);
    font: 500 14px/1 var(--wc-font);
    text-decoration: none;
    white-space: nowrap;
    cursor: pointer;
  }
  button:hover:not(:disabled),
  .button:hover {
    background: var(--wc-raised);
  }
  button.primary {
    border-color: var(--wc-accent);
    background: var(--wc-accent);
    color: var(--wc-on-accent);
  }
  button.primary:hover:not(:disabled) {
    filter: brightness(1.07);
    background: var(--wc-accent);
  }
  button.danger {
    color: var(--wc-error);
  }
  button.quiet {
    border-color: transparent;
    background: transparent;
    color: var(--wc-accent);
  }
  button.quiet.danger {
    color: var(--wc-error);
  }
  button.icon {
    width: 36px;
    padding: 0;
  }
  button:disabled {
    opacity: 0.5;
    cursor: default;
  }
  input,
  select,
  textarea {
    min-height: 38px;
    padding: 7px 12px;
    border: 1px solid var(--wc-line);
    border-radius: 10px;
    background: var(--wc-card);
    color: var(--wc-text);
    font: 15px/1.45 var(--wc-font);
    max-width: 100%;
  }
  textarea {
    resize: vertical;
  }
  input[type="checkbox"] {
    min-height: 0;
    width: 18px;
    height: 18px;
    accent-color: var(--wc-accent);
  }
  input[type="range"] {
    min-height: 0;
    padding: 0;
    accent-color: var(--wc-accent);
  }
  :focus-visible {
    outline: 2px solid var(--wc-accent);
    outline-offset: 2px;
  }
  .chip {
    display: inline-flex;
    align-items: center;
    gap: 6px;
    padding: 3px 9px;
    border-radius: 99px;
    background: var(--wc-raised);
    color: var(--wc-muted);
    font-size: 12.5px;
    font-weight: 500;
    line-height: 1.35;
    white-space: nowrap;
  }
  .chip.ok {
    background: var(--wc-ok-soft);
    color: var(--wc-ok);
  }
  .chip.warn {
    background: var(--wc-warn-soft);
    color: var(--wc-warn);
  }
  .chip.error {
    background: var(--wc-error-soft);
    color: var(--wc-error);
  }
  .chip.accent {
    background: var(--wc-soft);
    color: var(--wc-accent);
  }
  .note {
    display: flex;
    gap: 12px;
    align-items: flex-start;
    padding: 12px 14px;
    border-radius: 10px;
    background: var(--wc-soft);
    font-size: 14px;
  }
  .note.warn {
    background: var(--wc-warn-soft);
  }
  .note.error {
    background: var(--wc-error-soft);
  }
  .empty {
    padding: 40px 16px;
    text-align: center;
    color: var(--wc-muted);
  }
  .list > li {
    padding: 12px 0;
    border-top: 1px solid var(--wc-line);
  }
  .list > li:first-child {
    border-top: 0;
  }
  .subtabs {
    display: flex;
    gap: 4px;
    overflow-x: auto;
    scrollbar-width: none;
  }
  .subtabs button {
    border-color: transparent;
    background: transparent;
    color: var(--wc-muted);
  }
  .subtabs button[aria-selected="true"],
  .subtabs button[aria-pressed="true"] {
    background: var(--wc-soft);
    color: var(--wc-accent);
  }
  progress {
    display: block;
    width: 100%;
    height: 6px;
    border: 0;
    border-radius: 3px;
    overflow: hidden;
    background: var(--wc-raised);
    accent-color: var(--wc-accent);
  }
  progress::-webkit-progress-bar {
    background: var(--wc-raised);
  }
  progress::-webkit-progress-value {
    background: var(--wc-accent);
    transition: width 0.3s;
  }
  progress::-moz-progress-bar {
    background: var(--wc-accent);
  }
  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation-duration: 0.01ms !important;
      transition-duration: 0.01ms !important;
    }
  }
`,Ve;function Y(){return Ve??document.body}function He(e){Ve=e}function X(e,t,n,r){var i=arguments.length,a=i<3?t:r===null?r=Object.getOwnPropertyDescriptor(t,n):r,o;if(typeof Reflect==`object`&&typeof Reflect.decorate==`function`)a=Reflect.decorate(e,t,n,r);else for(var s=e.length-1;s>=0;s--)(o=e[s])&&(a=(i<3?o(a):i>3?o(t,n,a):o(t,n))||a);return i>3&&a&&Object.defineProperty(t,n,a),a}var Ue=5e3,We=12e3,Z;function Q(e,t=`info`){Z??=new $,Z.parentNode!==Y()&&Y().append(Z),Z.add(e,t)}var $=class extends U{constructor(...e){super(...e),this.toasts=[],this.next=0}static{this.styles=[J,o`
      :host {
        position: fixed;
        z-index: 100;
        left: 50%;
        bottom: calc(24px + env(safe-area-inset-bottom) + var(--wc-bottom-bar, 0px));
        transform: translateX(-50%);
        width: min(560px, calc(100vw - 32px));
        pointer-events: none;
      }
      div {
        display: grid;
        gap: 8px;
      }
      p {
        display: flex;
        align-items: flex-start;
        gap: 12px;
        padding: 12px 8px 12px 16px;
        border-radius: 12px;
        background: #22272e;
        color: #fff;
        font-size: 14px;
        box-shadow: 0 6px 24px rgb(0 0 0 / 25%);
        pointer-events: auto;
      }
      p.error {
        background: #8c1d18;
      }
      button {
        min-height: 24px;
        padding: 0 8px;
        border: 0;
        background: transparent;
        color: inherit;
      }
      button:hover:not(:disabled) {
        background: rgb(255 255 255 / 15%);
      }
    `]}add(e,t){let n=this.next++;this.toasts=[...this.toasts.filter(t=>t.text!==e),{id:n,text:e,kind:t}].slice(-3),window.setTimeout(()=>this.dismiss(n),t===`error`?We:Ue)}dismiss(e){this.toasts=this.toasts.filter(t=>t.id!==e)}render(){return j`<div role="status" aria-live="polite">
      ${this.toasts.map(e=>j`<p class=${e.kind}>
            <span class="grow">${e.text}</span>
            <button @click=${()=>this.dismiss(e.id)} aria-label=${q(`action.close`)}>✕</button>
          </p>`)}
    </div>`}};X([De()],$.prototype,`toasts`,void 0),$=X([Ce(`wc-toasts`)],$);var Ge=class extends U{static{this.styles=J}async run(e,t){try{let n=await e;return t&&Q(t),n}catch(e){Q(Ke(e),`error`);return}}};function Ke(e){if(e instanceof Be){if(e.code===`UNREACHABLE`)return q(`error.unreachable`);let t=e.faults.map(e=>`${e.path}: ${e.message}`);return[e.message,...t,e.detail].filter(Boolean).join(` `)}return e instanceof Error?e.message:String(e)}export{he as C,xe as S,a as T,Ce as _,Y as a,M as b,Be as c,ze as d,q as f,Ee as g,De as h,X as i,Le as l,G as m,Ke as n,He as o,Ie as p,Q as r,J as s,Ge as t,Re as u,U as v,o as w,j as x,N as y};
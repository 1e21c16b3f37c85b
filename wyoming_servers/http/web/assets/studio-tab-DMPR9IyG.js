import{B as e,C as t,H as n,I as r,J as i,K as a,L as o,M as s,O as c,S as l,V as u,Y as ee,c as d,d as f,f as p,g as m,i as h,j as te,k as ne,l as g,m as _,n as v,o as y,p as b,q as re,t as x,v as S,w as ie}from"./icon-CgDB_Qno.js";import{c as ae,r as C,s as w,u as T}from"./directive-helpers-DiYb0vIA.js";import{t as E}from"./query-DDQkTGvL.js";import{o as D,r as oe}from"./format-BTQftpua.js";import{a as O}from"./localize-C6ttZHhD.js";import{t as se}from"./repeat-D6Z6ouX5.js";import{i as ce}from"./model-2aQX6AkU.js";var le=w(class extends ae{constructor(){super(...arguments),this.key=_}render(e,t){return this.key=e,t}update(e,[t,n]){return t!==this.key&&(C(e),this.key=t),n}});function k(e){return e===`queued`||e===`running`}var ue=0;function A(e,t){let n=e.length===t.length;return e.map((e,r)=>({...e,key:(n?t[r]?.key:void 0)??++ue}))}function de(e,t){let n=[...e];for(let{index:e,count:r,segments:i}of t)n.splice(e,r,...A(i,n.slice(e,e+r)));return n.map((e,t)=>e.index===t?e:{...e,index:t})}function j(e,t){return new RegExp(e.replace(/[.*+?^${}()|[\]\\]/g,`\\$&`),t?`gu`:`giu`)}function M(e,t,n){if(!t)return[];let r=j(t,n);return e.filter(e=>e.text.search(r)>=0).map(e=>e.index)}function N(e,t,n,r){return M(e,t,r).map(i=>({index:i,count:1,segments:[{text:(e[i]?.text??``).replace(j(t,r),()=>n)}]}))}function P(e,t,n){let r=[t.slice(0,n).trim(),t.slice(n).trim()];if(!r.some(e=>!e))return{index:e.index,count:1,segments:r.map(e=>({text:e}))}}function F(e,t){let[n,r]=[e[t],e[t+1]];if(n&&r)return{index:t,count:2,segments:[{text:`${n.text} ${r.text}`}]}}function I(e,t,n){return e.filter(e=>(e.speaker??``)===t).map(e=>({index:e.index,count:1,segments:[{speaker:n}]}))}function L(e){return[...new Set(e.map(e=>e.speaker??``))].filter(Boolean)}function R(e,t){let n=0,r=e.length-1;for(;n<=r;){let i=n+r>>1,a=e[i];if(t<a.start)r=i-1;else if(t>=a.end)n=i+1;else return i}return-1}var z=/\.(txt|text|md|markdown|epub|srt|vtt|ass|ssa|ssml|xml)$/i;function B(e){return z.test(e.name)||e.type.startsWith(`text/`)}var V=1e3,H=500,fe=class{constructor(e,t,n){this.connection=e,this.id=t,this.onChange=n,this.segments=[],this.canUndo=!1,this.canRedo=!1,this.saveState=`saved`,this.revision=0,this.queue=Promise.resolve(),this.waiting=0,this.closed=!1}async read(){let e=await this.connection.request(`GET`,`/jobs/${this.id}/segments`);await this.readJob(),this.segments=A(e.segments,this.segments),this.keepState(e)}async readJob(){this.job=await this.connection.request(`GET`,`/jobs/${this.id}?segments=false`),this.onChange()}close(){this.closed=!0}edit(e){return this.enqueue(async()=>{let t=e(this.segments).filter(e=>e!==void 0);t.length&&await this.send(`PATCH`,``,{changes:t,synthesize:!1})})}undo(){return this.enqueue(()=>this.send(`POST`,`/undo`,{}))}redo(){return this.enqueue(()=>this.send(`POST`,`/redo`,{}))}change(e){return this.enqueue(async()=>{await this.send(`PATCH`,``,{...e,synthesize:!1}),await this.readJob()})}synthesize(){return this.enqueue(async()=>{await this.send(`PATCH`,``,{synthesize:!0}),await this.readJob()})}enqueue(e){this.waiting+=1,this.setSaveState(`saving`);let t=this.queue.then(e).finally(()=>{--this.waiting,this.waiting||this.setSaveState(`saved`)});return this.queue=t.catch(()=>void 0),t}async send(e,t,n){for(;;)try{let r=await this.connection.request(e,`/jobs/${this.id}/segments${t}`,{...n,revision:this.revision});this.segments=de(this.segments,r.changes),this.keepState(r);return}catch(e){if(!(e instanceof g)||this.closed||(e.status===409&&await this.read(),e.status!==0&&e.status<H))throw e;this.setSaveState(`unreachable`),await new Promise(e=>setTimeout(e,V))}}keepState(e){this.revision=e.revision,this.canUndo=e.can_undo,this.canRedo=e.can_redo,this.job&&={...this.job,status:e.status},this.onChange()}setSaveState(e){this.saveState=e,this.onChange()}},pe=700;function U(e){return e.split(/\s+/).filter(Boolean).join(` `)}var W=S`
  :host {
    padding: 10px 16px;
    border-top: 1px solid var(--wc-line);
  }
  :host(:first-child) {
    border-top: 0;
  }
  :host([current]) {
    background: var(--wc-soft);
  }
  .line {
    display: grid;
    grid-template-columns: 36px minmax(0, 1fr) auto;
    align-items: start;
    gap: 10px;
  }
  textarea {
    width: 100%;
    min-height: 38px;
    field-sizing: content;
  }
  .meta {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 6px 10px;
    margin: 4px 0 0 46px;
    font-size: 13px;
    color: var(--wc-muted);
  }
  .meta label {
    display: inline-flex;
    align-items: center;
    gap: 6px;
  }
  .meta input,
  .meta select {
    min-height: 32px;
    padding: 3px 8px;
    font-size: 13px;
  }
  .meta input[type="number"] {
    width: 76px;
  }
  .tools {
    display: flex;
  }
  @media (max-width: 700px) {
    :host {
      padding: 10px;
    }
    .line {
      grid-template-columns: 36px minmax(0, 1fr);
    }
    .tools {
      grid-column: 2;
      justify-content: flex-end;
    }
    .meta {
      margin-left: 0;
    }
  }
`,G=class extends x{constructor(...e){super(...e),this.last=!1,this.locked=!1,this.timer=0}static{this.styles=[y,W]}willUpdate(e){e.has(`segment`)&&this.typed!==void 0&&U(this.typed)===this.segment.text&&(this.typed=void 0)}discard(){this.typed=void 0}get text(){return this.typed??this.segment.text}setFields(e){let{index:t}=this.segment;this.edit(()=>[{index:t,count:1,segments:[e]}])}edit(e){this.dispatchEvent(new CustomEvent(`edit`,{detail:e,bubbles:!0,composed:!0}))}onInput(e){this.typed=e.target.value,window.clearTimeout(this.timer),this.timer=window.setTimeout(()=>this.saveText(),pe)}saveText(){window.clearTimeout(this.timer);let{typed:e,segment:t}=this;e!==void 0&&(U(e)===t.text?this.typed=void 0:this.setFields({text:e}))}onBlur(){this.saveText()}split(){let{segment:e,text:t}=this,n=P(e,t,this.textarea?.selectionStart??0);n&&(window.clearTimeout(this.timer),this.typed=void 0,this.edit(()=>[n]))}merge(){let{index:e}=this.segment;this.saveText(),this.typed=void 0,this.edit(t=>[F(t,e)])}removeSegment(){let{index:e}=this.segment;this.typed=void 0,this.edit(()=>[{index:e,count:1,segments:[]}])}onKey(e){e.key===`Enter`&&(e.ctrlKey||e.metaKey)&&(e.preventDefault(),this.split())}listen(){this.saveText(),this.dispatchEvent(new CustomEvent(`listen`,{detail:this,bubbles:!0,composed:!0}))}renderLine(n){let r=this.segment.index+1;return m`<div class="line">
      <button class="icon quiet" aria-label=${O(`studio.listen_line`,{number:r})} @click=${this.listen}>
        <wc-icon .path=${e}></wc-icon>
      </button>
      ${n}
      ${this.locked?_:m`<div class="tools">
            ${this.tool(ie,`studio.split`,()=>this.split())}
            ${this.tool(t,`studio.merge`,()=>this.merge(),this.last)}
            ${this.renderInsert()} ${this.tool(c,`studio.delete_line`,()=>this.removeSegment())}
          </div>`}
    </div>`}renderInsert(){return _}renderTextarea(){return m`<textarea
      rows="1"
      aria-label=${O(`studio.line`,{number:this.segment.index+1})}
      ?readonly=${this.locked}
      .value=${this.text}
      @input=${this.onInput}
      @blur=${this.onBlur}
      @keydown=${this.onKey}
    ></textarea>`}tool(e,t,n,r=!1){let i=O(t,{number:this.segment.index+1});return m`<button
      class="icon quiet"
      title=${i}
      aria-label=${i}
      ?disabled=${r}
      @mousedown=${e=>e.preventDefault()}
      @click=${n}
    >
      <wc-icon .path=${e}></wc-icon>
    </button>`}};h([p({attribute:!1})],G.prototype,`server`,void 0),h([p({attribute:!1})],G.prototype,`segment`,void 0),h([p({type:Boolean})],G.prototype,`last`,void 0),h([p({type:Boolean})],G.prototype,`locked`,void 0),h([f()],G.prototype,`typed`,void 0),h([E(`textarea`)],G.prototype,`textarea`,void 0);var K=class extends G{constructor(...e){super(...e),this.voices=[],this.timed=!1}renderInsert(){let{index:e,speaker:t=``}=this.segment;return this.tool(u,`studio.insert_line`,()=>{this.edit(()=>[{index:e+1,count:0,segments:[{text:`…`,speaker:t}]}])})}render(){let{segment:e}=this,t=e.index+1,n=e=>t=>{let n=t.target;n.value&&n.checkValidity()?this.setFields({[e]:Number(n.value)}):n.reportValidity()};return m`${this.renderLine(this.renderTextarea())}
      <div class="meta">
        ${e.speaker?m`<span class="chip accent">${e.speaker}</span>`:``}
        <label
          >${O(`studio.voice`)}
          <select
            aria-label=${O(`studio.voice_of_line`,{number:t})}
            ?disabled=${this.locked}
            @change=${e=>this.setFields({voice:e.target.value})}
          >
            <option value="" ?selected=${!e.voice}>
              ${e.speaker?O(`studio.as_speaker`):O(`studio.as_project`)}
            </option>
            ${this.voices.map(t=>m`<option value=${t} ?selected=${t===e.voice}>${t}</option>`)}
          </select>
        </label>
        <label
          >${O(`studio.speed`)}
          <input
            type="number"
            min="0.5"
            max="2"
            step="0.05"
            aria-label=${O(`studio.speed_of_line`,{number:t})}
            ?disabled=${this.locked}
            .value=${String(e.speed??1)}
            @change=${n(`speed`)}
          />
        </label>
        ${this.timed?m`<span class="number">${e.start.toFixed(1)} s</span>`:m`<label
              >${O(`studio.pause`)}
              <input
                type="number"
                min="0"
                max="60"
                step="0.1"
                aria-label=${O(`studio.pause_of_line`,{number:t})}
                ?disabled=${this.locked}
                .value=${String(e.pause??0)}
                @change=${n(`pause`)}
              />
            </label>`}
      </div>`}};h([p({attribute:!1})],K.prototype,`voices`,void 0),h([p({type:Boolean})],K.prototype,`timed`,void 0),K=h([b(`wc-speech-row`)],K);var me=.5,he=/[\p{Lu}\p{N}]|.{6}/u,q=class extends G{constructor(...e){super(...e),this.position=-1,this.speakers=[],this.editing=!1,this.corrected=[],this.uncorrected=``}static{this.styles=[y,W,S`
      p {
        padding: 6px 0;
        line-height: 1.7;
      }
      .word {
        border-radius: 4px;
        cursor: pointer;
      }
      .word:hover {
        background: var(--wc-raised);
      }
      .word.now {
        background: var(--wc-accent);
        color: var(--wc-on-accent);
      }
      .unsure {
        text-decoration: underline dotted var(--wc-warn);
        text-underline-offset: 4px;
      }
      .speaker {
        width: 150px;
      }
    `]}startEdit(){this.editing=!0,this.uncorrected=this.segment.text,this.updateComplete.then(()=>this.textarea?.focus())}onBlur(){let e=ce(this.uncorrected,this.text).filter(e=>he.test(e));super.onBlur(),this.editing=!1,e.length&&(this.corrected=e)}split(){this.editing?super.split():this.startEdit()}hear(e,t){let n={start:e,end:t};this.dispatchEvent(new CustomEvent(`hear`,{detail:n,bubbles:!0,composed:!0}))}listen(){this.hear(this.segment.start,this.segment.end)}async expect(){let e=this.corrected,{connection:t}=this.server;await this.run((async()=>{let{names:n,terms:r}=await t.request(`GET`,`/vocabulary`);await t.request(`PUT`,`/vocabulary`,{names:n,terms:[...e,...r]})})(),O(`requests.words_added`,{words:e.join(`, `)})),this.corrected=[]}render(){let{segment:e}=this,t=e.index+1;return m`${this.renderLine(this.editing?this.renderTextarea():this.renderWords())}
      <div class="meta">
        <span class="number">${D(e.start)}</span>
        <input
          class="speaker"
          list="speakers"
          placeholder=${O(`studio.speaker`)}
          aria-label=${O(`studio.speaker_of_line`,{number:t})}
          ?disabled=${this.locked}
          .value=${e.speaker??``}
          @change=${e=>this.setFields({speaker:e.target.value.trim()})}
        />
        <datalist id="speakers">${this.speakers.map(e=>m`<option value=${e}></option>`)}</datalist>
        ${this.locked||this.editing?_:m`<button class="quiet" aria-label=${O(`studio.correct_line`,{number:t})} @click=${this.startEdit}>
              <wc-icon .path=${o}></wc-icon>${O(`studio.correct`)}
            </button>`}
        ${this.corrected.length&&this.server.canOperate?m`<button @click=${this.expect}>
              ${O(`requests.add_words`,{words:this.corrected.join(`, `)})}
            </button>`:_}
      </div>`}renderWords(){let{segment:e,position:t}=this;return e.words.length?m`<p @dblclick=${this.startEdit}>
      ${e.words.map(e=>{let n=t>=e.start&&t<e.end?`now`:``,r=e.probability<me?`unsure`:``;return m`<span class="word ${n} ${r}" @click=${()=>this.hear(e.start,e.end)}
            >${e.text}</span
          > `})}
    </p>`:m`<p @dblclick=${this.startEdit}>${e.text}</p>`}};h([p({type:Number})],q.prototype,`position`,void 0),h([p({attribute:!1})],q.prototype,`speakers`,void 0),h([f()],q.prototype,`editing`,void 0),h([f()],q.prototype,`corrected`,void 0),q=h([b(`wc-transcript-row`)],q);var J=72,ge=3,_e=40,ve=5,Y=class extends x{constructor(...e){super(...e),this.url=``,this.peaks=[],this.duration=0,this.playing=!1,this.seconds=0,this.failed=!1,this.until=1/0,this.observer=new ResizeObserver(()=>this.draw()),this.onTheme=()=>this.draw(),this.scheme=window.matchMedia(`(prefers-color-scheme: dark)`)}static{this.styles=[y,S`
      .player {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr);
        align-items: center;
        gap: 14px;
      }
      .track {
        position: relative;
        height: ${J}px;
        border-radius: 8px;
        cursor: pointer;
        touch-action: none;
      }
      canvas {
        width: 100%;
        height: 100%;
        color: var(--wc-accent);
        outline-color: var(--wc-other);
      }
      .time {
        display: flex;
        justify-content: space-between;
        grid-column: 2;
        font-size: 13px;
        color: var(--wc-muted);
      }
      audio {
        display: none;
      }
    `]}connectedCallback(){super.connectedCallback(),window.addEventListener(`wc-theme`,this.onTheme),this.scheme.addEventListener(`change`,this.onTheme)}firstUpdated(){this.observer.observe(this.canvas)}disconnectedCallback(){super.disconnectedCallback(),window.removeEventListener(`wc-theme`,this.onTheme),this.scheme.removeEventListener(`change`,this.onTheme),this.observer.disconnect(),this.audio.pause()}updated(){this.draw()}play(e,t=1/0){this.until=t,this.audio.currentTime=e,this.audio.play().catch(()=>this.failed=!0)}toggle(){this.until=1/0,this.playing?this.audio.pause():this.audio.play().catch(()=>this.failed=!0)}get length(){return this.duration||1}onTime(){this.seconds=this.audio.currentTime,this.seconds>=this.until&&(this.audio.pause(),this.until=1/0),this.dispatchEvent(new CustomEvent(`position`,{detail:this.seconds}))}seek(e){let t=this.canvas.getBoundingClientRect(),n=(e.clientX-t.left)/t.width;this.audio.currentTime=Math.min(1,Math.max(0,n))*this.length,this.onTime()}onKey(e){let t={ArrowRight:ve,ArrowLeft:-5}[e.key];t&&(e.preventDefault(),this.audio.currentTime=Math.min(this.length,Math.max(0,this.seconds+t)),this.onTime())}draw(){let e=window.devicePixelRatio,t=this.canvas.clientWidth,n=this.canvas.getContext(`2d`);if(!n||!t)return;this.canvas.width=t*e,this.canvas.height=J*e,n.scale(e,e);let{color:r,outlineColor:i}=getComputedStyle(this.canvas),a=Math.floor(t/4),o=Math.max(_e,...this.peaks),s=this.seconds/this.length*a;for(let e=0;e<a;e+=1){let t=Math.floor(e/a*this.peaks.length),c=Math.max(t+1,Math.floor((e+1)/a*this.peaks.length)),l=Math.max(0,...this.peaks.slice(t,c)),u=Math.max(2,l/o*J);n.fillStyle=e<s?r:i,n.fillRect(e*4,(J-u)/2,ge,u)}}render(){return m`<div class="player">
        <button
          class="icon primary"
          aria-label=${O(this.playing?`studio.pause_audio`:`studio.play`)}
          @click=${this.toggle}
        >
          <wc-icon .path=${this.playing?r:e}></wc-icon>
        </button>
        <div
          class="track"
          role="slider"
          tabindex="0"
          aria-label=${O(`studio.position`)}
          aria-valuemin="0"
          aria-valuemax=${Math.round(this.length)}
          aria-valuenow=${Math.round(this.seconds)}
          aria-valuetext=${D(this.seconds)}
          @pointerdown=${this.seek}
          @pointermove=${e=>e.buttons?this.seek(e):void 0}
          @keydown=${this.onKey}
        >
          <canvas></canvas>
        </div>
        <div class="time number">
          <span>${D(this.seconds)}</span><span>${D(this.duration)}</span>
        </div>
      </div>
      ${this.failed?m`<p class="small error-text">${O(`studio.cannot_play`)}</p>`:_}
      <audio
        preload="metadata"
        src=${this.url}
        @timeupdate=${this.onTime}
        @play=${()=>this.playing=!0}
        @pause=${()=>this.playing=!1}
        @error=${()=>this.failed=!0}
        @loadeddata=${()=>this.failed=!1}
      ></audio>`}};h([p()],Y.prototype,`url`,void 0),h([p({attribute:!1})],Y.prototype,`peaks`,void 0),h([p({type:Number})],Y.prototype,`duration`,void 0),h([E(`audio`)],Y.prototype,`audio`,void 0),h([E(`canvas`)],Y.prototype,`canvas`,void 0),h([f()],Y.prototype,`playing`,void 0),h([f()],Y.prototype,`seconds`,void 0),h([f()],Y.prototype,`failed`,void 0),Y=h([b(`wc-waveform`)],Y);var X=100,Z=[`wav`,`flac`,`mp3`,`opus`],ye=[`srt`,`vtt`,`ass`,`txt`,`json`],Q=class extends x{constructor(...e){super(...e),this.projectId=``,this.voices=[],this.error=``,this.peaks=[],this.duration=0,this.page=0,this.position=-1,this.replacing=!1,this.find=``,this.matchCase=!1,this.audioVersion=0,this.controller=new d(this,e=>this.onEvent(e)),this.onLeave=e=>{this.editor.saveState!==`saved`&&e.preventDefault()}}static{this.styles=[y,S`
      .list-card {
        padding: 4px 0;
      }
      .options {
        display: flex;
        flex-wrap: wrap;
        gap: 12px 18px;
        align-items: end;
      }
      .options label,
      .replace label {
        display: grid;
        gap: 4px;
        font-size: 13px;
        color: var(--wc-muted);
      }
      .options input[type="number"] {
        width: 90px;
      }
      .replace {
        display: flex;
        flex-wrap: wrap;
        gap: 10px;
        align-items: end;
      }
      .replace .check {
        display: inline-flex;
        align-items: center;
        gap: 8px;
        min-height: 38px;
      }
      h2 {
        overflow-wrap: anywhere;
      }
      details {
        position: relative;
      }
      summary {
        list-style: none;
      }
      summary::-webkit-details-marker {
        display: none;
      }
      .menu {
        position: absolute;
        z-index: 5;
        right: 0;
        top: 42px;
        display: grid;
        min-width: 130px;
        padding: 6px;
        border: 1px solid var(--wc-line);
        border-radius: 12px;
        background: var(--wc-card);
        box-shadow: 0 12px 36px rgb(0 0 0 / 18%);
      }
      .menu a {
        padding: 8px 12px;
        border-radius: 8px;
        color: inherit;
        text-decoration: none;
      }
      .menu a:hover {
        background: var(--wc-raised);
      }
    `]}connectedCallback(){super.connectedCallback(),this.editor=new fe(this.server.connection,this.projectId,()=>this.requestUpdate()),this.read(),window.addEventListener(`beforeunload`,this.onLeave)}disconnectedCallback(){super.disconnectedCallback(),window.removeEventListener(`beforeunload`,this.onLeave),this.editor.close(),this.preview?.pause()}async read(){try{await this.editor.read();let e=await this.server.connection.request(`GET`,`/jobs/${this.projectId}/peaks`);this.peaks=e.peaks,this.duration=e.duration,this.audioVersion+=1,this.error=``}catch(e){this.error=v(e)}}onEvent(e){let t=String(e.type);if(t===`stream_opened`||t===`job_finished`&&e.job===this.projectId)this.read();else if(e.job===this.projectId){let{job:t}=this.editor;if(!t)return;this.editor.job={...t,status:`running`,progress:Number(e.percent??t.progress)},this.requestUpdate()}}get job(){return this.editor.job}get locked(){return!this.job||k(this.job.status)}onEdit(e){let t=e.composedPath()[0],n=this.editor.edit(e.detail).catch(e=>{throw t.discard(),e});this.run(n)}async listen(e){let{segment:t,text:n}=e.detail,r=this.job?.speech;if(!r)return;let i=t.speaker?r.speakers?.[t.speaker]:void 0,a=t.voice??i??r.voice,o=a===r.voice&&a.includes(`@`)?1:r.speed;await this.run((async()=>{let e=await this.server.connection.fetch(`/v1/audio/speech`,{method:`POST`,headers:{"Content-Type":`application/json`},body:JSON.stringify({model:`tts-1`,voice:a,input:n,speed:Math.min(2,Math.max(.5,o*(t.speed??1))),response_format:`wav`})});this.preview?.pause(),this.preview=new Audio(URL.createObjectURL(await e.blob())),await this.preview.play()})())}onPosition(e){this.position=e.detail;let t=R(this.editor.segments,e.detail);t>=0&&(this.page=Math.floor(t/X))}async replace(e){e.preventDefault();let t=new FormData(e.target).get(`replacement`),{find:n,matchCase:r}=this;await this.run(this.editor.edit(e=>N(e,n,t,r)),O(`studio.replaced`))}async deleteProject(){if(!await T({title:O(`studio.delete_title`,{name:this.name}),text:O(`studio.delete_text`),confirm:O(`action.delete`),danger:!0}))return;let e=this.server.connection.request(`DELETE`,`/jobs/${this.projectId}?forget=true`);await this.run(e.then(()=>!0))===!0&&this.close()}close(){this.dispatchEvent(new CustomEvent(`closed`))}get name(){return this.job?.filename??this.editor.segments[0]?.text.slice(0,60)??``}render(){if(this.error)return m`<p class="note error">${this.error}</p>
        <button @click=${this.close}>${O(`studio.all_projects`)}</button>`;let{job:e,editor:t}=this;return e?m`<div class="stack">
      <div class="spread">
        <div class="row grow">
          <button class="icon quiet" aria-label=${O(`studio.all_projects`)} @click=${this.close}>
            <wc-icon .path=${l}></wc-icon>
          </button>
          <h2>${this.name}</h2>
          <span class="chip ${e.status===`failed`?`error`:``}">${O(`studio.status.${e.status}`)}</span>
        </div>
        <span class="small muted" role="status">${O(`studio.${t.saveState}`)}</span>
      </div>
      ${e.error?m`<p class="note error">${e.error}</p>`:_}
      <section class="card stack">
        ${e.speech?this.renderSpeechOptions(e):_} ${this.renderTools(e)}
        ${k(e.status)?m`<progress max="100" .value=${e.progress} aria-label=${O(`studio.status.${e.status}`)}></progress>`:_}
        ${this.renderAudio(e)} ${this.replacing?this.renderReplace():_}
      </section>
      ${this.renderSegments(e)}
    </div>`:_}renderSpeechOptions(e){let{speech:t}=e;if(!t)return _;let n=e=>this.run(this.editor.change(e));return m`<div class="options">
      ${this.renderVoice(O(`studio.voice`),t.voice,e=>n({voice:e}))}
      <label
        >${O(`studio.speed`)}<input
          type="number"
          min="0.5"
          max="2"
          step="0.05"
          ?disabled=${this.locked}
          .value=${String(t.speed)}
          @change=${e=>n({speed:Number(e.target.value)})}
      /></label>
      ${L(this.editor.segments).map(e=>this.renderVoice(e,t.speakers?.[e]??t.voice,t=>n({speakers:{[e]:t}})))}
      <button class="primary" ?disabled=${this.locked} @click=${()=>this.run(this.editor.synthesize())}>
        ${O(`studio.synthesize`)}
      </button>
    </div>`}renderVoice(e,t,n){let r=this.voices.includes(t)?this.voices:[t,...this.voices];return m`<label
      >${e}<select
        ?disabled=${this.locked}
        @change=${e=>n(e.target.value)}
      >
        ${r.map(e=>m`<option value=${e} ?selected=${e===t}>${e}</option>`)}
      </select></label
    >`}renderTools(e){let{editor:t}=this,r=[...e.speech?Z:[],...ye];return m`<div class="row">
      <button ?disabled=${this.locked||!t.canUndo} @click=${()=>this.run(t.undo())}>
        <wc-icon .path=${i}></wc-icon>${O(`studio.undo`)}
      </button>
      <button ?disabled=${this.locked||!t.canRedo} @click=${()=>this.run(t.redo())}>
        <wc-icon .path=${n}></wc-icon>${O(`studio.redo`)}
      </button>
      <button aria-expanded=${this.replacing?`true`:`false`} @click=${()=>this.replacing=!this.replacing}>
        <wc-icon .path=${s}></wc-icon>${O(`studio.replace`)}
      </button>
      <details>
        <summary class="button" role="button"><wc-icon .path=${ne}></wc-icon>${O(`studio.export`)}</summary>
        <div class="menu">
          ${r.map(t=>m`<a
                href=${this.server.connection.url(`/jobs/${e.id}.${t}`)}
                download="${this.name.replace(/\.[^.]*$/,``)}.${t}"
                >${t.toUpperCase()}</a
              >`)}
        </div>
      </details>
      <button class="danger" @click=${this.deleteProject}>
        <wc-icon .path=${a}></wc-icon>${O(`action.delete`)}
      </button>
    </div>`}renderAudio(e){if(e.speech&&(!this.peaks.length||k(e.status)))return k(e.status)?_:m`<p class="small muted">${O(`studio.not_spoken`)}</p>`;let t=e.speech?`/jobs/${e.id}.${e.speech.format}`:`/jobs/${e.id}/recording`;return m`<wc-waveform
        url="${this.server.connection.url(t)}?version=${this.audioVersion}"
        .peaks=${this.peaks}
        .duration=${this.duration}
        @position=${this.onPosition}
      ></wc-waveform>
      ${e.speech&&e.status===`draft`?m`<p class="small muted">${O(`studio.changed`)}</p>`:_}`}renderReplace(){let e=M(this.editor.segments,this.find,this.matchCase).length,t=L(this.editor.segments);return m`<form class="replace" @submit=${this.replace}>
        <label
          >${O(`studio.find`)}<input
            name="find"
            required
            autocomplete="off"
            .value=${this.find}
            @input=${e=>this.find=e.target.value}
        /></label>
        <label>${O(`studio.replace_with`)}<input name="replacement" autocomplete="off" /></label>
        <label class="check"
          ><input
            type="checkbox"
            .checked=${this.matchCase}
            @change=${e=>this.matchCase=e.target.checked}
          />${O(`studio.match_case`)}</label
        >
        <button class="primary" ?disabled=${this.locked||!e}>${O(`studio.replace_all`,{count:e})}</button>
      </form>
      ${t.length&&!this.job?.speech?m`<div class="replace">
            ${t.map(e=>m`<label
                  >${O(`studio.rename`,{name:e})}<input
                    .value=${e}
                    ?disabled=${this.locked}
                    @change=${t=>this.rename(e,t.target.value.trim())}
                /></label>`)}
          </div>`:_}`}rename(e,t){this.run(this.editor.edit(n=>I(n,e,t)))}renderSegments(e){let{segments:t}=this.editor,n=Math.max(1,Math.ceil(t.length/X)),r=Math.min(this.page,n-1),i=R(t,this.position),a=t.slice(r*X,(r+1)*X);return t.length?m`<section
        class="card list-card"
        aria-label=${O(`studio.lines`)}
        @edit=${this.onEdit}
        @listen=${this.listen}
        @hear=${e=>this.waveform?.play(e.detail.start,e.detail.end)}
      >
        ${se(a,e=>e.key,t=>this.renderRow(e,t,t.index===i))}
      </section>
      ${n>1?m`<div class="row" role="navigation" aria-label=${O(`studio.lines`)}>
            <button ?disabled=${!r} @click=${()=>this.page=r-1}>${O(`studio.previous`)}</button>
            <span class="small muted number"
              >${O(`studio.page`,{first:r*X+1,last:r*X+a.length,count:t.length})}</span
            >
            <button ?disabled=${r===n-1} @click=${()=>this.page=r+1}>${O(`studio.next`)}</button>
          </div>`:_}`:m`<p class="empty">${O(`studio.no_segments`)}</p>`}renderRow(e,t,n){let r=t.index===this.editor.segments.length-1;return e.speech?m`<wc-speech-row
          .server=${this.server}
          .segment=${t}
          .voices=${this.voices}
          ?timed=${/^(srt|vtt|ass)$/.test(e.speech.input)}
          ?current=${n}
          ?last=${r}
          ?locked=${this.locked}
        ></wc-speech-row>`:m`<wc-transcript-row
          .server=${this.server}
          .segment=${t}
          .speakers=${L(this.editor.segments)}
          .position=${n?this.position:-1}
          ?current=${n}
          ?last=${r}
          ?locked=${this.locked}
        ></wc-transcript-row>`}};h([p({attribute:!1})],Q.prototype,`server`,void 0),h([p({attribute:`project-id`})],Q.prototype,`projectId`,void 0),h([p({attribute:!1})],Q.prototype,`voices`,void 0),h([E(`wc-waveform`)],Q.prototype,`waveform`,void 0),h([f()],Q.prototype,`editor`,void 0),h([f()],Q.prototype,`error`,void 0),h([f()],Q.prototype,`peaks`,void 0),h([f()],Q.prototype,`duration`,void 0),h([f()],Q.prototype,`page`,void 0),h([f()],Q.prototype,`position`,void 0),h([f()],Q.prototype,`replacing`,void 0),h([f()],Q.prototype,`find`,void 0),h([f()],Q.prototype,`matchCase`,void 0),Q=h([b(`wc-project`)],Q);function be(e,t,n,r){return new Promise((i,a)=>{let o=new XMLHttpRequest;o.open(`POST`,e.url(t)),o.responseType=`json`,o.upload.onprogress=e=>r(e.total?e.loaded/e.total:0),o.onerror=()=>a(new g(``,0,`UNREACHABLE`)),o.onload=()=>{let e=o.response;o.status<300?i(e):a(new g(e?.error??o.statusText,o.status,e?.code??``,e?.detail??``))},o.send(n)})}var xe=250,$=class extends x{constructor(...e){super(...e),this.project=``,this.voices=[],this.voice=``,this.error=``,this.over=!1,this.timer=0,this.controller=new d(this,e=>{/^(stream_opened|job_)/.test(String(e.type))&&this.readSoon()}),this.onHashChange=()=>{this.project=location.hash.split(`/`)[2]??``,this.read()}}static{this.styles=[y,S`
      .new {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(340px, 100%), 1fr));
        gap: 16px;
      }
      .drop {
        display: grid;
        place-items: center;
        align-content: center;
        gap: 10px;
        min-height: 200px;
        padding: 20px;
        border: 2px dashed var(--wc-line);
        border-radius: 14px;
        background: var(--wc-card);
        text-align: center;
      }
      .drop.over {
        border-color: var(--wc-accent);
        background: var(--wc-soft);
      }
      .drop wc-icon {
        width: 34px;
        height: 34px;
        color: var(--wc-muted);
      }
      .drop progress {
        width: 100%;
      }
      form {
        display: grid;
        gap: 12px;
      }
      textarea {
        width: 100%;
        min-height: 108px;
      }
      label {
        display: grid;
        gap: 4px;
        font-size: 13px;
        color: var(--wc-muted);
      }
      .list {
        padding: 4px 20px;
      }
      .list a {
        display: grid;
        grid-template-columns: 24px minmax(0, 1fr) auto;
        align-items: center;
        gap: 14px;
        color: inherit;
        text-decoration: none;
      }
      .list wc-icon {
        color: var(--wc-muted);
      }
    `]}connectedCallback(){super.connectedCallback(),window.addEventListener(`hashchange`,this.onHashChange),this.onHashChange(),this.readVoices()}disconnectedCallback(){super.disconnectedCallback(),window.removeEventListener(`hashchange`,this.onHashChange),window.clearTimeout(this.timer)}readSoon(){window.clearTimeout(this.timer),this.timer=window.setTimeout(()=>void this.read(),xe)}async read(){if(!this.project)try{let e=await this.server.connection.request(`GET`,`/jobs?kept=true&limit=200`);this.jobs=e.jobs,this.error=``}catch(e){this.error=v(e)}}async readVoices(){try{let e=await this.server.connection.request(`GET`,`/voices`);this.voices=e.voices.filter(e=>e.installed).map(e=>e.name),this.voice=e.default}catch(e){this.error=v(e)}}async submitText(e){e.preventDefault();let t=new FormData(e.target),n=await this.run(this.server.connection.request(`POST`,`/jobs/speech`,{text:t.get(`text`),voice:this.voice,format:`flac`,draft:!0}));n&&(location.hash=`#/studio/${n.job_id}`)}async submitFile(e){if(!e)return;let t=B(e),n=new FormData;t?(n.append(`voice`,this.voice),n.append(`format`,`flac`),n.append(`draft`,`true`)):n.append(`keep`,`true`),n.append(t?`text`:`audio`,e,e.name),this.sent=0;let r=await this.run(be(this.server.connection,t?`/jobs/speech`:`/jobs?wait=true`,n,e=>this.sent=e));this.sent=void 0,r&&(location.hash=`#/studio/${r.job_id}`)}onDrop(e){e.preventDefault(),this.over=!1,this.submitFile(e.dataTransfer?.files[0])}render(){return this.project?le(this.project,m`<wc-project
          .server=${this.server}
          project-id=${this.project}
          .voices=${this.voices}
          @closed=${()=>location.hash=`#/studio`}
        ></wc-project>`):m`<div class="stack">
      ${this.error?m`<p class="note error">${this.error}</p>`:_}
      <div class="new">${this.renderDrop()} ${this.renderForm()}</div>
      <section class="card list" aria-label=${O(`studio.projects`)}>
        <ul class="list">
          ${(this.jobs??[]).map(e=>this.renderJob(e))}
        </ul>
        ${this.jobs?.length===0?m`<p class="empty">${O(`studio.none`)}</p>`:_}
      </section>
    </div>`}renderDrop(){return m`<div
      class="drop ${this.over?`over`:``}"
      @dragover=${e=>{e.preventDefault(),this.over=!0}}
      @dragleave=${()=>this.over=!1}
      @drop=${this.onDrop}
    >
      <wc-icon .path=${re}></wc-icon>
      <p>${O(`studio.drop`)}</p>
      <p class="small muted">${O(`studio.drop_help`)}</p>
      ${this.sent===void 0?m`<button @click=${()=>this.fileInput.click()}>${O(`studio.choose_file`)}</button>`:m`<progress max="1" .value=${this.sent} aria-label=${O(`studio.uploading`)}></progress>`}
      <input
        type="file"
        hidden
        aria-label=${O(`studio.choose_file`)}
        @change=${e=>{let t=e.target;this.submitFile(t.files?.[0]).then(()=>t.value=``)}}
      />
    </div>`}renderForm(){return m`<form class="card" @submit=${this.submitText}>
      <label>${O(`studio.text`)}<textarea name="text" required></textarea></label>
      <div class="row">
        <label class="grow"
          >${O(`studio.voice`)}
          <select @change=${e=>this.voice=e.target.value}>
            ${this.voices.map(e=>m`<option value=${e} ?selected=${e===this.voice}>${e}</option>`)}
          </select>
        </label>
        <button class="primary">${O(`studio.create`)}</button>
      </div>
    </form>`}renderJob(e){return m`<li>
      <a href="#/studio/${e.id}">
        <wc-icon .path=${e.speech?te:ee}></wc-icon>
        <span>
          ${e.filename??O(e.speech?`studio.untitled`:`studio.recording`)}<br />
          <span class="small muted number"
            >${[oe(e.created_at),e.duration_secs?D(e.duration_secs):``].filter(Boolean).join(` · `)}</span
          >
        </span>
        <span class="chip ${e.status===`failed`?`error`:k(e.status)?`accent`:``}"
          >${O(`studio.status.${e.status}`)}${k(e.status)?` ${e.progress} %`:``}</span
        >
      </a>
    </li>`}};h([p({attribute:!1})],$.prototype,`server`,void 0),h([E(`input[type=file]`)],$.prototype,`fileInput`,void 0),h([f()],$.prototype,`project`,void 0),h([f()],$.prototype,`jobs`,void 0),h([f()],$.prototype,`voices`,void 0),h([f()],$.prototype,`voice`,void 0),h([f()],$.prototype,`error`,void 0),h([f()],$.prototype,`sent`,void 0),h([f()],$.prototype,`over`,void 0),$=h([b(`wc-studio-tab`)],$);export{$ as WcStudioTab};
import{H as e,M as t,_ as n,a as r,d as i,f as a,h as o,i as s,p as c,r as l,s as u,t as d,u as f}from"./icon-BUqT9TPX.js";import{s as p}from"./format-BXC8lA4C.js";import{a as m}from"./localize-BmATeS3W.js";var h=16e3,g=.08,_=class e{constructor(e,t){this.context=e,this.stream=t}static async open(t){let n=await navigator.mediaDevices.getUserMedia({audio:{channelCount:1,echoCancellation:!0,noiseSuppression:!0,autoGainControl:!0}}),r=new AudioContext({sampleRate:h});await r.audioWorklet.addModule(new URL(new URL(`recorder-worklet-BAcBLM0S.js`,import.meta.url).href,``+import.meta.url));let i=new AudioWorkletNode(r,`recorder`,{numberOfOutputs:0});return i.port.onmessage=({data:e})=>t(e),r.createMediaStreamSource(n).connect(i),await r.resume(),new e(r,n)}close(){for(let e of this.stream.getTracks())e.stop();this.context.close()}},v=class{constructor(e){this.onSilent=e,this.sources=new Set,this.next=0,this.ended=!1}get playing(){return this.sources.size>0}play(e,t){let n=new Int16Array(e);if(!n.length)return;this.context??=new AudioContext;let r=this.context.createBuffer(1,n.length,t);r.copyToChannel(Float32Array.from(n,e=>e/32768),0);let i=this.context.createBufferSource();i.buffer=r,i.connect(this.context.destination),this.next=Math.max(this.next,this.context.currentTime+g),i.start(this.next),this.next+=r.duration,this.sources.add(i),i.onended=()=>{this.sources.delete(i),this.checkSilence()}}end(){this.ended=!0,this.checkSilence()}stop(){for(let e of this.sources)e.onended=null,e.stop();this.sources.clear(),this.next=0,this.ended=!1}checkSilence(){this.ended&&!this.sources.size&&(this.ended=!1,this.next=0,this.onSilent())}},y=class{constructor(e,t,n,r){this.waiting=[],this.socket=e.socket(`/ws/wyoming?service=${t}`),this.socket.binaryType=`arraybuffer`,this.socket.onopen=()=>{for(let e of this.waiting.splice(0))this.socket.send(e)},this.socket.onmessage=({data:e})=>{if(typeof e!=`string`){let t=this.pending;this.pending=void 0,t&&n({...t,payload:e});return}let{type:t,data:r,payload_length:i}=JSON.parse(e),a={type:t,data:r??{},payload:void 0};i?this.pending=a:n(a)},this.socket.onclose=({reason:e})=>r(e)}send(e,t={},n){let r=n?{type:e,data:t,payload_length:n.byteLength}:{type:e,data:t};this.post(JSON.stringify(r)),n&&this.post(n)}close(){this.socket.onclose=null,this.socket.onmessage=null,this.socket.close()}post(e){this.socket.readyState===WebSocket.CONNECTING?this.waiting.push(e):this.socket.readyState===WebSocket.OPEN&&this.socket.send(e)}},b=class{constructor(e,t,n){this.connection=e,this.settings=t,this.onChange=n,this.phase=`off`,this.turns=[],this.handsFree=!1,this.turnEnded=0,this.loudspeaker=new v(()=>this.onSilent())}async start(e){this.handsFree=e,this.interrupt(),this.microphone??=await _.open(e=>{this.ears?.send(`audio-chunk`,{rate:h,width:2,channels:1},e)}),this.listen()}release(){this.ears&&(this.turnEnded=performance.now(),this.ears.send(`audio-stop`),this.setPhase(`thinking`),this.closeMicrophone())}stop(){this.handsFree=!1,this.closeEars(),this.closeMicrophone(),this.interrupt(),this.setPhase(`off`)}listen(){this.closeEars();let{model:e}=this.settings(),t=new y(this.connection,`asr`,e=>void this.onEars(e),e=>{this.ears===t&&e&&this.fail(e)});this.ears=t,t.send(`transcribe`,{...e?{name:e}:{},context:{partials:!0}}),t.send(`audio-start`,{rate:h,width:2,channels:1}),this.phase!==`speaking`&&this.setPhase(`listening`)}async onEars({type:e,data:t}){let n=typeof t.text==`string`?t.text:``;switch(e){case`voice-started`:(this.phase===`speaking`||this.phase===`thinking`)&&this.interrupt(),this.turns=[...this.turns,{heard:``,complete:!1,answer:``}],this.setPhase(`hearing`);break;case`voice-stopped`:this.turnEnded=performance.now(),this.setPhase(`thinking`);break;case`transcript-chunk`:this.change({heard:this.turn().heard+n});break;case`transcript`:this.closeEars(),await this.onTranscript(n.trim());break;case`error`:this.fail(n)}}async onTranscript(e){if(!e)this.turns=this.turns.filter(e=>e.complete),this.phase===`speaking`&&this.handsFree?this.listen():this.afterTurn();else{(!this.turns.length||this.turn().complete)&&(this.turns=[...this.turns,{heard:``,complete:!1,answer:``}]),this.change({heard:e,complete:!0,textSeconds:this.sinceTurn()});try{let t=await this.settings().answer(e);this.change({answer:t}),this.speak(t)}catch(e){this.fail(e instanceof Error?e.message:String(e))}}}speak(e){let t=new y(this.connection,`tts`,({type:e,data:n,payload:r})=>{this.voice===t&&(e===`audio-chunk`&&r?(this.turn().soundSeconds===void 0&&this.change({soundSeconds:this.sinceTurn()}),this.loudspeaker.play(r,Number(n.rate))):e===`audio-stop`?(this.closeVoice(),this.loudspeaker.end()):e===`error`&&this.fail(String(n.text)))},e=>{this.voice===t&&e&&this.fail(e)});this.voice=t;let{voice:n}=this.settings();t.send(`synthesize`,{text:e,...n?{voice:{name:n}}:{}}),this.setPhase(`speaking`),this.handsFree&&this.listen()}onSilent(){this.phase===`speaking`&&this.afterTurn()}afterTurn(){this.handsFree?(this.ears||this.listen(),this.setPhase(`listening`)):this.setPhase(`off`)}interrupt(){let e=this.voice!==void 0||this.loudspeaker.playing;this.closeVoice(),this.loudspeaker.stop(),e&&this.turns.length&&this.change({interrupted:!0})}fail(e){this.closeEars(),this.closeVoice(),this.loudspeaker.stop(),!this.turns.length||this.turn().complete?this.turns=[...this.turns,{heard:``,complete:!0,answer:``,error:e}]:this.change({error:e,complete:!0}),this.handsFree=!1,this.closeMicrophone(),this.setPhase(`off`)}turn(){return this.turns.at(-1)??{heard:``,complete:!1,answer:``}}change(e){this.turns=[...this.turns.slice(0,-1),{...this.turn(),...e}],this.onChange()}sinceTurn(){return(performance.now()-this.turnEnded)/1e3}setPhase(e){this.phase=e,this.onChange()}closeEars(){this.ears?.close(),this.ears=void 0}closeVoice(){this.voice?.close(),this.voice=void 0}closeMicrophone(){this.handsFree||(this.microphone?.close(),this.microphone=void 0)}},x=class extends d{constructor(...e){super(...e),this.voice=``,this.model=``,this.controller=new u(this)}static{this.styles=[r,n`
      .stage {
        display: grid;
        justify-items: center;
        gap: 14px;
        padding: 36px 20px 28px;
      }
      .talk {
        width: 112px;
        height: 112px;
        border: 0;
        border-radius: 50%;
        background: var(--wc-accent);
        color: var(--wc-on-accent);
        touch-action: none;
        user-select: none;
        transition: box-shadow 0.2s;
      }
      .talk:hover:not(:disabled) {
        background: var(--wc-accent);
        filter: brightness(1.07);
      }
      .talk wc-icon {
        width: 44px;
        height: 44px;
      }
      .talk.listening {
        box-shadow: 0 0 0 10px var(--wc-soft);
      }
      .talk.hearing {
        box-shadow:
          0 0 0 10px var(--wc-soft),
          0 0 0 22px color-mix(in srgb, var(--wc-soft) 55%, transparent);
      }
      .phase {
        min-height: 1.5em;
        font-weight: 500;
      }
      .options {
        justify-content: center;
      }
      .options label {
        display: grid;
        gap: 4px;
        font-size: 13px;
        color: var(--wc-muted);
      }
      ol {
        display: grid;
        gap: 18px;
      }
      .turn {
        display: grid;
        gap: 8px;
      }
      .said,
      .answer {
        max-width: min(640px, 88%);
        padding: 10px 16px;
        border-radius: 16px;
        overflow-wrap: anywhere;
      }
      .said {
        justify-self: end;
        background: var(--wc-soft);
        border-bottom-right-radius: 4px;
      }
      .said.growing {
        color: var(--wc-muted);
      }
      .answer {
        justify-self: start;
        background: var(--wc-raised);
        border-bottom-left-radius: 4px;
      }
    `]}connectedCallback(){super.connectedCallback(),this.conversation=new b(this.server.connection,()=>({voice:this.voice,model:this.model,answer:e=>Promise.resolve(e)}),()=>this.requestUpdate())}disconnectedCallback(){super.disconnectedCallback(),this.conversation?.stop()}async start(e){if(!(`mediaDevices`in navigator))l(m(`talk.needs_https`),`error`);else try{await this.conversation?.start(e)}catch(e){this.conversation?.stop();let t=e instanceof DOMException&&e.name===`NotAllowedError`;l(m(t?`talk.refused`:`talk.no_microphone`),`error`)}}onPress(e){e.currentTarget.setPointerCapture(e.pointerId),this.start(!1)}onKey(e){e.key!==` `||e.repeat||(e.preventDefault(),e.type===`keydown`?this.start(!1):this.conversation?.release())}render(){let n=this.conversation,r=this.server.snapshot;if(!n||!r)return c;let{phase:i,handsFree:a,turns:s}=n,l=r.models.filter(e=>e.kind===`asr`&&e.installed),u=r.models.flatMap(e=>e.kind===`tts`&&e.installed?e.offers.map(e=>e.name):[]);return o`<div class="stack">
      <section class="card stage">
        <button
          class="talk ${i}"
          aria-label=${m(a?`talk.stop`:`talk.hold`)}
          @pointerdown=${a?c:this.onPress}
          @pointerup=${()=>a?void 0:n.release()}
          @pointercancel=${()=>a?void 0:n.release()}
          @keydown=${a?c:this.onKey}
          @keyup=${a?c:this.onKey}
          @click=${()=>a?n.stop():void 0}
        >
          <wc-icon .path=${a?e:t}></wc-icon>
        </button>
        <p class="phase" role="status">${m(`talk.${i}`)}</p>
        <button aria-pressed=${a?`true`:`false`} @click=${()=>a?n.stop():this.start(!0)}>
          ${m(a?`talk.stop`:`talk.hands_free`)}
        </button>
        <div class="row options">
          <label>
            ${m(`kind.asr`)}
            <select @change=${e=>this.model=e.target.value}>
              <option value="">${m(`voices.default`)}</option>
              ${l.map(e=>o`<option value=${e.id}>${e.id}</option>`)}
            </select>
          </label>
          <label>
            ${m(`kind.tts`)}
            <select @change=${e=>this.voice=e.target.value}>
              <option value="">${m(`voices.default`)}</option>
              ${u.map(e=>o`<option value=${e}>${e}</option>`)}
            </select>
          </label>
        </div>
        <p class="small muted">${m(`talk.echo_help`)}</p>
      </section>
      ${s.length?o`<section class="card" aria-label=${m(`talk.transcript`)}>
            <ol aria-live="polite">
              ${s.map(e=>this.renderTurn(e))}
            </ol>
          </section>`:c}
    </div>`}renderTurn(e){let t=[e.textSeconds===void 0?``:m(`talk.text_after`,{time:p(e.textSeconds)}),e.soundSeconds===void 0?``:m(`talk.sound_after`,{time:p(e.soundSeconds)}),e.interrupted?m(`talk.interrupted`):``].filter(Boolean);return o`<li class="turn">
      ${e.heard?o`<p class="said ${e.complete?``:`growing`}">${e.heard}</p>`:c}
      ${e.answer?o`<p class="answer">${e.answer}</p>`:c}
      ${e.error?o`<p class="note error" role="alert">${e.error}</p>`:c}
      ${t.length?o`<p class="small muted">${t.join(` · `)}</p>`:c}
    </li>`}};s([i({attribute:!1})],x.prototype,`server`,void 0),s([f()],x.prototype,`voice`,void 0),s([f()],x.prototype,`model`,void 0),x=s([a(`wc-talk-tab`)],x);export{x as WcTalkTab};
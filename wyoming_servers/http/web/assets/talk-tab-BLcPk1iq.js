import{F as e,G as t,c as n,d as r,f as i,g as a,i as o,m as s,o as c,p as l,r as u,t as d,v as f}from"./icon-CgDB_Qno.js";import{s as p}from"./format-BTQftpua.js";import{a as m}from"./localize-C6ttZHhD.js";var h=16e3,g=.08,_=class e{constructor(e,t){this.context=e,this.stream=t}static async open(t){let n=await navigator.mediaDevices.getUserMedia({audio:{channelCount:1,echoCancellation:!0,noiseSuppression:!0,autoGainControl:!0}}),r=new AudioContext({sampleRate:h});await r.audioWorklet.addModule(new URL(new URL(`recorder-worklet-BAcBLM0S.js`,import.meta.url).href,``+import.meta.url));let i=new AudioWorkletNode(r,`recorder`,{numberOfOutputs:0});return i.port.onmessage=({data:e})=>t(e),r.createMediaStreamSource(n).connect(i),await r.resume(),new e(r,n)}close(){for(let e of this.stream.getTracks())e.stop();this.context.close()}},v=class{constructor(e){this.onSilent=e,this.sources=new Set,this.next=0,this.queued=0,this.ended=!1}get playing(){return this.sources.size>0}get position(){let e=Math.max(0,this.next-(this.context?.currentTime??0));return Math.max(0,this.queued-e)}play(e,t){let n=new Int16Array(e);if(!n.length)return;this.context??=new AudioContext;let r=this.context.createBuffer(1,n.length,t);r.copyToChannel(Float32Array.from(n,e=>e/32768),0);let i=this.context.createBufferSource();i.buffer=r,i.connect(this.context.destination),this.next=Math.max(this.next,this.context.currentTime+g),i.start(this.next),this.next+=r.duration,this.queued+=r.duration,this.sources.add(i),i.onended=()=>{this.sources.delete(i),this.checkSilence()}}end(){this.ended=!0,this.checkSilence()}stop(){for(let e of this.sources)e.onended=null,e.stop();this.sources.clear(),this.next=0,this.queued=0,this.ended=!1}checkSilence(){this.ended&&!this.sources.size&&(this.ended=!1,this.next=0,this.queued=0,this.onSilent())}},y=class{constructor(e,t,n,r){this.waiting=[];let i=t?`?model=${encodeURIComponent(t)}`:``;this.socket=e.socket(`/v1/realtime${i}`),this.socket.onopen=()=>{for(let e of this.waiting.splice(0))this.socket.send(e)},this.socket.onmessage=({data:e})=>n(JSON.parse(e)),this.socket.onclose=({reason:e})=>r(e)}send(e,t={}){let n=JSON.stringify({type:e,...t});this.socket.readyState===WebSocket.CONNECTING?this.waiting.push(n):this.socket.readyState===WebSocket.OPEN&&this.socket.send(n)}close(){this.socket.onclose=null,this.socket.onmessage=null,this.socket.close()}};function b(e){return btoa(String.fromCharCode(...new Uint8Array(e)))}function x(e){return Uint8Array.from(atob(e),e=>e.charCodeAt(0)).buffer}var S=24e3,C=class{constructor(e,t,n){this.connection=e,this.settings=t,this.onChange=n,this.phase=`off`,this.turns=[],this.handsFree=!1,this.agent=``,this.recording=!1,this.turnEnded=0,this.spoken=``,this.answering=!1,this.loudspeaker=new v(()=>this.onSilent())}async start(e){this.handsFree=e,this.interrupt(),this.connect(),this.recording=!0,this.microphone??=await _.open(e=>{this.recording&&this.socket?.send(`input_audio_buffer.append`,{audio:b(e)})}),this.isRecording()?this.setPhase(`listening`):this.closeMicrophone()}release(){this.recording&&!this.handsFree&&(this.recording=!1,this.turnEnded=performance.now(),this.turns=[...this.turns,{id:``,heard:``,complete:!1,answer:``}],this.socket?.send(`input_audio_buffer.commit`),this.socket?.send(`response.create`),this.setPhase(`thinking`),this.closeMicrophone())}stop(){this.handsFree=!1,this.recording=!1,this.interrupt(),this.closeMicrophone(),this.socket?.close(),this.socket=void 0,this.turns=this.turns.filter(e=>e.complete),this.setPhase(`off`)}isRecording(){return this.recording}connect(){let{voice:e,model:t,agent:n}=this.settings();if(this.socket&&n!==this.agent&&(this.socket.close(),this.socket=void 0),!this.socket){this.agent=n;let e=new y(this.connection,n,e=>this.onEvent(e),t=>{this.socket===e&&(this.socket=void 0,this.phase!==`off`&&this.fail(t))});this.socket=e}this.socket.send(`session.update`,{session:{type:`realtime`,audio:{input:{format:{type:`audio/pcm`,rate:h},transcription:{model:t||null},turn_detection:this.handsFree?{type:`semantic_vad`}:null},output:{format:{type:`audio/pcm`,rate:S},voice:e||`alloy`}}}})}onEvent(e){let t=t=>typeof e[t]==`string`?e[t]:``;switch(e.type){case`input_audio_buffer.speech_started`:this.interrupt(),this.turns=[...this.turns,{id:t(`item_id`),heard:``,complete:!1,answer:``}],this.setPhase(`hearing`);break;case`input_audio_buffer.speech_stopped`:this.turnEnded=performance.now(),this.setPhase(`thinking`);break;case`input_audio_buffer.committed`:this.handsFree||this.change(``,{id:t(`item_id`)});break;case`conversation.item.input_audio_transcription.delta`:{let e=t(`item_id`);this.change(e,{heard:(this.find(e)?.heard??``)+t(`delta`)});break}case`conversation.item.input_audio_transcription.completed`:this.onTranscript(t(`item_id`),t(`transcript`).trim());break;case`conversation.item.input_audio_transcription.failed`:this.fail(w(e.error));break;case`response.created`:this.answering=!0;break;case`response.output_audio_transcript.delta`:this.changeLast({answer:(this.turns.at(-1)?.answer??``)+t(`delta`)});break;case`response.output_audio.delta`:this.play(t(`item_id`),x(t(`delta`)));break;case`response.done`:this.onAnswered(e.response);break;case`error`:this.onError(e.error)}}onTranscript(e,t){t?this.change(e,{heard:t,complete:!0,textSeconds:this.sinceTurn()}):(this.turns=this.turns.filter(t=>t.id!==e),this.handsFree?this.setPhase(`listening`):this.setPhase(`off`))}play(e,t){this.answering&&(this.spoken=e,this.turns.at(-1)?.soundSeconds===void 0&&this.changeLast({soundSeconds:this.sinceTurn()}),this.loudspeaker.play(t,S),this.phase!==`speaking`&&this.setPhase(`speaking`))}onAnswered(e){let t=!this.answering;if(this.answering=!1,e.status===`failed`)this.fail(w(e.status_details?.error));else if(t||e.status===`cancelled`)return;else this.loudspeaker.playing?this.loudspeaker.end():this.onSilent()}onError(e){e.code!==`NOT_FOUND`&&this.fail(w(e))}onSilent(){this.spoken=``,(this.phase===`speaking`||this.phase===`thinking`)&&this.setPhase(this.handsFree?`listening`:`off`)}interrupt(){let e=this.answering||this.loudspeaker.playing;if(this.spoken){let e=Math.round(1e3*this.loudspeaker.position);this.socket?.send(`conversation.item.truncate`,{item_id:this.spoken,content_index:0,audio_end_ms:e})}this.answering&&!this.handsFree&&this.socket?.send(`response.cancel`),this.answering=!1,this.spoken=``,this.loudspeaker.stop(),e&&this.turns.length&&this.changeLast({interrupted:!0})}fail(e){this.loudspeaker.stop(),this.answering=!1,this.recording=!1,this.spoken=``;let t=this.turns.at(-1);!t||t.complete&&t.answer?this.turns=[...this.turns,{id:``,heard:``,complete:!0,answer:``,error:e}]:this.changeLast({error:e,complete:!0}),this.handsFree=!1,this.closeMicrophone(),this.socket?.close(),this.socket=void 0,this.setPhase(`off`)}find(e){return this.turns.find(t=>t.id===e)}change(e,t){this.turns=this.turns.map(n=>n.id===e?{...n,...t}:n),this.onChange()}changeLast(e){this.turns=this.turns.map((t,n)=>n===this.turns.length-1?{...t,...e}:t),this.onChange()}sinceTurn(){return(performance.now()-this.turnEnded)/1e3}setPhase(e){this.phase=e,this.onChange()}closeMicrophone(){this.handsFree||(this.microphone?.close(),this.microphone=void 0)}};function w(e){return typeof e==`object`&&e&&`message`in e?String(e.message):``}var T=[`echo`,`openai`,`home_assistant`],E=class extends d{constructor(...e){super(...e),this.voice=``,this.model=``,this.agent=``,this.controller=new n(this)}static{this.styles=[c,f`
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
    `]}connectedCallback(){super.connectedCallback(),this.conversation=new C(this.server.connection,()=>({voice:this.voice,model:this.model,agent:this.agent}),()=>this.requestUpdate())}disconnectedCallback(){super.disconnectedCallback(),this.conversation?.stop()}async start(e){if(!(`mediaDevices`in navigator))u(m(`talk.needs_https`),`error`);else try{await this.conversation?.start(e)}catch(e){this.conversation?.stop();let t=e instanceof DOMException&&e.name===`NotAllowedError`;u(m(t?`talk.refused`:`talk.no_microphone`),`error`)}}onPress(e){e.currentTarget.setPointerCapture(e.pointerId),this.start(!1)}onKey(e){e.key!==` `||e.repeat||(e.preventDefault(),e.type===`keydown`?this.start(!1):this.conversation?.release())}render(){let n=this.conversation,r=this.server.snapshot;if(!n||!r)return s;let{phase:i,handsFree:o,turns:c}=n,l=r.models.filter(e=>e.kind===`asr`&&e.installed),u=r.models.flatMap(e=>e.kind===`tts`&&e.installed?e.offers.map(e=>e.name):[]);return a`<div class="stack">
      <section class="card stage">
        <button
          class="talk ${i}"
          aria-label=${m(o?`talk.stop`:`talk.hold`)}
          @pointerdown=${o?s:this.onPress}
          @pointerup=${()=>o?void 0:n.release()}
          @pointercancel=${()=>o?void 0:n.release()}
          @keydown=${o?s:this.onKey}
          @keyup=${o?s:this.onKey}
          @click=${()=>o?n.stop():void 0}
        >
          <wc-icon .path=${o?t:e}></wc-icon>
        </button>
        <p class="phase" role="status">${m(`talk.${i}`)}</p>
        <button aria-pressed=${o?`true`:`false`} @click=${()=>o?n.stop():this.start(!0)}>
          ${m(o?`talk.stop`:`talk.hands_free`)}
        </button>
        <div class="row options">
          <label>
            ${m(`talk.agent`)}
            <select @change=${e=>this.agent=e.target.value}>
              <option value="">${m(`talk.agent_default`)}</option>
              ${T.map(e=>a`<option value=${e}>${m(`talk.agent_${e}`)}</option>`)}
            </select>
          </label>
          <label>
            ${m(`kind.asr`)}
            <select @change=${e=>this.model=e.target.value}>
              <option value="">${m(`voices.default`)}</option>
              ${l.map(e=>a`<option value=${e.id}>${e.id}</option>`)}
            </select>
          </label>
          <label>
            ${m(`kind.tts`)}
            <select @change=${e=>this.voice=e.target.value}>
              <option value="">${m(`voices.default`)}</option>
              ${u.map(e=>a`<option value=${e}>${e}</option>`)}
            </select>
          </label>
        </div>
        <p class="small muted">${m(`talk.agent_help`)}</p>
      </section>
      ${c.length?a`<section class="card" aria-label=${m(`talk.transcript`)}>
            <ol aria-live="polite">
              ${c.map(e=>this.renderTurn(e))}
            </ol>
          </section>`:s}
    </div>`}renderTurn(e){let t=[e.textSeconds===void 0?``:m(`talk.text_after`,{time:p(e.textSeconds)}),e.soundSeconds===void 0?``:m(`talk.sound_after`,{time:p(e.soundSeconds)}),e.interrupted?m(`talk.interrupted`):``].filter(Boolean);return a`<li class="turn">
      ${e.heard?a`<p class="said ${e.complete?``:`growing`}">${e.heard}</p>`:s}
      ${e.answer?a`<p class="answer">${e.answer}</p>`:s}
      ${e.error?a`<p class="note error" role="alert">${e.error}</p>`:s}
      ${t.length?a`<p class="small muted">${t.join(` · `)}</p>`:s}
    </li>`}};o([i({attribute:!1})],E.prototype,`server`,void 0),o([r()],E.prototype,`voice`,void 0),o([r()],E.prototype,`model`,void 0),o([r()],E.prototype,`agent`,void 0),E=o([l(`wc-talk-tab`)],E);export{E as WcTalkTab};
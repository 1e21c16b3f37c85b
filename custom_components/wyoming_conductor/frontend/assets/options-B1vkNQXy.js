import{_ as e,g as t,h as n,i as r,r as i,s as a,t as o,w as s,x as c,y as l}from"./element-CzkuUGwN.js";import{r as u}from"./hass-BuTajfvc.js";import{t as d}from"./strings-5y_UnJkn.js";var f=`config/config_entries/options/flow`,p=class extends o{constructor(...e){super(...e),this.entryId=``}static{this.styles=[a,s`
      .fields {
        display: grid;
        gap: 14px;
        margin: 14px 0;
      }
      label {
        display: grid;
        grid-template-columns: 28px minmax(0, 1fr);
      }
    `]}connectedCallback(){super.connectedCallback(),this.start()}async start(){try{await this.hass.loadBackendTranslation(`options`,`wyoming_conductor`),this.step=await this.hass.callApi(`POST`,f,{handler:this.entryId})}catch(e){i(u(e),`error`)}}async save(e){if(e.preventDefault(),!this.step)return;let t=this.renderRoot.querySelectorAll(`input`),n=Object.fromEntries([...t].map(e=>[e.name,e.checked]));try{await this.hass.callApi(`POST`,`${f}/${this.step.flow_id}`,n),i(d(`options.saved`))}catch(e){i(u(e),`error`)}await this.start()}render(){let e=this.step?.data_schema.filter(e=>e.selector&&`boolean`in e.selector)??[];return!this.step||!e.length?l:c`<section class="card">
      <h2>${d(`options`)}</h2>
      <form @submit=${this.save}>
        <div class="fields">
          ${e.map(e=>c`<label>
                <input
                  type="checkbox"
                  name=${e.name}
                  .checked=${!!(e.description?.suggested_value??e.default)}
                />
                <span
                  >${this.text(`data`,e.name)}
                  <span class="small muted"><br />${this.text(`data_description`,e.name)}</span></span
                >
              </label>`)}
        </div>
        <button class="primary">${d(`save`)}</button>
      </form>
    </section>`}text(e,t){let n=this.step?.step_id??`init`;return this.hass.localize(`component.wyoming_conductor.options.step.${n}.${e}.${t}`)}};r([t({attribute:!1})],p.prototype,`hass`,void 0),r([t()],p.prototype,`entryId`,void 0),r([n()],p.prototype,`step`,void 0),p=r([e(`wc-options`)],p);export{p as WcOptions};
// One icon of Material Design.

import { css, html, LitElement, svg } from "lit";
import { customElement, property } from "lit/decorators.js";

@customElement("wc-icon")
export class WcIcon extends LitElement {
  static override styles = css`
    :host {
      display: inline-flex;
      width: 20px;
      height: 20px;
      flex: none;
    }
    svg {
      width: 100%;
      height: 100%;
      fill: currentcolor;
    }
  `;

  @property({ attribute: false }) path = "";

  override render() {
    return html`<svg viewBox="0 0 24 24" aria-hidden="true">${svg`<path d=${this.path}></path>`}</svg>`;
  }
}

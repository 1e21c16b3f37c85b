// Short messages about what an action did; announced by screen readers.

import { LitElement, css, html } from "lit";
import { customElement, state } from "lit/decorators.js";
import { t } from "../core/localize";
import { overlayRoot } from "./overlay";
import { sharedStyles } from "./styles";

export type ToastKind = "info" | "error";

interface Toast {
  id: number;
  text: string;
  kind: ToastKind;
}

const SHOWN_MS = 5_000;
const ERROR_SHOWN_MS = 12_000;

let container: WcToasts | undefined;

/** Show a message. */
export function toast(text: string, kind: ToastKind = "info"): void {
  container ??= new WcToasts();
  if (container.parentNode !== overlayRoot()) overlayRoot().append(container);
  container.add(text, kind);
}

@customElement("wc-toasts")
export class WcToasts extends LitElement {
  static override styles = [
    sharedStyles,
    css`
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
    `,
  ];

  @state() private toasts: Toast[] = [];
  private next = 0;

  add(text: string, kind: ToastKind): void {
    const id = this.next++;
    this.toasts = [...this.toasts.filter((one) => one.text !== text), { id, text, kind }].slice(-3);
    window.setTimeout(() => this.dismiss(id), kind === "error" ? ERROR_SHOWN_MS : SHOWN_MS);
  }

  private dismiss(id: number): void {
    this.toasts = this.toasts.filter((one) => one.id !== id);
  }

  override render() {
    return html`<div role="status" aria-live="polite">
      ${this.toasts.map(
        (one) =>
          html`<p class=${one.kind}>
            <span class="grow">${one.text}</span>
            <button @click=${() => this.dismiss(one.id)} aria-label=${t("action.close")}>✕</button>
          </p>`,
      )}
    </div>`;
  }
}

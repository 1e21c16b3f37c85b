// Dialogs: a question with two answers, or any content.

import { css, html, type TemplateResult } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import { t } from "../core/localize";
import { WcElement } from "./element";
import { overlayRoot } from "./overlay";
import { sharedStyles } from "./styles";

export interface Question {
  title: string;
  text?: string | TemplateResult;
  confirm: string;
  danger?: boolean;
}

/** Ask the user; resolve to whether the answer is yes. */
export function ask(question: Question): Promise<boolean> {
  return new Promise((resolve) => {
    const dialog = new WcDialog();
    dialog.question = question;
    dialog.addEventListener("close", (event) => {
      dialog.remove();
      resolve((event as CustomEvent<boolean>).detail);
    });
    overlayRoot().append(dialog);
  });
}

@customElement("wc-dialog")
export class WcDialog extends WcElement {
  static override styles = [
    sharedStyles,
    css`
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
    `,
  ];

  @property({ attribute: false }) question!: Question;
  @query("dialog") private dialog!: HTMLDialogElement;

  override firstUpdated(): void {
    this.dialog.showModal();
  }

  private close(answer: boolean): void {
    this.dispatchEvent(new CustomEvent("close", { detail: answer }));
  }

  override render() {
    const { title, text, confirm, danger } = this.question;
    return html`<dialog aria-labelledby="title" @cancel=${() => this.close(false)}>
      <h2 id="title">${title}</h2>
      <div class="text">${text}</div>
      <div class="actions">
        <button @click=${() => this.close(false)}>${t("action.cancel")}</button>
        <button class="primary ${danger ? "danger-fill" : ""}" @click=${() => this.close(true)}>
          ${confirm}
        </button>
      </div>
    </dialog>`;
  }
}

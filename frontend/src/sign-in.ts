// Signing in: six digits that the server shows, or a token.

import { css, html } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { ApiError, type Connection } from "./core/api";
import { t } from "./core/localize";
import type { Session } from "./core/types";
import { errorText, WcElement } from "./ui/element";
import { sharedStyles } from "./ui/styles";

const DIGITS = 6;

@customElement("wc-sign-in")
export class WcSignIn extends WcElement {
  static override styles = [
    sharedStyles,
    css`
      :host {
        display: grid;
        place-items: center;
        min-height: 100dvh;
        padding: 24px 16px;
      }
      main {
        width: min(420px, 100%);
        padding: 32px;
      }
      img {
        width: 56px;
        height: 56px;
      }
      h1 {
        margin: 16px 0 4px;
        font-size: 22px;
        font-weight: 600;
        letter-spacing: -0.01em;
      }
      form {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 14px;
        margin-top: 24px;
      }
      label {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 6px;
        font-size: 14px;
        font-weight: 500;
      }
      input {
        width: 100%;
        min-height: 46px;
      }
      input.code {
        font-size: 24px;
        letter-spacing: 0.35em;
        text-align: center;
        font-variant-numeric: tabular-nums;
      }
      button {
        min-height: 44px;
      }
      .error-text {
        font-size: 14px;
      }
      code {
        font-family: var(--wc-mono);
        font-size: 13px;
        overflow-wrap: anywhere;
      }
    `,
  ];

  @property({ attribute: false }) connection!: Connection;
  @state() private mode: "code" | "token" = "code";
  @state() private value = "";
  @state() private asked = false;
  @state() private busy = false;
  @state() private error = "";
  @query("input") private input!: HTMLInputElement;

  override firstUpdated(): void {
    this.input.focus();
  }

  private async askForCode(): Promise<void> {
    this.error = "";
    try {
      await this.connection.request("POST", "/pair/code");
      this.asked = true;
    } catch (error) {
      this.error = errorText(error);
    }
    this.input.focus();
  }

  private async signIn(event?: Event): Promise<void> {
    event?.preventDefault();
    if (this.busy) return;
    this.busy = true;
    this.error = "";
    try {
      const session = await this.connection.request<Session>("POST", "/sessions", {
        [this.mode]: this.value.trim(),
      });
      this.dispatchEvent(new CustomEvent("signed-in", { detail: session }));
    } catch (error) {
      const invalid = error instanceof ApiError && error.status === 400;
      this.error = invalid ? t("signin.six_digits") : errorText(error);
      this.value = this.mode === "code" ? "" : this.value;
    } finally {
      this.busy = false;
    }
    await this.updateComplete;
    this.input.focus();
  }

  private onInput(event: InputEvent): void {
    const text = (event.target as HTMLInputElement).value;
    this.value = this.mode === "code" ? text.replace(/\D/g, "").slice(0, DIGITS) : text;
    if (this.mode === "code") this.input.value = this.value;
    if (this.mode === "code" && this.value.length === DIGITS) void this.signIn();
  }

  private async switchMode(): Promise<void> {
    this.mode = this.mode === "code" ? "token" : "code";
    this.value = this.error = "";
    await this.updateComplete;
    this.input.focus();
  }

  override render() {
    const code = this.mode === "code";
    return html`<main class="card">
      <img src=${new URL("./icon.svg", import.meta.url).href} alt="" />
      <h1>Wyoming Conductor</h1>
      <p class="muted">${code ? t("signin.code_help") : t("signin.token_help")}</p>
      <form @submit=${this.signIn}>
        <label>
          ${code ? t("signin.code") : t("signin.token")}
          <input
            class=${code ? "code" : ""}
            type=${code ? "text" : "password"}
            inputmode=${code ? "numeric" : "text"}
            autocomplete=${code ? "one-time-code" : "current-password"}
            aria-describedby="message"
            aria-invalid=${this.error ? "true" : "false"}
            .value=${this.value}
            @input=${this.onInput}
          />
        </label>
        <p id="message" class=${this.error ? "error-text" : "muted small"} role="alert">
          ${this.error || (code && this.asked ? t("signin.code_shown") : "")}
        </p>
        ${code && !this.asked
          ? html`<button type="button" class="primary" @click=${this.askForCode}>
              ${t("signin.show_code")}
            </button>`
          : html`<button class="primary" ?disabled=${!this.value || this.busy}>
              ${t("signin.submit")}
            </button>`}
        <button type="button" class="quiet" @click=${this.switchMode}>
          ${code ? t("signin.use_token") : t("signin.use_code")}
        </button>
      </form>
    </main>`;
  }
}

// The tab "Talk": speak, see the text as it grows, and hear the answer.

import { mdiMicrophone, mdiStop } from "@mdi/js";
import { css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { formatSeconds } from "../core/format";
import { t } from "../core/localize";
import { ServerController, type Server } from "../core/server";
import { WcElement } from "../ui/element";
import "../ui/icon";
import { sharedStyles } from "../ui/styles";
import { toast } from "../ui/toasts";
import { Conversation, type Turn } from "./conversation";

const AGENTS = ["echo", "openai", "home_assistant"] as const;

@customElement("wc-talk-tab")
export class WcTalkTab extends WcElement {
  static override styles = [
    sharedStyles,
    css`
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
    `,
  ];

  @property({ attribute: false }) server!: Server;
  @state() private voice = "";
  @state() private model = "";
  @state() private agent = "";
  private conversation: Conversation | undefined;
  protected readonly controller = new ServerController(this);

  override connectedCallback(): void {
    super.connectedCallback();
    this.conversation = new Conversation(
      this.server.connection,
      () => ({
        voice: this.voice,
        model: this.model,
        agent: this.agent,
      }),
      () => this.requestUpdate(),
    );
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.conversation?.stop();
  }

  private async start(handsFree: boolean): Promise<void> {
    if (!("mediaDevices" in navigator)) {
      toast(t("talk.needs_https"), "error");
      return;
    }
    try {
      await this.conversation?.start(handsFree);
    } catch (error) {
      this.conversation?.stop();
      const refused = error instanceof DOMException && error.name === "NotAllowedError";
      toast(refused ? t("talk.refused") : t("talk.no_microphone"), "error");
    }
  }

  private onPress(event: PointerEvent): void {
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    void this.start(false);
  }

  private onKey(event: KeyboardEvent): void {
    if (event.key !== " " || event.repeat) return;
    event.preventDefault();
    if (event.type === "keydown") void this.start(false);
    else this.conversation?.release();
  }

  override render() {
    const conversation = this.conversation;
    const snapshot = this.server.snapshot;
    if (!conversation || !snapshot) return nothing;
    const { phase, handsFree, turns } = conversation;
    const asr = snapshot.models.filter((model) => model.kind === "asr" && model.installed);
    const voices = snapshot.models.flatMap((model) =>
      model.kind === "tts" && model.installed ? model.offers.map((offer) => offer.name) : [],
    );
    return html`<div class="stack">
      <section class="card stage">
        <button
          class="talk ${phase}"
          aria-label=${handsFree ? t("talk.stop") : t("talk.hold")}
          @pointerdown=${handsFree ? nothing : this.onPress}
          @pointerup=${() => (handsFree ? undefined : conversation.release())}
          @pointercancel=${() => (handsFree ? undefined : conversation.release())}
          @keydown=${handsFree ? nothing : this.onKey}
          @keyup=${handsFree ? nothing : this.onKey}
          @click=${() => (handsFree ? conversation.stop() : undefined)}
        >
          <wc-icon .path=${handsFree ? mdiStop : mdiMicrophone}></wc-icon>
        </button>
        <p class="phase" role="status">${t(`talk.${phase}`)}</p>
        <button aria-pressed=${handsFree ? "true" : "false"} @click=${() => (handsFree ? conversation.stop() : this.start(true))}>
          ${handsFree ? t("talk.stop") : t("talk.hands_free")}
        </button>
        <div class="row options">
          <label>
            ${t("talk.agent")}
            <select @change=${(event: Event) => (this.agent = (event.target as HTMLSelectElement).value)}>
              <option value="">${t("talk.agent_default")}</option>
              ${AGENTS.map((agent) => html`<option value=${agent}>${t(`talk.agent_${agent}`)}</option>`)}
            </select>
          </label>
          <label>
            ${t("kind.asr")}
            <select @change=${(event: Event) => (this.model = (event.target as HTMLSelectElement).value)}>
              <option value="">${t("voices.default")}</option>
              ${asr.map((model) => html`<option value=${model.id}>${model.id}</option>`)}
            </select>
          </label>
          <label>
            ${t("kind.tts")}
            <select @change=${(event: Event) => (this.voice = (event.target as HTMLSelectElement).value)}>
              <option value="">${t("voices.default")}</option>
              ${voices.map((name) => html`<option value=${name}>${name}</option>`)}
            </select>
          </label>
        </div>
        <p class="small muted">${t("talk.agent_help")}</p>
      </section>
      ${turns.length
        ? html`<section class="card" aria-label=${t("talk.transcript")}>
            <ol aria-live="polite">
              ${turns.map((turn) => this.renderTurn(turn))}
            </ol>
          </section>`
        : nothing}
    </div>`;
  }

  private renderTurn(turn: Turn) {
    const times = [
      turn.textSeconds === undefined ? "" : t("talk.text_after", { time: formatSeconds(turn.textSeconds) }),
      turn.soundSeconds === undefined ? "" : t("talk.sound_after", { time: formatSeconds(turn.soundSeconds) }),
      turn.interrupted ? t("talk.interrupted") : "",
    ].filter(Boolean);
    return html`<li class="turn">
      ${turn.heard ? html`<p class="said ${turn.complete ? "" : "growing"}">${turn.heard}</p>` : nothing}
      ${turn.answer ? html`<p class="answer">${turn.answer}</p>` : nothing}
      ${turn.error ? html`<p class="note error" role="alert">${turn.error}</p>` : nothing}
      ${times.length ? html`<p class="small muted">${times.join(" · ")}</p>` : nothing}
    </li>`;
  }
}

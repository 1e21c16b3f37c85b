// What the rows of both kinds of projects share: the text, and the edits of neighbors.

import { mdiCallMerge, mdiCallSplit, mdiDelete, mdiPlay } from "@mdi/js";
import { css, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { property, query, state } from "lit/decorators.js";
import { t } from "../core/localize";
import type { Server } from "../core/server";
import { WcElement } from "../ui/element";
import "../ui/icon";
import { sharedStyles } from "../ui/styles";
import type { Edit } from "./editor";
import { mergeWithNext, splitAt, type Segment, type SegmentFields } from "./project";

const SAVE_MS = 700;

/** Return a text with single spaces, as the server keeps it. */
function words(text: string): string {
  return text.split(/\s+/).filter(Boolean).join(" ");
}

export const rowStyles = css`
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
`;

/** Fires `edit` with an `Edit`, and `listen` with itself. */
export abstract class SegmentRow extends WcElement {
  static override styles = [sharedStyles, rowStyles];

  @property({ attribute: false }) server!: Server;
  @property({ attribute: false }) segment!: Segment;
  @property({ type: Boolean }) last = false;
  @property({ type: Boolean }) locked = false;
  /** What is being typed; undefined if it is what the server has. */
  @state() protected typed: string | undefined;
  @query("textarea") protected textarea!: HTMLTextAreaElement | null;
  private timer = 0;

  protected override willUpdate(changed: PropertyValues<this>): void {
    // Until the server has it, the text stays as it was typed.
    if (changed.has("segment") && this.typed !== undefined && words(this.typed) === this.segment.text) {
      this.typed = undefined;
    }
  }

  /** Forget what was typed: the server has refused it. */
  discard(): void {
    this.typed = undefined;
  }

  get text(): string {
    return this.typed ?? this.segment.text;
  }

  protected setFields(fields: SegmentFields): void {
    const { index } = this.segment;
    this.edit(() => [{ index, count: 1, segments: [fields] }]);
  }

  protected edit(edit: Edit): void {
    this.dispatchEvent(new CustomEvent<Edit>("edit", { detail: edit, bubbles: true, composed: true }));
  }

  protected onInput(event: Event): void {
    this.typed = (event.target as HTMLTextAreaElement).value;
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.saveText(), SAVE_MS);
  }

  protected saveText(): void {
    window.clearTimeout(this.timer);
    const { typed, segment } = this;
    if (typed === undefined) return;
    if (words(typed) === segment.text) this.typed = undefined;
    else this.setFields({ text: typed });
  }

  protected onBlur(): void {
    this.saveText();
  }

  protected split(): void {
    const { segment, text } = this;
    const change = splitAt(segment, text, this.textarea?.selectionStart ?? 0);
    if (!change) return;
    window.clearTimeout(this.timer);
    this.typed = undefined;
    this.edit(() => [change]);
  }

  protected merge(): void {
    const { index } = this.segment;
    this.saveText();
    this.typed = undefined;
    this.edit((segments) => [mergeWithNext(segments, index)]);
  }

  protected removeSegment(): void {
    const { index } = this.segment;
    this.typed = undefined;
    this.edit(() => [{ index, count: 1, segments: [] }]);
  }

  protected onKey(event: KeyboardEvent): void {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.split();
    }
  }

  protected listen(): void {
    this.saveText();
    this.dispatchEvent(new CustomEvent("listen", { detail: this, bubbles: true, composed: true }));
  }

  protected renderLine(content: TemplateResult) {
    const number = this.segment.index + 1;
    return html`<div class="line">
      <button class="icon quiet" aria-label=${t("studio.listen_line", { number })} @click=${this.listen}>
        <wc-icon .path=${mdiPlay}></wc-icon>
      </button>
      ${content}
      ${this.locked
        ? nothing
        : html`<div class="tools">
            ${this.tool(mdiCallSplit, "studio.split", () => this.split())}
            ${this.tool(mdiCallMerge, "studio.merge", () => this.merge(), this.last)}
            ${this.renderInsert()} ${this.tool(mdiDelete, "studio.delete_line", () => this.removeSegment())}
          </div>`}
    </div>`;
  }

  /** Only lines to speak can be inserted: a transcript has no sound for more. */
  protected renderInsert(): TemplateResult | typeof nothing {
    return nothing;
  }

  protected renderTextarea() {
    return html`<textarea
      rows="1"
      aria-label=${t("studio.line", { number: this.segment.index + 1 })}
      ?readonly=${this.locked}
      .value=${this.text}
      @input=${this.onInput}
      @blur=${this.onBlur}
      @keydown=${this.onKey}
    ></textarea>`;
  }

  protected tool(
    path: string,
    key: "studio.split" | "studio.merge" | "studio.delete_line" | "studio.insert_line",
    action: () => void,
    disabled = false,
  ) {
    const label = t(key, { number: this.segment.index + 1 });
    // The caret stays in the text: it says where to split.
    return html`<button
      class="icon quiet"
      title=${label}
      aria-label=${label}
      ?disabled=${disabled}
      @mousedown=${(event: Event) => event.preventDefault()}
      @click=${action}
    >
      <wc-icon .path=${path}></wc-icon>
    </button>`;
  }
}

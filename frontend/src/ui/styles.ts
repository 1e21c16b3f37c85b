// Styles that all components share.

import { css } from "lit";

export const sharedStyles = css`
  :host {
    display: block;
    color: var(--wc-text);
  }
  :host([hidden]) {
    display: none;
  }
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  h1,
  h2,
  h3,
  p,
  dl,
  dd,
  ul,
  ol {
    margin: 0;
    padding: 0;
  }
  h2 {
    font-size: 17px;
    font-weight: 600;
    line-height: 1.35;
    letter-spacing: -0.005em;
  }
  h3 {
    font-size: 14px;
    font-weight: 600;
  }
  ul,
  ol {
    list-style: none;
  }
  a {
    color: var(--wc-accent);
  }
  .muted {
    color: var(--wc-muted);
  }
  .small {
    font-size: 13px;
  }
  .number {
    font-variant-numeric: tabular-nums;
  }
  .mono {
    font-family: var(--wc-mono);
    font-size: 13px;
  }
  .clip {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .error-text {
    color: var(--wc-error);
  }
  .card {
    background: var(--wc-card);
    border: 1px solid var(--wc-line);
    border-radius: 14px;
    box-shadow: var(--wc-shadow);
    padding: 20px;
  }
  .stack {
    display: grid;
    gap: 16px;
    grid-template-columns: minmax(0, 1fr);
  }
  .row {
    display: flex;
    align-items: center;
    gap: 10px;
    flex-wrap: wrap;
  }
  .spread {
    display: flex;
    align-items: center;
    justify-content: space-between;
    gap: 8px 16px;
    flex-wrap: wrap;
  }
  .grow {
    flex: 1;
    min-width: 0;
  }
  .visually-hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  button,
  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 8px;
    min-height: 36px;
    padding: 0 14px;
    border: 1px solid var(--wc-line);
    border-radius: 10px;
    background: var(--wc-card);
    color: var(--wc-text);
    font: 500 14px/1 var(--wc-font);
    text-decoration: none;
    white-space: nowrap;
    cursor: pointer;
  }
  button:hover:not(:disabled),
  .button:hover {
    background: var(--wc-raised);
  }
  button.primary {
    border-color: var(--wc-accent);
    background: var(--wc-accent);
    color: var(--wc-on-accent);
  }
  button.primary:hover:not(:disabled) {
    filter: brightness(1.07);
    background: var(--wc-accent);
  }
  button.danger {
    color: var(--wc-error);
  }
  button.quiet {
    border-color: transparent;
    background: transparent;
    color: var(--wc-accent);
  }
  button.quiet.danger {
    color: var(--wc-error);
  }
  button.icon {
    width: 36px;
    padding: 0;
  }
  button:disabled {
    opacity: 0.5;
    cursor: default;
  }
  input,
  select,
  textarea {
    min-height: 38px;
    padding: 7px 12px;
    border: 1px solid var(--wc-line);
    border-radius: 10px;
    background: var(--wc-card);
    color: var(--wc-text);
    font: 15px/1.45 var(--wc-font);
    max-width: 100%;
  }
  textarea {
    resize: vertical;
  }
  input[type="checkbox"] {
    min-height: 0;
    width: 18px;
    height: 18px;
    accent-color: var(--wc-accent);
  }
  input[type="range"] {
    min-height: 0;
    padding: 0;
    accent-color: var(--wc-accent);
  }
  :focus-visible {
    outline: 2px solid var(--wc-accent);
    outline-offset: 2px;
  }
  .chip {
    display: inline-flex;
    align-items: center;
    gap: 6px;
    padding: 3px 9px;
    border-radius: 99px;
    background: var(--wc-raised);
    color: var(--wc-muted);
    font-size: 12.5px;
    font-weight: 500;
    line-height: 1.35;
    white-space: nowrap;
  }
  .chip.ok {
    background: var(--wc-ok-soft);
    color: var(--wc-ok);
  }
  .chip.warn {
    background: var(--wc-warn-soft);
    color: var(--wc-warn);
  }
  .chip.error {
    background: var(--wc-error-soft);
    color: var(--wc-error);
  }
  .chip.accent {
    background: var(--wc-soft);
    color: var(--wc-accent);
  }
  .note {
    display: flex;
    gap: 12px;
    align-items: flex-start;
    padding: 12px 14px;
    border-radius: 10px;
    background: var(--wc-soft);
    font-size: 14px;
  }
  .note.warn {
    background: var(--wc-warn-soft);
  }
  .note.error {
    background: var(--wc-error-soft);
  }
  .empty {
    padding: 40px 16px;
    text-align: center;
    color: var(--wc-muted);
  }
  .list > li {
    padding: 12px 0;
    border-top: 1px solid var(--wc-line);
  }
  .list > li:first-child {
    border-top: 0;
  }
  .subtabs {
    display: flex;
    gap: 4px;
    overflow-x: auto;
    scrollbar-width: none;
  }
  .subtabs button {
    border-color: transparent;
    background: transparent;
    color: var(--wc-muted);
  }
  .subtabs button[aria-selected="true"],
  .subtabs button[aria-pressed="true"] {
    background: var(--wc-soft);
    color: var(--wc-accent);
  }
  progress {
    display: block;
    width: 100%;
    height: 6px;
    border: 0;
    border-radius: 3px;
    overflow: hidden;
    background: var(--wc-raised);
    accent-color: var(--wc-accent);
  }
  progress::-webkit-progress-bar {
    background: var(--wc-raised);
  }
  progress::-webkit-progress-value {
    background: var(--wc-accent);
    transition: width 0.3s;
  }
  progress::-moz-progress-bar {
    background: var(--wc-accent);
  }
  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation-duration: 0.01ms !important;
      transition-duration: 0.01ms !important;
    }
  }
`;

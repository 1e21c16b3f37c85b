// The colors of the components, taken from Home Assistant's theme.

import { css } from "lit";

export const themeStyles = css`
  :host {
    display: block;
    min-height: 100%;
    --wc-bg: var(--primary-background-color);
    --wc-card: var(--ha-card-background, var(--card-background-color, #fff));
    --wc-raised: var(--secondary-background-color);
    --wc-text: var(--primary-text-color);
    --wc-muted: var(--secondary-text-color);
    --wc-line: var(--divider-color);
    --wc-accent: var(--primary-color);
    --wc-on-accent: var(--text-primary-color, #fff);
    --wc-soft: color-mix(in srgb, var(--wc-accent) 14%, var(--wc-card));
    /* Home Assistant's colors of states are too light for text; mixed with that of text they are not. */
    --wc-ok: color-mix(in srgb, var(--success-color) 65%, var(--wc-text));
    --wc-ok-soft: color-mix(in srgb, var(--success-color) 14%, var(--wc-card));
    --wc-warn: color-mix(in srgb, var(--warning-color) 60%, var(--wc-text));
    --wc-warn-soft: color-mix(in srgb, var(--warning-color) 14%, var(--wc-card));
    --wc-error: color-mix(in srgb, var(--error-color) 75%, var(--wc-text));
    --wc-error-soft: color-mix(in srgb, var(--error-color) 14%, var(--wc-card));
    --wc-1: light-dark(#1a86bd, #3d9fd3);
    --wc-2: light-dark(#6a58c9, #8c7ce6);
    --wc-3: light-dark(#1d9077, #35ad92);
    --wc-4: light-dark(#c2617f, #d97e9a);
    --wc-5: light-dark(#b57b17, #cf9633);
    --wc-6: light-dark(#5f7f2c, #86a94d);
    --wc-other: light-dark(#a3adb8, #5d6875);
    --wc-font: var(--ha-font-family-body, Roboto, Noto, sans-serif);
    --wc-mono: var(--ha-font-family-code, ui-monospace, monospace);
    --wc-shadow: var(--ha-card-box-shadow, none);
    background: var(--wc-bg);
    color: var(--wc-text);
    font: 15px/1.5 var(--wc-font);
  }
`;

// Uses the colors of Home Assistant's theme, so light and dark themes apply.

export const STYLE = `
:host {
  display: block;
  min-height: 100%;
  background: var(--primary-background-color);
  color: var(--primary-text-color);
  font-family: var(--ha-font-family-body, Roboto, sans-serif);
}
header {
  display: flex;
  align-items: center;
  gap: 16px;
  min-height: 56px;
  padding: 0 16px;
  background: var(--app-header-background-color, var(--primary-color));
  color: var(--app-header-text-color, var(--text-primary-color));
}
header h1 { flex: 1; margin: 0; font-size: 20px; font-weight: 400; }
header select, header button { font: inherit; color: inherit; background: none; border: 0; }
header option { color: var(--primary-text-color); background: var(--card-background-color); }
main { max-width: 1080px; margin: 0 auto; padding: 16px; }
article {
  background: var(--ha-card-background, var(--card-background-color));
  border: 1px solid var(--ha-card-border-color, var(--divider-color));
  border-radius: var(--ha-card-border-radius, 12px);
  margin: 16px 0;
  padding: 16px;
}
h2 { margin: 0 0 12px; font-size: 18px; font-weight: 400; }
section { padding: 8px 0; }
section + section { border-top: 1px solid var(--divider-color); }
.line { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 4px 16px; }
.quiet { color: var(--secondary-text-color); }
.small { font-size: 12px; }
.warning { color: var(--error-color); margin: 4px 0 0; }
.banner {
  margin: 0 0 12px;
  padding: 12px 16px;
  border-left: 4px solid var(--warning-color);
  background: var(--card-background-color);
}
.figures { display: flex; flex-wrap: wrap; gap: 8px 32px; margin: 0; }
dt { color: var(--secondary-text-color); font-size: 12px; }
dd { margin: 0; font-size: 20px; }
.bar {
  display: flex;
  height: 16px;
  margin: 8px 0;
  overflow: hidden;
  border-radius: 4px;
  background: var(--divider-color);
}
.bar.thin { height: 8px; margin: 4px 0; }
.bar span { flex: 0 1 0; min-width: 0; }
.models { background: var(--primary-color); }
.reserved { background: var(--warning-color); }
.others { background: var(--secondary-text-color); }
.free { background: var(--divider-color); }
.stage { background: var(--secondary-text-color); }
.stage.queue { background: var(--warning-color); }
.stage.inference { background: var(--primary-color); }
.key { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 12px; }
.key i { display: inline-block; width: 10px; height: 10px; margin-right: 6px; border-radius: 2px; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
th { text-align: left; font-weight: 500; font-size: 12px; color: var(--secondary-text-color); }
th, td { padding: 8px 12px 8px 0; border-bottom: 1px solid var(--divider-color); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
.number { text-align: right; white-space: nowrap; }
th:nth-child(n + 4) { text-align: right; }
.chip {
  padding: 2px 8px;
  border-radius: 10px;
  border: 1px solid var(--divider-color);
  white-space: nowrap;
}
.chip.ready { border-color: var(--success-color); color: var(--success-color); }
.chip.failed { border-color: var(--error-color); color: var(--error-color); }
.chip.loading, .chip.unloading, .chip.waiting_for_gpu {
  border-color: var(--warning-color);
  color: var(--warning-color);
}
td button {
  font: inherit;
  padding: 4px 12px;
  border: 1px solid var(--primary-color);
  border-radius: 8px;
  background: none;
  color: var(--primary-color);
  cursor: pointer;
}
td button:disabled { opacity: 0.4; cursor: default; }
@media (max-width: 600px) {
  th:nth-child(3), td:nth-child(3), th:nth-child(5), td:nth-child(5), th:nth-child(6), td:nth-child(6),
  th:nth-child(7), td:nth-child(7) { display: none; }
}
:focus-visible { outline: 2px solid var(--accent-color); outline-offset: 2px; }
`;

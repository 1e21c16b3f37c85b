// Renders the status and traces of a server. All texts are inserted as text, never as markup,
// because names of models and clients may contain anything.

/** Stages of a request in chronological order. */
const STAGES = ["speech", "queue", "load", "inference", "first_audio"];

/** Stages that are not part of the response time or are included in another stage. */
const EXCLUDED_STAGES = ["speech", "load", "first_audio"];

/** Create an element with `text` as its content and all other properties as attributes. */
export function element(name, { text, ...attributes } = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  node.append(...children);
  return node;
}

/** Key figures, and banners for problems. */
export function summary(state, texts, language) {
  const banners = [];
  if (!state.available) banners.push(texts.unavailable);
  else if (!state.accepting) banners.push(texts.paused);
  if (state.available && !state.ready) banners.push(...state.reasons);
  const figures = [
    [texts.loaded, state.models.filter((model) => model.state === "ready").length + " / " + state.models.length],
    [texts.active, state.active_requests],
    [texts.queue, state.queue_depth],
    [texts.requests, state.requests],
    [texts.version, state.version],
  ];
  if (state.disk_free_bytes !== null) figures.push([texts.disk, bytes(state.disk_free_bytes, language)]);
  const list = element("dl", { class: "figures" });
  for (const [name, value] of figures) {
    list.append(element("div", {}, element("dt", { text: name }), element("dd", { text: value })));
  }
  return [...banners.map((text) => element("p", { class: "banner", role: "status", text })), list];
}

/** Memory of each device, by what occupies it. */
export function devicesCard(state, texts, language) {
  const card = createCard(texts.memory);
  for (const device of state.devices) {
    const parts = [
      ["models", texts.models, device.committed_bytes],
      ["reserved", texts.reserved, device.reserved_bytes],
      ["others", texts.others, Math.max(0, device.total_bytes - device.free_bytes - device.committed_bytes)],
      ["free", texts.free, device.free_bytes],
    ];
    const bar = element("div", { class: "bar", role: "img" });
    const words = [];
    for (const [kind, name, size] of parts) {
      const part = element("span", { class: kind });
      part.style.flexGrow = kind === "free" ? Math.max(0, size - device.reserved_bytes) : size;
      bar.append(part);
      if (size) words.push(`${name} ${bytes(size, language)}`);
    }
    bar.setAttribute("aria-label", words.join(", "));
    const readings = [bytes(device.total_bytes, language)];
    if (device.utilization !== null) readings.push(`${Math.round(device.utilization * 100)} %`);
    if (device.temperature !== null) readings.push(`${Math.round(device.temperature)} °C`);
    if (device.power !== null) readings.push(`${Math.round(device.power)} W`);
    const head = element("div", { class: "line" });
    head.append(element("strong", { text: device.name || device.id }));
    head.append(element("span", { class: "quiet", text: readings.join(" · ") }));
    const key = element("div", { class: "key" });
    for (const [kind, name, size] of parts) {
      if (!size && kind !== "models") continue;
      const text = `${name} ${bytes(size, language)}`;
      key.append(element("span", {}, element("i", { class: kind }), document.createTextNode(text)));
    }
    const pressure = device.pressure === "normal" ? [] : [texts.pressure[device.pressure]];
    if (!device.present) pressure.push(texts.gone);
    const warnings = pressure.map((text) => element("p", { class: "warning", text }));
    card.append(element("section", {}, head, bar, key, ...warnings));
  }
  return card;
}

/** Models with their statistics and buttons. */
export function modelsCard(state, texts, language, callModel) {
  const card = createCard(texts.models);
  const columns = ["model", "state", "where", "memory", "requests", "last", "factor", ""];
  const head = element("tr");
  for (const name of columns) head.append(element("th", { scope: "col", text: texts.column[name] ?? "" }));
  const body = element("tbody");
  for (const model of state.models) body.append(modelRow(model, state, texts, language, callModel));
  const table = element("table", {}, element("thead", {}, head), body);
  card.append(element("div", { class: "scroll" }, table));
  return card;
}

function modelRow(model, state, texts, language, callModel) {
  const progress = model.percent !== null && model.percent >= 0 ? ` ${model.percent} %` : "";
  const name = element("td", {}, element("strong", { text: model.id }));
  name.append(element("div", { class: "quiet", text: texts.kind[model.kind] ?? model.kind }));
  if (model.error) name.append(element("div", { class: "warning", text: model.error }));
  const kept = model.kept_loaded ? ` · ${texts.kept}` : "";
  const chip = element("span", { class: `chip ${model.state}`, text: texts.state[model.state] + progress });
  const failed = model.errors ? ` (${model.errors} ${texts.failed})` : "";
  const isLoaded = model.state === "ready";
  const command = isLoaded ? "unload" : "load";
  const button = element("button", {
    "data-key": `${command} ${model.id}`,
    "aria-label": `${texts[command]}: ${model.id}`,
    text: texts[command],
  });
  button.disabled = !state.available || !["ready", "unloaded", "failed"].includes(model.state);
  button.addEventListener("click", () => callModel(command, model.id));
  return element(
    "tr",
    {},
    name,
    element("td", {}, chip, document.createTextNode(kept)),
    element("td", { text: `${model.device} ${model.compute_type}`.trim() }),
    element("td", { class: "number", text: model.memory_bytes ? bytes(model.memory_bytes, language) : "–" }),
    element("td", { class: "number", text: model.requests + failed }),
    element("td", { class: "number", text: seconds(model.last_seconds, language) }),
    element("td", { class: "number", text: figure(model.real_time_factor, language) }),
    element("td", { class: "number" }, button),
  );
}

/** Recent requests, each with its stages as a bar. */
export function tracesCard(traces, texts, language) {
  const card = createCard(texts.traces);
  if (!traces.length) card.append(element("p", { class: "quiet", text: texts.notraces }));
  const longest = Math.max(0.001, ...traces.map((trace) => trace.seconds));
  for (const trace of traces) {
    const when = new Date(trace.ended_at).toLocaleTimeString(language);
    const what = `${texts.kind[trace.kind] ?? trace.kind} · ${trace.model || "–"} · ${trace.client}`;
    const head = element("div", { class: "line" });
    head.append(element("span", { text: what }));
    head.append(element("span", { class: "quiet", text: `${when} · ${seconds(trace.seconds, language)}` }));
    const bar = element("div", { class: "bar thin", role: "img" });
    bar.style.width = `${Math.max(2, (100 * trace.seconds) / longest)}%`;
    const stages = Object.entries(trace.stages).sort(([a], [b]) => order(a) - order(b));
    const parts = stages.filter(([stage]) => !EXCLUDED_STAGES.includes(stage));
    const rest = trace.seconds - parts.reduce((sum, [, value]) => sum + value, 0);
    if (rest > 0) parts.push(["rest", rest]);
    for (const [stage, value] of parts) {
      const part = element("span", { class: `stage ${stage}`, title: texts.stage[stage] ?? stage });
      // In milliseconds, because flex-grow values that add up to less than 1 do not fill the bar.
      part.style.flexGrow = 1000 * value;
      bar.append(part);
    }
    const words = stages.map(([stage, value]) => `${texts.stage[stage] ?? stage} ${seconds(value, language)}`);
    bar.setAttribute("aria-label", words.join(", "));
    const foot = element("div", { class: "quiet small", text: words.join(" · ") });
    const failure = trace.code ? [element("div", { class: "warning", text: `${trace.code}: ${trace.message}` })] : [];
    card.append(element("section", {}, head, bar, foot, ...failure));
  }
  return card;
}

function createCard(title) {
  return element("article", {}, element("h2", { text: title }));
}

function order(stage) {
  const place = STAGES.indexOf(stage);
  return place < 0 ? STAGES.length : place;
}

function bytes(size, language) {
  const [value, unit] = size >= 2 ** 30 ? [size / 2 ** 30, "GiB"] : [size / 2 ** 20, "MiB"];
  const digits = unit === "GiB" ? 1 : 0;
  return `${value.toLocaleString(language, { maximumFractionDigits: digits })} ${unit}`;
}

function seconds(value, language) {
  if (value === null) return "–";
  return value < 1 ? `${Math.round(value * 1000)} ms` : `${figure(value, language)} s`;
}

function figure(value, language) {
  return value === null ? "–" : value.toLocaleString(language, { maximumFractionDigits: 2 });
}

// Preferences of this browser.

type Name = "theme" | "language" | "talk" | "requests" | "log";

export function readPreference(name: Name): string | null {
  try {
    return localStorage.getItem(`wyoming-conductor.${name}`);
  } catch {
    return null; // storage is switched off
  }
}

export function savePreference(name: Name, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`wyoming-conductor.${name}`);
    else localStorage.setItem(`wyoming-conductor.${name}`, value);
  } catch {
    // Storage is switched off: the preference lasts until the page is closed.
  }
}

export type Theme = "auto" | "light" | "dark";

export function readTheme(): Theme {
  const theme = readPreference("theme");
  return theme === "light" || theme === "dark" ? theme : "auto";
}

export function applyTheme(theme: Theme): void {
  savePreference("theme", theme === "auto" ? null : theme);
  if (theme === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
  window.dispatchEvent(new Event("wc-theme"));
}

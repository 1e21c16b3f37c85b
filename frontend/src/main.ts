// Start of the page: language and theme first, so that nothing is rendered twice.

import { language, preferredLanguage, setLanguage } from "./core/localize";
import { applyTheme, readPreference, readTheme } from "./core/preferences";

applyTheme(readTheme());
await setLanguage(preferredLanguage(readPreference("language"), navigator.languages));
document.documentElement.lang = language();
await import("./app");
document.body.append(document.createElement("wc-app"));

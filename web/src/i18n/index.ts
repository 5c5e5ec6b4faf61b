/**
 * The catalogue of visible texts. `ui`, `shell` and `signin` are there from the
 * start; a page brings its own with `addTexts` at the top of its `index.tsx`:
 *
 *     import en from "../../i18n/en/requests";
 *     addTexts("requests", en);
 *     ...
 *     const { t } = useTranslation("requests");
 */
import i18next from "i18next";
import { initReactI18next } from "react-i18next";

import shell from "./en/shell";
import signin from "./en/signin";
import ui from "./en/ui";

export type Texts = { [key: string]: string | Texts };

void i18next.use(initReactI18next).init({
  lng: "en",
  fallbackLng: "en",
  defaultNS: "ui",
  resources: { en: { ui, shell, signin } },
  // React escapes; the texts are ours.
  interpolation: { escapeValue: false },
  initAsync: false,
  returnNull: false,
});

export function addTexts(name: string, texts: Texts): void {
  i18next.addResourceBundle("en", name, texts);
}

export default i18next;

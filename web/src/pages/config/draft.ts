/** What is being written, for as long as the dashboard is open: leaving the page loses nothing. */
import { create } from "zustand";

import type { Schemas } from "../../api/client";

export type Raw = Schemas["RawConfig"];

type Draft = {
  /** The file as it was when the writing began. */
  base: Raw | null;
  text: string;
  /** Begins anew with a text of the file. */
  start: (base: Raw, text?: string) => void;
  write: (text: string) => void;
};

export const useDraft = create<Draft>()((set) => ({
  base: null,
  text: "",
  start: (base, text = base.content) => set({ base, text }),
  write: (text) => set({ text }),
}));

export function isDirty(draft: Draft): boolean {
  return draft.base !== null && draft.text !== draft.base.content;
}
